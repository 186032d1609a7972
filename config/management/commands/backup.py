"""`manage.py backup FILE`."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config import backup, dump


class Command(BaseCommand):
    help = "Write the database and all stored files to one new FILE, with checksums. The site may keep running."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            manifest = backup.write(options["file"])
        except (backup.BackupError, dump.DumpError, *backup.STORAGE_ERRORS) as error:
            raise CommandError(str(error)) from error
        size = options["file"].stat().st_size
        self.stdout.write(
            f"Wrote {options['file']}: the database and {len(manifest['members']) - 1} files, {size:,} bytes. "
            "Keep it somewhere else than this machine."
        )
