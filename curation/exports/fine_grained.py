"""Labels and numbers finer than an answer: of regions of a picture, words of a text, moments of a video.

One row a medium of a marked answer (one row for an answer in words). Nothing depends on a tokenizer: spans are Unicode
code points of the text that stands in the same row, half-open, so `text[start:end]` is what was marked, and the words
of `tokens` are cut at spaces and punctuation as RichHF-18K cuts them.

A mark says that something is wrong at a place; it makes regions, spans, intervals and the labels read off them. A
number that a scorer gave a place says no such thing: it stands in `parts`, beside those of the whole in `scores`.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from curation.exports.columns import (
    FLOAT32,
    FLOAT64,
    IMAGE,
    INT32,
    INT64,
    STRING,
    VIDEO,
    Columns,
    ListOf,
    Struct,
    Value,
)
from curation.exports.formats import Format, Option, Proof, Row, Written, config_of
from curation.exports.maps import Canvas, region_map
from curation.exports.media import MediaReader, Stored, stored_media
from curation.exports.rows import ExportCandidate, ExportMark, ExportMedia, ExportSource, ExportSubject
from curation.exports.shards import ShardWriter

NAME = "fine-grained"
SIZE = Option("maps", ("picture", "512"), "maps as large as the picture, or 512 by 512 as in RichHF-18K")

_INT8 = Value("int8")
_WHO = {"error_type": STRING, "criterion": STRING, "rater": STRING, "rater_kind": STRING, "statement": STRING}
SPAN = Struct({"target": STRING, "start": INT64, "end": INT64, "text": STRING, **_WHO})
REGION = Struct({"shape": STRING, "points": ListOf(ListOf(FLOAT64)), "asset_sha256": STRING, **_WHO})
INTERVAL = Struct({"start_us": INT64, "end_us": INT64, **_WHO})
PART = Struct(
    {
        "target": STRING,
        "shape": STRING,
        "input_role": STRING,
        "media_index": INT32,
        "points": ListOf(ListOf(FLOAT64)),
        "start": INT64,
        "end": INT64,
        "text": STRING,
        "label": STRING,
        "value": FLOAT64,
        "grid": ListOf(ListOf(FLOAT64)),
        "criterion": STRING,
        "unit": STRING,
        "rater": STRING,
        "rater_kind": STRING,
        "statement": STRING,
    }
)
RANGE = Struct({"start": INT64, "end": INT64})
SCORE = Struct({"name": STRING, "value": FLOAT64, "min": FLOAT64, "max": FLOAT64})

COLUMNS: Columns = {
    "sample_id": STRING,
    "prompt_id": STRING,
    "prompt": STRING,
    "text": STRING,
    "image": IMAGE,
    "video": VIDEO,
    "media_index": INT32,
    "sha256": STRING,
    "width": INT32,
    "height": INT32,
    "fps": FLOAT32,
    "artifact_map": IMAGE,
    "artifact_map_sha256": STRING,
    "misalignment_map": IMAGE,
    "misalignment_map_sha256": STRING,
    "regions": ListOf(REGION),
    "tokens": ListOf(RANGE),
    "token_labels": ListOf(_INT8),
    "spans": ListOf(SPAN),
    "steps": ListOf(RANGE),
    "step_labels": ListOf(_INT8),
    "intervals": ListOf(INTERVAL),
    "frame_labels": ListOf(_INT8),
    "scores": ListOf(SCORE),
    "parts": ListOf(PART),
    "model": STRING,
}

# Marks under these say that a place does not fit the prompt; every other region is an artefact.
_ABOUT_THE_PROMPT = re.compile(r"align|follow|prompt|instruction|missing", re.IGNORECASE)
_TOKEN = re.compile(r'[^,.?!":;\s]+')
_STEP = re.compile(r"[^\n]*\S[^\n]*")
UNMARKED = "nothing is marked on it, or its marks are of people and stay (they leave with --with-notes)"
OUTSIDE = "a mark beyond the end of its text"


def write(source: ExportSource, root: Path) -> Written:
    """Writes the config `fine-grained`. Memory: one picture with its two maps, and a row group."""
    left_out: Counter[str] = Counter()
    side = None if source.option(NAME, SIZE) == "picture" else int(source.option(NAME, SIZE))
    media = MediaReader(source.open_media)
    shards = []
    for split in source.context.splits:
        with ShardWriter(root, NAME, split, COLUMNS) as shard:
            for candidate in source.candidates(split):
                if not candidate.subject.marks:
                    left_out[UNMARKED] += 1
                for row in _Marked(candidate, media, side, left_out).rows():
                    shard.add(row, media.take_bytes() + candidate.subject.grid_bytes)
        shards.append(shard)
    return Written([config_of(NAME, COLUMNS, shards)], left_out)


@dataclass
class _Marked:
    """One answer with its marks."""

    candidate: ExportCandidate
    media: MediaReader
    map_side: int | None
    left_out: Counter[str]

    @property
    def subject(self) -> ExportSubject:
        return self.candidate.subject

    def rows(self) -> Iterator[Row]:
        if not self.subject.marks:
            return
        words = {**self._answer(), **self._texts()}
        for place, item in enumerate(self.subject.sample.media):
            yield {**words, **self._medium(place, item), "parts": self._parts(place)}
        if not self.subject.sample.media:
            yield {**words, **_NO_MEDIUM, "parts": self._parts(None)}

    def _parts(self, place: int | None) -> list[Row]:
        """Numbers of this medium's parts, and of those of texts and of the prompt's own media."""
        measured = [mark for mark in self.subject.marks if mark.is_measured]
        texts = {"prompt": self.subject.prompt.text, "answer": self.subject.sample.text or ""}
        return [
            _part(mark, texts.get(mark.target, ""))
            for mark in measured
            if mark.target != "media" or mark.media_index == place
        ]

    @property
    def _labels_of(self) -> list[ExportMark]:
        """Marks that say what is wrong."""
        return [mark for mark in self.subject.marks if not mark.is_measured]

    def _answer(self) -> Row:
        return {
            "sample_id": self.subject.sample.id,
            "prompt_id": self.subject.prompt.id,
            "prompt": self.subject.prompt.text,
            "text": self.subject.sample.text or "",
            "model": self.subject.sample.generator.name,
            "scores": [
                {"name": score.criterion, "value": score.value, "min": score.low, "max": score.high}
                for score in self.subject.scores
            ],
        }

    def _texts(self) -> Row:
        """Spans of the prompt and of the answer, and what they make of words and steps: 1 is fine, 0 is marked."""
        prompt, answer = self.subject.prompt.text, self.subject.sample.text or ""
        spans = {"prompt": self._spans("prompt", prompt), "answer": self._spans("answer", answer)}
        tokens = [found.span() for found in _TOKEN.finditer(prompt)]
        steps = [found.span() for found in _STEP.finditer(answer)]
        return {
            "spans": [*spans["prompt"], *spans["answer"]],
            "tokens": [{"start": start, "end": end} for start, end in tokens],
            "token_labels": _labels(tokens, spans["prompt"]) if spans["prompt"] else [],
            "steps": [{"start": start, "end": end} for start, end in steps],
            "step_labels": _labels(steps, spans["answer"]) if spans["answer"] else [],
        }

    def _spans(self, target: str, text: str) -> list[Row]:
        found = []
        for mark in self._labels_of:
            if mark.target != target or mark.shape != "span" or mark.start is None or mark.end is None:
                continue
            if mark.end > len(text):
                self.left_out[OUTSIDE] += 1
                continue
            said = {"target": target, "start": mark.start, "end": mark.end, "text": text[mark.start : mark.end]}
            found.append({**said, **_who(mark)})
        return sorted(found, key=lambda span: (span["start"], span["end"], span["statement"]))

    # -- media -----------------------------------------------------------------------------------

    def _medium(self, place: int, item: ExportMedia) -> Row:
        marks = [mark for mark in self._labels_of if mark.target == "media" and mark.media_index == place]
        regions = [mark for mark in marks if mark.shape != "interval"]
        about_prompt = [mark for mark in regions if _is_about_the_prompt(mark)]
        intervals = [mark for mark in marks if mark.start is not None and mark.end is not None]
        is_image = item.kind == "image"
        return {
            "image": self.media.struct(item) if is_image else None,
            "video": None if is_image else self.media.struct(item),
            "media_index": place,
            "sha256": item.sha256,
            "width": item.width,
            "height": item.height,
            "fps": item.fps,
            **self._map("artifact_map", item, [mark for mark in regions if mark not in about_prompt]),
            **self._map("misalignment_map", item, about_prompt),
            "regions": [_region(mark) for mark in regions],
            "intervals": [{"start_us": mark.start, "end_us": mark.end, **_who(mark)} for mark in intervals],
            "frame_labels": _frame_labels(item, intervals),
        }

    def _map(self, name: str, item: ExportMedia, marks: Sequence[ExportMark]) -> Row:
        if item.kind != "image" or not marks:
            return {name: None, f"{name}_sha256": ""}
        size = (item.width, item.height) if self.map_side is None else (self.map_side, self.map_side)
        drawn = region_map(marks, Canvas(size, (item.width, item.height)), self._heatmap)
        self.media.weigh(drawn)
        digest = hashlib.sha256(drawn).hexdigest()
        return {name: {"bytes": drawn, "path": f"{digest[:16]}.png"}, f"{name}_sha256": digest}

    def _heatmap(self, digest: str) -> bytes:
        return self.media.read(ExportMedia(digest, "image/png", "image", 0, 0))


_NO_MEDIUM: Row = {
    **dict.fromkeys(("image", "video", "artifact_map", "misalignment_map")),
    **dict.fromkeys(("sha256", "artifact_map_sha256", "misalignment_map_sha256"), ""),
    **dict.fromkeys(("width", "height"), 0),
    "media_index": -1,
    "fps": 0.0,
    "regions": [],
    "intervals": [],
    "frame_labels": [],
}


def _is_about_the_prompt(mark: ExportMark) -> bool:
    return bool(_ABOUT_THE_PROMPT.search(mark.criterion) or _ABOUT_THE_PROMPT.search(mark.error_type))


def _who(mark: ExportMark) -> Row:
    return {
        "error_type": mark.error_type,
        "criterion": mark.criterion,
        "rater": mark.rater.id,
        "rater_kind": mark.rater.kind,
        "statement": mark.statement,
    }


def _region(mark: ExportMark) -> Row:
    points = [list(point) for point in mark.points]
    return {"shape": mark.shape, "points": points, "asset_sha256": mark.asset_sha256, **_who(mark)}


def _part(mark: ExportMark, text: str) -> Row:
    is_span = mark.shape == "span" and mark.start is not None and mark.end is not None
    return {
        "target": mark.target,
        "shape": mark.shape,
        "input_role": mark.input_role,
        "media_index": mark.media_index,
        "points": [list(point) for point in mark.points],
        "start": mark.start,
        "end": mark.end,
        "text": text[mark.start : mark.end] if is_span else "",
        "label": mark.text,
        "value": mark.value,
        "grid": [list(row) for row in mark.grid],
        "criterion": mark.criterion,
        "unit": mark.unit,
        "rater": mark.rater.id,
        "rater_kind": mark.rater.kind,
        "statement": mark.statement,
    }


def _labels(pieces: Sequence[tuple[int, int]], spans: Sequence[Row]) -> list[int]:
    """1 for a piece that no span touches, 0 for one that is marked at least in part."""
    return [int(not any(span["start"] < end and start < span["end"] for span in spans)) for start, end in pieces]


def _frame_labels(item: ExportMedia, intervals: Sequence[ExportMark]) -> list[int]:
    """A label a frame of a marked video: 0 for a frame whose time lies in an interval. Empty where none was marked."""
    if item.kind != "video" or not item.fps or not intervals:
        return []
    moments = [round(1_000_000 * number / item.fps) for number in range(item.frames)]
    ranges = [(mark.start or 0, mark.end or 0) for mark in intervals]
    return [int(not any(start <= moment < end for start, end in ranges)) for moment in moments]


def media_of(config: str, row: Row) -> Iterator[Stored]:
    if row["sha256"]:
        yield from stored_media("image" if row["image"] else "video", [row["image"] or row["video"]], [row["sha256"]])
    for name in ("artifact_map", "misalignment_map"):
        if row[name]:
            yield from stored_media(name, [row[name]], [row[f"{name}_sha256"]])


FINE_GRAINED = Format(
    name=NAME,
    label="Fine-grained labels and numbers",
    purpose="Regions and maps of pictures, spans of texts, steps of answers and frames of videos that were marked, and "
    "numbers of scorers for such parts beside those of the whole.",
    ties="Rows are single answers; nothing is compared.",
    configs=(NAME,),
    columns=lambda config, task: COLUMNS,
    refusal=lambda task: None,
    write=write,
    media_of=media_of,
    options=(SIZE,),
    is_by_pair=False,
    counts_pairs=False,
    proof=Proof("package", "datasets.load_dataset; offsets against tokenizers"),
    snippet="""\
from datasets import load_dataset

marked = load_dataset("{place}", "fine-grained", split="{split}")
first = marked[0]
[first["prompt"][span["start"] : span["end"]] for span in first["spans"] if span["target"] == "prompt"]
""",
)
