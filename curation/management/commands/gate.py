"""`manage.py gate NAME@VERSION [--waive CODE --because TEXT]`: examines a version before it leaves, or signs for it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from curation.actions import gating
from curation.errors import PairwrightError, Refused
from curation.gate.codes import CHECKS
from curation.gate.report import Finding, GateReport
from curation.models import DatasetVersion, User


class Command(BaseCommand):
    help = "Says what should be known of a version before it leaves. Exit status 1 where an error stands open."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("version", metavar="NAME@VERSION")
        parser.add_argument("--waive", metavar="CODE", help=f"sign for a finding: {', '.join(CHECKS)}")
        parser.add_argument("--because", default="", metavar="TEXT", help="why it may leave all the same")
        parser.add_argument("--by", default="", metavar="USER", help="who signs; else the account of this machine")
        parser.add_argument("--take-back", metavar="CODE", help="let a finding stand open again")
        parser.add_argument("--with-notes", action="store_true", help="look at what people wrote too")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = self._report(options)
        except PairwrightError as error:
            raise CommandError(str(error)) from error
        self._say(report)
        if report.open_errors:
            codes = ", ".join(finding.code for finding in report.open_errors)
            raise CommandError(f"{report.version} cannot be published: {codes}.", returncode=1)

    def _report(self, options: dict[str, Any]) -> GateReport:
        version = DatasetVersion.objects.named(options["version"])
        examination = gating.examine(version=version, with_notes=options["with_notes"])
        by = _person(options["by"])
        if options["take_back"]:
            _take_back(version, options["take_back"], by)
        if options["waive"]:
            gating.waive(
                version=version,
                code=options["waive"],
                because=options["because"],
                by=by,
                with_notes=options["with_notes"],
            )
        return gating.report_of(examination)

    def _say(self, report: GateReport) -> None:
        self.stdout.write(f"{report.version}: {report.pairs:,} pairs, {report.samples:,} samples examined")
        for finding in report.findings:
            self._say_finding(finding)
        if not report.findings:
            self.stdout.write("  nothing was found")
        for code, why in report.idle.items():
            self.stdout.write(f"  not looked for: {code}, {why}")

    def _say_finding(self, finding: Finding) -> None:
        self.stdout.write(f"  {finding.level} {finding.code}: {finding.words}")
        if finding.waiver:
            word = finding.waiver
            self.stdout.write(f"    accepted by {word.by} on {word.on}: {word.because}")
        else:
            self.stdout.write(f"    {finding.remedy}")


def _person(name: str) -> User | None:
    if not name:
        return None
    found = User.objects.filter(username=name, is_active=True).first()
    if found is None:
        raise Refused(f"There is no active account “{name}”. Leave --by out to sign as the account of this machine.")
    return found


def _take_back(version: DatasetVersion, code: str, by: User | None) -> None:
    given = [waiver for waiver in gating.waivers_for(version) if waiver.code == code]
    if not given:
        raise Refused(f"Nobody signed for {code} of {version}.")
    for waiver in given:
        gating.take_back(waiver=waiver, by=by)
