"""The list of projects, and a project's making, settings, archive and end."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from curation.access import Right
from curation.actions import criteria, projects
from curation.forms.projects import (
    CriteriaSetForm,
    CriterionLine,
    DeleteForm,
    GuidelineForm,
    ProjectForm,
    SettingsForm,
)
from curation.models import (
    CriteriaSetItem,
    CriterionVersion,
    Dataset,
    Job,
    Judgement,
    Membership,
    Project,
    Prompt,
    Sample,
)
from curation.views.doors import PageRequest, project_page, signed_in_page


@signed_in_page
@require_safe
def project_list(request: PageRequest) -> HttpResponse:
    """Every project the visitor may enter. Costs three queries, whatever their number."""
    own = Project.objects.visible_to(request.user)
    archived = request.GET.get("archived") == "1"
    rows = own.exclude(archived_at=None) if archived else own.active()
    roles = dict(Membership.objects.filter(user_id=request.user.pk).values_list("project_id", "role"))
    labels = dict(Membership.Roles.choices)
    for project in (shown := list(rows)):
        project.role_label = labels.get(roles.get(project.pk, ""), _("Administrator"))  # type: ignore[attr-defined]
    context = {
        "projects": shown,
        "archived": archived,
        "archived_count": own.exclude(archived_at=None).count(),
    }
    return render(request, "projects/list.html", context)


@signed_in_page
def project_new(request: PageRequest) -> HttpResponse:
    form = ProjectForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        project = projects.create(**form.cleaned_data, by=request.user)
        messages.success(request, _("The project is made. Bring in prompts and samples next."))
        return redirect("project", project.slug)
    return render(request, "projects/new.html", {"form": form})


@project_page(Right.VIEW, write=Right.MANAGE)
def settings(request: PageRequest, project: Project) -> HttpResponse:
    """Name, licence, what runs on arrival, criteria, guideline; and the end of the project."""
    form = SettingsForm(request.POST or None, initial=SettingsForm.initial_of(project))
    if request.method == "POST" and form.is_valid():
        projects.change_settings(project=project, **form.cleaned_data, by=request.user)
        messages.success(request, _("The settings are saved."))
        return redirect("project_settings", project.slug)
    return render(request, "projects/settings.html", _settings_context(project, form=form))


def _settings_context(project: Project, **forms: object) -> dict[str, object]:
    """What the page of settings shows, with fresh forms where none is given."""
    sets = project.criteria_sets.prefetch_related("items__criterion_version__criterion")
    return {
        "section": "settings",
        "form": SettingsForm(initial=SettingsForm.initial_of(project)),
        "guideline_form": GuidelineForm(initial={"text": project.guideline.text if project.guideline else ""}),
        "set_form": CriteriaSetForm(initial=CriteriaSetForm.initial_of(project.criteria_set)),
        "criteria_sets": [(one, _as_tree(list(one.items.all()))) for one in sets],
        "guidelines": project.guidelines.all(),
        **forms,
    }


def _as_tree(items: list[CriteriaSetItem]) -> list[CriteriaSetItem]:
    """Each item followed by those below it, whatever the depth."""

    def below(parent_id: int | None) -> list[CriteriaSetItem]:
        return [row for item in items if item.parent_id == parent_id for row in (item, *below(item.pk))]

    return below(None)


@project_page(Right.MANAGE)
@require_POST
def guideline_add(request: PageRequest, project: Project) -> HttpResponse:
    form = GuidelineForm(request.POST)
    if not form.is_valid():
        return render(request, "projects/settings.html", _settings_context(project, guideline_form=form), status=400)
    guideline = criteria.add_guideline(project=project, text=form.cleaned_data["text"])
    messages.success(request, _("Guideline v%(number)d holds from now on.") % {"number": guideline.number})
    return redirect("project_settings", project.slug)


@project_page(Right.MANAGE)
@require_POST
def criteria_set_add(request: PageRequest, project: Project) -> HttpResponse:
    form = CriteriaSetForm(request.POST)
    if not form.is_valid():
        return render(request, "projects/settings.html", _settings_context(project, set_form=form), status=400)
    places = _places(project, form.cleaned_data["criteria"])
    made = criteria.add_set(project=project, name=form.cleaned_data["name"], places=places)
    messages.success(request, _("%(set)s holds from now on; older labels keep the older version.") % {"set": made})
    return redirect("project_settings", project.slug)


def _places(project: Project, lines: list[CriterionLine]) -> list[criteria.Place]:
    """The lines as a tree of two levels; a criterion keeps the weight it has in the current set."""
    current = project.criteria_set.items.all() if project.criteria_set else []
    weights = {item.criterion_version_id: item.weight for item in current}
    groups: list[tuple[CriterionVersion, list[criteria.Place]]] = []
    for line in lines:
        version = criteria.ensure_wording(project=project, key=line.key, name=line.name, question=line.question)
        if line.is_below and groups:
            groups[-1][1].append(criteria.Place(version, weights.get(version.pk, 1.0)))
        else:
            groups.append((version, []))
    return [criteria.Place(version, weights.get(version.pk, 1.0), children) for version, children in groups]


@project_page(Right.MANAGE, archived=True)
@require_POST
def project_archive(request: PageRequest, project: Project) -> HttpResponse:
    projects.archive(project=project, by=request.user)
    messages.success(request, _("%(name)s is archived: it can be read, nothing changes in it.") % {"name": project})
    return redirect("projects")


@project_page(Right.MANAGE, archived=True)
@require_POST
def project_unarchive(request: PageRequest, project: Project) -> HttpResponse:
    projects.unarchive(project=project, by=request.user)
    messages.success(request, _("%(name)s is out of the archive.") % {"name": project})
    return redirect("project", project.slug)


@project_page(Right.MANAGE, archived=True)
def project_delete(request: PageRequest, project: Project) -> HttpResponse:
    """Says what hangs on the project; deletes it once its name is typed."""
    form = DeleteForm(project, request.POST or None)
    if request.method == "POST" and form.is_valid():
        projects.delete(project=project, by=request.user)
        messages.success(request, _("%(name)s is deleted with everything in it.") % {"name": project.name})
        return redirect("projects")
    return render(request, "projects/delete.html", {"form": form, "hangs": what_hangs_on(project)})


def what_hangs_on(project: Project) -> list[tuple[str, int]]:
    """What goes when the project goes, by name and number."""
    return [
        (_("prompts"), Prompt.objects.filter(project=project).count()),
        (_("samples"), Sample.objects.filter(project=project).count()),
        (_("judgements"), Judgement.objects.filter(project=project).count()),
        (_("datasets with their versions"), Dataset.objects.filter(project=project).count()),
        (_("jobs"), Job.objects.filter(project=project).count()),
    ]
