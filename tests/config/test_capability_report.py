"""Who passed for which capability."""

import json
import subprocess
import sys
from pathlib import Path

from tests import capability_table
from tests.capability_report import read_report

ROOT = Path(__file__).resolve().parents[2]


def test_the_list_has_seventy_seven_capabilities():
    names = capability_table.capabilities()

    assert len(names) == 77
    assert names["A1"]
    assert names["J4"]


def test_a_capability_works_when_a_test_passed_and_none_failed_or_waits():
    assert capability_table.works(["passed", "skipped"])
    assert not capability_table.works([])
    assert not capability_table.works(["skipped"])
    assert not capability_table.works(["passed", "failed"])
    assert not capability_table.works(["passed", "not run"])


def test_the_table_shows_every_test_and_counts_in_its_last_line():
    names = {"A1": "Groups", "A2": "Modalities", "A3": "Conditions"}
    tests = {"A1": ["t::one", "t::two"], "A2": ["t::three"]}
    report = {"t::one": {"outcome": "passed"}, "t::two": {"outcome": "passed"}, "t::three": {"outcome": "failed"}}

    printed = capability_table.lines(names, tests, report)

    assert printed[-1] == "1 of 3 capabilities work"
    assert "       failed   t::three" in printed
    assert printed[0].split()[:2] == ["A1", "works"]


def test_outcomes_are_gathered_from_every_worker_of_a_run(tmp_path):
    """A run of its own, with two workers, of a file with one test of each outcome."""
    (tmp_path / "test_sample.py").write_text(
        "import pytest\n"
        "pytestmark = pytest.mark.capability('A1')\n"
        "def test_passes(): pass\n"
        "def test_fails(): assert False\n"
        "def test_skips(): pytest.skip('absent')\n"
        "@pytest.fixture\n"
        "def broken(): raise ValueError\n"
        "def test_cannot_begin(broken): pass\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = capability(id): proves\n")
    code = "import os, sys; os.environ.pop('DJANGO_SETTINGS_MODULE', None); import pytest; sys.exit(pytest.main())"

    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), "-n", "2", "-p", "tests.capability_report", "-p", "no:django"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "PAIRWRIGHT_TEST_DATA": str(tmp_path / "data")},
        check=False,
        capture_output=True,
    )

    report = read_report(tmp_path / "data" / "capabilities.json")
    assert {name.split("::")[1]: entry["outcome"] for name, entry in report.items()} == {
        "test_passes": "passed",
        "test_fails": "failed",
        "test_skips": "skipped",
        "test_cannot_begin": "failed",
    }


def test_a_run_of_a_few_tests_keeps_what_is_known_of_the_others(tmp_path, monkeypatch):
    from tests import capability_report

    monkeypatch.setenv("PAIRWRIGHT_TEST_DATA", str(tmp_path))
    (tmp_path / "capabilities.json").write_text(json.dumps({"old": {"capabilities": ["A1"], "outcome": "passed"}}))
    monkeypatch.setattr(capability_report, "_results", {"new": {"capabilities": ["A2"], "outcome": "failed"}})

    class Session:
        config = object()

    capability_report.pytest_sessionfinish(Session())

    assert set(read_report(tmp_path / "capabilities.json")) == {"old", "new"}
