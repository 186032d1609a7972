"""How hard a prompt is, and which band it falls into: every item in exactly one."""

import polars as pl

from curation.recipes.funnel import Step, sift
from curation.recipes.histograms import histogram
from curation.recipes.model import Difficulty
from curation.recipes.sections import UNMEASURED
from curation.recipes.signals import Heard, mean_by


def into_bands(
    samples: pl.DataFrame, rule: Difficulty, considered: pl.DataFrame, heard: Heard
) -> tuple[pl.DataFrame, Step]:
    """The samples of the bands that go on, with `difficulty` (the measure) and `bucket` (the band's name).

    Args:
        samples: what passed the filters; their bands do not depend on what did not.
        considered: all candidates.
        heard: what the rule's signal says of the candidates.
    """
    key = "prompt_id" if rule.of == "prompt" else "sample_id"
    measured = _measured(rule, considered, heard)
    placed = samples.join(measured, on=key, how="left", maintain_order="left").with_columns(bucket=_band(rule))
    other = [("other_bucket", ~pl.col("bucket").is_in(list(rule.keep)))] if rule.keep else []
    kept, step = sift(
        placed, other, key="difficulty", unit="samples", ids=["prompt_id", "sample_id", "difficulty", "bucket"]
    )
    items = placed.unique(key).group_by("bucket").len("n").sort("bucket")
    named = dict(items.select("bucket", "n").iter_rows())
    order = [*(band.name for band in rule.bands), UNMEASURED]
    buckets = {name: named[name] for name in order if name in named}
    spread = histogram(placed.unique(key)["difficulty"])
    return kept.sort("sample_id"), step.with_figures(buckets=buckets, histogram=spread)


def _measured(rule: Difficulty, considered: pl.DataFrame, heard: Heard) -> pl.DataFrame:
    """The measure of each item as `difficulty`, by the number as it was stated."""
    said = considered.select("sample_id", "prompt_id").join(heard.values.select("sample_id", "value"), on="sample_id")
    if rule.of == "sample":
        return said.select("sample_id", difficulty="value")
    if rule.measure == "pass_rate":
        said = said.with_columns(value=(pl.col("value") >= rule.pass_at_least).cast(pl.Float64))
    means = mean_by(said, ["prompt_id"], "value")
    if rule.measure != "variance":
        return means.rename({"value": "difficulty"})
    apart = said.join(means.rename({"value": "mean"}), on="prompt_id")
    apart = apart.select("prompt_id", value=(pl.col("value") - pl.col("mean")) ** 2)
    return mean_by(apart, ["prompt_id"], "value").rename({"value": "difficulty"})


def _band(rule: Difficulty) -> pl.Expr:
    known = [
        pl.when(pl.col("difficulty") < band.below).then(pl.lit(band.name))
        for band in rule.bands
        if band.below is not None
    ]
    last = pl.when(pl.col("difficulty").is_not_null()).then(pl.lit(rule.bands[-1].name))
    return pl.coalesce(*known, last, pl.lit(UNMEASURED))
