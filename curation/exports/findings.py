"""What reading an export back finds."""

from __future__ import annotations

from dataclasses import dataclass, field

# The same mistake in every row is one finding; enough of its rows are named to look at.
NAMED_ROWS = 5


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be. `code` is a stable word; `where` names config, split, row."""

    code: str
    where: str
    says: str

    def __str__(self) -> str:
        return f"{self.where}: {self.says}"


@dataclass
class ReadBack:
    """What was read: rows by config and split, rows, media, winners and labels compared, and what was wrong."""

    rows: dict[str, dict[str, int]] = field(default_factory=dict)
    compared: int = 0
    media: int = 0
    media_bytes: int = 0
    winners: int = 0
    labels: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not self.findings

    def note(self, code: str, where: str, says: str) -> None:
        """Keeps the finding, unless enough of its kind are kept already."""
        if sum(finding.code == code for finding in self.findings) < NAMED_ROWS:
            self.findings.append(Finding(code, where, says))
