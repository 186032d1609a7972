"""Canaries: the same pictures scored at every start of a worker, and the quarantine when their numbers move."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from curation.models import Job, Project, RaterStanding, Score
from scoring import canaries, resident
from scoring.actions import canaries as looks
from scoring.actions.starting import start_scoring
from scoring.catalogue import CATALOGUE
from scoring.models import Canary
from scoring.scorers.base import Decoded, Item, Needs, Outcome, Output, Reading, Result, Scorer, ScorerFacts, Setting
from tests import factories
from tests.scoring import fakes, making
from tests.scoring.job_helpers import work_through

DIGESTS = ["c2ece0f9b7588721", "7ca3394709c4b1ee", "67daf9b95c176c3b", "5565eb1f4ccb36ee"]


class Lightness(Scorer[float]):
    """Mean luminance by a model of one weight; sixteen-bit floats and a broken driver are played by numpy."""

    weight = 1.0  # a driver that computes otherwise changes it while the identity stays

    def __init__(self, facts: ScorerFacts, *, precision: str) -> None:
        super().__init__(facts)
        self._type = np.float16 if precision == "float16" else np.float32
        self._precision = precision

    def identity_parts(self):
        return {"weights": "one", "precision": self._precision}

    def prepare(self, item: Item, decoded: Decoded) -> float:
        if item.media:
            return float(np.mean([np.asarray(picture).mean() for picture in decoded.pictures()]))
        return float(len(item.text or ""))

    def score(self, items: Sequence[Item], prepared: Sequence[float]) -> list[Outcome]:
        return [
            Reading({"lightness": Result(float(self._type(value) * self._type(self.weight)))}) for value in prepared
        ]


FACTS = fakes.facts(
    "lightness",
    path=f"{__name__}:Lightness",
    kind="model",
    needs=Needs(),
    outputs=(Output("lightness", "Lightness", "", 0, 1000),),
    settings=(Setting("precision", "float32", "", choices=("float32", "float16")),),
)


@pytest.fixture
def project(monkeypatch, db) -> Project:
    monkeypatch.setitem(CATALOGUE, "lightness", FACTS)
    monkeypatch.setitem(CATALOGUE, "length", fakes.FAKES["length"])
    resident.forget()
    yield factories.project(task="text")
    resident.forget()


def score(project: Project, text: str, name: str = "lightness", **settings: str) -> Job:
    """A sample arrives and a job scores it in a worker that has just started."""
    resident.forget()
    factories.sample(factories.prompt(project), text=text)
    (job,) = start_scoring(project=project, scorers={name: settings}, by=None)
    return work_through(job)


def test_the_canaries_are_the_same_pictures_for_ever() -> None:
    """If this fails, every rater's first look speaks of other pictures: never change them, add a second set."""
    digests = [hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()[:16] for pixels in canaries.drawn()]

    assert digests == DIGESTS


def test_canaries_can_be_measured_by_the_rules_and_the_reader_of_text(tmp_path: Path) -> None:
    made = making.build("technical")
    made.ready()

    values = canaries.measure(made, tmp_path)

    assert len([key for key in values if key.startswith("technical_sharpness of canary")]) == 4
    assert values == canaries.measure(made, tmp_path)


def test_drift_is_told_in_deviations_of_the_first_numbers() -> None:
    """First numbers 1 and 3: mean 2, deviation 1. The second moved by 0.25."""
    first = {"a of canary 1": 1.0, "a of canary 2": 3.0, "b of canary 1": 100.0, "b of canary 2": 300.0}

    found = canaries.drift(first, {**first, "a of canary 2": 3.25, "b of canary 1": 110.0})

    assert (found.largest, found.worst, found.absolute) == (0.25, "a of canary 2", 0.25)
    assert found.same_order == 1.0
    assert canaries.drift(first, {**first, "a of canary 2": 0.5}).same_order == 0.5
    assert canaries.drift({"a of canary 1": 4.0}, {"a of canary 1": 5.0}).largest == 0.25  # no deviation: of itself
    assert canaries.drift(first, {"a of canary 1": 1.0}).largest == float("inf")


def test_the_first_worker_writes_what_later_ones_are_held_against(project: Project) -> None:
    score(project, "a")
    score(project, "bb")

    first, second = Canary.objects.order_by("pk")
    assert (first.is_first, first.drift, second.is_first, second.drift) == (True, None, False, 0.0)
    assert not second.has_drifted
    assert not RaterStanding.objects.exists()


def test_a_worker_looks_once_for_each_time_it_loads_a_model(project: Project) -> None:
    score(project, "a")
    factories.sample(factories.prompt(project), text="bb")
    (again,) = start_scoring(project=project, scorers={"lightness": {}}, by=None)
    work_through(again)  # the model is in memory already

    assert Canary.objects.count() == 1


def test_rules_have_no_canaries(project: Project) -> None:
    score(project, "a", "length")

    assert not Canary.objects.exists()


def test_drift_quarantines_what_follows_and_says_so(project: Project, monkeypatch) -> None:
    score(project, "a")
    monkeypatch.setattr(Lightness, "weight", 1.01)

    job = score(project, "bb")

    look = Canary.objects.order_by("pk").last()
    assert look is not None
    assert look.has_drifted
    means = [pixels.mean() for pixels in canaries.drawn()]
    assert look.drift == pytest.approx(0.01 * max(means) / np.std(means), rel=1e-4)  # the lightest one moved most
    standing = RaterStanding.objects.get(project=project)
    assert (standing.state, standing.rater_id) == ("quarantined", look.rater_id)
    assert "have drifted" in standing.reason
    assert job.result["warnings"] == [standing.reason]
    kept = Score.objects.get(sample__text="a").judgement
    apart = Score.objects.get(sample__text="bb").judgement
    good = set(type(kept).objects.outside_quarantine())
    assert kept in good
    assert apart not in good


def test_a_quarantine_is_said_once_and_stands_until_somebody_lifts_it(project: Project, monkeypatch) -> None:
    score(project, "a")
    monkeypatch.setattr(Lightness, "weight", 1.01)
    score(project, "bb")
    score(project, "ccc")
    monkeypatch.setattr(Lightness, "weight", 1.0)
    score(project, "dddd")

    assert RaterStanding.objects.filter(project=project).count() == 1
    assert [look.has_drifted for look in Canary.objects.order_by("pk")] == [False, True, True, False]


def test_the_difference_of_a_shorter_precision_is_measured_and_kept(project: Project) -> None:
    score(project, "a", precision="float16")

    look = looks.firsts([Canary.objects.get().rater_id]).popitem()[1]
    assert look.precision is not None
    assert 0 < look.precision["absolute"] < 0.1
    assert look.precision["same_order"] == 1.0
    full = score(project, "bb").params["raters"]["lightness"]
    assert looks.firsts([full])[full].precision is None


def test_rounding_of_another_machine_is_no_drift(project: Project, monkeypatch) -> None:
    score(project, "a")
    monkeypatch.setattr(Lightness, "weight", 1.000001)
    score(project, "bb")

    look = Canary.objects.order_by("pk").last()
    assert look is not None
    assert look.drift > 0
    assert not look.has_drifted


def test_a_try_looks_at_no_canary(project: Project) -> None:
    from scoring.actions.starting import start_trial

    factories.sample(factories.prompt(project), text="a")
    work_through(start_trial(project=project, scorer="lightness", by=None))

    assert not Canary.objects.exists()
