"""What a format is: its name, which tasks it carries, how it is written, read back and proved.

Two kinds. A *table* is written with `shards.ShardWriter` and read with `load_dataset`; its rows are checked through
`media_of` and `verdict`. A *layout* is records and media as files, written with `files.Layout`, whose `read_back` says
what its reader would make of each record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from curation.exports.columns import Columns
from curation.exports.media import Stored
from curation.exports.rows import ExportPair, ExportSource, ExportSubject
from curation.exports.shards import WrittenFile

Row: TypeAlias = dict[str, Any]

NO_TIES = "Pairs without a winner are left out and counted: a reader would train them as a win."


@dataclass(frozen=True)
class WrittenSplit:
    files: tuple[WrittenFile, ...]
    rows: int
    data_bytes: int


@dataclass(frozen=True)
class WrittenConfig:
    """A config as it lies on disk: its columns and, by split, its files.

    Args:
        is_table: Parquet that `load_dataset` finds by the card; False for a layout, whose `files` are its records.
        media_files, media_bytes: what lies beside the records of a layout.
    """

    name: str
    columns: Columns
    splits: Mapping[str, WrittenSplit]
    is_table: bool = True
    media_files: int = 0
    media_bytes: int = 0

    @property
    def rows(self) -> int:
        return sum(split.rows for split in self.splits.values())

    @property
    def download_bytes(self) -> int:
        return self.media_bytes + sum(file.size for split in self.splits.values() for file in split.files)


@dataclass(frozen=True)
class Written:
    """What a writer made, and the pairs it could not carry, counted by reason.

    Args:
        extra: files that belong to no split, such as a registry that names the others.
    """

    configs: list[WrittenConfig]
    left_out: Counter[str]
    extra: tuple[WrittenFile, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """Who won, in words of content: digests of media and texts. A format may state only those it carries."""

    pair_id: str
    chosen: tuple[str, ...]
    rejected: tuple[str, ...]


@dataclass(frozen=True)
class Label:
    """An answer called good or bad, in words of content."""

    sample_id: str
    content: tuple[str, ...]
    is_good: bool


Claim: TypeAlias = Verdict | Label


@dataclass(frozen=True)
class MediaFile:
    """A medium of a layout as its record names it.

    Args:
        name: as the record names it, for a finding.
        content: the file, or the bytes where they lie inside an archive.
        sha256: the digest the record states, of the whole or its first 16 digits; None takes it from the file's name.
    """

    name: str
    content: Path | bytes
    sha256: str | None = None


@dataclass(frozen=True)
class Recalled:
    """A record of a layout as its reader understands it.

    Args:
        media: every file of the record, each checked against its digest.
        claims: what the record decides. A `MediaFile` among the words stands for the digest of its bytes.
    """

    media: tuple[MediaFile, ...] = ()
    claims: tuple[RecalledVerdict | RecalledLabel, ...] = ()


Word: TypeAlias = str | MediaFile


@dataclass(frozen=True)
class RecalledVerdict:
    pair_id: str
    chosen: tuple[Word, ...]
    rejected: tuple[Word, ...]


@dataclass(frozen=True)
class RecalledLabel:
    sample_id: str
    content: tuple[Word, ...]
    is_good: bool


@dataclass(frozen=True)
class Proof:
    """How it is known that a trainer reads the format; only `package` and `external` count as proved.

    Args:
        kind: `package`: the reader comes from PyPI and runs in the test. `external`: a script at a stated address, run
            by one command and skipped visibly where it is absent. `contract`: our test of the documented columns.
        reader: the package with its class, the address of the script, or the document the columns are from.
    """

    kind: Literal["package", "external", "contract"]
    reader: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.reader}"


@dataclass(frozen=True)
class Option:
    """A choice somebody has within a format. The first of `choices` holds where nobody chose."""

    name: str
    choices: tuple[str, ...]
    says: str


def _no_media(config: str, row: Row) -> Iterator[Stored]:
    return iter(())


def _no_claim(config: str, row: Row) -> None:
    return None


class WithFiles(Protocol):
    """What `config_of` needs of a writer of one split, of tables and of records alike."""

    split: str
    data_bytes: int

    @property
    def files(self) -> Sequence[WrittenFile]: ...

    @property
    def rows(self) -> int: ...


@dataclass(frozen=True)
class Format:
    """One way to write a version.

    Args:
        name: the word after `--format`.
        configs: the config names it may write; one folder holds several formats, so they never collide.
        columns: of a config, for a project of a task; of a layout, the fields of its records.
        refusal: a sentence that says why a project of this task cannot be written so and which format can, or None.
        write: streams the version into a folder.
        proof: which reader shows that a trainer understands it.
        snippet: how to load and train, with `{place}` and `{split}`; `{{` where a brace is meant.
        ties: what becomes of pairs without a winner, in a sentence.
        options: choices within the format; a writer asks for `source.option(NAME, OPTION)`.
        media_of: of a table, the media of a row that was read back, beside the digests the row states.
        verdict: of a table, the winner or the label a row names, as its reader would understand it; None where it
            decides nothing.
        read_back: of a layout, (folder of the export, config, split) into what its reader makes of each record; None
            for tables.
        is_by_pair: rows go by `pair_id`, so the check walks beside the version; False for groups, labels and whatever
            has another order.
        counts_pairs: its first config has one row a pair, so rows and pairs left out make up the version.
    """

    name: str
    label: str
    purpose: str
    configs: tuple[str, ...]
    columns: Callable[[str, str], Columns]
    refusal: Callable[[str], str | None]
    write: Callable[[ExportSource, Path], Written]
    proof: Proof
    snippet: str
    ties: str = NO_TIES
    options: tuple[Option, ...] = ()
    media_of: Callable[[str, Row], Iterator[Stored]] = _no_media
    verdict: Callable[[str, Row], Claim | None] = _no_claim
    read_back: Callable[[Path, str, str], Iterator[Recalled]] | None = None
    is_by_pair: bool = True
    counts_pairs: bool = True

    @property
    def is_table(self) -> bool:
        return self.read_back is None

    @property
    def carries_ties(self) -> bool:
        """Whether a row may name no winner; a format that has no word of its own about ties has none."""
        return self.ties != NO_TIES


def config_of(name: str, columns: Columns, writers: Iterable[WithFiles]) -> WrittenConfig:
    """A config from the writers of its splits; a split without rows is not mentioned anywhere."""
    return WrittenConfig(name, columns, _splits(writers))


def _splits(writers: Iterable[WithFiles]) -> dict[str, WrittenSplit]:
    return {one.split: WrittenSplit(tuple(one.files), one.rows, one.data_bytes) for one in writers if one.rows}


def content_words(digests: list[str], text: str | None) -> tuple[str, ...]:
    """An answer by its content: the digests of its media, then its text if it has one."""
    return (*digests, text) if text else tuple(digests)


def words_of(subject: ExportSubject) -> tuple[str, ...]:
    """A subject's answer by its content."""
    return content_words([item.sha256 for item in subject.sample.media], subject.sample.text)


def truth_of(pair: ExportPair) -> Verdict | None:
    """What the version says of a pair, in the same words as a row that was read back."""
    if not pair.is_decided:
        return None
    return Verdict(pair.pair_id, words_of(pair.chosen), words_of(pair.rejected))
