"""Films that should not fool a scorer: frozen, shuffled, backwards; and copies of a film.

Every film of a suite, the genuine one included, is made of the same frames by the same coder, so that nothing but what
a probe changes is different.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import av
import numpy as np
from PIL import Image

from curation.media.frames import frames_at, uniform_times
from scoring.probes import pictures
from scoring.scorers.base import MediaFile

Frames = Sequence[Image.Image]

FRAMES = 24
FRAMES_A_SECOND = 8
LONGEST_SIDE = 384
BITS_A_SECOND = 2_000_000
_ORDER_SEED = 41


def frames_of(file: MediaFile) -> list[Image.Image]:
    """24 frames at the middles of equal parts of the film, even sides of at most 384 pixels.

    Raises:
        ValueError: the film cannot be decoded.
    """
    taken = frames_at(file.path, uniform_times(file.duration_us, FRAMES))
    return [_even(pictures.within(frame.image, LONGEST_SIDE)) for frame in taken]


def _even(picture: Image.Image) -> Image.Image:
    """The coder wants even sides."""
    return picture.crop((0, 0, max(picture.width // 2 * 2, 2), max(picture.height // 2 * 2, 2)))


def _shuffled(frames: Frames) -> Frames:
    order = np.random.default_rng(_ORDER_SEED).permutation(len(frames))
    return [frames[place] for place in order]


def _each(change: Callable[[Image.Image], Image.Image]) -> Callable[[Frames], Frames]:
    return lambda frames: [change(frame) for frame in frames]


def _noise(frames: Frames) -> Frames:
    return [pictures.noise(frame.size, seed=number) for number, frame in enumerate(frames)]


CHANGES: Mapping[str, Callable[[Frames], Frames]] = {
    "genuine": lambda frames: frames,
    "coarse": lambda frames: frames,
    "wrong_prompt": lambda frames: frames,
    "black": _each(lambda frame: Image.new("RGB", frame.size, "black")),
    "noise": _noise,
    "brightened": _each(pictures.brightened),
    "blurred": _each(pictures.blurred),
    "banner": _each(pictures.with_banner),
    "frozen": lambda frames: [frames[0]] * len(frames),
    "shuffled": _shuffled,
    "reversed": lambda frames: list(reversed(frames)),
}


def rate(probe: str) -> int:
    """Bits a second at which the film of a probe is coded."""
    return BITS_A_SECOND // 10 if probe == "coarse" else BITS_A_SECOND


def filmed(frames: Frames, path: Path, bits_a_second: int = BITS_A_SECOND) -> None:
    """Writes the frames as a WebM film; one thread and no random number in the container, so that the same frames give
    the same bytes: a judge who was paid for a film once is not paid again."""
    with av.open(str(path), "w", options={"fflags": "bitexact"}) as container:
        stream = container.add_stream(
            "libvpx", rate=FRAMES_A_SECOND, options={"threads": "1", "deadline": "realtime", "cpu-used": "8"}
        )
        stream.width, stream.height = frames[0].size
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = bits_a_second
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_image(frame)))
        container.mux(stream.encode())


def duration_us(frames: Frames) -> int:
    return len(frames) * 1_000_000 // FRAMES_A_SECOND
