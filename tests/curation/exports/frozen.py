"""Frozen versions in the database, with pictures in storage, for tests of the whole way to a folder."""

from __future__ import annotations

from typing import Any

from curation.actions import criteria, datasets, judgements, media, raters, recipes
from curation.actions.judgements import Act, NewComparison, NewFlag, NewMark, NewNote, NewScore, Subject
from curation.media.ingestion import ingest
from curation.models import Asset, DatasetVersion, Project, Prompt, Rater, Sample
from tests import factories
from tests.curation.media.drawn import encoded, scene

RECIPE = """
recipe: 1
title: Best against worst
pairing:
  rule: best_against_worst
  by: {scores: quality, raters: [sharpness]}
  min_gap: 0.1
split:
  shares: {train: 0.5, validation: 0.5}
"""


def picture(number: int, kind: str = "PNG", **options: Any) -> Asset:
    """A drawn picture, ingested and stored as an import does it."""
    content = encoded(scene(number, (48, 40)), kind, **options)
    taken = ingest(content, name=f"{number}.{kind.lower()}")
    ids = media.store_many_from({taken.sha256: taken}, {taken.sha256: content})
    return Asset.objects.get(pk=ids[taken.sha256])


def project(task: str = "text-to-image", prompts: int = 6, samples: int = 3, **fields: Any) -> Project:
    """Prompts with samples that are scored by a machine and compared by people."""
    of = factories.project(task=task, licence="cc-by-4.0", **fields)
    quality = criteria.ensure(project=of, key="quality")
    machine = raters.machine(kind=Rater.Kind.RULE, name="sharpness", identity={"version": 1})
    person = factories.rater(of, name="Ada Lovelace", kind=Rater.Kind.PERSON)
    for number in range(prompts):
        prompt = factories.prompt(of, WORDS[number % len(WORDS)] + f" {number}")
        rows = [_answer(prompt, task, number * samples + place) for place in range(samples)]
        _judge(of, machine, person, quality.pk, rows)
    return of


# Unlike each other, so that no two prompts are near-duplicates.
WORDS = [
    "a red cube",
    "the old harbour at night",
    "forty sheep",
    "sign: OPEN",
    "my grandmother's hat",
    "x-ray of a fish",
]


def _answer(prompt: Prompt, task: str, number: int) -> Sample:
    if task in ("text", "understanding"):
        return factories.sample(prompt, by=f"writer-{number % 2}", text=f"answer number {number}", seed=number)
    sample = factories.sample(
        prompt, by=f"painter-{number % 2}", seed=number, settings={"checkpoint": "/home/ada/x.pt"}
    )
    factories.place(sample, picture(number))
    return sample


def _judge(of: Project, machine: Rater, person: Rater, quality: int, rows: list[Sample]) -> None:
    subjects = [Subject(row.pk, row.prompt_id) for row in rows]
    scores = [NewScore(subject, quality, value=place / 2) for place, subject in enumerate(subjects)]
    best, worst = subjects[-1], subjects[0]
    vote = NewComparison(worst, best, factories.overall(of).pk, "right", strength=2)
    judgements.record(
        project=of,
        acts=[
            Act(machine.pk, "pass", scores=scores),
            Act(
                person.pk,
                "compare",
                comparisons=[vote],
                seconds=3.5,
                notes=[NewNote(rows[0].prompt_id, "hers is nicer")],
            ),
            Act(
                person.pk,
                "mark",
                marks=[NewMark(best, "prompt", "span", start=0, end=1, error_type="missing", text="Ada says so")],
            ),
        ],
    )


def flag_unsafe(sample: Sample) -> None:
    person = factories.rater(sample.project, kind=Rater.Kind.PERSON)
    judgements.record(project=sample.project, acts=[Act(person.pk, "flag", flags=[NewFlag(sample.pk, "unsafe")])])


def freeze(of: Project, name: str = "", recipe: str = RECIPE) -> DatasetVersion:
    """The next version of a dataset, built as a worker builds it."""
    kept = recipes.save(project=of, name="best", text=recipe, by=None)
    job = datasets.order(project=of, recipe=kept, name=name or f"set-{of.pk}", by=None, description="Drawn for tests.")
    version = datasets.run_job(job_id=job.pk)
    assert version is not None
    return version
