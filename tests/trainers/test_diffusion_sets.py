"""Pictures for Diffusion-DPO: read as the trainers read them, trained on, and overfitted both ways.

A first loss of ln 2 shows that rows load, nothing more: a set with every label turned round has it too. The direction
is shown by training on one pair as exported and on the same pair turned round: only the first favours the winner.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import scoring.torch_setup  # noqa: F401 - before anything that imports torchvision

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers", reason="diffusers is not installed: pip install diffusers")

import datasets  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
import webdataset  # noqa: E402
from PIL import Image, UnidentifiedImageError  # noqa: E402

from curation.exports.readback import read_back  # noqa: E402
from curation.exports.writing import write_export  # noqa: E402
from tests.curation.exports.making import Store, picture_pairs, source  # noqa: E402
from tests.trainer_report import named  # noqa: E402
from tests.trainers.diffusion import Pair, TinyDiffusion  # noqa: E402

pytestmark = pytest.mark.trainers

STEPS = 15


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def made():
    store = Store()
    return source(picture_pairs(store, 6), store)


def read_pickapic(folder: Path, split: str) -> list[Pair]:
    """Raw bytes, swapped where label_0 is 0, anything else keeps jpg_0 first: the rule of the public scripts."""
    rows = datasets.load_dataset(str(folder), split=split, cache_dir=str(folder.parent / "cache"))
    pairs = []
    for row in rows:
        pictures = [Image.open(io.BytesIO(row[name])).convert("RGB") for name in ("jpg_0", "jpg_1")]
        if row["label_0"] == 0:
            pictures.reverse()
        pairs.append(Pair(row["caption"], *pictures))
    return pairs


def read_folder(folder: Path, split: str) -> list[Pair]:
    place = folder / "diffusion-dpo" / split
    pairs = []
    for row in json.loads((place / "dpo_data.json").read_text()):
        pictures = [Image.open(place / row[name]).convert("RGB") for name in ("jpg_0", "jpg_1")]
        if row["label_0"] == 0:
            pictures.reverse()
        pairs.append(Pair(row["caption"], *pictures))
    return pairs


def read_orpo(folder: Path, split: str) -> list[Pair]:
    """The stages of diffusers' script: decode to pictures, and a label compared with a number it never equals."""
    shards = sorted(str(path) for path in (folder / "orpo-tar").glob(f"{split}-*.tar"))
    rows = webdataset.WebDataset(shards, shardshuffle=False, empty_check=False).decode("pil")
    return list(_orpo_pairs(rows))


def _orpo_pairs(rows) -> Iterator[Pair]:
    for row in rows.rename(jpg_0="jpg_0.jpg", jpg_1="jpg_1.jpg", label_0="label_0.txt", caption="original_prompt.txt"):
        assert isinstance(row["label_0"], str)  # so `label == 0` is never true
        pictures = [row["jpg_0"], row["jpg_1"]]
        if row["label_0"] == 0:
            pictures.reverse()
        yield Pair(row["caption"], *pictures)


def read_pair_folders(folder: Path, split: str) -> list[Pair]:
    """The same relative path under both roots; captions beside the chosen pictures."""
    chosen, rejected = (folder / "chosen-rejected" / split / side for side in ("chosen", "rejected"))
    return [
        Pair(
            path.with_suffix(".txt").read_text(),
            Image.open(path).convert("RGB"),
            Image.open(rejected / path.relative_to(chosen)).convert("RGB"),
        )
        for path in sorted(chosen.rglob("*.jpg"))
    ]


def read_webdataset(folder: Path, split: str) -> list[Pair]:
    shards = sorted(str(path) for path in (folder / "webdataset").glob(f"{split}-*.tar"))
    rows = webdataset.WebDataset(shards, shardshuffle=False, empty_check=False).decode("pil")
    return [Pair(row["json"]["prompt"], row["chosen.jpg"], row["rejected.jpg"]) for row in rows]


# The function, the package that does the reading, and what it does.
READERS = {
    "pickapic": (read_pickapic, "datasets", "load_dataset, raw bytes, label_0 == 0 swaps"),
    "diffusion-dpo": (read_folder, None, "json and paths, label_0 == 0 swaps"),
    "orpo-tar": (read_orpo, "webdataset", "WebDataset with the stages of diffusers' ORPO script"),
    "chosen-rejected": (read_pair_folders, None, "the same relative path under two roots"),
    "webdataset": (read_webdataset, "webdataset", "WebDataset"),
}


