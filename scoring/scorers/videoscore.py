"""VideoScore: five numbers for a generated video, by a regression on what Idefics2 makes of its frames and prompt.

Source: He et al., "VideoScore: Building Automatic Metrics to Simulate Fine-grained Human Feedback for Video
Generation", EMNLP 2024; TIGER-AI-Lab/VideoScore (frames, order of the numbers), mantis-vl 0.0.5 (the regression).

The question that the model was trained on is part of that model. Where it is not beside the weights
(`videoscore_template.txt`), the question is our own wording, and every score says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from scoring import weights
from scoring.scorers.base import (
    Decoded,
    Item,
    ItemError,
    Json,
    Outcome,
    Reading,
    Result,
    Scorer,
    ScorerFacts,
    ScorerUnavailable,
)
from scoring.scorers.device import bytes_of, device, dtype_of, memory_watched
from scoring.scorers.fitted import digest_of_files
from scoring.scorers.idefics2_model import IMAGE, PATTERNS, Idefics2Regression, marks_of, processor_of
from scoring.scorers.unpinned import named

if TYPE_CHECKING:
    from curation.media.frames import Frame

TEMPLATE = "videoscore_template.txt"
PROMPT, THEIR_PROMPT = "{prompt}", "{text_prompt}"
OWN_TEMPLATE = (
    "These are frames of a video that was generated from a text. Rate the video from 1.0 (bad) to 4.0 (like a real "
    "one) on five points: visual quality, temporal consistency, dynamic degree, text-to-video alignment, factual "
    'consistency.\nThe text is "{prompt}" and the frames are:\n'
)
OWN, GIVEN, TRAINED = (
    "own wording, not the one the model was trained on",
    "given as a setting",
    "from the folder of the weights",
)
# In the order in which the model gives them.
CRITERIA = (
    "videoscore_visual",
    "videoscore_temporal",
    "videoscore_dynamic",
    "videoscore_alignment",
    "videoscore_factual",
)
MOST_FRAMES = 48


@dataclass(frozen=True)
class Watched:
    """The frames of one video with the times at which they are shown, in microseconds, and the question about them."""

    times_us: tuple[int, ...]
    frames: tuple[Image.Image, ...]
    text: str


class VideoScore(Scorer[tuple[Watched, ...]]):
    """Runs on a GPU where there is one, on the CPU otherwise; one video at a time, so that nothing is padded."""

    def __init__(self, facts: ScorerFacts, *, source: str, frames: str, template: str, precision: str) -> None:
        super().__init__(facts)
        if not frames.isdecimal() or not 1 <= int(frames) <= MOST_FRAMES:
            raise ScorerUnavailable(f"The setting “frames” is a number from 1 to {MOST_FRAMES}, not “{frames}”.")
        self._source = source
        self._most = int(frames)
        self._rule = partial(evenly_from_the_first, most=self._most)
        self._given = template
        self._precision = precision

    @cached_property
    def _folder(self) -> Path:
        where = "TIGER-Lab/VideoScore-v1.1 and TIGER-Lab/VideoScore, whole"
        return weights.folder_of(named(self._source, setting="source", whose="VideoScore", where=where), PATTERNS)

    @cached_property
    def _template(self) -> tuple[str, str]:
        """The question, and where its wording is from."""
        beside = self._folder / TEMPLATE
        if self._given:
            template, origin = self._given, GIVEN
        elif beside.is_file():
            template, origin = beside.read_text(encoding="utf-8"), TRAINED
        else:
            template, origin = OWN_TEMPLATE, OWN
        template = template.replace(THEIR_PROMPT, PROMPT)
        if template.count(PROMPT) != 1 or IMAGE in template:
            raise ScorerUnavailable(
                f"The template of VideoScore must hold {PROMPT} once and no {IMAGE}, which is added for each frame: "
                f"“{template}”."
            )
        return template, origin

    @cached_property
    def _processor(self) -> Any:
        return processor_of(self._folder)

    def load(self) -> None:
        self._template  # noqa: B018 - a wrong one is said before gigabytes are read
        self._model = Idefics2Regression(
            self._folder, self._processor, outputs=len(CRITERIA), device=device(), dtype=dtype_of(self._precision)
        )

    def bytes_held(self) -> int:
        return sum(bytes_of(module) for module in self._model.modules)

    @cached_property
    def _weights_digest(self) -> str:
        files = {file for pattern in PATTERNS for file in self._folder.glob(pattern) if file.name != TEMPLATE}
        return digest_of_files(sorted(files))

    def identity_parts(self) -> dict[str, Json]:
        template, origin = self._template
        return {
            "weights": self._weights_digest,
            "preprocessing": f"{type(self._processor.image_processor).__name__}, Pillow",
            "scale": "five regressed numbers, not rounded",
            "template": template,
            "template_origin": origin,
            "decoding": f"frames 0, s, 2s … for s = total / {self._most}, all where there are no more",
            "precision": self._precision,
        }

    def length(self, prepared: tuple[Watched, ...]) -> int:
        return sum(len(watched.frames) for watched in prepared)

    def prepare(self, item: Item, decoded: Decoded) -> tuple[Watched, ...]:
        return tuple(self._watched(frames, item.prompt_text) for frames in decoded.chosen_frames(self._rule))

    def _watched(self, frames: Sequence[Frame], prompt: str) -> Watched:
        times, pictures = [frame.time_us for frame in frames], [frame.image for frame in frames]
        return Watched(tuple(times), tuple(pictures), self._asked(prompt, len(frames)))

    def _asked(self, prompt: str, frames: int) -> str:
        """The question with the prompt in it; a mark of the model that a prompt spells is broken."""
        for mark in marks_of(self._processor):
            prompt = prompt.replace(mark, f"{mark[0]} {mark[1:]}")
        return self._template[0].replace(PROMPT, prompt) + f"{IMAGE} " * frames

    def score(self, items: Sequence[Item], prepared: Sequence[tuple[Watched, ...]]) -> list[Outcome]:
        return [self._outcome(videos) for videos in prepared]

    def _outcome(self, videos: Sequence[Watched]) -> Outcome:
        try:
            with memory_watched():
                found = np.array([self._model.numbers(watched.text, watched.frames) for watched in videos])  # (n, 5)
        except ValueError as error:
            return ItemError(str(error))
        spreads = found.std(axis=0).tolist() if len(videos) > 1 else [None] * len(CRITERIA)
        means = zip(CRITERIA, found.mean(axis=0).tolist(), spreads, strict=True)
        detail: dict[str, Json] = {
            "values": found.tolist(),
            "frames_us": [list(watched.times_us) for watched in videos],
            "template": self._template[1],
        }
        return Reading({key: Result(value, spread) for key, value, spread in means}, detail)


def evenly_from_the_first(total: int, rate: Fraction | None = None, *, most: int) -> list[int]:
    """The numbers 0, s, 2s, … below `total` for s = total / most, rounded down; all of them where there are no more.

    Args:
        total: frames of the video, at least 1.
        rate: frames a second, which does not matter here.
        most: frames that are looked at, at least 1.

    Source: TIGER-AI-Lab/VideoScore, README (`np.arange(0, total, total / most).astype(int)`).

    >>> evenly_from_the_first(10, most=4), evenly_from_the_first(3, most=4)
    ([0, 2, 5, 7], [0, 1, 2])
    """
    if total <= most:
        return list(range(total))
    # Rounding may give one number too many, which is the end and no frame.
    return [number for number in np.arange(0, total, total / most).astype(int).tolist() if number < total]
