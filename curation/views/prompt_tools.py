"""Tools on prompts: contrasts by operator, files of wordings and constraints, and wordings by hand."""

from __future__ import annotations

import tempfile
from pathlib import Path, PurePath
from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from curation.access import Right, may
from curation.actions import prompt_constraints, prompt_contrasts, prompt_links, raters
from curation.actions.prompt_links import Wording
from curation.errors import Refused
from curation.formats.rows import Refusal
from curation.forms.prompt_tools import CONSTRAINTS, MOST_AT_ONCE, ContrastForm, FileForm, WordingForm
from curation.models import Project, Prompt, PromptConstraints, PromptLink
from curation.prompt_tools.rewrites import CONTRAST
from curation.views.doors import PageRequest, project_page
from curation.views.paging import Key, keyset

SIZE = 40
REFUSALS_SHOWN = 5


@project_page(Right.VIEW)
@require_safe
def tools(request: PageRequest, project: Project) -> HttpResponse:
    return _page(request, project)


def _page(request: PageRequest, project: Project, status: int = 200, **forms: Any) -> HttpResponse:
    links = PromptLink.objects.visible_to(request.user).filter(project=project)
    relation = request.GET.get("relation", "")
    shown = links.filter(relation=relation) if relation in PromptLink.Relation.values else links
    counts = dict(links.order_by().values_list("relation").annotate(n=Count("pk")))
    page = keyset(
        shown.select_related("prompt", "origin", "author"), [Key("pk", descending=True)], request.GET, size=SIZE
    )
    context = {
        "section": "prompts",
        "tab": "tools",
        "page": page,
        "relation": relation,
        "relations": [(value, label, counts.get(value, 0)) for value, label in PromptLink.Relation.choices],
        "all_links": sum(counts.values()),
        "listed": PromptConstraints.objects.filter(prompt__project=project).count(),
        "may_edit": may(request.role, Right.EDIT),
        "contrast_form": ContrastForm(),
        "file_form": FileForm(),
        **forms,
    }
    return render(request, "prompts/tools.html", context, status=status)


@project_page(Right.EDIT)
@require_POST
def contrasts_make(request: PageRequest, project: Project) -> HttpResponse:
    """Contrasts of the oldest prompts that fit; how many, and what is left to the command, is said."""
    form = ContrastForm(request.POST)
    if not form.is_valid():
        return _page(request, project, 400, contrast_form=form)
    chosen = form.cleaned_data
    wanted = prompt_contrasts.Wanted(
        operators=chosen["operators"], per_prompt=chosen["per_prompt"], tag=chosen["tag"], limit=MOST_AT_ONCE
    )
    try:
        outcome = prompt_contrasts.make(project=project, wanted=wanted)
    except Refused as error:
        form.add_error(None, str(error))
        return _page(request, project, 400, contrast_form=form)
    messages.success(
        request,
        _("%(made)d contrasts are new, %(known)d were here; %(unchanged)d of %(all)d prompts have nothing to change.")
        % {
            "made": outcome.made.total(),
            "known": outcome.known,
            "unchanged": outcome.unchanged,
            "all": outcome.originals,
        },
    )
    if outcome.originals == MOST_AT_ONCE:
        messages.info(
            request,
            _("Only the first %(most)d prompts were looked at. `manage.py contrast` takes all of them.")
            % {"most": MOST_AT_ONCE},
        )
    return redirect("prompt_tools", project.slug)


@project_page(Right.EDIT)
@require_POST
def file_take(request: PageRequest, project: Project) -> HttpResponse:
    form = FileForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, project, 400, file_form=form)
    try:
        said, refused = _taken(request, project, form.cleaned_data["what"], form.cleaned_data["file"])
    except Refused as error:
        form.add_error("file", str(error))
        return _page(request, project, 400, file_form=form)
    messages.success(request, said)
    for refusal in refused[:REFUSALS_SHOWN]:
        messages.warning(request, f"{refusal.where}: {refusal.reason}")
    if len(refused) > REFUSALS_SHOWN:
        more = len(refused) - REFUSALS_SHOWN
        messages.warning(
            request, ngettext("%(n)d more row was refused.", "%(n)d more rows were refused.", more) % {"n": more}
        )
    return redirect("prompt_tools", project.slug)


def _taken(request: PageRequest, project: Project, what: str, file: UploadedFile) -> tuple[str, list[Refusal]]:
    """What became of an uploaded file, in words, and the rows that were refused."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"rows{PurePath(file.name or '').suffix.lower()}"
        with path.open("wb") as out:
            for chunk in file.chunks():
                out.write(chunk)
        if what == CONSTRAINTS:
            lists = prompt_constraints.import_file(project=project, path=path, by=request.user)
            words = _("%(new)d lists are new, %(changed)d changed, %(same)d are as before.")
            return words % {name: lists.counts[name] for name in ("new", "changed", "same")}, lists.refused
        links = prompt_links.import_file(project=project, path=path)
        words = _("%(made)d wordings are new and %(known)d were here.")
        return words % {"made": links.made.total(), "known": links.known}, links.refused


@project_page(Right.EDIT)
@require_POST
def wording_add(request: PageRequest, project: Project, prompt_id: int) -> HttpResponse:
    """A rewrite or a contrast by hand, from the page of its original; back to that page, whatever became of it."""
    origin = get_object_or_404(Prompt, project=project, pk=prompt_id)
    form = WordingForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
        return redirect("prompt", project.slug, origin.pk)
    said, author = form.cleaned_data, raters.for_user(request.user)
    try:
        if said["relation"] == CONTRAST:
            prompt_contrasts.write(project=project, origin=origin, text=said["text"], author=author)
        else:
            wording = Wording(said["text"], said["relation"], author=author, locale=said["locale"])
            prompt_links.add(project=project, origin=origin, wordings=[wording])
    except Refused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The wording is linked to this prompt."))
    return redirect("prompt", project.slug, origin.pk)
