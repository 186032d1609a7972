"""What the page of `annotate` asks of the server, in JSON. Every address is one person's own work."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import closing
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from PIL import Image

from annotation import answers
from annotation.actions import answering, histories, leasing, showing
from annotation.models import Assignment, Batch
from curation.access import Right
from curation.errors import Refused
from curation.models import Project
from curation.storage import media_storage
from curation.views.doors import PageRequest, project_page

P = ParamSpec("P")
MOST_BODY = 2**20


def json_door(view: Callable[Concatenate[PageRequest, Batch, P], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Says 401 in JSON where a page would send to the sign-in, and finds the batch among those open to the person."""

    @project_page(Right.ENTER)
    @wraps(view)
    def inner(
        request: PageRequest, project: Project, batch_id: int, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponseBase:
        return view(request, batch_of(request, project, batch_id), *args, **kwargs)

    @wraps(view)
    @never_cache
    def door(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if not request.user.is_authenticated and _wants_json(request):
            return JsonResponse({"error": _("You are signed out. Sign in again; nothing is lost.")}, status=401)
        return inner(request, *args, **kwargs)

    return door


def batch_of(request: PageRequest, project: Project, batch_id: int) -> Batch:
    """The batch, if this person may judge in it. 404 otherwise, whether it exists or not."""
    batch = (
        Batch.objects.for_person(request.user)
        .filter(project=project, pk=batch_id)
        .exclude(state=Batch.State.DRAFT)
        .select_related("project", "guideline", "qualification")
        .first()
    )
    if batch is None:
        raise Http404(_("There is no such batch, or it is not open to you."))
    return batch


def _wants_json(request: HttpRequest) -> bool:
    return request.content_type == "application/json" or "application/json" in request.headers.get("Accept", "")


@json_door
@require_POST
def lease(request: PageRequest, batch: Batch) -> HttpResponseBase:
    """The items this person holds now, renewed, and fresh ones up to `want`."""
    want = _body(request).get("want", 1)
    if isinstance(want, bool) or not isinstance(want, int) or not 0 <= want <= leasing.MOST_HELD:
        return _error(_("“want” is a number from 0 to %(most)d.") % {"most": leasing.MOST_HELD}, 422)
    leased = leasing.lease(batch=batch, user=request.user, want=want)
    for assignment in leased.assignments:
        assignment.batch = batch
    return JsonResponse(
        {
            "state": leased.state,
            "items": showing.item_views(leased.assignments),
            "progress": {"answered": leased.answered, "total": leased.total},
            "message": leased.message,
            "url": leased.url,
            "retry_seconds": leased.retry_seconds,
        }
    )


@json_door
@require_POST
def answer(request: PageRequest, batch: Batch) -> HttpResponseBase:
    """Stores an answer once, however often it is sent. 409: answered already; 422: it does not fit the questions."""
    body = _body(request)
    try:
        done = answering.answer(
            batch=batch,
            user=request.user,
            assignment_id=_number(body, "assignment"),
            client_key=body.get("client_key", ""),
            payload=body.get("answer", {}),
            seconds=body.get("seconds"),
            revises=body.get("revises"),
        )
    except answering.AnsweredElsewhere as error:
        return _error(str(error), 409)
    except (answers.WrongAnswer, Refused) as error:
        return _error(str(error), 422)
    return JsonResponse(
        {
            "stored": True,
            "answer": done.answer.pk,
            "duplicate": done.is_duplicate,
            "late": done.is_late,
            "progress": {"answered": done.participant.answered, "total": batch.item_count},
            "rater_state": done.participant.state,
            "message": done.participant.reason,
        }
    )


@json_door
@require_POST
def skip(request: PageRequest, batch: Batch) -> HttpResponseBase:
    """Gives an item back with a reason."""
    body = _body(request)
    try:
        answering.skip(
            batch=batch,
            user=request.user,
            assignment_id=_number(body, "assignment"),
            reason=str(body.get("reason", "")),
            text=str(body.get("text", "")),
        )
    except answering.AnsweredElsewhere as error:
        return _error(str(error), 409)
    except Refused as error:
        return _error(str(error), 422)
    return JsonResponse({"skipped": True})


@json_door
@require_safe
def item(request: PageRequest, batch: Batch, assignment_id: int) -> HttpResponseBase:
    """One of this person's items with the answer given, to look at or change."""
    return JsonResponse(showing.item_views([_own(request, batch, assignment_id)])[0])


@json_door
@require_safe
def history(request: PageRequest, batch: Batch) -> HttpResponseBase:
    """This person's answers in the batch, newest first."""
    before = request.GET.get("before", "")
    page = histories.page(batch=batch, user=request.user, before=int(before) if before.isdecimal() else None)
    return JsonResponse(page)


@json_door
@require_safe
def media(request: PageRequest, batch: Batch, assignment_id: int, place: int, index: int) -> HttpResponseBase:
    """A picture of an item in the one size in which the batch shows all of them."""
    assignment = _own(request, batch, assignment_id)
    read = showing.content([assignment])
    try:
        medium = showing.shown_media(assignment, read)[place][index]
    except IndexError:
        raise Http404(_("There is no such picture in this item.")) from None
    data = _resized(medium)
    response = HttpResponse(data, content_type="image/png")
    response["Cache-Control"] = "private, max-age=86400, immutable"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _resized(medium: showing.Medium) -> bytes:
    """The rendition as PNG in the shown size: one type and no metadata for all, so that neither tells who made it."""
    with closing(media_storage().read_range(medium.storage_name, 0, medium.size)) as file:
        data = io.BytesIO(file.read())
    with Image.open(data) as picture:
        layers = picture.convert("RGBA")
        shown = Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers).convert("RGB")
        if shown.size != (medium.width, medium.height):
            shown = shown.resize((medium.width, medium.height), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        shown.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _own(request: PageRequest, batch: Batch, assignment_id: int) -> Assignment:
    own = Assignment.objects.of_person(request.user).filter(batch=batch, pk=assignment_id)
    found = own.select_related("item__prompt").first()
    if found is None:
        raise Http404(_("This item is not one of yours."))
    found.batch = batch
    return found


def _body(request: HttpRequest) -> dict[str, Any]:
    """The JSON object that was sent; an empty one where it is something else."""
    if len(request.body) > MOST_BODY:
        return {}
    try:
        body = json.loads(request.body or b"{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _number(body: dict[str, Any], name: str) -> int:
    value = body.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


def _error(words: str, status: int) -> JsonResponse:
    return JsonResponse({"stored": False, "error": words}, status=status)
