"""From a frozen version in the database to a folder on disk, and what must not get there."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command

from curation.actions import exports, jobs, judgements, raters
from curation.errors import NotAllowed, Refused
from curation.exports.readback import read_back
from curation.models import (
    Export,
    Job,
    Judgement,
    PromptMedia,
    Rater,
    RaterStanding,
    Sample,
    SampleMedia,
    VersionTombstone,
)
from tests import factories
from tests.curation.exports import frozen

pytestmark = pytest.mark.django_db


def run(version, formats=("canonical",), folder=None, **options) -> Export:
    made = exports.order(version=version, formats=formats, by=None, folder=folder, options=exports.Options(**options))
    return exports.run_job(job_id=made.job_id)


def rows_of(folder: Path, config: str) -> list[dict]:
    return [row for path in sorted((folder / config).glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def everything_in(folder: Path) -> bytes:
    """All bytes of an export, decompressed: what somebody could find in it."""
    found = b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())
    for config in (path for path in folder.iterdir() if path.is_dir()):
        for row in rows_of(folder, config.name):
            found += repr(row).encode()
    return found


def test_the_command_writes_a_version_and_reads_it_back(tmp_path):
    version = frozen.freeze(frozen.project(), "signs")
    out = io.StringIO()

    call_command(
        "export_dataset",
        "signs@1",
        "--format",
        "canonical",
        "--format",
        "pickapic",
        "--out",
        str(tmp_path / "out"),
        stdout=out,
    )

    export = Export.objects.get()
    assert export.readback["findings"] == []
    unique = export.manifest["configs"]["pickapic"]["validation_unique"]["rows"]
    assert (version.pair_count, export.readback["winners"]) == (6, 12 + unique)
    assert "nothing wrong" in out.getvalue()
    assert Job.objects.get(pk=export.job_id).state == "done"
    rows = rows_of(tmp_path / "out", "pairs")
    assert len(rows) == 6
    for row in rows:
        winner = row["preference"]
        chosen = Sample.objects.get(identity=row[f"{winner}_id"])
        assert [score["value"] for score in row[f"{winner}_scores"]] == [1.0]
        assert row[f"{winner}_scores"][0]["was_read"] is True
        assert row[f"{winner}_sha256"] == chosen.media.get().asset.renditions.get().sha256


def test_a_version_can_be_exported_as_text_for_trl(tmp_path):
    frozen.freeze(frozen.project(task="text"), "answers")

    call_command("export_dataset", "answers", "--format", "trl", "--out", str(tmp_path / "out"), stdout=io.StringIO())

    rows = rows_of(tmp_path / "out", "trl")
    texts = dict(Sample.objects.values_list("text", "seed"))
    assert len(rows) == 6
    assert all(
        texts[row["chosen"][0]["content"]] % 3 == 2 and texts[row["rejected"][0]["content"]] % 3 == 0 for row in rows
    )


def test_a_choice_within_a_format_reaches_the_writer_and_the_manifest(tmp_path):
    frozen.freeze(frozen.project(), "signs")
    chosen = ["--format", "chosen-rejected", "--option", "chosen-rejected.sizes=keep"]

    call_command("export_dataset", "signs", *chosen, "--out", str(tmp_path / "out"), stdout=io.StringIO())

    export = Export.objects.get()
    assert export.manifest["options"] == {"chosen-rejected.sizes": "keep"}
    assert export.manifest["layouts"]["chosen-rejected"]["media_files"] == 4 * 6
    assert export.readback["findings"] == []


@pytest.mark.parametrize(
    ("option", "says"),
    [("chosen-rejected.sizes=half", "resize or keep"), ("pickapic.x=y", "no option"), ("sizes", "names no choice")],
)
def test_a_choice_nobody_offers_is_refused_before_a_job_exists(tmp_path, option, says):
    frozen.freeze(frozen.project(), "signs")
    chosen = ["--format", "chosen-rejected", "--option", option]

    with pytest.raises(CommandError, match=says):
        call_command("export_dataset", "signs", *chosen, "--out", str(tmp_path / "out"))

    assert not Export.objects.exists()


def test_people_leave_as_pseudonyms_and_their_words_stay(tmp_path):
    version = frozen.freeze(frozen.project())

    run(version, folder=tmp_path / "out")

    found = everything_in(tmp_path / "out")
    assert b"Lovelace" not in found
    assert b"hers is nicer" not in found
    assert b"Ada says so" not in found
    assert b"/home/ada" not in found
    assert b"x.pt" in found
    row = rows_of(tmp_path / "out", "pairs")[0]
    [vote] = row["votes"]
    assert (vote["rater_kind"], len(vote["annotator"]), vote["created_at"].hour) == ("person", 16, 0)
    assert vote["preference"] == row["preference"]


def test_what_people_wrote_leaves_when_somebody_decides_so(tmp_path):
    version = frozen.freeze(frozen.project())

    run(version, folder=tmp_path / "out", with_notes=True)

    row = rows_of(tmp_path / "out", "pairs")[0]
    assert [note["text"] for note in row["notes"]] == ["hers is nicer"]
    assert [mark["error_type"] for mark in row[f"{row['preference']}_marks"]] == ["missing"]


def test_annotators_can_be_left_out_altogether(tmp_path):
    version = frozen.freeze(frozen.project())

    run(version, folder=tmp_path / "out", with_annotators=False)

    assert {vote["annotator"] for row in rows_of(tmp_path / "out", "pairs") for vote in row["votes"]} == {""}


def test_a_recipe_that_names_a_person_does_not_name_them_in_the_card(tmp_path):
    recipe = """
