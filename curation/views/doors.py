"""Who may open a page: the decorators every view stands behind.

A stranger is sent to sign in. Somebody without the right to enter a project learns nothing of it (404), and a member
who lacks the right a page asks for is told so in words (403). `tests/test_every_url.py` walks every address with
every kind of visitor, so a view without a door fails there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from curation.access import Right, may
from curation.errors import NotAllowed, Refused
from curation.models import Project, User


class PageRequest(HttpRequest):
    """A request of somebody signed in; behind `project_page` it also knows the project and the role."""

    user: User  # type: ignore[assignment]
    project: Project
    role: str


P = ParamSpec("P")
Page = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def signed_in_page(view: Callable[Concatenate[PageRequest, P], HttpResponseBase]) -> Page[P]:
    """A page for anybody who is signed in."""

    @wraps(view)
    @never_cache
    @login_required
    def door(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        return view(cast(PageRequest, request), *args, **kwargs)

    return door


def superuser_page(view: Callable[Concatenate[PageRequest, P], HttpResponseBase]) -> Page[P]:
    """A page for those who run the installation."""

    @signed_in_page
    @wraps(view)
    def door(request: PageRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_superuser:
            raise NotAllowed(_("Only an administrator of this installation may open this page."))
        return view(request, *args, **kwargs)

    return door


def project_page(
    right: Right, *, write: Right | None = None, archived: bool = False
) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """A page of one project, at an address with `slug`; the view gets the project in place of it.

    `write` is the right asked for unsafe methods; without it they need the same right as reading. An archived
    project is for reading, unless `archived` says that the page may change it all the same.
    """

    def decorate(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @signed_in_page
        @wraps(view)
        def door(request: PageRequest, slug: str, *args: object, **kwargs: object) -> HttpResponseBase:
            is_write = request.method not in ("GET", "HEAD", "OPTIONS")
            project = enter(request, slug, (write or right) if is_write else right)
            if is_write and project.archived_at and not archived:
                raise Refused(_("%(name)s is archived. Take it out of the archive to change it.") % {"name": project})
            return view(request, project, *args, **kwargs)

        return door

    return decorate


def enter(request: PageRequest, slug: str, right: Right) -> Project:
    """The project at this address, and a note of it on the request; 404 for strangers, `NotAllowed` for members."""
    project = Project.objects.select_related("criteria_set", "guideline").filter(slug=slug).first()
    role = project.role_of(request.user) if project else None
    if project is None or role is None:
        raise Http404(_("There is no such project, or it is not open to you."))
    request.project, request.role = project, role
    if not may(role, right):
        raise NotAllowed(refusal(role, right))
    return project


def refusal(role: str, right: Right) -> str:
    """Why a member may not, and who could change that."""
    if role == "annotator":
        return _("Annotators judge without seeing who made what, so this page is closed to them.")
    if right == Right.MANAGE:
        return _("Only an admin of this project may do this.")
    return _("Your role in this project is to read. A curator or an admin may do this.")


def is_part(request: HttpRequest, name: str) -> bool:
    """Whether only this part of the page is asked for (htmx sends it as `?part=name`)."""
    return request.GET.get("part") == name
