"""The gate over versions in the database: what it reads, what it keeps, who may sign, what may be published."""

from __future__ import annotations

import json

import polars as pl
import pytest
from django.db import IntegrityError, transaction

from curation.actions import benchmarks, exports, gating, judgements, version_files
from curation.actions.judgements import Act, NewComparison, Subject
from curation.errors import NotAllowed, Refused
from curation.gate.found import Found
from curation.gate.report import GateReport
from curation.models import Flag, GateExamination, Look, Rater, Rendition, Sample, SampleMedia, Waiver
from curation.storage import media_storage
from tests import factories
from tests.curation.exports import frozen
from tests.curation.media.drawn import encoded, scene

pytestmark = pytest.mark.django_db

BY_VOTES = """
recipe: 1
title: As people say
pairing: {rule: judged_pairs, by: {votes: overall}}
split: {shares: {train: 1.0}}
"""


@pytest.fixture
def version():
    return frozen.freeze(frozen.project(prompts=3, samples=2))


def found(version, **options) -> dict[str, int]:
    report = gating.report_of(gating.examine(version=version, **options))
    return {finding.code: finding.count for finding in report.findings}


# -- what it reads ------------------------------------------------------------------------------------------------


def test_a_version_of_one_scorer_is_by_one_rater_and_by_machines_alone(version):
    assert found(version) == {"single-rater": 3, "machine-only": 3}


def test_every_check_has_something_to_look_at_or_says_why_not(version):
    report = gating.report_of(gating.examine(version=version))

    assert report.idle == {
        "benchmark-leakage": "no benchmark is frozen",
        "self-graded": "no machine and generator both have a family",
        "cycle-graded": "no rater behind the pairs goes back from the output to the prompt",
        "own-labels": "no rater behind the pairs was fitted on labels of this project",
        "position-bias": "no comparison with two sides stands behind the pairs",
        "brightness-bias": "pairs of pictures exist for 3 prompts; it takes 10",
        "length-bias": "pairs of texts exist for 0 prompts; it takes 10",
    }
    assert (report.pairs, report.samples, report.version) == (3, 6, str(version))


def test_pairs_by_votes_have_their_raters_and_sides():
    project = frozen.project(task="text", prompts=12)
    ada, bob = (factories.rater(project, name=name) for name in ("Ada", "Bob"))
    for prompt in project.prompts.all():
        worst, *_rest, best = prompt.samples.order_by("pk")
        vote = NewComparison(
            Subject(worst.pk, prompt.pk), Subject(best.pk, prompt.pk), factories.overall(project).pk, "right"
        )
        judgements.record(project=project, acts=[Act(one.pk, "compare", comparisons=[vote]) for one in (ada, bob)])

    report = gating.report_of(gating.examine(version=frozen.freeze(project, recipe=BY_VOTES)))

    assert report.finding("single-rater") is None
    assert report.finding("machine-only") is None
    # Two votes of Ada and Bob and one of the first person, each with the winner on the right.
    assert report.finding("position-bias").measure == pytest.approx(0.5)
    assert "stood right in 100.0% of 36 comparisons" in report.finding("position-bias").words


def test_a_file_that_is_gone_is_an_error_with_its_sample(version):
    place = SampleMedia.objects.filter(sample__prompt__project=version.dataset.project).order_by("pk")[0]
    rendition = place.asset.renditions.get()
    (media_storage().local_copy(rendition.storage_name, rendition.size)).unlink()

    examination = gating.examine(version=version)

    assert GateReport.from_json(examination.report).finding("dead-media").count == 1
    rows = gating.rows_of(examination, "dead-media").collect()
    assert rows["sample_id"].to_list() == [place.sample_id]


def test_pairs_whose_file_was_taken_away_are_left_out_and_said(version):
    place = SampleMedia.objects.filter(sample__in=chosen(version)).order_by("pk")[0]
    place.asset, place.absent_name = None, "lost.png"
    place.save()
    Sample.objects.filter(pk=place.sample_id).update(media_state="absent")

    assert found(version)["media-absent"] == 1


