"""Which of the statements that count a signal reads."""

import polars as pl

from curation.recipes.model import Signal
from curation.recipes.steps.evidence import Read, named


def statements_of(signal: Signal, read: Read, statements: pl.DataFrame) -> pl.DataFrame:
    """The statements on the signal's criterion, of the raters it names and of those it listens to."""
    here = read.about(signal.criterion, statements)
    if signal.raters:
        here = here.filter(named(signal.raters))
    if signal.basis == "both":
        return here
    return here.filter(pl.col("is_person") if signal.basis == "people" else ~pl.col("is_person"))
