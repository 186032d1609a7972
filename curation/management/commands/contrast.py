"""`manage.py contrast PROJECT --operator count,colour`: prompts that differ from an original in one small thing."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from curation.actions import prompt_contrasts
from curation.errors import PairwrightError
from curation.management.commands.reward import find_project
from curation.prompt_tools.contrasts import OPERATORS


class Command(BaseCommand):
    help = "Makes contrast prompts of a project's English prompts; without --operator it lists the operators."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="the project's address, such as signs-and-scenes")
        parser.add_argument("--operator", default="", metavar="NAME,NAME", help="which edits, in turn; all: every one")
        parser.add_argument("--per-prompt", type=int, metavar="N", help="at most N contrasts of each prompt")
        parser.add_argument("--tag", default="", help="only of prompts with this tag")
        parser.add_argument("--limit", type=int, metavar="N", help="of at most N prompts, the oldest first")

    def handle(self, *args: Any, **options: Any) -> None:
        project = find_project(options["project"])
        names = [name.strip() for name in options["operator"].split(",") if name.strip()]
        if not names:
            for each in OPERATORS.values():
                self.stdout.write(f"  {each.name:<12} {each.says}")
            return
        chosen = {name: options[name] for name in ("per_prompt", "tag", "limit")}
        wanted = prompt_contrasts.Wanted(operators=list(OPERATORS) if names == ["all"] else names, **chosen)
        try:
            outcome = prompt_contrasts.make(project=project, wanted=wanted)
        except PairwrightError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{outcome.originals:,} prompts looked at, {outcome.unchanged:,} with nothing to change")
        for name, count in outcome.made.items():
            self.stdout.write(f"  {name}: {count:,} made")
        self.stdout.write(f"  {outcome.known:,} were here")
