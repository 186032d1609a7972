"""Dense scores the whole way: a job gives a sample global and local numbers, both leave in an export and come back."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from django.core.management import call_command

from curation.media import heatmaps
from curation.models import Mark, Project, Sample, Score
from scoring import resident
from scoring.actions.starting import start_scoring
from tests.curation.exports import frozen
from tests.scoring.job_helpers import work_through

pytestmark = pytest.mark.django_db

SHARPNESS = "technical_sharpness"


@pytest.fixture(autouse=True)
def _no_scorer_is_held():
    resident.forget()
    yield
    resident.forget()


def rows_of(folder: Path, config: str) -> list[dict]:
    return [row for path in sorted((folder / config).glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def scored() -> Project:
    project = frozen.project(prompts=3, samples=2)
    (job,) = start_scoring(project=project, scorers={"technical": {}}, by=None)
    assert work_through(job).failed == 0
    return project


def exported(project: Project, folder: Path) -> None:
    frozen.freeze(project, "signs")
    formats = ["--format", "canonical", "--format", "fine-grained"]
    call_command("export_dataset", "signs", *formats, "--out", str(folder), stdout=io.StringIO())


def local_numbers(sample: Sample) -> np.ndarray:
    return heatmaps.unpacked(Mark.objects.measured().get(sample=sample).points)


@pytest.mark.capability("C9")
def test_a_sample_has_global_and_local_numbers_and_both_are_exported(tmp_path: Path) -> None:
    project = scored()
    exported(project, tmp_path / "out")

    ratings = {row["id"]: row for row in rows_of(tmp_path / "out", "ratings")}
    fine = {row["sample_id"]: row for row in rows_of(tmp_path / "out", "fine-grained")}
    samples = Sample.objects.filter(project=project)
    assert ratings.keys() == fine.keys() == {sample.identity for sample in samples}
    for sample in samples:
        whole = Score.objects.get(sample=sample, criterion_version__criterion__key=SHARPNESS)
        rating, dense = ratings[sample.identity], fine[sample.identity]
        (score,) = [score for score in rating["scores"] if score["name"] == SHARPNESS]
        (mark,) = [mark for mark in rating["marks"] if mark["criterion"] == SHARPNESS]
        (part,) = dense["parts"]
        assert score["value"] == whole.value
        assert whole.value in [score["value"] for score in dense["scores"] if score["name"] == SHARPNESS]
        assert mark["statement"].split(".")[0] == score["statement"].split(".")[0]
        for found in (mark, part):
            assert (found["shape"], found["media_index"], found["unit"]) == ("heatmap", 0, "grey levels²")
            assert np.array(found["grid"]).shape == (7, 8)
            assert np.array_equal(found["grid"], local_numbers(sample))
            assert found["value"] == pytest.approx(np.mean(found["grid"]), abs=1e-3 * np.ptp(found["grid"]))


def test_a_number_for_a_part_is_no_sign_of_an_error(tmp_path: Path) -> None:
    exported(scored(), tmp_path / "out")

    for row in rows_of(tmp_path / "out", "fine-grained"):
        assert row["artifact_map"] is None
        assert row["misalignment_map"] is None
        assert row["regions"] == []
        assert row["spans"] == []


def test_pairs_tell_the_numbers_without_repeating_the_cells(tmp_path: Path) -> None:
    exported(scored(), tmp_path / "out")

    marks = [mark for row in rows_of(tmp_path / "out", "pairs") for mark in [*row["a_marks"], *row["b_marks"]]]

    assert marks
    assert all(mark["value"] > 0 and mark["grid"] == [] for mark in marks)


def test_local_numbers_come_back_beside_the_global_ones(tmp_path: Path) -> None:
    before = scored()
    exported(before, tmp_path / "out")

    call_command("import_samples", "again", str(tmp_path / "out"), stdout=io.StringIO())

    again = Project.objects.get(slug="again")
    assert Sample.objects.filter(project=again).count() == 6
    for sample in Sample.objects.filter(project=again):
        first = Sample.objects.get(project=before, identity=sample.identity)
        mark, old = Mark.objects.measured().get(sample=sample), Mark.objects.measured().get(sample=first)
        assert np.allclose(local_numbers(sample), local_numbers(first), rtol=1e-9)
        assert (mark.value, mark.shape, mark.media_index) == (old.value, old.shape, old.media_index)
        assert mark.criterion_version.criterion.key == SHARPNESS
        score = Score.objects.get(judgement=mark.judgement)
        assert score.value == Score.objects.get(sample=first, criterion_version__criterion__key=SHARPNESS).value
