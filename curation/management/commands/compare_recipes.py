"""`manage.py compare_recipes PROJECT FIRST SECOND`: two recipes over the same evidence, and the rows that differ."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from curation import recipe_words
from curation.actions import comparing_recipes, recipes
from curation.errors import PairwrightError
from curation.management.commands.build_dataset import read_recipe
from curation.models import Project, Recipe

ROWS = 20


class Command(BaseCommand):
    help = "Runs two recipes over the whole evidence of a project and says what each step keeps and which rows differ."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project")
        parser.add_argument("first", help="a recipe in YAML, or a saved one as NAME@VERSION")
        parser.add_argument("second", help="the other one")
        parser.add_argument("--prompts", type=int, help="look at no more prompts than this")
        parser.add_argument("--rows", type=int, default=ROWS, help=f"how many rows of each kind to print; {ROWS}")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"There is no project {options['project']!r}.")
        names = (options["first"], options["second"])
        try:
            first, second = (recipes.check(project=project, text=_text(project, name)) for name in names)
            found = comparing_recipes.compare(
                project=project, first=first, second=second, most_prompts=options["prompts"]
            )
        except PairwrightError as error:
            raise CommandError(str(error)) from error
        for name, funnel, kept in zip(names, found.funnels, found.kept, strict=True):
            self.stdout.write(f"{name}: {kept:,} rows\n" + "\n".join(recipe_words.lines(funnel)))
        self._differences(found, options["rows"])

    def _differences(self, found: comparing_recipes.Compared, most: int) -> None:
        self.stdout.write(f"{found.same:,} rows are the same, over {found.looked_at:,} of {found.prompts:,} prompts")
        for kind, count in found.counts.items():
            self.stdout.write(f"{comparing_recipes.kind_words(kind)}: {count:,}")
            for row in found.rows.filter(found.rows["kind"] == kind).head(max(most, 0)).iter_rows(named=True):
                told = "  ".join(f"{name.removesuffix('_id')} {row[name]}" for name in row if name != "kind")
                self.stdout.write(f"  {told}")


def _text(project: Project, name: str) -> str:
    """A saved recipe's text by `NAME@VERSION`, or that of a file."""
    plain, at, number = name.rpartition("@")
    if at and number.isdecimal():
        row = Recipe.objects.filter(project=project, name=plain, number=int(number)).first()
        if row is None:
            raise CommandError(f"There is no recipe {plain!r} version {number} in {project.slug}.")
        return str(row.text)
    return read_recipe(name)
