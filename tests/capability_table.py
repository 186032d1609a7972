"""`make capabilities`: each capability, the tests that carry it, and whether they passed in the last run."""

import contextlib
import io
import re
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tests.capability_report import read_report, report_path

_LIST = Path(__file__).resolve().parents[1] / "docs" / "capabilities.md"


class Collector:
    """A pytest plugin that keeps which tests carry which capability, and runs none."""

    def __init__(self) -> None:
        self.tests: dict[str, list[str]] = defaultdict(list)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            for mark in item.iter_markers("capability"):
                self.tests[mark.args[0]].append(item.nodeid)


def capabilities() -> dict[str, str]:
    """Id to name, in the order of the list."""
    rows = re.findall(r"^\| ([A-J]\d+) \| ([^|]+?) \|", _LIST.read_text(encoding="utf-8"), flags=re.M)
    return dict(rows)


def works(outcomes: list[str]) -> bool:
    """At least one test passed, and none failed or is yet to run. A skipped test proves nothing
    and contradicts nothing."""
    return "passed" in outcomes and not set(outcomes) - {"passed", "skipped"}


def lines(names: dict[str, str], tests: dict[str, list[str]], report: dict[str, dict[str, object]]) -> list[str]:
    """The table as it is printed; the last line counts."""
    printed, working = [], 0
    for key, name in names.items():
        outcomes = [str(report.get(test, {}).get("outcome", "not run")) for test in tests.get(key, [])]
        working += works(outcomes)
        printed.append(f"{key:<4} {'works' if works(outcomes) else '-':<6} {name}")
        printed += [f"       {outcome:<8} {test}" for test, outcome in zip(tests.get(key, []), outcomes, strict=True)]
    unknown = sorted(set(tests) - set(names))
    printed += [f"Not in {_LIST.name}: {key}, carried by {', '.join(tests[key])}" for key in unknown]
    return [*printed, f"{working} of {len(names)} capabilities work"]


def main() -> int:
    collector = Collector()
    with contextlib.redirect_stdout(io.StringIO()) as said:
        status = pytest.main(["--collect-only", "-q", "--no-header"], [collector])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        print(said.getvalue(), "The tests cannot be collected.", sep="\n", file=sys.stderr)
        return 1
    print("\n".join(lines(capabilities(), collector.tests, read_report(report_path()))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
