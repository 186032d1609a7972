"""The pages of exports: who may, what happens, and what comes out of the door."""

from __future__ import annotations

import io
import zipfile

import pytest
from django.urls import reverse
from django.utils.html import escape

from curation.actions import exports
from curation.exports import FORMATS
from curation.exports.preview import preview
from curation.exports.readback import read_back
from curation.exports.zipping import zip_stream
from curation.models import DatasetVersion, Export, Job, VersionTombstone
from tests import factories
from tests.curation.exports import frozen


@pytest.fixture
def version(db):
    return frozen.freeze(frozen.project(prompts=3))


@pytest.fixture
def exported(version) -> Export:
    made = exports.order(version=version, formats=["canonical", "pickapic"], by=None)
    exports.run_job(job_id=made.job_id)
    made.refresh_from_db()
    return made


def as_(client, version, role: str):
    client.force_login(factories.member(version.dataset.project, role))
    return client


def address(version) -> str:
    return reverse("version_exports", args=[version.dataset.project.slug, version.dataset.name, version.label])


def page_of(export: Export, name: str = "export") -> str:
    return reverse(name, args=[export.version.dataset.project.slug, export.pk])


def test_a_curator_orders_an_export_and_a_worker_is_called(
    client, version, eager_tasks, django_capture_on_commit_callbacks
):
    form = {"formats": ["canonical", "pickapic"], "default": "pickapic"}

    with django_capture_on_commit_callbacks(execute=True):
        answer = as_(client, version, "curator").post(address(version), form)

    export = Export.objects.get()
    assert answer.url == page_of(export)
    assert export.formats == ["pickapic", "canonical"]
    assert (export.job.state, export.readback["findings"], export.created_by.memberships.get().role) == (
        "done",
        [],
        "curator",
    )


@pytest.mark.parametrize(("role", "reads", "writes"), [("viewer", 200, 403), ("annotator", 403, 403)])
def test_viewers_read_and_annotators_stay_out(client, exported, role, reads, writes):
    visitor = as_(client, exported.version, role)

    assert visitor.get(address(exported.version)).status_code == reads
    assert visitor.get(page_of(exported)).status_code == reads
    assert visitor.get(page_of(exported, "export_download")).status_code == reads
    assert (
        visitor.post(address(exported.version), {"formats": ["canonical"], "default": "canonical"}).status_code
        == writes
    )
    assert visitor.post(page_of(exported, "export_cancel")).status_code == writes
    assert Export.objects.count() == 1


def test_an_export_of_another_project_is_not_found(client, exported):
    elsewhere = factories.project()
    client.force_login(factories.member(elsewhere, "admin"))

    assert client.get(page_of(exported)).status_code == 404
    assert client.get(reverse("export", args=[elsewhere.slug, exported.pk])).status_code == 404


def test_the_download_is_the_export_whole(client, exported, tmp_path):
    answer = as_(client, exported.version, "viewer").get(page_of(exported, "export_download"))

    content = b"".join(answer.streaming_content)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path)
    assert answer["Content-Disposition"] == f'attachment; filename="{exports.download_name(exported)}.zip"'
    assert read_back(tmp_path / exports.download_name(exported)).is_clean


def test_an_export_with_rows_withdrawn_since_is_no_longer_offered(client, exported):
    VersionTombstone.objects.create(version=exported.version, pair_id="0" * 64, reason="asked")
    visitor = as_(client, exported.version, "viewer")

    page = visitor.get(page_of(exported))

    assert "1 row was withdrawn since" in page.content.decode()
    assert visitor.get(page_of(exported, "export_download")).status_code != 200


def test_a_version_that_was_replaced_offers_no_export_and_says_which_does(client, exported):
    version = exported.version
    fields = {field.name: getattr(version, field.name) for field in version._meta.fields if field.name != "id"}
    DatasetVersion.objects.filter(pk=version.pk).update(
        replaced_by=DatasetVersion.objects.create(**{**fields, "minor": 1, "note": "asked"})
    )

    page = as_(client, version, "curator").get(address(version)).content.decode()

    assert f"{version.dataset.name}@{version.number}.1 is the same without them" in page
    assert 'name="formats"' not in page


