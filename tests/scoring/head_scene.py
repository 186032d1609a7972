"""A project whose people like what one of two scorers measures, for tests of heads."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from curation.actions import criteria, judgements, raters
from curation.actions.judgements import Act, NewComparison, NewScore, PassScore, Subject
from curation.models import Job, Project, Rater, Sample
from scoring.actions.heads import starting, working
from scoring.actions.heads.starting import Wish
from scoring.models import FittedHead
from tests import factories
from tests.scoring import clip_weights, making

SIZE = 4


@dataclass
class HeadScene:
    """Prompts of four samples. `sharp` is what people like, `dull` is chance; `noise` of the votes are wrong."""

    project: Project
    groups: list[list[Sample]] = field(default_factory=list)
    sharp: dict[int, float] = field(default_factory=dict)

    @property
    def samples(self) -> list[Sample]:
        return [sample for group in self.groups for sample in group]

    def person(self, name: str) -> Rater:
        return raters.named(project=self.project, name=name)

    def column(self, name: str, values: list[float], *, higher_is_better: bool = True, samples=None) -> Rater:
        """A model's scores of all samples, or of some, under a criterion of the same name."""
        rater = raters.machine(kind="model", name=name, identity={"of": name})
        self.say(rater, name, values, higher_is_better=higher_is_better, samples=samples)
        return rater

    def say(self, rater: Rater, criterion: str, values: list[float], *, higher_is_better: bool = True, samples=None):
        """A rater's scores of all samples, or of some."""
        wording = criteria.Wording(name=criterion, scale="interval", higher_is_better=higher_is_better)
        version = criteria.ensure(project=self.project, key=criterion, wording=wording)
        said = [
            PassScore(sample.pk, sample.prompt_id, version.pk, float(value))
            for sample, value in zip(samples or self.samples, values, strict=True)
        ]
        judgements.record_pass(project=self.project, rater=rater, scores=said, job=None)

    def vote(self, rater: Rater, left: Sample, right: Sample, outcome: str, **fields) -> int:
        said = NewComparison(
            Subject(left.pk, left.prompt_id),
            Subject(right.pk, right.prompt_id),
            factories.overall(self.project).pk,
            outcome,
        )
        (row,) = judgements.record(project=self.project, acts=[Act(rater.pk, "compare", comparisons=[said], **fields)])
        return row.pk

    def label(self, groups: list[list[Sample]], *, noise: float, rng: np.random.Generator) -> None:
        """Three votes a prompt by two people, most of them for the sharper sample."""
        people = [self.person("anne"), self.person("bert")]
        for group in groups:
            for number, (left, right) in enumerate([(0, 1), (2, 3), (1, 2)]):
                is_left = (self.sharp[group[left].pk] > self.sharp[group[right].pk]) ^ (rng.random() < noise)
                self.vote(people[number % 2], group[left], group[right], "left" if is_left else "right")

    def rate(self, rater: Rater, sample: Sample, value: float) -> int:
        said = NewScore(Subject(sample.pk, sample.prompt_id), factories.overall(self.project).pk, value)
        (row,) = judgements.record(project=self.project, acts=[Act(rater.pk, "rate", scores=[said])])
        return row.pk

    def fit(self, *features: str, name: str = "taste", **wish) -> FittedHead:
        job = self.job(*features, name=name, **wish)
        assert job.state == "done", job.error
        return FittedHead.objects.select_related("rater", "project").get(pk=job.result["head"])

    def job(self, *features: str, name: str = "taste", **wish) -> Job:
        wanted = Wish(name=name, criterion=wish.pop("criterion", "overall"), features=features, **wish)
        row = starting.start_fit(project=self.project, wish=wanted, by=None)
        return working.run_job(job_id=row.pk) or Job.objects.get(pk=row.pk)


def voted(prompts: int = 30, labelled: int | None = None, noise: float = 0.1, seed: int = 3) -> HeadScene:
    """Prompts whose samples have both scores, and of which so many (all of them) are labelled."""
    rng = np.random.default_rng(seed)
    made = HeadScene(factories.project(task="text"))
    for _prompt in range(prompts):
        prompt = factories.prompt(made.project)
        made.groups.append([factories.sample(prompt, text="t") for _ in range(SIZE)])
    sharp = rng.normal(size=len(made.samples))
    made.sharp = {sample.pk: value for sample, value in zip(made.samples, sharp, strict=True)}
    made.column("sharp", list(3 * sharp + 10))
    made.column("dull", list(rng.normal(size=len(made.samples))))
    made.label(made.groups[:labelled], noise=noise, rng=rng)
    return made


def pictured(folder: Path, prompts: int = 10, seed: int = 3) -> HeadScene:
    """Prompts with pictures, four each, a tiny CLIP in the folder, and votes for the brighter picture."""
    clip_weights.make(folder)
    rng = np.random.default_rng(seed)
    made = HeadScene(factories.project())
    for _prompt in range(prompts):
        prompt = factories.prompt(made.project)
        made.groups.append([_picture(prompt, folder, int(rng.integers(0, 10_000))) for _ in range(SIZE)])
    anne = made.person("anne")
    brightness = {}
    for sample in made.samples:
        brightness[sample.pk] = float(np.asarray(making.scene(64, 64, sample.seed)).mean())
    for group in made.groups:
        for left, right in [(0, 1), (2, 3), (0, 2), (1, 3)]:
            is_left = brightness[group[left].pk] > brightness[group[right].pk]
            made.vote(anne, group[left], group[right], "left" if is_left else "right")
    return made


def _picture(prompt, folder: Path, seed: int) -> Sample:
    path = making.saved(making.scene(64, 64, seed), folder).path
    sample = factories.sample(prompt, seed=seed)
    factories.place(sample, factories.stored(path.read_bytes(), f"{seed}.png"))
    return sample
