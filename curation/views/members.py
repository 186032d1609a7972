"""Who belongs to a project, as what."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from curation.access import Right
from curation.actions import projects
from curation.errors import Refused
from curation.forms.members import MemberForm, RoleForm
from curation.models import Membership, Project
from curation.views.doors import PageRequest, project_page


@project_page(Right.VIEW, write=Right.MANAGE)
def members(request: PageRequest, project: Project) -> HttpResponse:
    form = MemberForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        person, role = form.cleaned_data["person"], form.cleaned_data["role"]
        if _say_refusal(request, lambda: projects.set_member(project=project, user=person, role=role, by=request.user)):
            messages.success(request, _("%(name)s belongs to the project.") % {"name": person})
        return redirect("members", project.slug)
    context = {
        "section": "members",
        "form": form,
        "memberships": project.memberships.select_related("user"),
        "roles": Membership.Roles.choices,
    }
    return render(request, "members/list.html", context)


@project_page(Right.MANAGE)
@require_POST
def member_role(request: PageRequest, project: Project, user_id: int) -> HttpResponse:
    membership = get_object_or_404(project.memberships.select_related("user"), user_id=user_id)
    form = RoleForm(request.POST)
    if not form.is_valid():
        raise Refused(_("“%(role)s” is no role.") % {"role": request.POST.get("role", "")})
    role = form.cleaned_data["role"]
    _say_refusal(
        request, lambda: projects.set_member(project=project, user=membership.user, role=role, by=request.user)
    )
    return redirect("members", project.slug)


@project_page(Right.MANAGE)
@require_POST
def member_remove(request: PageRequest, project: Project, user_id: int) -> HttpResponse:
    membership = get_object_or_404(project.memberships.select_related("user"), user_id=user_id)
    if _say_refusal(request, lambda: projects.remove_member(project=project, user=membership.user, by=request.user)):
        messages.success(request, _("%(name)s no longer belongs to the project.") % {"name": membership.user})
    return redirect("members", project.slug)


def _say_refusal(request: PageRequest, act: Callable[[], object]) -> bool:
    """Does it and says True; a refusal stays on the page of members instead of replacing it."""
    try:
        act()
    except Refused as error:
        messages.error(request, str(error))
        return False
    return True
