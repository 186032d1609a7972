"""`manage.py build_dataset PROJECT --recipe FILE --name NAME`: freezes the next version and prints the funnel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from curation.actions import datasets, recipes
from curation.errors import PairwrightError
from curation.models import DatasetVersion, Job, Project
from curation.recipe_words import in_order, lines
from curation.recipes.parse import parse


class Command(BaseCommand):
    help = "Builds a dataset by a recipe, freezes its next version and prints what each step kept."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="the project's address, such as signs-and-scenes")
        parser.add_argument("--recipe", required=True, metavar="FILE", help="a recipe in YAML; see docs/recipes.md")
        parser.add_argument("--name", required=True, help="the dataset; its versions are NAME@1, NAME@2, …")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            known = ", ".join(Project.objects.order_by("slug").values_list("slug", flat=True)[:10]) or "none yet"
            raise CommandError(f"There is no project {options['project']!r}. Projects here: {known}.")
        try:
            version = self._build(project, read_recipe(options["recipe"]), options["name"])
        except PairwrightError as error:
            raise CommandError(str(error)) from error
        self._report(version)

    def _build(self, project: Project, text: str, name: str) -> DatasetVersion:
        title = parse(text).title
        recipe = recipes.save(project=project, name=title, text=text, by=None)
        job = datasets.order(project=project, recipe=recipe, name=name, by=None)
        version = datasets.run_job(job_id=job.pk)
        if version is None:
            job = Job.objects.get(pk=job.pk)
            raise CommandError(f"The build is {job.get_state_display()} elsewhere; see the job on its page.")
        return version

    def _report(self, version: DatasetVersion) -> None:
        counts = version.manifest["counts"]
        self.stdout.write(f"{version} by “{version.recipe}”")
        self.stdout.write("\n".join(lines(version.funnel)))
        for what in ("pairs_by_split", "pairs_by_basis"):
            parts = ", ".join(f"{name} {counts[what][name]:,}" for name in in_order(counts[what])) or "none"
            self.stdout.write(f"  {what.replace('_', ' ')}: {parts}")
        self.stdout.write(f"  {counts['pairs']:,} pairs of {counts['prompts_with_pairs']:,} prompts")
        self.stdout.write(f"  digest {version.digest}")
        if not version.pair_count and version.manifest["recipe"]["rules"]["pairing"]["rule"] != "none":
            self.stdout.write(
                self.style.WARNING("  No pair survived. The line that drops to zero says which step to mend.")
            )


def read_recipe(name: str) -> str:
    """The text of a recipe file, or a sentence about why there is none."""
    path = Path(name)
    if not path.is_file():
        raise CommandError(
            f"{name!r} is not a file. Name a recipe in YAML; examples are in curation/recipes/examples/."
        )
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise CommandError(f"{name!r} is not UTF-8 text (byte {error.start}). Save it as UTF-8.") from error
