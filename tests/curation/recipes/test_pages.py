"""The pages of recipes and datasets: who may, what they show, what a form does."""

from __future__ import annotations

import io
import json

import polars as pl
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from curation import tasks
from curation.actions import judgements, verifying
from curation.models import DatasetVersion, Job, Judgement, Recipe
from curation.views import datasets as dataset_views
from curation.views import doorbell
from tests import factories
from tests.curation.recipes.test_building import POINTS, VOTES, Scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene() -> Scene:
    made = Scene()
    made.vote_all()
    return made


@pytest.fixture
def curator(scene, client):
    client.force_login(factories.member(scene.project, "curator"))
    return client


@pytest.fixture
def eager(monkeypatch):
    """Whatever is rung for is done at once, as a worker would."""
    monkeypatch.setattr(doorbell.transaction, "on_commit", lambda bell, robust: bell())
    monkeypatch.setattr(tasks.build_version, "apply_async", lambda kwargs, queue: tasks.build_version.run(**kwargs))


def at(name: str, scene: Scene, *more: object) -> str:
    return reverse(name, args=[scene.project.slug, *more])


def version_page(scene: Scene, version: DatasetVersion) -> str:
    return at("dataset_version", scene, version.dataset.name, version.label)


def test_the_list_shows_the_newest_version_of_each_recipe(curator, scene):
    scene.build()
    scene.build(VOTES.replace("seed: 2", "seed: 3"))

    page = curator.get(at("recipes", scene)).content.decode()

    assert "v2" in page
    assert page.count("<tr>") == 2  # the head and one recipe


def test_a_new_recipe_starts_from_one_that_fits_the_project(curator, scene):
    scene.score(**{f"g{g}s{s}": float(s) for g in range(4) for s in range(3)})

    answer = curator.get(at("recipe_new", scene))

    text = answer.context["form"]["text"].value()
    assert "judge: {votes: overall}" in text
    assert "points: {scores: points}" in text
    assert not answer.context["findings"]


def test_saving_makes_versions_and_points_at_mistakes(curator, scene):
    first = curator.post(at("recipe_new", scene), {"name": "mine", "text": VOTES.replace("\n", "\r\n")})
    row = Recipe.objects.get()
    wrong = curator.post(at("recipe", scene, row.pk), {"name": "mine", "text": VOTES.replace("votes:", "vots:")})
    right = curator.post(at("recipe", scene, row.pk), {"name": "mine", "text": VOTES.replace("seed: 2", "seed: 9")})

    assert first.status_code == right.status_code == 302
    assert "\r" not in row.text
    assert wrong.status_code == 422
    assert 'data-line="5"' in wrong.content.decode()
    assert "vots" in wrong.content.decode()  # what was written is not lost
    assert sorted(Recipe.objects.values_list("number", flat=True)) == [1, 2]


@pytest.mark.capability("D1")
def test_a_preview_shows_the_funnel_with_examples_of_kept_and_dropped(curator, scene):
    scene.vote(scene.groups[0][1], scene.groups[0][2], "tie")

    page = curator.post(at("recipe_preview", scene), {"text": VOTES}).content.decode()

    assert "decided by votes" in page
    assert "a tie" in page
    assert page.count("✓ chosen") == 4
    assert "<b>4</b> pairs" in page


def test_a_preview_of_a_broken_recipe_lists_its_mistakes(curator, scene):
    page = curator.post(at("recipe_preview", scene), {"text": "recipe: 1\ntitle: x\n"}).content.decode()

    assert "lacks &#x27;pairing&#x27;" in page


def test_a_preview_that_is_refused_says_why(curator, scene):
    for name in ("one", "two"):
        rater = factories.rater(scene.project, name, kind="model")
        scene.machine = rater
        scene.score(g0s0=1.0, g0s1=2.0)

    page = curator.post(at("recipe_preview", scene), {"text": POINTS}).content.decode()

    assert "is scored by one and two" in page


def test_building_from_the_page_ends_on_the_version(curator, scene, eager):
    curator.post(at("recipe_new", scene), {"name": "mine", "text": VOTES})
    row = Recipe.objects.get()

    ordered = curator.post(at("recipe_build", scene, row.pk), {"dataset": "pairs"}, follow=True)

    assert ordered.redirect_chain[-1][0] == version_page(scene, DatasetVersion.objects.get())
    page = ordered.content.decode()
    assert page.count("✓ chosen") == 4
    assert "what it rests on" not in page


def test_a_build_that_waits_shows_its_progress(curator, scene):
    job = Job.objects.create(project=scene.project, kind="build", title="Build it", params={})

    assert "waits for a worker" in curator.get(at("build", scene, job.pk)).content.decode()
    assert "Build it" in curator.get(at("build", scene, job.pk) + "?part=progress").content.decode()


