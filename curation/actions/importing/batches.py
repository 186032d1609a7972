"""Cutting the stream of rows into batches that are written together. Nothing here knows the database."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from curation.formats.rows import JudgementRow, MediaRef, PromptRow, Refusal, Row, SampleRow
from curation.identity import canonical_json

ROWS = 1000
FILES = 128
BYTES = 64 << 20


@dataclass
class Batch:
    """Rows in their order, with the number of the last one: a resumed import passes over that many."""

    rows: list[Row] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    last: int = 0
    files: int = 0
    bytes: int = 0

    @property
    def is_full(self) -> bool:
        return len(self.rows) + len(self.refusals) >= ROWS or self.files >= FILES or self.bytes >= BYTES

    def add(self, row: Row | Refusal, number: int) -> None:
        self.last = number
        if isinstance(row, Refusal):
            self.refusals.append(row)
            return
        self.rows.append(row)
        refs = media_of(row)
        self.files += len(refs)
        self.bytes += sum(len(ref.data) for ref in refs if ref.data is not None)

    @property
    def refs(self) -> list[MediaRef]:
        return [ref for row in self.rows for ref in media_of(row)]

    @property
    def count(self) -> int:
        return len(self.rows) + len(self.refusals)


def media_of(row: Row) -> list[MediaRef]:
    """Every picture and video of a row: the answer's, then those in roles."""
    if isinstance(row, JudgementRow):
        return []
    own = list(row.media) if isinstance(row, SampleRow) else []
    return own + [ref for refs in row.roles.values() for ref in refs]


def batches(rows: Iterable[Row | Refusal], already: int = 0) -> Iterator[Batch]:
    """Batches of rows, passing over the first `already`, whose judgements still count for the keys of later ones."""
    batch = Batch()
    for number, row in enumerate(with_keys(rows), start=1):
        if number <= already:
            continue
        batch.add(row, number)
        if batch.is_full:
            yield batch
            batch = Batch()
    if batch.count:
        yield batch


def with_keys(rows: Iterable[Row | Refusal]) -> Iterator[Row | Refusal]:
    """Gives each judgement without a key one: the digest of what it says and how often the file said it before.

    So a file that holds the same row twice gives two judgements, and reading it again gives none. It costs about
    100 bytes for each judgement without a key of its own.
    """
    said: Counter[int] = Counter()
    for row in rows:
        if isinstance(row, JudgementRow) and not row.key:
            digest = _digest(row)
            short = int(digest[:16], 16)
            yield replace(row, key=f"row:{digest[:48]}:{said[short]}")
            said[short] += 1
        else:
            yield row


def _digest(row: JudgementRow) -> str:
    """Of everything the row says; where it stands does not count, so a file may be reordered."""
    said = {
        name: getattr(row, name)
        for name in JudgementRow.__dataclass_fields__
        if name not in {"where", "key", "at", "samples", "ranks", "marks"}
    }
    if not said["under"]:
        del said["under"]  # came later: rows that do not say it keep their digest
    lists = [list(row.samples), list(row.ranks), list(row.marks), row.at.isoformat() if row.at else None]
    return hashlib.sha256(canonical_json([said, lists]).encode()).hexdigest()


def is_prompt_or_sample(row: Row) -> bool:
    return isinstance(row, PromptRow | SampleRow)
