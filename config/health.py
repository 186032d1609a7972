"""Whether the site can do its work, for load balancers and monitors."""

import structlog
from celery.exceptions import OperationalError
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from config.celery import app

logger = structlog.get_logger(__name__)


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when the database and the queue answer, 503 with the name of what does not.

    Anyone may ask; the answer says no more than that. Details go to the log.
    """
    parts = {"database": _database_answers(), "queue": _queue_answers()}
    status = 200 if all(parts.values()) else 503
    response = JsonResponse({name: "ok" if ok else "down" for name, ok in parts.items()}, status=status)
    response.headers["Cache-Control"] = "no-store"
    return response


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        logger.error("database does not answer", error=str(error))
        return False
    return True


def _queue_answers() -> bool:
    try:
        with app.connection_for_write() as queue:
            queue.ensure_connection(max_retries=1, timeout=5)
    except (OperationalError, OSError) as error:
        logger.error("queue does not answer", error=str(error))
        return False
    return True
