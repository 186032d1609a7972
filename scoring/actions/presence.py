"""What is known of scorers without loading one: whether a worker had them, what went wrong, and who they were here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Min

from curation.models import Job, Judgement, Project, Rater, State
from scoring.catalogue import CATALOGUE
from scoring.models import Canary
from scoring.scorers.base import ScorerFacts

# So many of a project's newest scoring jobs tell what went wrong last, and where a rater was last at work.
JOBS_READ = 200


@dataclass(frozen=True)
class Presence:
    """How a scorer stands on this installation.

    Attributes:
        state: `ready` (it has no weights to fetch, or a worker has loaded them before), `fetch` (the first worker that
            runs it fetches them), `name` (no commit is pinned, so whoever runs it must name them), `trouble` (its last
            job here failed).
        error: what its last job said when it failed.
        job_id: that job.
    """

    state: str
    error: str = ""
    job_id: int | None = None


def of_all(project: Project) -> dict[str, Presence]:
    """How every scorer of the catalogue stands. Two queries; no library of models is touched."""
    loaded = set(
        Rater.objects.machines().filter(project=None, identity__has_key="scorer").values_list("name", flat=True)
    )
    last: dict[str, Job] = {}
    for job in _newest(project):
        for name in job.params.get("scorers", {}):
            last.setdefault(name, job)
    return {name: _presence(facts, last.get(name), name in loaded) for name, facts in CATALOGUE.items()}


def _newest(project: Project) -> Iterator[Job]:
    """The newest scoring jobs of the project that are over."""
    over = Job.objects.filter(project=project, kind=Job.Kind.SCORE, state__in=[State.DONE, State.FAILED])
    return over.only("state", "error", "params").order_by("-pk")[:JOBS_READ].iterator()


def _presence(facts: ScorerFacts, last: Job | None, is_loaded: bool) -> Presence:
    if last is not None and last.state == State.FAILED:
        return Presence("trouble", last.error, last.pk)
    if is_loaded or not facts.fetches_weights:
        return Presence("ready")
    return Presence("name" if facts.names_no_weights else "fetch")


# -- the raters it was ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Voice:
    """A rater that a scorer was in a project: one set of weights, settings and version.

    Attributes:
        acts: how many judgements it left here; a forward pass over many samples is one.
        job_id: the newest job in which it spoke, where that is known.
        first_canary, canary: its first and its newest look at the canaries.
    """

    rater: Rater
    acts: int
    first_at: datetime
    last_at: datetime
    job_id: int | None
    first_canary: Canary | None
    canary: Canary | None


def voices(project: Project, name: str) -> list[Voice]:
    """The raters that a scorer has been in a project, the newest first. Five queries."""
    raters = {
        rater.pk: rater
        for rater in Rater.objects.filter(project=None, name=name, identity__scorer=name).with_standing_in(project)
    }
    spoken = list(
        Judgement.objects.filter(project=project, rater__in=raters)
        .order_by()
        .values("rater")
        .annotate(acts=Count("pk"), first_at=Min("at"), last_at=Max("at"))
    )
    ids = [row["rater"] for row in spoken]
    jobs = _jobs_of(project, name)
    newest = {look.rater_id: look for look in Canary.objects.latest_of(ids)}
    firsts = {look.rater_id: look for look in Canary.objects.filter(rater__in=ids, is_first=True)}
    found = [
        Voice(
            rater=raters[row["rater"]],
            acts=row["acts"],
            first_at=row["first_at"],
            last_at=row["last_at"],
            job_id=jobs.get(row["rater"]),
            first_canary=firsts.get(row["rater"]),
            canary=newest.get(row["rater"]),
        )
        for row in spoken
    ]
    return sorted(found, key=lambda voice: voice.last_at, reverse=True)


def _jobs_of(project: Project, name: str) -> dict[int, int]:
    """The newest job of each rater of a scorer."""
    jobs = Job.objects.filter(project=project, kind=Job.Kind.SCORE, params__raters__has_key=name)
    found: dict[int, int] = {}
    for pk, rater_id in jobs.order_by("-pk").values_list("pk", f"params__raters__{name}")[:JOBS_READ]:
        found.setdefault(rater_id, pk)
    return found
