"""Every format, written and read back with `datasets.load_dataset`, and the traps that spoil a set silently."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path

import datasets
import pyarrow.parquet as pq
import pytest
from PIL import Image

from curation.errors import Refused
from curation.exports.readback import read_back
from curation.exports.rows import ExportCandidate, ExportFlag, ExportMark, ExportNote, ExportPrompt
from curation.exports.writing import write_export
from tests.curation.exports.making import (
    PERSON,
    RULE,
    Store,
    pair,
    picture_pairs,
    score,
    source,
    subject,
    text_pairs,
    vote,
)


def load(folder: Path, config: str, tmp_path: Path, **options):
    return datasets.load_dataset(str(folder), config, cache_dir=str(tmp_path / "cache"), **options)


def encoded(loaded) -> list[dict]:
    """Rows with media as {bytes, path}."""
    return loaded.data.table.to_pylist()


def clean(folder, made) -> None:
    found = read_back(folder, made)

    assert [str(finding) for finding in found.findings] == []
    assert found.media > 0 or made.context.task == "text"
    assert found.winners > 0


def test_pictures_come_back_byte_for_byte_in_every_format(tmp_path):
    store = Store()
    made = source(picture_pairs(store, kind="PNG"), store)

    write_export(made, ["canonical", "pickapic"], tmp_path / "out")

    clean(tmp_path / "out", made)
    row = encoded(load(tmp_path / "out", "pairs", tmp_path, split="train"))[0]
    assert row["a_image"]["bytes"] == store.held[row["a_sha256"]]
    assert row["a_image"]["path"] == f"{row['a_sha256'][:16]}.png"
    assert load(tmp_path / "out", "pairs", tmp_path, split="train")[0]["a_image"].size == (
        row["a_width"],
        row["a_height"],
    )


def test_text_and_vision_rows_of_trl_come_back(tmp_path):
    store = Store()
    seen = source(text_pairs(inputs=(store.picture(1), store.picture(2))), store, task="understanding")
    read = source(text_pairs(), task="text")

    write_export(seen, ["trl", "canonical"], tmp_path / "vision")
    write_export(read, ["trl", "canonical"], tmp_path / "text")

    clean(tmp_path / "vision", seen)
    clean(tmp_path / "text", read)


def test_sides_follow_the_seed_and_never_the_winner(tmp_path):
    store = Store()
    pairs = picture_pairs(store, 40)
    turned = [replace(row, preference="second" if row.preference == "first" else "first") for row in pairs]

    write_export(source(pairs, store), ["canonical"], tmp_path / "one")
    write_export(source(turned, store), ["canonical"], tmp_path / "other")

    one = load(tmp_path / "one", "pairs", tmp_path, split="train").select_columns(["a_id", "preference"])
    other = load(tmp_path / "other", "pairs", tmp_path, split="train").select_columns(["a_id", "preference"])
    assert one["a_id"][:] == other["a_id"][:]
    assert dict(zip(one["preference"], other["preference"], strict=True)) == {"a": "b", "b": "a"}
    assert 5 < one["preference"][:].count("a") < 22


def test_the_same_version_gives_the_same_bytes(tmp_path):
    store = Store()

    for name in ("one", "other"):
        write_export(source(picture_pairs(store), store), ["canonical"], tmp_path / name)

    parquet = Path("pairs/train-00000-of-00001.parquet")
    assert (tmp_path / "one" / parquet).read_bytes() == (tmp_path / "other" / parquet).read_bytes()


# -- Pick-a-Pic: what its readers do -------------------------------------------------------------


def read_as_diffusion_dpo(rows) -> list[tuple[str, bytes, bytes]]:
    """(caption, winner, loser) by the rules of the public readers, written anew: raw bytes, swap if label_0 is 0."""
    triples = []
    for row in rows:
        pictures = [Image.open(io.BytesIO(row[name])).convert("RGB") for name in ("jpg_0", "jpg_1")]
        if row["label_0"] == 0:
            pictures.reverse()
        triples.append((row["caption"], *(picture.tobytes() for picture in pictures)))
    return triples


def test_a_pickapic_reader_finds_the_winner_of_every_pair(tmp_path):
    store = Store()
    pairs = picture_pairs(store, 12)
    write_export(source(pairs, store), ["pickapic"], tmp_path / "out")

    # As diffusers' script loads it: no config named, split `validation` by default.
    loaded = datasets.load_dataset(str(tmp_path / "out"), split="validation", cache_dir=str(tmp_path / "cache"))

    truth = {row.prompt.text: row for row in pairs}
    triples = read_as_diffusion_dpo(loaded)
    assert len(triples) == 4
    for caption, winner, loser in triples:
        expected = [truth[caption].chosen, truth[caption].rejected]
        pixels = [Image.open(store.open(who.sample.media[0].sha256)).convert("RGB").tobytes() for who in expected]
        assert [winner, loser] == pixels


def test_pickapic_has_every_column_of_version_one_with_its_type(tmp_path):
    store = Store()
    write_export(source(picture_pairs(store), store), ["pickapic"], tmp_path / "out")

    features = load(tmp_path / "out", "pickapic", tmp_path, split="train").features

    stated = {
        "are_different": "bool",
        "best_image_uid": "string",
        "caption": "string",
        "created_at": "timestamp[ns]",
        "has_label": "bool",
        "image_0_uid": "string",
        "image_0_url": "string",
        "image_1_uid": "string",
        "image_1_url": "string",
        "jpg_0": "binary",
        "jpg_1": "binary",
        "label_0": "float64",
        "label_1": "float64",
        "model_0": "string",
        "model_1": "string",
        "ranking_id": "int64",
        "user_id": "int64",
        "num_example_per_prompt": "int64",
        "__index_level_0__": "int64",
    }
    assert {name: features[name].dtype for name in stated} == stated


def test_ties_never_reach_a_training_row_and_are_counted(tmp_path):
    store = Store()
    pairs = picture_pairs(store)
    pairs[0] = replace(pairs[0], preference="tie")
    pairs[1] = replace(pairs[1], preference="both_bad")
    made = source(pairs, store)

    manifest = write_export(made, ["pickapic", "canonical"], tmp_path / "out").manifest

    loaded = load(tmp_path / "out", "pickapic", tmp_path)
    assert sum(split.num_rows for name, split in loaded.items() if not name.endswith("_unique")) == 4
    assert {label for split in loaded.values() for label in split["label_0"]} == {0.0, 1.0}
    assert sum(manifest["left_out"]["pickapic"].values()) == 2
    assert "2 pairs were left out" in (tmp_path / "out" / "README.md").read_text()
    clean(tmp_path / "out", made)


def test_other_types_become_jpeg_in_pickapic_only(tmp_path):
    store = Store()
    clear = store.picture(1, "PNG", mode="RGBA", colour=(255, 0, 0, 0))
    plain = store.picture(2, "WEBP")
    prompt = ExportPrompt("p", "red")
    made = source([pair(1, subject(1, prompt, media=[clear]), subject(2, prompt, media=[plain]))], store)

    write_export(made, ["pickapic", "canonical"], tmp_path / "out")

    row = encoded(load(tmp_path / "out", "pickapic", tmp_path, split="train"))[0]
    place = 0 if row["rendition_0_sha256"] == clear.sha256 else 1
    with Image.open(io.BytesIO(row[f"jpg_{place}"])) as picture:
        assert (picture.format, picture.getpixel((3, 3))) == ("JPEG", (255, 255, 255))
        assert not picture.getexif()
    kept = encoded(load(tmp_path / "out", "pairs", tmp_path, split="train"))[0]
    assert {kept["a_mime"], kept["b_mime"]} == {"image/png", "image/webp"}
    clean(tmp_path / "out", made)


def test_jpegs_stay_the_bytes_that_were_judged(tmp_path):
    store = Store()
    write_export(source(picture_pairs(store), store), ["pickapic"], tmp_path / "out")

    for row in encoded(load(tmp_path / "out", "pickapic", tmp_path, split="train")):
        assert row["jpg_0_sha256"] == row["rendition_0_sha256"]


def test_unique_splits_hold_one_row_a_prompt(tmp_path):
    store = Store()
    pairs = picture_pairs(store, 3)
    again = replace(pairs[2], pair_id="ff" * 16, is_first_of_prompt=False, pairs_of_prompt=2)
    pairs[2] = replace(pairs[2], pairs_of_prompt=2)

    write_export(source([*pairs, again], store), ["pickapic"], tmp_path / "out")

    loaded = load(tmp_path / "out", "pickapic", tmp_path)
    assert {name: split.num_rows for name, split in loaded.items()} == {
        "train": 2,
        "validation": 2,
        "validation_unique": 1,
    }
    assert loaded["validation"]["num_example_per_prompt"][:] == [2, 2]


# -- TRL: what its trainers do --------------------------------------------------------------------


def test_a_text_set_has_no_column_of_images_and_a_vision_set_never_a_null(tmp_path):
    store = Store()
    write_export(source(text_pairs(), task="text"), ["trl"], tmp_path / "text")
    write_export(source(text_pairs(inputs=(store.picture(1),)), store, "understanding"), ["trl"], tmp_path / "vision")

    text = load(tmp_path / "text", "trl", tmp_path, split="train")
    vision = load(tmp_path / "vision", "trl", tmp_path, split="train")

    assert not {"image", "images"} & set(text.column_names)
    assert sorted(len(row["images"]) for row in vision) == [0, 0, 1, 1]
    assert all(row["images"] is not None for row in encoded(vision))


def test_the_prompt_is_explicit_and_answers_are_assistant_turns_only(tmp_path):
    prompt = ExportPrompt("p", "and then?", turns=(("user", "hello"), ("assistant", "yes?"), ("user", "and then?")))
    made = source([pair(1, subject(1, prompt, text="good"), subject(2, prompt, text="bad"), margin=0.5)], task="text")
    write_export(made, ["trl"], tmp_path / "out")

    row = load(tmp_path / "out", "trl", tmp_path, split="train")[0]

    assert [turn["role"] for turn in row["prompt"]] == ["user", "assistant", "user"]
    assert row["chosen"] == [{"role": "assistant", "content": "good"}]
    assert row["rejected"] == [{"role": "assistant", "content": "bad"}]
    assert row["margin"] == 0.5


def test_the_margin_is_never_null(tmp_path):
    pairs = text_pairs(3)
    pairs[0] = replace(pairs[0], confidence=None)
    pairs[1] = replace(pairs[1], confidence=1.0)
    write_export(source(pairs, task="text"), ["trl"], tmp_path / "out")

    margins = sorted(load(tmp_path / "out", "trl", tmp_path, split="train")["margin"])

    assert margins == pytest.approx([0.0, 1.3863, 4.5951], abs=1e-4)  # log odds of 0.8 and of 0.99


@pytest.mark.parametrize(
    ("name", "task", "other"),
    [("trl", "text-to-image", "pickapic"), ("trl", "text-to-video", "canonical"), ("pickapic", "text", "trl")],
)
def test_a_format_that_cannot_carry_a_task_names_one_that_can(name, task, other, tmp_path):
    with pytest.raises(Refused, match=rf"format {name} cannot carry .*{task}.*[Uu]se {other}"):
        write_export(source(text_pairs(), task=task), [name], tmp_path / "out")

    assert not (tmp_path / "out").exists()


# -- canonical: nothing is lost ------------------------------------------------------------------


@pytest.mark.capability("A3")
def test_an_edit_with_source_and_mask_reaches_the_export_whole(tmp_path):
    store = Store()
    original, mask = store.picture(1, role="source"), store.picture(2, "PNG", role="mask", mode="L", colour=255)
    prompt = ExportPrompt("p", "make it blue", inputs=(original, mask))
    sides = [subject(number, prompt, media=[store.picture(10 + number)]) for number in (1, 2)]
    made = source([pair(1, *sides)], store, task="image-editing")

    write_export(made, ["canonical"], tmp_path / "out")

    row = encoded(load(tmp_path / "out", "pairs", tmp_path, split="train"))[0]
    assert [item["role"] for item in row["inputs"]] == ["source", "mask"]
    assert [item["bytes"] for item in row["input_images"]] == [store.held[original.sha256], store.held[mask.sha256]]
    rated = encoded(load(tmp_path / "out", "ratings", tmp_path, split="train"))[0]
    assert [item["role"] for item in rated["inputs"]] == ["source", "mask"]
    clean(tmp_path / "out", made)


@pytest.mark.capability("A8")
def test_a_reference_is_flagged_on_its_side_and_as_a_candidate(tmp_path):
    store = Store()
    prompt = ExportPrompt("p", "a real cat")
    photo = subject(1, prompt, media=[store.picture(1)], kind="real")
    drawn = subject(2, prompt, media=[store.picture(2)])
    write_export(source([pair(1, photo, drawn)], store), ["canonical"], tmp_path / "out")

    row = encoded(load(tmp_path / "out", "pairs", tmp_path, split="train"))[0]
    rated = load(tmp_path / "out", "ratings", tmp_path, split="train").remove_columns(["image"])

    flags = {
        row["a_id"]: (row["a_is_reference"], row["a_model_kind"]),
        row["b_id"]: (row["b_is_reference"], row["b_model_kind"]),
    }
    assert flags == {"s0001": (True, "real"), "s0002": (False, "generated")}
    assert dict(zip(rated["id"], rated["is_reference"], strict=True)) == {"s0001": True, "s0002": False}


@pytest.mark.capability("A5")
def test_one_export_answers_paired_unpaired_and_with_ties(tmp_path):
    store = Store()
    pairs = picture_pairs(store, 3)
    pairs[0] = replace(
        pairs[0], preference="tie", split="train", votes=(vote("tie"), vote("first", RULE)), basis="both"
    )
    write_export(source(pairs, store), ["canonical"], tmp_path / "out")

    rows = encoded(load(tmp_path / "out", "pairs", tmp_path, split="train"))
    rated = load(tmp_path / "out", "ratings", tmp_path, split="train")

    by_preference = {row["preference"]: row for row in rows}
    assert set(by_preference) - {"a", "b"} == {"tie"}
    assert (by_preference["tie"]["label_a"], by_preference["tie"]["label_b"]) == (0.5, 0.5)
    assert [(each["annotator"], each["rater_kind"]) for each in by_preference["tie"]["votes"]] == [
        (PERSON.id, "person"),
        (RULE.id, "rule"),
    ]
    labels = dict(zip(rated["id"], rated["label"], strict=True))
    assert labels == {"s0000": None, "s0001": None, "s0002": False, "s0003": True}


def test_scores_marks_notes_flags_and_evidence_survive(tmp_path):
    store = Store()
    prompt = ExportPrompt("p", "a cat — 猫", tags=("animals",), facts={"objects": [{"class": "cat", "count": 1}]})
    box = ExportMark(RULE, "media", "box", "7.0", "anatomy", "paw", media_index=0, points=((1.5, 2.0), (9.0, 8.0)))
    span = ExportMark(RULE, "prompt", "span", "7.0", "alignment", "missing", start=8, end=9)
    first = subject(
        1,
        prompt,
        media=[store.picture(1), store.picture(2)],
        scores=(score(0.25, "anatomy"), score(0.5, "overall")),
        marks=(box, span),
        notes=(ExportNote(RULE, "anatomy", "five paws", "7.0"),),
        flags=(ExportFlag(PERSON, "unsafe", "8.0"),),
        rank=1,
    )
    second = subject(2, prompt, media=[store.picture(3)], scores=(score(0.75, "anatomy"),), rank=2)
    write_export(source([pair(1, first, second, evidence=("7.0", "8.0"))], store), ["canonical"], tmp_path / "out")

    row = encoded(load(tmp_path / "out", "pairs", tmp_path, split="train"))[0]

    side = "a" if row["a_id"] == "s0001" else "b"
    marks = row[f"{side}_marks"]
    assert marks[0]["points"] == [[1.5, 2.0], [9.0, 8.0]]
    assert row["prompt"][marks[1]["start"] : marks[1]["end"]] == "猫"
    assert row[f"reason_{side}"] == "five paws"
    assert [flag["kind"] for flag in row[f"{side}_flags"]] == ["unsafe"]
    assert (row["nsfw"], row[f"{side}_nsfw"], row[f"{side}_rank"]) == (True, True, 1)
    assert len(row[f"{side}_more_images"]) == 1
    assert json.loads(row["facts"]) == {"objects": [{"class": "cat", "count": 1}]}
    assert row["evidence"] == ["7.0", "8.0"]
    anatomy = next(item for item in row["dims"] if item["name"] == "anatomy")
    assert {anatomy["score_a"], anatomy["score_b"]} == {0.25, 0.75}
    overall = next(item for item in row["dims"] if item["name"] == "overall")
    assert (overall["score_a"], overall["score_b"]) == (None, None)  # only one side was scored


def test_a_subject_under_another_prompt_carries_that_prompt_and_its_inputs(tmp_path):
    store = Store()
    right = ExportPrompt("right", "a red cube", inputs=(store.picture(1, role="source"),))
    wrong = ExportPrompt("wrong", "a blue cube", inputs=(store.picture(2, role="source"),))
    picture = store.picture(3)
    first, second = subject(1, right, media=[picture]), subject(1, right, media=[picture], under=wrong)
    made = source([pair(1, first, second)], store, task="image-editing")
    write_export(made, ["canonical"], tmp_path / "out")

    row = encoded(load(tmp_path / "out", "pairs", tmp_path, split="train"))[0]

    lost = "b" if row["preference"] == "a" else "a"
    assert (row["prompt"], row[f"{lost}_prompt"], row[f"{lost}_sample_prompt"]) == (
        "a red cube",
        "a blue cube",
        "a red cube",
    )
    assert row[f"{lost}_input_images"][0]["bytes"] == store.held[wrong.inputs[0].sha256]
    assert read_back(tmp_path / "out").is_clean


def test_videos_come_back_byte_for_byte(tmp_path):
    store = Store()
    prompt = ExportPrompt("p", "a wave")
    made = source([pair(1, *(subject(n, prompt, media=[store.video(n)]) for n in (1, 2)))], store, task="text-to-video")

    write_export(made, ["canonical"], tmp_path / "out")

    row = encoded(load(tmp_path / "out", "pairs", tmp_path, split="train"))[0]
    assert row["a_video"]["bytes"] == store.held[row["a_sha256"]]
    assert (row["a_fps"], row["a_num_frames"], row["a_image"]) == (4.0, 8, None)
    clean(tmp_path / "out", made)


# -- how it lies on disk --------------------------------------------------------------------------


def test_media_columns_are_stored_as_they_are_and_the_rest_is_compressed(tmp_path):
    store = Store()
    write_export(source(picture_pairs(store), store), ["canonical", "pickapic"], tmp_path / "out")

    for name in ("pairs/train-00000-of-00001.parquet", "pickapic/train-00000-of-00001.parquet"):
        group = pq.ParquetFile(tmp_path / "out" / name).metadata.row_group(0)
        columns = {column.path_in_schema: column for column in (group.column(i) for i in range(group.num_columns))}
        media = {path for path in columns if path.endswith(".bytes") or path in ("jpg_0", "jpg_1")}
        assert media
        for path, column in columns.items():
            assert column.compression == ("UNCOMPRESSED" if path in media else "SNAPPY")
            assert column.has_dictionary_page is False or path not in media
            assert column.has_offset_index


def test_shards_and_row_groups_keep_their_limits(tmp_path, monkeypatch):
    store = Store()
    pairs = [
        replace(row, split="train", first=replace(row.first, sample=replace(row.first.sample, text="word " * 20_000)))
        for row in picture_pairs(store, 30)
    ]
    monkeypatch.setattr("curation.exports.shards.SHARD_BYTES", 1_000_000)
    monkeypatch.setattr("curation.exports.shards.ROW_GROUP_BYTES", 400_000)

    write_export(source(pairs, store), ["canonical"], tmp_path / "out")

    files = sorted((tmp_path / "out" / "pairs").iterdir())
    assert files[0].name == f"train-00000-of-{len(files):05d}.parquet"
    assert len(files) > 1
    for file in files:
        metadata = pq.ParquetFile(file).metadata
        assert all(metadata.row_group(i).total_byte_size < 450_000 for i in range(metadata.num_row_groups))
    assert load(tmp_path / "out", "pairs", tmp_path, split="train").num_rows == 30


def test_digests_in_the_checksum_file_are_those_of_the_files(tmp_path):
    store = Store()
    write_export(source(picture_pairs(store), store), ["canonical"], tmp_path / "out")

    lines = (tmp_path / "out" / "checksums.sha256").read_text().splitlines()

    stated = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert "README.md" in stated
    assert "manifest.json" in stated
    for name, digest in stated.items():
        assert hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == digest


def test_a_version_that_only_keeps_samples_is_exported_as_ratings(tmp_path):
    """A recipe may keep the best and pair nothing: no pair is no reason to refuse."""
    store = Store()
    prompt = ExportPrompt("p", "kept")
    kept = ExportCandidate(subject(1, prompt, media=[store.picture(1)], scores=(score(0.9),)), "train")
    made = replace(source([], store, splits={"train": 0}, samples=1), candidates=lambda split: iter([kept]))

    write_export(made, ["canonical"], tmp_path / "out")

    rated = load(tmp_path / "out", "ratings", tmp_path, split="train")
    assert (rated.num_rows, rated["label"][0]) == (1, None)
    assert "**1 sample**" in (tmp_path / "out" / "README.md").read_text()
    assert read_back(tmp_path / "out", made).is_clean


def test_what_trl_cannot_say_is_left_out_with_its_reason(tmp_path):
    store = Store()
    asked, other = ExportPrompt("p", "why?"), ExportPrompt("q", "how?")
    filmed = ExportPrompt("v", "what happens?", inputs=(store.video(1),))
    good = pair(0, subject(1, asked, text="good"), subject(2, asked, text="bad"))
    odd = [
        pair(1, subject(3, asked, text="a"), subject(4, asked, text="b"), "tie"),
        pair(2, subject(5, asked, text="a"), subject(6, asked, text="b"), "both_bad"),
        pair(3, subject(7, asked, text="a"), subject(8, asked)),
        pair(4, subject(9, asked, text="a"), subject(10, other, text="b")),
        pair(5, subject(11, filmed, text="a"), subject(12, filmed, text="b")),
        pair(6, subject(13, asked, text="a", media=[store.picture(1)]), subject(14, asked, text="b")),
    ]
    made = source([good, *odd], store, task="understanding")

    manifest = write_export(made, ["trl"], tmp_path / "out").manifest

    assert load(tmp_path / "out", "trl", tmp_path, split="train")["pair_id"][:] == [good.pair_id]
    assert sorted(manifest["left_out"]["trl"].values()) == [1, 1, 1, 1, 2]
    assert read_back(tmp_path / "out", made).is_clean
