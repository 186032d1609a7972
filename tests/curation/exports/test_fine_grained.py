"""Regions, maps, spans, steps and frames: where they lie, and that they mean the same to any reader."""

from __future__ import annotations

import io
from dataclasses import replace

import datasets
import numpy as np
import pytest
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers

from curation.errors import Refused
from curation.exports.readback import read_back
from curation.exports.rows import ExportMark, ExportPrompt, ExportRater
from curation.exports.writing import write_export
from tests.curation.exports.making import PERSON, RULE, Store, pair, score, source, subject

OTHER = ExportRater("fedcba9876543210", "person")
# Astral planes, joiners, a combining accent, two scripts, a right-to-left word: one string, three lengths.
PROMPT = "A 👩‍👩‍👧 on a café's roof, 三匹の猫 : שלום & e\u0301clair"


def span(text: str, of: str, target: str = "prompt", rater=RULE) -> ExportMark:
    start = of.index(text)
    return ExportMark(rater, target, "span", "7.0", "alignment", "missing", start=start, end=start + len(text))


def export(tmp_path, *subjects, task="text-to-image", store=None, choices=None):
    first, second = subjects
    made = source([pair(1, first, second)], store or Store(), task)
    write_export(replace(made, options=choices or {}), ["fine-grained"], tmp_path / "out")
    assert [str(finding) for finding in read_back(tmp_path / "out", made).findings] == []
    loaded = datasets.load_dataset(
        str(tmp_path / "out"), "fine-grained", split="train", cache_dir=str(tmp_path / "cache")
    )
    return loaded.data.table.to_pylist()


@pytest.mark.capability("I7")
def test_offsets_hold_for_any_text_without_a_tokenizer(tmp_path):
    """The same characters by Python's slices, by UTF-32 code units, and as the offsets a tokenizer would report."""
    store = Store()
    answer = "First, 👩‍👩‍👧 wave.\nThen 三匹の猫 sleep.\n\nDone."
    words = ["👩‍👩‍👧", "三匹の猫", "שלום", "e\u0301clair"]
    prompt = ExportPrompt("p", PROMPT)
    marks = (*(span(word, PROMPT) for word in words), span("三匹の猫", answer, "answer"))
    first = subject(1, prompt, text=answer, marks=marks)
    [row] = export(tmp_path, first, subject(2, prompt, text="x"), task="text", store=store)

    found = {"prompt": [], "answer": []}
    for each in row["spans"]:
        text = row["prompt"] if each["target"] == "prompt" else row["text"]
        assert text[each["start"] : each["end"]] == each["text"]
        wide = text.encode("utf-32-le")[4 * each["start"] : 4 * each["end"]]
        assert wide.decode("utf-32-le") == each["text"]
        found[each["target"]].append(each["text"])
    assert found == {"prompt": words, "answer": ["三匹の猫"]}
    marked = [
        PROMPT[token["start"] : token["end"]]
        for token, label in zip(row["tokens"], row["token_labels"], strict=True)
        if label == 0
    ]
    assert marked == words
    steps = [answer[step["start"] : step["end"]] for step in row["steps"]]
    assert steps == ["First, 👩‍👩‍👧 wave.", "Then 三匹の猫 sleep.", "Done."]
    assert row["step_labels"] == [1, 0, 1]
    assert_tokenizer_agrees(row)


def assert_tokenizer_agrees(row) -> None:
    """Tokens of a byte-level tokenizer that touch a span, joined by its offsets, are the span's characters."""
    letters = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocab=letters, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    offsets = tokenizer.encode(row["prompt"]).offsets
    for each in (one for one in row["spans"] if one["target"] == "prompt"):
        touched = [(start, end) for start, end in offsets if start < each["end"] and each["start"] < end]
        assert (min(start for start, _ in touched), max(end for _, end in touched)) == (each["start"], each["end"])


def grey(encoded) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(encoded["bytes"])))


def test_a_map_is_the_share_of_raters_who_marked_a_place(tmp_path):
    store = Store()
    prompt = ExportPrompt("p", "a hand")
    box = ExportMark(PERSON, "media", "box", "7.0", "anatomy", "fingers", media_index=0, points=((2, 3), (6, 8)))
    wider = ExportMark(OTHER, "media", "box", "8.0", "anatomy", "fingers", media_index=0, points=((4, 3), (9, 8)))
    wrong = ExportMark(OTHER, "media", "point", "8.1", "alignment", "", media_index=0, points=((12, 12),))
    first = subject(1, prompt, media=[store.picture(1)], marks=(box, wider, wrong))

    [row] = export(tmp_path, first, subject(2, prompt, media=[store.picture(2)]), store=store)

    drawn = grey(row["artifact_map"])
    assert drawn.shape == (row["height"], row["width"])
    expected = np.zeros(drawn.shape)
    expected[3:8, 2:6] += 127.5
    expected[3:8, 4:9] += 127.5
    assert np.abs(drawn - expected).max() <= 0.5
    aligned = grey(row["misalignment_map"])
    assert (aligned[12, 12], aligned[3, 3]) == (255, 0)
    assert [region["shape"] for region in row["regions"]] == ["box", "box", "point"]


