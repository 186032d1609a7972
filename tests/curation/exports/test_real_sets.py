"""The real sets that lie beside the checkout: imported, frozen, taken to every format that applies, and back."""

from __future__ import annotations

import io

import pytest
from django.core.management import call_command

from curation.actions import exports, judgements
from curation.actions.judgements import Act, NewComparison, Subject
from curation.errors import Refused
from curation.exports import FORMATS
from curation.exports.files import read_csv
from curation.models import DatasetVersion, Project, Rater
from tests import factories
from tests.curation.exports import frozen
from tests.curation.exports.reading import winners
from tests.curation.exports.test_exporting import rows_of

pytestmark = pytest.mark.django_db

RECIPE = """
recipe: 1
title: What people prefer
pairing:
  rule: judged_pairs
  by: {{votes: {criterion}}}
"""
# Formats that need more than pairs of these sets have: marks, answers of judges, or prompts said in other words.
NEED_MORE = {"fine-grained", "judge-traces", "rewrites"}
# Read again by our importers, which know the published formats and nothing of the writers.
READABLE = {
    "imagereward": ("imagereward", "imagereward/train.json"),
    "hpsv3": ("hpdv3", "hpsv3/train.json"),
    "pickapic": ("pickapic", "pickapic/train-00000-of-00001.parquet"),
    "editreward": ("editreward", "editreward/train.json"),
    "videoalign": ("videoalign", "videoalign/train.csv"),
}


def imported(shared, name: str, file: str = "") -> Project:
    place = shared / "data" / name / file if file else shared / "data" / name
    # These are samples to try things on, not a test set to keep out of training.
    call_command("import_samples", name, str(place), benchmark="", stdout=io.StringIO())
    return Project.objects.get(slug=name)


def compare_first_two(of: Project) -> None:
    """A scripted rater prefers the first of each prompt's samples, where the set came without verdicts."""
    rater = factories.rater(of, kind=Rater.Kind.SCRIPTED)
    for prompt in of.prompts.all():
        first, second = prompt.samples.order_by("pk")[:2]
        subjects = [Subject(row.pk, row.prompt_id) for row in (first, second)]
        said = NewComparison(*subjects, factories.overall(of).pk, "left")
        judgements.record(project=of, acts=[Act(rater.pk, "compare", comparisons=[said])])


SETS = {
    "imagereward": ("", False, "overall", 6),
    "icthp": ("", True, "overall", 2),
    "editreward": ("", True, "overall", 1),
    "videoalign": ("example.csv", False, "TA", 2),
    "wan22-videos": ("", True, "overall", 10),
}


@pytest.mark.parametrize("name", SETS)
def test_a_real_set_reaches_every_format_that_applies_and_comes_back(shared, tmp_path, name):
    file, wants_verdicts, criterion, expected = SETS[name]
    of = imported(shared, name, file)
    if wants_verdicts:
        compare_first_two(of)
    version = frozen.freeze(of, name, RECIPE.format(criterion=criterion))
    fitting = [one.name for one in FORMATS.values() if one.refusal(of.task) is None]

    wrote = [format_ for format_ in fitting if export(version, format_, tmp_path)]

    assert version.pair_count == expected
    assert set(fitting) - set(wrote) <= NEED_MORE
    truth = {
        (row[f"{row['preference']}_sha256"], row[f"{'b' if row['preference'] == 'a' else 'a'}_sha256"])
        for row in rows_of(tmp_path / "canonical", "pairs")
    }
    assert len(truth) == expected
    for format_, (importer, path) in READABLE.items():
        if format_ in wrote and format_ != "pickapic":
            assert winners(tmp_path / format_ / path, tmp_path, importer) == truth, format_
    if "pickapic" in wrote:
        # Pictures that are no JPEG were converted: the winner's digest stands beside it.
        assert {
            (row[f"rendition_{winner}_sha256"], row[f"rendition_{1 - winner}_sha256"])
            for row in rows_of(tmp_path / "pickapic", "pickapic")
            for winner in [0 if row["label_0"] == 1 else 1]
        } == truth


def export(version: DatasetVersion, name: str, folder) -> bool:
    """Whether the format had something to write; what it wrote reads back without a finding."""
    made = exports.order(version=version, formats=[name], by=None, folder=folder / name)
    try:
        done = exports.run_job(job_id=made.job_id)
    except Refused as error:
        if "could write no row" not in str(error):
            raise
        return False
    assert done.readback["findings"] == [], name
    return True


def test_a_table_of_videoalign_says_the_same_after_import_and_export(shared, tmp_path):
    """Every verdict of the example, dimension by dimension, whichever side its videos are on now."""
    of = imported(shared, "videoalign", "example.csv")
    version = frozen.freeze(of, recipe=RECIPE.format(criterion="TA"))
    assert export(version, "videoalign", tmp_path)

    before = {row["prompt"]: row for row in read_csv(shared / "data/videoalign/example.csv")}
    after = list(read_csv(tmp_path / "videoalign/videoalign/train.csv"))

    assert len(after) == version.pair_count == 2
    for row in after:
        same = before[row["prompt"]]
        is_turned = float(row["num_frames_A"]) != float(same["num_frames_A"])
        other = {"A": "B", "B": "A", "same": "same"} if is_turned else {word: word for word in ("A", "B", "same")}
        assert [row[key] for key in ("VQ", "MQ", "TA")] == [other[same[key]] for key in ("VQ", "MQ", "TA")]
        assert float(row["fps_B"]) == pytest.approx(float(same["fps_A" if is_turned else "fps_B"]), abs=0.01)
