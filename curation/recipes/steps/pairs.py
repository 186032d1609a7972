"""Fourth step: the recipe's pairing rule, its lines of the funnel, and what stands behind each couple."""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from curation import pairing as rules
from curation.recipes.funnel import Step, first_reason, sift, step
from curation.recipes.model import Pairing
from curation.recipes.signals import EXACT_HALF, Heard, verdicts


@dataclass(frozen=True)
class Paired:
    """What a rule made.

    Args:
        couples: prompt_id, chosen_id, rejected_id, margin, chosen_score and rejected_score (null for votes).
        behind: prompt_id, chosen_id, rejected_id, low, high: the comparisons each couple rests on beside scores.
        steps: the rule's lines of the funnel.
        margin_unit: score, win_rate or vote_share.
    """

    couples: pl.DataFrame
    behind: pl.DataFrame
    steps: list[Step]
    margin_unit: str


BEHIND = pl.Schema(
    {"prompt_id": pl.Int64, "chosen_id": pl.Int64, "rejected_id": pl.Int64, "low": pl.Int64, "high": pl.Int64}
)
_COUPLE = ["prompt_id", "chosen_id", "rejected_id"]


def make(rule: Pairing, samples: pl.DataFrame, heard: dict[str, Heard]) -> Paired:
    """Pairs by the rule named.

    Args:
        rule: not `none`.
        samples: the filtered candidates with order and sides.
        heard: what the signals `by` and `judge` say of exactly these samples.
    """
    if rule.rule == "two_stage":
        return _two_stage(rule, samples, heard["judge"], heard["by"])
    if rule.rule == "judged_pairs":
        return _judged_pairs(rule, samples, heard["by"])
    return _by_value(rule, samples, heard["by"])


def _valued(samples: pl.DataFrame, heard: Heard) -> pl.DataFrame:
    values = heard.values.select("sample_id", value="rank_value")
    return samples.join(values, on="sample_id", how="left").select(
        "prompt_id", "sample_id", "value", "order", "may_be_chosen", "may_be_rejected", "judged_bad"
    )


# -- one signal ranks ------------------------------------------------------------------------------------------------


def _by_value(rule: Pairing, samples: pl.DataFrame, heard: Heard) -> Paired:
    valued, missing = sift(
        _valued(samples, heard),
        [("no_value", pl.col("value").is_null())],
        key="ranked",
        unit="samples",
        ids=["prompt_id", "sample_id"],
    )
    couples = _RULES[rule.rule](valued, rule)
    prompts = _prompts_without(valued, couples)
    kept, gap = _wide_enough(couples, rule.min_gap)
    return Paired(
        couples=_with_scores(kept, heard, heard),
        behind=_all_comparisons(kept, heard),
        steps=[missing, prompts, gap],
        margin_unit="win_rate" if heard.signal.source == "votes" else "score",
    )


_RULES: dict[str, Callable[[pl.DataFrame, Pairing], pl.DataFrame]] = {
    "best_against_worst": lambda valued, rule: rules.top_against_bottom(valued, k=1),
    "top_against_bottom": lambda valued, rule: rules.top_against_bottom(valued, k=rule.k, match=rule.match),
    "best_against_rest": lambda valued, rule: rules.best_against_rest(valued),
    "margin": lambda valued, rule: rules.all_couples(valued),
}


def _prompts_without(valued: pl.DataFrame, couples: pl.DataFrame) -> Step:
    """Counts the prompts that gave no couple at all, by what they lack."""
    sides = valued.group_by("prompt_id").agg(
        chosen=pl.col("may_be_chosen").any(), rejected=pl.col("may_be_rejected").any(), n=pl.len()
    )
    lacking = sides.join(couples.select("prompt_id").unique(), on="prompt_id", how="anti")
    reason = first_reason(
        [
            ("nobody_chosen", ~pl.col("chosen")),
            ("nobody_rejected", ~pl.col("rejected") | (pl.col("n") < 2)),
            ("gap_too_small", pl.lit(True)),
        ]
    )
    dropped = lacking.select(reason.alias("reason"), "prompt_id").sort("prompt_id")
    return step("matched", "prompts", kept=sides.height - dropped.height, dropped=dropped)


def _wide_enough(couples: pl.DataFrame, min_gap: float) -> tuple[pl.DataFrame, Step]:
    return sift(
        couples,
        [("gap_too_small", pl.col("gap") <= min_gap)],
        key="gap",
        unit="pairs",
        ids=[*_COUPLE, "gap"],
    )


