"""The gate on its pages and on the command line."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.urls import reverse

from curation.actions import exports, gating
from curation.models import GateExamination, Job, Waiver
from tests import factories
from tests.curation.exports import frozen
from tests.curation.gate.test_gating import conflict_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def version():
    return conflict_world()


def as_(client, version, role: str):
    client.force_login(factories.member(version.dataset.project, role))
    return client


def address(version, name: str, *more: str) -> str:
    return reverse(name, args=[version.dataset.project.slug, version.dataset.name, version.label, *more])


def test_a_version_that_nobody_examined_says_so_on_its_pages(client, version):
    visitor = as_(client, version, "viewer")

    for name in ("dataset_version", "version_exports", "gate"):
        assert "Not examined yet" in visitor.get(address(version, name)).content.decode()


def test_what_was_found_stands_on_the_page_of_the_version_and_before_the_form_of_exports(client, version):
    gating.examine(version=version)
    visitor = as_(client, version, "curator")

    for name in ("dataset_version", "version_exports", "gate"):
        page = visitor.get(address(version, name)).content.decode()
        assert "Not to be published as it is." in page
        assert "Chosen both ways" in page
        assert '2 <span class="soft">pairs</span>' in page
    page = visitor.get(address(version, "version_exports")).content.decode()
    assert page.index('id="gate"') < page.index("New export")


def test_the_rows_of_a_finding_are_shown_with_a_way_to_where_they_come_from(client, version):
    gating.examine(version=version)

    page = as_(client, version, "viewer").get(address(version, "gate_rows", "conflict"))

    pairs = [one.pair.row["pair_id"] for one in page.context["page"].pairs]
    assert len(pairs) == 2
    for pair_id in pairs:
        assert address(version, "pair", pair_id) in page.content.decode()


def test_samples_and_prompts_are_shown_and_what_was_deleted_since_is_counted(client):
    project = frozen.project(task="text", prompts=2)
    project.licence = ""
    project.save()
    version = frozen.freeze(project)
    gating.examine(version=version)
    project.samples.order_by("pk")[1].delete()

    page = as_(client, version, "viewer").get(address(version, "gate_rows", "no-licence")).context["page"]

    assert (len(page.prompts), len(page.samples), page.gone) == (2, 5, 1)


def test_rows_are_paged(client, version, monkeypatch):
    monkeypatch.setattr("curation.views.gate.ROWS_A_PAGE", 1)
    gating.examine(version=version)
    visitor = as_(client, version, "viewer")
    url = address(version, "gate_rows", "conflict")

    first, second = (visitor.get(url + query).context["page"] for query in ("", "?after=1"))

    assert first.pairs[0].pair.row["pair_id"] != second.pairs[0].pair.row["pair_id"]
    assert (first.previous_cursor, first.next_cursor) == ("", "1")
    assert (second.previous_cursor, second.next_cursor) == ("1", "")
    assert visitor.get(url + "?before=1").context["page"].pairs == first.pairs


def test_a_finding_that_was_not_made_is_not_found(client, version):
    gating.examine(version=version)

    assert as_(client, version, "viewer").get(address(version, "gate_rows", "cycle")).status_code == 404


def test_a_curator_orders_an_examination(client, version, eager_tasks, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        answer = as_(client, version, "curator").post(address(version, "gate_examine"))

    assert answer.url == address(version, "gate")
    job = Job.objects.filter(params__gate_version_id=version.pk).get()
    assert job.state == "done"
    assert GateExamination.objects.get().pk == job.result["examination_id"]


def test_an_examination_that_fails_says_why_on_the_page(client, version, monkeypatch):
    job = gating.order(version=version, by=None)
    monkeypatch.setattr(gating, "look", lambda *args, **options: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        gating.run_job(job_id=job.pk)

    page = as_(client, version, "viewer").get(address(version, "gate")).content.decode()

    assert "It could not be examined. ZeroDivisionError: division by zero" in page


def test_a_curator_signs_and_takes_it_back(client, version):
    gating.examine(version=version)
    curator = as_(client, version, "curator")

    curator.post(address(version, "gate_waive", "conflict"), {"because": "two <b>good</b> answers"})
    page = curator.get(address(version, "gate")).content.decode()
    assert "May leave." in page
    assert "<code>min_votes</code> in the recipe" in page
    assert "two &lt;b&gt;good&lt;/b&gt; answers" in page

    curator.post(address(version, "gate_take_back", "conflict"))
    assert "Not to be published as it is." in curator.get(address(version, "gate")).content.decode()
    assert Waiver.objects.get().taken_back_by is not None


def test_signing_without_a_reason_is_refused_in_words(client, version):
    gating.examine(version=version)

    answer = as_(client, version, "curator").post(address(version, "gate_waive", "conflict"), {"because": " "})

    assert answer.status_code == 400
    assert "Say why this may leave" in answer.content.decode()


def test_the_page_of_an_export_shows_what_was_found_when_it_was_written(client, version):
    made = exports.order(version=version, formats=["canonical"], by=None)
    exports.run_job(job_id=made.job_id)

    page = as_(client, version, "viewer").get(reverse("export", args=[version.dataset.project.slug, made.pk]))

    assert "It was written with 1 error that stands open." in page.content.decode()


# -- the command --------------------------------------------------------------------------------------------------


def gate(*args: str) -> str:
    out = StringIO()
    call_command("gate", *args, stdout=out)
    return out.getvalue()


def test_the_command_says_what_it_found_and_fails_on_an_open_error(version):
    out = StringIO()

    with pytest.raises(CommandError, match="cannot be published: conflict") as failed:
        call_command("gate", str(version), stdout=out)

    assert failed.value.returncode == 1
    assert "error conflict: 1 couple of contents is chosen both ways" in out.getvalue()
    assert "not looked for: benchmark-leakage, no benchmark is frozen" in out.getvalue()


def test_the_command_signs_and_takes_back(version):
    factories.member(version.dataset.project, "curator", "ada")

    said = gate(str(version), "--waive", "conflict", "--because", "two good answers", "--by", "ada")

    assert "accepted by ada on" in said
    assert gate(str(version)).count("two good answers") == 1
    with pytest.raises(CommandError, match="cannot be published"):
        gate(str(version), "--take-back", "conflict")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--waive", "conflict"], "Say why"),
        (["--waive", "conflict", "--because", "fine", "--by", "nobody"], "no active account"),
        (["--take-back", "conflict"], "Nobody signed"),
        (["--waive", "dead-media", "--because", "fine"], "was not found"),
    ],
)
def test_the_command_refuses_in_words(version, args, words):
    with pytest.raises(CommandError, match=words):
        gate(str(version), *args)


def test_exporting_by_command_says_errors_loudly(version, tmp_path):
    out, err = StringIO(), StringIO()

    call_command(
        "export_dataset",
        str(version),
        format=["canonical"],
        formats=["canonical"],
        out=str(tmp_path / "o"),
        stdout=out,
        stderr=err,
    )

    assert "gate: error conflict" in err.getvalue()
    assert "NOT TO BE PUBLISHED" in err.getvalue()
    assert "gate: warning single-rater" in out.getvalue()
