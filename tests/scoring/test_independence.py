"""Scorers that are no opinion from outside: what is kept of them, where it is said, and what an export warns of."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import reverse

from curation.actions import gating
from curation.models import Generator, Judgement, Mark, Project, Rater, Score
from scoring import resident, tasks
from scoring.actions.judging import benches
from scoring.actions.judging.starting import start_judging
from scoring.actions.planning import rater_of
from scoring.actions.starting import start_scoring
from scoring.catalogue import CATALOGUE, build
from tests import factories
from tests.curation.exports import frozen
from tests.curation.rewards.scene import Scene, panel
from tests.scoring import language_weights
from tests.scoring.job_helpers import work_through
from tests.scoring.judges.server import Rules, serving
from tests.scoring.judging_helpers import greys, judge
from tests.scoring.judging_helpers import work_through as judge_through
from tests.scoring.page_helpers import visitors

pytestmark = pytest.mark.django_db

CYCLES = ["caption_answers", "caption_likelihood", "control_edges"]
RECIPE = """
recipe: 1
title: As the pictures read
pairing: {rule: best_against_worst, by: {scores: caption_likelihood}}
split: {shares: {train: 1.0}}
"""


@pytest.fixture(autouse=True)
def no_queue(monkeypatch):
    monkeypatch.setattr(tasks, "ring", lambda job: True)
    resident.forget()
    yield
    resident.forget()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return language_weights.chat_model(tmp_path_factory.mktemp("weights") / "tiny-llava")


@pytest.fixture
def project() -> Project:
    project = factories.project("boats", licence="cc0")
    for number, text in enumerate(("a red fox", "two cats")):
        prompt = factories.prompt(project, text)
        for place in range(2):
            sample = factories.sample(prompt, by="someone/Tiny_LLaVA", seed=place)
            factories.place(sample, frozen.picture(2 * number + place))
    return project


def scored(project: Project, **settings: Any) -> Rater:
    (job,) = start_scoring(project=project, scorers={"caption_likelihood": settings}, by=None)
    job = work_through(job)
    assert job.result.get("failed", 0) == 0
    return Rater.objects.get(name="caption_likelihood")


@pytest.mark.capability("C17")
def test_a_cycle_scorer_writes_numbers_for_wholes_and_words_and_an_export_of_it_alone_has_warnings(
    project: Project, folder: Path
) -> None:
    rater = scored(project, source=str(folder), contrast="grey")

    assert (rater.independence, rater.family, rater.model_names) == ("cycle", "llava", ["tiny-llava"])
    assert Score.objects.filter(criterion_version__criterion__key="caption_likelihood", value__lt=0).count() == 4
    assert Score.objects.filter(criterion_version__criterion__key="caption_contrast").count() == 4
    spans = Mark.objects.filter(target="prompt", sample=project.samples.first(), value__isnull=False)
    of_likelihood = spans.filter(criterion_version__criterion__key="caption_likelihood").order_by("start")
    assert "".join("a red fox"[one.start : one.end] for one in of_likelihood) == "a red fox"

    report = gating.report_of(gating.examine(version=frozen.freeze(project, recipe=RECIPE)))
    warned = {one.code: one.words for one in report.warnings}
    assert warned["cycle-graded"] == (
        "2 pairs were decided by going back from the output to the prompt; for 2 of them it is the only source."
    )
    assert warned["self-graded"] == (
        "2 pairs were judged by a relative of the generator of a side, 2 of them by the generator's own model; for 2 "
        "of them it is the only source."
    )


def test_the_family_on_a_card_is_kept_with_its_rater_too() -> None:
    made = build("technical")
    card = CATALOGUE["technical"]

    assert rater_of(made).family == card.family == ""
    assert rater_of(made).independence == card.independence == ""


def test_the_pages_and_the_list_say_that_it_is_no_opinion_from_outside(project: Project, folder: Path) -> None:
    client = visitors(project)("curator")
    words = "goes back from the output to the prompt: no independent opinion"

    def page(name: str, *arguments: str) -> str:
        return client.get(reverse(name, args=["boats", *arguments])).content.decode()

    assert words in page("scorer", "caption_likelihood")
    assert words not in page("scorer", "yes_token")
    assert page("score").count(words) == page("scorers").count(">not independent<") == len(CYCLES)

    out = io.StringIO()
    call_command("scorers", "list", stdout=out)
    flagged = [line.split()[0] for line in out.getvalue().splitlines() if line.endswith("(cycle: not independent)")]
    assert flagged == CYCLES
    call_command("scorers", "show", "caption_likelihood", stdout=(out := io.StringIO()))
    assert words in out.getvalue()


def test_the_page_names_the_generator_whose_own_model_it_asks_here(project: Project, folder: Path) -> None:
    client = visitors(project)("viewer")
    address = reverse("scorer", args=["boats", "caption_likelihood"])
    before = client.get(address).content.decode()

    scored(project, source=str(folder))
    after = client.get(address).content.decode()

    assert "no generator of this project shares it" in before
    assert "Of the same family as someone/Tiny_LLaVA" in after


def test_a_member_of_an_ensemble_that_goes_back_is_marked(db) -> None:
    scene = Scene()
    scene.scores("ann", [0.1, 0.5, 0.9])
    scene.scores("bob", [0.3, 0.5, 0.1])
    Rater.objects.filter(name="bob").update(independence="cycle")
    made = scene.make(panel("ann", "bob"))

    client = visitors(scene.project)("viewer")
    html = client.get(reverse("ensemble", args=[scene.project.slug, made.pk])).content.decode()

    assert html.count("goes back from the output to the prompt") == 1


def test_a_judge_that_is_the_generator_itself_is_flagged_without_a_family(settings, tmp_path) -> None:
    project = factories.project("greys")
    own, _other = greys(project, 200, 40)
    Generator.objects.filter(pk=own.generator_id).update(name="deepmind/Eye_1")
    with serving(Rules()) as server:
        settings.ENDPOINTS_FILE = tmp_path / "endpoints.yaml"
        settings.ENDPOINTS_FILE.write_text(server.endpoints_text(models=["eye-1"]))
        benches.forget()
        made = judge(project, "eye", "image-pair-critique", endpoint="eye", model="eye-1")
        judge_through(start_judging(project=project, judge=made, by=None))
    benches.forget()

    assert Rater.objects.get(name="eye").model_names == ["eye-1"]
    assert Judgement.objects.filter(payload__same_family=True).count() == Judgement.objects.count() > 0
    html = visitors(project)("viewer").get(reverse("judge", args=["greys", made.pk])).content.decode()
    assert "Of the same family as deepmind/Eye_1" in html
