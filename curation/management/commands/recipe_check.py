"""`manage.py recipe_check FILE [--project PROJECT]`: says what is wrong with a recipe, line by line."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from curation.actions import recipes
from curation.management.commands.build_dataset import read_recipe
from curation.models import Project
from curation.recipes.parse import parse
from curation.recipes.problems import RecipeProblems
from curation.recipes.schema import RECIPE_SCHEMA


class Command(BaseCommand):
    help = "Checks a recipe and points at the lines that are wrong; with a project, also the names in it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", help="a recipe in YAML")
        parser.add_argument("--project", help="also check criteria, raters, generators and tags against this project")
        parser.add_argument("--schema", action="store_true", help="print the JSON schema of recipes instead")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["schema"]:
            self.stdout.write(json.dumps(RECIPE_SCHEMA, indent=2))
            return
        if not options["file"]:
            raise CommandError("Name a recipe file, or use --schema.")
        text = read_recipe(options["file"])
        try:
            recipe = (
                recipes.check(project=self._project(options["project"]), text=text)
                if options["project"]
                else parse(text)
            )
        except RecipeProblems as error:
            problems = "\n".join(
                f"{options['file']}:{p.line}:{p.column}: {p.message} {p.remedy}" for p in error.problems
            )
            raise CommandError(problems) from error
        self.stdout.write(f"“{recipe.title}” is a recipe. Digest {recipe.digest()}")

    def _project(self, slug: str) -> Project:
        project = Project.objects.filter(slug=slug).first()
        if project is None:
            raise CommandError(f"There is no project {slug!r}.")
        return project
