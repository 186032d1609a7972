"""The pages of ensembles: who may, what is refused in words, and what a person sees of members and agreement."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from curation.actions import ensembles
from curation.models import Comparison, CriterionVersion, Generator, Job, Rater, Score
from scoring import tasks
from tests import factories
from tests.curation.rewards.scene import Scene


@pytest.fixture(autouse=True)
def rung(monkeypatch) -> list[Job]:
    """The jobs for which a worker was called; no queue is needed."""
    calls: list[Job] = []
    monkeypatch.setattr(tasks, "ring_after_commit", calls.extend)
    return calls


@pytest.fixture
def scene(db) -> Scene:
    made = Scene()
    made.scores("ann", [0.1, 0.5, 0.9, 0.2])
    made.scores("bob", [0.3, 0.5, 0.1])
    return made


@pytest.fixture
def client(scene: Scene) -> Client:
    browser = Client()
    browser.force_login(factories.member(scene.project, "curator"))
    return browser


def key(judge: str, criterion: str = "quality", form: str = "scores") -> str:
    rater = Rater.objects.get(name=judge)
    return f"{form}.{rater.pk}.{CriterionVersion.objects.get(criterion__key=criterion).pk}"


def sent(*judges: str, **fields: object) -> dict[str, object]:
    return {"name": "panel", "rule": "mean", "missing": "drop", "members": [key(one) for one in judges], **fields}


def page(scene: Scene, name: str, *args: object) -> str:
    return reverse(name, args=[scene.project.slug, *args])


def words(response) -> str:
    return " ".join(response.content.decode().split())


@pytest.mark.capability("C7")
def test_an_ensemble_made_on_the_page_shows_its_members_and_their_spread(scene, client):
    empty = words(client.get(page(scene, "ensembles")))
    made = client.post(page(scene, "ensemble_new"), sent("ann", "bob", **{f"weight-{key('ann')}": 3}), follow=True)

    rater = Rater.objects.get(kind="ensemble")
    assert "No ensemble yet" in empty
    assert made.redirect_chain == [(page(scene, "ensemble", rater.pk), 302)]
    text = words(made)
    assert "“panel” has spoken" in text
    assert "ann · quality" in text
    assert "bob · quality" in text
    assert "effective opinions" in text
    assert Score.objects.filter(rater=rater).count() == 3
    assert set(rater.members.values_list("member__name", "weight")) == {("ann", 3.0), ("bob", 1.0)}
    listed = words(client.get(page(scene, "ensembles")))
    assert "ann · quality, bob · quality" in listed
    criterion = Score.objects.filter(rater=rater).first().criterion_version_id
    address = f"{page(scene, 'samples')}?sort={rater.pk}.{criterion}&amp;order=down"
    assert address in text
    assert client.get(address.replace("&amp;", "&")).status_code == 200


def test_running_it_again_writes_what_is_new(scene, client):
    client.post(page(scene, "ensemble_new"), sent("ann", "bob"))
    rater = Rater.objects.get(kind="ensemble")
    scene.act("bob", scene.samples[3], 0.4)

    shown = words(client.post(page(scene, "ensemble_run", rater.pk), follow=True))

    assert "1 new, 3 stood" in shown
    assert Score.objects.living().filter(rater=rater).count() == 4


def test_a_large_project_is_left_to_a_worker(scene, client, rung, monkeypatch):
    monkeypatch.setattr(ensembles, "AT_ONCE", 1)

    shown = words(client.post(page(scene, "ensemble_new"), sent("ann", "bob"), follow=True))

    (job,) = rung
    assert (job.kind, job.state) == ("build", "queued")
    assert "waits for a worker" in shown
    assert f"job {job.pk}" in shown
    rater = Rater.objects.get(kind="ensemble")
    progress = f"{page(scene, 'ensemble', rater.pk)}?part=progress"
    assert "HX-Refresh" not in client.get(progress)
    ensembles.run_job(job_id=job.pk)
    assert client.get(progress)["HX-Refresh"] == "true"
    assert client.get(page(scene, "job", job.pk)).status_code == 200
    assert "Ensemble panel" not in words(client.get(page(scene, "datasets")))


def test_the_page_looks_before_anything_is_written(scene, client):
    address = page(scene, "ensemble_new") + "?part=look"

    text = words(client.post(address, sent("ann", "bob")))

    assert "1 lacks a member" in text
    assert "ann · quality" in text
    assert not Rater.objects.filter(kind="ensemble").exists()
    assert not Job.objects.exists()
    assert "Choose members" in words(client.post(address))


def test_what_is_wrong_is_said_without_places_in_a_text(scene, client):
    scene.scores("cem", [5.0], "points")
    CriterionVersion.objects.filter(criterion__key="points").update(low=1, high=5)
    points = sent("ann", "bob")
    points["members"] = [key("ann"), key("cem", "points")]

    for fields, said in (
        (sent("ann"), "Name the criterion"),
        ({**sent("ann", "bob"), "members": []}, "Choose at least two members"),
        (points, "“ann” is measured in quality (0 to 1) and “cem” in points (1 to 5)"),
        (
            sent("ann", "bob", rule="worst", **{f"weight-{key('bob')}": 2}),
            "worst knows no weights. Take",
        ),
        (sent("ann", "bob", rule="vote"), "a number without levels"),
        (sent("ann", "bob", **{f"weight-{key('bob')}": -1}), "greater than or equal to 0.001"),
    ):
        if said == "Name the criterion":
            fields = {**fields, f"transform-{key('ann')}": "prompt"}
        answer = client.post(page(scene, "ensemble_new"), fields)
        assert answer.status_code == 400
        assert said in words(answer)
        assert "line 1" not in words(answer)
    assert not Rater.objects.filter(kind="ensemble").exists()


def test_transforms_are_chosen_by_name_and_turn_what_is_better_low(scene, client):
    noise = scene.criterion("noise")
    CriterionVersion.objects.filter(pk=noise.pk).update(low=0, high=10, higher_is_better=False)
    scene.scores("cem", [2.0, 4.0, 6.0], "noise")
    for choice, steps in (
        ("range", [{"bounded": {"low": 10.0, "high": 0.0, "clip": True}}]),
        ("place", [{"linear": {"times": -1.0, "plus": 0.0}}, {"percentile": {}}]),
        ("reference", None),
        ("prompt", [{"linear": {"times": -1.0, "plus": 0.0}}, {"zscore": {"over": "prompt"}}]),
    ):
        fields = sent("ann", name=choice, criterion=f"mix_{choice}", **{f"transform-{key('ann')}": choice})
        fields["members"] = [key("ann"), key("cem", "noise")]
        fields[f"transform-{key('cem', 'noise')}"] = choice
        client.post(page(scene, "ensemble_new"), fields)
        rater = Rater.objects.get(kind="ensemble", name=choice)
        own = {one["criterion"]: one["transform"] for one in rater.identity["spoken"]}
        assert own["noise"] == steps or choice == "reference"
        if choice == "reference":
            assert own["noise"][1]["zscore"]["mean"] == pytest.approx(-4.0)
        assert Score.objects.filter(rater=rater).count() == 3


def test_one_judge_with_several_answers(scene, client):
    for value in (0.5, 0.7):
        scene.act("ann", scene.samples[0], value)

    client.post(page(scene, "ensemble_new"), sent("ann", rule="median", times=3))

    rater = Rater.objects.get(kind="ensemble")
    assert rater.identity["repeats"] == 3
    assert [row.value for row in Score.objects.filter(rater=rater)] == [0.5]


def test_judges_that_compare_make_an_ensemble_that_compares(scene, client):
    a, b, _c = scene.groups[0]
    for judge, outcome in (("ann", "left"), ("bob", "left"), ("cem", "right")):
        scene.vote(judge, a, b, outcome)
    members = [key(one, "better", "votes") for one in ("ann", "bob", "cem")]

    shown = client.post(page(scene, "ensemble_new"), {**sent(), "members": members, "rule": "vote"}, follow=True)

    (row,) = Comparison.objects.filter(rater__kind="ensemble")
    assert (row.outcome, row.confidence) == ("left", pytest.approx(2 / 3))
    assert "weight against the verdict" in words(shown)
    assert "Samples by its score" not in words(shown)


def test_a_member_of_the_generators_family_is_flagged(scene, client):
    Rater.objects.filter(name="ann").update(family="Qwen2.5-VL")
    Generator.objects.filter(project=scene.project).update(family="qwen2.5 vl", name="qwen-image")

    shown = words(client.post(page(scene, "ensemble_new"), sent("ann", "bob"), follow=True))

    assert shown.count("not independent") == 1
    assert "of one family with qwen-image" in shown


def test_nobody_has_spoken_yet(scene, client):
    other = factories.project("quiet", task="text")
    client.force_login(factories.member(other, "curator"))

    text = words(client.get(reverse("ensemble_new", args=["quiet"])))

    assert "Nobody has spoken here yet" in text


def test_a_viewer_reads_and_changes_nothing(scene, client):
    client.post(page(scene, "ensemble_new"), sent("ann", "bob"))
    rater = Rater.objects.get(kind="ensemble")
    viewer = Client()
    viewer.force_login(factories.member(scene.project, "viewer"))

    assert viewer.get(page(scene, "ensemble", rater.pk)).status_code == 200
    assert "Speak of what is new" not in words(viewer.get(page(scene, "ensemble", rater.pk)))
    assert viewer.post(page(scene, "ensemble_run", rater.pk)).status_code == 403
    assert viewer.get(page(scene, "ensemble_new")).status_code == 403
    elsewhere = factories.project("elsewhere")
    client.force_login(factories.member(elsewhere, "curator"))
    assert client.get(reverse("ensemble", args=["elsewhere", rater.pk])).status_code == 404


def test_queries_do_not_grow_with_what_was_said(scene, client, django_assert_max_num_queries):
    client.post(page(scene, "ensemble_new"), sent("ann", "bob"))
    rater = Rater.objects.get(kind="ensemble")

    for weight in (2, 3, 4):
        client.post(page(scene, "ensemble_new"), sent("ann", "bob", **{f"weight-{key('ann')}": weight}))
    with django_assert_max_num_queries(15):
        assert words(client.get(page(scene, "ensembles"))).count("mean</span>") == 4
    with django_assert_max_num_queries(20):
        client.get(page(scene, "ensemble", rater.pk))
    with django_assert_max_num_queries(25):
        client.get(page(scene, "ensemble_new"))
