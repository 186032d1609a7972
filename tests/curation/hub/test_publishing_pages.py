"""The pages of publications and tokens: who may, what happens, and what is never shown."""

from __future__ import annotations

import pytest
from django.urls import reverse

from curation.actions import exports, hub_tokens, publishing
from curation.actions.publishing import Wish
from curation.models import Export, HubToken, Job, Publication
from tests import factories
from tests.curation.exports import frozen
from tests.curation.hub.stand_in import TOKEN, StandIn

pytestmark = pytest.mark.django_db
NAME = "ada/signs"
FORM = {"repository": NAME, "formats": ["canonical"], "default": "canonical", "licence": "mit", "token": "environment"}


@pytest.fixture
def exported(stand_in: StandIn, settings) -> Export:
    settings.HUB_ENDPOINT = stand_in.address
    settings.HUB_TOKEN = TOKEN
    version = frozen.freeze(frozen.project(prompts=3), "signs")
    made = exports.order(version=version, formats=["canonical", "pickapic"], by=None)
    return exports.run_job(job_id=made.job_id)


def as_(client, export: Export, role: str = "curator"):
    client.force_login(factories.member(export.version.dataset.project, role))
    return client


def address(name: str, row) -> str:
    return reverse(name, args=[row.version.dataset.project.slug, row.pk])


def test_a_rehearsal_from_the_page_is_looked_at_and_published(
    client, exported, stand_in, eager_tasks, django_capture_on_commit_callbacks
):
    curator = as_(client, exported)
    with django_capture_on_commit_callbacks(execute=True):
        answer = curator.post(address("export_publish", exported), {**FORM, "rehearse": "1"})
    row = Publication.objects.get()
    page = curator.get(answer.url).content.decode()
    assert (row.is_rehearsal, row.published_at, stand_in.repositories) == (True, None, {})
    assert "rehearsed, nothing sent" in page
    assert "checksums.sha256" in page
    assert "Publish this" in page

    with django_capture_on_commit_callbacks(execute=True):
        curator.post(address("publication_go", row))

    row.refresh_from_db()
    assert row.commit == stand_in.repositories[NAME].tags["v1"]
    page = curator.get(address("publication", row)).content.decode()
    assert "It stands on the Hub" in page
    assert f"{stand_in.address}/datasets/{NAME}/tree/v1" in page
    assert NAME in curator.get(address("export", exported)).content.decode()


def test_a_failure_says_what_to_do_and_is_tried_again(
    client, exported, stand_in, eager_tasks, django_capture_on_commit_callbacks
):
    made = publishing.order(export=exported, wish=Wish(NAME, "mit"), by=None)
    stand_in.fails("POST", "/api/repos/create", status=401)
    with pytest.raises(Exception, match="does not accept the token"):
        publishing.run_job(job_id=made.job_id)
    curator = as_(client, exported)
    page = curator.get(address("publication", made)).content.decode()
    assert "It did not come to its end" in page
    assert "store it anew" in page

    with django_capture_on_commit_callbacks(execute=True):
        curator.post(address("publication_resume", made))

    made.refresh_from_db()
    assert made.commit == stand_in.repositories[NAME].head


@pytest.mark.parametrize(("role", "reads", "writes"), [("viewer", 200, 403), ("annotator", 403, 403)])
def test_viewers_look_and_do_not_publish(client, exported, role, reads, writes):
    made = publishing.order(export=exported, wish=Wish(NAME, "mit"), by=None)
    visitor = as_(client, exported, role)

    assert visitor.get(address("publication", made)).status_code == reads
    assert visitor.post(address("export_publish", exported), FORM).status_code == writes
    assert visitor.post(address("publication_cancel", made)).status_code == writes
    assert Publication.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"repository": "signs"}, "Write owner/name"),
        ({"licence": ""}, "required"),
        ({"licence": "other"}, "Name the licence"),
        ({"formats": ["pickapic"]}, "Choose one of the ticked formats"),
        ({"token": "12345"}, "Select a valid choice"),
    ],
)
def test_a_form_that_is_not_whole_says_where(client, exported, change, says):
    answer = as_(client, exported).post(address("export_publish", exported), {**FORM, **change})

    assert says in answer.content.decode()
    assert not Publication.objects.exists()


def test_what_may_not_leave_is_said_on_the_form(client, exported):
    exported.version.tombstones.create(pair_id="0" * 64, reason="asked")

    answer = as_(client, exported).post(address("export_publish", exported), FORM)

    assert "withdrawn since" in answer.content.decode()
    assert not Publication.objects.exists()


def test_progress_asks_again_until_it_is_over(client, exported):
    made = publishing.order(export=exported, wish=Wish(NAME, "mit"), by=None)
    visitor = as_(client, exported, "viewer")

    waiting = visitor.get(address("publication", made) + "?part=progress")
    publishing.run_job(job_id=made.job_id)
    done = visitor.get(address("publication", made) + "?part=progress")

    assert 'hx-trigger="every 2s"' in waiting.content.decode()
    assert done["HX-Refresh"] == "true"


