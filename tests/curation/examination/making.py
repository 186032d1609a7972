"""Small evidence for tests of examinations: people, machines, prompts and samples by their numbers."""

from __future__ import annotations

import itertools

import polars as pl

from curation.examination import frames
from curation.examination.frames import Column, Evidence, Fitted

# Criterion versions of every making.
OVERALL, NOISE = 1, 2
MODEL, OTHER, JUDGE = 201, 202, 203


def column(rater: int, criterion: str = "overall", source: str = "scores", context: str = "") -> Column:
    return Column(rater, criterion, source, context)


class Making:
    """Collects rows. Sample s of prompt p is the number 10 p + s."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict]] = {name: [] for name in ("votes", "said", "scores", "ratings")}
        self.tags: dict[int, list[str]] = {}
        self.locales: dict[int, str] = {}
        self.generators: dict[int, str] = {}
        self.fitted: dict[int, Fitted] = {}
        self._acts = itertools.count(1)

    def vote(self, rater: int, prompt: int, left: int, right: int, outcome: str, **fields) -> int:
        """One comparison of a person; returns the id of its act."""
        act = fields.pop("judgement_id", None) or next(self._acts)
        row = {
            "judgement_id": act,
            "rater_id": rater,
            "left_id": 10 * prompt + left,
            "right_id": 10 * prompt + right,
            "prompt_id": prompt,
            "outcome": outcome,
            "strength": None,
            "is_implied": False,
            "context": None,
            "left_out": None,
        }
        self.rows["votes"].append(row | fields)
        return act

    def judge(self, rater: int, prompt: int, left: int, right: int, outcome: str, context: str | None = None) -> None:
        self.rows["said"].append(
            {
                "rater_id": rater,
                "criterion_id": OVERALL,
                "left_id": 10 * prompt + left,
                "right_id": 10 * prompt + right,
                "prompt_id": prompt,
                "outcome": outcome,
                "context": context,
            }
        )

    def score(self, rater: int, prompt: int, values: list[float], criterion: int = OVERALL, context=None) -> None:
        """A machine's scores of samples 0, 1, 2, … of a prompt."""
        self.rows["scores"] += self._scored(rater, prompt, values, criterion, context)

    def rate(self, rater: int, prompt: int, values: list[float]) -> None:
        """A person's ratings of samples 0, 1, 2, … of a prompt."""
        self.rows["ratings"] += self._scored(rater, prompt, values, OVERALL, None)

    def _scored(self, rater, prompt, values, criterion, context) -> list[dict]:
        return [
            {
                "rater_id": rater,
                "criterion_id": criterion,
                "sample_id": 10 * prompt + place,
                "prompt_id": prompt,
                "value": float(value),
                "context": context,
            }
            for place, value in enumerate(values)
        ]

    def evidence(self) -> Evidence:
        votes = pl.DataFrame(self.rows["votes"], schema=frames.VOTES)
        prompts = sorted(set(votes["prompt_id"]))
        samples = sorted(set(votes["left_id"]) | set(votes["right_id"]))
        return Evidence(
            votes=votes,
            said=pl.DataFrame(self.rows["said"], schema=frames.SAID),
            scores=pl.DataFrame(self.rows["scores"], schema=frames.SCORES),
            ratings=pl.DataFrame(self.rows["ratings"], schema=frames.SCORES),
            criteria=pl.DataFrame(
                [(OVERALL, "overall", True), (NOISE, "noise", False)], schema=frames.CRITERIA, orient="row"
            ),
            prompts=pl.DataFrame(
                [(one, self.tags.get(one, []), self.locales.get(one, "en")) for one in prompts],
                schema=frames.PROMPTS,
                orient="row",
            ),
            samples=pl.DataFrame(
                [(one, self.generators.get(one, f"g{one % 10}")) for one in samples],
                schema=frames.SAMPLES,
                orient="row",
            ),
            fitted=self.fitted,
        )
