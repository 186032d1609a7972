"""Frames of a video for scorers, chosen by time, the same ones every time.

A scorer asks for times, by one of the two rules below, and gets the frame that a player shows at each. Rules go
by time and not by frame number, so that two videos of one scene at 16 and at 24 frames a second are looked at in
the same moments. `frames_chosen` is for the models whose authors have it otherwise.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from PIL import Image

from curation.media.video import frames_stated, opened, timed_frames, upright

# Numbers of the wanted frames, counted from 0, out of how many there are (at least 1) and how many pass in a second.
FrameRule = Callable[[int, Fraction], Sequence[int]]


@dataclass(frozen=True)
class Frame:
    """One frame as it is shown: upright RGB, with the time at which it appears."""

    time_us: int
    image: Image.Image


def uniform_times(duration_us: int, count: int) -> list[int]:
    """The middles of `count` equal parts of the duration, in microseconds.

    Middles, because first and last frames are often black.

    Raises:
        ValueError: the duration or the count is below 1.

    Example:
        >>> uniform_times(8_000_000, 4)
        [1000000, 3000000, 5000000, 7000000]
    """
    if count < 1 or duration_us < 1:
        raise ValueError(f"{count} frames of {duration_us} microseconds: both must be at least 1.")
    return [duration_us * (2 * part + 1) // (2 * count) for part in range(count)]


def fixed_rate_times(duration_us: int, frames_per_second: float, *, at_most: int) -> list[int]:
    """Times from 0 on at a fixed rate, in microseconds, all before the end.

    Where that gives more than `at_most`, `uniform_times` of `at_most` instead: the end of a long video counts too.

    Raises:
        ValueError: the duration, the rate or `at_most` is not positive.

    Example:
        >>> fixed_rate_times(1_000_000, 2, at_most=64)
        [0, 500000]
    """
    if frames_per_second <= 0 or at_most < 1 or duration_us < 1:
        raise ValueError(
            f"{frames_per_second} frames a second of {duration_us} microseconds, at most {at_most}:"
            " all must be positive."
        )
    step = 1_000_000 / Fraction(frames_per_second)
    count = -(-duration_us // step)
    if count > at_most:
        return uniform_times(duration_us, at_most)
    return [int(step * k) for k in range(count)]


def frames_at(path: Path, times_us: Sequence[int]) -> list[Frame]:
    """The frame shown at each time; a time past the end gives the last frame, one before 0 the first.

    Decodes from the beginning to the last time asked for, without seeking: the answer never depends on where
    key frames lie.

    Args:
        path: a video that has been taken in.
        times_us: microseconds, in any order; the answer has the same order and length.

    Raises:
        MediaRefused: the file cannot be decoded.
    """
    order = sorted(range(len(times_us)), key=lambda k: times_us[k])
    shown: dict[int, Frame] = {}
    with opened(path, path.name) as (container, stream):
        last = None
        for timed in timed_frames(container, stream, path.name):
            last = timed
            due = [k for k in order[len(shown) :] if times_us[k] < timed.end_us]
            if due:
                frame = Frame(timed.time_us, upright(timed.frame))
                shown.update(dict.fromkeys(due, frame))
            if len(shown) == len(order):
                break
        if last is not None and len(shown) < len(order):
            frame = Frame(last.time_us, upright(last.frame))
            shown.update(dict.fromkeys(order[len(shown) :], frame))
    return [shown[k] for k in range(len(times_us))]


def frames_chosen(path: Path, choose: FrameRule) -> list[Frame]:
    """The frames whose numbers a rule chooses, for models that were trained to look at numbered frames.

    How many frames there are is known for certain only at the end: the container's word is taken, and the video is
    read a second time where that was wrong.

    Args:
        path: a video that has been taken in.
        choose: the rule; the answer has its order and length.

    Raises:
        ValueError: the rule refuses the video.
        MediaRefused: the file cannot be decoded.
    """
    with opened(path, path.name) as (container, stream):
        count, rate = frames_stated(container, stream)
    wanted = list(choose(count, rate)) if count else []
    kept, found = _numbered(path, wanted)
    if found != count:
        wanted = list(choose(found, rate))
        kept, _found = _numbered(path, wanted)
    return [kept[number] for number in wanted]


def _numbered(path: Path, wanted: Sequence[int]) -> tuple[dict[int, Frame], int]:
    """The wanted frames by number, those past the end left out, and how many frames there are."""
    numbers, kept, count = set(wanted), {}, 0
    with opened(path, path.name) as (container, stream):
        for number, timed in enumerate(timed_frames(container, stream, path.name)):
            count = number + 1
            if number in numbers:
                kept[number] = Frame(timed.time_us, upright(timed.frame))
    return kept, count
