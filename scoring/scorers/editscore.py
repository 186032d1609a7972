"""EditScore: how well an edit follows its instruction and how well it is made, from what a tuned model writes.

A model is shown source and edit, and asked for two scores from 0 to 25, success and restraint; and is shown the edit
(or both) and asked for two more, naturalness and freedom from artefacts. The smaller of each two, over 2.5, is SC and
PQ, and the score is √(SC · PQ), 0 to 10. A model that draws its answers is asked K times (self-ensemble).

Source: Luo et al., "EditScore: Unlocking Online RL for Image Editing via High-Fidelity Reward Modeling", 2025;
VectorSpaceLab/EditScore (`evaluate`, `batch_evaluate`). Their fallback of 12.5 for an answer that cannot be read is not
followed: such an answer is the sample's failure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import sqrt

import numpy as np

from scoring.judges.base import Question, Reply, Template, Verdict
from scoring.scorers.base import Decoded, Item, Json, Reading, Result, ScorerFacts
from scoring.scorers.written import MOST_PASSES, Speaker, Written, decoded_as, rendered, whole, wording

FOLLOWING, QUALITY = "editscore-following", "editscore-quality"
AVERAGE_LAST, AVERAGE_FIRST = "average_last", "average_first"
EDIT, BOTH = "edit", "both"
WHERE = (
    "EditScore/EditScore-7B and others, adapters for Qwen2.5-VL and Qwen3-VL: name the model in “source” and one of "
    "them in “adapter”"
)


@dataclass(frozen=True)
class Pass:
    """What one pass says, each number 0 to 10."""

    seed: int
    following: float
    quality: float

    @property
    def overall(self) -> float:
        return sqrt(self.following * self.quality)


def ensembled(passes: Sequence[Pass], rule: str) -> dict[str, Result]:
    """The three numbers of K ≥ 1 passes, and their standard deviation over the passes where there are several.

    `average_last`: the mean of √(SC_k · PQ_k). `average_first`: √(mean SC · mean PQ), no smaller by the inequality of
    Cauchy and Schwarz; its spread is that of the passes' own √(SC_k · PQ_k).

    >>> two = [Pass(42, 4.0, 9.0), Pass(43, 9.0, 4.0)]
    >>> ensembled(two, AVERAGE_LAST)["editscore"].value, ensembled(two, AVERAGE_FIRST)["editscore"].value
    (6.0, 6.5)
    """
    following, quality, overall = (
        np.array([getattr(one, name) for one in passes]) for name in ("following", "quality", "overall")
    )
    # Rounding must not carry a mean of tens over ten.
    first = min(sqrt(following.mean() * quality.mean()), 10.0)
    value = first if rule == AVERAGE_FIRST else min(float(overall.mean()), 10.0)
    return {
        "editscore": Result(value, _spread(overall)),
        "editscore_following": Result(min(float(following.mean()), 10.0), _spread(following)),
        "editscore_quality": Result(min(float(quality.mean()), 10.0), _spread(quality)),
    }


def _spread(values: np.ndarray) -> float | None:
    return float(values.std()) if len(values) > 1 else None


class EditScore(Written):
    """Asks a model in this process, on a GPU where there is one, or at an address."""

    def __init__(
        self,
        facts: ScorerFacts,
        *,
        source: str,
        adapter: str,
        endpoint: str,
        model: str,
        passes: str,
        ensemble: str,
        quality_sees: str,
        seed: str,
        precision: str,
    ) -> None:
        speaker = Speaker(source, endpoint, model, precision, whose="EditScore", where=WHERE, adapter=adapter)
        super().__init__(facts, speaker)
        self._passes = whole(passes, "passes", low=1, high=MOST_PASSES)
        self._seed = whole(seed, "seed", low=0, high=2**31 - 1 - MOST_PASSES)
        self._ensemble = ensemble
        self._sees = quality_sees

    @cached_property
    def _templates(self) -> tuple[Template, Template]:
        """What is asked about following and about quality."""
        following, quality = self.worded(FOLLOWING), self.worded(QUALITY)
        if self._sees == BOTH:
            quality = replace(quality, media="edit", body=quality.body.replace("{media}", "{source}{media}", 1))
        seeded = [decoded_as(one, lambda decoding: replace(decoding, seed=self._seed)) for one in (following, quality)]
        return seeded[0], seeded[1]

    def load(self) -> None:
        self._templates  # noqa: B018 - a wrong wording is said before gigabytes are read
        super().load()

    def identity_parts(self) -> dict[str, Json]:
        scale = f"√(SC · PQ), 0 to 10, {self._ensemble} of {self._passes} passes, quality sees {self._sees}"
        return {**self.model_parts(self._templates), "scale": scale}

    def prepare(self, item: Item, decoded: Decoded) -> tuple[Question, ...]:
        """All passes on following, then all on quality."""
        return tuple(question for one in self._templates for question in rendered(one, item, self._passes))

    def called(self, asked: Sequence[Question], place: int) -> str:
        kind = "following" if place < self._passes else "quality"
        number = place % self._passes
        return f"pass {number + 1} of {self._passes} on {kind} (seed {self._seed + number})"

    def read(self, item: Item, asked: Sequence[Question], replies: Sequence[Reply]) -> Reading:
        following, quality = self._templates
        said = [
            (
                self.verdict(following, asked, replies, number),
                self.verdict(quality, asked, replies, self._passes + number),
            )
            for number in range(self._passes)
        ]
        passes = [
            Pass(
                self._seed + number,
                one.scores["editscore_following"].value,
                other.scores["editscore_quality"].value,
            )
            for number, (one, other) in enumerate(said)
        ]
        detail: dict[str, Json] = {
            "passes": [
                {
                    **_explained(one, *said[number]),
                    "replies": [replies[number].text, replies[self._passes + number].text],
                }
                for number, one in enumerate(passes)
            ],
            "ensemble": self._ensemble,
            "quality_sees": self._sees,
            "template": [wording(one) for one in self._templates],
        }
        return Reading(ensembled(passes, self._ensemble), detail)


def _explained(one: Pass, following: Verdict, quality: Verdict) -> dict[str, Json]:
    """A pass with the four scores it comes from, 0 to 25."""
    return {
        "seed": one.seed,
        "overall": one.overall,
        "following": one.following,
        "quality": one.quality,
        "parts": {**_parts(following), **_parts(quality)},
    }


def _parts(verdict: Verdict) -> dict[str, Json]:
    found = verdict.detail.get("parts")
    return dict(found) if isinstance(found, dict) else {}