def _with_scores(couples: pl.DataFrame, chosen_by: Heard, rejected_by: Heard) -> pl.DataFrame:
    """The couple's margin, and the two values as they were stated."""
    chosen = chosen_by.values.select(chosen_id="sample_id", chosen_score="value")
    rejected = rejected_by.values.select(rejected_id="sample_id", rejected_score="value")
    both = couples.join(chosen, on="chosen_id", how="left").join(rejected, on="rejected_id", how="left")
    return both.select(*_COUPLE, "chosen_score", "rejected_score", margin="gap")


def _all_comparisons(couples: pl.DataFrame, heard: Heard) -> pl.DataFrame:
    """A win rate rests on every comparison of either side."""
    if heard.signal.source == "scores":
        return pl.DataFrame(schema=BEHIND)
    links = heard.shares.select("low", "high")
    sides = []
    for side in ("chosen_id", "rejected_id"):
        for end in ("low", "high"):
            sides.append(couples.select(*_COUPLE, sample=side).join(links.with_columns(sample=end), on="sample"))
    return pl.concat([part.select(list(BEHIND)) for part in sides]).unique()


# -- a judge parts, points sift --------------------------------------------------------------------------------------


def _two_stage(rule: Pairing, samples: pl.DataFrame, judge: Heard, points: Heard) -> Paired:
    candidates = _valued(samples, points)
    drawn, drawing = _draw(rule, candidates, judge)
    verdict = verdicts(judge, drawn, tie_within=rule.tie_within)
    lists = rules.part(verdict)
    decided = verdict.filter(pl.col("verdict").is_in(["a", "b"]))
    ranking = step("ranked_by_judge", "pairs", kept=decided.height, dropped=lists.undecided)
    couples = rules.sift_by_points(candidates, lists)
    sifting = _sifted(candidates, lists, couples)
    kept, gap = _wide_enough(couples, rule.min_gap)
    return Paired(
        couples=_with_scores(kept, points, points),
        behind=_verdicts_behind(kept, decided, judge, points),
        steps=[drawing, ranking, sifting, gap],
        margin_unit="win_rate" if points.signal.source == "votes" else "score",
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
    parts = [_all_comparisons(kept, points)]
    if judge.signal.source == "votes":
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


# -- votes on the couple itself --------------------------------------------------------------------------------------


def _judged_pairs(rule: Pairing, samples: pl.DataFrame, heard: Heard) -> Paired:
    sided = samples.select("sample_id", "prompt_id", "may_be_chosen", "may_be_rejected", "judged_bad")
    couples = _only_bad(heard, sided)
    votes = pl.col("votes_low") + pl.col("votes_high") + pl.col("votes_tie")
    low_won = pl.col("share") > 0.5
    turned = couples.with_columns(
        chosen_id=pl.when(low_won).then("low").otherwise("high"),
        rejected_id=pl.when(low_won).then("high").otherwise("low"),
        winning=pl.max_horizontal("share", 1.0 - pl.col("share")),
        votes=votes,
    )
    turned = turned.join(sided.select(chosen_id="sample_id", allowed="may_be_chosen", bad="judged_bad"), on="chosen_id")
    turned = turned.join(sided.select(rejected_id="sample_id", allowed_out="may_be_rejected"), on="rejected_id")
    decided = [
        ("both_bad", pl.col("share").is_null()),
        ("tie", (pl.col("share") - 0.5).abs() <= EXACT_HALF),
        ("too_few_votes", pl.col("votes") < rule.min_votes),
        ("share_too_small", pl.col("winning") < rule.min_share - EXACT_HALF),
        ("judged_bad", pl.col("bad")),
        ("may_not_be_chosen", ~pl.col("allowed") | ~pl.col("allowed_out")),
    ]
    kept, counted = sift(turned, decided, key="judged", unit="pairs", ids=[*_COUPLE, "votes"])
    empty = pl.lit(None, dtype=pl.Float64)
    result = kept.select(
        *_COUPLE, chosen_score=empty, rejected_score=empty, margin=(2 * pl.col("winning") - 1).round(12)
    )
    return Paired(
        couples=result,
        behind=kept.select(list(BEHIND)),
        steps=[counted],
        margin_unit="vote_share",
    )


def _only_bad(heard: Heard, sided: pl.DataFrame) -> pl.DataFrame:
    """Every compared couple, those only called bad with a null share, and its prompt."""
    bad = heard.bad.join(heard.shares, on=["low", "high"], how="anti")
    couples = pl.concat([heard.shares, bad], how="diagonal")
    return couples.join(sided.select(low="sample_id", prompt_id="prompt_id"), on="low").sort("low", "high")
