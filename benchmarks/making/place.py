"""Servers, database and storage of a benchmark's own, and the time a real job takes there."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scoring.workers import OwnWorker

# Whether the job is over is asked ten times a second. Asked a hundred times a second, the questions alone took 1.4 s of
# this process during a job of 12 s on two cores, and more in PostgreSQL; nobody watches a job like that.
SECONDS_BETWEEN_LOOKS = 0.1


def settle(data: Path) -> None:
    """Starts embedded servers in this folder, whatever the installation uses, and prepares the database."""
    for name in ("DATABASE_URL", "REDIS_URL", "PAIRWRIGHT_S3_BUCKET"):
        os.environ.pop(name, None)
    os.environ.update(
        DJANGO_SETTINGS_MODULE="config.settings",
        PAIRWRIGHT_ENV_FILE="",
        PAIRWRIGHT_DATA=str(data),
        PAIRWRIGHT_LOG_LEVEL="WARNING",
    )
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def stop() -> None:
    from config import embedded

    embedded.stop()


def import_rows(rows: Path, slug: str) -> Any:
    from django.core.management import call_command

    from curation.models import Project

    with open(os.devnull, "w") as nowhere:
        call_command("import_samples", slug, str(rows), "--json", stdout=nowhere)
    return Project.objects.get(slug=slug)


def seconds_of_job(worker: OwnWorker, project: Any, scorers: dict[str, dict[str, str]]) -> float:
    """From the message to the finished row: planned and cut, renditions read, scored, numbers written."""
    from curation.models import Job, State
    from scoring import tasks
    from scoring.actions.starting import start_scoring

    (job,) = start_scoring(project=project, scorers=scorers, by=None)
    began = time.perf_counter()
    tasks.ring(job)
    while Job.objects.unfinished().filter(pk=job.pk).exists():
        time.sleep(SECONDS_BETWEEN_LOOKS)
        worker.check()
    seconds = time.perf_counter() - began
    job.refresh_from_db()
    assert job.state == State.DONE, f"job {job.state}: {job.error}"
    assert job.failed == 0, list(job.failures.values_list("reason", flat=True)[:3])
    assert job.done == job.total, f"{job.done} of {job.total}, {job.skipped} not applicable"
    return seconds
