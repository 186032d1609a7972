"""VideoScore2: three whole numbers from 1 to 5 that a tuned model writes after its reasons, and how sure it was.

Beside each number stands its “soft” one: the likeliest digit times its probability among the digits 1 to 5, after the
temperature that the answer was drawn at. It is no expectation, and 0.2 · 5 and 1.0 · 1 are the same.

Source: He et al., "VideoScore2: Think before You Score in Generative Video Evaluation", 2025;
TIGER-AI-Lab/VideoScore2, `eval/eval_methods/vs2_float.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from scoring.judges.base import Malformed, Question, Reply, Template, Verdict
from scoring.scorers.base import Decoded, Item, Json, MediaFile, Reading, Result, ScorerFacts, ScorerUnavailable
from scoring.scorers.written import MOST_PASSES, Speaker, Written, decoded_as, rendered, whole, wording

TEMPLATE = "videoscore2-points"
CRITERIA = ("videoscore2_quality", "videoscore2_alignment", "videoscore2_consistency")
LOWEST, HIGHEST = 1, 5
LEAST_FRAMES, MOST_FRAMES = 4, 256
WHERE = "TIGER-Lab/VideoScore2, whole, a Qwen2.5-VL-7B"


def frames_of(duration_us: int, rate: float, most: int) -> int:
    """How many frames are shown of a video: its length times the rate, an even number from 4 to `most`.

    >>> frames_of(5_062_500, 2.0, 64), frames_of(500_000, 2.0, 64), frames_of(60_000_000, 2.0, 64)
    (10, 4, 64)
    """
    even = 2 * math.floor(duration_us / 1_000_000 * rate / 2)
    return max(LEAST_FRAMES, min(even, most))


class VideoScore2(Written):
    """Asks a model in this process, on a GPU where there is one, or at an address."""

    def __init__(
        self,
        facts: ScorerFacts,
        *,
        source: str,
        endpoint: str,
        model: str,
        passes: str,
        seed: str,
        rate: str,
        most_frames: str,
        precision: str,
    ) -> None:
        super().__init__(facts, Speaker(source, endpoint, model, precision, whose="VideoScore2", where=WHERE))
        self._passes = whole(passes, "passes", low=1, high=MOST_PASSES)
        self._seed = whole(seed, "seed", low=0, high=2**31 - 1 - MOST_PASSES)
        self._most = whole(most_frames, "most_frames", low=LEAST_FRAMES, high=MOST_FRAMES)
        self._rate = _rate(rate)

    @cached_property
    def _template(self) -> Template:
        return decoded_as(self.worded(TEMPLATE), lambda decoding: replace(decoding, seed=self._seed))

    def load(self) -> None:
        self._template  # noqa: B018 - a wrong wording is said before gigabytes are read
        self.require_probabilities()
        super().load()

    def identity_parts(self) -> dict[str, Json]:
        return {
            **self.model_parts([self._template]),
            "scale": f"digits 1 to 5; likeliest digit times its probability; mean of {self._passes} passes",
            "frames": f"{self._rate:g} a second, an even number from {LEAST_FRAMES} to {self._most}, at the middles "
            "of equal parts, shown as pictures",
        }

    def prepare(self, item: Item, decoded: Decoded) -> tuple[Question, ...]:
        film = _only_video(item)
        shown = replace(self._template.pictures, frames=frames_of(film.duration_us, self._rate, self._most))
        return tuple(rendered(replace(self._template, pictures=shown), item, self._passes))

    def called(self, asked: Sequence[Question], place: int) -> str:
        return f"pass {place + 1} of {self._passes} (seed {self._seed + place})"

    def read(self, item: Item, asked: Sequence[Question], replies: Sequence[Reply]) -> Reading:
        said = [self.verdict(self._template, asked, replies, number) for number in range(self._passes)]
        digits = [[self._digit(asked, number, one, key) for key in CRITERIA] for number, one in enumerate(said)]
        soft = [[one.scores[key].value for key in CRITERIA] for one in said]
        results = {
            **_averaged(CRITERIA, np.array(digits, float)),
            **_averaged([f"{key}_soft" for key in CRITERIA], np.array(soft)),
        }
        detail: dict[str, Json] = {
            "passes": [
                {
                    "seed": self._seed + number,
                    "digits": dict(zip(CRITERIA, digits[number], strict=True)),
                    "distribution": one.detail["distribution"],
                    "reply": replies[number].text,
                }
                for number, one in enumerate(said)
            ],
            "frames": asked[0].pictures.frames,
            "template": wording(self._template),
        }
        return Reading(results, detail)

    def _digit(self, asked: Sequence[Question], place: int, verdict: Verdict, key: str) -> int:
        """The whole number that was written."""
        said = verdict.detail.get("said")
        word = str(said.get(key)) if isinstance(said, dict) else ""
        if not word.isdecimal() or not LOWEST <= int(word) <= HIGHEST:
            raise Malformed(f"{self.called(asked, place)}: “{word}” is no whole number from {LOWEST} to {HIGHEST}")
        return int(word)


def _averaged(keys: Sequence[str], values: np.ndarray) -> dict[str, Result]:
    """Of values (passes, keys): the mean over the passes, and the standard deviation where there are several."""
    spreads = values.std(axis=0).tolist() if len(values) > 1 else [None] * len(keys)
    means = values.mean(axis=0).tolist()
    return {key: Result(mean, spread) for key, mean, spread in zip(keys, means, spreads, strict=True)}


def _only_video(item: Item) -> MediaFile:
    if len(item.media) != 1:
        raise ValueError(f"the sample has {len(item.media)} media; VideoScore2 is asked about one video")
    return item.media[0]


def _rate(stated: str) -> float:
    try:
        rate = float(stated)
    except ValueError:
        rate = math.nan
    if not 0.1 <= rate <= 30:
        raise ScorerUnavailable(f"The setting “rate” is a number of frames a second from 0.1 to 30, not “{stated}”.")
    return rate
