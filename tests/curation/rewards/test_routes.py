"""Ensembles that ask one member a prompt: what they say, on whose acts, and how a table becomes one."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from curation.actions import consensus, ensemble_making, ensembles, examining, routing
from curation.errors import Refused
from curation.models import JudgementLink, Prompt, Score, gate_frames
from curation.recipes.model import Signal
from curation.recipes.problems import RecipeProblems
from curation.rewards.plan import Route, parse_ensemble
from tests.curation.examination.scene import Scene as Votes
from tests.curation.examination.scene import bare, specialists
from tests.curation.rewards.scene import Scene

PLAN = """
ensemble: 1
name: by-tag
rule: route
by: tag
members:
  - {rater: ann, scores: quality}
  - {rater: bob, scores: quality}
routes:
  - {of: [text, signs], to: 2}
  - {to: 1}
"""


@pytest.fixture
def scene(db) -> Scene:
    scene = Scene()
    scene.scores("ann", [0.1, 0.5, 0.9, 0.2, 0.4, 0.6])
    scene.scores("bob", [0.3, 0.7, 0.1, 0.8, 0.9, 0.0])
    return scene


def tagged(scene: Scene, *tags: list[str]) -> list[int]:
    """Gives the prompts of the scene these tags; returns their ids in order."""
    prompts = list(dict.fromkeys(sample.prompt_id for sample in scene.samples))
    for prompt, own in zip(prompts, tags, strict=False):
        Prompt.objects.filter(pk=prompt).update(tags=own)
    return prompts


def test_each_prompt_has_the_number_of_the_member_asked_of_it(scene):
    first, *_rest = tagged(scene, ["signs", "animals"], ["animals"])
    ensemble = scene.make(PLAN)

    result = scene.run(ensemble)

    own = {row.sample_id: row for row in Score.objects.living().filter(rater=ensemble)}
    assert len(own) == len(scene.samples) == result["subjects"]
    for place, sample in enumerate(scene.samples):
        asked = "bob" if sample.prompt_id == first else "ann"
        values = {"ann": [0.1, 0.5, 0.9, 0.2, 0.4, 0.6], "bob": [0.3, 0.7, 0.1, 0.8, 0.9, 0.0]}
        assert own[sample.pk].value == values[asked][place]
        assert own[sample.pk].spread is None
        sources = JudgementLink.objects.filter(judgement=own[sample.pk].judgement_id, kind="derived-from")
        assert {link.source.rater.name for link in sources} == {asked}


def test_without_a_route_for_the_rest_nobody_is_asked(scene):
    first, *_rest = tagged(scene, ["text"])
    ensemble = scene.make(PLAN.replace("  - {to: 1}\n", ""))

    scene.run(ensemble)

    assert set(Score.objects.filter(rater=ensemble).values_list("prompt_id", flat=True)) == {first}


def test_the_first_route_that_fits_counts(scene):
    first, *_rest = tagged(scene, ["text", "animals"])
    ensemble = scene.make(PLAN.replace("  - {of: [text, signs]", "  - {of: [animals], to: 1}\n  - {of: [text, signs]"))

    scene.run(ensemble)

    sample = next(one for one in scene.samples if one.prompt_id == first)
    assert scene.said(ensemble)[sample.pk][0] == 0.1


def test_by_language(scene):
    first, *_rest = tagged(scene, [])
    Prompt.objects.filter(pk=first).update(locale="de")
    ensemble = scene.make(PLAN.replace("by: tag", "by: locale").replace("[text, signs]", "[de]"))

    scene.run(ensemble)

    sample = next(one for one in scene.samples if one.prompt_id == first)
    assert scene.said(ensemble)[sample.pk][0] == 0.3


def test_a_tag_that_changes_changes_what_is_said_and_nothing_stands_twice(scene):
    first, *_rest = tagged(scene, ["text"])
    ensemble = scene.make(PLAN)
    scene.run(ensemble)
    Prompt.objects.filter(pk=first).update(tags=["animals"])

    scene.run(ensemble)

    living = Score.objects.living().filter(rater=ensemble)
    assert living.count() == len(scene.samples)
    sample = next(one for one in scene.samples if one.prompt_id == first)
    assert living.get(sample=sample).value == 0.1


def test_another_table_is_another_rater_and_the_same_one_is_read_back(scene):
    first = scene.make(PLAN)

    assert scene.make(PLAN) == first
    assert scene.make(PLAN.replace("[text, signs]", "[text]")) != first
    plan = ensembles.plan_of(first)
    assert plan.routes == (Route(("text", "signs"), 1), Route((), 0))
    assert plan.by == "tag"


def test_other_rules_keep_the_identity_they_had(scene):
    plan = parse_ensemble(PLAN.replace("rule: route\nby: tag", "rule: mean").split("routes:")[0])

    rater = ensemble_making.make(project=scene.project, plan=plan)

    assert not {"by", "routes"} & set(rater.identity)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("rule: route", "rule: mean", "belong together"),
        ("routes:\n  - {of: [text, signs], to: 2}\n  - {to: 1}\n", "", "belong together"),
        ("to: 2}", "to: 3}", "no member 3"),
        ("  - {of: [text, signs], to: 2}\n  - {to: 1}", "  - {to: 1}\n  - {of: [text], to: 2}", "Write it last"),
        ("  - {to: 1}", "  - {of: [text], to: 1}", "'text' has a route already"),
        ("{of: [text, signs]", "{of: [7]", "is no tag"),
        ("rule: route", "rule: route\nmissing: renormalise", "Take weights and missing out"),
        ("rater: bob,", "rater: bob, weight: 2,", "Take weights and missing out"),
        ("by: tag", "by: colour", "tag"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused_with_the_remedy(old, new, says):
    assert old in PLAN

    with pytest.raises(RecipeProblems, match=says):
        parse_ensemble(PLAN.replace(old, new))


# -- from votes to a table --------------------------------------------------------------------------------------------


@pytest.fixture
def votes(db) -> Votes:
    return specialists()


@pytest.mark.capability("C15")
def test_a_table_is_built_from_votes_and_changed_by_hand(votes):
    found = routing.measured(project=votes.project, by="tag")
    names = {name: column for column, name in found.names.items()}

    measured = routing.chosen(found)
    by_hand = routing.chosen(found, {"text": None, "animals": names["reader"]})

    assert found.names[found.routing.general] == "general"
    assert measured == [("text", names["reader"])]
    assert by_hand == [("animals", names["reader"])]
    plan = routing.plan_of(
        project=votes.project, found=found, name="by-tag", criterion="routed", routes=measured, general=names["general"]
    )
    rater = routing.make(project=votes.project, plan=plan)
    ensembles.run_job(job_id=ensembles.order(project=votes.project, rater=rater, by=None).pk)
    said = {row.sample_id: row.value for row in Score.objects.living().filter(rater=rater)}
    assert len(said) == 120
    for group in votes.groups:
        assert said[group[0].pk] > said[group[1].pk]  # whoever is asked knows


def made_by(votes: Votes, found: routing.Measured, routes, general):
    plan = routing.plan_of(
        project=votes.project, found=found, name="by-tag", criterion="routed", routes=routes, general=general
    )
    return routing.make(project=votes.project, plan=plan)


@pytest.mark.capability("C15")
def test_a_table_that_votes_chose_is_not_tested_on_them(votes):
    """Of sixty prompts with votes on them; a later vote on another prompt is news to it."""
    found = routing.measured(project=votes.project, by="tag")
    rater = made_by(votes, found, routing.chosen(found), found.routing.general)
    ensembles.run_job(job_id=ensembles.order(project=votes.project, rater=rater, by=None).pk)
    prompts = {group[0].prompt_id for group in votes.groups}

    column = f"{rater.pk}:scores:routed"
    (tested,) = examining.make(project=votes.project, choice=examining.Choice(columns=(column,))).found.machines

    assert (tested.accuracy, tested.fitted) == (None, 120)
    assert set(gate_frames.fitted([rater.pk]).rows()) == {(rater.pk, prompt) for prompt in prompts}
    told = consensus.read(votes.project, Signal("consensus", "overall", numbers=("routed",)))
    assert set(told.related.filter(told.related["rater_id"] == rater.pk)["prompt_id"]) == prompts
    assert ensemble_making.make(project=votes.project, plan=ensembles.plan_of(rater)) == rater


def test_a_table_is_of_the_votes_it_was_made_from_unless_every_machine_in_it_was_chosen_against_them(votes):
    found = routing.measured(project=votes.project, by="tag")
    names = {name: column for column, name in found.names.items()}

    half = made_by(votes, found, [("animals", names["reader"])], names["general"])
    turned = made_by(votes, found, [("animals", names["general"])], names["reader"])
    own = made_by(votes, found, [("text", names["general"])], names["reader"])

    assert len(half.identity["fitted_on"]["prompts"]) == len(turned.identity["fitted_on"]["prompts"]) == 60
    assert "fitted_on" not in own.identity


def test_an_ensemble_written_by_hand_was_chosen_by_no_votes(scene):
    assert "fitted_on" not in scene.make(PLAN).identity


def test_one_machine_needs_no_table(votes):
    found = routing.measured(project=votes.project, by="tag")

    with pytest.raises(Refused, match="needs no table"):
        routing.plan_of(
            project=votes.project, found=found, name="one", criterion="one", routes=[], general=found.routing.general
        )


def test_nothing_to_measure_is_said(db):
    with pytest.raises(Refused, match="No machine has judged here"):
        routing.measured(project=bare().project, by="tag")


def test_the_command_prints_the_table_and_makes_the_rater(votes, capsys):
    call_command("route", votes.project.slug, "--make", "by-tag")

    said = capsys.readouterr().out
    assert "elsewhere: general" in said
    assert "text: reader; best reader 100.0 %" in said
    assert "on votes the table was not made of" in said
    assert "by-tag speaks of 120 under routed_overall" in said
    assert ensembles.named(votes.project, "by-tag").identity["rule"] == "route"


def test_the_command_takes_a_machine_by_hand(votes, capsys):
    call_command("route", votes.project.slug, "--set", "animals=reader")

    assert "animals: reader (by hand)" in capsys.readouterr().out
