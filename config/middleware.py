"""What every response carries and every log line of a request knows."""

import uuid
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

# Scripts, styles, fonts and pictures come from this site alone. `data:` is for the pictures
# inside Bootstrap's style sheet, `blob:` for decoded pictures in the annotation page. Style
# attributes are allowed for widths of bars; style elements and inline scripts are not.
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "style-src 'self'",
        "style-src-attr 'unsafe-inline'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)

Handler = Callable[[HttpRequest], HttpResponse]


def content_security_policy(get_response: Handler) -> Handler:
    """Send the policy with every response that has none of its own."""

    def handle(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        return response

    return handle


def request_log_context(get_response: Handler) -> Handler:
    """Bind a request id, the method and the path to every log line of the request."""

    def handle(request: HttpRequest) -> HttpResponse:
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=uuid.uuid4().hex, method=request.method, path=request.path)
        return get_response(request)

    return handle


def person_log_context(get_response: Handler) -> Handler:
    """Bind the id of the person who is signed in; placed after authentication."""

    def handle(request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            structlog.contextvars.bind_contextvars(user_id=request.user.pk)
        return get_response(request)

    return handle
