"""`manage.py examine`: the numbers of the action as a table, as JSON and as CSV."""

import csv
import io
import json

import pytest
from django.core.management import CommandError, call_command

from curation.actions import examining
from curation.actions.examining import Choice
from curation.examination.credit import Ties
from tests.curation.examination.scene import Scene, voted

pytestmark = pytest.mark.django_db


@pytest.fixture
def boats() -> Scene:
    return voted()


def _said(*args: str) -> str:
    out = io.StringIO()
    call_command("examine", *args, stdout=out)
    return out.getvalue()


def test_the_command_prints_a_table(boats) -> None:
    said = _said("boats", "--by", "tag")

    assert "9 votes of 2 people by “overall”, on 7 pairs of 2 prompts; 1 ties (left-out), 1 both bad" in said
    line = next(line for line in said.splitlines() if line.startswith("clip-tiny"))
    assert "71.4 % [" in line
    assert "50.0 %  " in next(line for line in said.splitlines() if line.startswith("a person beside the others"))
    assert next(line for line in said.splitlines() if line.startswith("hands")).split()[1] == "2"
    assert "mean of these" in said


def test_the_command_says_the_same_as_the_action(boats) -> None:
    said = json.loads(_said("boats", "--format", "json", "--by", "tag", "locale", "--ties", "half"))

    answer = examining.make(project=boats.project, choice=Choice(ties=Ties.HALF, by=("tag", "locale")))
    assert said["rule_for_ties"] == "half"
    for told, one in zip(said["machines"], answer.found.machines, strict=True):
        assert told["machine"] == answer.name(one.column)
        assert told["accuracy"]["value"] == one.accuracy.value
        assert told["accuracy"]["low"] == one.accuracy.low
        assert (told["people"] or {}).get("value") == (one.people.value if one.people else None)
    assert list(said["slices"]) == ["tag", "locale"]
    assert said["slices"]["locale"]["lines"][0]["label"] == "en"


def test_the_command_writes_csv(boats) -> None:
    rows = list(csv.DictReader(io.StringIO(_said("boats", "--format", "csv", "--by", "tag"))))

    whole = {row["machine"]: row for row in rows if not row["part"]}
    assert float(whole["clip-tiny"]["accuracy"]) == pytest.approx(5 / 7)
    assert float(whole["a person beside the others"]["accuracy"]) == 0.5
    assert whole["clip-tiny"]["against"] == "grain · noise"
    assert {row["label"] for row in rows if row["part"] == "tag"} == {"night", "hands"}


def test_the_command_takes_machines_by_name(boats) -> None:
    said = json.loads(_said("boats", "--format", "json", "--rater", "grain", "--against", "grain"))

    assert [one["machine"] for one in said["machines"]] == ["grain · noise"]
    with pytest.raises(CommandError, match=r"There is no machine “clipp” here. Known are: clip-tiny, grain"):
        _said("boats", "--rater", "clipp")


def test_the_command_names_the_projects_there_are(boats) -> None:
    with pytest.raises(CommandError, match=r"no project 'boots'. Projects here: boats"):
        _said("boots")
