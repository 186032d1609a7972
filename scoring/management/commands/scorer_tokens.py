"""`manage.py scorer_tokens`: who may ask the service of scorers for a project's scores."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from curation.errors import PairwrightError, Refused
from curation.models import Project
from scoring.actions.serving import tokens
from scoring.management.following import find_project
from scoring.models import ServiceToken


class Command(BaseCommand):
    help = "List, make and revoke the tokens with which programs ask the service of scorers. See docs/service.md."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="the project's address name, as in its URL")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--make", metavar="NAME", help="make a token and print it, once")
        what.add_argument("--revoke", metavar="NAME", help="end the token of this name")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            project = find_project(options["project"])
            if options["make"] is not None:
                # Alone on its line, so that a script can take it.
                self.stdout.write(tokens.make(project=project, name=options["make"], by=None).text)
            elif options["revoke"] is not None:
                tokens.revoke(token=_living(project, options["revoke"]), by=None)
                self.stdout.write(f"“{options['revoke']}” opens nothing from now on.")
            else:
                self._list(project)
        except PairwrightError as error:
            raise CommandError(str(error)) from error

    def _list(self, project: Project) -> None:
        rows = ServiceToken.objects.filter(project=project)
        for token in rows:
            used = f"used {token.used_at:%Y-%m-%d %H:%M}" if token.used_at else "never used"
            state = f"revoked {token.revoked_at:%Y-%m-%d}" if token.revoked_at else used
            self.stdout.write(f"{token.name}: made {token.created_at:%Y-%m-%d}, {state}")
        if not rows:
            self.stdout.write(f"{project.slug} has no token. Make one with --make NAME.")


def _living(project: Project, name: str) -> ServiceToken:
    found = ServiceToken.objects.living().filter(project=project, name=name).first()
    if found is None:
        known = ", ".join(ServiceToken.objects.living().filter(project=project).values_list("name", flat=True))
        raise Refused(f"There is no token “{name}” to revoke. There are: {known or 'none'}.")
    return found
