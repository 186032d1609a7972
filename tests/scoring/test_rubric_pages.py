"""The pages of checklists from people's pairs."""

from __future__ import annotations

import pytest
from django.urls import reverse

from curation.models import Job
from scoring.actions import rubrics
from scoring.actions.judging.judges import NewJudge, add
from scoring.actions.rubrics import Wish
from scoring.models import Rubric
from tests import factories
from tests.curation.examination.scene import Scene, specialists
from tests.scoring.judging_helpers import ENDPOINTS


@pytest.fixture
def scene(db, client, tmp_path, settings) -> Scene:
    path = tmp_path / "endpoints.yaml"
    path.write_text(ENDPOINTS)
    settings.ENDPOINTS_FILE = path
    made = specialists()
    client.force_login(factories.member(made.project, "curator"))
    return made


@pytest.fixture
def new(scene) -> str:
    return reverse("rubric_new", args=[scene.project.slug])


def report(**more):
    share = {"value": 0.5, "low": 0.4, "high": 0.6, "votes": 100, "prompts": 50}
    lines = [{"place": 0, "weight": 1.0, "without": {"value": 0.2, "low": 0.1, "high": 0.3, "p": 0.001}}]
    lines.append({"place": 1, "weight": 0.0, "without": None})
    after = {**share, "value": 0.75}
    gain = {"value": 0.25, "low": 0.15, "high": 0.35, "p": 0.0}
    return {"questions": lines, "before": share, "after": after, "gain": gain, "voices": 100, "prompts": 50, **more}


def test_questions_written_down_become_candidates(scene, new, client):
    answer = client.post(
        new, {"name": "own", "criterion": "overall", "pairs": 5, "questions": "Is it kind?\nIs it red?\n"}
    )

    made = Rubric.objects.get()
    assert answer.url == reverse("rubric", args=[scene.project.slug, made.pk])
    shown = client.get(answer.url).content.decode()
    assert "Is it kind?" in shown
    assert "Make a judge that asks by own-candidates@1" in shown
    assert Job.objects.count() == 0


def test_a_judges_model_is_asked_in_a_job(scene, new, client):
    judge = add(project=scene.project, judge=NewJudge("eye", "image-points", "m", endpoint="here"), by=None)

    client.post(new, {"name": "asked", "criterion": "overall", "pairs": 5, "judge": judge.pk})

    job = Job.objects.get()
    assert job.params["rubric"]["name"] == "asked"
    assert job.title in client.get(reverse("rubrics", args=[scene.project.slug])).content.decode()
    assert client.get(reverse("job", args=[scene.project.slug, job.pk])).status_code == 200


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"name": "x"}, "Choose a judge whose model proposes questions, or write some."),
        ({"name": "own list", "questions": "Is it?"}, "valid"),
        ({"name": "x", "questions": "Is it?", "pairs": 0}, "greater than or equal to 1"),
        ({"name": "x", "questions": "Is it?", "criterion": "beauty"}, "beauty"),
    ],
)
def test_what_is_wrong_is_said(said, says, new, client):
    answer = client.post(new, {"criterion": "overall", "pairs": 5, **said})

    assert answer.status_code == 400
    assert says in answer.content.decode()
    assert not Rubric.objects.exists()


def test_what_was_learnt_is_shown(scene, client):
    wish = Wish("taste", "overall")
    made = rubrics.write(project=scene.project, wish=wish, questions=["Is it kind?", "Is it red?"], by=None)
    Rubric.objects.filter(pk=made.pk).update(report=report(), learnt_at=made.created_at, template=made.candidates)

    shown = client.get(reverse("rubric", args=[scene.project.slug, made.pk])).content.decode()
    listed = client.get(reverse("rubrics", args=[scene.project.slug])).content.decode()

    for words in ("50.0 %", "75.0 %", "25.0 %", "left out", "20.0 %", "100 votes on 50 prompts"):
        assert words in shown
    assert "75.0 %" in listed


def test_learning_without_answers_says_what_to_do(scene, client):
    made = rubrics.write(project=scene.project, wish=Wish("taste", "overall"), questions=["Is it kind?"], by=None)
    judge = add(project=scene.project, judge=NewJudge("eye", str(made.candidates), "m", endpoint="here"), by=None)

    answer = client.post(reverse("rubric_learn", args=[scene.project.slug, made.pk]), {"judge": judge.pk})

    assert answer.status_code == 400
    assert "has not answered anything yet. Run it first." in answer.content.decode()


def test_without_a_checklist_the_page_says_how_to_begin(scene, client):
    assert "No checklist yet" in client.get(reverse("rubrics", args=[scene.project.slug])).content.decode()


def test_a_checklist_that_has_not_learnt_stands_in_the_list(scene, client):
    rubrics.write(project=scene.project, wish=Wish(name="own", criterion="overall"), questions=["Is it kind?"], by=None)

    listed = client.get(reverse("rubrics", args=[scene.project.slug])).content.decode()

    assert "own" in listed
    assert "not learnt yet" in listed


@pytest.mark.parametrize("said", ["", "0", "eye"])
def test_learning_without_a_judge_says_what_is_missing(said, scene, client):
    wish = Wish(name="own", criterion="overall")
    made = rubrics.write(project=scene.project, wish=wish, questions=["Is it kind?"], by=None)

    answer = client.post(reverse("rubric_learn", args=[scene.project.slug, made.pk]), {"judge": said})

    assert answer.status_code == 400
    assert "Choose the judge" in answer.content.decode()
