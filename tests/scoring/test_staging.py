"""Scoring in stages: a cheap scorer looks at all samples, a dear one only at those it leaves over."""

from __future__ import annotations

import pytest

from curation.errors import Refused
from curation.models import Job, Project, Score, State
from scoring import cutting, resident, tasks
from scoring.actions import choosing, staging, starting
from scoring.actions.staging import Stage, start_staged
from scoring.catalogue import CATALOGUE
from scoring.scorers.base import Reading, Result
from tests import factories
from tests.scoring import fakes
from tests.scoring.job_helpers import work_through

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fake_scorers(monkeypatch):
    for name, facts in fakes.FAKES.items():
        monkeypatch.setitem(CATALOGUE, name, facts)
    resident.forget()
    yield
    resident.forget()


@pytest.fixture
def project() -> Project:
    """Two prompts with texts of 1 to 4 and of 5 to 8 letters."""
    made = factories.project(task="text")
    for lengths in ((1, 2, 3, 4), (5, 6, 7, 8)):
        prompt = factories.prompt(made)
        for length in lengths:
            factories.sample(prompt, text="a" * length)
    return made


def seen_by(project: Project, name: str) -> list[int]:
    """The lengths of the texts a scorer has a number of."""
    rows = Score.objects.living().filter(judgement__project=project, rater__name=name)
    return sorted(len(text or "") for text in rows.values_list("sample__text", flat=True))


def staged(project: Project, **bar: float) -> list[Job]:
    """Length of all; vowels of what passes the bar. Worked through, stage by stage."""
    later = [Stage("length", "length_value", {"vowels": {}}, **bar)]  # type: ignore[arg-type]
    done = []
    waiting = start_staged(project=project, scorers={"length": {}}, later=later, by=None)
    while waiting:
        done += [work_through(job) for job in waiting]
        waiting = [job for one in waiting for job in staging.advance(one.pk)]
    return done


@pytest.mark.parametrize(
    ("bar", "lengths"),
    [
        ({"at_least": 6}, [6, 7, 8]),
        ({"at_most": 3, "at_least": 2}, [2, 3]),
        ({"best_of_prompt": 1}, [4, 8]),
        ({"best_of_prompt": 2, "at_most": 7}, [3, 4, 6, 7]),
        ({"most": 3}, [6, 7, 8]),
        ({"best_of_prompt": 2, "most": 3}, [4, 7, 8]),
    ],
)
def test_the_dear_scorer_sees_only_what_the_cheap_one_left(project: Project, bar, lengths: list[int]) -> None:
    first, second = staged(project, **bar)

    assert seen_by(project, "length") == [1, 2, 3, 4, 5, 6, 7, 8]
    assert seen_by(project, "vowels") == lengths
    assert (first.state, second.state, second.total) == (State.DONE, State.DONE, len(lengths))


def test_of_equal_numbers_the_older_sample_stays(project: Project) -> None:
    prompt = factories.prompt(project)
    twins = [factories.sample(prompt, text=text) for text in ("eeeeeeeee", "bbbbbbbbb")]

    staged(project, most=1)

    assert Score.objects.get(rater__name="vowels").sample_id == twins[0].pk


def test_survivors_are_worked_out_once_and_not_again_for_every_part(project: Project, monkeypatch) -> None:
    monkeypatch.setattr(cutting, "SMALLEST_PART", 1)
    monkeypatch.setattr(cutting, "FIRST_PART", 1)
    calls = []
    real = choosing.keeping.kept
    monkeypatch.setattr(choosing.keeping, "kept", lambda *args: calls.append(1) or real(*args))

    _first, second = staged(project, at_least=3)

    assert second.chunks.count() > 2
    assert len(calls) == 2  # when it was started, and when it was planned


def test_a_stage_waits_for_every_job_of_the_one_before(project: Project) -> None:
    later = [Stage("length", "length_value", {"vowels": {}}, at_least=6)]
    started = start_staged(project=project, scorers={"length": {}, "crowd": {}}, later=later, by=None)
    by_title = {job.title: job for job in started}

    work_through(by_title["length"])
    assert staging.advance(by_title["length"].pk) == []

    work_through(by_title["crowd"])
    (second,) = staging.advance(by_title["crowd"].pk)
    assert second.title == "vowels"


