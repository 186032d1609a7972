"""What a recipe that is being written would do: at once over some prompts, and exactly in the background."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from curation.actions import datasets, jobs, recipes, requesting
from curation.errors import PairwrightError
from curation.models import Job, Project, Prompt, State, User
from curation.models.jobs import JobQuerySet
from curation.recipes import model
from curation.recipes.funnel import Step
from curation.recipes.run import Result, run

# A preview looks at no more prompts than this, so that it answers within a second.
SAMPLE_PROMPTS = 250
KEPT_SHOWN = 6
# Digits of an estimate that mean something.
DIGITS = 2


@dataclass(frozen=True)
class Preview:
    """What a recipe makes of some or all of the evidence; JSON values only.

    Args:
        funnel: its steps as `datasets.as_shown` tells them, counts of what was looked at.
        kept: a few of the pairs.
        undecided: by step and reason, the pairs or samples that people or machines could decide.
        pairs, samples: how many are kept.
        looked_at, prompts: of how many prompts.
    """

    funnel: list[dict[str, Any]]
    kept: list[dict[str, Any]]
    undecided: list[dict[str, Any]]
    pairs: int
    samples: int
    looked_at: int
    prompts: int

    @property
    def is_exact(self) -> bool:
        return self.looked_at >= self.prompts

    @property
    def factor(self) -> float:
        """By how much a count of what was looked at is smaller than one of everything, about."""
        return self.prompts / self.looked_at if self.looked_at else 1.0


def about(count: int, factor: float) -> int:
    """An estimate for everything from a count of a part, with as many digits as mean something."""
    estimate = count * factor
    if estimate < 10**DIGITS:
        return round(estimate)
    unit = 10 ** (len(str(int(estimate))) - DIGITS)
    return int(round(estimate / unit) * unit)


def sampled(*, project: Project, rule: model.Recipe) -> Preview:
    """Over some prompts, the same ones each time.

    Raises:
        Refused: the recipe would count one opinion twice, or mix scales or principles.
    """
    return _of(project, rule, SAMPLE_PROMPTS)


def _of(project: Project, rule: model.Recipe, most_prompts: int | None) -> Preview:
    evidence = datasets.read_for(project, rule, None, most_prompts=most_prompts)
    looked_at = evidence.prompts.height
    result = run(rule, evidence)
    return Preview(
        funnel=[datasets.as_shown(step) for step in result.funnel],
        kept=result.pairs.head(KEPT_SHOWN).to_dicts(),
        undecided=undecided(result),
        pairs=result.pairs.height,
        samples=result.samples.height,
        looked_at=looked_at,
        prompts=Prompt.objects.filter(project=project).count(),
    )


def undecided(result: Result) -> list[dict[str, Any]]:
    """For each step and reason what it left undecided: step, reason, count, subjects (at most as many as one asks)."""
    return [part for step in result.funnel for part in _undecided(step)]


def _undecided(step: Step) -> list[dict[str, Any]]:
    if step.unit not in ("pairs", "samples"):
        return []
    found: dict[str, list[Sequence[int]]] = defaultdict(list)
    rows = step.dropped.filter(step.dropped["reason"].is_in(list(requesting.UNDECIDED)))
    counts = dict(rows.group_by("reason").len().iter_rows())
    for row in rows.group_by("reason", maintain_order=True).head(requesting.MOST).iter_rows(named=True):
        found[row["reason"]].append(requesting.subject_of(row))
    return [
        {"step": step.key, "reason": reason, "count": counts[reason], "subjects": [list(s) for s in subjects if s]}
        for reason, subjects in found.items()
    ]


# -- exactly ----------------------------------------------------------------------------------------------------------


@transaction.atomic
def order_exact(*, project: Project, text: str, by: User) -> Job:
    """Has a worker run a text over everything; what this person had run before is cancelled and forgotten.

    Raises:
        RecipeProblems: the text is no recipe of this project.
    """
    rule = recipes.check(project=project, text=text)
    Project.objects.select_for_update().get(pk=project.pk)
    cancel_exact(project=project, by=by)
    return jobs.create(
        project=project,
        kind=Job.Kind.BUILD,
        title=_("Preview of “%(title)s”, exactly") % {"title": rule.title},
        params={"previewed": text},
        by=by,
        total=2,
    )


def cancel_exact(*, project: Project, by: User) -> None:
    """Stops what runs for a text that has changed since, and forgets what is over. Costs two queries, or three."""
    mine = exact_jobs(project).filter(created_by=by)
    mine.unfinished().filter(state=State.RUNNING).update(cancel_requested=True)
    mine.exclude(state=State.RUNNING).delete()


def exact_jobs(project: Project) -> JobQuerySet:
    return Job.objects.filter(project=project, kind=Job.Kind.BUILD, params__has_key="previewed")


def exact(job: Job) -> Preview | None:
    """The answer of a job that is done; None before."""
    return Preview(**job.result["preview"]) if "preview" in job.result else None


def is_asked_for(job_id: int) -> bool:
    return Job.objects.filter(pk=job_id, kind=Job.Kind.BUILD, params__has_key="previewed").exists()


def run_job(*, job_id: int) -> Preview | None:
    """Claims an exact preview and does it; None when somebody else has it, or it is over or cancelled."""
    job = Job.objects.select_related("project").filter(pk=job_id).first()
    owner = jobs.new_owner()
    claimed = jobs.claim(job, owner) if job else None
    if claimed is None:
        return None
    try:
        found = _exactly(claimed, owner)
    except jobs.Lost:
        jobs.stop_cancelled(claimed, owner)
        return None
    except PairwrightError as error:
        jobs.fail(claimed, owner, str(error))
        return None
    except Exception as error:
        jobs.fail(claimed, owner, f"{type(error).__name__}: {error}")
        raise
    jobs.finish(claimed, owner, result={"preview": asdict(found)})
    return found


def _exactly(job: Job, owner: str) -> Preview:
    with jobs.heartbeat(job, owner) as pulse:
        if not jobs.beat(job, owner):
            raise jobs.Lost
        rule = recipes.check(project=job.project, text=job.params["previewed"])
        found = _of(job.project, rule, None)
        pulse.check()
        if not jobs.beat(job, owner):
            raise jobs.Lost
        return found
