"""What a version says of its pairs and candidates, beside what the rows of an export claim."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Protocol

from curation.exports.findings import ReadBack
from curation.exports.formats import Claim, Label, Verdict, truth_of, words_of
from curation.exports.rows import ExportSource


class Truths:
    """The winners and labels of one split.

    Args:
        is_by_pair: claims come by `pair_id` as the version's pairs do, so the two are walked side by side and nothing
            is held; otherwise the winners are kept in a file.
        folder: where that file may lie.
    """

    def __init__(self, source: ExportSource, split: str, *, is_by_pair: bool, folder: Path) -> None:
        self._source, self._split, self._folder = source, split, folder
        self._is_by_pair = is_by_pair
        self._winners: _Winners | None = None
        self._labels: _Labels | None = None

    def compare(self, claim: Claim, where: str, found: ReadBack) -> None:
        if isinstance(claim, Label):
            self._labels = self._labels or _Labels(self._source, self._split)
            self._labels.compare(claim, where, found)
            return
        if self._winners is None:
            pairs = self._source.pairs(self._split)
            truths = (truth for pair in pairs if (truth := truth_of(pair)))
            self._winners = _Beside(truths) if self._is_by_pair else _Filed(truths, self._folder)
        truth = self._winners.find(claim, where, found)
        if truth is None:
            return
        found.winners += 1
        if not (set(claim.chosen) <= set(truth.chosen) and set(claim.rejected) <= set(truth.rejected)):
            found.note("winner", where, f"pair {claim.pair_id} names another winner than the version.")


class _Winners(Protocol):
    def find(self, claim: Verdict, where: str, found: ReadBack) -> Verdict | None: ...


class _Beside:
    """The version's winners, walked beside the rows: both are ordered by pair id."""

    def __init__(self, truths: Iterator[Verdict]) -> None:
        self._ahead = truths
        self._last = ""

    def find(self, claim: Verdict, where: str, found: ReadBack) -> Verdict | None:
        if claim.pair_id <= self._last:
            found.note("order", where, f"pair {claim.pair_id} does not follow {self._last}: rows go by pair id.")
            return None
        self._last = claim.pair_id
        truth = next((truth for truth in self._ahead if truth.pair_id >= claim.pair_id), None)
        if truth is None or truth.pair_id != claim.pair_id:
            _unknown(claim, where, found)
            return None
        return truth


class _Filed:
    """The version's winners in a table on disk, for rows in another order."""

    def __init__(self, truths: Iterator[Verdict], folder: Path) -> None:
        self._file = NamedTemporaryFile(dir=folder, suffix=".sqlite")  # noqa: SIM115  # removed with this object
        self._table = sqlite3.connect(self._file.name)
        self._table.execute("create table truth (pair_id text primary key, words text) without rowid")
        rows = ((one.pair_id, json.dumps([one.chosen, one.rejected])) for one in truths)
        self._table.executemany("insert into truth values (?, ?)", rows)

    def find(self, claim: Verdict, where: str, found: ReadBack) -> Verdict | None:
        row = self._table.execute("select words from truth where pair_id = ?", (claim.pair_id,)).fetchone()
        if row is None:
            _unknown(claim, where, found)
            return None
        chosen, rejected = json.loads(row[0])
        return Verdict(claim.pair_id, tuple(chosen), tuple(rejected))


def _unknown(claim: Verdict, where: str, found: ReadBack) -> None:
    found.note("unknown-pair", where, f"the version has no decided pair {claim.pair_id} in this split.")


class _Labels:
    """The version's candidates, walked beside rows that call one of them good or bad."""

    def __init__(self, source: ExportSource, split: str) -> None:
        self._ahead = source.candidates(split)

    def compare(self, claim: Label, where: str, found: ReadBack) -> None:
        candidate = next((one for one in self._ahead if one.subject.sample.id == claim.sample_id), None)
        if candidate is None:
            found.note("unknown-sample", where, f"{claim.sample_id} is no candidate of this split, or out of order.")
            return
        found.labels += 1
        said = None if candidate.label is None else bool(candidate.label)
        if said != claim.is_good or not set(claim.content) <= set(words_of(candidate.subject)):
            found.note("label", where, f"{claim.sample_id} has another label or another answer than in the version.")
