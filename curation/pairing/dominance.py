"""Dominance over groups of criteria: a winner that is worse in nothing. Plain code in columns.

Candidates carry, beside the usual columns, `theta_0 … theta_{K-1}` (one value a group, higher is better, never null)
and `spread_0 … spread_{K-1}` (the standard error of each, 0 where nobody stated one).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import ndtr

Floats = npt.NDArray[np.float64]

_COUPLES_AT_ONCE = 2_000_000


def oriented(candidates: pl.DataFrame, tolerances: Sequence[float], *, by_value: bool) -> pl.DataFrame:
    """Every two samples of each prompt once, turned so that the one that leads is chosen.

    Args:
        candidates: prompt_id, sample_id, may_be_chosen, may_be_rejected, theta_k, spread_k, and value if `by_value`.
        tolerances: of each group, 0 or above: a difference up to this is none.
        by_value: whether the value leads; otherwise the share of groups in which a sample is ahead by more than the
            tolerance, less the share in which it is behind by more.

    Returns:
        prompt_id, chosen_id, rejected_id, gap (what the lead is measured by, 0 or above: of equals the one with the
        smaller id stands first), allowed (both may take their side), and for each group gap_k and spread_k (of the
        difference: the root of the sum of the two squares; the two are taken as independent).
    """
    groups = len(tolerances)
    columns = ["sample_id", "may_be_chosen", "may_be_rejected", *(["value"] if by_value else [])]
    columns += [f"{what}_{k}" for k in range(groups) for what in ("theta", "spread")]
    here = candidates.select("prompt_id", *columns)
    both = here.join(here, on="prompt_id", suffix="_b").filter(pl.col("sample_id") < pl.col("sample_id_b"))
    gaps = [(pl.col(f"theta_{k}") - pl.col(f"theta_{k}_b")).alias(f"gap_{k}") for k in range(groups)]
    spreads = [(pl.col(f"spread_{k}") ** 2 + pl.col(f"spread_{k}_b") ** 2).sqrt() for k in range(groups)]
    both = both.with_columns(*gaps).with_columns(
        *[spread.alias(f"sd_{k}") for k, spread in enumerate(spreads)],
        lead=pl.col("value") - pl.col("value_b") if by_value else _net_share(tolerances),
    )
    return _turned(both, groups).sort("prompt_id", "chosen_id", "rejected_id")


def _net_share(tolerances: Sequence[float]) -> pl.Expr:
    gaps = [(pl.col(f"gap_{k}"), tolerance) for k, tolerance in enumerate(tolerances)]
    signs = [gap.sign() * (gap.abs() > tolerance).cast(pl.Float64) for gap, tolerance in gaps]
    return pl.sum_horizontal(signs) / len(tolerances)


def _turned(both: pl.DataFrame, groups: int) -> pl.DataFrame:
    first_leads = pl.col("lead") >= 0
    sign = pl.when(first_leads).then(1.0).otherwise(-1.0)
    straight = pl.col("may_be_chosen") & pl.col("may_be_rejected_b")
    crossed = pl.col("may_be_chosen_b") & pl.col("may_be_rejected")
    return both.select(
        "prompt_id",
        chosen_id=pl.when(first_leads).then("sample_id").otherwise("sample_id_b"),
        rejected_id=pl.when(first_leads).then("sample_id_b").otherwise("sample_id"),
        gap=pl.col("lead").abs(),
        allowed=pl.when(first_leads).then(straight).otherwise(crossed),
        **{f"gap_{k}": pl.col(f"gap_{k}") * sign for k in range(groups)},
        **{f"sd_{k}": f"sd_{k}" for k in range(groups)},
    )


def is_not_worse(tolerances: Sequence[float]) -> pl.Expr:
    """Whether the chosen one is behind by no more than the tolerance in any group."""
    return pl.all_horizontal(*[pl.col(f"gap_{k}") >= -tolerance for k, tolerance in enumerate(tolerances)])


def is_better_somewhere(groups: int) -> pl.Expr:
    return pl.any_horizontal(*[pl.col(f"gap_{k}") > 0 for k in range(groups)])


def certainty(couples: pl.DataFrame, tolerances: Sequence[float]) -> pl.Series:
    """The least probability, over the groups, that the chosen one is not worse by more than the tolerance.

    The difference of two values is taken as normal about what was seen, with the spread of the difference:
    P = Φ((gap + tolerance) / spread). Without a spread nothing is uncertain, and P is 1 or 0 as the hard rule says.

    Args:
        couples: gap_k and sd_k for each group.
        tolerances: δ of each group, 0 or above, in the unit of its values.

    Returns:
        Float64, 0 to 1, one a row.
    """
    least = np.ones(couples.height)
    for k, tolerance in enumerate(tolerances):
        ahead = couples[f"gap_{k}"].to_numpy() + tolerance
        least = np.minimum(least, _probability(ahead, couples[f"sd_{k}"].to_numpy()))
    return pl.Series("certainty", least, dtype=pl.Float64)


def _probability(ahead: Floats, spread: Floats) -> Floats:
    known = spread > 0
    scaled = np.divide(ahead, spread, out=np.zeros_like(ahead), where=known)
    return np.where(known, ndtr(scaled), (ahead >= 0).astype(np.float64))


def front(candidates: pl.DataFrame, groups: int) -> pl.DataFrame:
    """The samples of each prompt that no other sample of it dominates: the Pareto front.

    One dominates another when it is worse in no group and better in at least one; equals do not.

    Returns:
        prompt_id, sample_id, sorted.
    """
    here = candidates.select("prompt_id", "sample_id", *[f"theta_{k}" for k in range(groups)])
    meeting = pl.len().over("prompt_id").cast(pl.Int64).cum_sum() // _COUPLES_AT_ONCE
    parts = here.with_columns(batch=meeting).partition_by("batch", include_key=False, maintain_order=True)
    beaten = pl.concat([here.select("sample_id").clear(), *(_beaten(part, here, groups) for part in parts)])
    staying = here.join(beaten, on="sample_id", how="anti")
    return staying.select("prompt_id", "sample_id").sort("prompt_id", "sample_id")


def _beaten(part: pl.DataFrame, everybody: pl.DataFrame, groups: int) -> pl.DataFrame:
    """Those of the part that somebody of their prompt dominates: sample_id, each once."""
    both = part.join(everybody, on="prompt_id", suffix="_b").filter(pl.col("sample_id") != pl.col("sample_id_b"))
    ahead = [pl.col(f"theta_{k}_b") - pl.col(f"theta_{k}") for k in range(groups)]
    worse = both.filter(pl.all_horizontal(*[gap >= 0 for gap in ahead]), pl.any_horizontal(*[gap > 0 for gap in ahead]))
    return worse.select("sample_id").unique()
