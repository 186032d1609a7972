"""Errors in words: domain errors become a page that says what happened; the rest is logged and owned up to."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from curation.errors import Conflict, NotAllowed, PairwrightError, Refused, Unavailable

STATUS: dict[type[PairwrightError], int] = {NotAllowed: 403, Refused: 400, Conflict: 409, Unavailable: 503}


class ExplainErrors:
    """Middleware: shows a `PairwrightError` that no view caught. Nothing else is caught here."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, PairwrightError):
            return None
        return explained(request, STATUS.get(type(error), 400), str(error))


def explained(request: HttpRequest, status: int, text: str) -> HttpResponse:
    """The page for a refusal, with the sentence that explains it."""
    return render(request, "error.html", {"status": status, "title": _title(status), "text": text}, status=status)


def _title(status: int) -> str:
    titles = {
        403: _("This page is closed to you"),
        409: _("Somebody was faster"),
        503: _("Something outside is missing"),
    }
    return titles.get(status, _("That cannot be done"))


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return explained(request, 403, _("You are signed in, but this is not open to you."))


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that came without its token: usually an old page, or cookies that are shut."""
    return explained(
        request, 403, _("This form was too old or your browser keeps no cookies. Reload the page and send it again.")
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    context = {
        "status": 404,
        "title": _("There is nothing here"),
        "text": _own_sentence(exception) or _("The address may be mistyped, or what was here has been deleted."),
    }
    return render(request, "error.html", context, status=404)


def _own_sentence(exception: Exception | None) -> str:
    """What one of our views said; empty for the texts of Django itself, which talk of queries and patterns."""
    said = exception.args[0] if exception and exception.args else None
    if not isinstance(said, str) or not said.endswith("."):
        return ""
    return "" if said.endswith("matches the given query.") else said
