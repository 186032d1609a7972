"""A small project whose judges and ensembles tests let speak."""

from __future__ import annotations

from collections.abc import Sequence

from curation.actions import criteria, ensemble_making, ensembles, judgements
from curation.actions.judgements import Act, NewComparison, NewScore, PassScore, Subject
from curation.models import CriterionVersion, Judgement, Rater, Sample, Score
from curation.rewards.plan import parse_ensemble
from tests import factories

SHARE = criteria.Wording("Share", scale="interval", low=0.0, high=1.0)


class Scene:
    """A project with two prompts of three samples, and judges that score them."""

    def __init__(self) -> None:
        self.project = factories.project(task="text")
        self.groups = [[factories.sample(prompt, text="t") for _ in range(3)] for prompt in self._prompts()]
        self.samples = [sample for group in self.groups for sample in group]
        self.criteria: dict[str, CriterionVersion] = {}

    def _prompts(self):
        return [factories.prompt(self.project) for _ in range(2)]

    def criterion(self, key: str, wording: criteria.Wording = SHARE) -> CriterionVersion:
        if key not in self.criteria:
            self.criteria[key] = criteria.ensure(project=self.project, key=key, wording=wording)
        return self.criteria[key]

    def judge(self, name: str) -> Rater:
        return Rater.objects.filter(name=name).first() or factories.rater(name=name, kind="model")

    def scores(self, judge: str, values: Sequence[float], key: str = "quality", **options) -> None:
        """One forward pass over the first samples."""
        said = [
            PassScore(sample.pk, sample.prompt_id, self.criterion(key).pk, value)
            for sample, value in zip(self.samples, values, strict=False)
        ]
        judgements.record_pass(project=self.project, rater=self.judge(judge), scores=said, job=None, **options)

    def act(self, judge: str, sample: Sample, value: float, key: str = "quality", **options) -> Judgement:
        subject = Subject(sample.pk, options.pop("prompt", sample.prompt).pk)
        said = NewScore(subject, self.criterion(key).pk, value)
        act = Act(rater_id=self.judge(judge).pk, act="rate", scores=[said], **options)
        (row,) = judgements.record(project=self.project, acts=[act])
        return row

    def vote(self, judge: str, left: Sample, right: Sample, outcome: str, **options) -> Judgement:
        said = NewComparison(
            Subject(left.pk, left.prompt_id), Subject(right.pk, right.prompt_id), self.criterion("better").pk, outcome
        )
        act = Act(rater_id=self.judge(judge).pk, act="compare", comparisons=[said], **options)
        (row,) = judgements.record(project=self.project, acts=[act])
        return row

    def make(self, text: str) -> Rater:
        return ensemble_making.make(project=self.project, plan=parse_ensemble(text))

    def run(self, ensemble: Rater) -> dict:
        job = ensembles.order(project=self.project, rater=ensemble, by=None)
        done = ensembles.run_job(job_id=job.pk)
        assert done is not None
        assert done.state == "done"
        return done.result

    def said(self, ensemble: Rater) -> dict[int, tuple[float, float | None]]:
        rows = Score.objects.living().filter(rater=ensemble)
        return {row.sample_id: (row.value, row.spread) for row in rows}


def panel(*names: str, rule: str = "mean", extra: str = "", what: str = "scores: quality") -> str:
    members = "".join(f"\n- {{rater: {name}, {what}}}" for name in names)
    return f"ensemble: 1\nname: panel\nrule: {rule}\nmembers:{members}\n{extra}"


def counts(result: dict) -> tuple[int, ...]:
    return tuple(result[name] for name in ("written", "kept", "replaced", "withdrawn", "incomplete"))
