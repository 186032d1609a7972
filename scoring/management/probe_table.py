"""A run of the probes as lines of a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from scoring.models import ProbeRun
from scoring.probes.bars import BARS
from scoring.probes.kinds import EVERY
from scoring.scorers.base import Output

Row = tuple[str, ...]


def lines(run: ProbeRun, outputs: Sequence[Output]) -> str:
    """Every figure of every criterion, what was worst, and what it all comes to."""
    report = run.report
    titles = {output.criterion: output for output in outputs}
    blocks = [_headline(run)]
    for criterion in report["criteria"]:
        name = criterion["criterion"]
        verdict = criterion["verdict"] or ProbeRun.Outcome.NONE.label
        blocks.append(f"{_(titles[name].title)} ({name}): {verdict}")
        blocks.append(_table([_row(finding) for finding in criterion["findings"]]))
    if report["unscored"]:
        counts = ", ".join(f"{_title(probe)} {count}" for probe, count in report["unscored"].items())
        blocks.append(f"Without a number: {counts}.")
    if report["reason"]:
        blocks.append(report["reason"])
    blocks.append(f"“{run.scorer}”: {run.get_outcome_display()}.")
    return "\n".join(blocks)


def _headline(run: ProbeRun) -> str:
    where = "drawn originals" if run.is_drawn or run.project is None else f"samples of “{run.project.slug}”"
    return f"{run.answers.count()} inputs on {where}, suite {run.suite}, seed {run.seed}."


def _row(finding: dict[str, Any]) -> Row:
    bar, figure = BARS[finding["name"]], finding["figure"]
    interval = "" if figure["low"] is None else f"{figure['low']:.2f} to {figure['high']:.2f}"
    sides = ("from", "below") if bar.high_is_good else ("up to", "above")
    stated = f"passes {sides[0]} {finding['bar']['passing']:g}"
    if finding["bar"]["failing"] is not None:
        stated += f", fails {sides[1]} {finding['bar']['failing']:g}"
    worst = _title(finding["worst"]) if finding["worst"] else ""
    return (_(bar.title), f"{figure['value']:.2f}", interval, finding["verdict"].upper(), stated, worst)


def _title(probe: str) -> str:
    return _(EVERY[probe].title) if probe in EVERY else probe


def _table(rows: list[Row]) -> str:
    head: Row = ("figure", "value", "95 %", "verdict", "bar", "worst of its inputs")
    every = [head, *rows]
    widths = [max(len(row[column]) for row in every) for column in range(len(head))]
    made = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in every)
    return "\n".join(f"  {line}" for line in made)
