"""Pairs that cross prompts: what passed a bar against what failed one."""

import polars as pl

from curation.errors import Refused
from curation.pairing.across import match_across
from curation.recipes.funnel import Step, sift, step
from curation.recipes.model import Pairing
from curation.recipes.signals import Heard
from curation.recipes.steps.couples import Paired, all_comparisons, with_scores

_ITEM = ["prompt_id", "sample_id", "value", "order"]


def make(rule: Pairing, samples: pl.DataFrame, heard: Heard) -> Paired:
    """Couples of different prompts of one split.

    Args:
        samples: with `split` and `excluded` (why a prompt stands in none), so that no pair is made only to be dropped
            for standing in two.

    Raises:
        Refused: by the criterion's direction the bar to pass is not better than the bar to fail.
    """
    bars = _bars(rule, heard)
    values = heard.values.select("sample_id", value="rank_value")
    items = samples.join(values, on="sample_id", how="left", maintain_order="left")
    passes, fails = pl.col("value") >= bars[0], pl.col("value") <= bars[1]
    reasons = [
        ("no_value", pl.col("value").is_null()),
        ("between_the_bars", ~passes & ~fails),
        ("may_not_be_chosen", (passes & ~pl.col("may_be_chosen")) | (fails & ~pl.col("may_be_rejected"))),
        *((reason, pl.col("excluded") == reason) for reason in ("between_splits", "near_duplicate_elsewhere")),
    ]
    items, parted = sift(items, reasons, key="passed_or_failed", unit="samples", ids=["prompt_id", "sample_id"])
    passed, failed = (_in_buckets(items.filter(which), rule) for which in (passes, fails))
    couples = match_across(passed, failed, each=rule.pairs_per_sample)
    return Paired(
        couples=with_scores(couples, heard, heard),
        behind=all_comparisons(couples, heard),
        steps=[parted, _alone(items.filter(passes), couples)],
        margin_unit=heard.unit,
    )


def _bars(rule: Pairing, heard: Heard) -> tuple[float, float]:
    """The two bars as numbers where higher is better."""
    if rule.passes_at is None or rule.fails_at is None:
        raise ValueError("across_prompts needs passes_at and fails_at")
    sign = 1.0 if heard.higher_is_better else -1.0
    passes, fails = sign * rule.passes_at, sign * rule.fails_at
    # Where no number was given nothing says which way is better, and no pair follows anyhow.
    if passes <= fails and heard.values.height:
        where, better = heard.signal.where, "higher" if heard.higher_is_better else "lower"
        raise Refused(
            f"Line {where.line}: {better} is better on {heard.signal.criterion!r}, but passes_at "
            f"({rule.passes_at:g}) is worse than fails_at ({rule.fails_at:g}). Exchange the two."
        )
    return passes, fails


def _in_buckets(items: pl.DataFrame, rule: Pairing) -> pl.DataFrame:
    """The items with the bucket inside which they may meet; one row a bucket."""
    if rule.within == "tag":
        tags = items.select(*_ITEM, "split", tag="prompt_tags").explode("tag", empty_as_null=False)
        tags = tags.filter(pl.col("tag").str.starts_with(rule.tag_prefix)).unique(maintain_order=True)
        return tags.select(*_ITEM, bucket=pl.concat_str("split", pl.lit("\n"), "tag"))
    if rule.within == "locale":
        return items.select(*_ITEM, bucket=pl.concat_str("split", pl.lit("\n"), "locale"))
    return items.select(*_ITEM, bucket="split")


def _alone(passed: pl.DataFrame, couples: pl.DataFrame) -> Step:
    """The passed items that found nobody of another prompt."""
    alone = passed.join(couples.select(sample_id="chosen_id"), on="sample_id", how="anti")
    dropped = alone.select(pl.lit("odd_one_out").alias("reason"), "prompt_id", "sample_id").sort("sample_id")
    return step("matched_across", "samples", kept=passed.height - dropped.height, dropped=dropped)
