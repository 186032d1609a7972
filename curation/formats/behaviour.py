"""What users did with what they were shown: impressions, clicks, re-use and follow-up as comparisons.

A click is no vote: whoever clicks has seen what stood above, and perhaps nothing of what stood below. So a list of
shown samples says, of its pairs,

1. a sample that was clicked is preferred to every sample *above* it that was not ("click > skip above");
2. a sample that was used (taken, remixed, followed up) is preferred to every sample above it that was not used, and to
   every sample that was only clicked, wherever it stands: a click shows that it was looked at;
3. nothing is said of a sample that stands below and was not clicked. It may never have been seen.

Source: T. Joachims (2002), Optimizing search engines using clickthrough data, KDD 2002, section 2; T. Joachims,
L. Granka, B. Pan, H. Hembrooke, G. Gay (2005), Accurately interpreting clickthrough data as implicit feedback,
SIGIR 2005, where "click > skip above" agreed with explicit judgements about as often as these agreed with each other,
and clicks taken as absolute votes did not.

The rater is the place where it was shown (`source`), of the kind `behaviour`; a session is known by a digest only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from curation.formats import fields
from curation.formats.base import Recognition, RecordFormat
from curation.formats.fields import RowRefused, shown
from curation.formats.glance import Glance, look_at
from curation.formats.limits import KEY_LENGTH
from curation.formats.media_paths import MediaFolder
from curation.formats.records import Record, records
from curation.formats.rows import JudgementRow, Refusal, Row

KIND = "behaviour"
SUFFIXES = frozenset({".csv", ".tsv", ".parquet", ".jsonl", ".json"})
SAMPLE_NAMES = ("sample", "sample_key")
ACTIONS = ("clicked", "used", "follow_up")
# A user scrolls through thousands; what a click at the end of such a list says about its beginning is little.
LONGEST_LIST = 200
_YES = frozenset({"1", "true", "yes", "y"})
_NO = frozenset({"", "0", "false", "no", "n"})
_SEEN, _CLICKED, _USED = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Impression:
    """One sample as it was shown: its place from 1, and the most that was done with it."""

    sample: str
    prompt: str
    position: int
    level: int
    at: datetime | None
    where: str


@dataclass
class Shown:
    """The impressions of one list, while its rows are read."""

    source: str
    session: str
    name: str
    criterion: str
    impressions: list[Impression] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, str, str]:
        return self.source, self.session, self.name

    def add(self, one: Impression) -> None:
        """Raises RowRefused where the place or the sample was taken by an earlier row."""
        for other in self.impressions:
            if other.prompt == one.prompt and (other.position == one.position or other.sample == one.sample):
                twice = f"position {one.position}" if other.position == one.position else f"sample {one.sample!r}"
                raise RowRefused(
                    f"{twice} comes twice in one list (first at {other.where}); "
                    "where a session was shown several lists, name each in the column list"
                )
        if len(self.impressions) >= LONGEST_LIST:
            raise RowRefused(f"the list is longer than {LONGEST_LIST} samples")
        self.impressions.append(one)


class Behaviour(RecordFormat):
    """A log of impressions, a row a shown sample; or a row a list, with `shown`, `clicked` and `used` as lists."""

    name = KIND
    title = "Behaviour log (impressions, clicks, re-use)"

    def recognise(self, glance: Glance) -> Recognition | None:
        if glance.suffix not in SUFFIXES or _missing(glance.names):
            return None
        return Recognition(0.97, "columns session, position or shown, and clicked or used")

    def read(self, path: Path, media_root: Path, workspace: Path) -> Iterator[Row | Refusal]:
        for file in look_at(path).files:
            if missing := _missing(look_at(file).names):
                yield Refusal(file.name, missing)
                continue
            yield from _Reader().rows(file)

    def rows(self, record: Record, media: MediaFolder) -> Iterator[Row | Refusal]:
        """One record by itself; `read` puts the rows of a list together."""
        reader = _Reader()
        yield from reader.take(record)
        yield from reader.end()


def _missing(names: frozenset[str]) -> str:
    """What a log lacks, in words; empty when it has all it needs."""
    if "session" not in names:
        return "there is no column session"
    if "shown" not in names and not (names & set(SAMPLE_NAMES) and "position" in names):
        return "there are neither the columns sample and position nor a column shown"
    if not names & set(ACTIONS):
        return f"there is no column that tells what was done: {', '.join(ACTIONS)}"
    return ""


class _Reader:
    """Puts the rows of one list together. They stand side by side in the file, in any order among themselves."""

    def __init__(self) -> None:
        self.open: Shown | None = None
        # Eight bytes a list: enough to notice that one goes on after another has begun.
        self.ended: set[bytes] = set()

    def rows(self, file: Path) -> Iterator[Row | Refusal]:
        for record in records(file):
            if isinstance(record, Refusal):
                yield record
                continue
            yield from self.take(record)
        yield from self.end()

    def take(self, record: Record) -> Iterator[Row | Refusal]:
        try:
            if "shown" in record.values:
                whole = _whole_list(record)
                yield from self.end()
                self._begin(whole)
                return
            listed, impression = _impression(record)
            if self.open is None or self.open.key != listed.key:
                yield from self.end()
                self._begin(listed)
            assert self.open is not None
            self.open.add(impression)
        except RowRefused as error:
            yield Refusal(record.where, str(error))

    def _begin(self, listed: Shown) -> None:
        if _short(listed.key) in self.ended:
            raise RowRefused(
                f"the list of session {listed.session!r} had ended before; sort the file by session"
                f"{' and list' if listed.name else ''}"
            )
        self.open = listed

    def end(self) -> Iterator[Row | Refusal]:
        """The judgements of the list in hand, one a prompt."""
        if self.open is None:
            return
        listed, self.open = self.open, None
        self.ended.add(_short(listed.key))
        for prompt in sorted({one.prompt for one in listed.impressions}):
            yield _judgement(listed, prompt)


def _short(key: Sequence[str]) -> bytes:
    return hashlib.sha256("\x1f".join(key).encode()).digest()[:8]


# -- rows ------------------------------------------------------------------------------------------------------------


def _listed(values: Mapping[str, object]) -> Shown:
    session = fields.label(values, "session")
    if not session.strip():
        raise RowRefused("session is missing")
    return Shown(
        source=fields.optional_text(values, "source") or KIND,
        session=session,
        name=fields.label(values, "list"),
        criterion=fields.optional_text(values, "criterion", longest=120) or "overall",
    )


def _impression(record: Record) -> tuple[Shown, Impression]:
    values = record.values
    sample = next((label for name in SAMPLE_NAMES if (label := fields.label(values, name))), "")
    if not sample:
        raise RowRefused("sample is missing")
    if len(sample) > KEY_LENGTH:
        raise RowRefused(f"sample is {len(sample)} characters long; at most {KEY_LENGTH} are kept")
    return _listed(values), Impression(
        sample=sample,
        prompt=fields.label(values, "prompt"),
        position=_position(values),
        level=_level(values),
        at=fields.moment(values, "at"),
        where=record.where,
    )


def _position(values: Mapping[str, object]) -> int:
    """A place counted from 1; CSV has it as text."""
    raw = values.get("position")
    if isinstance(raw, str) and raw.strip().isascii() and raw.strip().isdigit():
        raw = int(raw)
    position = fields.integer({"position": raw}, "position", (1, fields.INT32[1]))
    if position is None:
        raise RowRefused("position is missing")
    return position


def _level(values: Mapping[str, object]) -> int:
    """The most that was done. Going on from a sample (an edit, a variation, a reply) is a use of it."""
    if _is_done(values, "used") or _is_done(values, "follow_up", is_text=True):
        return _USED
    return _CLICKED if _is_done(values, "clicked") else _SEEN


def _is_done(values: Mapping[str, object], name: str, *, is_text: bool = False) -> bool:
    """Whether a cell says yes: true, yes, 1, or a count. A follow-up may be the message itself."""
    value = values.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    if isinstance(value, int | float) and float(value).is_integer() and value >= 0:
        return value > 0
    if isinstance(value, str):
        said = value.strip().lower()
        if said in _YES or said in _NO:
            return said in _YES
        if said.isascii() and said.isdigit():
            return int(said) > 0
        if is_text:
            return True
    raise RowRefused(f"{name} must be yes or no, or how often, not {shown(value)}")


def _whole_list(record: Record) -> Shown:
    """A list in one row: keys in the order they were shown, and which of them were clicked and used."""
    values = record.values
    listed = _listed(values)
    keys = fields.texts(values, "shown", longest=KEY_LENGTH)
    done = {name: set(fields.texts(values, name, longest=KEY_LENGTH)) for name in ACTIONS}
    for name, chosen in done.items():
        if foreign := sorted(chosen - set(keys)):
            raise RowRefused(f"{name} names {foreign[0]!r}, which is not among those shown")
    at = fields.moment(values, "at")
    for position, key in enumerate(keys, 1):
        level = _USED if key in done["used"] | done["follow_up"] else _CLICKED if key in done["clicked"] else _SEEN
        listed.add(Impression(key, fields.label(values, "prompt"), position, level, at, record.where))
    return listed


# -- what it says ----------------------------------------------------------------------------------------------------


def _judgement(listed: Shown, prompt: str) -> JudgementRow:
    mine = sorted((one for one in listed.impressions if one.prompt == prompt), key=lambda one: one.position)
    levels = [one.level for one in mine]
    names = [one.sample for one in mine]
    times = [one.at for one in mine if one.at is not None]
    identity = hashlib.sha256("\x1f".join([*listed.key, prompt, listed.criterion]).encode()).hexdigest()
    return JudgementRow(
        kind="choose",
        rater=listed.source,
        rater_kind=KIND,
        purpose=KIND,
        samples=tuple(names),
        pairs=preferences(levels),
        criterion=listed.criterion,
        key=f"{KIND}:{identity[:48]}",
        at=max(times) if times else None,
        payload={
            "positions": [one.position for one in mine],
            "clicked": [name for name, level in zip(names, levels, strict=True) if level == _CLICKED],
            "used": [name for name, level in zip(names, levels, strict=True) if level == _USED],
        },
        where=mine[0].where,
    )


def preferences(levels: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """The pairs a list says something about, by the rules above.

    Args:
        levels: for each sample in the order shown, from above: 0 only shown, 1 clicked, 2 used.

    Returns:
        (preferred, other) as places in the list, in the order of the preferred one.

    >>> preferences([0, 1, 0])
    ((1, 0),)
    >>> preferences([2, 0, 1])
    ((0, 2), (2, 1))
    """
    return tuple(
        (place, other)
        for place, level in enumerate(levels)
        for other, below in enumerate(levels)
        if level > below and (other < place or below >= _CLICKED)
    )
