"""The report as it travels: into JSON and back, its digests, what stands in the way of publishing."""

import json
from dataclasses import replace

import polars as pl
import pytest

from curation.gate.report import GateReport, Waiver, digest_of_rows
from tests.curation.gate.made import made


@pytest.fixture
def report() -> GateReport:
    world = made()
    world.pair(21, 20)
    world.rows("dead").append({"sample_id": 20, "prompt_id": None, "name": "renditions/ab/abc"})
    world.prompt(4)["licence"] = ""
    return world.examination().report


def test_a_report_comes_back_from_json_as_it_was(report):
    waived = report.with_waivers({"conflict": Waiver("both are right", "ada", "2026-01-02")})

    assert GateReport.from_json(json.loads(json.dumps(waived.as_json()))) == waived


def test_a_database_that_forgets_the_order_of_names_changes_no_word(report):
    value = report.as_json()
    value["idle"] = dict(reversed(value["idle"].items()))

    assert len(value["idle"]) > 1
    assert json.dumps(GateReport.from_json(value).as_json()) == json.dumps(report.as_json())


def test_a_report_of_a_later_gate_is_refused(report):
    with pytest.raises(ValueError, match="not of gate 2"):
        GateReport.from_json({**report.as_json(), "gate": 2})


def test_errors_come_first_and_only_errors_stand_in_the_way(report):
    assert [finding.code for finding in report.findings] == ["conflict", "dead-media", "no-licence"]
    assert [finding.code for finding in report.open_errors] == ["conflict", "dead-media"]


def test_a_waiver_opens_the_way_but_not_past_what_nobody_may_accept(report):
    word = Waiver("known", "ada", "2026-01-02")

    waived = report.with_waivers({"conflict": word, "dead-media": word})

    assert [finding.code for finding in waived.open_errors] == ["dead-media"]


def test_the_order_of_rows_changes_nothing():
    world, shuffled = made(), made()
    for one in (world, shuffled):
        one.pair(21, 20)
        one.sample(30)["licence"] = ""
    for rows in shuffled.tables.values():
        rows.reverse()

    first, second = world.examination(), shuffled.examination()

    assert first.report == second.report
    assert first.rows.equals(second.rows)


def test_a_digest_tells_other_rows_but_not_other_words():
    rows = pl.DataFrame({"pair_id": ["a", "b"], "sample_id": [None, 1], "prompt_id": [None, None]})

    one = digest_of_rows("cycle", rows)

    assert digest_of_rows("cycle", rows.reverse()) == one
    assert digest_of_rows("conflict", rows) != one
    assert digest_of_rows("cycle", rows.head(1)) != one


def test_the_digest_of_a_report_leaves_waivers_out(report):
    waived = report.with_waivers({"conflict": Waiver("known", "ada", "2026-01-02")})

    assert waived.digest() == report.digest()
    assert replace(report, findings=report.findings[1:]).digest() != report.digest()
