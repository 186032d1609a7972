"""What a check hands back: something found, or why there was nothing to look at."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from curation.gate.codes import CHECKS
from curation.gate.report import KEYS, ROWS, Finding, digest_of_measure, digest_of_rows


@dataclass(frozen=True)
class Found:
    """A finding with the rows it concerns, in the order they are shown.

    Args:
        rows: any columns of `report.ROWS`; missing ones are null.
        count: how many things; None counts the different things in `rows`.
        measure: see `report.Finding`.
    """

    code: str
    words: str
    rows: pl.DataFrame
    count: int | None = None
    measure: float | None = None

    def whole_rows(self) -> pl.DataFrame:
        missing = [
            pl.lit(None, dtype=dtype).alias(name) for name, dtype in ROWS.items() if name not in self.rows.columns
        ]
        return self.rows.with_columns(missing).select([pl.col(name).cast(dtype) for name, dtype in ROWS.items()])

    def finding(self) -> Finding:
        check, rows = CHECKS[self.code], self.whole_rows()
        is_number = self.measure is not None
        return Finding(
            code=check.code,
            level=check.level,
            title=check.title,
            count=rows.select(KEYS).n_unique() if self.count is None else self.count,
            unit=check.unit,
            words=self.words,
            remedy=check.remedy,
            digest=digest_of_measure(self.code, self.measure or 0.0) if is_number else digest_of_rows(self.code, rows),
            is_waivable=check.is_waivable,
            measure=self.measure,
        )


@dataclass(frozen=True)
class Idle:
    """A check that had nothing to look at."""

    code: str
    why: str


def counted(count: int, one: str, many: str = "") -> str:
    """`1 pair`, `2 pairs`, `1,234 pairs`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def verb(count: int, one: str, many: str) -> str:
    return one if count == 1 else many


def told(count: int, noun: str, one: str, many: str) -> str:
    """`1 pair was`, `2 pairs were`."""
    return f"{counted(count, noun)} {verb(count, one, many)}"
