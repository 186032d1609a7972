"""A format that says a reader proves it has a test that runs the reader; what is pinned is what is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from curation.exports import FORMATS
from tests import trainer_report
from tests.trainers import environments

HERE = Path(__file__).resolve().parent


@pytest.mark.parametrize("name", [one.name for one in FORMATS.values() if one.proof.kind != "contract"])
def test_a_format_that_counts_as_proved_hands_a_reader_to_the_report(name):
    if "load_dataset" in FORMATS[name].proof.reader:
        return  # `read_back` loads every table so, in the tests of the formats themselves
    tests = [path.read_text("utf-8") for path in HERE.glob("test_*.py") if path.name != Path(__file__).name]

    assert any(f'"{name}"' in text and "proved(" in text for text in tests)


@pytest.mark.parametrize(("name", "package"), [("llamafactory", "llamafactory"), ("swift", "ms_swift")])
def test_environments_pin_everything_and_the_reader_that_formats_name(name, package):
    lines = [line for line in (HERE / f"{name}.txt").read_text("utf-8").splitlines() if not line.startswith("#")]

    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!_-]+", line) for line in lines)
    pinned = dict(line.split("==") for line in lines)
    stated = {one.proof.reader for one in FORMATS.values() if package.replace("_", "-") in one.proof.reader}
    assert stated
    assert all(f" {pinned[package]}" in reader for reader in stated)
    assert not any("+" in version for version in pinned.values())


def test_an_environment_that_is_not_there_or_older_than_its_pins_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = environments.folder_of("swift")
    assert environments.python_of("swift") is None

    folder.mkdir(parents=True)
    (folder / environments.STAMP).write_text("ms_swift==1.0\n")
    assert environments.python_of("swift") is None

    (folder / environments.STAMP).write_text((HERE / "swift.txt").read_text("utf-8"))
    assert environments.python_of("swift") == folder / "bin" / "python"


def test_the_table_tells_what_failed():
    row = {"format": "trl", "reader": "r", "proof": "package", "rows": 3, "first_loss": 0.69314, "direction": ""}

    lines = trainer_report.table([{**row, "passed": True}, {**row, "format": "a", "passed": False}])

    assert lines[2:] == ["| a | r | package | 3 | 0.6931 |  | FAILED |", "| trl | r | package | 3 | 0.6931 |  | read |"]
    assert not any("| trl |" in line for line in trainer_report.unread([row]))
    assert any(line.startswith("| canonical |") for line in trainer_report.unread([row]))


def test_a_loss_that_is_not_the_expected_one_is_no_proof(proved):
    with pytest.raises(AssertionError, match=r"first_loss=0\.5"):
        proved("trl", "reader", rows=1, first_loss=0.5, expected=0.6931)
    with pytest.raises(AssertionError, match="nothing reached reader"):
        proved("trl", "reader", rows=0)
