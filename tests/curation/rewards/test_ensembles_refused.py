"""What is no ensemble, and says why."""

from __future__ import annotations

import pytest

from curation.actions import criteria, ensembles, judgements
from curation.actions.datasets import read_for
from curation.actions.judgements import Act, NewScore, PassScore, Subject
from curation.errors import Refused
from curation.recipes.parse import parse
from curation.recipes.problems import RecipeProblems
from curation.recipes.steps.evidence import read
from curation.rewards.plan import parse_ensemble
from tests import factories
from tests.curation.rewards.scene import Scene, panel


@pytest.fixture
def scene(db) -> Scene:
    return Scene()


def test_a_recipe_that_selects_an_ensemble_and_its_member_is_refused(scene):
    scene.scores("ann", [0.1, 0.9, 0.3, 0.2, 0.8, 0.4])
    scene.scores("bob", [0.2, 0.8, 0.3, 0.1, 0.9, 0.4])
    scene.run(scene.make(panel("ann", "bob")))

    def selecting(*names: str):
        by = f"{{scores: quality, raters: [{', '.join(names)}]}}"
        rule = parse(f"recipe: 1\ntitle: r\npairing: {{rule: best_against_worst, by: {by}}}\n")
        return read(rule, read_for(scene.project, rule, None))

    with pytest.raises(Refused, match="selects the ensemble 'panel' and its member 'ann'"):
        selecting("panel", "ann")
    kept, _step = selecting("panel")
    assert kept.evidence.scores.height == 6


def test_people_unknown_raters_and_ensembles_are_no_members(scene):
    person = factories.rater(scene.project, "eva")
    scene.scores("ann", [0.1])
    scene.scores("bob", [0.1])
    said = NewScore(Subject(scene.samples[0].pk, scene.samples[0].prompt_id), scene.criterion("quality").pk, 1.0)
    judgements.record(project=scene.project, acts=[Act(rater_id=person.pk, act="rate", scores=[said])])
    scene.run(scene.make(panel("ann", "bob")))

    for name, words in (
        ("eva", "No machine called “eva” has judged here. Those that have: ann, bob"),
        ("panel", "an ensemble itself"),
    ):
        with pytest.raises(Refused, match=rf"line 6: .*{words}"):
            scene.make(panel("ann", name))
    with pytest.raises(Refused, match=r"no criterion “colour”. There are: .*quality"):
        scene.make(panel("ann", "bob", what="scores: colour"))


def test_two_revisions_of_a_machine_are_told_apart(scene):
    scene.scores("ann", [0.2])
    scene.scores("bob", [0.4])
    old = scene.judge("ann")
    new = factories.rater(name="ann", kind="model", identity_digest="f" * 64)
    said = [PassScore(scene.samples[0].pk, scene.samples[0].prompt_id, scene.criterion("quality").pk, 0.8)]
    judgements.record_pass(project=scene.project, rater=new, scores=said, job=None)

    with pytest.raises(
        Refused, match=f"“ann” has several revisions here. Name one: ann@{old.identity_digest[:8]}, ann@ffffffff"
    ):
        scene.make(panel("ann", "bob"))
    ensemble = scene.make(panel("ann@ffff", "bob"))
    scene.run(ensemble)

    assert scene.said(ensemble)[scene.samples[0].pk][0] == pytest.approx(0.6)


def test_an_ensemble_does_not_speak_under_a_criterion_that_measures_something_else(scene):
    scene.criterion("points", criteria.Wording("Points", scale="interval", low=1.0, high=5.0))
    scene.scores("ann", [0.2])
    scene.scores("bob", [0.4])

    with pytest.raises(Refused, match="“points” measures points"):
        scene.make(panel("ann", "bob", extra="criterion: points"))
    with pytest.raises(Refused, match="no key"):
        scene.make(panel("ann", "bob", extra="criterion: My Key"))
    ensemble = scene.make(panel("ann", "bob"))
    criteria.add_version(project=scene.project, key="quality", wording=criteria.Wording("Other", low=0.0, high=9.0))
    job = ensembles.order(project=scene.project, rater=ensemble, by=None)
    with pytest.raises(Refused, match="means something else since"):
        ensembles.run_job(job_id=job.pk)
    job.refresh_from_db()
    assert (job.state, "anew" in job.error) == ("failed", True)


def test_a_vote_needs_levels(scene):
    scene.scores("ann", [0.2, 0.8])
    scene.scores("bob", [0.4, 0.9])
    bare = panel("ann", "bob", rule="vote")

    with pytest.raises(Refused, match="a number without levels"):
        scene.make(bare)
    tiered = panel("ann", "bob", rule="vote", extra="criterion: pass").replace(
        "quality}", "quality, transform: [{threshold: {at_least: 0.3}}]}"
    )
    ensemble = scene.make(tiered)
    scene.run(ensemble)
    assert [scene.said(ensemble)[sample.pk] for sample in scene.samples[:2]] == [(0.0, 0.5), (1.0, 0.0)]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (panel("ann"), 5, "has 1 members. Name at least two"),
        (panel("ann", "ann"), 6, "also the member on line 5"),
        (panel("ann", "bob", rule="best"), 3, "Allowed: mean, median, worst, vote"),
        (panel("ann", "bob", extra="missing: error"), 7, "Allowed: drop, renormalise"),
        (panel("ann", "bob", extra="least: 2"), 7, "only under `missing: renormalise`"),
        (panel("ann", "bob", extra="missing: renormalise\nleast: 3"), 8, "there are 2 opinions"),
        (panel("ann", "bob", extra="repeats: {rater: ann, scores: a, times: 2}"), 5, "members and repeats"),
        (panel("ann", "bob").replace("{rater: bob, scores", "{rater: bob, votes"), 1, "Make two ensembles"),
        (panel("ann", "bob").replace("{rater: bob,", "{rater: bob, weight: -1,"), 6, "above 0"),
        (panel("ann", "bob", rule="worst").replace("{rater: bob,", "{rater: bob, weight: 2,"), 6, "knows no weights"),
        (panel("ann", "bob", what="votes: a, transform: [rank]"), 5, "Votes have no numbers"),
        (panel("ann", "bob", what="weight: 1"), 5, "neither or both"),
        ("ensemble: 1\nname: a\nrule: mean\nrepeats: {rater: a, scores: b, times: 1}", 4, "at least 2"),
        ("", 1, "The ensemble is empty"),
    ],
)  # fmt: skip
def test_a_mistake_names_its_line_and_its_remedy(text, line, said):
    with pytest.raises(RecipeProblems) as caught:
        parse_ensemble(text)

    assert said in str(caught.value)
    assert caught.value.problems[0].line == line
