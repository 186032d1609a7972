"""How closely scorers agree with implementations that are not ours: the fixture and the table.

A parity test carries `@pytest.mark.parity` and hands both sides' numbers to the fixture `agreement`. Tiny models are
part of every run; tests with `@pytest.mark.full_size` build whole architectures and run only with `--full-size`
(`make parity`), which also writes `docs/parity.md` and, for the catalogue's pages, `scoring/facts/parity.json`.
"""

from __future__ import annotations

import datetime
import json
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "docs" / "parity.md"
DATA = ROOT / "scoring" / "facts" / "parity.json"
_KEY = "agreement"
# Random weights must tell inputs apart by this many tolerances, or anything would agree.
SPREAD_IN_TOLERANCES = 20

_rows: list[dict[str, Any]] = []


@dataclass(frozen=True)
class Agreement:
    """One comparison: which scorer, against what, at which size, how far apart."""

    scorer: str
    oracle: str
    size: str
    difference: float
    tolerance: float
    spread: float
    numbers: int
    same_order: float


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full-size", action="store_true", help="also compare whole architectures, and write the table")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--full-size"):
        return
    large = [item for item in items if item.get_closest_marker("full_size")]
    if large:
        config.hook.pytest_deselected(items=large)
        items[:] = [item for item in items if item not in large]


@pytest.fixture
def agreement(record_property: Callable[[str, object], None]) -> Callable[..., Agreement]:
    """`agreement("pickscore", "transformers", "tiny", ours, theirs, tolerance=1e-5)` compares, records and asserts."""

    def compare(scorer: str, oracle: str, size: str, ours: Any, theirs: Any, *, tolerance: float) -> Agreement:
        found = _measured(scorer, oracle, size, np.asarray(ours, float), np.asarray(theirs, float), tolerance)
        record_property(_KEY, asdict(found))
        assert found.spread > SPREAD_IN_TOLERANCES * tolerance, f"nothing to tell apart: {found}"
        assert found.difference <= tolerance, found
        return found

    return compare


def _measured(scorer: str, oracle: str, size: str, ours: np.ndarray, theirs: np.ndarray, tolerance: float) -> Agreement:
    assert ours.shape == theirs.shape
    assert ours.size > 1
    assert np.isfinite(ours).all()
    assert np.isfinite(theirs).all()
    same_order = float((np.argsort(ours, axis=None) == np.argsort(theirs, axis=None)).mean())
    difference = float(np.abs(ours - theirs).max())
    return Agreement(scorer, oracle, size, difference, tolerance, float(theirs.std()), ours.size, same_order)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call":
        _rows.extend({**value, "passed": report.passed} for name, value in report.user_properties if name == _KEY)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if not _rows or "parity" not in (config.getoption("markexpr") or ""):
        return
    terminalreporter.section("parity")
    for line in [*table(_rows), "", *_left_out(_rows)]:
        terminalreporter.write_line(line)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workerinput") or not session.config.getoption("--full-size") or not _rows:
        return
    DATA.write_text(json.dumps({"measured": _when_and_where(), "rows": _sorted(_rows)}, indent=1) + "\n", "utf-8")
    TABLE.write_text("\n".join(_page(_rows)), encoding="utf-8")


def _sorted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (row["scorer"], row["size"] != "tiny", row["oracle"], row["size"]))


def table(rows: list[dict[str, Any]]) -> list[str]:
    """The rows as a Markdown table."""
    lines = [
        "| scorer | against | size | largest difference | tolerance | same order | spread | numbers | |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in _sorted(rows):
        lines.append(
            f"| {row['scorer']} | {row['oracle']} | {row['size']} | {row['difference']:.1e} | {row['tolerance']:.0e} "
            f"| {row['same_order']:.0%} | {row['spread']:.3g} | {row['numbers']} "
            f"| {'same' if row['passed'] else 'DIFFERENT'} |"
        )
    return lines


def _left_out(rows: list[dict[str, Any]]) -> list[str]:
    """Models of the catalogue that no row is about, in a line; nothing where there are none."""
    from scoring.catalogue import CATALOGUE

    names = {name for name, facts in CATALOGUE.items() if facts.kind == "model"} - {row["scorer"] for row in rows}
    return [f"Models of the catalogue without a row: {', '.join(sorted(names))}.", ""] if names else []


def _when_and_where() -> dict[str, str]:
    import torch

    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, {torch.get_num_threads()} threads",
        "versions": f"torch {torch.__version__}, Python {platform.python_version()}",
    }


def _page(rows: list[dict[str, Any]]) -> list[str]:
    measured = _when_and_where()
    return [
        "# Parity",
        "",
        "Written by `make parity`: our scorers and independent implementations on the same random weights, in",
        "float32. Weights are never downloaded for it; what is compared is the architecture, the reading of weights,",
        "the preprocessing and the arithmetic. `pytest -m parity` compares the tiny models of every test run and",
        "prints the same table. *Spread* is the deviation of the numbers compared: where it were near the tolerance,",
        "anything would agree.",
        "",
        f"{measured['date']}, {measured['machine']}, {measured['versions']}",
        "",
        *table(rows),
        "",
        *_left_out(rows),
    ]
