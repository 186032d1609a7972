"""Choosing over rows: filters, lists, what is left out, and what was judged before."""

from __future__ import annotations

import polars as pl
import pytest

from annotation.actions import choosing, listing
from annotation.actions.choosing import Filter, Plan
from curation.actions import judgements
from curation.actions.judgements import Act, NewComparison, NewFlag, PassScore, Subject
from curation.errors import Refused
from curation.models import Sample
from tests import factories
from tests.annotation.world import World, sample, world

pytestmark = pytest.mark.django_db


@pytest.fixture
def boats() -> World:
    return world()


def sets(boats: World, **plan) -> set[tuple[int, ...]]:
    plan.setdefault("per_prompt", None)
    chosen = choosing.choose(project=boats.project, plan=Plan(**plan), seed=1)
    return {tuple(ids) for ids in chosen.sets["samples"].to_list()}


def samples_in(found: set[tuple[int, ...]]) -> set[int]:
    return {pk for ids in found for pk in ids}


def test_a_filter_narrows_to_words_tags_generators_and_rounds(boats) -> None:
    late = sample(boats.prompts[0], 8, round=2)
    later = sample(boats.prompts[0], 9, round=2)
    two = Sample.objects.filter(generator__name__in=["painter-0", "painter-1"])

    assert len(sets(boats, filter=Filter(words="number 1"))) == 6
    assert {pk for (pk, *_rest) in sets(boats, filter=Filter(tags=("tag1",)))} <= {s.pk for s in boats.samples[1]}
    assert samples_in(sets(boats, filter=Filter(generators=tuple({s.generator_id for s in two})))) == {
        s.pk for s in two
    }
    assert sets(boats, filter=Filter(rounds=(2,))) == {(late.pk, later.pk)}


def test_absent_and_flagged_samples_are_left_out(boats) -> None:
    gone, unsafe = boats.samples[0][0], boats.samples[0][1]
    Sample.objects.filter(pk=gone.pk).update(media_state="absent")
    person = factories.rater(boats.project)
    judgements.record(project=boats.project, acts=[Act(person.pk, "flag", flags=[NewFlag(unsafe.pk, "unsafe")])])

    assert not {gone.pk, unsafe.pk} & samples_in(sets(boats))
    assert unsafe.pk in samples_in(sets(boats, filter=Filter(without_flagged=False)))


def test_samples_with_the_very_same_file_are_never_asked(boats) -> None:
    first = boats.samples[0][0]
    copy = factories.sample(boats.prompts[0], "copyist")
    factories.place(copy, first.media.get().asset)

    found = sets(boats)

    assert (first.pk, copy.pk) not in found
    assert len({ids for ids in found if ids[0] in {s.pk for s in boats.samples[0]}}) == 6


def test_answers_in_words_are_twins_when_the_words_are_the_same(boats) -> None:
    prompt = factories.prompt(boats.project, "say hello")
    one, same, other = (factories.sample(prompt, f"w{n}", text=text) for n, text in enumerate(["hi", "hi", "hello"]))

    found = {ids for ids in sets(boats) if set(ids) <= {one.pk, same.pk, other.pk}}

    assert len(found) == 1
    assert other.pk in samples_in(found)


def test_pairs_that_people_compared_can_be_left_out(boats) -> None:
    left, right = boats.samples[0][2], boats.samples[0][0]
    person, machine = factories.rater(boats.project), factories.rater(kind="model")
    for rater, pair in ((person, (left, right)), (machine, boats.samples[0][1:3])):
        a, b = (Subject(row.pk, row.prompt_id) for row in pair)
        act = Act(rater.pk, "compare", comparisons=[NewComparison(a, b, boats.overall.pk, "left")])
        judgements.record(project=boats.project, acts=[act])

    found = sets(boats, filter=Filter(without_judged=True))

    assert (right.pk, left.pk) not in found
    assert len(found) == 17


