"""The recipe page: estimates and exact counts, thresholds that stand in the text, two recipes, and requests."""

from __future__ import annotations

import io

import polars as pl
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from annotation.models import Batch, Item
from curation import tasks
from curation.actions import comparing_recipes, previewing, recipes, requesting
from curation.errors import Refused
from curation.models import Asking, Job, Recipe, Request
from curation.recipes.histograms import BINS, histogram
from curation.recipes.parse import parse
from curation.recipes.thresholds import thresholds
from tests import factories
from tests.curation.recipes.test_building import POINTS, VOTES, Scene

BLOCK = """\
recipe: 1
title: "😀 bars"
filters:
  - {name: "😀 sharp", by: {scores: points}, at_least: 0.25, outliers_beyond: 3}
pairing:
  rule: best_against_worst   # of each prompt
  by: {scores: points}
strength:
  by: gap
  ambiguous_below: 0.5
  strong_from: 2
  drop: [ambiguous]
"""


def moved(text: str, name: str, number: str) -> str:
    """The text with another number, put there as the page does: by line and column in characters."""
    one = next(one for one in thresholds(text, parse(text)) if one.name == name)
    lines = text.split("\n")
    line, column = lines[one.line - 1], one.column - 1
    assert line[column : column + len(one.written)] == one.written
    lines[one.line - 1] = line[:column] + one.before + number + line[column + len(one.written) :]
    return "\n".join(lines)


# -- thresholds and histograms, without a database --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("at_least", lambda recipe: recipe.filters[0].at_least),
        ("outliers_beyond", lambda recipe: recipe.filters[0].outliers_beyond),
        ("min_gap", lambda recipe: recipe.pairing.min_gap),
        ("ambiguous_below", lambda recipe: recipe.strength.ambiguous_below),
        ("strong_from", lambda recipe: recipe.strength.strong_from),
    ],
)
def test_a_threshold_moves_its_own_number_and_nothing_else(name, read):
    before = parse(BLOCK)
    after = parse(moved(BLOCK, name, "1.5"))

    assert read(after) == 1.5
    assert read(before) != 1.5
    others = [one for one in thresholds(BLOCK, before) if one.name != name]
    now = {one.name: one.value for one in thresholds(moved(BLOCK, name, "1.5"), after)}
    assert {one.name: one.value for one in others} == {k: v for k, v in now.items() if k != name}


def test_a_gap_that_is_not_written_is_added_between_braces_too():
    assert parse(moved(POINTS, "min_gap", "0.125")).pairing.min_gap == 0.125
    assert parse(moved(VOTES, "min_share", "0.75")).pairing.min_share == 0.75


