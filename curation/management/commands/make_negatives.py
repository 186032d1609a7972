"""`manage.py make_negatives PROJECT --operator NAME`: samples made worse on purpose, where and how is known."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from curation.actions import negatives
from curation.errors import PairwrightError
from curation.management.commands.reward import find_project
from curation.negatives.operators import OPERATORS


class Command(BaseCommand):
    help = "Makes synthetic negatives of the samples of a project; without --operator it lists the operators."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="the project's address, such as signs-and-scenes")
        parser.add_argument(
            "--operator", action="append", default=[], metavar="NAME", help="may be given several times"
        )
        parser.add_argument("--seed", type=int, default=0, help="another seed, other places (default 0)")
        parser.add_argument("--generator", default="", metavar="NAME", help="only of samples by this generator")
        parser.add_argument("--tag", default="", help="only of samples with this tag, of their own or their prompt's")
        parser.add_argument("--limit", type=int, metavar="N", help="of at most N samples, the oldest first")

    def handle(self, *args: Any, **options: Any) -> None:
        project = find_project(options["project"])
        if not options["operator"]:
            for each in OPERATORS.values():
                self.stdout.write(f"  {each.name:<22} {each.applies_to:<8} {each.says}")
            return
        chosen = {name: options[name] for name in ("seed", "generator", "tag", "limit")}
        wanted = negatives.Wanted(operators=options["operator"], **chosen)
        try:
            outcome = negatives.make(project=project, wanted=wanted)
        except PairwrightError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{outcome.originals:,} samples looked at")
        for name in dict.fromkeys(options["operator"]):
            made, known, not_applicable = outcome.made[name], outcome.known[name], outcome.inapplicable[name]
            self.stdout.write(
                f"  {name}: {made:,} made, {known:,} were here, {not_applicable:,} have nothing to change"
            )
