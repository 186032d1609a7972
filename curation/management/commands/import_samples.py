"""`manage.py import_samples PROJECT PATH`: prompts, samples and judgements from a file, folder or archive."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.text import slugify

from curation.actions import hub_folders, importing, projects
from curation.errors import PairwrightError
from curation.formats import FORMATS, JudgementRow, SampleRow
from curation.formats.tasks import guess_task
from curation.models import Job, Project, Task

REASONS_SHOWN = 20
# The first rows tell what a new project is about.
LOOKED_AT_ROWS = 200


class Command(BaseCommand):
    help = (
        "Imports prompts, samples and judgements. The format is recognised; the project is made if there is none. "
        "Running it again changes nothing, and goes on where a killed import stopped."
    )
    needs_samples = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="the project's address, such as signs-and-scenes")
        parser.add_argument(
            "path", help="a file, folder or archive, or hub:owner/name[@revision]; docs/import.md lists the formats"
        )
        parser.add_argument(
            "--format", default="", metavar="NAME", help=f"instead of guessing: {', '.join(sorted(FORMATS))}"
        )
        parser.add_argument("--media-root", type=Path, metavar="DIR", help="the folder that media names start from")
        parser.add_argument(
            "--declare-absent", action="store_true", help="keep samples whose files are not here, marked as absent"
        )
        parser.add_argument("--licence", default="", help="of rows that name none")
        parser.add_argument(
            "--dry-run", action="store_true", help="read everything, write nothing, tell what would happen"
        )
        parser.add_argument(
            "--benchmark",
            metavar="NAME",
            help="freeze what comes as this benchmark, held out of all training; public test sets are frozen anyway, "
            "unless NAME is empty",
        )
        parser.add_argument("--json", action="store_true", help="the report as one JSON object")
        if self.needs_samples:
            parser.add_argument(
                "--task", default="", choices=["", *Task.values], help="of a new project, instead of guessing"
            )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            chosen = importing.for_path(
                hub_folders.here(options["path"]),
                format_name=options["format"],
                media_root=options["media_root"],
                declare_absent=options["declare_absent"],
                licence=options["licence"],
                is_dry_run=options["dry_run"],
                benchmark=options["benchmark"],
            )
            project, is_new = self._project(options, chosen)
            try:
                job = self._run(project, chosen, quiet=options["json"])
                report = _report(job, chosen, project, is_new)
            finally:
                if is_new and chosen.is_dry_run:
                    project.delete()  # a dry run leaves nothing behind, the project it needed included
        except PairwrightError as error:
            raise CommandError(str(error)) from error
        self._tell(report, as_json=options["json"])

    def _project(self, options: dict[str, Any], chosen: importing.Options) -> tuple[Project, bool]:
        slug = options["project"]
        found = Project.objects.filter(slug=slug).first()
        if found is not None:
            return found, False
        if not self.needs_samples:
            raise CommandError(f"There is no project {slug!r}. Import its samples first: import_samples {slug} PATH.")
        if slug != slugify(slug):
            raise CommandError(
                f"{slug!r} cannot be an address; use small letters, digits and hyphens: {slugify(slug)!r}."
            )
        task = options["task"] or _task_of(chosen)
        return projects.create(name=slug.replace("-", " ").capitalize(), slug=slug, task=task, by=None), True

    def _run(self, project: Project, chosen: importing.Options, *, quiet: bool) -> Job:
        unfinished = _same_unfinished(project, chosen)
        job = unfinished or importing.create(project=project, options=chosen, by=None)
        shows = not quiet and sys.stdout.isatty()
        done = importing.run(job=job, progress=self._progress if shows else None)
        if shows:
            self.stdout.write("")
        if done is None:
            raise CommandError(f"Job {job.pk} imports the same at this moment; wait for it or cancel it.")
        return done

    def _progress(self, run: importing.Run) -> None:
        total = f" of about {run.job.total:,}" if run.job.total else ""
        self.stdout.write(f"\r  {run.rows_done:,}{total} rows, {run.counts['refused']:,} refused ", ending="")
        self.stdout.flush()

    def _tell(self, report: dict[str, Any], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(report, ensure_ascii=False))
            return
        counts = report["counts"]
        self.stdout.write(f"{report['title']} as {report['format_title']}, into “{report['project']}”")
        if report["project_is_new"]:
            self.stdout.write(f"  a new project; its task is {report['task']}")
        for what in ("prompts", "samples", "judgements"):
            self.stdout.write(f"  {counts[f'{what}_new']:>8,} new {what}, {counts[f'{what}_known']:,} there already")
        if report["benchmark"]:
            will = "would be" if report["is_dry_run"] else "is"
            self.stdout.write(f"  it {will} frozen as the benchmark {report['benchmark']}: held out of all training")
        if counts["samples_absent"]:
            self.stdout.write(f"  {counts['samples_absent']:>8,} of the samples are absent: counted, never exported")
        if counts["lists_silent"]:
            self.stdout.write(f"  {counts['lists_silent']:>8,} lists prefer nothing to anything: counted, not stored")
        self._tell_refusals(report)
        if report["is_dry_run"]:
            self.stdout.write(self.style.WARNING("  A dry run: nothing was written."))

    def _tell_refusals(self, report: dict[str, Any]) -> None:
        refused = report["counts"]["refused"]
        if not refused:
            return
        self.stdout.write(self.style.WARNING(f"  {refused:>8,} refused:"))
        for refusal in report["refusals"][:REASONS_SHOWN]:
            self.stdout.write(f"    {refusal['where']}: {refusal['reason']}")
        if refused > REASONS_SHOWN:
            self.stdout.write(f"    … and {refused - REASONS_SHOWN:,} more: see the import's page, or say --json")


def _task_of(chosen: importing.Options) -> str:
    """The task of the first samples; prompts alone are taken for pictures to come."""
    workspace = importing.look_workspace()
    try:
        rows = chosen.format.read(Path(chosen.path), Path(chosen.media_root), workspace)
        for number, row in enumerate(rows):
            if isinstance(row, SampleRow):
                return guess_task(row)
            if isinstance(row, JudgementRow) or number > LOOKED_AT_ROWS:
                break
    finally:
        importing.remove(workspace)
    return Task.TEXT_TO_IMAGE


def _same_unfinished(project: Project, chosen: importing.Options) -> Job | None:
    """An import of the very same that was killed: its owner has been silent for a minute, so it is taken up again.

    Sooner than that a new job starts from the first row; it finds what is there and writes the rest.
    """
    same = Job.objects.unfinished().filter(project=project, kind=Job.Kind.IMPORT, params=chosen.as_params())
    return same.free().first()


def _report(job: Job, chosen: importing.Options, project: Project, is_new: bool) -> dict[str, Any]:
    return {
        "job": job.pk,
        "state": job.state,
        "title": job.title,
        "project": project.slug,
        "project_is_new": is_new,
        "task": project.task,
        "format": chosen.format_name,
        "format_title": str(chosen.format.title),
        "is_dry_run": chosen.is_dry_run,
        "counts": job.result["counts"],
        "benchmark": job.result.get("benchmark", chosen.benchmark if chosen.is_dry_run else ""),
        "refusals": [
            {"where": what, "reason": reason}
            for what, reason in job.failures.order_by("id").values_list("what", "reason").iterator()
        ],
    }
