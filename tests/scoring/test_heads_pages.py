"""The pages and the command of heads: what a person sees, may start, and is told when it cannot be."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from curation.actions import criteria, judgements
from curation.actions.judgements import PassScore
from curation.models import Job, Judgement
from scoring import tasks, workers
from scoring.actions import estimates
from scoring.actions.heads import working
from scoring.catalogue import facts_of
from scoring.management.following import FollowingCommand
from scoring.models import FittedHead
from tests import factories
from tests.scoring import bare_head, head_scene
from tests.scoring.head_scene import HeadScene

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def rung(monkeypatch) -> list[Job]:
    """The jobs for which a worker was called; no queue is needed."""
    calls: list[Job] = []
    monkeypatch.setattr(tasks, "ring_after_commit", calls.extend)
    return calls


@pytest.fixture
def scene(db) -> HeadScene:
    return head_scene.voted(prompts=12)


@pytest.fixture
def client(scene: HeadScene) -> Client:
    browser = Client()
    browser.force_login(factories.member(scene.project, "curator"))
    return browser


def page(scene: HeadScene, name: str, *args: object) -> str:
    return reverse(name, args=[scene.project.slug, *args])


def words(response) -> str:
    return " ".join(response.content.decode().split())


SENT = {
    "name": "taste",
    "criterion": "overall",
    "form": "pairs",
    "voters": "people",
    "ties": "half",
    "features": ["scores"],
}


@pytest.mark.capability("C12")
def test_a_head_fitted_on_the_page_tells_what_it_is_worth_and_scores(scene, client, rung):
    empty = words(client.get(page(scene, "heads")))
    form = words(client.get(page(scene, "head_new")))
    started = client.post(page(scene, "head_new"), SENT, follow=True)
    (job,) = rung
    waiting = client.get(page(scene, "heads"), {"part": "waiting"})
    working.run_job(job_id=job.pk)
    over = client.get(page(scene, "heads"), {"part": "waiting"})

    assert "No head yet" in empty
    assert "overall (36 preferences by people)" in form
    assert "every score there is" in form
    assert started.redirect_chain == [(page(scene, "heads"), 302)]
    assert "Head taste" in words(started)
    assert "HX-Refresh" not in waiting
    assert over["HX-Refresh"] == "true"
    head = FittedHead.objects.get()
    listed, shown = words(client.get(page(scene, "heads"))), words(client.get(page(scene, "head", head.pk)))
    assert "36 labels under overall, 12 prompts" in listed
    for told in ("On prompts it had not seen", "best single score", "Learning curve", head.labels_digest[:16]):
        assert told in shown
    assert "36 judgements are on record" in shown
    scoring = client.post(page(scene, "head_score", head.pk))
    assert scoring.url == page(scene, "job", rung[-1].pk)
    assert rung[-1].params["scorers"] == {head.key: {}}
    assert client.get(scoring.url).status_code == 200


def test_a_head_is_chosen_among_the_scorers_and_a_stage_goes_by_its_score(scene, client):
    head = bare_head.head_that_saw(scene.samples[0])
    (output,) = facts_of(head.key).outputs
    chosen = {"scorers": [head.key], "stages": "1", "stage2-by": f"{head.key}.{output.criterion}", "stage2-best": "1"}

    form = words(client.get(page(scene, "score"), {"scorer": head.key}))
    plan = words(
        client.post(
            page(scene, "score") + "?part=plan",
            {
                **chosen,
                "stage2-scorers": ["technical"],
            },
        )
    )
    client.post(page(scene, "score"), {**chosen, "stage2-scorers": ["technical"]})

    assert f'name="scorers" value="{head.key}" checked' in form
    assert "not probed yet" in plan
    job = Job.objects.get(kind=Job.Kind.SCORE)
    assert job.params["scorers"] == {head.key: {}}
    assert job.params["stage"]["later"][0]["criterion"] == output.criterion


def test_the_plan_counts_what_a_head_has_scored(scene):
    head = bare_head.head_that_saw(scene.samples[0])
    (output,) = facts_of(head.key).outputs
    wording = criteria.Wording(name="taste", scale="interval", higher_is_better=True)
    version = criteria.ensure(project=scene.project, key=output.criterion, wording=wording)
    (first, *others) = scene.samples
    said = [PassScore(first.pk, first.prompt_id, version.pk, 1.0)]
    judgements.record_pass(project=scene.project, rater=head.rater, scores=said, job=None)

    coverage = estimates.coverage(scene.project, scene.project.samples.all(), facts_of(head.key))

    assert (coverage.scored, coverage.missing) == (1, len(others))


def test_what_is_wrong_is_said_on_the_page(scene, client, rung):
    unnamed = client.post(page(scene, "head_new"), {**SENT, "name": "My Head"})
    blind = client.post(page(scene, "head_new"), {**SENT, "features": []})

    assert (unnamed.status_code, blind.status_code) == (400, 400)
    assert "no name for a head" in words(unnamed)
    assert "Choose at least one thing" in words(blind)
    assert rung == []


def test_labels_taken_back_since_are_told_and_fitting_again_makes_a_revision(scene, client, rung):
    head = scene.fit("scores")
    act = Judgement.objects.filter(project=scene.project, act="compare").first()
    judgements.retract(judgements=[act], reason="retracted", by=None)

    stale = words(client.get(page(scene, "head", head.pk)))
    client.post(page(scene, "head_again", head.pk))
    working.run_job(job_id=rung[-1].pk)

    assert "1 judgement it learnt from was taken back since" in stale
    second = FittedHead.objects.get(revision=2)
    assert "older revision" in words(client.get(page(scene, "head", head.pk)))
    assert "revision 1" in words(client.get(page(scene, "head", second.pk)))


def test_why_a_fit_failed_stands_on_the_list(db):
    few = head_scene.voted(prompts=3)
    job = few.job("scores")
    browser = Client()
    browser.force_login(factories.member(few.project, "viewer"))

    shown = words(browser.get(page(few, "heads")))

    assert job.state == "failed"
    assert "9 labels on 3 prompts are too few" in shown


def test_a_project_without_labels_is_told_what_to_do(db):
    project = factories.project(task="text")
    browser = Client()
    browser.force_login(factories.member(project, "curator"))

    shown = words(browser.get(reverse("head_new", args=[project.slug])))

    assert "Nobody has labelled anything here yet" in shown


def test_a_head_of_another_project_is_not_found(scene, client):
    other = factories.project(task="text")
    head = bare_head.head_that_saw(factories.sample(factories.prompt(other), text="t"))

    assert client.get(page(scene, "head", head.pk)).status_code == 404
    assert client.post(page(scene, "head_score", head.pk)).status_code == 404


# -- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def no_queue(monkeypatch) -> None:
    """Whoever waits does the work itself; no queue and no worker is needed."""
    monkeypatch.setattr(tasks, "ring", lambda job: True)
    monkeypatch.setattr(workers, "attended_queues", lambda: {"cpu", "gpu"})
    monkeypatch.setattr(
        FollowingCommand, "_follow", lambda self, jobs, own: [working.run_job(job_id=job.pk) for job in jobs]
    )
    follow = FollowingCommand._conclude

    def conclude(self, jobs):
        for job in jobs:
            job.refresh_from_db()
        follow(self, jobs)

    monkeypatch.setattr(FollowingCommand, "_conclude", conclude)


def run(scene: HeadScene, *more: str) -> str:
    out = StringIO()
    call_command("fit_head", scene.project.slug, "--name", "taste", *more, stdout=out, stderr=out)
    return out.getvalue()


@pytest.mark.capability("C12")
def test_the_command_fits_and_tells_what_the_head_is_worth(scene, no_queue):
    said = run(scene, "--criterion", "overall", "--features", "scores", "--wait")

    assert "taste, revision 1 (head:taste@" in said
    assert "36 labels on 12 prompts" in said
    assert "guessing gets 50 %" in said
    assert "The best single score, sharp" in said


def test_the_command_refuses_in_words(scene, no_queue):
    with pytest.raises(CommandError, match="no score “beauty”"):
        run(scene, "--features", "beauty", "--wait")
    with pytest.raises(CommandError, match="no criterion “charm”"):
        run(scene, "--criterion", "charm", "--features", "scores")


def test_the_command_and_the_page_tell_of_prompts_that_belong_together(scene, client, no_queue):
    picture = factories.asset()
    for group in scene.groups[:4]:
        factories.place(group[0].prompt, picture, role="source")

    said = run(scene, "--criterion", "overall", "--features", "scores", "--wait")

    assert "36 labels on 12 prompts in 9 families that belong together" in said
    shown = words(client.get(page(scene, "head", FittedHead.objects.get().pk)))
    assert "12, in 9 families of prompts that belong together" in shown
