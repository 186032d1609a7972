"""The guideline: for reading by everybody, in versions with pictures for admins, and what a new one puts in doubt."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from annotation.actions import batches, guidelines
from annotation.actions.choosing import Filter, Plan
from annotation.actions.guidelines import NewPicture
from annotation.forms.people import GuidelineForm
from annotation.models import Batch
from curation.access import Right, may
from curation.errors import PairwrightError, Refused
from curation.models import GuidelineVersion, Project
from curation.views.doors import PageRequest, project_page
from curation.views.pictures import Picture, picture, with_assets


def guideline_json(guideline: GuidelineVersion | None) -> dict[str, Any] | None:
    """The guideline as the page of `annotate` embeds it: number, text, pictures with captions. Costs two queries."""
    if guideline is None:
        return None
    shown = pictures(guideline)
    return {
        "number": guideline.number,
        "text": guideline.text,
        "pictures": [
            {
                "url": one.full,
                "thumbnail": one.large,
                "kind": one.kind,
                "width": one.width,
                "height": one.height,
                "caption": row.caption,
                "is_good": row.is_good,
            }
            for row, one in shown
        ],
    }


def pictures(guideline: GuidelineVersion) -> list[tuple[Any, Picture]]:
    """The example pictures in their order. Costs two queries."""
    return [(row, picture(row)) for row in with_assets(guideline.pictures.all())]


@project_page(Right.ENTER)
@require_safe
def guideline(request: PageRequest, project: Project) -> HttpResponse:
    """The instructions in force; `?version=2` shows an older one."""
    shown = _version(request, project)
    context = {
        "section": "batches" if may(request.role, Right.VIEW) else "work",
        "guideline": shown,
        "pictures": (guideline_json(shown) or {}).get("pictures", []),
        "versions": project.guidelines.all(),
        "doubts": _doubts(request, project),
    }
    return render(request, "annotation/guideline/read.html", context)


def _version(request: PageRequest, project: Project) -> GuidelineVersion | None:
    number = request.GET.get("version", "")
    if not number:
        return project.guideline
    if not number.isdecimal() or len(number) > 4:
        raise Refused(_("“%(number)s” is no version.") % {"number": number})
    return get_object_or_404(project.guidelines, number=int(number))


def _doubts(request: PageRequest, project: Project) -> list[guidelines.Doubt]:
    """Shown to those who may see evidence; annotators read the text and the pictures."""
    if project.guideline is None or not may(request.role, Right.VIEW):
        return []
    return guidelines.in_doubt(project.guideline)


@project_page(Right.MANAGE)
def guideline_edit(request: PageRequest, project: Project) -> HttpResponse:
    """The next version: text, pictures kept, pictures added."""
    form = GuidelineForm(project.guideline, request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid() and (made := _add(request, project, form)) is not None:
        messages.success(request, _("Guideline v%(number)d holds from now on.") % {"number": made.number})
        return redirect("guideline", project.slug)
    shown = pictures(project.guideline) if project.guideline else []
    kept = {row.pk: field for row, field in form.picture_fields()}
    context = {
        "section": "batches",
        "form": form,
        "kept": [(row, one, kept[row.pk]) for row, one in shown if row.pk in kept],
    }
    return render(request, "annotation/guideline/edit.html", context, status=400 if form.is_bound else 200)


def _add(request: PageRequest, project: Project, form: GuidelineForm) -> GuidelineVersion | None:
    """The new version; None, with the reason on the form, where an upload is refused."""
    added = [NewPicture(one["file"].read(), one["file"].name, one["caption"], one["is_good"]) for one in form.added()]
    try:
        return guidelines.add_version(
            project=project, text=form.cleaned_data["text"], keep=form.kept(), added=added, by=request.user
        )
    except PairwrightError as error:
        form.add_error(None, str(error))
        return None


@project_page(Right.EDIT)
def guideline_again(request: PageRequest, project: Project) -> HttpResponse:
    """Drafts a batch that asks again what was judged under an older version; asks first."""
    source, version = _doubted(request, project)
    if request.method == "POST":
        try:
            batch = _ask_again(request, project, source, version)
        except PairwrightError as error:
            messages.error(request, str(error))
            return redirect("guideline", project.slug)
        messages.success(request, _("The draft asks again, under the guideline in force."))
        return redirect("batch", project.slug, batch.pk)
    context = {
        "section": "batches",
        "source": source,
        "version": version,
        "url": reverse("guideline", args=[project.slug]),
    }
    return render(request, "annotation/guideline/again.html", context)


def _doubted(request: PageRequest, project: Project) -> tuple[Batch, GuidelineVersion]:
    """The batch and the version named in the address or the form."""
    said = request.POST if request.method == "POST" else request.GET
    batch_id, number = said.get("batch", ""), said.get("version", "")
    if not (batch_id.isdecimal() and number.isdecimal()) or len(batch_id) > 18 or len(number) > 4:
        raise Refused(_("Choose a batch on the page of the guideline."))
    batch = get_object_or_404(Batch.objects.visible_to(request.user).filter(project=project), pk=int(batch_id))
    return batch, get_object_or_404(project.guidelines, number=int(number))


def _ask_again(request: PageRequest, project: Project, source: Batch, version: GuidelineVersion) -> Batch:
    before = Plan.from_json(source.rule) if source.rule.get("rule") else Plan()
    plan = Plan(
        rule="again",
        shape=before.shape,
        size=before.size,
        limit=None,
        filter=Filter(without_flagged=False),
        batch=source.pk,
        guidelines=(version.pk,),
    )
    batch, _chosen = batches.create(
        project=project,
        name=_("%(name)s, asked again") % {"name": source.name},
        questions=source.questions,
        plan=plan,
        settings={"overlap": source.overlap, "normalise_resolution": source.normalise_resolution},
        by=request.user,
    )
    return batch
