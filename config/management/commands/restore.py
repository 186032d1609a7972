"""`manage.py restore FILE`."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from config import backup, dump, running


class Command(BaseCommand):
    help = "Make this installation what the backup FILE holds. Refuses to replace data unless told to."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--overwrite", action="store_true", help="replace everything that is here now")

    def handle(self, *args: Any, **options: Any) -> None:
        if running.is_up(settings.DATA_DIR):
            raise CommandError("`up` is running. Stop it first: workers must not write while rows are replaced.")
        try:
            manifest = backup.restore(options["file"], overwrite=options["overwrite"])
        except (backup.BackupError, dump.DumpError, *backup.STORAGE_ERRORS) as error:
            raise CommandError(f"{error} Nothing was changed.") from error
        except backup.UnfinishedError as error:
            raise CommandError(str(error)) from error
        call_command("migrate", interactive=False, verbosity=0, stdout=self.stdout)
        self.stdout.write(
            f"Restored the database and {len(manifest['members']) - 1} files, as of {manifest['made_at']}."
        )
