"""`manage.py takedown PROJECT --sample ID --because TEXT`: takes something down and makes the minor versions."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from curation.actions import withdrawals
from curation.actions.withdrawals import Scope
from curation.errors import PairwrightError
from curation.models import Job, Project, Prompt, Rater, Sample, Withdrawal


class Command(BaseCommand):
    help = (
        "Says which frozen versions a takedown touches; with --because it takes it down and makes one minor version of "
        "each. It cannot be undone."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="the project's address, such as signs-and-scenes")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--sample", metavar="ID_OR_KEY", help="one sample")
        what.add_argument("--prompt", metavar="ID_OR_KEY", help="a prompt with all its samples")
        what.add_argument("--asset", metavar="SHA256", help="a file, wherever it stands in the project")
        what.add_argument("--rater", metavar="NAME", help="everything that one person said here")
        parser.add_argument("--because", default="", metavar="TEXT", help="why; without it nothing is done")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            known = ", ".join(Project.objects.order_by("slug").values_list("slug", flat=True)[:10]) or "none yet"
            raise CommandError(f"There is no project {options['project']!r}. Projects here: {known}.")
        try:
            self._handle(project, _scope(project, options), options["because"])
        except PairwrightError as error:
            raise CommandError(str(error)) from error

    def _handle(self, project: Project, scope: Scope, because: str) -> None:
        prompts = f"{len(scope.prompts):,} prompt{'' if len(scope.prompts) == 1 else 's'}"
        samples = f"{len(scope.samples):,} sample{'' if len(scope.samples) == 1 else 's'}"
        self.stdout.write(f"{samples} and {prompts} of {project}")
        if not because:
            self._show(project, scope)
            return
        withdrawal = withdrawals.take_down(project=project, scope=scope, reason=because, by=None)
        if withdrawal.finished_at is None and withdrawal.job is not None:
            self._see_to_versions(withdrawal.job)
            withdrawal.refresh_from_db()
        for line in withdrawal.versions:
            lost = _counted(line["rows"], line["samples"])
            self.stdout.write(f"  {line['version']} → {line['minor']}, without {lost}")
        self.stdout.write("Taken down." if withdrawal.versions else "Taken down; no frozen version held it.")

    def _show(self, project: Project, scope: Scope) -> None:
        for one in withdrawals.affected(project=project, scope=scope):
            self.stdout.write(f"  {one.version}: {_counted(one.rows.pairs.height, one.rows.samples.height)}")
        self.stdout.write("Nothing was done. Say --because TEXT to take it down; it cannot be undone.")

    def _see_to_versions(self, job: Job) -> None:
        if withdrawals.run_job(job_id=job.pk) is None and not _is_over(job):
            raise CommandError("It is taken down; a worker is looking through the versions, see the job on its page.")


def _is_over(job: Job) -> bool:
    return Withdrawal.objects.filter(job=job).exclude(finished_at=None).exists()


def _counted(pairs: int, samples: int) -> str:
    return f"{pairs:,} pair{'' if pairs == 1 else 's'}, {samples:,} sample{'' if samples == 1 else 's'}"


def _scope(project: Project, options: dict[str, Any]) -> Scope:
    if options["asset"]:
        return withdrawals.of_asset(project, options["asset"])
    if options["rater"]:
        return withdrawals.of_rater(_rater(project, options["rater"]))
    if options["prompt"]:
        prompt = Prompt.objects.filter(project=project, **_named(options["prompt"])).first()
        if prompt is None:
            raise CommandError(f"There is no prompt {options['prompt']!r} in {project}. Name its id or its key.")
        return withdrawals.of_prompt(prompt)
    sample = Sample.objects.filter(project=project, **_named(options["sample"])).first()
    if sample is None:
        raise CommandError(f"There is no sample {options['sample']!r} in {project}. Name its id or its key.")
    return withdrawals.of_sample(sample)


def _named(name: str) -> dict[str, Any]:
    return {"pk": int(name)} if name.isdigit() else {"key": name}


def _rater(project: Project, name: str) -> Rater:
    found = list(Rater.objects.filter(judgements__project=project, name=name).distinct()[:2])
    if len(found) != 1:
        raise CommandError(f"{len(found)} raters here are called {name!r}; exactly one must be.")
    return found[0]