def test_the_version_page_shows_counts_splits_and_pages_of_pairs(curator, scene, monkeypatch):
    monkeypatch.setattr(dataset_views, "PAIRS_A_PAGE", 2)
    version = scene.build()

    page = curator.get(version_page(scene, version))
    seen = [pair.row["pair_id"] for pair in page.context["pairs"]]
    following = curator.get(version_page(scene, version), {"after": page.context["page"].next_cursor})
    back = curator.get(version_page(scene, version), {"before": following.context["page"].previous_cursor})
    train = curator.get(version_page(scene, version), {"split": "train"})

    later = [pair.row["pair_id"] for pair in following.context["pairs"]]
    assert len(seen) == len(later) == 2
    assert seen + later == sorted(seen + later)
    assert [pair.row["pair_id"] for pair in back.context["pairs"]] == seen
    assert not following.context["page"].next_cursor
    assert {pair.row["split"] for pair in train.context["pairs"]} <= {"train"}
    assert version.digest in page.content.decode()


def test_queries_of_the_version_page_do_not_grow_with_pairs(curator, scene):
    version = scene.build()
    few = Scene(1)
    few.vote_all()
    curator.force_login(factories.user(is_superuser=True))
    small = few.build(name="small")
    with CaptureQueriesContext(connection) as one:
        curator.get(version_page(few, small))
    with CaptureQueriesContext(connection) as four:
        curator.get(version_page(scene, version))

    assert len(four) == len(one)


def test_verifying_from_the_page_shows_the_answer(curator, scene, eager):
    version = scene.build()

    page = curator.post(at("dataset_verify", scene, "pairs", "1"), follow=True).content.decode()

    assert "= identical" in page
    assert Job.objects.filter(params__verify_version_id=version.pk).get().state == "done"


def test_a_verification_is_not_ordered_twice(scene):
    version = scene.build()

    assert verifying.order(version=version, by=None).pk == verifying.order(version=version, by=None).pk


def test_downloads_are_what_was_frozen(curator, scene):
    version = scene.build()
    address = [scene.project.slug, "pairs", "1"]

    parquet = b"".join(curator.get(reverse("dataset_download", args=[*address, "pairs"])).streaming_content)
    manifest = curator.get(reverse("dataset_download", args=[*address, "manifest"]))

    assert pl.read_parquet(io.BytesIO(parquet)).height == 4
    assert json.loads(manifest.content)["digest"] == version.digest
    assert curator.get(reverse("dataset_download", args=[*address, "secrets"])).status_code == 404


def test_a_version_without_pairs_says_what_it_keeps(curator, scene):
    version = scene.build(VOTES.replace("{rule: judged_pairs, by: {votes: overall}}", "{rule: none}"))

    page = curator.get(version_page(scene, version)).content.decode()

    assert "It keeps 12 samples" in page


def test_a_withdrawn_pair_stays_in_the_record_and_says_so(curator, scene):
    version = scene.build()
    judgements.retract(judgements=Judgement.objects.all()[:1], reason="retracted", by=None)
    verifying.mark_withdrawn(version=version)

    page = curator.get(version_page(scene, version)).content.decode()

    assert page.count("is-withdrawn") == 1
    assert "what it rests on was withdrawn" in page


@pytest.mark.parametrize(
    ("role", "read", "write"),
    [("admin", 200, 302), ("curator", 200, 302), ("viewer", 200, 403), ("annotator", 403, 403)],
)
def test_roles(scene, client, role, read, write):
    version = scene.build()
    client.force_login(factories.member(scene.project, role))

    pages = [
        at("recipes", scene),
        at("recipe", scene, version.recipe_id),
        at("datasets", scene),
        version_page(scene, version),
    ]
    pages.append(reverse("dataset_download", args=[scene.project.slug, "pairs", "1", "pairs"]))
    assert [client.get(page).status_code for page in pages] == [read] * len(pages)
    assert client.post(at("recipe", scene, version.recipe_id), {"name": "r", "text": VOTES}).status_code == write
    preview = client.post(at("recipe_preview", scene), {"text": VOTES}).status_code
    assert preview == (200 if write == 302 else 403)


def test_a_stranger_learns_nothing(scene, client):
    version = scene.build()
    client.force_login(factories.user())

    assert client.get(version_page(scene, version)).status_code == 404


def test_a_version_of_another_project_is_not_here(curator, scene):
    other = Scene(1)
    other.vote_all()
    version = other.build(name="theirs")

    assert curator.get(at("dataset_version", scene, "theirs", "1")).status_code == 404
    assert curator.get(at("recipe", scene, version.recipe_id)).status_code == 404
