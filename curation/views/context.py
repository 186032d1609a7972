"""What every template gets besides the view's own data: the project, one's role, the project navigation."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from curation.access import Right, may

# (section, url name, label, right): a page appears here when its address exists and the visitor holds the right.
SECTIONS = [
    ("overview", "project", _("Overview"), Right.VIEW),
    ("prompts", "prompts", _("Prompts"), Right.VIEW),
    ("samples", "samples", _("Samples"), Right.VIEW),
    ("work", "work", _("Work"), Right.ENTER),
    ("batches", "batches", _("Batches"), Right.VIEW),
    ("scorers", "scorers", _("Scorers"), Right.VIEW),
    ("jobs", "jobs", _("Jobs"), Right.VIEW),
    ("evidence", "evidence", _("Evidence"), Right.VIEW),
    ("recipes", "recipes", _("Recipes"), Right.VIEW),
    ("datasets", "datasets", _("Datasets"), Right.VIEW),
    ("benchmarks", "benchmarks", _("Benchmarks"), Right.VIEW),
    ("members", "members", _("Members"), Right.VIEW),
]


@dataclass(frozen=True)
class NavItem:
    section: str
    url: str
    label: str | Promise


def page(request: HttpRequest) -> dict[str, object]:
    """Context processor: nothing outside a project; within one, who the visitor is in it."""
    project = getattr(request, "project", None)
    if project is None:
        return {}
    role = request.role  # type: ignore[attr-defined]
    may_view = may(role, Right.VIEW)
    return {
        "project": project,
        "role": role,
        "may_view": may_view,
        "may_edit": may(role, Right.EDIT) and not project.archived_at,
        "may_manage": may(role, Right.MANAGE),
        "project_nav": _navigation(project.slug, role),
    }


def _navigation(slug: str, role: str) -> list[NavItem]:
    items = []
    for section, name, label, right in SECTIONS:
        if not may(role, right):
            continue
        try:
            items.append(NavItem(section, reverse(name, kwargs={"slug": slug}), label))
        except NoReverseMatch:
            continue  # the room that serves this page is not installed
    return items