def test_the_page_shows_what_was_found_and_the_card(client, exported):
    page = as_(client, exported.version, "viewer").get(page_of(exported)).content.decode()

    assert "read back, nothing wrong" in page
    assert "pretty_name:" in page
    assert "<h2>How it was made</h2>" in page
    assert "validation_unique" in page


def test_only_formats_that_fit_are_offered_and_the_others_say_why(client, version):
    page = as_(client, version, "curator").get(address(version)).content.decode()

    assert 'value="pickapic"' in page
    assert 'value="trl"' not in page
    assert "other formats do not fit" in page
    assert escape(FORMATS["trl"].refusal("text-to-image")) in page


def test_a_choice_within_a_format_is_made_on_the_page(client, version):
    form = {"formats": ["chosen-rejected", "canonical"], "default": "canonical", "chosen-rejected.sizes": "keep"}

    as_(client, version, "curator").post(address(version), form)

    assert Export.objects.get().options["formats"] == {"chosen-rejected.sizes": "keep"}


def test_the_default_must_be_one_of_the_ticked(client, version):
    answer = as_(client, version, "curator").post(address(version), {"formats": ["canonical"], "default": "pickapic"})

    assert "Choose one of the ticked formats" in answer.content.decode()
    assert not Export.objects.exists()


def test_progress_asks_again_until_the_job_is_over(client, version):
    made = exports.order(version=version, formats=["canonical"], by=None)
    visitor = as_(client, version, "viewer")

    waiting = visitor.get(page_of(made) + "?part=progress")
    exports.run_job(job_id=made.job_id)
    done = visitor.get(page_of(made) + "?part=progress")

    assert 'hx-trigger="every 2s"' in waiting.content.decode()
    assert done["HX-Refresh"] == "true"


def test_a_queued_export_can_be_cancelled_and_started_again(
    client, version, eager_tasks, django_capture_on_commit_callbacks
):
    made = exports.order(version=version, formats=["canonical"], by=None)
    curator = as_(client, version, "curator")

    curator.post(page_of(made, "export_cancel"))
    assert Job.objects.get(pk=made.job_id).state == "cancelled"
    assert "This export came to nothing" in curator.get(page_of(made)).content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        curator.post(page_of(made, "export_resume"))

    made.refresh_from_db()
    assert made.finished_at is not None


def test_the_part_for_the_page_of_the_version_is_no_whole_page(client, exported):
    part = as_(client, exported.version, "viewer").get(address(exported.version) + "?part=exports").content.decode()

    assert part.lstrip().startswith("<div")
    assert "canonical, pickapic" in part


def test_the_list_costs_the_same_for_one_export_and_for_ten(client, exported, django_assert_num_queries):
    visitor = as_(client, exported.version, "viewer")
    visitor.get(address(exported.version))

    def queries() -> int:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(
            connection,
        ) as captured:
            visitor.get(address(exported.version))
        return len(captured)

    one = queries()
    for _number in range(9):
        exports.order(version=exported.version, formats=["canonical"], by=None)
    assert queries() == one


# -- a card from strangers, an archive on the way ------------------------------------------------------------------


def test_a_card_cannot_bring_markup_of_its_own():
    shown = preview(
        "---\na: 1\n---\n# T\n\n<script>x</script> ![p](http://x/y.png) [l](javascript:x)\n\n| a |\n| --: |\n| 1 |\n"
    )

    assert shown.header == "a: 1"
    assert "<script" not in shown.html
    assert "<img" not in shown.html
    assert 'href="javascript' not in shown.html
    assert "style=" not in shown.html
    assert '<td class="num">1</td>' in shown.html


def test_an_archive_is_made_while_it_is_sent():
    taken = []

    def pieces(name: str):
        for number in range(3):
            taken.append((name, number))
            yield bytes([number]) * 1000

    stream = zip_stream((name, pieces(name)) for name in ("a/one", "a/two"))
    first = next(stream)

    assert first
    assert len(taken) < 6
    whole = first + b"".join(stream)
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.namelist() == ["a/one", "a/two"]
        assert archive.read("a/two") == b"".join(bytes([number]) * 1000 for number in range(3))