recipe: 1
title: What Ada says
pairing:
  rule: judged_pairs
  by: {votes: overall, raters: [Ada Lovelace]}
"""
    version = frozen.freeze(frozen.project(), recipe=recipe)

    run(version, folder=tmp_path / "out")

    assert "Lovelace" not in (tmp_path / "out" / "README.md").read_text()
    assert "Pair samples that were compared with each other" in (tmp_path / "out" / "README.md").read_text()


def test_pairs_with_absent_media_never_reach_an_export(tmp_path):
    version = frozen.freeze(frozen.project())
    SampleMedia.objects.filter(sample=_chosen(version)).update(asset=None, absent_name="gone.png")

    export = run(version, folder=tmp_path / "out")

    assert len(rows_of(tmp_path / "out", "pairs")) == 5
    assert export.manifest["left_out"]["everywhere"] == {"media that are declared but not here": 1}
    assert "1 pair was left out: media that are declared" in (tmp_path / "out" / "README.md").read_text()
    assert export.readback["findings"] == []


def test_deleted_samples_and_withdrawn_rows_are_left_out(tmp_path):
    version = frozen.freeze(frozen.project())
    _chosen(version).delete()
    other = _pairs(version)["pair_id"][1]
    VersionTombstone.objects.create(version=version, pair_id=other, reason="the artist asked")

    export = run(version, folder=tmp_path / "out")

    assert other not in {row["pair_id"] for row in rows_of(tmp_path / "out", "pairs")}
    assert sorted(export.manifest["left_out"]["everywhere"].values()) == [1, 1]


def test_a_pair_that_rests_on_a_withdrawn_judgement_is_left_out(tmp_path):
    version = frozen.freeze(frozen.project())
    judged = Judgement.objects.filter(act="pass").order_by("pk")[:1]
    judgements.retract(judgements=judged, reason=Judgement.Retraction.RETRACTED, by=None)

    run(version, folder=tmp_path / "out")

    assert len(rows_of(tmp_path / "out", "pairs")) == 5


def test_what_was_said_after_the_version_was_frozen_is_not_in_it(tmp_path):
    of = frozen.project()
    version = frozen.freeze(of)
    late = factories.rater(of, name="late", kind=Rater.Kind.SCRIPTED)
    sample = Sample.objects.filter(project=of).first()
    score = judgements.NewScore(judgements.Subject(sample.pk, sample.prompt_id), factories.overall(of).pk, 9.0)
    judgements.record(project=of, acts=[judgements.Act(late.pk, "rate", scores=[score])])

    run(version, folder=tmp_path / "out")

    assert {
        score["rater"].split("@")[0] for row in rows_of(tmp_path / "out", "ratings") for score in row["scores"]
    } == {"sharpness"}


def test_a_flag_set_later_still_warns(tmp_path):
    version = frozen.freeze(frozen.project())
    frozen.flag_unsafe(_chosen(version))

    run(version, folder=tmp_path / "out")

    assert sum(row["nsfw"] for row in rows_of(tmp_path / "out", "pairs")) == 1
    assert "not-for-all-audiences" in (tmp_path / "out" / "README.md").read_text()


@pytest.mark.capability("A3")
def test_an_edit_with_source_and_mask_comes_out_of_the_database_whole(tmp_path):
    of = frozen.project(task="inpainting", prompts=2)
    for number, prompt in enumerate(of.prompts.all()):
        PromptMedia.objects.create(prompt=prompt, role="source", asset=frozen.picture(100 + number))
        PromptMedia.objects.create(prompt=prompt, role="mask", asset=frozen.picture(200 + number))
    version = frozen.freeze(of)

    export = run(version, folder=tmp_path / "out")

    assert export.readback["findings"] == []
    for row in rows_of(tmp_path / "out", "pairs"):
        assert sorted(item["role"] for item in row["inputs"]) == ["mask", "source"]
        assert len(row["input_images"]) == 2


@pytest.mark.capability("A8")
def test_a_reference_keeps_its_kind_on_the_way_out(tmp_path):
    of = frozen.project()
    of.generators.filter(name="painter-0").update(kind="reference")
    recipe = frozen.RECIPE + "candidates: {kinds: [generated, reference]}\n"
    version = frozen.freeze(of, recipe=recipe)

    run(version, folder=tmp_path / "out")

    for row in rows_of(tmp_path / "out", "ratings"):
        is_reference = Sample.objects.get(identity=row["id"]).generator.kind == "reference"
        assert (row["is_reference"], row["model_kind"] == "reference") == (is_reference, is_reference)
    assert "anchors, not generations" in (tmp_path / "out" / "README.md").read_text()


def test_an_export_twice_to_one_place_is_the_same_bytes(tmp_path):
    version = frozen.freeze(frozen.project())
    run(version, ("canonical", "pickapic"), folder=tmp_path / "out")
    first = (tmp_path / "out" / "checksums.sha256").read_text()

    run(version, ("canonical", "pickapic"), folder=tmp_path / "out")

    assert (tmp_path / "out" / "checksums.sha256").read_text() == first


def test_an_export_for_download_is_kept_in_storage_and_comes_out_whole(tmp_path):
    version = frozen.freeze(frozen.project())

    export = run(version)

    for name, chunks in exports.parts_of(export):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(chunks))
    assert read_back(tmp_path / exports.download_name(export)).is_clean
    assert exports.card_of(export).startswith("---\n")
    assert export.place == ""


def test_a_format_that_does_not_fit_is_refused_before_a_job_exists():
    version = frozen.freeze(frozen.project())

    with pytest.raises(Refused, match="Use pickapic"):
        exports.order(version=version, formats=["trl"], by=None)

    assert not Job.objects.filter(kind="export").exists()


@pytest.mark.parametrize(("role", "may"), [("admin", True), ("curator", True), ("viewer", False), ("annotator", False)])
def test_curators_and_admins_export(role, may):
    version = frozen.freeze(frozen.project())
    somebody = factories.member(version.dataset.project, role)

    if may:
        assert exports.order(version=version, formats=["canonical"], by=somebody).created_by == somebody
        return
    with pytest.raises(NotAllowed):
        exports.order(version=version, formats=["canonical"], by=somebody)


def test_the_command_refuses_a_folder_that_is_not_ours(tmp_path):
    frozen.freeze(frozen.project(), "signs")
    (tmp_path / "mine.txt").write_text("mine")

    with pytest.raises(CommandError, match="not an export of ours"):
        call_command("export_dataset", "signs", "--format", "canonical", "--out", str(tmp_path))

    assert not Export.objects.exists()


def test_a_failing_export_says_why_on_its_job_and_leaves_nothing(tmp_path):
    version = frozen.freeze(frozen.project())
    from curation.models import Rendition
    from curation.storage import media_storage

    rendition = Rendition.objects.get(asset=_chosen(version).media.get().asset)
    media_storage().local_copy(rendition.storage_name, rendition.size).write_bytes(b"x" * rendition.size)

    with pytest.raises(Refused, match="damaged"):
        run(version, folder=tmp_path / "out")

    assert "damaged" in Job.objects.get(kind="export").error
    assert list(tmp_path.iterdir()) == []


def test_a_cancelled_export_stops_and_leaves_nothing(tmp_path, monkeypatch):
    version = frozen.freeze(frozen.project())
    made = exports.order(version=version, formats=["canonical"], by=None, folder=tmp_path / "out")
    monkeypatch.setattr(jobs.Pulse, "check", _lost)

    assert exports.run_job(job_id=made.job_id) is None
    assert list(tmp_path.iterdir()) == []


def _lost(self):
    raise jobs.Lost


def test_a_job_delivered_twice_is_done_once(tmp_path):
    version = frozen.freeze(frozen.project())
    made = exports.order(version=version, formats=["canonical"], by=None)

    assert exports.run_job(job_id=made.job_id) is not None
    assert exports.run_job(job_id=made.job_id) is None


def test_queries_do_not_grow_with_pairs(tmp_path, django_assert_max_num_queries):
    version = frozen.freeze(frozen.project(prompts=12))

    with django_assert_max_num_queries(160):
        run(version, folder=tmp_path / "out")


def _pairs(version):
    from curation.actions import version_files

    return version_files.read(version, "pairs")


def _chosen(version) -> Sample:
    return Sample.objects.get(pk=_pairs(version)["chosen_id"][0])


def test_the_manifest_of_an_export_names_no_place_of_this_machine(tmp_path):
    version = frozen.freeze(frozen.project())

    run(version, folder=tmp_path / "out")

    assert str(tmp_path).encode() not in everything_in(tmp_path / "out")
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["digest"] == version.digest


@pytest.mark.capability("G1")
def test_every_vote_leaves_with_and_without_aggregation(tmp_path):
    """Three people disagree about a pair: the pair counts their labels, and `votes` has each of them by pseudonym."""
    of = frozen.project(prompts=2)
    first, middle, last = Sample.objects.filter(prompt=of.prompts.order_by("pk")[0]).order_by("pk")
    voters = [factories.rater(of, name=name, kind=Rater.Kind.PERSON) for name in ("Grace", "Edith", "Joan")]
    for voter, outcome in zip(voters, ("left", "left", "right"), strict=True):
        _vote(of, voter, last, first, outcome)
    _vote(of, voters[0], first, middle, "tie")  # of two that the recipe does not pair
    quarantined = factories.rater(of, name="Mallory", kind=Rater.Kind.PERSON)
    _vote(of, quarantined, first, last, "left")
    standing = RaterStanding.State.QUARANTINED
    raters.set_standing(project=of, rater=quarantined, state=standing, since=of.created_at, reason="gold", by=None)
    version = frozen.freeze(of)

    export = run(version, folder=tmp_path / "out")

    assert export.readback["findings"] == []
    said = rows_of(tmp_path / "out", "votes")
    ends = {first.identity, last.identity}
    [pair] = [row for row in rows_of(tmp_path / "out", "pairs") if {row["a_id"], row["b_id"]} == ends]
    own = [one for one in said if one["pair_id"] == pair["pair_id"] and not one["kept_apart"]]
    # Two of the three, and the person who compared them when the project was made.
    assert Counter(_winner(one) for one in own) == {last.identity: 3, first.identity: 1}
    assert len({one["annotator"] for one in own}) == 4
    assert not any(name in str(said) for name in ("Grace", "Edith", "Joan", "Mallory", "Ada"))
    [tie] = [one for one in said if one["outcome"] == "tie"]
    assert (tie["left_id"], tie["right_id"], tie["pair_id"]) == (first.identity, middle.identity, "")
    [apart] = [one for one in said if one["kept_apart"]]
    assert _winner(apart) == first.identity


def _winner(vote):
    return vote["left_id"] if vote["outcome"] == "left" else vote["right_id"]


def _vote(of, voter, left, right, outcome):
    subjects = [judgements.Subject(sample.pk, sample.prompt_id) for sample in (left, right)]
    comparison = judgements.NewComparison(*subjects, factories.overall(of).pk, outcome)
    judgements.record(project=of, acts=[judgements.Act(voter.pk, "compare", comparisons=[comparison])])
