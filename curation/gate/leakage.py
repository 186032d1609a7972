"""What stands in a frozen benchmark by now, or resembles something in one: found by the rule that recipes go by."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from curation.gate.found import Found, Idle, told
from curation.gate.tables import Examined

CODE = "benchmark-leakage"


def look(examined: Examined) -> Iterator[Found | Idle]:
    """An export holds these rows back; the version is not what should be published all the same."""
    if not examined.has_benchmarks:
        yield Idle(CODE, "no benchmark is frozen")
        return
    rows = examined.leaked.sort("pair_id", "sample_id", nulls_last=True)
    if not rows.height:
        return
    pairs = rows.filter(pl.col("pair_id").is_not_null()).height
    words = told(pairs, "pair", "holds", "hold") + " a sample of a frozen benchmark, or one like it"
    words += f"; so do {rows.height - pairs:,} samples without a pair." if pairs < rows.height else "."
    yield Found(CODE, words, rows)
