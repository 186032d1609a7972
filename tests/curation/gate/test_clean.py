"""A version in which nothing is wrong passes, whatever it holds."""

import pytest

from curation.gate.codes import CHECKS
from tests.curation.gate.made import made


@pytest.mark.parametrize("text", [True, False])
def test_nothing_is_found_in_a_clean_version(text):
    report = made(text=text).examination().report

    assert report.findings == ()
    assert (report.pairs, report.samples) == (30, 60)
    assert list(report.checks) == list(CHECKS)


def test_what_could_not_be_looked_for_is_said_with_its_reason():
    report = made(text=True).examination().report

    assert report.idle == {
        "benchmark-leakage": "no benchmark is frozen",
        "cycle-graded": "no rater behind the pairs goes back from the output to the prompt",
        "own-labels": "no rater behind the pairs was fitted on labels of this project",
        "brightness-bias": "pairs of pictures exist for 0 prompts; it takes 10",
    }
    assert "cycle" in report.clean
    assert "benchmark-leakage" not in report.clean


def test_an_empty_version_has_nothing_to_find():
    report = made(prompts=0).examination().report

    assert report.findings == ()
    assert {"single-rater", "position-bias", "length-bias", "collapsed-margins"} <= set(report.idle)