def test_neighbours_and_contradictions_read_the_scores_that_are_named(boats) -> None:
    one, two = factories.rater(kind="model"), factories.rater(kind="model")
    order = [row.pk for row in boats.samples[0]]
    for rater, values in ((one, [1.0, 2.0, 3.0, 9.0]), (two, [9.0, 3.0, 2.0, 1.0])):
        scores = [
            PassScore(row.pk, row.prompt_id, boats.overall.pk, value)
            for row, value in zip(boats.samples[0], values, strict=True)
        ]
        judgements.record_pass(project=boats.project, rater=rater, scores=scores, job=None)
    first, second = (f"{rater.pk}.{boats.overall.pk}" for rater in (one, two))

    assert (order[0], order[3]) not in sets(boats, rule="adjacent", columns=(first,))
    assert len(sets(boats, rule="adjacent", columns=(first,))) == 3
    assert sets(boats, rule="disagreement", columns=(first, second), per_prompt=1) == {(order[0], order[3])}


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"rule": "disagreement"}, "at least two"),
        ({"rule": "adjacent"}, "the one score"),
        ({"rule": "round-robin", "shape": "all"}, "makes pairs"),
        ({"shape": "group", "size": 2}, "3 to 20"),
        ({"rule": "listed"}, "Give the list"),
        ({"rule": "astrology"}, "There is no rule"),
        ({"rule": "adjacent", "columns": ("x",)}, "no score of this project"),
    ],
)
def test_a_plan_that_cannot_be_followed_is_refused_in_words(boats, plan, words) -> None:
    with pytest.raises(Refused, match=words):
        choosing.choose(project=boats.project, plan=Plan(**plan), seed=1)


def test_a_plan_comes_back_from_json_as_it_was() -> None:
    plan = Plan(rule="adjacent", columns=("1.2",), filter=Filter(tags=("a",), rounds=(1, 2)), judges=(3,))

    assert Plan.from_json({**plan.as_json(), "seed": 9, "notes": []}) == plan


# -- lists ------------------------------------------------------------------------------------------------------------


def find(boats: World, text: str) -> list[listing.Found]:
    return listing.find(project=boats.project, text=text)


def test_a_list_names_samples_by_key_or_number_in_its_own_order(boats) -> None:
    a, b, c = boats.samples[0][:3]
    text = f'# mine\nboats-p0-s1, {a.pk}\n\n{{"samples": ["boats-p0-s2", "boats-p0-s0"]}}\nboats-p0-s0 boats-p0-s1'

    found = listing.as_sets(find(boats, text))
    chosen = choosing.choose(project=boats.project, plan=Plan(rule="listed"), seed=1, listed=found)

    assert chosen.sets["samples"].to_list() == [[a.pk, b.pk], [a.pk, c.pk]]
    assert chosen.sets["probability"].is_null().all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("boats-p0-s0 boats-p1-s0", "Line 1 mixes samples of different prompts"),
        ("# none\nboats-p0-s0 nobody", "Line 2 names “nobody”"),
        ("boats-p0-s0 boats-p0-s0", "Line 1 names a sample twice"),
        ('{"left": "boats-p0-s0"}', "names no sample"),
        ('{"left": "a", "right": "b", "outcome": "up"}', "it is one of left, right, tie, both-bad"),
        ("{nonsense", "Line 1 is no JSON object"),
        ("# nothing", "0 lines"),
    ],
)
def test_a_list_that_cannot_be_read_names_the_line(boats, text, words) -> None:
    with pytest.raises(Refused, match=words):
        find(boats, text)


def test_a_list_cannot_put_twins_together_or_reach_into_another_project(boats) -> None:
    copy = factories.sample(boats.prompts[0], "copyist", key="copy")
    factories.place(copy, boats.samples[0][0].media.get().asset)
    other = world(1, 2, slug="signs")

    with pytest.raises(Refused, match="the very same content"):
        find(boats, "boats-p0-s0 copy")
    with pytest.raises(Refused, match="no sample with that key or number"):
        find(boats, f"{other.samples[0][0].pk} {other.samples[0][1].pk}")


def test_sets_asked_about_already_are_passed_over_and_counted(boats) -> None:
    a, b, c = (row.pk for row in boats.samples[0][:3])
    prompt = boats.prompts[0].pk
    earlier = pl.DataFrame([(prompt, [a, b])], schema={"prompt": pl.Int64, "samples": pl.List(pl.Int64)}, orient="row")
    listed = listing.as_sets(find(boats, f"{a} {b}\n{a} {c}"))

    chosen = choosing.choose(project=boats.project, plan=Plan(rule="listed"), seed=1, listed=listed, earlier=earlier)

    assert chosen.sets["samples"].to_list() == [[a, c]]
    assert chosen.notes == ("1 set is asked about already.",)
