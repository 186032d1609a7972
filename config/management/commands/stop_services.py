"""`manage.py stop_services`: end the embedded servers of this data folder."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config import embedded, running


class Command(BaseCommand):
    help = "Stop the embedded PostgreSQL and Redis of the data folder. Their data stays."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        if running.is_up(settings.DATA_DIR):
            raise CommandError("`up` is running on these servers. Stop it with Ctrl-C; it stops them itself.")
        stopped = embedded.stop()
        self.stdout.write(f"Stopped {' and '.join(stopped)}." if stopped else "No embedded server was running.")