def test_a_polygon_and_a_heatmap_are_drawn_and_maps_can_be_of_the_size_of_richhf(tmp_path):
    store = Store()
    prompt = ExportPrompt("p", "a hand")
    heat = store.picture(9, "PNG", mode="L", colour=128)
    triangle = ExportMark(RULE, "media", "polygon", "1.0", media_index=0, points=((0, 0), (23, 0), (0, 23)))
    warm = ExportMark(PERSON, "media", "heatmap", "2.0", media_index=0, asset_sha256=heat.sha256)
    first = subject(1, prompt, media=[store.picture(1)], marks=(triangle, warm))
    choices = {"fine-grained.maps": "512"}

    [row] = export(tmp_path, first, subject(2, prompt, media=[store.picture(2)]), store=store, choices=choices)

    drawn = grey(row["artifact_map"])
    assert drawn.shape == (512, 512)
    assert (drawn[20, 20], drawn[500, 500]) == (192, 64)  # both of them, (255 + 128) / 2; the heatmap alone


def test_frames_of_a_marked_video_have_labels(tmp_path):
    store = Store()
    prompt = ExportPrompt("p", "a cat runs")
    jump = ExportMark(RULE, "media", "interval", "1.0", "motion", "jump", media_index=0, start=500_000, end=1_000_000)
    first = subject(1, prompt, media=[store.video(1)], marks=(jump,))

    [row] = export(tmp_path, first, subject(2, prompt, media=[store.video(2)]), task="text-to-video", store=store)

    # 8 frames at 4 a second: those at 0.5 and 0.75 s lie inside, the one at 1 s does not.
    assert row["frame_labels"] == [1, 1, 0, 0, 1, 1, 1, 1]
    assert row["intervals"][0]["error_type"] == "jump"


def test_numbers_for_parts_stand_beside_the_whole_and_make_no_label(tmp_path):
    store = Store()
    prompt = ExportPrompt("p", "a red cat runs")
    media = {"target": "media", "rater": RULE, "criterion": "motion", "unit": "levels", "media_index": 0}
    numbers = (
        ExportMark(shape="interval", statement="1.1", start=0, end=500_000, value=0.25, **media),
        ExportMark(shape="box", statement="1.2", points=((1, 2), (5, 6)), value=0.5, text="cat", **media),
        ExportMark(shape="heatmap", statement="1.3", grid=((0.0, 1.0), (2.0, 3.0)), value=1.5, **media),
        ExportMark(RULE, "prompt", "span", "1.4", "words", start=2, end=5, value=1.0),
        ExportMark(RULE, "media", "box", "1.5", "motion", media_index=1, points=((0, 0), (1, 1)), value=9.0),
    )
    whole = score(0.75, "motion")
    first = subject(1, prompt, media=[store.video(1)], marks=numbers, scores=(whole,))

    [row] = export(tmp_path, first, subject(2, prompt, media=[store.video(2)]), task="text-to-video", store=store)

    told = [(part["statement"], part["value"], part["text"], part["label"]) for part in row["parts"]]
    # That of the second file, which this answer lacks, is on no row.
    assert told == [("1.1", 0.25, "", ""), ("1.2", 0.5, "", "cat"), ("1.3", 1.5, "", ""), ("1.4", 1.0, "red", "")]
    assert (row["parts"][0]["start"], row["parts"][0]["end"], row["parts"][0]["unit"]) == (0, 500_000, "levels")
    assert row["parts"][1]["points"] == [[1, 2], [5, 6]]
    assert row["parts"][2]["grid"] == [[0, 1], [2, 3]]
    assert [(one["name"], one["value"]) for one in row["scores"]] == [("motion", 0.75)]
    assert [row[name] for name in ("regions", "spans", "intervals", "frame_labels", "token_labels")] == [[]] * 5
    assert (row["artifact_map"], row["misalignment_map"]) == (None, None)


def test_a_span_beyond_its_text_is_counted_and_not_cut(tmp_path):
    prompt = ExportPrompt("p", "short")
    beyond = ExportMark(RULE, "prompt", "span", "7.0", start=2, end=9)
    made = source([pair(1, subject(1, prompt, text="a", marks=(beyond,)), subject(2, prompt, text="b"))], task="text")

    manifest = write_export(made, ["fine-grained"], tmp_path / "out").manifest

    assert manifest["left_out"]["fine-grained"]["a mark beyond the end of its text"] == 1


def test_a_version_without_marks_says_how_they_would_leave(tmp_path):
    prompt = ExportPrompt("p", "x")
    made = source([pair(1, subject(1, prompt, text="a"), subject(2, prompt, text="b"))], task="text")

    with pytest.raises(Refused, match="--with-notes"):
        write_export(made, ["fine-grained"], tmp_path / "out")
