"""From an export in the database to the Hub: rehearsed, sent, resumed, refused; and read there by `datasets`."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from django.core.management import CommandError, call_command

from curation.actions import exports, gating, hub_tokens, jobs, publishing, version_files
from curation.actions.publishing import Wish
from curation.errors import Conflict, NotAllowed, Refused, Unavailable
from curation.models import Export, HubToken, Job, Publication, Sample, SampleMedia, VersionTombstone
from tests import factories
from tests.curation.exports import frozen
from tests.curation.hub.stand_in import TOKEN, StandIn

pytestmark = pytest.mark.django_db
NAME = "ada/signs"


@pytest.fixture(autouse=True)
def _the_stand_in_is_the_hub(stand_in: StandIn, settings, monkeypatch) -> None:
    settings.HUB_ENDPOINT = stand_in.address
    settings.HUB_TOKEN = TOKEN
    monkeypatch.setattr("curation.hub.pushing.COMMIT_WAITS", (0.0, 0.0, 0.0))


def exported(formats=("canonical", "pickapic"), folder: Path | None = None, **fields) -> Export:
    version = frozen.freeze(frozen.project(**{"prompts": 4, **fields}), "signs")
    made = exports.order(version=version, formats=list(formats), by=None, folder=folder)
    done = exports.run_job(job_id=made.job_id)
    assert done is not None
    return done


def published(export: Export, by=None, **wish) -> Publication:
    made = publishing.order(export=export, wish=Wish(**{"repository": NAME, "licence": "cc-by-4.0", **wish}), by=by)
    done = publishing.run_job(job_id=made.job_id)
    assert done is not None
    return done


def card(stand_in: StandIn) -> str:
    return stand_in.files(NAME)["README.md"].content.decode()


def test_an_export_becomes_one_private_commit_with_a_tag(stand_in: StandIn):
    export = exported()

    publication = published(export)

    repository = stand_in.repositories[NAME]
    assert repository.is_private
    assert (len(repository.messages), repository.tags) == (2, {"v1": publication.commit})
    assert repository.messages[-1]["summary"] == "signs 1"
    job = Job.objects.get(pk=publication.job_id)
    assert (job.state, job.done, job.total) == ("done", job.total, publication.plan["sent_bytes"])
    header = yaml.safe_load(card(stand_in).split("---")[1])
    assert header["license"] == "cc-by-4.0"
    assert [entry["config_name"] for entry in header["configs"]] == ["pairs", "ratings", "votes", "pickapic"]
    assert 'load_dataset("ada/signs", "pairs", split="train")' in card(stand_in)
    assert 'revision="v1"' in card(stand_in)


@pytest.mark.capability("I8")
def test_what_was_published_is_read_by_datasets_from_the_hub(stand_in: StandIn, tmp_path):
    """The real client sends, `load_dataset` of another process reads; every row and every picture is the export's."""
    export = exported(folder=tmp_path / "out")
    published(export)
    script = """
import hashlib, json, sys
from datasets import Image, load_dataset
rows = load_dataset("ada/signs", "pairs", split="train", revision="v1", token=sys.argv[1])
raw = rows.cast_column("a_image", Image(decode=False))
sound = all(hashlib.sha256(row["a_image"]["bytes"]).hexdigest() == row["a_sha256"] for row in raw)
jpegs = load_dataset("ada/signs", "pickapic", split="train", token=sys.argv[1])
streamed = list(load_dataset("ada/signs", "pairs", split="train", streaming=True, token=sys.argv[1]).take(1))
print(json.dumps({"ids": rows["pair_id"][:], "sound": sound, "jpegs": len(jpegs), "first": streamed[0]["pair_id"]}))
"""
    environment = {
        **os.environ,
        "HF_ENDPOINT": stand_in.address,
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }

    ran = subprocess.run([sys.executable, "-c", script, TOKEN], env=environment, capture_output=True, text=True)

    assert ran.returncode == 0, ran.stderr[-2000:]
    read = json.loads(ran.stdout)
    written = export.manifest["configs"]
    assert len(read["ids"]) == written["pairs"]["train"]["rows"]
    assert read["ids"] == sorted(read["ids"])
    assert (read["sound"], read["jpegs"]) == (True, written["pickapic"]["train"]["rows"])
    assert read["first"] == read["ids"][0]


def test_publishing_again_changes_nothing(stand_in: StandIn):
    export = exported()
    first = published(export)
    stand_in.requests.clear()

    second = published(export)

    assert second.commit == first.commit
    assert len(stand_in.repositories[NAME].messages) == 2
    assert {one.method for one in stand_in.requests} == {"GET"}


