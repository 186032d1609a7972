"""Scoring in stages: when the jobs of one stage are done, the next begins with what they left over."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from curation.errors import Refused
from curation.models import CriterionVersion, Job, Project, State, User
from scoring.actions.keeping import Kept
from scoring.actions.starting import Settings, known, start_scoring

STAGE = "stage"


@dataclass(frozen=True)
class Stage:
    """One later stage: which samples it takes over, by a score of the stage before, and which scorers look at them.

    Attributes:
        scorer, criterion: whose number decides; the scorer is one of the stage before.
        at_least, at_most, spread_at_most, best_of_prompt, most: the bar, as in `keeping.Kept`.
        scorers: names with their settings.
    """

    scorer: str
    criterion: str
    scorers: Mapping[str, Settings] = field(default_factory=dict)
    at_least: float | None = None
    at_most: float | None = None
    spread_at_most: float | None = None
    best_of_prompt: int | None = None
    most: int | None = None


@transaction.atomic
def start_staged(
    *,
    project: Project,
    scorers: Mapping[str, Settings],
    later: Sequence[Stage],
    chosen: Mapping[str, Any] | None = None,
    by: User | None,
) -> list[Job]:
    """Starts the first stage; the others follow by themselves, as soon as a stage is done whole.

    A stage that fails or is cancelled stops there; resumed and done, it goes on.

    Raises:
        Refused: a stage names a scorer that the one before has not, or sets no bar.
    """
    before: Mapping[str, Settings] = scorers
    for number, stage in enumerate(later, start=2):
        _check(stage, before, number)
        before = stage.scorers
    note = {STAGE: {"series": uuid.uuid4().hex, "number": 1, "later": [asdict(stage) for stage in later]}}
    return start_scoring(project=project, scorers=scorers, chosen=chosen, by=by, note=note if later else None)


def _check(stage: Stage, before: Mapping[str, Settings], number: int) -> None:
    if stage.scorer not in before:
        raise Refused(
            _("Stage %(number)d goes by “%(scorer)s”, which the stage before does not run. It runs: %(names)s.")
            % {"number": number, "scorer": stage.scorer, "names": ", ".join(sorted(before))}
        )
    if not stage.scorers:
        raise Refused(_("Stage %(number)d names no scorer.") % {"number": number})
    facts = known(stage.scorer)
    if stage.criterion not in {output.criterion for output in facts.outputs}:
        raise Refused(
            _("“%(scorer)s” gives no “%(criterion)s”. It gives: %(names)s.")
            % {
                "scorer": stage.scorer,
                "criterion": stage.criterion,
                "names": ", ".join(output.criterion for output in facts.outputs),
            }
        )
    Kept(0, [], **_bar(asdict(stage)))
    for name in stage.scorers:
        known(name)


def _bar(stage: Mapping[str, Any]) -> dict[str, Any]:
    return {name: stage[name] for name in ("at_least", "at_most", "spread_at_most", "best_of_prompt", "most")}


@transaction.atomic
def advance(job_id: int) -> list[Job]:
    """Starts the next stage of a job that was the last of its own to be done. Called twice, it starts one.

    The caller rings for the jobs after the commit.
    """
    job = Job.objects.filter(pk=job_id, state=State.DONE, params__has_key=STAGE).select_related("project").first()
    if job is None or not job.params[STAGE]["later"]:
        return []
    Project.objects.select_for_update(no_key=True).get(pk=job.project_id)
    series, number = job.params[STAGE]["series"], job.params[STAGE]["number"]
    if _of(series, number).exclude(state=State.DONE).exists() or _of(series, number + 1).exists():
        return []
    (stage, *later) = job.params[STAGE]["later"]
    note = {STAGE: {"series": series, "number": number + 1, "later": later}}
    return start_scoring(
        project=job.project,
        scorers=stage["scorers"],
        chosen={**job.params["chosen"], "kept": asdict(_kept(series, number, stage))},
        by=job.created_by,
        note=note,
    )


def due() -> list[Job]:
    """Jobs that are done and whose next stage has not begun: their worker died in between."""
    waiting = Job.objects.filter(state=State.DONE, params__stage__later__0__isnull=False).order_by("-pk")[:200]
    return [job for job in waiting if not _of(job.params[STAGE]["series"], job.params[STAGE]["number"] + 1).exists()]


def following(job: Job) -> list[Job]:
    """The jobs of the stage after a job's own, where it has begun."""
    note = job.params.get(STAGE)
    return list(_of(note["series"], note["number"] + 1).order_by("pk")) if note else []


def _of(series: str, number: int) -> QuerySet[Job]:
    return Job.objects.filter(params__stage__series=series, params__stage__number=number)


def _kept(series: str, number: int, stage: Mapping[str, Any]) -> Kept:
    """The bar in rows: the rater that the job's scorer was, and every wording of its criterion."""
    job = _of(series, number).filter(params__raters__has_key=stage["scorer"]).get()
    version = CriterionVersion.objects.get(pk=job.params["criteria"][stage["scorer"]][stage["criterion"]])
    wordings = CriterionVersion.objects.meaning_same_as(version).values_list("pk", flat=True)
    return Kept(
        rater=job.params["raters"][stage["scorer"]],
        criterion_versions=sorted(wordings),
        higher_is_better=version.higher_is_better,
        **_bar(stage),
    )
