"""`manage.py rounds PROJECT --by scores:CRITERION`: whether scorers rank in one round as they ranked in another."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from curation.actions import rounds
from curation.errors import PairwrightError
from curation.management.commands.reward import find_project


class Command(BaseCommand):
    help = "Compares a scorer's ranking between rounds of samples, or between the scorer's own revisions."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="the project's address, such as signs-and-scenes")
        parser.add_argument("--by", required=True, metavar="scores:CRITERION", help="whose numbers rank")
        parser.add_argument("--over", default="prompts", choices=list(rounds.UNITS), help="what is ranked")
        parser.add_argument("--revisions", action="store_true", help="between revisions of the scorer, not rounds")

    def handle(self, *args: Any, **options: Any) -> None:
        source, _colon, criterion = options["by"].partition(":")
        if source != "scores" or not criterion:
            raise CommandError(f"--by is {options['by']!r}. Write scores:CRITERION, such as scores:overall.")
        chosen = {"over": options["over"], "revisions": options["revisions"]}
        try:
            found = rounds.compare(project=find_project(options["project"]), criterion=criterion, **chosen)
        except PairwrightError as error:
            raise CommandError(str(error)) from error
        if not found:
            self.stdout.write("There is one round only, so nothing can be compared.")
        for each in found:
            rank = f"Spearman {_number(each.spearman)}, Kendall {_number(each.kendall)}"
            self.stdout.write(
                f"  {each.rater}: {each.first} and {each.second}: {rank}, over {each.units:,} {options['over']}"
            )


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:+.3f}"
