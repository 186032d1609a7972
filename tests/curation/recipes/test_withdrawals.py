"""Withdrawals and takedowns: one minor version of each affected one, tombstones, a note, and closed doors."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from io import StringIO

import polars as pl
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from curation.actions import (
    datasets,
    exports,
    handing_out,
    judgements,
    minor_versions,
    raters,
    recipes,
    verifying,
    version_files,
    withdrawals,
)
from curation.errors import NotAllowed, Refused
from curation.models import DatasetVersion, Job, Judgement, Prompt, Sample, SampleMedia, TakenDown, Withdrawal
from tests import factories
from tests.curation.recipes.test_building import VOTES, Scene

pytestmark = pytest.mark.django_db

NONE = """
recipe: 1
title: Samples alone
filters:
  - {name: good enough, by: {scores: points}, at_least: 0.5}
pairing: {rule: none}
"""


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.vote_all()
    return scene


def take_down(scene: Scene, scope: withdrawals.Scope, reason: str = "the painter asked") -> Withdrawal:
    withdrawal = withdrawals.take_down(project=scene.project, scope=scope, reason=reason, by=None)
    withdrawals.run_job(job_id=withdrawal.job_id)
    withdrawal.refresh_from_db()
    return withdrawal


def named(name: str) -> DatasetVersion:
    return DatasetVersion.objects.named(name)


def chosen(version: DatasetVersion) -> set[int]:
    return set(version_files.read(version, "pairs")["chosen_id"])


def test_a_takedown_makes_one_minor_version_of_each_affected_one(scene):
    first, second = scene.build(), scene.build()
    scene.score(g3s0=0.9, g3s1=0.8)
    elsewhere = scene.build(NONE, name="elsewhere")
    gone = scene.groups[0][0]

    done = take_down(scene, withdrawals.of_sample(gone))

    assert {line["version"]: line["minor"] for line in done.versions} == {
        "pairs@1": "pairs@1.1", "pairs@2": "pairs@2.1",
    }  # fmt: skip
    for version in (first, second):
        minor = named(f"pairs@{version.number}.1")
        assert chosen(minor) == chosen(version) - {gone.pk}
        assert (version.pair_count, minor.pair_count, minor.withdrawn_count) == (4, 3, 0)
        version.refresh_from_db()
        assert (version.replaced_by, version.withdrawn_count) == (minor, 1)
        assert version.tombstones.get().reason == "one of its samples was taken down"
        assert f"The same as {version} without 1 pair and 1 sample." in minor.note
        assert "the painter asked" in minor.note
    elsewhere.refresh_from_db()
    assert elsewhere.replaced_by is None


def test_samples_of_a_minor_version_have_the_roles_that_are_left(scene):
    scene.build()
    loser = scene.groups[1][1]

    take_down(scene, withdrawals.of_sample(loser))

    samples = version_files.read(named("pairs@1.1"), "samples")
    roles = dict(samples.select("sample_id", "role").iter_rows())
    assert loser.pk not in roles
    assert roles[scene.groups[1][0].pk] == "kept"
    assert roles[scene.groups[0][0].pk] == "chosen"
    assert named("pairs@1.1").manifest["counts"]["samples"] == samples.height == 11


def test_what_was_taken_down_is_shown_and_paired_no_more(scene):
    gone = scene.groups[0][0]
    text = factories.sample(gone.prompt, text="an answer in words")
    take_down(scene, withdrawals.of_sample(gone))
    take_down(scene, withdrawals.of_sample(text))

    for sample in (gone, text):
        sample.refresh_from_db()
        assert (sample.text, sample.media_state) == (None, "absent")
    assert SampleMedia.objects.get(sample=gone).asset is None
    assert gone.pk not in chosen(scene.build())


def test_a_prompt_goes_with_all_its_samples_and_its_words(scene):
    scene.build()
    prompt = scene.groups[2][0].prompt

    take_down(scene, withdrawals.of_prompt(prompt), reason="a private name")

    prompt.refresh_from_db()
    assert (prompt.text, TakenDown.objects.count()) == ("", 4)
    minor = named("pairs@1.1")
    assert prompt.pk not in version_files.read(minor, "splits")["prompt_id"]
    assert minor.manifest["minor"]["reasons"] == {"prompt_taken_down": 1}
    assert minor.manifest["minor"]["samples"] == 3


def test_a_file_is_taken_down_wherever_it_stands_in_the_project(scene):
    asset = SampleMedia.objects.get(sample=scene.groups[0][0]).asset
    factories.place(scene.groups[3][1], asset, position=1)
    other = factories.sample(factories.prompt(factories.project()))
    factories.place(other, asset)
    scene.build()

    take_down(scene, withdrawals.of_asset(scene.project, asset.sha256))

    assert named("pairs@1.1").pair_count == 2
    assert SampleMedia.objects.get(asset=asset).sample == other


def test_withdrawn_consent_takes_corrected_votes_and_what_was_derived_from_them(scene):
    bob = factories.rater(scene.project, "Bob")
    raters.give_consent(project=scene.project, rater=bob, text_version="1", at=timezone.now() - timedelta(days=1))
    group = scene.groups[1]
    old = scene.vote(group[2], group[1], "left", by=bob)
    scene.build()
    judgements.retract(judgements=[old], reason=Judgement.Retraction.SUPERSEDED, by=None)

    raters.withdraw_consent(project=scene.project, rater=bob, by=None)
    withdrawal = withdrawals.for_consent(project=scene.project, rater=bob, by=None)
    withdrawals.run_job(job_id=withdrawal.job_id)

    minor = named("pairs@1.1")
    assert (named("pairs@1").pair_count, minor.pair_count) == (5, 4)
    evidence = version_files.read(minor, "evidence").filter(pl.col("kind") == "comparison")
    assert old.pk not in evidence["id"]
    assert "a consent behind it was withdrawn" in minor.note
    assert "Bob" not in minor.note + json.dumps(minor.manifest)
    assert minor.manifest["raters"][0]["judgements"] == 4


def test_the_next_withdrawal_makes_the_next_minor_version(scene):
    scene.build()
    take_down(scene, withdrawals.of_sample(scene.groups[0][0]))

    take_down(scene, withdrawals.of_sample(scene.groups[1][0]), reason="another")

    first, minor, newest = (named(f"pairs@1{label}") for label in ("", ".1", ".2"))
    assert (first.replaced_by, minor.replaced_by, newest.replaced_by) == (newest, newest, None)
    assert (first.withdrawn_count, minor.withdrawn_count, newest.pair_count) == (2, 1, 2)
    assert version_files.read(newest, "tombstones").filter(pl.col("kind") == "pair").height == 2
    assert "The same as pairs@1.1 without 1 pair" in newest.note
    assert named("pairs").label == "1.2"


def test_a_version_without_pairs_loses_samples(scene):
    scene.score(g0s0=0.9, g0s1=0.8, g1s0=0.1, g2s2=0.7)
    scene.build(NONE, name="alone")

    take_down(scene, withdrawals.of_sample(scene.groups[0][1]))

    assert set(version_files.read(named("alone@1.1"), "samples")["sample_id"]) == {
        scene.groups[0][0].pk, scene.groups[2][2].pk,
    }  # fmt: skip


# -- doors ------------------------------------------------------------------------------------------------------------


def test_tables_and_exports_of_a_closed_version_are_answered_with_the_minor_version(scene, client):
    version = scene.build()
    made = exports.order(version=version, formats=["canonical"], by=None)
    exports.Export.objects.filter(pk=made.pk).update(finished_at=timezone.now())
    client.force_login(factories.member(scene.project, "curator"))
    base = f"/projects/{scene.project.slug}/"
    assert client.get(f"{base}datasets/pairs/1/download/pairs/").status_code == 200

    take_down(scene, withdrawals.of_sample(scene.groups[0][0]))

    for table in ("pairs", "samples", "evidence", "splits"):
        answer = client.get(f"{base}datasets/pairs/1/download/{table}/")
        assert answer.status_code == 400
        assert "pairs@1.1" in answer.content.decode()
    answer = client.get(f"{base}exports/{made.pk}/download/")
    assert answer.status_code == 400
    assert "pairs@1.1" in answer.content.decode()
    assert client.get(f"{base}datasets/pairs/1/download/manifest/").status_code == 200
    assert client.get(f"{base}datasets/pairs/1.1/download/tombstones/").status_code == 200
    with pytest.raises(Refused, match=r"pairs@1\.1 is the same without them"):
        exports.order(version=DatasetVersion.objects.get(pk=version.pk), formats=["canonical"], by=None)


def test_nothing_is_handed_out_until_all_versions_were_looked_through(scene):
    version = scene.build()
    withdrawal = withdrawals.take_down(
        project=scene.project, scope=withdrawals.of_sample(scene.groups[0][0]), reason="asked", by=None
    )

    assert "being looked through" in handing_out.closed_because(version)

    withdrawals.run_job(job_id=withdrawal.job_id)
    assert handing_out.closed_because(named("pairs@1.1")) == ""


# -- twice, half, and at the same time --------------------------------------------------------------------------------


def test_two_clicks_are_one_withdrawal(scene):
    scene.build()
    scope = withdrawals.of_sample(scene.groups[0][0])

    first = take_down(scene, scope)
    again = take_down(scene, scope)

    assert first.pk == again.pk
    assert Withdrawal.objects.count() == Job.objects.filter(params__has_key="withdrawal_id").count() == 1
    assert DatasetVersion.objects.filter(minor__gt=0).count() == 1


def test_a_killed_worker_is_followed_by_one_that_finishes(scene, monkeypatch):
    scene.build()
    scene.build()
    withdrawal = withdrawals.take_down(
        project=scene.project, scope=withdrawals.of_sample(scene.groups[0][0]), reason="asked", by=None
    )
    made = minor_versions.make
    monkeypatch.setattr(minor_versions, "make", _dies_at_the_second(made))
    with pytest.raises(KeyboardInterrupt):
        withdrawals.run_job(job_id=withdrawal.job_id)
    monkeypatch.undo()
    Job.objects.filter(pk=withdrawal.job_id).update(heartbeat_at=timezone.now() - timedelta(minutes=5))
    assert Withdrawal.objects.open().count() == 1

    withdrawals.run_job(job_id=withdrawal.job_id)

    withdrawal.refresh_from_db()
    assert [line["minor"] for line in withdrawal.versions] == ["pairs@1.1", "pairs@2.1"]
    assert DatasetVersion.objects.filter(minor__gt=0).count() == 2
    assert Job.objects.get(pk=withdrawal.job_id).state == "done"


def _dies_at_the_second(made):
    calls = []

    def make(**options):
        calls.append(options)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return made(**options)

    return make


def test_a_build_that_read_before_a_withdrawal_starts_again(scene, monkeypatch):
    """What was withdrawn between the reading and the freezing is in no version."""
    gone = scene.groups[0][0]
    prepare = datasets._prepare
    taken: list[Withdrawal] = []

    def prepare_late(*args, **options):
        prepared = prepare(*args, **options)
        if not taken:
            taken.append(take_down(scene, withdrawals.of_sample(gone)))
        return prepared

    monkeypatch.setattr(datasets, "_prepare", prepare_late)

    version = scene.build()

    assert taken
    assert gone.pk not in chosen(version)
    assert (version.label, version.pair_count) == ("1", 3)


@pytest.mark.django_db(transaction=True)
def test_two_withdrawals_at_once_leave_one_line_of_minor_versions():
    scene = Scene()
    scene.vote_all()
    scene.build()
    barrier = threading.Barrier(2)
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            barrier.wait()
            take_down(scene, withdrawals.of_sample(scene.groups[number][0]), reason=f"number {number}")
        except Exception as error:  # noqa: BLE001  # told by the main thread
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    newest = named("pairs")
    assert chosen(newest) == {group[0].pk for group in scene.groups[2:]}
    closed = DatasetVersion.objects.exclude(pk=newest.pk)
    assert all(version.replaced_by_id == newest.pk for version in closed)
    assert not Withdrawal.objects.open().exists()


# -- verifying --------------------------------------------------------------------------------------------------------


def verify(name: str) -> verifying.Answer:
    return verifying.verify(version=named(name))


def test_a_minor_version_is_made_again_to_the_same_digest(scene):
    scene.build()
    take_down(scene, withdrawals.of_sample(scene.groups[0][0]))
    minor = named("pairs@1.1")

    answer = verify("pairs@1.1")

    assert (answer.outcome, answer.sentence) == ("withdrawn", "identical except 1 withdrawn row")
    assert answer.digest == minor.digest == version_files.digest_of(
        *(version_files.read(minor, table) for table in ("pairs", "samples", "splits"))
    )  # fmt: skip
    assert verify("pairs@1").sentence == "identical except 1 withdrawn row"


def test_a_minor_version_that_holds_another_row_is_found(scene):
    scene.build()
    take_down(scene, withdrawals.of_sample(scene.groups[0][0]))
    minor = named("pairs@1.1")
    manifest = minor.manifest
    tombstones = version_files.read(minor, "tombstones")
    more = tombstones.filter(pl.col("kind") == "pair").with_columns(
        name=pl.lit(version_files.read(minor, "pairs")["pair_id"][0])
    )
    manifest["files"]["tombstones"] = version_files.store(pl.concat([tombstones, more]))
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE curation_datasetversion DISABLE TRIGGER version_stands")
        cursor.execute(
            "UPDATE curation_datasetversion SET manifest = %s WHERE id = %s", [json.dumps(manifest), minor.pk]
        )
        cursor.execute("ALTER TABLE curation_datasetversion ENABLE TRIGGER version_stands")

    answer = verify("pairs@1.1")

    assert answer.outcome == "different"
    assert "not those of pairs@1 less its tombstones" in answer.sentence


def test_single_retractions_get_a_minor_version_on_demand(scene):
    version = scene.build()
    curator = factories.member(scene.project, "curator")
    acts = Judgement.objects.order_by("pk")
    with pytest.raises(Refused, match="Nothing of pairs@1 was withdrawn"):
        withdrawals.make_minor(version=version, by=curator)
    judgements.retract(judgements=[acts[0]], reason=Judgement.Retraction.RETRACTED, by=None)

    minor = withdrawals.make_minor(version=version, by=curator)

    assert (str(minor), minor.pair_count) == ("pairs@1.1", 3)
    assert verify("pairs@1.1").sentence == "identical except 1 withdrawn row"


# -- who may, and what is refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("role", "may"), [("admin", True), ("curator", True), ("viewer", False), ("annotator", False)])
def test_curators_and_admins_take_down(scene, role, may):
    somebody = factories.member(scene.project, role)
    scope = withdrawals.of_sample(scene.groups[0][0])

    if may:
        assert withdrawals.take_down(project=scene.project, scope=scope, reason="asked", by=somebody)
        return
    with pytest.raises(NotAllowed):
        withdrawals.take_down(project=scene.project, scope=scope, reason="asked", by=somebody)
    assert not TakenDown.objects.exists()


def test_all_that_a_person_said_is_for_admins_to_take_down(scene):
    scene.build()
    with pytest.raises(NotAllowed):
        withdrawals.take_down(
            project=scene.project,
            scope=withdrawals.of_rater(scene.ann),
            reason="asked",
            by=factories.member(scene.project, "curator"),
        )

    take_down(scene, withdrawals.of_rater(scene.ann), reason="found to be a bot")

    assert named("pairs@1.1").pair_count == 0
    assert not Judgement.objects.living().exists()
    scene.ann.refresh_from_db()
    assert scene.ann.name == f"withdrawn-{scene.ann.pk}"


def test_a_takedown_says_why(scene):
    with pytest.raises(Refused, match="Say why"):
        take_down(scene, withdrawals.of_sample(scene.groups[0][0]), reason="  ")


def test_what_was_taken_down_does_not_come_back_by_an_import(tmp_path):
    from tests.curation.media.drawn import encoded
    from tests.curation.media.drawn import scene as drawn

    (tmp_path / "a.png").write_bytes(encoded(drawn(1, (48, 40)), "PNG"))
    (tmp_path / "b.png").write_bytes(encoded(drawn(2, (48, 40)), "PNG"))
    rows = [{"prompt": "a cube", "sample_key": name, "generator": "g", "media": [f"{name}.png"]} for name in "ab"]
    (tmp_path / "samples.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    call_command("import_samples", "cubes", str(tmp_path / "samples.jsonl"), stdout=StringIO())
    sample = Sample.objects.get(key="a")
    sha256 = sample.media.get().asset.sha256
    call_command("takedown", "cubes", "--asset", sha256, "--because", "asked", stdout=StringIO())
    rows = [{**row, "prompt": "another", "sample_key": row["sample_key"] + "2"} for row in rows]
    (tmp_path / "samples.jsonl").write_text("\n".join(json.dumps(row) for row in rows))

    out = StringIO()
    call_command("import_samples", "cubes", str(tmp_path / "samples.jsonl"), stdout=out)

    assert "the file was taken down: asked" in out.getvalue()
    assert set(Sample.objects.exclude(media_state="absent").values_list("key", flat=True)) == {"b", "b2"}


def test_samples_of_a_prompt_that_was_taken_down_are_refused(tmp_path):
    row = {"prompt": "Jane Doe of 5 Elm Road", "sample_key": "a", "generator": "g", "text": "x"}
    (tmp_path / "samples.jsonl").write_text(json.dumps(row))
    call_command("import_samples", "names", str(tmp_path / "samples.jsonl"), stdout=StringIO())
    call_command("takedown", "names", "--prompt", str(Prompt.objects.get().pk), "--because", "x", stdout=StringIO())
    (tmp_path / "samples.jsonl").write_text(json.dumps({**row, "sample_key": "b", "text": "y"}))

    out = StringIO()
    call_command("import_samples", "names", str(tmp_path / "samples.jsonl"), stdout=out)

    assert "its prompt was taken down" in out.getvalue()
    assert Sample.objects.count() == 1


# -- the command and the pages ----------------------------------------------------------------------------------------


def test_the_command_shows_first_and_does_only_when_told_why(scene):
    scene.build()
    sample = scene.groups[0][0]
    out = StringIO()

    call_command("takedown", scene.project.slug, "--sample", str(sample.pk), stdout=out)

    assert "pairs@1: 1 pair, 1 sample" in out.getvalue()
    assert not TakenDown.objects.exists()
    call_command("takedown", scene.project.slug, "--sample", str(sample.pk), "--because", "asked", stdout=out)
    assert "pairs@1 → pairs@1.1" in out.getvalue()
    with pytest.raises(CommandError, match="no sample"):
        call_command("takedown", scene.project.slug, "--sample", "999999")


def test_the_page_names_the_versions_before_and_after(scene, client):
    scene.build()
    sample = scene.groups[0][0]
    client.force_login(factories.member(scene.project, "curator"))
    base = f"/projects/{scene.project.slug}/"
    assert f"{base}takedown/sample/{sample.pk}/" in client.get(f"{base}samples/{sample.pk}/").content.decode()

    page = client.get(f"{base}takedown/sample/{sample.pk}/").content.decode()
    assert "pairs@1" in page
    assert "pairs@1.1" in page
    assert client.post(f"{base}takedown/sample/{sample.pk}/", {"reason": ""}).status_code == 400
    answer = client.post(f"{base}takedown/sample/{sample.pk}/", {"reason": "asked", "is_sure": "on"})

    withdrawal = Withdrawal.objects.get()
    assert answer.url == f"{base}withdrawals/{withdrawal.pk}/"
    withdrawals.run_job(job_id=withdrawal.job_id)
    page = client.get(answer.url).content.decode()
    assert "pairs@1.1" in page
    assert "asked" in page
    assert "was taken down" in client.get(f"{base}samples/{sample.pk}/").content.decode()


def test_a_replaced_version_says_so_on_its_page(scene, client):
    scene.build()
    take_down(scene, withdrawals.of_sample(scene.groups[0][0]))
    client.force_login(factories.member(scene.project, "viewer"))
    base = f"/projects/{scene.project.slug}/datasets/pairs/"

    page = client.get(f"{base}1/").content.decode()
    assert "pairs@1.1 is the same without them" in page
    assert f"{base}1/download/pairs/" not in page
    minor = client.get(f"{base}1.1/").content.decode()
    assert "The same as pairs@1 without 1 pair" in minor
    assert f"{base}1.1/download/tombstones/" in minor


# -- the database -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE curation_datasetversion SET digest = repeat('0', 64)",
        "UPDATE curation_datasetversion SET manifest = '{}'",
        "UPDATE curation_datasetversion SET pairs_name = 'datasets/other.parquet'",
        "UPDATE curation_datasetversion SET note = 'nothing to see'",
        "DELETE FROM curation_datasetversion",
        "UPDATE curation_versiontombstone SET reason = 'never mind'",
        "DELETE FROM curation_versiontombstone",
    ],
)
def test_the_database_keeps_frozen_versions_and_their_tombstones(scene, change):
    from django.db import IntegrityError, transaction

    scene.build()
    take_down(scene, withdrawals.of_sample(scene.groups[0][0]))

    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change)


def test_a_project_goes_with_its_frozen_versions(scene):
    from curation.actions import projects

    scene.build()
    take_down(scene, withdrawals.of_sample(scene.groups[0][0]))

    projects.delete(project=scene.project, by=factories.member(scene.project, "admin"))

    assert not DatasetVersion.objects.exists()


def test_files_of_a_version_are_written_once(scene):
    version = scene.build()
    recipe = recipes.save(project=scene.project, name="r", text=VOTES, by=None)
    path = version_files.path_of(version, "pairs")
    before = (path.read_bytes(), path.stat().st_mtime_ns)

    job = datasets.order(project=scene.project, recipe=recipe, name="pairs", by=None)
    datasets.run_job(job_id=job.pk)

    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
