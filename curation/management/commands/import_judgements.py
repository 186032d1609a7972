"""`manage.py import_judgements PROJECT PATH`: rankings, comparisons and ratings of samples that are here."""

from __future__ import annotations

from curation.management.commands import import_samples


class Command(import_samples.Command):
    help = (
        "Imports rankings, comparisons and ratings of samples that are in the project already, named by their keys. "
        "Running it again changes nothing."
    )
    needs_samples = False
