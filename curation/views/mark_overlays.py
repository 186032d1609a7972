"""Marks as the group page shows them: over the picture they were drawn on, and in the words they were put on.

Numbers join a mark to its sentence under "What was said". Only marks that hold are drawn.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from curation.models import Mark
from curation.views.pictures import Picture

Key = tuple[int, int]  # judgement and position: what names a mark
Place = tuple[str, int, str, int]  # target, sample (0: whichever), role, media

# Colours and dashes in static/css/marks.css.
TONES = 6
# A number's ground is 18 units high; a tile is about this many wide.
UNITS = 320
DRAWN = ("point", "box", "polygon")


@dataclass(frozen=True)
class Outline:
    """One mark over a picture, in pixels of the rendition: what an SVG shape needs. Its number may be in words."""

    number: int | str
    tone: str
    shape: str
    points: list[list[float]]

    @property
    def corner(self) -> tuple[float, float]:
        """Left and upper edge, where the number stands."""
        return min(x for x, _y in self.points), min(y for _x, y in self.points)

    @property
    def size(self) -> tuple[float, float]:
        left, top = self.corner
        return max(x for x, _y in self.points) - left, max(y for _x, y in self.points) - top

    @property
    def number_width(self) -> int:
        return 10 + 7 * len(str(self.number))

    @property
    def path(self) -> str:
        return " ".join(f"{x:g},{y:g}" for x, y in self.points)


@dataclass(frozen=True)
class Overlay:
    """The marks of one picture and the coordinates they are in."""

    width: int
    height: int
    outlines: list[Outline]

    # Twice: a dark line beneath a light one is seen on every picture.
    lines = ("halo", "line")

    @property
    def unit(self) -> float:
        """Pixels of the rendition to one unit of a number's ground."""
        return max(self.width, self.height) / UNITS

    @property
    def radius(self) -> float:
        """Of a point."""
        return 6 * self.unit


@dataclass(frozen=True)
class Part:
    """A stretch of a text: with the numbers of the marks that begin with it, and the tone of the first over it."""

    text: str
    numbers: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Shown:
    """The living marks of a group, numbered."""

    prompt_id: int
    numbers: dict[Key, int] = field(default_factory=dict)
    tones: dict[Key, str] = field(default_factory=dict)
    outlines: dict[Place, list[Outline]] = field(default_factory=lambda: defaultdict(list))
    spans: dict[tuple[str, int], list[Mark]] = field(default_factory=lambda: defaultdict(list))

    def over_sample(self, sample_id: int, pictures: Sequence[Picture]) -> Overlay | None:
        """For the first picture of a sample, which is the one a tile shows."""
        shown = next((one for one in pictures if one.kind != "file"), None)
        return self._overlay(("media", sample_id, "", 0), shown)

    def over_input(self, role: str, index: int, shown: Picture) -> Overlay | None:
        return self._overlay(("input", 0, role, index), shown)

    def _overlay(self, place: Place, shown: Picture | None) -> Overlay | None:
        outlines = self.outlines.get(place)
        if not outlines or shown is None or not shown.width or not shown.height:
            return None
        return Overlay(shown.width, shown.height, outlines)

    def prompt_parts(self, text: str) -> list[Part]:
        return self._parts(text, self.spans.get(("prompt", 0), []))

    def answer_parts(self, sample_id: int, text: str | None, most: int) -> list[Part]:
        """Empty where nothing is marked; `most` characters of the text, with a sign that it goes on."""
        marks = self.spans.get(("answer", sample_id), [])
        if not text or not marks:
            return []
        rest = [Part("…")] if len(text) > most else []
        return self._parts(text[:most], marks) + rest

    def _parts(self, text: str, marks: Sequence[Mark]) -> list[Part]:
        spans = [(mark, *_within(mark, text)) for mark in marks]
        edges = sorted({0, len(text), *(edge for _mark, *both in spans for edge in both)})
        return [self._part(text, start, end, spans) for start, end in pairwise(edges)]

    def _part(self, text: str, start: int, end: int, spans: Sequence[tuple[Mark, int, int]]) -> Part:
        over = [(mark, first) for mark, first, last in spans if first <= start and end <= last]
        if not over:
            return Part(text[start:end])
        numbers = ", ".join(str(self.numbers[_key(mark)]) for mark, first in over if first == start)
        return Part(text[start:end], numbers, self.tones[_key(over[0][0])])


def shown(marks: Iterable[Mark], prompt_id: int) -> Shown:
    """Numbers the living marks of a group from 1; each error type has a tone of its own while there are enough."""
    living = sorted((mark for mark in marks if not mark.is_retracted), key=_key)
    errors = list(dict.fromkeys(mark.error_type for mark in living if mark.error_type))
    made = Shown(prompt_id)
    for number, mark in enumerate(living, 1):
        tone = str(errors.index(mark.error_type) % TONES) if mark.error_type else "none"
        made.numbers[_key(mark)], made.tones[_key(mark)] = number, tone
        _put(made, mark, number, tone)
    return made


def _put(made: Shown, mark: Mark, number: int, tone: str) -> None:
    if mark.shape == Mark.Shape.SPAN:
        is_prompt = mark.target == Mark.Target.PROMPT
        if not is_prompt or mark.prompt_id == made.prompt_id:
            made.spans[mark.target, 0 if is_prompt else mark.sample_id].append(mark)
        return
    if mark.shape in DRAWN and mark.points:
        is_input = mark.target == Mark.Target.INPUT
        place = (mark.target, 0 if is_input else mark.sample_id, mark.input_role, mark.media_index or 0)
        made.outlines[place].append(Outline(number, tone, mark.shape, mark.points))


def _key(mark: Mark) -> Key:
    return mark.judgement_id, mark.position


def _within(mark: Mark, text: str) -> tuple[int, int]:
    start, end = min(mark.start or 0, len(text)), min(mark.end or 0, len(text))
    return start, end


def inputs(
    placed: Sequence[tuple[str, list[Picture]]], marks: Shown
) -> list[tuple[str, list[tuple[Picture, Overlay | None]]]]:
    """The pictures that came with a prompt, by role, each with what was marked on it."""
    return [
        (role, [(one, marks.over_input(role, index, one)) for index, one in enumerate(pictures)])
        for role, pictures in placed
    ]
