"""The Celery application: two queues, `cpu` and `gpu`, on Redis.

A job is a row; a message only says that there is something to do. So messages may be lost or
doubled without harm, and no results are kept in the queue.
"""

import logging.config
import os
import warnings
from typing import Any

from celery import Celery
from celery.signals import before_task_publish, setup_logging, worker_init

from config import embedded, env

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# Celery warns root of pickled messages; ours are JSON and nothing else is accepted.
warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")


def ensure_queue(**_: Any) -> None:
    """Start the embedded Redis if that is the queue and it does not run."""
    if not env.text("REDIS_URL", ""):
        embedded.redis_server()


class Pairwright(Celery):
    """Celery that brings its embedded queue up before it connects to it."""

    def connection_for_read(self, url: str | None = None, **kwargs: Any) -> Any:
        ensure_queue()
        return super().connection_for_read(url, **kwargs)

    def connection_for_write(self, url: str | None = None, **kwargs: Any) -> Any:
        ensure_queue()
        return super().connection_for_write(url, **kwargs)


app = Pairwright("pairwright")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# Connections are pooled; a server that was stopped meanwhile is started before the next message.
before_task_publish.connect(ensure_queue)


@setup_logging.connect
def _log_as_django_does(**_: Any) -> None:
    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)


@worker_init.connect
def _share_the_cores(sender: Any, **_: Any) -> None:
    """Give each process of a worker its share of the cores; model libraries would take all of them for each.

    torch and the OCR engine read the name when a child first loads them.
    """
    processes = 1 if "solo" in str(sender.pool_cls) else int(sender.concurrency)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // processes)))
