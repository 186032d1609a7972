"""`manage.py compare_versions NAME@1 NAME@2`: what differs, in words and in rows, and why."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from curation.actions import comparing_versions
from curation.errors import PairwrightError
from curation.models import DatasetVersion

ROWS = 20


class Command(BaseCommand):
    help = "Says what differs between two frozen versions: pairs added, removed, turned round, changed; and why."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("first", metavar="NAME@1")
        parser.add_argument("second", metavar="NAME@2")
        parser.add_argument("--rows", type=int, default=ROWS, help=f"how many rows of each kind to print; {ROWS}")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            first = DatasetVersion.objects.named(options["first"])
            second = DatasetVersion.objects.named(options["second"])
            found = comparing_versions.compare(first=first, second=second)
        except PairwrightError as error:
            raise CommandError(str(error)) from error
        self.stdout.write("\n".join(comparing_versions.sentences(first, second, found)))
        for kind in comparing_versions.KINDS:
            if found.counts[kind]:
                self._rows(first, second, kind, found.counts[kind], options["rows"])

    def _rows(self, first: DatasetVersion, second: DatasetVersion, kind: str, count: int, most: int) -> None:
        self.stdout.write(f"{comparing_versions.kind_words(kind)}: {count:,}")
        table = comparing_versions.rows(first, second, kind=kind).head(max(most, 0)).collect()
        for row in table.iter_rows(named=True):
            why = "; ".join(comparing_versions.why_words(key) for key in row["why"])
            self.stdout.write(f"  {row['pair_id'][:16]}  prompt {row['prompt_id']}  {_values(row)}  ({why})")
        if count > most:
            self.stdout.write(f"  … and {count - most:,} more; --rows shows them")


def _values(row: dict[str, Any]) -> str:
    """Margin and split, with what they were before where that differs."""
    pairs = ((row["margin_before"], row["margin_after"]), (row["split_before"], row["split_after"]))
    return "  ".join(
        str(now if then is None or then == now else f"{then} → {now}" if now is not None else then)
        for then, now in pairs
    )
