"""Which capabilities were shown to work in the last run of the tests.

A test that proves a capability carries `@pytest.mark.capability("A1")`. What became of each
such test is written to a file in the user's cache folder, where `make capabilities` reads it.
Under xdist the workers' reports arrive at the controller, and only it writes.
"""

import json
import os
from pathlib import Path
from typing import Any

import platformdirs
import pytest

_KEY = "capabilities"
_results: dict[str, dict[str, Any]] = {}


def report_path() -> Path:
    """Where the last run's results lie; beside the data of the tests."""
    default = platformdirs.user_cache_dir("pairwright-tests")
    return Path(os.environ.get("PAIRWRIGHT_TEST_DATA") or default) / "capabilities.json"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    outcome = yield
    ids = [mark.args[0] for mark in item.iter_markers("capability")]
    if ids:
        # User properties travel from an xdist worker to the controller.
        outcome.get_result().user_properties.append((_KEY, ids))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    ids = dict(report.user_properties).get(_KEY)
    if not ids:
        return
    entry = _results.setdefault(report.nodeid, {"capabilities": ids, "outcome": "passed"})
    if report.outcome != "passed" and entry["outcome"] == "passed":
        entry["outcome"] = report.outcome


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Merge this run into the file: a run of a few tests says nothing about the others."""
    if hasattr(session.config, "workerinput") or not _results:
        return
    path = report_path()
    known = read_report(path)
    known.update(_results)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(json.dumps(known, indent=1, sort_keys=True), encoding="utf-8")
    draft.replace(path)


def read_report(path: Path) -> dict[str, dict[str, Any]]:
    """Test id to its capabilities and outcome; empty when no tests ran yet."""
    if not path.exists():
        return {}
    return json.loads(path.read_text(encoding="utf-8"))
