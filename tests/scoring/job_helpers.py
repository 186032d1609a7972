"""Small things that the tests of jobs say again and again."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from curation.models import Job, JobChunk, Project, Sample, Score
from scoring.actions import working
from tests import factories


def texts(project: Project, *words: str) -> list[Sample]:
    """One prompt with one text answer for each word."""
    prompt = factories.prompt(project)
    return [factories.sample(prompt, text=word) for word in words]


def work_through(job: Job, most: int = 500) -> Job:
    """Steps as one worker takes them, until nothing is left to do."""
    for _step in range(most):
        if not working.step(job.pk):
            break
    job.refresh_from_db()
    return job


def values(project: Project) -> dict[str, float]:
    """Living scores by the text they are about."""
    rows = Score.objects.living().filter(judgement__project=project)
    return dict(rows.values_list("sample__text", "value"))


def fall_silent(job: Job) -> None:
    """The owners of a job and its parts were last heard two minutes ago."""
    then = timezone.now() - timedelta(minutes=2)
    Job.objects.filter(pk=job.pk, state="running").update(heartbeat_at=then)
    JobChunk.objects.filter(job=job, state="running").update(heartbeat_at=then)