def test_a_stage_begins_once_however_often_it_is_called(project: Project) -> None:
    later = [Stage("length", "length_value", {"vowels": {}}, at_least=6)]
    (first,) = start_staged(project=project, scorers={"length": {}}, later=later, by=None)
    work_through(first)

    assert [job.pk for job in staging.due()] == [first.pk]
    begun = staging.advance(first.pk) + staging.advance(first.pk)

    assert len(begun) == 1
    assert staging.due() == []


def test_a_cancelled_stage_is_not_followed_until_it_is_resumed_and_done(project: Project) -> None:
    later = [Stage("length", "length_value", {"vowels": {}}, at_least=6)]
    (first,) = start_staged(project=project, scorers={"length": {}}, later=later, by=None)
    starting.cancel(job=first, by=None)
    assert staging.advance(first.pk) == []

    first.refresh_from_db()
    work_through(starting.resume(job=first, by=None))

    assert len(staging.advance(first.pk)) == 1


def test_two_clicks_start_one_series(project: Project) -> None:
    later = [Stage("length", "length_value", {"vowels": {}}, at_least=6)]
    asked = [start_staged(project=project, scorers={"length": {}}, later=later, by=None) for _click in range(2)]

    assert asked[0] == asked[1]


def test_a_plain_job_under_way_does_not_swallow_the_stages(project: Project) -> None:
    (plain,) = starting.start_scoring(project=project, scorers={"length": {}}, by=None)
    later = [Stage("length", "length_value", {"vowels": {}}, at_least=6)]
    (first,) = start_staged(project=project, scorers={"length": {}}, later=later, by=None)

    assert first.pk != plain.pk


def test_the_sweep_begins_a_stage_whose_worker_died_in_between(project: Project, monkeypatch) -> None:
    rung = []
    monkeypatch.setattr(tasks, "ring", lambda job: rung.append(job.title))
    monkeypatch.setattr(tasks, "messages_in", lambda queue: 0)
    later = [Stage("length", "length_value", {"vowels": {}}, at_least=6)]
    (first,) = start_staged(project=project, scorers={"length": {}}, later=later, by=None)
    work_through(first)

    tasks.sweep()

    assert "vowels" in rung


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        (Stage("vowels", "vowels_value", {"crowd": {}}, most=1), "goes by “vowels”, which the stage before does not"),
        (Stage("length", "beauty", {"vowels": {}}, most=1), "“length” gives no “beauty”. It gives: length_value"),
        (Stage("length", "length_value", {"vowels": {}}), "needs a bar"),
        (Stage("length", "length_value", {"vowels": {}}, most=0), "at least 1 sample, not 0"),
        (Stage("length", "length_value", {}, most=1), "names no scorer"),
        (Stage("length", "length_value", {"nobody": {}}, most=1), "no scorer “nobody”"),
    ],
)
def test_a_stage_that_cannot_follow_is_refused_before_anything_runs(project: Project, stage: Stage, words: str) -> None:
    with pytest.raises(Refused, match=words):
        start_staged(project=project, scorers={"length": {}}, later=[stage], by=None)

    assert not Job.objects.exists()


@pytest.mark.capability("C5")
def test_only_scores_that_are_certain_enough_go_on(project: Project, monkeypatch) -> None:
    """A score may carry its deviation; a stage can ask how large it may be, and an unknown one is not small."""
    spreads = {2: 0.1, 3: 0.5, 4: 0.9}

    def uncertain(self, items, prepared):
        return [Reading({"length_value": Result(float(len(text)), spreads.get(len(text)))}) for text in prepared]

    later = [Stage("length", "length_value", {"vowels": {}}, spread_at_most=0.5)]
    (first,) = start_staged(project=project, scorers={"length": {}}, later=later, by=None)
    with monkeypatch.context() as patch:
        patch.setattr(fakes.LengthScorer, "score", uncertain)
        work_through(first)

    (second,) = staging.advance(first.pk)
    work_through(second)

    assert seen_by(project, "vowels") == [2, 3]
