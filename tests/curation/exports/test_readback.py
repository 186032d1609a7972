"""Reading back must find what a writer could get wrong: each test spoils an export and names the finding."""

from __future__ import annotations

import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.exports.checksums import write_checksums
from curation.exports.readback import read_back
from curation.exports.writing import write_export
from tests.curation.exports.making import Store, picture_pairs, source, text_pairs


@pytest.fixture
def exported(tmp_path):
    store = Store()
    made = source(picture_pairs(store, 9), store)
    write_export(made, ["canonical", "pickapic"], tmp_path / "out")
    return tmp_path / "out", made


def codes(folder, made=None) -> set[str]:
    return {finding.code for finding in read_back(folder, made).findings}


def spoil(folder, config: str, change) -> None:
    """Rewrites a config's training file through `change(rows)`, checksums included, layout kept."""
    path = folder / config / "train-00000-of-00001.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    change(rows)
    media = [name for name in ("jpg_0", "jpg_1") if name in table.schema.names]
    pq.write_table(
        pa.Table.from_pylist(rows, table.schema), path, compression="none", use_dictionary=False, write_page_index=True
    )
    assert media or config != "pickapic"
    restate(folder)


def restate(folder) -> None:
    (folder / "checksums.sha256").unlink()
    write_checksums(folder, {})


def test_an_untouched_export_has_no_finding(exported):
    folder, made = exported

    found = read_back(folder, made)

    assert found.is_clean, [str(finding) for finding in found.findings]
    assert found.rows == {
        "pairs": {"train": 6, "validation": 3},
        "ratings": {"train": 12, "validation": 6},
        "pickapic": {"train": 6, "validation": 3, "validation_unique": 3},
    }
    assert (found.media, found.winners) == (18 + 18 + 24, 9 + 12)


@pytest.mark.parametrize("config", ["pairs", "pickapic"])
def test_a_swapped_winner_is_found(exported, config):
    folder, made = exported

    def swap(rows):
        if config == "pairs":
            rows[2]["preference"] = "a" if rows[2]["preference"] == "b" else "b"
        else:
            rows[2]["label_0"], rows[2]["label_1"] = rows[2]["label_1"], rows[2]["label_0"]

    spoil(folder, config, swap)

    assert codes(folder, made) == {"winner"}


def test_a_swapped_answer_of_trl_is_found(tmp_path):
    made = source(text_pairs(), task="text")
    write_export(made, ["trl"], tmp_path / "out")

    def swap(rows):
        rows[1]["chosen"], rows[1]["rejected"] = rows[1]["rejected"], rows[1]["chosen"]

    spoil(tmp_path / "out", "trl", swap)

    assert codes(tmp_path / "out", made) == {"winner"}


def test_changed_bytes_of_a_picture_are_found(exported):
    folder, made = exported

    def change(rows):
        rows[0]["a_image"]["bytes"] += b"\0"

    spoil(folder, "pairs", change)

    assert codes(folder, made) == {"media-digest"}


def test_a_path_of_this_machine_is_found(exported):
    folder, made = exported

    def change(rows):
        rows[0]["a_image"]["path"] = "/home/ada/pictures/cat.jpg"

    spoil(folder, "pairs", change)

    assert codes(folder, made) == {"local-path"}


def test_a_lost_row_and_a_row_from_elsewhere_are_found(exported):
    folder, made = exported
    spoil(folder, "pairs", lambda rows: rows.pop())

    # The card states the number of rows, so `datasets` itself refuses; without it the manifest tells.
    assert codes(folder, made) == {"does-not-load"}


def test_rows_the_version_does_not_have_are_found(exported):
    folder, made = exported

    def change(rows):
        rows[-1]["pair_id"] = "f" * 32

    spoil(folder, "pairs", change)

    assert codes(folder, made) == {"unknown-pair"}


def test_rows_out_of_order_are_found(exported):
    folder, made = exported

    spoil(folder, "pairs", lambda rows: rows.reverse())

    assert "order" in codes(folder, made)


def test_counts_of_the_manifest_are_compared(exported):
    folder, made = exported
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["pairs"]["train"] += 1
    (folder / "manifest.json").write_text(json.dumps(manifest))
    restate(folder)

    assert codes(folder, made) == {"row-count"}


def test_a_wrong_number_of_rows_in_the_card_is_found(exported):
    folder, made = exported
    card = (folder / "README.md").read_text()
    (folder / "README.md").write_text(card.replace("num_examples: 6", "num_examples: 7", 1))
    restate(folder)

    assert codes(folder, made) == {"does-not-load"}


def test_pictures_written_as_plain_structs_are_found(exported):
    """Without features in the file and in the card a picture loads as a dictionary, and trainers fail on it."""
    folder, made = exported
    path = folder / "pairs" / "train-00000-of-00001.parquet"
    pq.write_table(pq.read_table(path).replace_schema_metadata(None), path, compression="none", write_page_index=True)
    card = (folder / "README.md").read_text()
    (folder / "README.md").write_text(
        card.replace("dtype: image", "struct: [{name: bytes, dtype: binary}, {name: path, dtype: string}]")
    )
    restate(folder)

    assert "features" in codes(folder, made)


def test_an_image_column_in_pickapic_is_found(exported):
    """Its readers call `io.BytesIO(row["jpg_0"])`: a picture instead of bytes ends in a TypeError."""
    folder, made = exported
    for path in (folder / "pickapic").glob("*.parquet"):
        table = pq.read_table(path)
        struct = pa.array([{"bytes": content, "path": None} for content in table["jpg_0"].to_pylist()])
        pq.write_table(table.set_column(table.schema.names.index("jpg_0"), "jpg_0", struct), path)
    card = (folder / "README.md").read_text()
    (folder / "README.md").write_text(card.replace("name: jpg_0\n    dtype: binary", "name: jpg_0\n    dtype: image"))
    restate(folder)

    assert "features" in codes(folder, made)


def test_compressed_media_and_a_missing_page_index_are_found(exported):
    folder, made = exported
    path = folder / "pairs" / "train-00000-of-00001.parquet"
    pq.write_table(pq.read_table(path), path, compression="snappy", write_page_index=False)
    restate(folder)

    assert codes(folder, made) == {"compressed-media", "page-index"}


def test_a_file_changed_after_the_export_is_found(exported):
    folder, made = exported
    (folder / "README.md").write_text((folder / "README.md").read_text() + "\nedited\n")

    assert codes(folder, made) == {"changed-file"}


def test_a_version_that_changed_under_the_export_is_found(exported):
    folder, made = exported
    turned = {"first": "second", "second": "first"}
    other = replace(made, pairs=lambda split: (replace(p, preference=turned[p.preference]) for p in made.pairs(split)))

    assert codes(folder, other) == {"winner"}
