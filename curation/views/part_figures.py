"""Numbers for parts as a page shows them: cells over a picture, boxes, a strip over a video's time, coloured words.

A colour is one of `LEVELS` steps from dark to light between the lowest and the highest number shown
(static/css/parts.css); every number stands in words as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from curation.media import heatmaps
from curation.models import Mark, Prompt, Sample
from curation.templatetags.pairwright import score
from curation.views.mark_overlays import DRAWN, Outline, Overlay
from curation.views.pictures import Picture

LEVELS = 10
# Code points of a text a figure has room for.
TEXT = 4_000


@dataclass(frozen=True)
class Scale:
    """The range of numbers that the colours divide."""

    low: float
    high: float

    def level(self, value: float) -> int:
        """The colour's step, 0 to `LEVELS` - 1; the lowest where all numbers are one."""
        span = self.high / 2 - self.low / 2
        share = (value / 2 - self.low / 2) / span if span > 0 else 0.0
        return min(int(share * LEVELS), LEVELS - 1)

    @property
    def levels(self) -> range:
        return range(LEVELS)


@dataclass(frozen=True)
class Cells:
    """A heatmap: for each level that occurs the outline of its cells, in units of a cell."""

    paths: list[tuple[int, str]]
    left: float
    top: float
    across: float  # pixels of the rendition to a cell
    down: float


@dataclass(frozen=True)
class Heat:
    """Heatmaps over one picture, and the coordinates they are in."""

    width: int
    height: int
    cells: list[Cells]


@dataclass(frozen=True)
class Bar:
    """An interval: where it stands on a strip of 1000 by 100 units, and what it says."""

    left: float
    width: float
    height: float
    level: int
    words: str

    @property
    def top(self) -> float:
        return 100 - self.height


@dataclass(frozen=True)
class Piece:
    """A stretch of a text, with the number of the words in it."""

    text: str
    level: int | None = None
    value: str = ""


@dataclass
class Figure:
    """All numbers of a layer for one picture, video or text of one sample."""

    place: int
    sample: Sample
    title: str
    picture: Picture | None = None
    heat: Heat | None = None
    overlay: Overlay | None = None
    bars: list[Bar] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    values: list[tuple[str, str]] = field(default_factory=list)

    @property
    def seconds(self) -> float | None:
        return self.picture.seconds if self.picture else None


@dataclass(frozen=True)
class Group:
    """What figures are made of: a prompt, its samples with their numbers, and their media in order."""

    prompt: Prompt
    samples: Mapping[int, Sample]
    places: Mapping[int, int]
    pictures: Mapping[int, Sequence[Picture]]


def scale_of(marks: Iterable[Mark]) -> Scale:
    """From the lowest to the highest number; of heatmaps, of their cells. (0, 0) where there is none."""
    low: list[float] = []
    high: list[float] = []
    for mark in marks:
        kept: Any = mark.points if _has_cells(mark) else {"low": mark.value, "high": mark.value}
        low.append(kept["low"])
        high.append(kept["high"])
    return Scale(min(low, default=0.0), max(high, default=0.0))


def figures(marks: Sequence[Mark], scale: Scale, group: Group) -> list[Figure]:
    """One figure for each picture, video or text of each sample, in the order of the samples."""
    ordered = sorted(
        marks, key=lambda mark: (group.places[mark.sample_id], _key(mark), mark.judgement_id, mark.position)
    )
    return [
        _figure(list(own), scale, group)
        for _where, own in groupby(ordered, key=lambda mark: (mark.sample_id, _key(mark)))
    ]


def _key(mark: Mark) -> tuple[str, str, int, str]:
    """What has a figure of its own; each heatmap that is called something has one."""
    label = mark.text if mark.shape == Mark.Shape.HEATMAP else ""
    return mark.target, mark.input_role, mark.media_index or 0, label


def _figure(marks: Sequence[Mark], scale: Scale, group: Group) -> Figure:
    first = marks[0]
    sample = group.samples[first.sample_id]
    made = Figure(group.places[sample.pk], sample, _title(first))
    if first.target in (Mark.Target.PROMPT, Mark.Target.ANSWER):
        text = group.prompt.text if first.target == Mark.Target.PROMPT else sample.text or ""
        made.pieces = _pieces(text[:TEXT], marks, scale)
        made.values = [(text[mark.start : mark.end], score(mark.value)) for mark in marks]
        return made
    made.values = [_in_words(mark) for mark in marks]
    if first.target == Mark.Target.MEDIA:
        _draw(made, marks, scale, _picture(group.pictures[sample.pk], first.media_index or 0))
    return made


