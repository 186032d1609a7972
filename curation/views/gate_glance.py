"""The gate of a version at a glance, for every page that shows it."""

from __future__ import annotations

from dataclasses import dataclass

from curation.actions import gating
from curation.gate.codes import CHECKS
from curation.gate.report import GateReport
from curation.models import DatasetVersion, GateExamination, Job


@dataclass(frozen=True)
class Gate:
    """The newest examination of a version with its report, and one under way or that failed."""

    examination: GateExamination | None
    report: GateReport | None
    job: Job | None

    @property
    def is_running(self) -> bool:
        return bool(self.job and self.job.is_unfinished)

    @property
    def failure(self) -> str:
        """Why the newest order came to nothing; empty where it did not, or where a later look succeeded."""
        job = self.job
        if job is None or not job.error:
            return ""
        is_older = self.examination and job.finished_at and self.examination.examined_at > job.finished_at
        return "" if is_older else job.error

    @property
    def accepted(self) -> int:
        return sum(1 for finding in self.report.findings if finding.waiver) if self.report else 0

    @property
    def clean_titles(self) -> list[str]:
        return [CHECKS[code].title for code in self.report.clean] if self.report else []

    @property
    def idle_titles(self) -> list[tuple[str, str]]:
        return [(CHECKS[code].title, why) for code, why in self.report.idle.items()] if self.report else []


def gate_of(version: DatasetVersion) -> Gate:
    """Costs three queries, and a few more where somebody signed."""
    examination = gating.newest(version)
    return Gate(
        examination=examination,
        report=gating.report_of(examination) if examination else None,
        job=gating.job_of(version),
    )
