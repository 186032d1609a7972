"""A job whose scorer has numbers for parts: what is written beside the scores, once, and what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from curation.actions import judgements
from curation.actions.judgements import Act, NewMark, NewScore, PassScore, Subject
from curation.errors import Refused
from curation.media import heatmaps
from curation.models import Asset, Job, JobFailure, Judgement, Mark, Project, Rater, Score
from scoring import resident
from scoring.actions.starting import start_scoring
from scoring.catalogue import CATALOGUE
from scoring.scorers import places
from scoring.scorers.base import Item, Needs, Outcome, Place, Reading
from tests import factories
from tests.curation.exports import frozen
from tests.scoring import fakes
from tests.scoring.job_helpers import texts, values, work_through

pytestmark = pytest.mark.django_db


class LetterScorer(fakes.LengthScorer):
    """The length of a text, and 1 for each letter of it that is an `a`; one that begins with `far` points beyond."""

    def score(self, items: Sequence[Item], prepared: Sequence[str]) -> list[Outcome]:
        whole = super().score(items, prepared)
        return [
            replace(one, places=self.letters(text)) if isinstance(one, Reading) else one
            for one, text in zip(whole, prepared, strict=True)
        ]

    def letters(self, text: str) -> tuple[Place, ...]:
        (output,) = self.facts.outputs
        reach = 2 if text.startswith("far") else 1
        return tuple(
            Place(output.criterion, float(letter == "a"), "span", "answer", start=n, end=n + reach, label=letter)
            for n, letter in enumerate(text)
        )


class LetterCrowd(LetterScorer):
    """The same, of a whole group at once."""


class HeatScorer(LetterScorer):
    """A heatmap over the first picture of the sample."""

    def letters(self, text: str) -> tuple[Place, ...]:
        return (places.over_picture("letters_value", [[0.0, 1.0], [2.0, 5.0]], 0, label="warmth"),)


PATH = f"{LetterScorer.__module__}:LetterScorer"


@pytest.fixture(autouse=True)
def letters(monkeypatch):
    monkeypatch.setitem(CATALOGUE, "letters", fakes.facts("letters", path=PATH))
    monkeypatch.setitem(CATALOGUE, "length", fakes.FAKES["length"])
    crowd = fakes.facts("crowd", path=PATH.replace("LetterScorer", "LetterCrowd"), scope="group")
    monkeypatch.setitem(CATALOGUE, "crowd", crowd)
    resident.forget()
    yield
    resident.forget()


@pytest.fixture
def project() -> Project:
    return factories.project(task="text")


def start(project: Project, name: str = "letters", **options) -> Job:
    (job,) = start_scoring(project=project, scorers={name: {}}, by=None, **options)
    return job


def marked() -> list[tuple[str, str, int, int, float]]:
    rows = Mark.objects.living().order_by("sample__text", "start")
    return list(rows.values_list("sample__text", "text", "start", "end", "value"))


def test_numbers_for_parts_are_written_beside_the_samples_own(project: Project) -> None:
    texts(project, "ab", "c")

    job = work_through(start(project))

    assert values(project) == {"ab": 2, "c": 1}
    assert marked() == [("ab", "a", 0, 1, 1.0), ("ab", "b", 1, 2, 0.0), ("c", "c", 0, 1, 0.0)]
    mark, score = Mark.objects.order_by("position")[0], Score.objects.get(sample__text="ab")
    assert (mark.judgement_id, mark.rater_id, mark.prompt_id) == (score.judgement_id, score.rater_id, score.prompt_id)
    assert mark.criterion_version_id == score.criterion_version_id
    assert (mark.target, mark.shape, mark.media_index, mark.error_type, mark.points) == (
        "answer",
        "span",
        None,
        "",
        None,
    )
    assert mark.judgement.job_id == job.pk


def test_a_heatmap_comes_back_cell_by_cell(project: Project, monkeypatch) -> None:
    heat = fakes.facts("letters", path=PATH.replace("Letter", "Heat"), needs=Needs(media=frozenset({"image"})))
    monkeypatch.setitem(CATALOGUE, "letters", heat)
    sample = factories.sample(factories.prompt(project), text="a")
    factories.place(sample, frozen.picture(1))

    work_through(start(project))

    mark = Mark.objects.get()
    assert (mark.shape, mark.target, mark.media_index, mark.value, mark.text) == ("heatmap", "media", 0, 2.0, "warmth")
    assert heatmaps.unpacked(mark.points).round(3).tolist() == [[0.0, 1.0], [2.0, 5.0]]


def test_a_file_that_nobody_can_look_at_keeps_its_place_among_the_media(project: Project, monkeypatch) -> None:
    """Scorers are not shown latents; people, pages and exports count them."""
    heat = fakes.facts("letters", path=PATH.replace("Letter", "Heat"), needs=Needs(media=frozenset({"image"})))
    monkeypatch.setitem(CATALOGUE, "letters", heat)
    sample = factories.sample(factories.prompt(project), text="a")
    factories.place(sample, factories.asset(kind=Asset.Kind.FILE), position=0)
    factories.place(sample, frozen.picture(1), position=1)

    work_through(start(project))

    assert Mark.objects.get().media_index == 1


def test_a_bad_place_is_its_samples_failure_and_leaves_no_number(project: Project) -> None:
    texts(project, "ab", "far away")

    job = work_through(start(project))

    assert values(project) == {"ab": 2}
    assert {text for text, *_rest in marked()} == {"ab"}
    assert "from 7 to 9, not within the 8 characters of the answer" in JobFailure.objects.get(job=job).reason


def test_parts_come_only_with_the_numbers_that_are_new(project: Project) -> None:
    old, new = texts(project, "ab", "c")
    criterion, rater = factories.overall(project), factories.rater(project, kind=Rater.Kind.MODEL)

    def passed(*samples) -> int:
        return judgements.record_pass(
            project=project,
            rater=rater,
            job=None,
            scores=[PassScore(s.pk, s.prompt_id, criterion.pk, 1.0) for s in samples],
            marks=[
                NewMark(Subject(s.pk, s.prompt_id), "answer", "span", criterion.pk, start=0, end=1, value=0.5)
                for s in samples
            ],
        )

    assert (passed(old), passed(old, new), passed(old, new)) == (1, 1, 0)
    assert sorted(Mark.objects.values_list("sample", flat=True)) == sorted([old.pk, new.pk])


def test_parts_are_retracted_with_their_act_and_can_be_said_again(project: Project) -> None:
    texts(project, "ab")
    work_through(start(project))

    judgements.retract(judgements=Judgement.objects.all(), reason=Judgement.Retraction.RETRACTED, by=None)
    assert marked() == []
    assert Mark.objects.count() == 2
    work_through(start(project))

    assert [(text, value) for _sample, text, _start, _end, value in marked()] == [("a", 1.0), ("b", 0.0)]
    assert Mark.objects.count() == 4


def test_a_grown_group_supersedes_its_parts_too(project: Project) -> None:
    prompt = factories.prompt(project)
    factories.sample(prompt, text="ab")
    work_through(start(project, "crowd"))
    factories.sample(prompt, text="c")

    work_through(start(project, "crowd"))

    assert [(sample, text) for sample, text, *_rest in marked()] == [("ab", "a"), ("ab", "b"), ("c", "c")]
    assert Mark.objects.filter(is_retracted=True).count() == 2


def test_a_scorer_without_parts_asks_the_database_nothing_more(project: Project) -> None:
    texts(project, *"abcdefgh")
    job = start(project, "length")

    with CaptureQueriesContext(connection) as asked:
        work_through(job)

    assert not [query["sql"] for query in asked if "_mark" in query["sql"]]


# -- what the database forbids ----------------------------------------------------------------------------------------


def test_a_value_is_finite_and_has_a_criterion(project: Project) -> None:
    (sample,) = texts(project, "ab")
    criterion, rater = factories.overall(project), factories.rater(project, kind=Rater.Kind.MODEL)
    act = Judgement.objects.create(project=project, rater=rater, act="pass", at=timezone.now())
    row = {"judgement": act, "rater": rater, "sample": sample, "prompt": sample.prompt, "target": "answer"}
    row |= {"shape": "span", "start": 0, "end": 1}

    for position, (value, of, rule) in enumerate(
        [
            (float("nan"), criterion, "mark_value_finite"),
            (float("inf"), criterion, "mark_value_finite"),
            (0.5, None, "mark_value_has_criterion"),
        ]
    ):
        with pytest.raises(IntegrityError, match=rule), transaction.atomic():
            Mark.objects.create(**row, position=position, value=value, criterion_version=of)


def test_a_value_is_written_once(project: Project) -> None:
    texts(project, "a")
    work_through(start(project))

    with pytest.raises(IntegrityError, match="is written once"), transaction.atomic():
        Mark.objects.update(value=0.25)
    with pytest.raises(IntegrityError, match="is written once"), transaction.atomic():
        Mark.objects.update(end=9)


@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_a_value_that_cannot_be_stored_is_refused_in_words(project: Project, value: float) -> None:
    (sample,) = texts(project, "ab")
    criterion, rater = factories.overall(project), factories.rater(project, kind=Rater.Kind.MODEL)
    subject = Subject(sample.pk, sample.prompt_id)
    mark = NewMark(subject, "answer", "span", criterion.pk, start=0, end=1, value=value)

    with pytest.raises(Refused, match="part of sample"):
        judgements.record(project=project, acts=[Act(rater.pk, "pass", marks=[mark])])
    with pytest.raises(Refused, match="part of sample"):
        judgements.record(
            project=project,
            acts=[Act(rater.pk, "rate", scores=[NewScore(subject, criterion.pk, 1.0)], marks=[mark])],
        )
    bare = replace(mark, value=0.5, criterion_version_id=None)
    with pytest.raises(Refused, match="has no criterion"):
        judgements.record(project=project, acts=[Act(rater.pk, "pass", marks=[bare])])
    assert not Mark.objects.exists()
