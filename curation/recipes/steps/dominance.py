"""Rules over groups of criteria: couples whose winner is worse in nothing, and the samples that nothing dominates."""

from collections.abc import Sequence

import polars as pl

from curation.pairing import dominance
from curation.recipes.funnel import Step, sift
from curation.recipes.histograms import histogram
from curation.recipes.model import Pairing
from curation.recipes.signals import Heard, hear_spread
from curation.recipes.signals.hearing import SPREADS
from curation.recipes.steps.couples import COUPLE, Paired, all_comparisons, valued, with_scores
from curation.recipes.steps.evidence import Read


def make(rule: Pairing, samples: pl.DataFrame, heard: dict[str, Heard], read: Read) -> Paired:
    """The couples of each prompt that dominate, hard or soft.

    Args:
        heard: `group:0`, `group:1`, … and, if the rule names it, `by`.
    """
    groups, by = [heard[f"group:{k}"] for k in range(len(rule.groups))], heard.get("by")
    candidates, missing = _with_groups(rule, samples, groups, by, read)
    tolerances = [group.tolerance for group in rule.groups]
    couples = dominance.oriented(candidates, tolerances, by_value=by is not None)
    couples = couples.with_columns(dominance.certainty(couples, tolerances))
    couples = couples.join(_front(rule, candidates), on="chosen_id", how="left", maintain_order="left")
    kept, line = sift(couples, _reasons(rule, tolerances), key="dominance", unit="pairs", ids=[*COUPLE, "gap"])
    return Paired(
        couples=_scored(kept, by),
        behind=pl.concat([all_comparisons(kept, one) for one in heard.values()]).unique(),
        steps=[missing, line.with_figures(histogram=histogram(couples["gap"]))],
        margin_unit=by.unit if by else "groups",
    )


def front_of(
    rule: Pairing, samples: pl.DataFrame, heard: dict[str, Heard], read: Read
) -> tuple[pl.DataFrame, list[Step]]:
    """The samples of each prompt that no other dominates, and the lines of the funnel."""
    groups = [heard[f"group:{k}"] for k in range(len(rule.groups))]
    candidates, missing = _with_groups(rule, samples, groups, None, read)
    best = dominance.front(candidates, len(groups)).select("sample_id", on_front=True)
    marked = samples.join(candidates.select("sample_id"), on="sample_id", how="semi")
    marked = marked.join(best, on="sample_id", how="left", maintain_order="left")
    dominated = [("dominated", pl.col("on_front").is_null())]
    kept, line = sift(marked, dominated, key="front", unit="samples", ids=["prompt_id", "sample_id"])
    return kept.drop("on_front"), [missing, line]


def _with_groups(
    rule: Pairing, samples: pl.DataFrame, groups: Sequence[Heard], by: Heard | None, read: Read
) -> tuple[pl.DataFrame, Step]:
    """The samples that have a value in every group, with `theta_k` and `spread_k`."""
    candidates = valued(samples, by) if by else samples
    for k, heard in enumerate(groups):
        theta = heard.values.select("sample_id", pl.col("rank_value").alias(f"theta_{k}"))
        spread = _spread(rule, heard, read, samples).select("sample_id", pl.col("spread").alias(f"spread_{k}"))
        candidates = candidates.join(theta, on="sample_id", how="left").join(spread, on="sample_id", how="left")
        candidates = candidates.with_columns(pl.col(f"spread_{k}").fill_null(0.0))
    unknown = pl.any_horizontal(*[pl.col(f"theta_{k}").is_null() for k in range(len(groups))])
    if by:
        unknown = unknown | pl.col("value").is_null()
    return sift(
        candidates.sort("sample_id"),
        [("no_value", unknown)],
        key="ranked",
        unit="samples",
        ids=["prompt_id", "sample_id"],
    )


def _spread(rule: Pairing, heard: Heard, read: Read, samples: pl.DataFrame) -> pl.DataFrame:
    """How uncertain the values are: sample_id, spread; nothing is, where the rule is hard or nobody states it."""
    if rule.certainty is None:
        return pl.DataFrame(schema={"sample_id": pl.Int64, "spread": pl.Float64})
    if heard.signal.source in SPREADS:
        # Among siblings the place of the prompt is taken by the family, and nobody was asked about that.
        return hear_spread(heard.signal, read, samples.with_columns(prompt_id="judged_prompt_id"))
    return spread_of_win_rates(heard)


def spread_of_win_rates(heard: Heard) -> pl.DataFrame:
    """The standard error of each win rate: sample_id, spread; empty for what is no vote.

    A rate q of n votes (their weights added up) has √(p (1 - p) / (n + 4)) with p = (q n + 2) / (n + 4), so that one
    vote is never taken for certainty.

    Source: Agresti, Coull, "Approximate is better than exact for interval estimation of binomial proportions", 1998.
    """
    ends = [heard.shares.select("weight", sample_id=end) for end in ("low", "high")]
    votes = (
        pl.concat(ends)
        .sort("sample_id", "weight")
        .group_by("sample_id", maintain_order=True)
        .agg(pl.col("weight").sum())
    )
    both = heard.values.select("sample_id", "value").join(votes, on="sample_id")
    n = pl.col("weight") + 4.0
    p = (pl.col("value") * pl.col("weight") + 2.0) / n
    return both.select("sample_id", spread=(p * (1.0 - p) / n).sqrt())


def _front(rule: Pairing, candidates: pl.DataFrame) -> pl.DataFrame:
    if not rule.front:
        return candidates.select(chosen_id="sample_id", on_front=pl.lit(True))
    return dominance.front(candidates, len(rule.groups)).select(chosen_id="sample_id", on_front=pl.lit(True))


def _reasons(rule: Pairing, tolerances: Sequence[float]) -> list[tuple[str, pl.Expr]]:
    reasons = [
        ("gap_too_small", pl.col("gap") <= rule.min_gap),
        ("worse_in_a_group", ~dominance.is_not_worse(tolerances)),
        ("better_in_no_group", ~dominance.is_better_somewhere(len(tolerances))),
        ("may_not_be_chosen", ~pl.col("allowed")),
        ("not_on_the_front", pl.col("on_front").is_null()),
    ]
    if rule.certainty is not None:
        reasons[1] = ("not_certain_enough", pl.col("certainty") < rule.certainty)
    return reasons


def _scored(kept: pl.DataFrame, by: Heard | None) -> pl.DataFrame:
    if by is not None:
        return with_scores(kept, by, by)
    empty = pl.lit(None, dtype=pl.Float64)
    return kept.select(*COUPLE, chosen_score=empty, rejected_score=empty, margin=pl.col("gap").round(12))
