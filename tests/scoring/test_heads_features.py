"""What a head may not look at: whoever gave its labels, other heads, and every ensemble that hears one of these."""

from __future__ import annotations

import numpy as np
import pytest

from curation.actions import consensus, examining, raters
from curation.errors import Refused
from curation.models import Job, Rater, gate_frames
from curation.recipes.model import Signal
from scoring.actions.heads import reading, starting
from scoring.actions.heads.starting import Wish
from tests import factories
from tests.scoring import head_scene
from tests.scoring.head_scene import HeadScene

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene(db) -> HeadScene:
    return head_scene.voted()


@pytest.fixture
def judge(scene) -> Rater:
    """A judge whose levels are chance."""
    rater = raters.machine(kind="model", name="judge", identity={"of": "judge"})
    rng = np.random.default_rng(3)
    for sample in scene.samples:
        scene.rate(rater, sample, float(rng.integers(1, 6)))
    return rater


def offered(scene: HeadScene, givers=()) -> set[str]:
    return {one.name for one in reading.columns(scene.project, givers)}


def ensemble(scene: HeadScene, name: str, members: list[Rater]) -> Rater:
    """One that has spoken of every sample, under its own criterion."""
    panel = raters.ensemble(name=name, members=members, project=scene.project)
    scene.say(panel, name, list(np.arange(float(len(scene.samples)))))
    return panel


@pytest.mark.capability("C12")
def test_the_levels_that_are_learnt_are_no_feature_and_no_rival(scene, judge):
    head = scene.fit("scores", voters="judges", form="ratings")

    accuracy = head.report["accuracy"]
    assert accuracy["low"] < 0.5 < accuracy["high"]
    assert {one["label"] for one in head.report["weighed"]} == {"sharp", "dull"}
    assert {one["label"] for one in head.report["rivals"]} == {"sharp", "dull"}
    assert "judge.overall" in offered(scene)


def test_naming_the_giver_of_the_labels_is_refused_in_words(scene, judge):
    wish = Wish("taste", "overall", ("judge.overall",), voters="judges", form="ratings")

    with pytest.raises(
        Refused, match=r"“judge\.overall” is, or hears, a rater whose labels this head would learn from"
    ):
        starting.start_fit(project=scene.project, wish=wish, by=None)

    assert not Job.objects.filter(kind="fit").exists()


def test_an_ensemble_that_hears_the_giver_is_none_either_however_deep(scene, judge):
    sharp, dull = (Rater.objects.get(name=name) for name in ("sharp", "dull"))
    panel = ensemble(scene, "panel", [judge, dull])
    ensemble(scene, "court", [panel, sharp])
    ensemble(scene, "others", [dull, sharp])
    factories.overall(scene.project)

    assert {"panel.panel", "court.court", "others.others"} <= offered(scene)
    assert offered(scene, {judge.pk}) == {"sharp.sharp", "dull.dull", "others.others"}


def test_an_ensemble_that_hears_a_head_is_no_feature_however_deep(scene):
    head = scene.fit("scores")
    dull = Rater.objects.get(name="dull")
    panel = ensemble(scene, "panel", [head.rater, dull])
    ensemble(scene, "court", [panel, dull])

    assert offered(scene) == {"sharp.sharp", "dull.dull"}
    with pytest.raises(Refused, match=r"no score “court\.court” here that a head may look at"):
        reading.named_columns(scene.project, ["court.court"])


def test_another_wish_of_the_same_name_is_refused_and_the_same_one_found(scene):
    first = starting.start_fit(project=scene.project, wish=Wish("taste", "overall", ("sharp.sharp",)), by=None)
    same = starting.start_fit(project=scene.project, wish=Wish("taste", "overall", ("sharp.sharp",)), by=None)

    assert same == first
    with pytest.raises(Refused, match=f"Job {first.pk} fits a head “taste” from something else"):
        starting.start_fit(project=scene.project, wish=Wish("taste", "overall", ("dull.dull",)), by=None)


def test_what_a_head_was_fitted_on_is_known_of_an_ensemble_however_deep(scene):
    """The court hears the panel, which hears the head; the panel is asked about beside it."""
    head = scene.fit("scores")
    dull = Rater.objects.get(name="dull")
    panel = ensemble(scene, "panel", [head.rater, dull])
    court = ensemble(scene, "court", [panel, dull])
    prompts = {group[0].prompt_id for group in scene.groups}

    fitted = examining.fitted_on(scene.project, [court.pk, panel.pk, dull.pk])
    assert {rater: one.prompts for rater, one in fitted.items()} == {court.pk: prompts, panel.pk: prompts}
    seen = gate_frames.fitted([court.pk, dull.pk])
    assert set(seen.rows()) == {(court.pk, prompt) for prompt in prompts}
    told = consensus.read(scene.project, Signal("consensus", "overall", numbers=("court",))).related
    assert set(told.filter(told["rater_id"] == court.pk)["prompt_id"]) == prompts
