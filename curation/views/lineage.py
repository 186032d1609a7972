"""The lineage of one pair: both samples, what was said, by whom and by which revision, the rules, the files."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from curation.access import Right
from curation.actions import lineage
from curation.models import DatasetVersion, Project
from curation.views.datasets import version_of
from curation.views.doors import PageRequest, project_page
from curation.views.pictures import all_pictures

# Statements in the table of the page; the command tells all.
SHOWN = 200


@project_page(Right.VIEW)
@require_safe
def find_pair(request: PageRequest, project: Project) -> HttpResponse:
    """`?pair=`: the lineage of the pair whose id begins so, in the newest version of the project that holds it."""
    versions = DatasetVersion.objects.visible_to(request.user).filter(dataset__project=project)
    version, pair_id = lineage.the_one(versions, request.GET.get("pair", ""))
    return redirect("pair", project.slug, version.dataset.name, version.label, pair_id)


@project_page(Right.VIEW)
@require_safe
def pair(request: PageRequest, project: Project, name: str, label: str, pair_id: str) -> HttpResponse:
    version = version_of(request, project, name, label)
    found = lineage.explain(version, pair_id)
    shown = all_pictures([side.pk for side in found.sides if side])
    context = {
        "section": "datasets",
        "version": version,
        "found": found,
        "row": found.row,
        "sides": [(word, side, shown[side.pk] if side else []) for word, side in zip(_WORDS, found.sides, strict=True)],
        "statements": found.statements[:SHOWN],
        "more": max(len(found.statements) - SHOWN, 0),
        "recipe_lines": [
            (number, text, number == found.line) for number, text in enumerate(version.recipe.text.splitlines(), 1)
        ],
    }
    return render(request, "curation/datasets/pair.html", context)


_WORDS = ("chosen", "rejected")
