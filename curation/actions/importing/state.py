"""What a running import knows between two batches, and what of it survives a kill."""

from __future__ import annotations

from collections import Counter
from dataclasses import astuple, dataclass, field
from typing import Any

from curation.actions.importing.options import Options
from curation.formats.rows import Refusal
from curation.models import Job, JobFailure, Project

SOURCE = "import"
COUNTED = ("prompts_new", "prompts_known", "samples_new", "samples_known", "samples_absent", "judgements_new",
           "judgements_known", "lists_silent", "rows_known", "refused")  # fmt: skip


@dataclass
class Pending:
    """A sample whose parent had not been met when it was written."""

    sample_id: int
    parent: str
    branch: int | None
    where: str


@dataclass
class PendingLink:
    """A prompt that says it is something of another, which had not been met when it was written."""

    prompt_id: int
    rewrite_of: str
    relation: str
    operator: str
    where: str


@dataclass
class Run:
    """One attempt at an import."""

    job: Job
    owner: str
    project: Project
    options: Options
    counts: Counter[str] = field(default_factory=Counter)
    rows_done: int = 0
    pending: list[Pending] = field(default_factory=list)
    pending_links: list[PendingLink] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)  # of the batch in hand
    raters: dict[tuple[str, str], int] = field(default_factory=dict)
    criteria: dict[tuple[str, bool], int] = field(default_factory=dict)
    contexts: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, job: Job, owner: str) -> Run:
        """The run as the last committed batch left it."""
        saved: dict[str, Any] = job.result
        return cls(
            job=job,
            owner=owner,
            project=job.project,
            options=Options.of(job),
            counts=Counter(saved.get("counts", {})),
            rows_done=saved.get("rows_done", 0),
            pending=[Pending(*entry) for entry in saved.get("pending", [])],
            pending_links=[PendingLink(*entry) for entry in saved.get("pending_links", [])],
        )

    def refuse(self, where: str, reason: str) -> None:
        self.refusals.append(Refusal(where, reason))

    def as_result(self) -> dict[str, Any]:
        return {
            "counts": {name: self.counts[name] for name in COUNTED},
            "rows_done": self.rows_done,
            "pending": [[each.sample_id, each.parent, each.branch, each.where] for each in self.pending],
            "pending_links": [list(astuple(each)) for each in self.pending_links],
        }

    def failures(self) -> list[JobFailure]:
        return [
            JobFailure(job=self.job, source=SOURCE, what=refusal.where[:500], reason=refusal.reason)
            for refusal in self.refusals
        ]