def test_the_same_picture_stored_twice_in_two_encodings_is_on_both_sides():
    project = frozen.project(prompts=3)
    version = frozen.freeze(project)
    pair = version_pairs(version)[0]
    drawn = scene(77, (320, 256))
    for sample, kind, options in [(pair["chosen_id"], "PNG", {}), (pair["rejected_id"], "JPEG", {"quality": 70})]:
        asset = factories.stored(encoded(drawn, kind, **options), f"copy.{kind.lower()}")
        SampleMedia.objects.filter(sample=sample).update(asset=asset)

    examination = gating.examine(version=version)

    assert gating.rows_of(examination, "same-on-both-sides").collect()["pair_id"].to_list() == [pair["pair_id"]]


def test_looks_are_taken_once(version):
    gating.examine(version=version)
    before = {look.pk: look.brightness for look in Look.objects.all()}
    Look.objects.update(brightness=0.5)
    gating.examine(version=version)

    assert len(before) == Rendition.objects.count() == 6
    assert set(Look.objects.values_list("brightness", flat=True)) == {0.5}
    assert all(0 < brightness < 1 for brightness in before.values())


def test_what_people_wrote_is_looked_at_where_it_leaves():
    project = frozen.project(prompts=2)
    person = factories.rater(project)
    note = judgements.NewNote(project.prompts.first().pk, "ask ada@babbage.org")
    judgements.record(project=project, acts=[Act(person.pk, "write", notes=[note])])
    version = frozen.freeze(project)

    assert "personal-data" not in found(version)
    assert found(version, with_notes=True)["personal-data"] == 1


def test_flags_and_licences_and_settings_are_read():
    project = frozen.project(prompts=2)
    project.licence = ""
    project.save()
    version = frozen.freeze(project)
    sample = Sample.objects.get(pk=chosen(version)[0])
    frozen.flag_unsafe(sample)
    sample.settings = {"command": "sample --ckpt /mnt/disk/x.pt"}
    sample.save()

    assert {"unsafe-content": 1, "no-licence": 8, "local-paths": 1}.items() <= found(version).items()


def test_texts_are_read_as_they_are():
    project = frozen.project(task="text", prompts=2)
    sample = project.samples.first()
    sample.text = 'a "quoted", answer\nover lines, from ada@babbage.org'
    sample.save()

    assert found(frozen.freeze(project))["personal-data"] == 1


def test_what_stands_in_a_benchmark_is_an_error_although_exports_hold_it_back():
    project = frozen.project(prompts=3, samples=2)
    version = frozen.freeze(project)
    frozen_prompt = version_pairs(version)[0]["prompt_id"]
    project.prompts.filter(pk=frozen_prompt).update(tags=["held-out"])
    benchmarks.freeze(project=project, name="held-out", selection=benchmarks.of_tag(project, "held-out"), by=None)

    report = gating.report_of(gating.examine(version=version))

    assert report.finding("benchmark-leakage").level == "error"
    assert report.pairs == 2
    with pytest.raises(Refused, match="Nobody can sign for benchmark-leakage"):
        gating.waive(version=version, code="benchmark-leakage", because="it is fine", by=None)


# -- what it keeps ------------------------------------------------------------------------------------------------


def test_the_same_findings_are_kept_once_with_the_time_of_the_last_look(version):
    first = gating.examine(version=version)
    second = gating.examine(version=version)

    assert second.pk == first.pk
    assert second.examined_at > first.examined_at


def test_other_findings_are_another_examination(version):
    gating.examine(version=version)
    frozen.flag_unsafe(Sample.objects.get(pk=chosen(version)[0]))
    gating.examine(version=version)

    assert GateExamination.objects.filter(version=version).count() == 2
    assert gating.newest(version).report["findings"][0]["code"] == "unsafe-content"


# -- waivers ------------------------------------------------------------------------------------------------------


@pytest.fixture
def conflicted():
    return conflict_world()


def conflict_world():
    """A version of two texts chosen both ways, under two prompts with the same words."""
    project = frozen.project(task="text", prompts=2)
    first, second = project.prompts.order_by("pk")
    # Not quite the same words, because a project has each prompt once.
    second.text = first.text.replace(" ", "  ")
    second.save()
    texts = list(first.samples.order_by("pk").values_list("text", flat=True))
    for sample, text in zip(second.samples.order_by("pk"), reversed(texts), strict=True):
        sample.text = text
        sample.save()
    return frozen.freeze(project)


