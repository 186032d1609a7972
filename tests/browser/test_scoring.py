"""Machines at work in a real browser: by keyboard from the catalogue to the result, every width, both themes, axe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.urls import reverse

from curation.models import Job, Judgement, State
from scoring import resident, tasks, workers
from scoring.actions import working
from scoring.actions.judging import benches
from scoring.actions.judging import judges as judge_actions
from scoring.actions.judging.budgets import Limits
from scoring.actions.judging.starting import start_judging, start_trial
from scoring.actions.staging import Stage, start_staged
from scoring.catalogue import CATALOGUE
from scoring.judges import library
from scoring.models import JudgeCall
from tests import factories
from tests.scoring import fakes, judging_helpers
from tests.scoring.job_helpers import texts, work_through
from tests.scoring.judges.server import Rules, Server, saying, serving

pytestmark = pytest.mark.django_db(transaction=True)

AXE = Path(__file__).parent / "vendor" / "axe-core-4.14.1" / "axe.min.js"


@pytest.fixture(autouse=True)
def fake_scorers(monkeypatch) -> Iterator[None]:
    for name, facts in fakes.FAKES.items():
        monkeypatch.setitem(CATALOGUE, name, facts)
    monkeypatch.setattr(tasks, "ring", lambda job: True)
    monkeypatch.setattr(workers, "answering", lambda timeout_seconds=1.0: {"cpu": ["cpu@here"]})
    resident.forget()
    yield
    resident.forget()


@pytest.fixture
def served(settings, tmp_path) -> Iterator[Server]:
    with serving(Rules(bias=20)) as server:
        settings.ENDPOINTS_FILE = tmp_path / "endpoints.yaml"
        settings.ENDPOINTS_FILE.write_text(server.endpoints_text(requests_at_once=2, price_prompt=2.0))
        benches.forget()
        yield server
    benches.forget()


def tab_to(page, name: str) -> None:
    """Presses Tab until the focus stands on what is called so."""
    for _step in range(150):
        page.keyboard.press("Tab")
        label = page.evaluate("document.activeElement.innerText || document.activeElement.ariaLabel || ''")
        if label.strip() == name:
            return
    raise AssertionError(f"the tabulator never comes to “{name}”")


def wait_for_scores(page, name: str, wanted: list[str]) -> None:
    """Waits until a stage offers these scores and no others."""
    page.wait_for_function(
        """([name, wanted]) => {
            const options = [...document.querySelector(`[name='${name}']`).options];
            const offered = options.filter((one) => !one.hidden && one.value).map((one) => one.value);
            return offered.join() === wanted.join();
        }""",
        arg=[name, wanted],
    )


def test_from_the_catalogue_over_the_live_job_to_the_result_by_keyboard(open_page) -> None:
    project = factories.project("letters", task="text")
    texts(project, "one", "three", "eleven")
    page = open_page(factories.member(project, "curator"))
    page.goto(reverse("scorers", args=["letters"]))

    page.keyboard.press("/")
    page.keyboard.type("vowels")
    page.keyboard.press("Enter")
    page.get_by_text("1 of", exact=False).first.wait_for()
    tab_to(page, "Vowels")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="How the number comes about").wait_for()
    tab_to(page, "Score…")
    page.keyboard.press("Enter")
    page.get_by_text("3 samples are chosen.").wait_for()
    assert page.locator("input[name=scorers]:checked").count() == 1
    tab_to(page, "Start")
    page.keyboard.press("Enter")

    page.get_by_text("waits for a worker").first.wait_for()
    job = Job.objects.get()
    working.step(job.pk)  # planned: the page hears of it by itself
    page.get_by_text("0 of 3").first.wait_for()
    bar = page.locator("#progress progress").first.bounding_box()
    work_through(job)
    page.get_by_text("3 of 3").first.wait_for()
    assert page.locator("#progress progress").first.bounding_box() == bar, "nothing jumps"
    tab_to(page, "Vowels")
    page.keyboard.press("Enter")
    page.get_by_text("3 of 3 samples scored").wait_for()


def test_the_list_of_the_form_narrows_while_one_types_and_keeps_what_is_chosen(open_page) -> None:
    project = factories.project("letters", task="text")
    texts(project, "one")
    page = open_page(factories.member(project, "curator"))
    page.goto(reverse("score", args=["letters"]) + "?scorer=length")

    page.get_by_label("Find a scorer").fill("CAPTIONS")
    rows = page.locator(".js-choice:visible input[name=scorers]")
    assert {rows.nth(place).get_attribute("value") for place in range(rows.count())} == {"length", "clipscore"}
    page.get_by_label("Find a scorer").press("Enter")
    assert not Job.objects.exists(), "Enter in the search starts nothing"
    page.get_by_label("Find a scorer").fill("")
    page.get_by_label("What it judges").select_option("video")
    assert page.locator(".js-choice:visible input[value=ocr]").count() == 0


def test_stages_are_added_and_offer_only_scores_of_the_stage_before(open_page) -> None:
    project = factories.project("letters", task="text")
    texts(project, "one", "three")
    page = open_page(factories.member(project, "curator"))
    page.goto(reverse("score", args=["letters"]) + "?scorer=length")

    page.get_by_text("Stage 2").first.click()
    wait_for_scores(page, "stage2-by", ["length.length_value"])
    page.locator("[name='stage2-by']").select_option("length.length_value")
    page.get_by_label("Best of each prompt").first.fill("1")
    page.locator("[name='stage2-scorers'][value=vowels]").check()
    page.get_by_text("at most 1 sample").wait_for()
    page.get_by_role("button", name="Add a stage").click()
    page.locator("[name='stage3-by']").wait_for()
    assert page.locator("[name='stage2-best']").input_value() == "1"
    wait_for_scores(page, "stage3-by", ["vowels.vowels_value"])
    page.get_by_role("button", name="Take the last stage away").click()
    page.locator("[name='stage3-by']").wait_for(state="detached")
    page.get_by_role("button", name="Start").click()

    page.get_by_text("begins when the stage before is done").wait_for()


def test_enter_in_a_field_of_the_form_starts_and_in_the_editor_does_nothing(open_page, served) -> None:
    project = factories.project("greys")
    judging_helpers.greys(project, 200, 40)
    judging_helpers.judge(project, "eye", "image-pair", endpoint="eye", model="eye-1")
    page = open_page(factories.member(project, "curator"))
    page.goto(reverse("judge_template_edit", args=["greys"]) + "?from=image-pair@1")
    page.get_by_label("Name").press("Enter")
    page.wait_for_timeout(300)
    assert not Job.objects.exists()

    page.goto(reverse("score", args=["greys"]) + "?scorer=technical")
    page.get_by_label("Tags of the prompt").press("Enter")

    page.get_by_text("waits for a worker").first.wait_for()
    assert list(Job.objects.get().params["scorers"]) == ["technical"]


def test_a_wording_is_tried_and_its_reply_arrives_by_itself(open_page, served) -> None:
    project = factories.project("greys")
    left, right = judging_helpers.greys(project, 200, 40)
    judging_helpers.judge(project, "eye", "image-pair-critique", endpoint="eye", model="eye-1")
    page = open_page(factories.member(project, "curator"))
    page.goto(reverse("judge_template_edit", args=["greys"]) + "?from=image-pair-critique@1")

    page.get_by_label("The question").fill("Look well.\n{prompt}\n{media}\n{form}")
    page.get_by_label("Samples").fill(f"{left.pk}, {right.pk}")
    page.get_by_role("button", name="Try", exact=True).click()
    page.get_by_text("Waits for a worker on the queue").wait_for()
    judging_helpers.work_through(Job.objects.get())

    page.get_by_text("Image 1 has a light of").first.wait_for()
    assert page.get_by_label("The question").input_value().startswith("Look well.")


# -- every page, both themes, both widths -----------------------------------------------------------------------------


def violations(page) -> list[str]:
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [f"{one['id']}: {node['target']} {node['failureSummary']}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 390)])
def test_axe_finds_nothing_and_nothing_hangs_over(open_page, served, theme: str, width: int) -> None:
    page = open_page(factories.user("boss", is_superuser=True), theme=theme, width=width)

    problems = {}

    for address in [*_scoring_pages(), *_judging_pages(served)]:
        page.goto(address)
        page.wait_for_load_state("networkidle")
        page.evaluate(
            "document.querySelectorAll('details:not(.bar-menu, .phone-menu)').forEach(one => one.open = true)"
        )
        found = violations(page)
        if page.evaluate("document.documentElement.scrollWidth - window.innerWidth") > 0:
            found.append("it is wider than the window")
        problems |= {address: found} if found else {}

    assert not problems


def _scoring_pages() -> list[str]:
    project = factories.project("letters", task="text")
    texts(project, "one", "three", "bad one", "eleven")
    stages = [Stage("length", "length_value", {"vowels": {}}, best_of_prompt=1)]
    (job,) = start_staged(project=project, scorers={"length": {}}, later=stages, by=None)
    work_through(job)
    prompt = project.prompts.get().pk
    here = ["letters"]
    return [
        reverse("scorers", args=here),
        reverse("scorers", args=here) + "?q=zzz",
        reverse("scorer", args=[*here, "length"]),
        reverse("scorer", args=[*here, "clipscore"]),
        reverse("score", args=here) + "?scorer=length&stages=2",
        reverse("jobs", args=here),
        reverse("job", args=[*here, job.pk]),
        reverse("side_by_side", args=[*here, prompt]),
        reverse("side_by_side_somewhere", args=here) + "?prompt=nothing",
    ]


def _judging_pages(served: Server) -> list[str]:
    project = factories.project("greys")
    judging_helpers.greys(project, 120, 110, text="a grey field")
    judging_helpers.greys(project, 100, 90)
    made = judging_helpers.judge(
        project, "eye", "image-pair-critique", endpoint="eye", model="eye-1", family="painters"
    )
    listener = judging_helpers.judge(project, "listener", "listener", endpoint="eye", model="eye-1")
    judge_actions.ensure_context(project=project, kind="principle", name="calm", text="Darker is better.")
    served.rules.plan = {2: saying("I like them all.")}
    job = judging_helpers.work_through(start_judging(project=project, judge=made, limits=Limits(requests=3), by=None))
    document = {**library.to_plain(library.builtin()["image-pair-critique"]), "name": "mine"}
    trial = judging_helpers.work_through(start_trial(project=project, judge=made, document=document, by=None))
    assert (job.state, trial.state) == (State.FAILED, State.DONE)
    here = ["greys"]
    return [
        reverse("judges", args=here),
        reverse("judges", args=["letters"]),
        reverse("judge", args=[*here, made.pk]),
        reverse("judge_new", args=here),
        reverse("judge_run", args=[*here, made.pk]),
        reverse("judge_run", args=[*here, listener.pk]),
        reverse("judge_probe", args=[*here, made.pk]),
        reverse("judge_templates", args=here),
        reverse("judge_template", args=[*here, "image-pair-critique@1"]),
        reverse("judge_template_edit", args=here) + f"?job={trial.pk}",
        reverse("principles", args=here),
        reverse("job", args=[*here, job.pk]),
        reverse("job", args=[*here, trial.pk]),
        reverse("answer", args=[*here, Judgement.objects.filter(rater__name="eye").first().pk]),
        reverse("judge_call", args=[*here, JudgeCall.objects.exclude(fault="").first().pk]),
    ]
