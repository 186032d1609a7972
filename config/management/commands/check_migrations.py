"""`manage.py check_migrations`: whether models and migrations agree, without a database."""

from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState


class Command(BaseCommand):
    requires_system_checks: list[str] = []
    help = "Fail when a model has changed without a migration, or when two migrations compete."

    def handle(self, *args: Any, **options: Any) -> None:
        loader = MigrationLoader(None)
        conflicts = loader.detect_conflicts()
        if conflicts:
            raise CommandError(f"These migrations compete: {conflicts}. Run `makemigrations --merge`.")
        detector = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps))
        changes = detector.changes(graph=loader.graph)
        missing = [f"{label}: {op.describe()}" for label, ms in changes.items() for m in ms for op in m.operations]
        if missing:
            raise CommandError("Run `makemigrations`; no migration does this yet:\n" + "\n".join(missing))
        self.stdout.write("Models and migrations agree.")
