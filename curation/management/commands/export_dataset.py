"""`manage.py export_dataset NAME@VERSION --format FORMAT --out DIR`: writes a version, then reads it back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from curation.actions import exports, gating, publishing
from curation.actions.export_rows import Options
from curation.errors import PairwrightError
from curation.exports import FORMATS
from curation.gate.report import GateReport
from curation.management.commands.publish import add_terms, run, wish_of
from curation.models import DatasetVersion, Export


class Command(BaseCommand):
    help = "Writes a frozen version in one or more formats, reads it back as a trainer would, and says what it found."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("version", metavar="NAME@VERSION")
        parser.add_argument(
            "--format",
            action="append",
            dest="formats",
            required=True,
            metavar="FORMAT",
            help=f"one of {', '.join(FORMATS)}; may be repeated, and the first is what load_dataset reads by default",
        )
        parser.add_argument("--out", metavar="DIR", help="a new or empty folder, or an earlier export")
        parser.add_argument("--push", metavar="OWNER/NAME", help="publish it on the Hub as well (docs/publishing.md)")
        add_terms(parser)
        parser.add_argument(
            "--option",
            action="append",
            dest="format_options",
            default=[],
            metavar="FORMAT.OPTION=CHOICE",
            help="a choice within a format, such as chosen-rejected.sizes=keep; may be repeated",
        )
        parser.add_argument("--with-notes", action="store_true", help="include what people wrote and marked")
        parser.add_argument("--drop-annotators", action="store_true", help="leave out the pseudonyms of people")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["out"] and not options["push"]:
            raise CommandError("Say where it goes: --out or --push, or both.")
        try:
            export = self._export(options)
            self._report(export)
            if options["push"]:
                run(self, publishing.order(export=export, wish=wish_of(options), by=None))
        except PairwrightError as error:
            raise CommandError(str(error)) from error

    def _export(self, options: dict[str, Any]) -> Export:
        order = exports.order(
            version=DatasetVersion.objects.named(options["version"]),
            formats=options["formats"],
            folder=Path(options["out"]) if options["out"] else None,
            options=Options(
                with_notes=options["with_notes"],
                with_annotators=not options["drop_annotators"],
                formats=_choices(options["format_options"]),
            ),
            by=None,
        )
        job = order.job
        assert job is not None  # ordered a moment ago
        export = exports.run_job(job_id=job.pk)
        if export is None:
            job.refresh_from_db()
            raise CommandError(f"The export is {job.get_state_display()} elsewhere; see the job on its page.")
        return export

    def _report(self, export: Export) -> None:
        self.stdout.write(f"{export.version} → {export.place or 'kept for download'}")
        for config, splits in export.manifest["configs"].items():
            counts = ", ".join(f"{split} {written['rows']:,}" for split, written in splits.items())
            self.stdout.write(f"  {config}: {counts}")
        for where, reasons in export.manifest["left_out"].items():
            for reason, count in reasons.items():
                self.stdout.write(f"  left out {'' if where == 'everywhere' else f'of {where}'}: {count:,}, {reason}")
        self._report_gate(gating.written_with(export))
        self._report_readback(export.readback)

    def _report_gate(self, gate: GateReport | None) -> None:
        """Warnings in a line each, errors loudly: the export is written all the same."""
        for finding in gate.findings if gate else ():
            word = f" (accepted by {finding.waiver.by}: {finding.waiver.because})" if finding.waiver else ""
            line = f"  gate: {finding.level} {finding.code}: {finding.words}{word}"
            if finding.is_open:
                self.stderr.write(self.style.ERROR(f"{line} NOT TO BE PUBLISHED. {finding.remedy}"))
            else:
                self.stdout.write(line)

    def _report_readback(self, found: dict[str, Any]) -> None:
        compared = f"{found['media']:,} media and {found['winners']:,} winners compared"
        if not found["findings"]:
            self.stdout.write(f"  read back with datasets.load_dataset: {compared}, nothing wrong")
            return
        for finding in found["findings"]:
            self.stderr.write(f"  {finding['code']}: {finding['where']}: {finding['says']}")
        raise CommandError(f"Reading back found {len(found['findings'])} mistakes ({compared}). Do not train on this.")


def _choices(said: list[str]) -> dict[str, str]:
    """`FORMAT.OPTION=CHOICE` as a dictionary."""
    for one in said:
        if "=" not in one:
            raise CommandError(f"The option {one} names no choice. Write FORMAT.OPTION=CHOICE.")
    return dict(one.split("=", 1) for one in said)
