"""What the commands of jobs share: samples narrowed, workers called, progress shown, the end told."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from curation.errors import Refused
from curation.models import Generator, Job, Project, State
from scoring import tasks, words, workers

SECONDS_BETWEEN_LOOKS = 0.5
# Where output goes to a file, a line now and then; a terminal has one line that changes.
SECONDS_BETWEEN_LINES = 10.0
# While a command waits it sweeps too: there may be no scheduler.
SECONDS_BETWEEN_SWEEPS = 30.0
REASONS_SHOWN = 5


class FollowingCommand(BaseCommand):
    """A command that starts jobs and, where asked, waits for their end."""

    # What was done to a thing, in the last line.
    done_word = "done"

    def add_job_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--generator", action="append", default=[], help="only samples of this generator")
        parser.add_argument("--round", action="append", default=[], type=int, help="only samples of this round")
        parser.add_argument("--wait", action="store_true", help="show progress until it is over")

    def run_jobs(self, jobs: list[Job], *, wait: bool) -> None:
        for job in jobs:
            tasks.ring(job)
        idle = sorted({job.queue for job in jobs} - workers.attended_queues())
        if not wait:
            self._say_what_waits(jobs, idle)
            return
        with workers.own_workers(idle) as own:
            if own:
                self.stdout.write(f"No worker answers; started one for {', '.join(idle)}.")
            self._follow(jobs, own)
        self._conclude(jobs)

    def _say_what_waits(self, jobs: list[Job], idle: list[str]) -> None:
        for job in jobs:
            self.stdout.write(f"Job {job.pk} ({job.title}) is {job.get_state_display()}.")
        for queue in idle:
            self.stderr.write(
                self.style.WARNING(
                    f"No worker answers on queue “{queue}”, so the job waits. Run `python manage.py up`, or a worker: "
                    f"celery -A config worker -Q {queue}{' --pool solo' if queue == 'gpu' else ''}. "
                    "Or say --wait, and this command starts one."
                )
            )

    def _follow(self, jobs: list[Job], own: list[workers.OwnWorker]) -> None:
        line = _Line(self.stdout, sys.stdout.isatty())
        swept = time.monotonic()
        while any(job.is_unfinished for job in jobs):
            line.show(" | ".join(f"{job.title}: {words.progress(job)}" for job in jobs))
            time.sleep(SECONDS_BETWEEN_LOOKS)
            for worker in own:
                worker.check()
            if time.monotonic() - swept > SECONDS_BETWEEN_SWEEPS:
                tasks.sweep()
                swept = time.monotonic()
            for job in jobs:
                job.refresh_from_db()
        line.end()

    def _conclude(self, jobs: list[Job]) -> None:
        for job in jobs:
            self.stdout.write(f"{job.title}: {_outcome(job, self.done_word)}")
            for failure in job.failures.all()[:REASONS_SHOWN]:
                self.stdout.write(f"  {failure.what}, {failure.source}: {failure.reason}")
            if job.failed > REASONS_SHOWN:
                self.stdout.write(f"  … and {job.failed - REASONS_SHOWN} more on the page of job {job.pk}")
        broken = [job for job in jobs if job.state != State.DONE]
        if broken:
            reasons = "; ".join(f"job {job.pk} {job.get_state_display()}: {job.error}".rstrip(": ") for job in broken)
            raise CommandError(f"{reasons.rstrip('.')}. Say the same command again to go on where it stopped.")


def _outcome(job: Job, done_word: str) -> str:
    if job.state == State.DONE and not job.total:
        return "nothing was missing"
    parts = [f"{job.done:,} of {job.total or 0:,} {done_word}", *words.apart(job)]
    if job.rate:
        parts.append(words.speed(job.rate))
    return " · ".join(parts)


def find_project(slug: str) -> Project:
    project = Project.objects.filter(slug=slug).first()
    if project is None:
        known = ", ".join(Project.objects.active().values_list("slug", flat=True)[:20])
        raise Refused(f"There is no project “{slug}”. There are: {known or 'none yet'}.")
    return project


def chosen_by(project: Project, options: dict[str, Any]) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    if options["generator"]:
        found = Generator.objects.filter(project=project, name__in=options["generator"])
        missing = sorted(set(options["generator"]) - {generator.name for generator in found})
        if missing:
            raise Refused(f"The project “{project.slug}” has no generator “{missing[0]}”.")
        chosen["generators"] = sorted(generator.pk for generator in found)
    if options["round"]:
        chosen["rounds"] = sorted(options["round"])
    return chosen


class _Line:
    """One line that changes in a terminal; in a file, a new line now and then."""

    def __init__(self, out: Any, is_terminal: bool) -> None:
        self._out, self._is_terminal = out, is_terminal
        self._shown_at = -SECONDS_BETWEEN_LINES
        self._width = 0

    def show(self, text: str) -> None:
        if self._is_terminal:
            self._out.write(f"\r{text.ljust(self._width)}", ending="")
            self._width = len(text)
            with contextlib.suppress(AttributeError):
                self._out.flush()
        elif time.monotonic() - self._shown_at >= SECONDS_BETWEEN_LINES:
            self._out.write(text)
            self._shown_at = time.monotonic()

    def end(self) -> None:
        if self._is_terminal and self._width:
            self._out.write(f"\r{' ' * self._width}\r", ending="")
