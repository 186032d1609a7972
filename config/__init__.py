"""How Pairwright runs: settings, environment, embedded services, queue, addresses.

The Celery application is imported here so that every Django process, web included, sends its
tasks through it and not through an unconfigured default.
"""

from config.celery import app as celery_app

__all__ = ["celery_app"]
