"""`manage.py verify NAME@VERSION`: rebuilds a version from the evidence it recorded and compares."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from curation.actions import verifying
from curation.errors import PairwrightError
from curation.models import DatasetVersion


class Command(BaseCommand):
    help = "Answers: identical; identical except N withdrawn rows; or different, because … (exit status 1)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("version", metavar="NAME@VERSION")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            version = DatasetVersion.objects.named(options["version"])
            answer = verifying.verify(version=version)
        except PairwrightError as error:
            raise CommandError(str(error)) from error
        if answer.outcome == verifying.Outcome.DIFFERENT:
            raise CommandError(f"{version}: {answer.sentence}", returncode=1)
        self.stdout.write(f"{version}: {answer.sentence}")
        self.stdout.write(f"digest {answer.digest}")
