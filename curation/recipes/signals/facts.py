"""What is known of a sample without anybody's opinion: its size, its length, how long it plays."""

import polars as pl

from curation.recipes.model import Signal
from curation.recipes.signals.heard import COMPARED, NO_BAD, SCORED, SHARES, Heard
from curation.recipes.steps.evidence import Read


def hear(signal: Signal, read: Read, samples: pl.DataFrame) -> Heard:
    """The fact the signal names, of these samples (sample_id); no statement stands behind it."""
    mine = read.evidence.facts.join(samples.select("sample_id"), on="sample_id", how="semi").sort("sample_id")
    values = mine.select("sample_id", value=pl.col(signal.criterion).cast(pl.Float64)).drop_nulls("value")
    return Heard(
        signal=signal,
        values=values.with_columns(rank_value="value"),
        shares=pl.DataFrame(schema=SHARES),
        bad=pl.DataFrame(schema=NO_BAD),
        about_samples=pl.DataFrame(schema=SCORED),
        about_couples=pl.DataFrame(schema=COMPARED),
        unit="fact",
    )
