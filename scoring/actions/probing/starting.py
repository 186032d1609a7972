"""Asking for a run over a scorer: by hand, or by itself when a job makes a rater that was never probed."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from django.conf import settings as site
from django.db import transaction
from django.utils.translation import gettext as _

from curation.actions import jobs
from curation.models import Job, Project, Rater, State, User
from scoring.catalogue import checked_settings, facts_of
from scoring.models import ProbeRun
from scoring.probes.kinds import SUITE

# In `Job.params`: what marks a job of probes, and that it lets everything else on its queue go first.
PROBES, GIVES_WAY = "probes", "gives_way"


@transaction.atomic
def start(
    *,
    project: Project,
    scorer: str,
    settings: Mapping[str, str] | None = None,
    rater: Rater | None = None,
    by: User | None,
    gives_way: bool = False,
) -> ProbeRun:
    """Queues a run over a scorer; where an equal one is under way, that one is returned.

    Args:
        rater: who the scorer is with these settings, where that is known.
        gives_way: begins only when nothing else waits on its queue.

    Raises:
        ScorerUnavailable: the scorer or a setting is unknown.
    """
    facts = facts_of(scorer)
    whole = checked_settings(scorer, settings or {})
    # Two clicks at once must find each other's run.
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    under_way = ProbeRun.objects.filter(
        project=project, scorer=scorer, settings=whole, ended_at=None, job__state__in=[State.QUEUED, State.RUNNING]
    ).first()
    if under_way is not None:
        return under_way
    job = jobs.create(
        project=project,
        kind=Job.Kind.SCORE,
        title=_("%(scorer)s, probes") % {"scorer": scorer},
        params={PROBES: {"scorer": scorer, "settings": whole}, "scope": facts.scope, GIVES_WAY: gives_way},
        by=by,
        queue=facts.queue,
    )
    return ProbeRun.objects.create(
        rater=rater,
        scorer=scorer,
        settings=whole,
        project=project,
        job=job,
        suite=SUITE,
        seed=secrets.randbelow(2**31),
        created_by=by,
    )


def queue_unprobed(job: Job) -> list[ProbeRun]:
    """Runs over the raters of a planned job that this suite never looked at; they wait until the job is over.

    Called inside the transaction that writes the plan. Nothing is rung for them: the end of the job does that.
    """
    if not site.PROBE_NEW_RATERS:
        return []
    started = []
    for name, rater_id in sorted(job.params["raters"].items()):
        # Two jobs that make one rater at the same time queue one run.
        rater = Rater.objects.select_for_update(no_key=True).get(pk=rater_id)
        if not ProbeRun.objects.filter(rater=rater, suite=SUITE).exists():
            run = start(
                project=job.project,
                scorer=name,
                settings=job.params["scorers"][name],
                rater=rater,
                by=job.created_by,
                gives_way=True,
            )
            ProbeRun.objects.filter(pk=run.pk, rater=None).update(rater=rater)
            started.append(run)
    return started
