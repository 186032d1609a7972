"""Starting to score: scorers, samples, settings and stages, and what will run is said before it does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from curation.models import Job, Project
from scoring import resident, tasks, workers
from scoring.actions import staging
from scoring.catalogue import CATALOGUE
from scoring.views import launch as launch_views
from tests import factories
from tests.scoring import fakes
from tests.scoring.job_helpers import texts, values, work_through
from tests.scoring.page_helpers import count_queries, visitors

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fake_scorers(monkeypatch):
    for name, facts in fakes.FAKES.items():
        monkeypatch.setitem(CATALOGUE, name, facts)
    monkeypatch.setattr(tasks, "ring", lambda job: True)
    monkeypatch.setattr(workers, "answering", lambda timeout_seconds=1.0: {"cpu": ["cpu@here"]})
    resident.forget()
    yield
    resident.forget()


@pytest.fixture
def project() -> Project:
    return factories.project("letters", task="text")


@pytest.fixture
def client(project: Project) -> Client:
    as_role: Callable[[str], Client] = visitors(project)
    return as_role("curator")


def page(name: str, *args: object) -> str:
    return reverse(name, args=["letters", *args])


STAGED = {
    "scorers": ["length"],
    "stages": "1",
    "stage2-by": "length.length_value",
    "stage2-best": "1",
    "stage2-scorers": ["vowels"],
}


def test_a_second_stage_is_started_from_the_plain_form_and_follows_by_itself(project: Project, client: Client) -> None:
    texts(project, "a", "eee")
    texts(project, "uu", "o")

    client.post(page("score"), STAGED)
    (first,) = Job.objects.all()
    work_through(first)
    (second,) = staging.advance(first.pk)
    second = work_through(second)

    assert list(first.params["scorers"]) == ["length"]
    assert (list(second.params["scorers"]), second.total, second.done) == (["vowels"], 2, 2)
    assert values(project)["eee"] == 3


def test_a_stage_that_is_not_used_is_no_stage(project: Project, client: Client) -> None:
    texts(project, "a")

    client.post(page("score"), {"scorers": ["length"], "stages": "1", "stage2-by": "", "stage2-best": ""})

    assert staging.STAGE not in Job.objects.get().params


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"stage2-by": ""}, "Say by which score of the stage before"),
        ({"stage2-best": ""}, "Say how many go on"),
        ({"stage2-by": "vowels.vowels_value"}, "The stage before does not run “vowels”."),
        ({"stage2-by": "nothing.nothing"}, "Select a valid choice"),
        ({"stage2-best": "0"}, "greater than or equal to 1"),
        ({"stages": "2", "stage2-scorers": [], "stage3-by": "length.length_value", "stage3-best": "1",
          "stage3-scorers": ["vowels"]}, "Stage 3 follows one without a scorer."),
    ],
)  # fmt: skip
def test_a_stage_that_cannot_be_is_refused_on_the_form(project: Project, client: Client, changes, words: str) -> None:
    texts(project, "a")

    response = client.post(page("score"), {**STAGED, **changes})

    assert response.status_code == 400
    assert words in response.content.decode()
    assert not Job.objects.exists()


def test_adding_a_stage_keeps_what_was_said_with_and_without_scripts(project: Project, client: Client) -> None:
    whole = client.post(page("score"), {**STAGED, "restage": "2"}).content.decode()
    part = client.post(page("score") + "?part=stages", {**STAGED, "restage": "2"}).content.decode()

    for html in (whole, part):
        assert 'name="stage3-by"' in html
        assert '<option value="length.length_value" selected>' in html
        assert 'name="stage2-scorers" value="vowels" checked' in html
    assert 'name="scorers" value="length" checked' in whole
    assert "required" not in part, "nothing is wrong yet"
    assert not Job.objects.exists()


def test_there_are_no_more_stages_than_four(project: Project, client: Client) -> None:
    html = client.post(page("score") + "?part=stages", {"restage": "99"}).content.decode()

    assert 'name="stage4-by"' in html
    assert 'name="stage5-by"' not in html
    assert "Add a stage" not in html


def test_the_plan_tells_of_stages_with_the_most_samples_they_can_get(project: Project, client: Client) -> None:
    for _prompt in range(3):
        texts(project, "a", "bb", "ccc")

    html = client.post(page("score") + "?part=plan", {**STAGED, "stage2-best": "2"}).content.decode()
    bounded = client.post(page("score") + "?part=plan", {**STAGED, "stage2-most": "4"}).content.decode()

    assert "9 samples are chosen." in html
    assert "at most 6 samples" in html
    assert "the best 2 of each prompt, by Length" in html
    assert "at most 3 samples" in bounded, "one of each prompt is fewer than four in all"
    assert "The later stages come on top." in html


def test_the_plan_says_what_is_wrong_with_a_stage(project: Project, client: Client) -> None:
    html = client.post(page("score") + "?part=plan", {**STAGED, "stage2-by": ""}).content.decode()

    assert "Stage 2 is not complete." in html


def test_samples_are_narrowed_by_tag_and_by_named_prompts(project: Project, client: Client) -> None:
    tagged = factories.prompt(project, tags=["sea", "night"])
    named = factories.prompt(project, key="p one")
    for prompt in (tagged, named):
        factories.sample(prompt, text="a")

    client.post(page("score"), {"scorers": ["length"], "tags": "sea, desert"})
    client.post(page("score"), {"scorers": ["length"], "prompts": f"p one, {tagged.pk}"})

    by_prompts, by_tags = Job.objects.all()
    assert by_tags.params["chosen"] == {"tags": ["sea", "desert"]}
    assert by_prompts.params["chosen"] == {"prompts": sorted([tagged.pk, named.pk])}
    assert work_through(by_tags).total == 1


def test_a_prompt_that_does_not_exist_or_is_another_projects_is_named(project: Project, client: Client) -> None:
    stranger = factories.prompt(factories.project())

    response = client.post(page("score"), {"scorers": ["length"], "prompts": str(stranger.pk)})

    assert response.status_code == 400
    assert f"There is no prompt “{stranger.pk}” in this project." in response.content.decode()


def test_settings_with_choices_are_selects_and_a_wrong_choice_is_refused(project: Project, client: Client) -> None:
    html = client.get(page("score")).content.decode()
    response = client.post(page("score"), {"scorers": ["clipscore"], "clipscore-batching": "sideways"})

    assert '<select name="clipscore-batching"' in html
    assert response.status_code == 400
    assert not Job.objects.exists()


def test_a_setting_holds_in_a_later_stage(project: Project, client: Client) -> None:
    texts(project, "a")

    client.post(page("score"), {**STAGED, "stage2-scorers": ["clipscore"], "clipscore-prefix": ""})

    (stage,) = Job.objects.get().params[staging.STAGE]["later"]
    assert stage["scorers"]["clipscore"]["prefix"] == ""


def test_the_form_says_which_queues_nobody_works_at(project: Project, client: Client) -> None:
    html = client.get(page("score"), {"part": "workers"}).content.decode()

    assert "1 worker answers on cpu." in html
    assert "No worker answers on gpu." in html


def test_a_card_leads_to_the_form_with_its_scorer_chosen(project: Project, client: Client) -> None:
    html = client.get(page("score"), {"scorer": "vowels"}).content.decode()

    assert 'name="scorers" value="vowels" checked' in html


def test_queries_of_the_form_do_not_grow_with_samples_and_prompts(project: Project, client: Client) -> None:
    texts(project, "a", "b")
    few = count_queries(client, page("score"))
    for _number in range(18):
        texts(project, "a", "b")

    assert count_queries(client, page("score")) == few


def test_a_refusal_of_the_action_stands_on_the_form(project: Project, client: Client, monkeypatch) -> None:
    def refuse(**_arguments):
        raise launch_views.Refused("Not today.")

    monkeypatch.setattr(launch_views, "start_staged", refuse)

    response = client.post(page("score"), {"scorers": ["length"]})

    assert response.status_code == 400
    assert "Not today." in response.content.decode()