def test_a_signed_word_lets_a_conflict_pass_and_travels(conflicted):
    ada = factories.member(conflicted.dataset.project, "curator", "ada")
    with pytest.raises(Refused, match=r"conflict: .* --waive conflict --because TEXT"):
        gating.refuse_to_publish(version=conflicted)

    gating.waive(version=conflicted, code="conflict", because="two good answers", by=ada)

    word = gating.refuse_to_publish(version=conflicted).finding("conflict").waiver
    assert (word.because, word.by) == ("two good answers", "ada")
    waiver = Waiver.objects.get()
    assert (waiver.by, waiver.code, waiver.count) == (ada, "conflict", 2)


def test_a_word_does_not_silence_a_larger_finding(version):
    samples = Sample.objects.filter(pk__in=chosen(version)).order_by("pk")
    frozen.flag_unsafe(samples[0])
    gating.examine(version=version)
    gating.waive(version=version, code="unsafe-content", because="shown to adults only", by=None, signed_as="ada")
    frozen.flag_unsafe(samples[1])

    assert gating.report_of(gating.examine(version=version)).finding("unsafe-content").waiver is None


def test_a_word_covers_what_is_left_of_a_finding_but_not_as_many_others(version):
    samples = Sample.objects.filter(pk__in=chosen(version)).order_by("pk")
    for sample in samples[:2]:
        frozen.flag_unsafe(sample)
    gating.examine(version=version)
    gating.waive(version=version, code="unsafe-content", because="shown to adults only", by=None, signed_as="ada")
    retract_flags(samples[0])

    assert gating.report_of(gating.examine(version=version)).finding("unsafe-content").waiver is not None

    frozen.flag_unsafe(samples[2])

    assert gating.report_of(gating.examine(version=version)).finding("unsafe-content").waiver is None


def test_a_word_about_a_number_covers_smaller_numbers_only(version):
    examination = gating.examine(version=version)
    report = examination.report
    report["findings"].append(lean(0.2))
    GateExamination.objects.filter(pk=examination.pk).update(report=report)
    gating.waive(version=version, code="position-bias", because="a known habit", by=None, signed_as="ada")

    for measure, is_covered in [(0.2, True), (0.1, True), (0.21, False)]:
        report["findings"][-1] = lean(measure)
        GateExamination.objects.filter(pk=examination.pk).update(report=report)
        finding = gating.report_of(gating.newest(version)).finding("position-bias")
        assert (finding.waiver is not None) is is_covered


def test_a_word_taken_back_holds_no_longer(conflicted):
    gating.examine(version=conflicted)
    waiver = gating.waive(version=conflicted, code="conflict", because="fine", by=None, signed_as="ada")

    gating.take_back(waiver=waiver, by=None)

    assert gating.report_of(gating.newest(conflicted)).open_errors
    again = gating.waive(version=conflicted, code="conflict", because="fine after all", by=None, signed_as="ada")
    assert again.pk != waiver.pk


def test_a_word_about_one_version_says_nothing_about_the_next(conflicted):
    gating.examine(version=conflicted)
    gating.waive(version=conflicted, code="conflict", because="fine", by=None, signed_as="ada")
    following = frozen.freeze(conflicted.dataset.project, name=conflicted.dataset.name)

    assert gating.report_of(gating.examine(version=following)).open_errors


@pytest.mark.parametrize(
    ("code", "because", "words"),
    [
        ("conflicts", "fine", "There is no check conflicts. There are: same-on-both-sides"),
        ("cycle", "fine", "cycle was not found"),
        ("conflict", "   ", "Say why"),
    ],
)
def test_a_word_without_a_finding_or_a_reason_is_refused(conflicted, code, because, words):
    gating.examine(version=conflicted)

    with pytest.raises(Refused, match=words):
        gating.waive(version=conflicted, code=code, because=because, by=None)


def test_a_word_needs_an_examination(version):
    with pytest.raises(Refused, match="was not examined yet"):
        gating.waive(version=version, code="single-rater", because="fine", by=None)


