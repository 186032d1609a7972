"""`manage.py doctor`."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from config.doctor import State, examine


class Command(BaseCommand):
    help = "Say what is missing or wrong with this installation and how to mend it. Exit status 1 if it is broken."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        broken = 0
        styles = {State.FINE: self.style.SUCCESS, State.HINT: self.style.WARNING, State.BROKEN: self.style.ERROR}
        for finding in examine():
            broken += finding.state is State.BROKEN
            self.stdout.write(
                f"{styles[finding.state](finding.state.value.ljust(6))} {finding.subject}: {finding.words}"
            )
            if finding.remedy:
                self.stdout.write(f"       -> {finding.remedy}")
        self.stdout.write(f"{broken} broken." if broken else "Everything that is needed works.")
        if broken:
            sys.exit(1)