def test_a_queued_publication_is_cancelled_from_its_page(client, exported, stand_in):
    made = publishing.order(export=exported, wish=Wish(NAME, "mit"), by=None)

    as_(client, exported).post(address("publication_cancel", made))

    assert Job.objects.get(pk=made.job_id).state == "cancelled"
    assert stand_in.repositories == {}


# -- tokens ---------------------------------------------------------------------------------------------------------


def test_a_token_is_stored_and_never_shown_again(client, settings):
    settings.HUB_TOKEN = ""
    ada = factories.user()
    client.force_login(ada)

    client.post(reverse("hub_tokens"), {"label": "mine", "token": TOKEN})
    page = client.get(reverse("hub_tokens")).content.decode()

    assert HubToken.objects.get().owner == ada
    assert "mine" in page
    assert "yours alone" in page
    assert TOKEN not in page
    assert TOKEN[-4:] not in page


def test_a_token_in_a_wrong_form_does_not_come_back(client):
    client.force_login(factories.user())

    page = client.post(reverse("hub_tokens"), {"label": "", "token": TOKEN}).content.decode()

    assert TOKEN not in page
    assert not HubToken.objects.exists()


def test_a_token_of_ones_own_is_deleted_and_another_persons_is_not_found(client):
    ada, bob = factories.user(), factories.user()
    token = hub_tokens.store(label="mine", token=TOKEN, by=ada)
    client.force_login(bob)
    assert "mine" not in client.get(reverse("hub_tokens")).content.decode()
    assert client.post(reverse("hub_token_delete", args=[token.pk])).status_code == 404
    client.force_login(ada)

    client.post(reverse("hub_token_delete", args=[token.pk]))

    assert not HubToken.objects.exists()


def test_sharing_is_offered_to_those_who_run_the_installation_alone(client):
    client.force_login(factories.user())
    assert "is_shared" not in client.get(reverse("hub_tokens")).content.decode()

    client.force_login(factories.user(is_superuser=True))

    assert "is_shared" in client.get(reverse("hub_tokens")).content.decode()


def test_without_a_token_the_form_sends_people_to_store_one(client, exported, settings):
    settings.HUB_TOKEN = ""

    page = as_(client, exported).get(address("export_publish", exported)).content.decode()

    assert reverse("hub_tokens") in page
    assert "There is none to publish with" in page


# -- the card's charts, and deleting --------------------------------------------------------------------------------


def test_the_card_on_the_page_shows_its_charts(client, exported):
    visitor = as_(client, exported, "viewer")
    page = visitor.get(address("export", exported)).content.decode()
    slug = exported.version.dataset.project.slug

    picture = reverse("export_picture", args=[slug, exported.pk, "generators"])

    assert f'<img src="{picture}"' in page
    answer = visitor.get(picture)
    assert b"".join(answer.streaming_content).startswith(b"\x89PNG")
    assert visitor.get(reverse("export_picture", args=[slug, exported.pk, "nothing"])).status_code == 404


def test_deleting_an_export_removes_the_files_no_other_export_holds(
    client, exported, django_capture_on_commit_callbacks
):
    from django.core.files.storage import default_storage

    made = exports.order(version=exported.version, formats=["canonical"], by=None)
    other = exports.run_job(job_id=made.job_id)
    shared = set(exported.manifest["files"].values()) & set(other.manifest["files"].values())
    alone = set(exported.manifest["files"].values()) - shared
    assert shared
    assert alone

    with django_capture_on_commit_callbacks(execute=True):
        as_(client, exported).post(address("export_delete", exported))

    assert list(Export.objects.all()) == [other]
    assert all(default_storage.exists(exports.stored_name(sha256)) for sha256 in shared)
    assert not any(default_storage.exists(exports.stored_name(sha256)) for sha256 in alone)
    assert b"".join(b"".join(chunks) for _name, chunks in exports.parts_of(other))


def test_an_export_that_is_being_published_is_not_deleted(client, exported):
    publishing.order(export=exported, wish=Wish(NAME, "mit"), by=None)

    answer = as_(client, exported).post(address("export_delete", exported))

    assert "being published" in answer.content.decode()
    assert Export.objects.exists()


def test_what_was_published_outlives_its_export(exported):
    made = publishing.order(export=exported, wish=Wish(NAME, "mit"), by=None)
    publishing.run_job(job_id=made.job_id)

    exports.delete(export=exported, by=None)

    made.refresh_from_db()
    assert (made.export, bool(made.commit)) == (None, True)


def test_viewers_do_not_delete(client, exported):
    assert as_(client, exported, "viewer").post(address("export_delete", exported)).status_code == 403
