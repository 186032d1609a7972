"""What a project's prompts cover of its taxonomy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from curation.access import Right, may
from curation.actions import prompt_taxonomy
from curation.actions.prompt_taxonomy import Narrowed
from curation.errors import Refused
from curation.forms.prompt_tools import TaxonomyForm
from curation.models import Project, Prompt
from curation.prompt_tools.taxonomy import Coverage, Cross, balanced_recipe
from curation.views.doors import PageRequest, project_page

# Plain tags may be thousands; beyond this a table is no help.
LINES = 60


@dataclass(frozen=True)
class Bar:
    """A line of the table with the length of its bar, per cent of the longest."""

    name: str
    tag: str
    is_part: bool
    prompts: int
    samples: int
    is_expected: bool
    percent: float


@dataclass(frozen=True)
class Shown:
    """A facet as the page shows it."""

    found: Coverage
    bars: list[Bar]
    more: int
    recipe: str


@project_page(Right.VIEW, write=Right.EDIT)
def coverage(request: PageRequest, project: Project) -> HttpResponse:
    """The table of every facet, two facets against each other, and the taxonomy itself."""
    form = TaxonomyForm(request.POST or None, initial={"text": prompt_taxonomy.as_text(project)})
    if request.method == "POST" and form.is_valid():
        try:
            prompt_taxonomy.set_text(project=project, text=form.cleaned_data["text"], by=request.user)
        except Refused as error:
            form.add_error("text", str(error))
        else:
            messages.success(request, _("The taxonomy is kept."))
            return redirect("prompt_coverage", project.slug)
    narrowed = Narrowed(
        tag=request.GET.get("tag", "")[:100],
        locale=request.GET.get("locale", "")[:20],
        answered=request.GET.get("answered") == "yes",
    )
    covered = prompt_taxonomy.covered(project=project, narrowed=narrowed)
    names = [one.facet for one in covered.facets]
    crossed = _crossed(request, project, names, narrowed)
    context = {
        "section": "prompts",
        "tab": "coverage",
        "covered": covered,
        "facets": [_shown(one) for one in covered.facets],
        "names": names,
        "crossed": crossed,
        "crossed_rows": list(zip(crossed[2].rows, crossed[2].counts, strict=True)) if crossed else [],
        "narrowed": narrowed,
        "locales": Prompt.objects.filter(project=project)
        .order_by("locale")
        .values_list("locale", flat=True)
        .distinct(),
        "form": form,
        "may_edit": may(request.role, Right.EDIT),
    }
    return render(request, "prompts/coverage.html", context, status=400 if form.errors else 200)


def _shown(found: Coverage) -> Shown:
    longest = max((line.prompts for line in found.lines), default=0) or 1
    bars = [
        Bar(
            name=line.part or line.value,
            tag=_tag(found.facet, line.name),
            is_part=bool(line.part),
            prompts=line.prompts,
            samples=line.samples,
            is_expected=line.is_expected,
            percent=100 * line.prompts / longest,
        )
        for line in found.lines
    ]
    return Shown(found, bars[:LINES], max(len(bars) - LINES, 0), balanced_recipe(found.facet, found))


def _tag(facet: str, name: str) -> str:
    return name if facet == "tag" else f"{facet}:{name}"


def _crossed(
    request: PageRequest, project: Project, names: Sequence[str], narrowed: Narrowed
) -> tuple[str, str, Cross] | None:
    """The two facets that are asked for, or the first two of the taxonomy; None where there is one only."""
    stated = [name for name in names if name != "tag"]
    first = request.GET.get("rows") or (stated[0] if len(stated) > 1 else "")
    second = request.GET.get("columns") or (stated[1] if len(stated) > 1 else "")
    if first not in names or second not in names or first == second:
        return None
    return first, second, prompt_taxonomy.crossed(project=project, first=first, second=second, narrowed=narrowed)
