"""Numbers given to samples: the mean of the raters' voices, and how uncertain they were."""

import polars as pl

from curation.recipes.model import Signal
from curation.recipes.refusals import refuse_mixed_scales, refuse_two_revisions
from curation.recipes.signals.heard import COMPARED, NO_BAD, SCORED, SHARES, Heard
from curation.recipes.signals.means import mean_by
from curation.recipes.signals.selecting import statements_of
from curation.recipes.steps.evidence import Read


def hear(signal: Signal, read: Read, samples: pl.DataFrame) -> Heard:
    """The numbers given to these samples (sample_id, prompt_id), each under its own prompt."""
    said = _said(signal, read, samples)
    each = mean_by(said, ["sample_id", "rater_id"], "value")
    values = mean_by(each, ["sample_id"], "value")
    # All versions of one meaning share a direction; evidence of other meanings was left out before.
    mine = read.criteria.filter(pl.col("criterion") == signal.criterion)
    higher_is_better = bool(mine["higher_is_better"].all())
    return Heard(
        signal=signal,
        values=values.select("sample_id", "value", rank_value=pl.col("value") * (1.0 if higher_is_better else -1.0)),
        shares=pl.DataFrame(schema=SHARES),
        bad=pl.DataFrame(schema=NO_BAD),
        about_samples=said.select(SCORED.names()).cast(SCORED),
        about_couples=pl.DataFrame(schema=COMPARED),
        higher_is_better=higher_is_better,
    )


def _said(signal: Signal, read: Read, samples: pl.DataFrame) -> pl.DataFrame:
    said = statements_of(signal, read, read.evidence.scores)
    under = samples.select("sample_id", under="prompt_id")
    said = said.join(under, on="sample_id", maintain_order="left").filter(pl.col("prompt_id") == pl.col("under"))
    if signal.raters:
        refuse_two_revisions(said, signal.raters)
    else:
        refuse_mixed_scales(said, signal.criterion)
    return said


def hear_spread(signal: Signal, read: Read, samples: pl.DataFrame) -> pl.DataFrame:
    """How uncertain the value of each sample is: sample_id, spread (a standard deviation, in the score's own unit).

    The variance inside the answers, where they state one, and the variance between them are added, first over the
    answers of a rater and then over the raters, each in its population form. One answer without a spread of its own
    has none; several answers have at least what lies between them.

    Source: the law of total variance.
    """
    said = _said(signal, read, samples).select("judgement_id", "position", "sample_id", "rater_id", "value")
    said = said.join(read.evidence.spreads, on=["judgement_id", "position"], how="left")
    answers = said.select("sample_id", "rater_id", "value", inside=pl.col("spread") ** 2)
    raters = _pooled(answers, ["sample_id", "rater_id"])
    pooled = _pooled(raters, ["sample_id"])
    return pooled.select("sample_id", spread=pl.col("inside").sqrt()).drop_nulls("spread")


def _pooled(rows: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """One row a group: its mean value, and as `inside` its variance; null for a single row that states none."""
    means = mean_by(rows, keys, "value")
    apart = rows.join(means.rename({"value": "mean"}), on=keys).select(
        *keys, value=(pl.col("value") - pl.col("mean")) ** 2
    )
    between = mean_by(apart, keys, "value").rename({"value": "between"})
    stated = mean_by(rows.drop_nulls("inside").drop("value"), keys, "inside")
    sizes = rows.group_by(keys).len("answers")
    both = means.join(between, on=keys).join(stated, on=keys, how="left").join(sizes, on=keys).sort(keys)
    is_silent = pl.col("inside").is_null() & (pl.col("answers") == 1)
    variance = pl.col("between") + pl.col("inside").fill_null(0.0)
    return both.select(*keys, "value", inside=pl.when(~is_silent).then(variance))