def test_a_histogram_counts_every_number_once():
    values = pl.Series([0.0, 0.0, 0.5, 1.0, None])
    drawn = histogram(values)

    assert (drawn["low"], drawn["high"], len(drawn["counts"])) == (0.0, 1.0, BINS)
    assert (drawn["counts"][0], drawn["counts"][BINS // 2], drawn["counts"][-1]) == (2, 1, 1)
    assert sum(histogram(pl.Series([7.0, 7.0]))["counts"]) == 2
    assert sum(histogram(pl.Series([0.0, 5e-324]))["counts"]) == 2
    assert sum(histogram(pl.Series([1e17, 1e17 + 16]))["counts"]) == 2
    assert sum(histogram(pl.Series([], dtype=pl.Float64))["counts"]) == 0


def test_an_estimate_says_no_more_digits_than_it_knows():
    assert previewing.about(123, 10.0) == 1200
    assert previewing.about(3, 2.5) == 8
    assert previewing.about(0, 40.0) == 0


# -- on a project -----------------------------------------------------------------------------------------------------


@pytest.fixture
def scene(db) -> Scene:
    made = Scene()
    made.vote_all()
    made.score(**{f"g{g}s{s}": float(s * (g + 1)) for g in range(4) for s in range(3)})
    return made


@pytest.fixture
def curator(scene, client):
    client.force_login(factories.member(scene.project, "curator"))
    return client


def at(name: str, scene: Scene, *more: object) -> str:
    return reverse(name, args=[scene.project.slug, *more])


@pytest.mark.capability("D1")
def test_a_preview_shows_histograms_with_their_thresholds_and_examples_of_both(curator, scene):
    page = curator.post(at("recipe_preview", scene), {"text": BLOCK}).content.decode()

    assert page.count('class="form-range js-threshold"') == 5
    assert 'data-name="min_gap"' in page
    assert "some that stay" in page
    assert "exact, over all 4 prompts" in page


@pytest.mark.capability("D1")
def test_over_a_part_the_counts_are_estimates_and_the_worker_counts_exactly(curator, scene, monkeypatch):
    monkeypatch.setattr(previewing, "SAMPLE_PROMPTS", 2)

    part = curator.post(at("recipe_preview", scene), {"text": POINTS}).content.decode()
    assert "about" in part
    assert "estimated from 2 of 4 prompts" in part

    curator.post(at("recipe_exact", scene), {"text": POINTS})
    job = Job.objects.get(params__has_key="previewed")
    waiting = curator.get(at("recipe_exact_answer", scene, job.pk)).content.decode()
    assert "in the background" in waiting
    tasks.build_version.run(job_id=job.pk)
    whole = curator.get(at("recipe_exact_answer", scene, job.pk))
    assert "exact, over all 4 prompts" in whole.content.decode()
    assert whole["HX-Retarget"] == "#preview"
    assert previewing.exact(Job.objects.get(pk=job.pk)).pairs == scene.build(POINTS).pair_count == 4


def test_a_changed_text_cancels_what_ran_for_the_one_before(curator, scene):
    curator.post(at("recipe_exact", scene), {"text": POINTS})
    first = Job.objects.get(params__has_key="previewed")
    Job.objects.filter(pk=first.pk).update(state="running", owner="a", heartbeat_at=first.created_at)

    curator.post(at("recipe_preview", scene), {"text": VOTES})

    assert Job.objects.get(pk=first.pk).cancel_requested
    curator.post(at("recipe_exact", scene), {"text": VOTES})
    curator.post(at("recipe_exact", scene), {"text": VOTES})
    assert Job.objects.filter(params__previewed=VOTES).count() == 1
    assert tasks.build_version.run(job_id=first.pk) is None
    assert "preview" not in Job.objects.get(pk=first.pk).result


def test_a_preview_costs_the_same_queries_whatever_the_prompts(curator, scene):
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            curator.post(at("recipe_preview", scene), {"text": VOTES})
        return len(seen)

    few = queries()
    for number in range(4):
        group = scene.add_prompt(f"something else altogether {number} {'xyzw'[number] * 7}")
        scene.vote(group[0], group[1], "left")
    assert queries() == few


# -- two recipes ------------------------------------------------------------------------------------------------------


@pytest.mark.capability("D1")
def test_two_recipes_say_which_rows_only_one_has_and_which_are_turned(scene):
    # Votes: sample 0 over 1. Points: 2 over 0, and with the middle one 0 is never chosen over 1.
    all_points = POINTS.replace("best_against_worst", "margin")
    found = comparing_recipes.compare(project=scene.project, first=parse(VOTES), second=parse(all_points))

    group = scene.groups[0]
    rows = found.rows.filter(prompt_id=group[0].prompt_id)
    turned = rows.filter(kind="turned")
    assert turned.select("chosen_id", "rejected_id").rows() == [(group[1].pk, group[0].pk)]
    assert found.counts["turned"] == 4
    assert found.counts["only_first"] == 0
    assert found.counts["only_second"] == found.kept[1] - 4
    assert found.same == 0


def test_a_recipe_beside_itself_differs_in_nothing(scene):
    found = comparing_recipes.compare(project=scene.project, first=parse(VOTES), second=parse(VOTES))

    assert (found.rows.height, found.same) == (0, 4)


def test_the_page_compares_a_saved_recipe_with_the_edited_text(curator, scene):
    row = recipes.save(project=scene.project, name="mine", text=VOTES, by=None)

    page = curator.post(at("recipe_compare", scene), {"first": row.pk, "text": POINTS}).content.decode()
    only = curator.post(at("recipe_compare", scene), {"first": row.pk, "text": POINTS, "kind": "only_first"})
    alone = curator.get(at("recipe_compare", scene)).content.decode()

    assert "only the first has it" in page
    assert "the edited text" in page
    assert only.content.decode().count("✓ chosen") == 4
    assert "Both make the same rows" in alone


def test_the_command_compares_over_all(scene, tmp_path):
    recipes.save(project=scene.project, name="mine", text=VOTES, by=None)
    (tmp_path / "p.yaml").write_text(POINTS)
    said = io.StringIO()

    call_command("compare_recipes", scene.project.slug, "mine@1", str(tmp_path / "p.yaml"), stdout=said)

    assert "only the first has it: 4" in said.getvalue()
    with pytest.raises(CommandError, match="no recipe 'mine' version 7"):
        call_command("compare_recipes", scene.project.slug, "mine@7", "mine@1")


# -- requests ---------------------------------------------------------------------------------------------------------


@pytest.mark.capability("D1")
def test_what_is_undecided_becomes_a_draft_batch_of_exactly_these_pairs(curator, scene):
    tied = scene.groups[0][1:]
    scene.vote(*tied, "tie")
    row = recipes.save(project=scene.project, name="mine", text=VOTES, by=None)
    other = Request.objects.create(
        project=scene.project,
        audience="people",
        prompt=scene.groups[1][0].prompt,
        left_sample=scene.groups[1][0],
        right_sample=scene.groups[1][1],
        because="something else",
    )

    asked = curator.post(
        at("recipe_request", scene), {"text": VOTES, "what": "judged|tie", "audience": "people"}, follow=True
    )
    asking = Asking.objects.get()
    assert (asking.recipe, asking.step, asking.because) == (row, "judged", "decided by votes: a tie")
    assert f"?rule=requests&amp;asking={asking.pk}" in asked.content.decode()

    form = curator.get(at("batch_new", scene), {"rule": "requests", "asking": asking.pk}).context["form"]
    sent = {name: form[name].value() for name in form.fields if form[name].value() not in (None, "", [], False)}
    curator.post(at("batch_new", scene), {**sent, "kind": "label", "criteria": [scene.overall.pk]})

    batch = Batch.objects.get()
    assert batch.state == "draft"
    assert [item.sample_ids for item in Item.objects.filter(batch=batch)] == [[one.pk for one in tied]]
    asking.refresh_from_db()
    assert asking.taken_by == f"batch:{batch.pk}"
    assert f"request {asking.pk}" in curator.get(at("batch", scene, batch.pk)).content.decode()
    assert f"Batch {batch.pk}" in curator.get(at("asking", scene, asking.pk)).content.decode()
    other.refresh_from_db()
    assert other.state == "open"


@pytest.mark.capability("D1")
def test_machines_score_exactly_what_nobody_scored(curator, scene):
    group = scene.add_prompt("one that no machine has seen qqqqqqq")

    curator.post(
        at("recipe_request", scene), {"text": BLOCK, "what": "filter:😀 sharp|no_value", "audience": "machines"}
    )
    asking = Asking.objects.get()
    launched = curator.post(at("score", scene), {"asking": asking.pk, "scorers": ["technical"]})

    assert launched.status_code == 302
    job = Job.objects.get(kind="score")
    assert job.params["chosen"] == {"samples": sorted(sample.pk for sample in group)}
    asking.refresh_from_db()
    assert asking.taken_by == f"job:{job.pk}"
    assert set(asking.requests.values_list("state", flat=True)) == {"taken"}

    Job.objects.filter(pk=job.pk).update(state="done", finished_at=job.created_at)
    assert "answered" in curator.get(at("asking", scene, asking.pk)).content.decode()


def test_nothing_is_asked_twice_or_about_strangers(scene):
    pair = (scene.groups[0][0].pk, scene.groups[0][1].pk)

    def ask(*subjects: tuple[int, ...], audience: str = "people") -> Asking:
        return requesting.create(project=scene.project, audience=audience, subjects=subjects, because="a tie", by=None)

    ask(pair, pair[::-1])
    assert Request.objects.count() == 1
    with pytest.raises(Refused, match="asked for already"):
        ask(pair)
    with pytest.raises(Refused, match="not a sample, or two samples"):
        ask((pair[0], scene.groups[1][0].pk))
    with pytest.raises(Refused, match="not a sample, or two samples"):
        ask((factories.sample(factories.prompt(factories.project(), "elsewhere")).pk,))
    with pytest.raises(Refused, match="between 1 and"):
        ask()
    ask(pair, audience="machines")
    assert Asking.objects.count() == 2


def test_an_asking_taken_back_is_open_no_more(curator, scene):
    asking = requesting.create(
        project=scene.project, audience="people", subjects=[(scene.groups[0][0].pk,)], because="no score", by=None
    )

    curator.post(at("asking", scene, asking.pk))

    assert Request.objects.get().state == "dropped"
    assert Recipe.objects.count() == 0
