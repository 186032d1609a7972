"""The wordings of judges: built in or written here; edited, tried, and saved as a new version."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from curation.access import Right
from curation.errors import Refused
from curation.models import Job, Project
from curation.views.doors import PageRequest, is_part, project_page
from scoring import tasks
from scoring.actions.judging import starting, templates
from scoring.actions.judging.templates import Listed
from scoring.forms.templates import TemplateForm, TrialForm, initial_of
from scoring.judges import library
from scoring.judges.parsing import READERS
from scoring.judges.questions import PLACEHOLDERS
from scoring.models import Judge, JudgeTemplate
from scoring.views import judge_trial


@project_page(Right.VIEW)
@require_safe
def judge_templates(request: PageRequest, project: Project) -> HttpResponse:
    listed = templates.listed(project)
    context = {
        "section": "scorers",
        "tab": "templates",
        "own": [one for one in listed if one.row],
        "builtin": [one for one in listed if one.row is None],
    }
    return render(request, "scoring/judges/templates.html", context)


@project_page(Right.VIEW)
@require_safe
def judge_template(request: PageRequest, project: Project, template_name: str) -> HttpResponse:
    """One version of a wording: its words, its form, who uses it, and its other versions."""
    found = _found(project, template_name)
    plain = found.template.name
    context = {
        "section": "scorers",
        "tab": "templates",
        "found": found,
        "template": found.template,
        "rest": initial_of(library.to_plain(found.template), plain)["rest"],
        "versions": JudgeTemplate.objects.filter(project=project, name=plain).select_related("created_by"),
        "users": Judge.objects.filter(project=project, **_made_from(found)),
        "form_words": READERS[found.template.reader].form(found.template, 2),
    }
    return render(request, "scoring/judges/template.html", context)


def _found(project: Project, name: str) -> Listed:
    try:
        return templates.find(project, name)
    except Refused as error:
        raise Http404(str(error)) from error


def _made_from(found: Listed) -> dict[str, Any]:
    return {"template": found.row} if found.row else {"library": found.name}


# -- editing ----------------------------------------------------------------------------------------------------------


@project_page(Right.EDIT)
def judge_template_edit(request: PageRequest, project: Project) -> HttpResponse:
    """The editor. What is tried travels with the try's job, so that nothing is saved before it was seen to work."""
    trial = _trial_job(request, project)
    if is_part(request, "tried"):
        return render(request, "scoring/judges/_tried.html", {"is_editor": True, **judge_trial.shown(project, trial)})
    form, trial_form = _forms(request, project, trial)
    if request.method == "POST" and form.is_valid():
        done = _save(request, project, form) if "save" in request.POST else _try(request, project, form, trial_form)
        if done is not None:
            return done
    is_wrong = bool(form.errors or trial_form.errors)
    context = {
        "section": "scorers",
        "tab": "templates",
        "form": form,
        "trial_form": trial_form,
        "has_judges": Judge.objects.active().filter(project=project).exists(),
        "placeholders": PLACEHOLDERS.items(),
        "readers": sorted((name, ", ".join(sorted(reader.modes))) for name, reader in READERS.items()),
        "is_editor": True,
        "source": _source(request),
        **judge_trial.shown(project, trial),
    }
    return render(request, "scoring/judges/template_edit.html", context, status=400 if is_wrong else 200)


def _source(request: PageRequest) -> str:
    """The template that is edited: what votes chose stays so under another name."""
    return str(request.POST.get("from") or request.GET.get("from", ""))


def _trial_job(request: PageRequest, project: Project) -> Job | None:
    number = request.GET.get("job", "")
    if not number.isdecimal() or len(number) > 17:
        return None
    trials = Job.objects.visible_to(request.user).filter(project=project, kind=Job.Kind.JUDGE)
    return get_object_or_404(trials.filter(params__trial__has_key="template"), pk=int(number))


def _forms(request: PageRequest, project: Project, trial: Job | None) -> tuple[TemplateForm, TrialForm]:
    """Both forms: as sent, as tried, or filled from the template that is edited."""
    if request.method == "POST":
        return TemplateForm(request.POST), TrialForm(project, request.POST if "try" in request.POST else None)
    if trial is not None:
        document = trial.params["trial"]["template"]
        initial = {"judge": trial.params["judge"], "samples": _tried_on(trial)}
        # The database keeps the keys of a document in an order of its own.
        document = library.to_plain(templates.read(document))
        return TemplateForm(initial=initial_of(document, str(document["name"]))), TrialForm(project, initial=initial)
    name = request.GET.get("from", "")
    if not name:
        return TemplateForm(), TrialForm(project)
    found = _found(project, name)
    own_name = found.template.name if found.row else f"own-{found.template.name}"
    user = Judge.objects.active().filter(project=project, **_made_from(found)).first()
    return TemplateForm.of(found.template, own_name), TrialForm(project, initial={"judge": user})


def _tried_on(trial: Job) -> str:
    """The samples of a try, as its field takes them."""
    groups = [samples for _prompt, _source, *samples in trial.params["trial"]["units"]]
    return "; ".join(", ".join(map(str, group)) for group in groups)


def _save(request: PageRequest, project: Project, form: TemplateForm) -> HttpResponse | None:
    try:
        seen = templates.seen_prompts(project, _source(request))
        row = templates.save(project=project, document=form.document(), by=request.user, seen=seen)
    except Refused as error:
        form.add_error(None, str(error))
        return None
    messages.success(request, _("Saved as %(name)s.") % {"name": row})
    return redirect("judge_template", project.slug, str(row))


def _try(request: PageRequest, project: Project, form: TemplateForm, trial_form: TrialForm) -> HttpResponse | None:
    if not trial_form.is_valid():
        return None
    try:
        document = form.document()
        asked = trial_form.asked(templates.read(document))
        judge = trial_form.cleaned_data["judge"]
        job = starting.start_trial(project=project, judge=judge, document=document, by=request.user, **asked)
    except Refused as error:
        form.add_error(None, str(error))
        return None
    except forms.ValidationError as error:
        trial_form.add_error("samples", error)
        return None
    tasks.ring_after_commit([job])
    query = urlencode({"job": job.pk, "from": _source(request)})
    return redirect(f"{reverse('judge_template_edit', args=[project.slug])}?{query}#tried")
