"""A project with a group in it, as the pages meet them: samples of several generators and what was said of them."""

from __future__ import annotations

from dataclasses import dataclass

from curation.actions import criteria, judgements, raters
from curation.actions.judgements import Act, NewComparison, NewScore, PassScore, Subject
from curation.models import CriterionVersion, Project, Prompt, Rater, Sample
from tests import factories
from tests.curation.media import drawn


@dataclass
class Scene:
    project: Project
    prompt: Prompt
    samples: list[Sample]
    scorer: Rater
    person: Rater
    script: Rater
    overall: CriterionVersion
    sharpness: CriterionVersion


def scene(samples: int = 8, with_pictures: bool = False, slug: str = "boats") -> Scene:
    """A prompt with samples of three generators; a model scored all of them, a person and a script compared."""
    project = factories.project(slug, name=slug.capitalize())
    prompt = factories.prompt(project, f"a red boat on a quiet lake, {slug}", tags=["boats", "water"], key=f"{slug}-1")
    rows = [_sample(project, prompt, number, with_pictures) for number in range(samples)]
    overall = factories.overall(project)
    sharpness = criteria.ensure(
        project=project, key="sharpness", wording=criteria.Wording(name="Sharpness", scale="interval", unit="levels")
    )
    made = Scene(
        project=project,
        prompt=prompt,
        samples=rows,
        scorer=raters.machine(kind="model", name="clip-tiny", identity={"weights": "random", "seed": 1}),
        person=raters.named(project=project, name="rater-07"),
        script=raters.named(project=project, name="robot-1", kind="scripted"),
        overall=overall,
        sharpness=sharpness,
    )
    _say(made)
    return made


def subject(sample: Sample) -> Subject:
    return Subject(sample.pk, sample.prompt_id)


def _sample(project: Project, prompt: Prompt, number: int, with_pictures: bool) -> Sample:
    name = ("flux-dev", "sdxl", "sd15")[number % 3]
    maker = factories.generator(project, name, revision=f"r{number % 3}", settings={"steps": 20 + number % 3})
    sample = factories.sample(
        prompt,
        generator=maker,
        seed=1000 + number,
        round=number // 4,
        key=f"{prompt.key}-s{number}",
        settings={"guidance": 4.5},
        licence="CC0-1.0",
    )
    if with_pictures:
        picture = drawn.encoded(drawn.scene(number + 1, (320, 320)), "JPEG", quality=90)
        factories.place(sample, factories.stored(picture, f"{number}.jpg"))
    else:
        factories.place(sample)
    return sample


def _say(made: Scene) -> None:
    rows = made.samples
    passed = [PassScore(s.pk, s.prompt_id, made.sharpness.pk, 10.0 * n) for n, s in enumerate(rows)]
    judgements.record_pass(project=made.project, rater=made.scorer, scores=passed, job=None)
    if len(rows) < 2:
        return
    first, second = subject(rows[0]), subject(rows[1])
    acts = [
        Act(made.person.pk, "compare", comparisons=[NewComparison(first, second, made.overall.pk, "left", 2, 0.9)]),
        Act(made.script.pk, "compare", comparisons=[NewComparison(second, first, made.overall.pk, "tie")]),
        Act(made.person.pk, "rate", scores=[NewScore(first, made.overall.pk, 4)]),
    ]
    judgements.record(project=made.project, acts=acts)