def test_only_the_ticked_formats_leave(stand_in: StandIn):
    publication = published(exported(), formats=["pickapic"])

    files = stand_in.files(NAME)
    assert any(path.startswith("pickapic/") for path in files)
    assert not any(path.startswith(("pairs/", "votes/", "ratings/")) for path in files)
    assert json.loads(files["manifest.json"].content)["formats"] == ["pickapic"]
    listed = files["checksums.sha256"].content.decode().splitlines()
    assert {line[66:] for line in listed} == set(files) - {"checksums.sha256", ".gitattributes"}
    assert publication.formats == ["pickapic"]


def test_a_dry_run_writes_exactly_the_files_that_are_published(stand_in: StandIn, tmp_path):
    exported()
    out = io.StringIO()

    call_command(
        "publish", "signs@1", NAME, "--licence", "cc-by-4.0", "--dry-run", "--out", tmp_path / "dry", stdout=out
    )

    assert stand_in.repositories == {}
    assert "nothing was sent" in out.getvalue()
    dry = {
        path.relative_to(tmp_path / "dry").as_posix(): path for path in (tmp_path / "dry").rglob("*") if path.is_file()
    }
    call_command("publish", "signs@1", NAME, "--licence", "cc-by-4.0", stdout=out)
    there = stand_in.files(NAME, "v1")
    assert set(dry) == set(there) - {".gitattributes"}
    assert all(path.read_bytes() == there[name].content for name, path in dry.items())


def test_a_dry_run_needs_no_hub(stand_in: StandIn, settings, tmp_path):
    settings.HUB_ENDPOINT = "http://127.0.0.1:9"
    exported()
    out = io.StringIO()

    call_command("publish", "signs", NAME, "--licence", "mit", "--dry-run", "--out", tmp_path / "dry", stdout=out)

    assert (tmp_path / "dry" / "README.md").is_file()
    assert "Not compared with the Hub: The Hub cannot be reached" in out.getvalue()


def test_the_command_exports_and_pushes_in_one_go(stand_in: StandIn):
    frozen.freeze(frozen.project(), "signs")
    out = io.StringIO()

    call_command("export_dataset", "signs@1", "--format", "canonical", "--push", NAME, "--licence", "mit", stdout=out)

    assert "tag v1" in out.getvalue()
    assert stand_in.repositories[NAME].tags["v1"] == Publication.objects.get().commit


def test_the_command_without_a_place_says_what_it_needs():
    frozen.freeze(frozen.project(prompts=2), "signs")

    with pytest.raises(CommandError, match="--out or --push"):
        call_command("export_dataset", "signs@1", "--format", "canonical")


# -- rehearse, then publish -----------------------------------------------------------------------------------------


def test_a_rehearsal_lists_what_would_change_and_is_then_published(stand_in: StandIn):
    export = exported()
    published(export, formats=["pickapic"])
    rehearsal = published(export, formats=["canonical"], may_move_tag=True, is_rehearsal=True)

    changes = {file["path"]: file["change"] for file in rehearsal.plan["files"]}
    assert changes["README.md"] == "changed"
    assert {change for path, change in changes.items() if path.startswith("pairs/")} == {"new"}
    assert all(path.startswith("pickapic/") for path in rehearsal.plan["gone"])
    assert len(stand_in.repositories[NAME].messages) == 2

    going = publishing.go(publication=rehearsal, by=None)
    done = publishing.run_job(job_id=going.job_id)

    assert done.commit == stand_in.repositories[NAME].tags["v1"]
    assert not any(path.startswith("pickapic/") for path in stand_in.files(NAME))


def test_a_commit_between_rehearsal_and_publication_stops_it(stand_in: StandIn):
    rehearsal = published(exported(), is_rehearsal=True)
    stand_in.make(NAME, {"README.md": b"hello"})

    going = publishing.go(publication=rehearsal, by=None)
    with pytest.raises(Conflict, match="Somebody committed"):
        publishing.run_job(job_id=going.job_id)

    assert "rehearse again" in Job.objects.get(pk=going.job_id).error
    assert stand_in.files(NAME)["README.md"].content == b"hello"


def test_a_rehearsal_says_what_would_stand_in_the_way(stand_in: StandIn):
    stand_in.make(NAME, is_private=False)

    rehearsal = published(exported(), is_rehearsal=True)

    assert "is public on the Hub" in rehearsal.plan["stands_in_the_way"]


# -- broken off, resumed --------------------------------------------------------------------------------------------


