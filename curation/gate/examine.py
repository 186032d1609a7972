"""All checks over a version, and what they found as a report with its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import polars as pl

from curation.gate import circles, contents, leakage, leans, margins, personal, rights, splits, voices
from curation.gate.codes import CHECKS
from curation.gate.found import Found, Idle
from curation.gate.report import ROWS, Finding, GateReport
from curation.gate.tables import Examined

ROWS_OF_CODES = pl.Schema([("code", pl.String()), *ROWS.items()])

_LOOKS: tuple[Callable[[Examined], Iterator[Found | Idle]], ...] = (
    contents.look,
    circles.look,
    leakage.look,
    splits.look,
    rights.look,
    voices.look,
    leans.look,
    margins.look,
    personal.look,
)


@dataclass(frozen=True)
class Examination:
    """The report, and the rows of all findings (`report.ROWS` under their code), in the order they are shown."""

    report: GateReport
    rows: pl.DataFrame


def examine(examined: Examined, *, pulse: Callable[[], None] = lambda: None) -> Examination:
    """Runs every check. The same tables give the same report, whatever the order of their rows.

    Args:
        pulse: called between checks; may raise to stop.
    """
    findings: list[Finding] = []
    idle: dict[str, str] = {}
    rows = [pl.DataFrame(schema=ROWS_OF_CODES)]
    for look in _LOOKS:
        pulse()
        for one in look(examined):
            if isinstance(one, Idle):
                idle[one.code] = one.why
                continue
            findings.append(one.finding())
            rows.append(one.whole_rows().select(pl.lit(one.code).alias("code"), *ROWS))
    order = list(CHECKS)
    findings.sort(key=lambda finding: order.index(finding.code))
    report = GateReport(
        version=examined.version,
        version_digest=examined.version_digest,
        pairs=examined.pairs.height,
        samples=examined.places["sample_id"].n_unique(),
        findings=tuple(findings),
        checks=tuple(order),
        idle={code: idle[code] for code in order if code in idle},
    )
    return Examination(report, pl.concat(rows))
