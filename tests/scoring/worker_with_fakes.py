"""The Celery application of a worker process that knows the scorers of the tests."""

from config.celery import app
from tests.scoring import fakes

fakes.add_to_catalogue()

__all__ = ["app"]
