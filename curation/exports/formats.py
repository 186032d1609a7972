"""What a format is: its name, which tasks it carries, how it is written and how it is checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from curation.exports.columns import Columns
from curation.exports.media import Stored
from curation.exports.rows import ExportPair, ExportSource
from curation.exports.shards import ShardWriter, WrittenFile

Row: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class WrittenSplit:
    files: tuple[WrittenFile, ...]
    rows: int
    data_bytes: int


@dataclass(frozen=True)
class WrittenConfig:
    """A config as it lies on disk: its columns and, by split, its files."""

    name: str
    columns: Columns
    splits: Mapping[str, WrittenSplit]

    @property
    def rows(self) -> int:
        return sum(split.rows for split in self.splits.values())

    @property
    def download_bytes(self) -> int:
        return sum(file.size for split in self.splits.values() for file in split.files)


@dataclass(frozen=True)
class Written:
    """What a writer made, and the pairs it could not carry, counted by reason."""

    configs: list[WrittenConfig]
    left_out: Counter[str]


@dataclass(frozen=True)
class Verdict:
    """Who won, in words of content: digests of media and texts. A format may state only those it carries."""

    pair_id: str
    chosen: tuple[str, ...]
    rejected: tuple[str, ...]


@dataclass(frozen=True)
class Format:
    """One way to write a version.

    Args:
        name: the word after `--format`.
        configs: the config names it may write; one folder holds several formats, so they never collide.
        columns: of a config, for a project of a task.
        refusal: a sentence that says why a project of this task cannot be written so and which format can, or None.
        write: streams the version into a folder.
        media_of: the media of a row that was read back, beside the digests the row states.
        verdict: the winner a row names, as its reader would understand it; None where it decides nothing.
        proved_by: `package` name of the reader a test runs, or `contract` where only our own test stands.
        snippet: how to load and train, with `{place}` and `{split}`.
    """

    name: str
    label: str
    purpose: str
    configs: tuple[str, ...]
    columns: Callable[[str, str], Columns]
    refusal: Callable[[str], str | None]
    write: Callable[[ExportSource, Path], Written]
    media_of: Callable[[str, Row], Iterator[Stored]]
    verdict: Callable[[str, Row], Verdict | None]
    proved_by: str
    snippet: str


def config_of(name: str, columns: Columns, shards: list[ShardWriter]) -> WrittenConfig:
    """A config from the writers of its splits; a split without rows is not mentioned anywhere."""
    splits = {
        shard.split: WrittenSplit(tuple(shard.files), shard.rows, shard.data_bytes) for shard in shards if shard.rows
    }
    return WrittenConfig(name, columns, splits)


def content_words(digests: list[str], text: str | None) -> tuple[str, ...]:
    """An answer by its content: the digests of its media, then its text if it has one."""
    return (*digests, text) if text else tuple(digests)


def truth_of(pair: ExportPair) -> Verdict | None:
    """What the version says of a pair, in the same words as a row that was read back."""
    if not pair.is_decided:
        return None
    chosen, rejected = (
        content_words([item.sha256 for item in subject.sample.media], subject.sample.text)
        for subject in (pair.chosen, pair.rejected)
    )
    return Verdict(pair.pair_id, chosen, rejected)
