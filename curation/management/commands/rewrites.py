"""`manage.py rewrites PROJECT FILE`: rewrites, expansions, translations and contrasts of prompts, linked to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from curation.actions import prompt_links
from curation.errors import PairwrightError
from curation.management.commands.reward import find_project


class Command(BaseCommand):
    help = "Imports wordings of prompts that are here, each linked to its original. Safe to repeat."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="the project's address, such as signs-and-scenes")
        parser.add_argument("file", type=Path, metavar="FILE", help=".jsonl, .json, .csv or .tsv; see docs/prompts.md")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        try:
            outcome = prompt_links.import_file(project=find_project(options["project"]), path=path)
        except PairwrightError as error:
            raise CommandError(str(error)) from error
        for refusal in outcome.refused:
            self.stderr.write(f"{refusal.where}: {refusal.reason}")
        for name, count in outcome.made.items():
            self.stdout.write(f"  {name}: {count:,} new")
        self.stdout.write(f"{outcome.known:,} were here, {len(outcome.refused):,} refused")
