"""`manage.py freeze_benchmark PROJECT --name NAME`: holds prompts out of everything that is trained on."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from curation.actions import benchmarks
from curation.actions.benchmarks import Selection
from curation.errors import PairwrightError, Refused
from curation.models import DatasetVersion, Project


class Command(BaseCommand):
    help = (
        "Freezes prompts, their samples and people's verdicts as a benchmark. Nothing of it is paired or exported in "
        "any project from then on, and it cannot be thawed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="the project's address, such as signs-and-scenes")
        parser.add_argument("--name", required=True, help="its versions are NAME@1, NAME@2, …")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--dataset", dest="of", metavar="NAME@3", help="what stands in a version of a dataset")
        what.add_argument("--tag", help="the prompts with this tag, and those that have a sample with it")
        what.add_argument("--batch", metavar="ID", help="the items that people judged in this batch")
        parser.add_argument("--split", default="", help="of the version; without it, all")
        parser.add_argument("--least-votes", type=int, default=1, metavar="N", help="of a couple of the batch; 1")
        parser.add_argument(
            "--least-share", type=float, default=0.0, metavar="SHARE", help="of the votes for the winner, 0 to 1; 0"
        )
        parser.add_argument("--description", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            known = ", ".join(Project.objects.order_by("slug").values_list("slug", flat=True)[:10]) or "none yet"
            raise CommandError(f"There is no project {options['project']!r}. Projects here: {known}.")
        try:
            benchmark = benchmarks.freeze(
                project=project,
                name=options["name"],
                selection=_selection(project, options),
                description=options["description"],
                by=None,
            )
        except PairwrightError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{benchmark}: {benchmark.item_count:,} prompts, {benchmark.sample_count:,} samples, "
            f"{benchmark.verdict_count:,} verdicts"
        )
        self.stdout.write(f"  digest {benchmark.digest}")


def _selection(project: Project, options: dict[str, Any]) -> Selection:
    if options["of"]:
        version = DatasetVersion.objects.named(options["of"])
        if version.dataset.project_id != project.pk:
            raise Refused(f"{version} belongs to {version.dataset.project}, not to {project}.")
        return benchmarks.of_version(version, options["split"])
    if options["tag"]:
        return benchmarks.of_tag(project, options["tag"])
    if options["batch"]:
        return benchmarks.of_batch(
            options["batch"], least_votes=options["least_votes"], least_share=options["least_share"]
        )
    return benchmarks.of_project(project)