def test_a_failed_publication_shows_nothing_and_resumes_where_it_stopped(stand_in: StandIn):
    made = publishing.order(export=exported(), wish=Wish(NAME, "mit"), by=None)
    stand_in.fails("POST", "/commit/", status=503, times=99)

    with pytest.raises(Unavailable):
        publishing.run_job(job_id=made.job_id)

    made.refresh_from_db()
    job = Job.objects.get(pk=made.job_id)
    assert (made.commit, made.published_at, job.state) == ("", None, "failed")
    assert "Nothing of this version is visible there" in job.error
    assert stand_in.repositories[NAME].tags == {}
    stand_in.faults.clear()
    stand_in.requests.clear()
    jobs.resume(job=job, by=None)
    done = publishing.run_job(job_id=job.pk)
    assert done.commit == stand_in.repositories[NAME].tags["v1"]
    assert stand_in.sent("PUT", "/large/") == []


def test_a_cancelled_publication_stops_between_two_shards(stand_in: StandIn, monkeypatch):
    monkeypatch.setattr("curation.hub.pushing.GROUP_BYTES", 1)
    made = publishing.order(export=exported(), wish=Wish(NAME, "mit"), by=None)
    monkeypatch.setattr(jobs.Pulse, "check", lambda self: _lost() if stand_in.large else None)
    stand_in.fails("PUT", "/large/", before=lambda: jobs.cancel(job=Job.objects.get(pk=made.job_id), by=None))

    assert publishing.run_job(job_id=made.job_id) is None

    assert stand_in.repositories[NAME].tags == {}
    assert len(stand_in.repositories[NAME].messages) == 1


def _lost() -> None:
    raise jobs.Lost


def test_a_publication_delivered_twice_is_done_once(stand_in: StandIn):
    made = publishing.order(export=exported(), wish=Wish(NAME, "mit"), by=None)

    assert publishing.run_job(job_id=made.job_id) is not None
    assert publishing.run_job(job_id=made.job_id) is None


def test_two_publications_to_one_repository_at_once_are_refused():
    export = exported()
    publishing.order(export=export, wish=Wish(NAME, "mit"), by=None)

    with pytest.raises(Conflict, match="is under way"):
        publishing.order(export=export, wish=Wish("Ada/Signs", "mit"), by=None)


# -- what may not leave ---------------------------------------------------------------------------------------------


def test_a_licence_is_required():
    with pytest.raises(Refused, match="under which licence"):
        published(exported(), licence=" ")


def test_a_licence_of_ones_own_is_other_with_its_name_and_address(stand_in: StandIn):
    published(exported(), licence="House licence 2", licence_link="https://example.org/licence")

    header = yaml.safe_load(card(stand_in).split("---")[1])
    assert (header["license"], header["license_name"]) == ("other", "house-licence-2")
    assert header["license_link"] == "https://example.org/licence"


def test_an_export_with_withdrawn_rows_is_not_published(stand_in: StandIn):
    export = exported()
    VersionTombstone.objects.create(version=export.version, pair_id="0" * 64, reason="asked")

    with pytest.raises(Refused, match="withdrawn since"):
        published(export)

    assert stand_in.repositories == {}


def test_an_export_that_says_more_than_may_leave_today_is_not_published(stand_in: StandIn):
    export = exported()
    Sample.objects.filter(project=export.version.dataset.project).last().delete()

    with pytest.raises(Refused, match="may not leave any more since this export was written"):
        published(export)

    assert stand_in.repositories == {}


def test_a_folder_that_was_edited_since_is_not_published(stand_in: StandIn, tmp_path):
    export = exported(folder=tmp_path / "out")
    shard = next((tmp_path / "out" / "pairs").glob("*.parquet"))
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")

    with pytest.raises(Refused, match="was changed since it was written"):
        published(export)

    assert stand_in.repositories == {}


def test_an_export_in_which_mistakes_were_found_is_not_published():
    export = exported()
    export.readback = {"findings": [{"code": "winner"}]}
    export.save()

    with pytest.raises(Refused, match="found mistakes"):
        published(export)


def test_the_gate_stands_between_an_export_and_the_hub(stand_in: StandIn):
    """Two that look the same cannot be preferred: a rehearsal says so, publishing refuses, a waiver lets pass."""
    export = exported(prompts=3)
    pair = version_files.read(export.version, "pairs").row(0, named=True)
    chosen, rejected = (Sample.objects.get(pk=pair[f"{side}_id"]).media.get() for side in ("chosen", "rejected"))
    SampleMedia.objects.filter(pk=rejected.pk).update(asset=chosen.asset)

    rehearsal = published(export, is_rehearsal=True)
    assert [one["code"] for one in rehearsal.plan["gate"]] == ["same-on-both-sides"]
    with pytest.raises(Refused, match=r"same-on-both-sides.*--waive"):
        published(export)
    assert stand_in.repositories == {}

    gating.waive(
        version=export.version, code="same-on-both-sides", because="a test of the gate", by=None, signed_as="Ada"
    )
    published(export)

    assert "*The same on both sides* was accepted by Ada on" in card(stand_in)
    [finding] = [
        one
        for one in json.loads(stand_in.files(NAME)["manifest.json"].content)["gate"]["findings"]
        if one["code"] == "same-on-both-sides"
    ]
    assert finding["waiver"]["because"] == "a test of the gate"


