"""Recipes of a project: checked against its names, and kept in versions."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Exists, Func, OuterRef, QuerySet
from django.utils.translation import gettext as _

from curation.errors import Refused
from curation.models import Criterion, Generator, Judgement, Project, Prompt, Rater, Recipe, Sample, User
from curation.recipes import model
from curation.recipes.check import Known, parse_for


def known_names(project: Project, *, with_tags: bool = True) -> Known:
    """What a recipe of this project may name. Costs three queries; with tags two more, over all prompts and samples."""
    return Known(
        criteria=frozenset(Criterion.objects.filter(project=project).values_list("key", flat=True)),
        raters=frozenset(raters_of(project).values_list("name", flat=True)),
        generators=frozenset(Generator.objects.filter(project=project).values_list("name", flat=True)),
        tags=_tags(project) if with_tags else frozenset(),
    )


def _tags(project: Project) -> frozenset[str]:
    return frozenset(
        tag
        for model in (Prompt, Sample)
        for tag in model.objects.filter(project=project)
        .annotate(tag=Func("tags", function="unnest"))
        .values_list("tag", flat=True)
        .distinct()
    )


def raters_of(project: Project) -> QuerySet[Rater]:
    """Whoever has judged here."""
    return Rater.objects.filter(Exists(Judgement.objects.filter(rater=OuterRef("pk"), project=project)))


def check(*, project: Project, text: str) -> model.Recipe:
    """The recipe in a text.

    Raises:
        RecipeProblems: every mistake with its line and remedy.
    """
    return parse_for(text, known_names(project, with_tags="tags" in text))


@transaction.atomic
def save(*, project: Project, name: str, text: str, by: User | None) -> Recipe:
    """Keeps a text as the next version of a recipe; the newest version is returned when it has this very text.

    Raises:
        RecipeProblems: the text is no recipe of this project.
        Refused: the recipe has no name.
    """
    name = name.strip()
    if not name:
        raise Refused(_("The recipe has no name. Write one, such as “two stages”."))
    recipe = check(project=project, text=text)
    Project.objects.select_for_update().get(pk=project.pk)  # two savers take two numbers
    newest = Recipe.objects.filter(project=project, name=name).order_by("-number").first()
    if newest is not None and newest.text == text:
        return newest
    return Recipe.objects.create(
        project=project,
        name=name,
        number=newest.number + 1 if newest else 1,
        text=text,
        digest=recipe.digest(),
        created_by=by,
    )
