"""Recipes: the list, the editor, and the button that builds a version."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from curation.access import Right
from curation.actions import datasets, recipes
from curation.forms.recipes import BuildForm, RecipeForm
from curation.models import Dataset, DatasetVersion, Project, Prompt, Recipe
from curation.recipes.problems import Problem, RecipeProblems
from curation.views.doorbell import ring_for_build
from curation.views.doors import PageRequest, project_page
from curation.views.starting_recipes import starting_text


@dataclass(frozen=True)
class Finding:
    """A mistake with the line it points at."""

    problem: Problem
    text: str


@project_page(Right.VIEW)
@require_safe
def recipe_list(request: PageRequest, project: Project) -> HttpResponse:
    """The newest version of each recipe, and how many datasets it made."""
    mine = Recipe.objects.visible_to(request.user).filter(project=project)
    newest = mine.select_related("created_by").order_by("name", "-number").distinct("name")
    built = dict(mine.order_by().values("name").annotate(n=Count("dataset_versions")).values_list("name", "n"))
    rows = [(row, built[row.name]) for row in newest]
    context = {"section": "recipes", "rows": rows}
    return render(request, "curation/recipes/list.html", context)


@project_page(Right.EDIT)
def recipe_new(request: PageRequest, project: Project) -> HttpResponse:
    """An editor that starts from a recipe fitting this project."""
    form = RecipeForm(request.POST or None, initial={"text": starting_text(project), "name": ""})
    return _saved(request, project, form) or _editor(request, project, form, None)


@project_page(Right.VIEW, write=Right.EDIT)
def recipe(request: PageRequest, project: Project, recipe_id: int) -> HttpResponse:
    """One version in the editor; saving makes the next one."""
    row = recipe_of(request, project, recipe_id)
    form = RecipeForm(request.POST or None, initial={"text": row.text, "name": row.name})
    return _saved(request, project, form) or _editor(request, project, form, row)


def _saved(request: PageRequest, project: Project, form: RecipeForm) -> HttpResponse | None:
    """Saves a form that was sent and is a recipe; its mistakes go on the form otherwise."""
    if request.method != "POST" or not form.is_valid():
        return None
    try:
        row = recipes.save(
            project=project, name=form.cleaned_data["name"], text=form.cleaned_data["text"], by=request.user
        )
    except RecipeProblems:
        return None  # the editor lists them with their lines
    messages.success(request, _("Saved as %(recipe)s.") % {"recipe": row})
    return redirect("recipe", project.slug, row.pk)


def _editor(request: PageRequest, project: Project, form: RecipeForm, row: Recipe | None) -> HttpResponse:
    text = form["text"].value() or ""
    findings = findings_in(project, text)
    versions = (
        Recipe.objects.visible_to(request.user).filter(project=project, name=row.name).order_by("-number")[:50]
        if row
        else []
    )
    built = (
        DatasetVersion.objects.visible_to(request.user).frozen().filter(recipe=row).select_related("dataset")[:20]
        if row
        else []
    )
    context = {
        "section": "recipes",
        "form": form,
        "recipe": row,
        "versions": versions,
        "built": built,
        "findings": findings,
        "build_form": BuildForm(initial={"dataset": _usual_dataset(project, row)}) if row else None,
        "saved_text": row.text if row else "",
        "prompt_count": Prompt.objects.filter(project=project).count(),
    }
    return render(request, "curation/recipes/editor.html", context, status=422 if request.method == "POST" else 200)


def _usual_dataset(project: Project, row: Recipe) -> str:
    """The dataset this recipe built last, or its own name as one."""
    last = Dataset.objects.filter(project=project, versions__recipe__name=row.name).order_by("-versions__pk").first()
    return last.name if last else slugify(row.name)[:80]


def findings_in(project: Project, text: str) -> list[Finding]:
    """The mistakes in a text, each with the line it stands on; none where it is a recipe."""
    try:
        recipes.check(project=project, text=text)
    except RecipeProblems as error:
        written = text.split("\n")
        return [Finding(p, written[p.line - 1] if p.line <= len(written) else "") for p in error.problems]
    return []


@require_POST
@project_page(Right.EDIT)
def recipe_build(request: PageRequest, project: Project, recipe_id: int) -> HttpResponse:
    """Orders the next version of a dataset by this recipe and goes to its job."""
    row = recipe_of(request, project, recipe_id)
    form = BuildForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("A dataset needs a name of small letters, digits and hyphens."))
        return redirect("recipe", project.slug, row.pk)
    job = datasets.order(project=project, recipe=row, name=form.cleaned_data["dataset"], by=request.user)
    ring_for_build(job)
    return redirect("build", project.slug, job.pk)


def recipe_of(request: HttpRequest, project: Project, recipe_id: int) -> Recipe:
    found: Recipe = get_object_or_404(Recipe.objects.visible_to(request.user).filter(project=project), pk=recipe_id)
    return found
