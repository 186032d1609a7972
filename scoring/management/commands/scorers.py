"""`manage.py scorers`: which scorers there are, and what each one is, in words."""

from __future__ import annotations

import textwrap
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from scoring import cards
from scoring.catalogue import CATALOGUE, facts_of
from scoring.scorers.base import ScorerFacts, ScorerUnavailable


class Command(BaseCommand):
    help = "List the scorers, or show one: what it judges, how its number comes about, what it needs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", nargs="?", default="list", choices=["list", "show"])
        parser.add_argument("scorer", nargs="?", help="name of the one to show")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["what"] == "list":
            self._list()
            return
        if not options["scorer"]:
            raise CommandError("Say which one: python manage.py scorers show NAME")
        try:
            self._show(facts_of(options["scorer"]))
        except ScorerUnavailable as error:
            raise CommandError(str(error)) from error

    def _list(self) -> None:
        width = max(len(name) for name in CATALOGUE)
        for name, facts in sorted(CATALOGUE.items()):
            self.stdout.write(f"{name.ljust(width)}  {facts.queue}  {_(facts.judges)}")
        self.stdout.write("\nOne of them: python manage.py scorers show NAME")

    def _show(self, facts: ScorerFacts) -> None:
        self.stdout.write(f"{_(facts.title)} ({facts.name}, version {facts.version})\n")
        for title, text in _sections(facts):
            self.stdout.write(f"  {title}")
            self.stdout.write(textwrap.fill(text, 96, initial_indent="    ", subsequent_indent="    "))
        self.stdout.write("  returns")
        for output in facts.outputs:
            self.stdout.write(
                f"    {output.criterion}: {_(output.title)}, {cards.span(output)}, {cards.direction(output)}"
            )
        for setting in facts.settings:
            self.stdout.write(f"  setting {setting.name} = {setting.default!r}: {_(setting.help)}")


def _sections(facts: ScorerFacts) -> list[tuple[str, str]]:
    return [
        ("judges", _(facts.judges)),
        ("how the number comes about", _(facts.formula)),
        ("needs", cards.needs(facts)),
        ("runs on", cards.place(facts)),
        ("licence", cards.licence(facts)),
        ("follows", facts.source),
    ]
