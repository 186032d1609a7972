"""Which of two rewrites of one prompt is the better: the one whose answers do better under the original.

A prompt optimiser is trained on pairs of rewrites. What a rewrite is worth is decided by its samples, judged against
the original prompt: by the mean of a score, or by how often they win against samples of the other rewrites.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean, stdev

# What a prompt can be of another. Contrasts ask for something else, so they are no rewrites of it.
REWRITES = ("rewrite", "expansion", "translation")
CONTRAST = "contrast"
RELATIONS = (*REWRITES, CONTRAST)


@dataclass(frozen=True)
class Worth:
    """What one rewrite (or the original itself) is worth.

    Args:
        mean: of its samples' values, in the unit of the score or the share of wins.
        error: standard error of the mean; None for a single sample.
        samples: how many values there are, at least 1.
    """

    prompt_id: int
    mean: float
    error: float | None
    samples: int


@dataclass(frozen=True)
class RewritePair:
    """Two wordings for one original, the better first.

    Args:
        gap: the difference of their means, above 0.
        sigmas: the gap over its standard error; None where an error is unknown or both are 0.
    """

    original_id: int
    chosen: Worth
    rejected: Worth
    gap: float
    sigmas: float | None


def worths(values: Mapping[int, Sequence[float]]) -> list[Worth]:
    """What each prompt's samples come to, by id; prompts without a value are left out.

    Args:
        values: finite values of samples by the prompt they were made for.
    """
    return [
        Worth(prompt, fmean(own), stdev(own) / math.sqrt(len(own)) if len(own) > 1 else None, len(own))
        for prompt, own in sorted(values.items())
        if own
    ]


def pairs(
    original_id: int,
    found: Sequence[Worth],
    *,
    min_gap: float = 0.0,
    min_samples: int = 1,
    higher_is_better: bool = True,
) -> list[RewritePair]:
    """Every two wordings whose means differ by more than a gap, the widest gap first.

    Args:
        found: one a wording of the original, the original itself among them where it has samples.
        min_gap: in the unit of the means; a pair's gap must be greater.
        min_samples: wordings with fewer samples take no part.
    """
    able = [one for one in found if one.samples >= min_samples]
    made = []
    for one, other in combinations(able, 2):
        better, worse = (one, other) if (one.mean > other.mean) == higher_is_better else (other, one)
        gap = abs(better.mean - worse.mean)
        if gap > min_gap and better.mean != worse.mean:
            made.append(RewritePair(original_id, better, worse, gap, _sigmas(gap, better, worse)))
    return sorted(made, key=lambda pair: (-pair.gap, pair.chosen.prompt_id, pair.rejected.prompt_id))


def _sigmas(gap: float, one: Worth, other: Worth) -> float | None:
    if one.error is None or other.error is None:
        return None
    error = math.hypot(one.error, other.error)
    return gap / error if error else None