@pytest.mark.parametrize("name", READERS)
def test_training_starts_at_ln_2_and_only_the_exported_order_favours_the_winner(tmp_path, made, name, proved):
    write_export(made, [name], tmp_path / "out")
    reader, package, says = READERS[name]
    says = says if package is None else named(package, says)

    pairs = reader(tmp_path / "out", "train")

    assert [pair.caption for pair in pairs] == [row.prompt.text for row in made.pairs("train")]
    winner = truth_of(made, pairs[0])
    first_loss = TinyDiffusion().first_loss(pairs)
    assert first_loss == pytest.approx(math.log(2), abs=1e-5)
    assert trained_on(pairs[0]).accuracy([winner]) >= 0.9
    turned = Pair(pairs[0].caption, pairs[0].loser, pairs[0].winner)
    assert trained_on(turned).accuracy([winner]) <= 0.1
    proved(
        name,
        says,
        proof="contract" if package is None else "package",
        rows=len(pairs),
        first_loss=first_loss,
        expected=math.log(2),
        direction="one pair learned both ways",
    )


def trained_on(pair: Pair) -> TinyDiffusion:
    model = TinyDiffusion()
    model.train([pair], STEPS)
    return model


def truth_of(made, pair: Pair) -> Pair:
    """The pair as the version has it, whatever a reader made of it."""
    row = next(row for row in made.pairs("train") if row.prompt.text == pair.caption)
    opened = [Image.open(made.open_media(side.sample.media[0].sha256)) for side in (row.chosen, row.rejected)]
    return Pair(pair.caption, *(picture.convert("RGB") for picture in opened))


# -- a check that nothing can fail proves nothing -------------------------------------------------------------------


def rewrite(folder: Path, change) -> None:
    """The training rows of pickapic after `change(rows)`, written anew."""
    path = folder / "pickapic/train-00000-of-00001.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(table.from_pylist(rows, table.schema), path)


def test_a_swapped_label_is_seen_by_the_direction_and_not_by_the_first_loss(tmp_path, made):
    write_export(made, ["pickapic"], tmp_path / "out")

    def swap(rows):
        rows[0]["label_0"], rows[0]["label_1"] = rows[0]["label_1"], rows[0]["label_0"]

    rewrite(tmp_path / "out", swap)
    pairs = read_pickapic(tmp_path / "out", "train")

    assert TinyDiffusion().first_loss(pairs) == pytest.approx(math.log(2), abs=1e-5)
    assert trained_on(pairs[0]).accuracy([truth_of(made, pairs[0])]) <= 0.1


def test_a_tie_in_the_rows_would_train_as_a_win(tmp_path, made):
    """Why none is written: the readers' rule makes a winner of it, and reading back finds it."""
    write_export(made, ["pickapic"], tmp_path / "out")
    rewrite(tmp_path / "out", lambda rows: rows[0].update(label_0=0.5, label_1=0.5))

    pairs = read_pickapic(tmp_path / "out", "train")

    row = datasets.load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "again"))[0]
    assert pairs[0].winner.tobytes() == Image.open(io.BytesIO(row["jpg_0"])).convert("RGB").tobytes()
    assert "tie" in {finding.code for finding in read_back(tmp_path / "out", made).findings}


def test_an_image_column_instead_of_bytes_breaks_the_reader(tmp_path, made):
    write_export(made, ["pickapic"], tmp_path / "out")
    rows = datasets.load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))

    decoded = rows.cast_column("jpg_0", datasets.Image())

    with pytest.raises(TypeError):
        io.BytesIO(decoded[0]["jpg_0"])


def test_a_compressed_media_column_is_found(tmp_path, made):
    write_export(made, ["pickapic"], tmp_path / "out")
    rewrite(tmp_path / "out", lambda rows: None)

    assert "compressed-media" in {finding.code for finding in read_back(tmp_path / "out", made).findings}


def test_a_null_picture_is_found(tmp_path, made):
    write_export(made, ["pickapic"], tmp_path / "out")
    rewrite(tmp_path / "out", lambda rows: rows[0].update(jpg_1=None))

    assert "missing-media" in {finding.code for finding in read_back(tmp_path / "out", made).findings}
    with pytest.raises(UnidentifiedImageError):
        read_pickapic(tmp_path / "out", "train")


def test_a_loser_first_tar_would_train_the_wrong_way(tmp_path, made):
    """Trap of the ORPO script: a label that says jpg_1 won changes nothing, because it is compared as a string."""
    turned = replace(
        made,
        pairs=lambda split: (
            replace(row, preference="second" if row.preference == "first" else "first") for row in made.pairs(split)
        ),
    )
    write_export(turned, ["orpo-tar"], tmp_path / "out")

    pairs = read_orpo(tmp_path / "out", "train")

    assert trained_on(pairs[0]).accuracy([truth_of(made, pairs[0])]) <= 0.1
