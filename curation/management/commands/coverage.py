"""`manage.py coverage PROJECT`: how many prompts and samples each value of the taxonomy has, empty ones included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from curation.actions import prompt_taxonomy
from curation.errors import PairwrightError
from curation.management.commands.reward import find_project
from curation.prompt_tools.taxonomy import Coverage, Cross, balanced_recipe


class Command(BaseCommand):
    help = "Shows what a project's prompts cover; --taxonomy states what they should."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="the project's address, such as signs-and-scenes")
        parser.add_argument("--taxonomy", type=Path, metavar="FILE", help="YAML: facets with their values; kept")
        parser.add_argument("--cross", nargs=2, metavar="FACET", help="two facets against each other")
        parser.add_argument("--recipe", metavar="FACET", help="the lines of a recipe that balances by this facet")

    def handle(self, *args: Any, **options: Any) -> None:
        project = find_project(options["project"])
        try:
            if options["taxonomy"]:
                text = options["taxonomy"].read_text(encoding="utf-8")
                prompt_taxonomy.set_text(project=project, text=text, by=None)
            if options["cross"]:
                first, second = options["cross"]
                self._cross(prompt_taxonomy.crossed(project=project, first=first, second=second))
                return
            found = prompt_taxonomy.covered(project=project).facets
        except (OSError, UnicodeDecodeError, PairwrightError) as error:
            raise CommandError(str(error)) from error
        if options["recipe"]:
            self.stdout.write(_recipe(found, options["recipe"]), ending="")
            return
        for facet in found:
            self._facet(facet)

    def _facet(self, found: Coverage) -> None:
        balance = found.balance
        self.stdout.write(
            f"{found.facet}: {balance.prompts:,} prompts, {balance.without:,} without; {balance.empty} of "
            f"{balance.values} values empty; evenness {balance.evenness:.2f}, as good as {balance.effective:.1f} values"
        )
        for line in found.lines:
            indent = "    " if line.part else "  "
            name = line.part or line.value
            self.stdout.write(f"{indent}{name:<24} {line.prompts:>8,} prompts {line.samples:>9,} samples")

    def _cross(self, found: Cross) -> None:
        wide = max(map(len, (*found.rows, "")))
        for number, column in enumerate(found.columns, 1):
            self.stdout.write(f"  ({number}) {column}")
        self.stdout.write(" " * wide + "".join(f"{f'({n})':>8}" for n in range(1, len(found.columns) + 1)))
        for row, counts in zip(found.rows, found.counts, strict=True):
            self.stdout.write(f"{row:<{wide}}" + "".join(f"{count:>8,}" for count in counts))
        self.stdout.write(f"{found.empty:,} empty")


def _recipe(found: list[Coverage], facet: str) -> str:
    wanted = next((one for one in found if one.facet == facet), None)
    if wanted is None:
        raise CommandError(f"There is no facet {facet!r}. Known: {', '.join(one.facet for one in found)}.")
    return balanced_recipe(facet, wanted)
