"""One project of every kind, from its samples to a folder: annotated, scored, frozen, exported, read back."""

from __future__ import annotations

from typing import Any

import pytest

from curation.actions import exports
from curation.exports import FORMATS
from curation.models import Project, Prompt, Sample, Score
from scoring.actions.starting import start_scoring
from tests import factories
from tests.annotation import hands
from tests.curation.exports import frozen
from tests.curation.exports.test_exporting import rows_of
from tests.curation.media.drawn import encoded, scene, video
from tests.scoring.job_helpers import work_through

pytestmark = pytest.mark.django_db

RECIPE = """
recipe: 1
title: What people prefer
pairing:
  rule: judged_pairs
  by: {votes: overall}
"""
CODE = "<svg><circle r='{radius}'/></svg>"
PROMPTS = 2


def picture(number: int) -> Any:
    return factories.stored(encoded(scene(number, (48, 40)), "PNG"), f"{number}.png")


def moving(number: int) -> Any:
    return factories.stored(
        video(6, fps=6, size=(48, 32 + 16 * (number % 3)), tags={"n": str(number)}), f"{number}.mp4"
    )


def pictures(to: Sample, number: int, count: int = 1) -> None:
    for index in range(count):
        factories.place(to, picture(10 * number + index), position=index)


# What a prompt brings, and what an answer is; the number makes each one different.
KINDS: dict[str, tuple[str, Any, Any, tuple[str, ...]]] = {
    "pictures": ("text-to-image", None, lambda to, n: pictures(to, n), ("pickapic", "hpsv3", "webdataset")),
    "picture sets": ("image-sets", None, lambda to, n: pictures(to, n, 2), ("webdataset",)),
    "views": ("image-sets", "source", lambda to, n: pictures(to, n, 3), ("webdataset",)),
    "videos": ("text-to-video", None, lambda to, n: factories.place(to, moving(n)), ("videoalign", "videodpo")),
    "videos from a picture": (
        "image-to-video",
        "source",
        lambda to, n: factories.place(to, moving(n)),
        ("videoalign",),
    ),
    "edits": ("image-editing", "source", lambda to, n: pictures(to, n), ("editreward", "webdataset")),
    "texts": ("text", None, None, ("trl", "webdataset")),
    "understanding": ("understanding", "source", None, ("trl", "webdataset")),
    "rendered code": ("text-to-image", None, lambda to, n: pictures(to, n), ("canonical", "webdataset")),
}


def project_of(kind: str) -> Project:
    task, role, answer, _formats = KINDS[kind]
    of = factories.project(task=task, licence="cc-by-4.0")
    for number in range(PROMPTS):
        prompt = factories.prompt(of, frozen.WORDS[number])
        if role:
            factories.place(prompt, picture(900 + number), role=role)
        for side in (0, 1):
            make_answer(kind, prompt, answer, 2 * number + side)
    return of


def make_answer(kind: str, prompt: Prompt, answer: Any, number: int) -> None:
    words = {"text": f"answer number {number}"} if answer is None else {}
    if kind == "rendered code":
        words = {"text": CODE.format(radius=number + 1), "media_state": "present"}
    sample = factories.sample(prompt, by=f"maker-{number % 2}", **words)
    if answer is not None:
        answer(sample, number)


@pytest.mark.capability("A2")
@pytest.mark.parametrize("kind", KINDS)
def test_a_project_of_each_kind_goes_all_the_way(tmp_path, kind):
    of = project_of(kind)
    preferred = annotate(of)
    score(of)
    version = frozen.freeze(of, recipe=RECIPE)
    formats = ["canonical", *(name for name in KINDS[kind][3] if name != "canonical")]

    ordered = exports.order(version=version, formats=formats, by=None, folder=tmp_path / "out")
    export = exports.run_job(job_id=ordered.job_id)

    assert export.readback["findings"] == []
    pairs = rows_of(tmp_path / "out", "pairs")
    assert {row[f"{row['preference']}_id"] for row in pairs} == preferred
    for row in pairs:
        assert row["votes"][0]["rater_kind"] == "person"
        assert {one["name"].split("_")[0] for one in row["a_scores"]} >= {"technical" if row["a_media"] else "text"}
    written = export.manifest["configs"]
    for name in formats:
        own = [config for config in FORMATS[name].configs if config in written]
        assert own, f"{name} wrote nothing"
        assert sum(split["rows"] for split in written[own[0]].values()) == PROMPTS
    assert len(pairs) == PROMPTS


def annotate(of: Project) -> set[str]:
    """A person compares the two answers of each prompt on the page's own way; the later one wins."""
    row = hands.batch(of, opened=False)
    for prompt in of.prompts.order_by("pk"):
        hands.item(row, prompt=prompt, sample_ids=sorted(prompt.samples.values_list("pk", flat=True)))
    hands.open_(row)
    person = factories.member(of, "annotator")
    for _item in range(PROMPTS):
        (assignment,) = hands.lease(row, person)
        hands.prefer(assignment, person, 1)
    return {prompt.samples.order_by("-pk")[0].identity for prompt in of.prompts.all()}


def score(of: Project) -> None:
    has_media = Sample.objects.filter(project=of, media__isnull=False).exists()
    (job,) = start_scoring(project=of, scorers={"technical" if has_media else "text_rules": {}}, by=None)
    work_through(job)
    assert Score.objects.filter(judgement__project=of).exists()
