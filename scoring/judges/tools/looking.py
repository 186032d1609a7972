"""Carrying out a call: a part of a picture, an enlargement, a moment of a video, a sum. For workers only.

Parts are cut from the rendition itself, never from the smaller picture that was sent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from PIL import Image

from curation.media.frames import frames_at
from scoring.decoding import read_picture
from scoring.judges.base import Subject, Template
from scoring.judges.pictures import scaled
from scoring.judges.readers.base import noun, shortened
from scoring.judges.tools import arithmetic
from scoring.judges.tools.arguments import Arguments
from scoring.judges.tools.catalogue import CALCULATE, CROP, FRAME, MOST_TIMES, SCALE, ZOOM
from scoring.judges.tools.protocol import Call, Misused
from scoring.scorers.base import MediaFile

# Models refuse pictures of a few pixels, and long strips.
LEAST_SIDE = 16
MOST_STRETCHED = 50
SOURCE = "source"

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Seen:
    """What a call came to.

    Attributes:
        told: what the judge is told beside the picture.
        picture: mode RGB; None for a sum.
        digest: of the rendition that was looked at (SHA-256, hex); empty for a sum.
        place: what it is called in the question: "Image 2".
        box: left, top, right, bottom in pixels of the rendition; None for the whole of it.
        time_us: the moment of a video, as its frame states it, in microseconds; None for a picture.
    """

    told: str
    picture: Image.Image | None = None
    digest: str = ""
    place: str = ""
    box: Box | None = None
    time_us: int | None = None


@dataclass(frozen=True)
class _Opened:
    """A picture or a frame, decoded, and what it is called."""

    picture: Image.Image
    file: MediaFile
    place: str
    time_us: int | None = None


def carried_out(template: Template, subjects: Sequence[Subject], call: Call, *, pixels_left: int) -> Seen:
    """What a call shows.

    Args:
        subjects: as they were shown, the first is number 1.
        pixels_left: of what one answer may be shown.

    Raises:
        Misused: the call cannot be carried out; says why, for the judge.
        ValueError: the file is missing or cannot be decoded; that is no fault of the judge.
    """
    if call.tool not in template.tools.names:
        known = ", ".join(template.tools.names)
        raise Misused(f"there is no tool “{shortened(call.tool, 30)}”; there are {known}")
    given = Arguments(call.tool, call.arguments)
    seen = _HOW[call.tool](template, subjects, given)
    if seen.picture is not None and math.prod(seen.picture.size) > pixels_left:
        width, height = seen.picture.size
        raise Misused(
            f"that would be {width} × {height} pixels, and of all that you may be shown {pixels_left:,} are left; "
            "take a smaller piece, or judge by what you have seen"
        )
    return seen


def _crop(template: Template, subjects: Sequence[Subject], given: Arguments) -> Seen:
    left, top, right, bottom = given.numbers("box", 4, low=0, high=SCALE)
    if not (left < right and top < bottom):
        raise Misused("the box is empty; it is left, top, right, bottom, with left below right and top below bottom")
    found = _opened(template, subjects, given)
    width, height = found.picture.size
    box = (
        math.floor(left * width / SCALE),
        math.floor(top * height / SCALE),
        math.ceil(right * width / SCALE),
        math.ceil(bottom * height / SCALE),
    )
    _check_shape(box)
    part = scaled(found.picture.crop(box), template.tools.longest_side)
    return _seen(found, box, part, f"the box {_whole(left, top, right, bottom)}")


def _zoom(template: Template, subjects: Sequence[Subject], given: Arguments) -> Seen:
    x, y = given.numbers("at", 2, low=0, high=SCALE)
    times = given.number("times", low=1, high=MOST_TIMES)
    found = _opened(template, subjects, given)
    box = _around(found.picture.size, x / SCALE, y / SCALE, times)
    _check_shape(box)
    part = found.picture.crop(box)
    longest = min(template.tools.longest_side, max(found.picture.size))
    enlarged = part.resize(_at(part.size, longest), Image.Resampling.BICUBIC)
    return _seen(found, box, enlarged, f"{times:g} times around {_whole(x, y)}")


def _frame(template: Template, subjects: Sequence[Subject], given: Arguments) -> Seen:
    found = _opened(template, subjects, given)
    return _seen(found, None, scaled(found.picture, template.tools.longest_side), "the whole frame")


def _calculate(template: Template, subjects: Sequence[Subject], given: Arguments) -> Seen:
    expression = given.text("expression", longest=arithmetic.LONGEST)
    given.finish()
    return Seen(f"{shortened(expression, arithmetic.LONGEST)} = {arithmetic.worked_out(expression):.12g}")


_HOW: Mapping[str, Callable[[Template, Sequence[Subject], Arguments], Seen]] = {
    CROP: _crop,
    ZOOM: _zoom,
    FRAME: _frame,
    CALCULATE: _calculate,
}


def _seen(found: _Opened, box: Box | None, picture: Image.Image, what: str) -> Seen:
    width, height = found.picture.size if box is None else (box[2] - box[0], box[3] - box[1])
    moment = "" if found.time_us is None else f" at {found.time_us / 1e6:.3f} seconds"
    shown = f"shown at {picture.width} × {picture.height}"
    told = f"{found.place}{moment}, {what}: {width} × {height} pixels of it, {shown}."
    return Seen(told, picture, found.file.digest, found.place, box, found.time_us)


# -- what is looked at ------------------------------------------------------------------------------------------------


def _opened(template: Template, subjects: Sequence[Subject], given: Arguments) -> _Opened:
    """The picture that a call names, decoded; of a video the frame that is shown at a moment."""
    kind = "video" if template.media == "video" else "image"
    file, place = _file(template, subjects, given, kind)
    if kind == "image":
        given.finish()
        return _Opened(read_picture(file.path), file, place)
    second = given.number("second", low=0, high=file.duration_us / 1e6)
    given.finish()
    if not file.path.exists():
        raise ValueError(f"the file {file.path.name} is not in the media storage")
    (frame,) = frames_at(file.path, [round(second * 1e6)])
    return _Opened(frame.image, file, place, frame.time_us)


def _file(template: Template, subjects: Sequence[Subject], given: Arguments, kind: str) -> tuple[MediaFile, str]:
    if template.media == "edit" and given.is_text(kind, SOURCE):
        files, place = subjects[0].roles.get(SOURCE, ()), "Source image"
    else:
        number = given.whole(kind, low=1, high=len(subjects))
        files, place = subjects[number - 1].media, noun(template)
        place = place if len(subjects) == 1 else f"{place} {number}"
    part = given.whole("part", 1, low=1, high=len(files))
    return files[part - 1], place if len(files) == 1 else f"{place}, part {part}"


# -- sizes ------------------------------------------------------------------------------------------------------------


def _check_shape(box: Box) -> None:
    width, height = box[2] - box[0], box[3] - box[1]
    if min(width, height) < LEAST_SIDE or max(width, height) > MOST_STRETCHED * min(width, height):
        raise Misused(
            f"that is {width} × {height} pixels, too little to be shown; take at least {LEAST_SIDE} each way, and no "
            f"side more than {MOST_STRETCHED} times the other"
        )


def _around(size: tuple[int, int], x: float, y: float, times: float) -> Box:
    """The box of a picture around a point that is as many times smaller, moved to lie within the picture.

    >>> _around((400, 200), 0.5, 0.5, 2)
    (100, 50, 300, 150)
    >>> _around((400, 200), 1.0, 0.0, 4)
    (300, 0, 400, 50)
    """
    spans = []
    for side, share in zip(size, (x, y), strict=True):
        length = max(round(side / times), 1)
        start = min(max(round(share * side - length / 2), 0), side - length)
        spans.append((start, start + length))
    (left, right), (top, bottom) = spans
    return left, top, right, bottom


def _at(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """The same shape with the longer side so many pixels."""
    width, height = (max(1, round(side * longest / max(size))) for side in size)
    return width, height


def _whole(*places: float) -> str:
    return "[" + ", ".join(f"{place:g}" for place in places) + "]"
