"""Pages of the probes: the section on the scorer's page, its pictures, the warning, and figures of real evidence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from django.urls import reverse

from curation.actions import judgements
from curation.models import Job, Judgement, Project, Rater
from scoring import resident
from scoring.actions import starting
from scoring.actions.heads import working as fitting
from scoring.actions.probing import standing
from scoring.actions.probing import starting as probing
from scoring.actions.probing.collapse import on_evidence
from scoring.catalogue import CATALOGUE
from scoring.models import FittedHead, ProbeRun
from tests import factories
from tests.scoring import fakes, head_scene, planted
from tests.scoring.job_helpers import texts, work_through
from tests.scoring.page_helpers import ROLES, count_queries, visitors


@pytest.fixture
def project(monkeypatch, db) -> Project:
    monkeypatch.setitem(CATALOGUE, "length", fakes.FAKES["length"])
    bright = replace(planted.facts("Bright", planted.PICTURE), path="tests.scoring.planted:Bright", name="bright")
    monkeypatch.setitem(CATALOGUE, "bright", bright)
    resident.forget()
    yield factories.project(task="text")
    resident.forget()


def probed(project: Project, scorer: str = "length") -> ProbeRun:
    run = probing.start(project=project, scorer=scorer, by=None)
    work_through(run.job)
    return ProbeRun.objects.get(pk=run.pk)


def scored(project: Project, *words: str) -> Rater:
    texts(project, *words)
    (job,) = starting.start_scoring(project=project, scorers={"length": {}}, by=None)
    return Rater.objects.get(pk=work_through(job).params["raters"]["length"])


def page(project: Project, scorer: str = "length", role: str = "curator", part: str = "") -> str:
    address = reverse("scorer", args=[project.slug, scorer])
    headers = {"HX-Request": "true"} if part else {}
    return visitors(project)(role).get(address, {"part": part} if part else {}, headers=headers).content.decode()


def test_a_scorer_that_never_ran_is_not_probed_yet_and_has_a_button(project: Project) -> None:
    said = page(project)

    assert "not probed yet" in said
    assert "Run the probes" in said
    assert "Run the probes" not in page(project, role="viewer")


def test_the_page_says_what_it_failed_at_in_words_with_bar_interval_and_inputs(project: Project) -> None:
    scored(project, "a", "bb")
    probed(project)

    said = page(project)

    assert "failed probes" in said
    assert "False positives" in said
    assert "Worst: long and about something else." in said
    assert "up to 5 %, fails above 25 %" in said
    assert "100 %" in said
    assert "A wooden fence lasts longest" in said  # the text that got through
    assert "Share of prompts under which an input without any worth" in said
    assert "On drawn originals" in said
    assert "It does not read the prompt" in said


def test_pictures_that_broke_it_are_shown_and_served(project: Project) -> None:
    run = probed(project, "bright")
    answer = run.answers.filter(probe="white", picture__isnull=False).first()
    address = reverse("probe_picture", args=[project.slug, answer.pk])

    said = page(project, "bright")
    picture = visitors(project)("viewer").get(address)

    assert address in said
    assert (picture["Content-Type"], picture.content[8:12]) == ("image/webp", b"WEBP")


def test_pictures_of_another_projects_samples_are_not_shown(project: Project) -> None:
    run = probed(project, "bright")
    answer = run.answers.filter(picture__isnull=False).first()
    other = factories.project("elsewhere")
    sample = factories.sample(factories.prompt(other), text="theirs")
    ProbeRun.objects.update(project=other, originals={"source": "project", "groups": []})
    run.answers.update(sample=sample, prompt_text="their prompt")

    said = page(project, "bright")
    client = visitors(project)("curator")

    assert "On samples of another project" in said
    assert "their prompt" not in said
    assert client.get(reverse("probe_picture", args=[project.slug, answer.pk])).status_code == 404
    assert client.get(reverse("probe_picture", args=[other.slug, answer.pk])).status_code == 404


def test_a_warning_is_read_and_stops_warning(project: Project) -> None:
    rater = scored(project, "a", "bb")
    probed(project)
    client = visitors(project)("curator")
    assert "I have read this" in page(project)

    client.post(reverse("probes_read", args=[project.slug, rater.pk]))

    said = page(project)
    assert "I have read this" not in said
    assert "Read by" in said
    assert "failed probes" in said


@pytest.mark.parametrize(("role", "status"), [(role, 302 if status == 200 else status) for role, status in ROLES])
def test_only_editors_start_probes(project: Project, role: str, status: int) -> None:
    address = reverse("scorer_probe", args=[project.slug, "length"])

    answer = visitors(project)(role).post(address)

    assert answer.status_code == (403 if role == "viewer" else status)
    assert Job.objects.filter(params__has_key="probes").exists() == (role in ("admin", "curator"))


def test_the_button_probes_the_rater_with_the_settings_it_was_made_with(project: Project, monkeypatch) -> None:
    monkeypatch.setitem(CATALOGUE, "length", replace(fakes.FAKES["length"], settings=()))
    rater = scored(project, "a", "bb")

    answer = visitors(project)("curator").post(
        reverse("scorer_probe", args=[project.slug, "length"]), {"rater": rater.pk}
    )

    run = ProbeRun.objects.get()
    assert (run.rater, answer["Location"]) == (rater, reverse("job", args=[project.slug, run.job_id]))
    assert (
        "probes: length is held against inputs" in visitors(project)("viewer").get(answer["Location"]).content.decode()
    )


def test_the_launch_page_warns_of_what_has_not_passed(project: Project) -> None:
    rater = scored(project, "a", "bb")
    probed(project)
    client = visitors(project)("curator")
    address = reverse("score", args=[project.slug])

    def plan() -> str:
        headers = {"HX-Request": "true"}
        return client.post(address + "?part=plan", {"scorers": "length"}, headers=headers).content.decode()

    assert "failed probes" in client.get(address).content.decode()
    assert "failed probes" in plan()
    standing.read(project=project, rater=rater, by=None)
    assert "failed probes" not in plan()
    assert client.post(address, {"scorers": "length", "later": "[]"}).status_code in (200, 302, 400)


def test_the_list_of_scorers_says_so_too(project: Project) -> None:
    probed(project)

    said = visitors(project)("viewer").get(reverse("scorers", args=[project.slug])).content.decode()

    assert "failed probes" in said


def test_queries_do_not_grow_with_raters(project: Project, monkeypatch) -> None:
    scored(project, "a", "bb")
    probed(project)
    client = visitors(project)("viewer")
    address = reverse("scorer", args=[project.slug, "length"])
    before = count_queries(client, address)
    for version in ("2", "3"):
        monkeypatch.setitem(CATALOGUE, "length", replace(fakes.FAKES["length"], version=version))
        resident.forget()
        scored(project, "ccc", "dddd")
        probed(project)

    assert count_queries(client, address) == before


# -- from real evidence -----------------------------------------------------------------------------------------------


@pytest.mark.capability("F6")
def test_spread_equal_groups_and_saturation_of_real_evidence_by_hand(project: Project) -> None:
    """Lengths by prompt: 1 2 3 | 4 4 | 1000 0 | 7. Range 0 to 1000: one at each end, one of three groups equal."""
    texts(project, "a", "bb", "ccc")
    texts(project, "dddd", "eeee")
    texts(project, "f" * 1000, "")
    rater = scored(project, "g" * 7)

    (found,) = on_evidence(project, rater)

    assert (found.scores, found.groups, found.equal, found.saturated, found.is_whole) == (8, 3, 1, 1, True)
    every = [1, 2, 3, 4, 4, 1000, 0, 7]
    assert found.spread == pytest.approx(np.std(every, ddof=1))
    assert found.within == pytest.approx(np.std([1, 2, 3]) / np.std(every, ddof=1))
    assert found.most == pytest.approx(500 / np.std(every, ddof=1))
    said = page(project, part="collapse")
    assert "1 of 3 groups has equal scores" in said
    assert "1 at one end of the range" in said


def test_retracted_scores_and_other_projects_do_not_count(project: Project) -> None:
    rater = scored(project, "a", "bb")
    other = factories.project("elsewhere", task="text")
    texts(other, "x", "y")
    (job,) = starting.start_scoring(project=other, scorers={"length": {}}, by=None)
    work_through(job)

    assert on_evidence(project, rater)[0].scores == 2
    judgements.retract(
        judgements=list(Judgement.objects.filter(project=project)), reason=Judgement.Retraction.SUPERSEDED, by=None
    )
    assert on_evidence(project, rater) == []


# -- heads ------------------------------------------------------------------------------------------------------------


def test_a_head_is_probed_too_and_one_on_scores_alone_has_nothing_to_say_of_drawings(project: Project) -> None:
    """What it sums are scores in the evidence, and nobody has scored an input of the probes."""
    scene = head_scene.voted(prompts=12)
    client = visitors(scene.project)("curator")
    asked = {"name": "taste", "criterion": "overall", "form": "pairs", "voters": "people", "ties": "half"}
    client.post(reverse("head_new", args=[scene.project.slug]), {**asked, "features": ["scores"]})
    fitting.run_job(job_id=Job.objects.get(kind=Job.Kind.FIT).pk)
    head = FittedHead.objects.get()
    home = reverse("head", args=[scene.project.slug, head.pk])
    assert "not probed yet" in client.get(home).content.decode()

    client.post(reverse("scorer_probe", args=[scene.project.slug, head.key]), {"rater": head.rater_id})
    run = ProbeRun.objects.get()
    work_through(run.job)

    run.refresh_from_db()
    assert (run.rater_id, run.outcome) == (head.rater_id, "none")
    assert run.report["reason"]
    assert "probes had nothing to say" in client.get(home).content.decode()
    assert home in client.get(reverse("job", args=[scene.project.slug, run.job_id])).content.decode()
