"""Scoring samples as they arrive, where a project says so."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from curation.errors import Refused
from curation.models import Job, Project, Sample, User
from scoring.actions.starting import known, start_scoring

_ARRIVAL = Q(kind=Job.Kind.SCORE, params__has_key="arrival")


@transaction.atomic
def set_arrival_scorers(*, project: Project, scorers: Sequence[str], by: User | None) -> Project:
    """Says which scorers run on every new sample. Samples that are here already are scored too, once.

    Raises:
        Refused: a scorer is unknown.
    """
    names = sorted(dict.fromkeys(scorers))
    for name in names:
        known(name)
    locked = Project.objects.select_for_update().get(pk=project.pk)
    if locked.archived_at:
        raise Refused(_("%(name)s is archived; nothing arrives there.") % {"name": locked.name})
    locked.arrival_scorers = names
    locked.save(update_fields=["arrival_scorers"])
    return locked


def start_due() -> list[Job]:
    """Starts a job in each project where samples came in since the last arrival job. Safe to call at any time.

    While an import runs, nothing is started: its samples are scored together when it is over.
    """
    started = []
    for project in Project.objects.active().exclude(arrival_scorers=[]):
        started += _start_in(project)
    return started


def _start_in(project: Project) -> list[Job]:
    own = Job.objects.filter(project=project)
    if own.unfinished().filter(kind=Job.Kind.IMPORT).exists() or own.unfinished().filter(_ARRIVAL).exists():
        return []
    newest = Sample.objects.filter(project=project).present().order_by("-pk").values_list("pk", flat=True).first()
    last = own.filter(_ARRIVAL, params__arrival=project.arrival_scorers).first()
    through = last.params["through"] if last else 0
    if newest is None or newest <= through:
        return []
    return start_scoring(
        project=project,
        scorers={name: {} for name in project.arrival_scorers},
        chosen={"after": through} if through else {},
        by=None,
        note={"arrival": project.arrival_scorers, "through": newest},
    )