@pytest.mark.parametrize(("role", "may"), [("admin", True), ("curator", True), ("viewer", False), ("annotator", False)])
def test_curators_and_admins_publish(role, may):
    export = exported(prompts=3)
    somebody = factories.member(export.version.dataset.project, role)

    if may:
        assert published(export, by=somebody).created_by == somebody
        return
    with pytest.raises(NotAllowed):
        published(export, by=somebody)


# -- tokens ---------------------------------------------------------------------------------------------------------


def test_a_token_is_stored_encrypted_and_used(stand_in: StandIn, settings):
    settings.HUB_TOKEN = ""
    export = exported()
    ada = factories.member(export.version.dataset.project, "curator")
    token = hub_tokens.store(label="mine", token=f" {TOKEN}\n", by=ada)

    published(export, by=ada, token=token)

    stored = HubToken.objects.get()
    assert TOKEN not in stored.sealed
    assert stored.used_at is not None
    assert {one.token for one in stand_in.sent("POST", "/commit/")} == {TOKEN}


def test_no_row_and_no_log_ever_holds_a_token(stand_in: StandIn, settings, caplog, capsys):
    """Everything written while a publication succeeds, and while one fails, is searched for the token."""
    settings.HUB_TOKEN = ""
    caplog.set_level("DEBUG")
    export = exported()
    ada = factories.member(export.version.dataset.project, "curator")
    token = hub_tokens.store(label="mine", token=TOKEN, by=ada)
    published(export, by=ada, token=token)
    stand_in.tokens.clear()
    with pytest.raises((NotAllowed, Refused)):
        published(export, by=ada, token=token)

    rows = [repr(list(model.objects.values())) for model in (Job, Publication, HubToken, Export)]
    written = "".join([*rows, caplog.text, *capsys.readouterr()])
    assert "signs" in written
    assert TOKEN not in written


def test_a_token_of_somebody_else_cannot_be_used(stand_in: StandIn):
    export = exported()
    ada, bob = (factories.member(export.version.dataset.project, "curator") for _ in range(2))
    token = hub_tokens.store(label="mine", token=TOKEN, by=ada)

    with pytest.raises(NotAllowed, match="somebody else's"):
        published(export, by=bob, token=token)
    with pytest.raises(NotAllowed, match="Only its owner"):
        hub_tokens.forget(token=token, by=bob)


def test_a_shared_token_is_stored_by_those_who_run_the_installation():
    ada, root = factories.user(), factories.user(is_superuser=True)

    with pytest.raises(NotAllowed):
        hub_tokens.store(label="ours", token=TOKEN, by=ada, is_shared=True)
    hub_tokens.store(label="ours", token=TOKEN, by=root, is_shared=True)

    assert [choice.label for choice in hub_tokens.choices(ada)] == ["of the environment", "ours"]


def test_a_deleted_token_is_said_and_not_replaced_by_another(stand_in: StandIn):
    export = exported()
    ada = factories.member(export.version.dataset.project, "curator")
    token = hub_tokens.store(label="mine", token=TOKEN, by=ada)
    made = publishing.order(export=export, wish=Wish(NAME, "mit", token=token), by=ada)
    hub_tokens.forget(token=token, by=ada)

    with pytest.raises(Refused, match="was deleted"):
        publishing.run_job(job_id=made.job_id)

    assert stand_in.repositories == {}


def test_another_secret_cannot_open_what_was_sealed(settings):
    ada = factories.user()
    token = hub_tokens.store(label="mine", token=TOKEN, by=ada)
    settings.TOKEN_KEY = "another secret"

    with pytest.raises(Refused, match="store the token again"):
        hub_tokens.hub_for(Publication(token=token, uses_stored_token=True))


@pytest.mark.parametrize("text", ["", "password", "hf_ with blanks", "hf_" + "x" * 500])
def test_what_is_no_token_is_refused_without_repeating_it(text):
    with pytest.raises(Refused, match="begins with hf_") as caught:
        hub_tokens.store(label="mine", token=text, by=factories.user())

    assert not text or text not in str(caught.value)


def test_the_database_takes_no_token_as_it_is():
    from django.db import IntegrityError

    with pytest.raises(IntegrityError, match="hub_token_is_sealed"):
        HubToken.objects.create(label="mine", sealed=TOKEN)


def test_without_any_token_the_remedy_is_named(settings):
    settings.HUB_TOKEN = ""

    with pytest.raises(Refused, match="Store one under"):
        published(exported())
