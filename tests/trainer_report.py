"""Which trainers read our formats: the fixture and the table.

A test with `@pytest.mark.trainers` runs a reader that is not ours on an export and hands what it saw to the fixture
`proved`. Readers of the main environment are part of every run. LLaMA-Factory and ms-swift pin libraries that exclude
each other, so they live in environments of their own (`make trainers` makes them) and their tests skip where those are
absent. `pytest -m trainers` prints the table; `make trainers` also writes `docs/trainers.md`.
"""

from __future__ import annotations

import datetime
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "docs" / "trainers.md"
_KEY = "trainer"
_WORDS = {"package": "package", "external": "external script", "contract": "contract"}

_rows: list[dict[str, Any]] = []


@dataclass(frozen=True)
class Proved:
    """What a reader made of a format.

    Args:
        format: the word after `--format`.
        reader: package and class, or the address of a script, with its version.
        proof: `package`, `external` or `contract`; the first two count as proved.
        rows: rows that reached it.
        first_loss: of its first step; None where it trains nothing.
        expected: what the loss is before anything is learned, such as ln 2; None where no number is.
        direction: how it was shown that the chosen answer is the one that is trained towards; empty where it was not.
    """

    format: str
    reader: str
    proof: str
    rows: int
    first_loss: float | None = None
    expected: float | None = None
    direction: str = ""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-trainers", action="store_true", help="write docs/trainers.md from this run")
    parser.addoption("--environments", action="store_true", help="also run trainers in environments of their own")


@pytest.fixture
def proved(record_property: Callable[[str, object], None]) -> Callable[..., Proved]:
    """`proved("trl", "trl.DPOTrainer", rows=4, first_loss=0.693, expected=log(2))` records, and checks the loss."""

    def record(format_: str, reader: str, *, proof: str = "package", rows: int, **seen: Any) -> Proved:
        """A number of `seen` that is expected must be seen to 0.002."""
        found = Proved(format_, reader, proof, rows, **seen)
        assert found.proof in _WORDS
        assert found.rows > 0, f"nothing reached {reader}"
        if found.expected is not None:
            assert found.first_loss == pytest.approx(found.expected, abs=2e-3), found
        record_property(_KEY, asdict(found))
        return found

    return record


def named(package: str, what: str = "") -> str:
    """A reader by package, version and class."""
    return " ".join(part for part in (package, version(package), what) if part)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call":
        _rows.extend({**value, "passed": report.passed} for name, value in report.user_properties if name == _KEY)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if not _rows or "trainers" not in (config.getoption("markexpr") or ""):
        return
    terminalreporter.section("trainers")
    for line in table(_rows):
        terminalreporter.write_line(line)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workerinput") or not session.config.getoption("--write-trainers") or not _rows:
        return
    TABLE.write_text("\n".join(_page(_rows)), encoding="utf-8")


def table(rows: list[dict[str, Any]]) -> list[str]:
    """The rows as a Markdown table, and formats that no reader ran on."""
    lines = [
        "| format | reader | proof | rows | first loss | direction | |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in sorted(rows, key=lambda row: (row["format"], row["reader"])):
        loss = "" if row["first_loss"] is None else f"{row['first_loss']:.4f}"
        lines.append(
            f"| {row['format']} | {row['reader']} | {_WORDS[row['proof']]} | {row['rows']} | {loss} "
            f"| {row['direction']} | {'read' if row['passed'] else 'FAILED'} |"
        )
    return lines


def unread(rows: list[dict[str, Any]]) -> list[str]:
    """Formats without a reader in this run, with what they state of themselves."""
    from curation.exports import FORMATS

    seen = {row["format"] for row in rows}
    left = [format_ for format_ in FORMATS.values() if format_.name not in seen]
    return ["| format | proof |", "|---|---|", *(f"| {one.name} | {one.proof} |" for one in left)]


def _page(rows: list[dict[str, Any]]) -> list[str]:
    import torch

    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    return [
        "# Trainers",
        "",
        "Written by `make trainers`: exports of drawn versions, given to the readers of trainers as they come from the",
        "package index. Models are tiny, random and built from a configuration; nothing is downloaded. A first loss of",
        "ln 2 (0.6931; 0.5 for KTO without its KL term) says that the rows arrived and were taken for pairs; it says",
        "nothing of who won. *Direction* does: *both ways* means that one pair was learned, then the same pair with",
        "its sides exchanged, and what became likelier turned with it. Formats that no reader here runs on stand in",
        "the second table with what they state of themselves.",
        "",
        f"Measured {date} on {platform.system()} {platform.machine()}, torch {torch.__version__}, "
        f"Python {platform.python_version()}.",
        "",
        *table(rows),
        "",
        "## Formats without a reader in this run",
        "",
        *unread(rows),
        "",
    ]
