"""Winners of an export as our importers understand it: they know the published formats and nothing of our writers."""

from __future__ import annotations

import hashlib
from itertools import combinations
from pathlib import Path

from curation.exports.rows import ExportSource
from curation.formats import JudgementRow
from curation.formats.rows import MediaRef
from tests.curation.formats.drawn import Read

# (digest of the winner, digest of the loser)
Winners = set[tuple[str, str]]


def winners(path: Path, workspace: Path, name: str, media_root: Path | None = None) -> Winners:
    """Who won over whom in a file of a published format, as the importer for it reads it.

    Args:
        name: of the importer; it must also be the one that a guess chooses.
    """
    seen = Read(path, workspace, media_root=media_root)
    assert seen.format == name
    assert seen.reasons == []
    digests = {row.sample_key: [_digest(medium) for medium in row.media] for row in seen.samples}
    found: Winners = set()
    for row in seen.judgements:
        for better, worse in _better(row):
            found.add((digests[better][0], digests[worse][0]))
    return found


def _better(row: JudgementRow) -> list[tuple[str, str]]:
    if row.criterion != "overall":
        return []
    if row.kind == "compare":
        return {"left": [(row.left, row.right)], "right": [(row.right, row.left)]}.get(row.outcome, [])
    if row.kind == "rank":
        ranked = sorted(zip(row.ranks, row.samples, strict=True))
        return [(one, other) for (high, one), (low, other) in combinations(ranked, 2) if high < low]
    return []


def _digest(medium: MediaRef) -> str:
    content = Path(medium.path).read_bytes() if medium.path else medium.data or b""
    return hashlib.sha256(content).hexdigest()


def truths(source: ExportSource, split: str) -> Winners:
    """The version's own."""
    return {
        (row.chosen.sample.media[0].sha256, row.rejected.sample.media[0].sha256)
        for row in source.pairs(split)
        if row.is_decided
    }
