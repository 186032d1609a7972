"""Whether a scorer ranks in one round as it ranked in another: rounds of the policy, or revisions of the scorer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import polars as pl

from curation.examination.correlations import kendall, spearman
from curation.recipes.signals.means import mean_by

# Fewer units than this have an order, not a rank agreement.
FEWEST = 3


@dataclass(frozen=True)
class RankAgreement:
    """How a rater's order of the same units goes together in two rounds.

    Args:
        rater: its name.
        first, second: the two rounds, or revisions.
        units: how many have values in both.
        spearman, kendall: −1 to 1 (tau-b); None with fewer than three shared units, or where all are equal in one.
    """

    rater: str
    first: str
    second: str
    units: int
    spearman: float | None
    kendall: float | None


def rank_agreement(values: pl.DataFrame) -> list[RankAgreement]:
    """The agreement of every two rounds of each rater, over the units that both hold.

    Args:
        values: rater (text), round (text or number), unit (what is ranked: a prompt, a generator, a sample), value.
            Several values of a unit in a round are averaged.

    Returns:
        One entry for each rater and two of its rounds, sorted by rater and round; entries without shared units too.

    Source: the coefficients of `curation.examination.correlations`.
    """
    means = mean_by(values, ["rater", "round", "unit"], "value")
    found = []
    for (rater,), rows in means.sort("rater", "round").partition_by("rater", as_dict=True, maintain_order=True).items():
        rounds = rows.partition_by("round", as_dict=True, maintain_order=True)
        for ((first,), a), ((second,), b) in combinations(rounds.items(), 2):
            found.append(_between(str(rater), (str(first), str(second)), a.join(b, on="unit").sort("unit")))
    return found


def _between(rater: str, rounds: tuple[str, str], shared: pl.DataFrame) -> RankAgreement:
    x, y = shared["value"].to_numpy(), shared["value_right"].to_numpy()
    known = len(shared) >= FEWEST
    rho, tau = (spearman(x, y), kendall(x, y)) if known else (math.nan, math.nan)
    return RankAgreement(rater, *rounds, len(shared), _or_none(rho), _or_none(tau))


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
