"""`manage.py constraints PROJECT FILE`: lists of yes/no questions that prompts come apart into."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from curation.actions import prompt_constraints
from curation.errors import PairwrightError
from curation.management.commands.reward import find_project


class Command(BaseCommand):
    help = (
        "Imports lists of constraints: ours, facts in the manner of GenEval, or tuples in that of DSG. Safe to repeat."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="the project's address, such as signs-and-scenes")
        parser.add_argument("file", type=Path, metavar="FILE", help=".jsonl, .json, .csv or .tsv; see docs/prompts.md")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        try:
            outcome = prompt_constraints.import_file(project=find_project(options["project"]), path=path)
        except PairwrightError as error:
            raise CommandError(str(error)) from error
        for refusal in outcome.refused:
            self.stderr.write(f"{refusal.where}: {refusal.reason}")
        counts = outcome.counts
        self.stdout.write(
            f"{counts['new']:,} new, {counts['changed']:,} changed, {counts['same']:,} as before, "
            f"{len(outcome.refused):,} refused"
        )
