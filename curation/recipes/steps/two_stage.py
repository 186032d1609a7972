"""A judge parts winners from losers, points sift the two lists."""

import polars as pl

from curation import pairing as rules
from curation.recipes.funnel import Step, first_reason, step
from curation.recipes.model import Pairing
from curation.recipes.signals import Heard, verdicts
from curation.recipes.steps.couples import BEHIND, Paired, all_comparisons, valued, wide_enough, with_scores


def make(rule: Pairing, samples: pl.DataFrame, judge: Heard, points: Heard) -> Paired:
    candidates = valued(samples, points)
    drawn, drawing = _draw(rule, candidates, judge)
    verdict = verdicts(judge, drawn, tie_within=rule.tie_within)
    lists = rules.part(verdict)
    decided = verdict.filter(pl.col("verdict").is_in(["a", "b"]))
    ranking = step("ranked_by_judge", "pairs", kept=decided.height, dropped=lists.undecided)
    couples = rules.sift_by_points(candidates, lists)
    sifting = _sifted(candidates, lists, couples)
    kept, gap = wide_enough(couples, rule.min_gap)
    return Paired(
        couples=with_scores(kept, points, points),
        behind=_verdicts_behind(kept, decided, judge, points),
        steps=[drawing, ranking, sifting, gap],
        margin_unit=points.unit,
    )


def _draw(rule: Pairing, candidates: pl.DataFrame, judge: Heard) -> tuple[pl.DataFrame, Step]:
    """The pairs to be judged, and the samples that are in none of them."""
    if rule.draw == "disjoint":
        drawn, alone = rules.draw_disjoint(candidates)
        reason = "odd_one_out"
    else:
        drawn = rules.draw_all(candidates)
        if rule.draw == "judged":
            drawn = _compared(drawn, judge)
        met = pl.concat([drawn["a"], drawn["b"]]).unique()
        alone = candidates.filter(~pl.col("sample_id").is_in(met.implode())).select("prompt_id", "sample_id")
        reason = "no_verdict" if rule.draw == "judged" else "odd_one_out"
    dropped = alone.select(pl.lit(reason).alias("reason"), "prompt_id", "sample_id").sort("prompt_id", "sample_id")
    return drawn, step("drawn", "samples", kept=candidates.height - dropped.height, dropped=dropped)


def _compared(drawn: pl.DataFrame, judge: Heard) -> pl.DataFrame:
    """The couples the judge has said something about; a scorer has, where it scored both."""
    said = verdicts(judge, drawn, tie_within=0.0).filter(pl.col("verdict").is_not_null())
    return said.select("prompt_id", "a", "b")


def _sifted(candidates: pl.DataFrame, lists: rules.Lists, couples: pl.DataFrame) -> Step:
    """The prompts whose two lists gave a couple, and what the others lack."""
    chosen = _able(candidates, lists.chosen, "may_be_chosen")
    rejected = _able(candidates, lists.rejected, "may_be_rejected")
    entered = chosen.join(rejected, on="prompt_id", suffix="_rejected")
    lacking = entered.join(couples.select("prompt_id"), on="prompt_id", how="anti")
    reason = first_reason(
        [
            ("judged_bad", pl.col("bad")),
            ("nobody_chosen", ~pl.col("able")),
            ("nobody_rejected", ~pl.col("able_rejected")),
            ("no_points", ~pl.col("valued") | ~pl.col("valued_rejected")),
            # The only one with points in both lists is the same sample.
            ("gap_too_small", pl.lit(True)),
        ]
    )
    dropped = lacking.select(reason.alias("reason"), "prompt_id").sort("prompt_id")
    return step("sifted_by_points", "prompts", kept=entered.height - dropped.height, dropped=dropped)


def _able(candidates: pl.DataFrame, listed: pl.DataFrame, side: str) -> pl.DataFrame:
    """For each prompt of a list: whether any of it may take the side, any has points too, all was called bad."""
    here = candidates.join(listed, on=["prompt_id", "sample_id"], how="semi")
    return here.group_by("prompt_id").agg(
        able=pl.col(side).any(),
        valued=(pl.col(side) & pl.col("value").is_not_null()).any(),
        bad=pl.col("judged_bad").all(),
    )


def _verdicts_behind(kept: pl.DataFrame, decided: pl.DataFrame, judge: Heard, points: Heard) -> pl.DataFrame:
    """The drawn pairs the chosen one won and the rejected one lost, where votes judged them."""
    parts = [all_comparisons(kept, points)]
    if judge.decides_couples:
        a_won = pl.col("verdict") == "a"
        drawn = decided.select(
            low=pl.min_horizontal("a", "b"),
            high=pl.max_horizontal("a", "b"),
            winner=pl.when(a_won).then("a").otherwise("b"),
            loser=pl.when(a_won).then("b").otherwise("a"),
        )
        parts.append(kept.join(drawn, left_on="chosen_id", right_on="winner").select(list(BEHIND)))
        parts.append(kept.join(drawn, left_on="rejected_id", right_on="loser").select(list(BEHIND)))
    return pl.concat(parts).unique()