def test_only_curators_and_admins_sign(conflicted):
    gating.examine(version=conflicted)
    viewer = factories.member(conflicted.dataset.project, "viewer")

    with pytest.raises(NotAllowed):
        gating.waive(version=conflicted, code="conflict", because="fine", by=viewer)
    waiver = gating.waive(version=conflicted, code="conflict", because="fine", by=None, signed_as="ada")
    with pytest.raises(NotAllowed):
        gating.take_back(waiver=waiver, by=viewer)


@pytest.mark.parametrize("field", ["code", "because", "signed_as"])
def test_the_database_refuses_an_unsigned_word(conflicted, field):
    gating.examine(version=conflicted)
    waiver = gating.waive(version=conflicted, code="conflict", because="fine", by=None, signed_as="ada")

    with pytest.raises(IntegrityError), transaction.atomic():
        Waiver.objects.filter(pk=waiver.pk).update(**{field: ""})


# -- leaving ------------------------------------------------------------------------------------------------------


def test_a_version_with_warnings_alone_may_be_published(version):
    report = gating.refuse_to_publish(version=version)

    assert report.open_errors == ()
    assert report.warnings


def test_dead_media_cannot_be_signed_for(version):
    rendition = Rendition.objects.order_by("pk")[0]
    media_storage().local_copy(rendition.storage_name, rendition.size).unlink()
    gating.examine(version=version)

    with pytest.raises(Refused, match="Nobody can sign for dead-media"):
        gating.waive(version=version, code="dead-media", because="it is fine", by=None)
    with pytest.raises(Refused, match="dead-media"):
        gating.refuse_to_publish(version=version)


@pytest.mark.capability("C17")
def test_a_local_export_is_written_with_what_was_found_in_its_manifest_and_card(conflicted, tmp_path):
    gating.examine(version=conflicted)
    gating.waive(version=conflicted, code="conflict", because="two good answers", by=None, signed_as="ada")

    made = exports.order(version=conflicted, formats=["canonical"], by=None, folder=tmp_path / "out")
    exports.run_job(job_id=made.job_id)
    made.refresh_from_db()

    report = GateReport.from_json(made.manifest["gate"])
    assert report.finding("conflict").waiver.because == "two good answers"
    assert json.loads((tmp_path / "out" / "manifest.json").read_text("utf-8"))["gate"] == report.as_json()
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "two good answers" in card
    assert made.readback["findings"] == []


@pytest.mark.capability("C17")
def test_an_export_whose_only_source_is_not_independent_says_so_in_its_manifest_and_card(tmp_path):
    project = frozen.project(prompts=3, samples=2)
    source = Rater.objects.get(name="sharpness")
    for fields, code in (
        ({"independence": "cycle"}, "cycle-graded"),
        ({"model_names": ["own/Painter-1"]}, "self-graded"),
    ):
        Rater.objects.filter(pk=source.pk).update(**{"independence": "", "model_names": [], **fields})
        made = exports.order(
            version=frozen.freeze(project, name=code), formats=["canonical"], by=None, folder=tmp_path / code
        )
        exports.run_job(job_id=made.job_id)
        made.refresh_from_db()

        warned = {one.code: one for one in GateReport.from_json(made.manifest["gate"]).warnings}
        assert "; for 3 of them it is the only source." in warned[code].words
        assert {"cycle-graded", "self-graded"} & set(warned) == {code}
        assert warned[code].words in (tmp_path / code / "README.md").read_text("utf-8")


def chosen(version) -> list[int]:
    return [row["chosen_id"] for row in version_pairs(version)]


def version_pairs(version) -> list[dict]:
    return version_files.read(version, "pairs").to_dicts()


def retract_flags(sample: Sample) -> None:
    acts = [flag.judgement for flag in Flag.objects.filter(sample=sample).select_related("judgement")]
    judgements.retract(judgements=acts, reason="retracted", by=None)


def lean(measure: float) -> dict:
    rows = pl.DataFrame({"pair_id": ["a"]})
    finding = Found("position-bias", f"a lean of {measure}", rows, count=1, measure=measure).finding()
    report = GateReport("made@1", "", 1, 1, findings=(finding,))
    return report.as_json()["findings"][0]
