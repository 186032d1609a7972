"""What the gate found, as plain values and as JSON: it travels in the manifest and the card of an export.

Nothing here holds a time or a place, so the same version looks the same whenever it is examined.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import polars as pl

from curation.recipes.tables import digest

Level = Literal["error", "warning"]

# What a finding points at, one row each. A row names a pair, a sample or a prompt; rows of one `part` belong together.
ROWS = pl.Schema(
    [
        ("pair_id", pl.String()),
        ("sample_id", pl.Int64()),
        ("prompt_id", pl.Int64()),
        ("part", pl.Int64()),
        ("detail", pl.String()),
    ]
)
KEYS = ["pair_id", "sample_id", "prompt_id"]


@dataclass(frozen=True)
class Waiver:
    """Somebody's signed word that a finding is known and accepted.

    Args:
        because: why, in the person's words.
        by: who signed.
        on: the day, ISO.
    """

    because: str
    by: str
    on: str


@dataclass(frozen=True)
class Finding:
    """One thing the gate found.

    Args:
        code: stable name of the check, a key of `codes.CHECKS`.
        count: how many things it concerns, in `unit` (pairs, samples, prompts, things).
        words: one or two sentences in English.
        digest: SHA-256 of what it concerns; another digest is another finding.
        measure: size of a finding that is a number and not a list (a lean, in its own unit, never below 0); else None.
        waiver: set where somebody accepted this very finding or a larger one.
    """

    code: str
    level: Level
    title: str
    count: int
    unit: str
    words: str
    remedy: str
    digest: str
    is_waivable: bool = True
    measure: float | None = None
    waiver: Waiver | None = None

    @property
    def concerns(self) -> str:
        """What it counts, as many as there are: `pair` beside 1, `pairs` beside 2."""
        return (
            " or ".join(word.removesuffix("s") for word in self.unit.split(" and ")) if self.count == 1 else self.unit
        )

    @property
    def is_open(self) -> bool:
        """Whether it stands in the way of publishing."""
        return self.level == "error" and not (self.waiver and self.is_waivable)


@dataclass(frozen=True)
class GateReport:
    """All findings of an examination, errors first.

    Args:
        version: `NAME@3`.
        version_digest: of the frozen rows.
        pairs, samples: how many would leave.
        checks: codes that were looked for, in order.
        idle: codes that had nothing to look at, with the reason.
    """

    version: str
    version_digest: str
    pairs: int
    samples: int
    findings: tuple[Finding, ...] = ()
    checks: tuple[str, ...] = ()
    idle: Mapping[str, str] = field(default_factory=dict)

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.level == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.level == "warning")

    @property
    def open_errors(self) -> tuple[Finding, ...]:
        """Errors that nobody accepted, or that nobody may accept: with one of these nothing is published."""
        return tuple(finding for finding in self.findings if finding.is_open)

    @property
    def clean(self) -> tuple[str, ...]:
        """Codes that were looked for and found nothing."""
        found = {finding.code for finding in self.findings}
        return tuple(code for code in self.checks if code not in found and code not in self.idle)

    def finding(self, code: str) -> Finding | None:
        return next((finding for finding in self.findings if finding.code == code), None)

    def with_waivers(self, waivers: Mapping[str, Waiver]) -> GateReport:
        """The same report with these words on its findings, by code; findings that are not named carry none."""
        return replace(
            self, findings=tuple(replace(finding, waiver=waivers.get(finding.code)) for finding in self.findings)
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "gate": 1,
            "version": self.version,
            "version_digest": self.version_digest,
            "pairs": self.pairs,
            "samples": self.samples,
            "findings": [_finding_json(finding) for finding in self.findings],
            "checks": list(self.checks),
            "idle": dict(self.idle),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> GateReport:
        """The report written by `as_json`.

        Raises:
            ValueError: it was written by a later gate.
        """
        if value.get("gate") != 1:
            raise ValueError(
                f"This reads reports of gate 1, not of gate {value.get('gate')!r}. Examine the version again."
            )
        return cls(
            version=value["version"],
            version_digest=value["version_digest"],
            pairs=value["pairs"],
            samples=value["samples"],
            findings=tuple(_finding_of(one) for one in value["findings"]),
            checks=tuple(value["checks"]),
            # In the order of the checks: a database forgets the order of names.
            idle={code: value["idle"][code] for code in value["checks"] if code in value["idle"]},
        )

    def digest(self) -> str:
        """SHA-256 over the findings without their waivers: equal where nothing changed since."""
        parts = [self.version_digest, *(f"{one.code}:{one.digest}:{one.words}" for one in self.findings)]
        return hashlib.sha256("\n".join([*parts, *self.checks, *self.idle]).encode()).hexdigest()


def digest_of_rows(code: str, rows: pl.DataFrame) -> str:
    """SHA-256 of a code and the things named, whatever their order; the details have no part in it."""
    keys = rows.select(KEYS).unique().sort(KEYS, nulls_last=True)
    return hashlib.sha256(f"{code}\n{digest(keys)}".encode()).hexdigest()


def digest_of_measure(code: str, measure: float) -> str:
    """SHA-256 of a code and a number, to four decimals."""
    return hashlib.sha256(f"{code}\n{measure:.4f}".encode()).hexdigest()


def _finding_json(finding: Finding) -> dict[str, Any]:
    waiver = finding.waiver
    return {
        "code": finding.code,
        "level": finding.level,
        "title": finding.title,
        "count": finding.count,
        "unit": finding.unit,
        "words": finding.words,
        "remedy": finding.remedy,
        "digest": finding.digest,
        "is_waivable": finding.is_waivable,
        "measure": finding.measure,
        "waiver": {"because": waiver.because, "by": waiver.by, "on": waiver.on} if waiver else None,
    }


def _finding_of(value: Mapping[str, Any]) -> Finding:
    waiver = value["waiver"]
    return Finding(**{**value, "waiver": Waiver(**waiver) if waiver else None})