def _title(mark: Mark) -> str:
    where: str | Promise = mark.get_target_display()
    if mark.target == Mark.Target.MEDIA:
        where = _("file %(number)d") % {"number": (mark.media_index or 0) + 1}
    elif mark.target == Mark.Target.INPUT:
        where = f"{mark.input_role} {(mark.media_index or 0) + 1}"
    label = mark.text if mark.shape == Mark.Shape.HEATMAP else ""
    return f"{where}: {label}" if label else str(where)


def _picture(pictures: Sequence[Picture], index: int) -> Picture | None:
    return pictures[index] if index < len(pictures) else None


def _draw(made: Figure, marks: Sequence[Mark], scale: Scale, picture: Picture | None) -> None:
    made.picture = picture
    if picture is None or not picture.width or not picture.height:
        return
    size = (picture.width, picture.height)
    cells = [_cells(mark, scale, size) for mark in marks if _has_cells(mark)]
    outlines = [
        Outline(score(mark.value), "none", mark.shape, mark.points)
        for mark in marks
        if mark.shape in DRAWN and isinstance(mark.points, list)
    ]
    made.heat = Heat(*size, cells) if cells else None
    made.overlay = Overlay(*size, outlines) if outlines else None
    length = round((picture.seconds or 0) * 1e6)
    made.bars = [_bar(mark, scale, length) for mark in marks if mark.shape == Mark.Shape.INTERVAL and length]


def _has_cells(mark: Mark) -> bool:
    return mark.shape == Mark.Shape.HEATMAP and heatmaps.is_packed(mark.points)


def _cells(mark: Mark, scale: Scale, size: tuple[int, int]) -> Cells:
    kept: Any = mark.points
    grid = heatmaps.unpacked(kept)
    box = heatmaps.box_of(kept) or [(0.0, 0.0), (float(size[0]), float(size[1]))]
    (left, top), (right, bottom) = box
    rows, columns = grid.shape
    runs: dict[int, list[str]] = {}
    for y, row in enumerate(grid.tolist()):
        x = 0
        for level, same in groupby(scale.level(value) for value in row):
            count = len(list(same))
            runs.setdefault(level, []).append(f"M{x} {y}h{count}v1h-{count}z")
            x += count
    paths = [(level, "".join(runs[level])) for level in sorted(runs)]
    return Cells(paths, left, top, (right - left) / columns, (bottom - top) / rows)


def _bar(mark: Mark, scale: Scale, length: int) -> Bar:
    start, end, value = mark.start or 0, mark.end or 0, mark.value or 0.0
    span = scale.high / 2 - scale.low / 2
    share = (value / 2 - scale.low / 2) / span if span > 0 else 1.0
    # The lowest number is a low bar and not a gap.
    return Bar(
        left=1000 * start / length,
        width=1000 * (end - start) / length,
        height=12 + 88 * share,
        level=scale.level(value),
        words=" ".join(_in_words(mark)),
    )


def _in_words(mark: Mark) -> tuple[str, str]:
    """What a number is for, and the number."""
    if mark.shape == Mark.Shape.INTERVAL:
        seconds = {"start": (mark.start or 0) / 1e6, "end": (mark.end or 0) / 1e6}
        return _("%(start).2f–%(end).2f s") % seconds, score(mark.value)
    if _has_cells(mark):
        kept: Any = mark.points
        ends = {
            "low": score(kept["low"]),
            "high": score(kept["high"]),
            "rows": kept["rows"],
            "columns": kept["columns"],
        }
        return _("mean of %(rows)d × %(columns)d cells, %(low)s to %(high)s") % ends, score(mark.value)
    return mark.text or str(mark.get_shape_display()), score(mark.value)


def _pieces(text: str, marks: Sequence[Mark], scale: Scale) -> list[Piece]:
    """The text cut at the ends of its spans; a stretch under several has the number of the first of them."""
    spans = [(min(mark.start or 0, len(text)), min(mark.end or 0, len(text)), mark.value or 0.0) for mark in marks]
    edges = sorted({0, len(text), *(edge for start, end, _value in spans for edge in (start, end))})
    pieces = []
    for start, end in pairwise(edges):
        over = next((span for span in spans if span[0] <= start and end <= span[1]), None)
        if over is None:
            pieces.append(Piece(text[start:end]))
            continue
        told = score(over[2]) if over[1] == end else ""
        pieces.append(Piece(text[start:end], scale.level(over[2]), told))
    return pieces
