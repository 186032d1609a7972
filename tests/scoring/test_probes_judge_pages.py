"""Probes of a judge on its page and by the command: counted before they begin, read, and warned of until then."""

from __future__ import annotations

import io
import re

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from curation.errors import Refused
from curation.models import Job, Project
from scoring import tasks
from scoring.actions.judging import benches, templates
from scoring.actions.judging.starting import start_judging
from scoring.actions.probing import standing
from scoring.models import Judge, ProbeRun
from tests import factories
from tests.scoring.judging_helpers import ReadingModel, group, judge, work_through, write_endpoints
from tests.scoring.page_helpers import visitors
from tests.scoring.probed_judges import COMPARISONS, answered, knowing, obeying, probe

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_queue")]


@pytest.fixture
def model(monkeypatch, settings, tmp_path) -> ReadingModel:
    settings.ENDPOINTS_FILE = write_endpoints(tmp_path)
    found = ReadingModel(say=knowing)
    monkeypatch.setattr(benches, "_backend", lambda made_of: found)
    return found


@pytest.fixture
def project() -> Project:
    return factories.project("asked", task="text")


# -- pages ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def client(project: Project) -> Client:
    return visitors(project)("curator")


def page(project: Project, name: str, *args: object) -> str:
    return reverse(name, args=[project.slug, *args])


def html(client: Client, address: str) -> str:
    return client.get(address).content.decode()


def plan(client: Client, project: Project, asked: Judge) -> str:
    """What the page on which a judge is started says would be done."""
    return client.post(page(project, "judge_run", asked.pk) + "?part=plan", {"rule": "all"}).content.decode()


def test_pages_say_not_probed_yet_and_that_it_is_done_by_hand(
    project: Project, model: ReadingModel, client: Client
) -> None:
    asked = judge(project)
    group(project, "long text", "short")

    own = html(client, page(project, "judge", asked.pk))

    assert "not probed yet" in own
    assert page(project, "judge_probe", asked.pk) in own
    assert "so it is only done by hand" in own
    assert page(project, "judge_probe", asked.pk) not in html(
        visitors(project)("viewer"), page(project, "judge", asked.pk)
    )
    assert "not probed yet" in html(client, page(project, "judges"))
    assert "not probed yet" in plan(client, project, asked)


def test_the_number_of_questions_stands_there_before_they_are_asked(
    project: Project, model: ReadingModel, client: Client
) -> None:
    asked = judge(project)
    address = page(project, "judge_probe", asked.pk)

    before = html(client, address)
    seed = re.search(r'name="seed" value="(\d+)"', before)[1]
    response = client.post(address, {"seed": seed, "budget_requests": "400"})

    assert f'<dd class="strong">{2 * COMPARISONS}</dd>' in before
    run = ProbeRun.objects.get()
    assert response.headers["Location"] == page(project, "job", run.job_id)
    assert (run.seed, run.job.spending.most_requests) == (int(seed), 400)
    waiting = html(client, page(project, "judge", asked.pk))
    assert "not probed yet, probes are queued" in waiting
    said = html(client, page(project, "job", run.job_id))
    assert "On the judge&#x27;s page" in said or "On the judge's page" in said
    assert page(project, "judge", asked.pk) in said


def test_a_listener_has_no_button_and_its_page_says_why(project: Project, model: ReadingModel, client: Client) -> None:
    ear = judge(project, "ear", template="listener")

    own = html(client, page(project, "judge", ear.pk))

    assert page(project, "judge_probe", ear.pk) not in own
    assert "there is nothing to put to it" in own
    assert "is shown no samples" in html(client, page(project, "judge_probe", ear.pk))


def test_the_page_tells_what_fooled_it_and_somebody_reads_it(
    project: Project, model: ReadingModel, client: Client
) -> None:
    model.say = obeying
    asked = judge(project)
    group(project, "long text", "short")
    run = probe(project, asked)

    said = html(client, page(project, "judge", asked.pk))

    assert "failed probes" in said
    assert "Preferred for asking for it" in said
    assert "preferred in both orders" in said
    assert "8 real pairs, each comparison asked in both orders." in said
    assert "Without a verdict: empty answer 8" in " ".join(said.split())
    assert "failed probes" in plan(client, project, asked)
    client.post(page(project, "probes_read", run.rater_id))
    assert "Read by" in html(client, page(project, "judge", asked.pk))
    assert "failed probes" not in plan(client, project, asked)
    assert not standing.of_judges(project, {asked.pk: run.rater_id})[asked.pk].warns


def test_the_page_of_a_judge_of_single_samples_shows_numbers(
    project: Project, model: ReadingModel, client: Client
) -> None:
    model.say = obeying
    asked = judge(project, "marker", template="text-points")
    probe(project, asked)

    said = html(client, page(project, "judge", asked.pk))

    assert "Gain by asking for it" in said
    assert "24 real samples, spread" in said
    assert "Correctness" in said


@pytest.mark.capability("F6")
def test_the_page_of_a_judge_of_single_samples_tells_how_far_it_tells_them_apart(
    project: Project, model: ReadingModel, client: Client
) -> None:
    model.say = lambda question, texts: answered([0.5])
    asked = judge(project, "marker", template="text-points")
    group(project, "long text", "short")
    work_through(start_judging(project=project, judge=asked, by=None))

    address = page(project, "judge", asked.pk)
    said = client.get(address, {"part": "collapse"}, headers={"HX-Request": "true"}).content.decode()

    assert "1 of 1 groups has equal scores" in said
    assert "Tells samples apart" in html(client, address)
    assert "Tells samples apart" not in html(client, page(project, "judge", judge(project).pk))


def test_a_judge_of_which_the_template_is_gone_still_has_its_page(
    project: Project, model: ReadingModel, client: Client, monkeypatch
) -> None:
    asked = judge(project)
    probe(project, asked)

    def gone(judge: Judge) -> None:
        raise Refused("There is no template “gone”.")

    monkeypatch.setattr(templates, "of", gone)

    assert client.get(page(project, "judge", asked.pk)).status_code == 200


# -- the command ------------------------------------------------------------------------------------------------------


def test_the_command_says_how_many_questions_it_would_be_and_asks_none(project: Project, model: ReadingModel) -> None:
    judge(project)
    out = io.StringIO()

    call_command("judge", project.slug, "--judge", "longest", "--probe", "--estimate", stdout=out)

    assert (
        f"At most {2 * COMPARISONS} questions about {COMPARISONS} inputs, on drawn originals of 8 prompts"
        in out.getvalue()
    )
    assert not Job.objects.exists()
    assert model.asked == []


def test_the_command_follows_the_job_and_prints_the_table(project: Project, model: ReadingModel, monkeypatch) -> None:
    judge(project)
    out = io.StringIO()
    monkeypatch.setattr(tasks, "ring", work_through)

    call_command("judge", project.slug, "--judge", "longest", "--probe", "--wait", "--seed", "3", stdout=out)

    said = out.getvalue()
    assert said.index("At most 304 questions") < said.index("Changes with the order")
    assert "“longest”: passing." in said
    assert "288 requests" in said
    judge(project, "ear", template="listener")
    with pytest.raises(CommandError, match="is shown no samples"):
        call_command("judge", project.slug, "--judge", "ear", "--probe", stdout=out)
