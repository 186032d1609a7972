"""What a set of prompts covers: tags of the form `facet:value` or `facet:value/part`, counted with their empty cells.

A facet is a way to tell prompts apart (theme, criterion, kind of edit, task); its values may have parts (sub-themes).
Tags without a facet count under the facet `tag`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

PLAIN = "tag"
MOST_VALUES = 500
_FACET = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_LONGEST = 50


class TaxonomyRefused(ValueError):
    """A taxonomy that cannot be used; the message says where and what to do."""


# Facets with their values, and the values with their parts, in the order stated.
Tree = Mapping[str, Mapping[str, tuple[str, ...]]]


@dataclass(frozen=True)
class Place:
    """One tag taken apart; `part` is empty where it names a whole value."""

    facet: str
    value: str
    part: str = ""


@dataclass(frozen=True)
class Line:
    """A value, or a part of one, and how many prompts and samples have it."""

    value: str
    part: str
    prompts: int
    samples: int
    is_expected: bool  # the taxonomy names it; False for what only tags say

    @property
    def name(self) -> str:
        return f"{self.value}/{self.part}" if self.part else self.value


@dataclass(frozen=True)
class Balance:
    """How evenly prompts lie over the expected values of a facet, or all there are where none is expected.

    Args:
        values, empty: how many values there are, and how many have no prompt.
        evenness: entropy over that of equal counts, 0 to 1 (Pielou); 1 for a single value, 0 where there is no prompt.
        effective: exp(entropy): so many equally frequent values would be as diverse; 0 where there is no prompt.
        largest_over_smallest: counts of the most and least frequent value; infinite where one is empty.
        prompts, without: prompts with a value, and those with none.
    """

    values: int
    empty: int
    evenness: float
    effective: float
    largest_over_smallest: float
    prompts: int
    without: int


@dataclass(frozen=True)
class Coverage:
    """A facet's lines, values first and their parts behind them, and its balance."""

    facet: str
    lines: tuple[Line, ...]
    balance: Balance


@dataclass(frozen=True)
class Cross:
    """How many prompts have each value of one facet together with each of another; rows by columns."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    @property
    def empty(self) -> int:
        return sum(count == 0 for row in self.counts for count in row)


@dataclass(frozen=True)
class Tagged:
    """One prompt: its tags, and how many samples it has."""

    tags: tuple[str, ...]
    samples: int = 0
    prompts: int = 1  # prompts with exactly these tags may stand together


def place_of(tag: str) -> Place:
    """A tag taken apart.

    >>> place_of("theme:animals/cats"), place_of("sunset")
    (Place(facet='theme', value='animals', part='cats'), Place(facet='tag', value='sunset', part=''))
    """
    facet, colon, rest = tag.partition(":")
    value, _slash, part = rest.partition("/")
    if not colon or not _FACET.fullmatch(facet) or facet == PLAIN or not value.strip():
        return Place(PLAIN, tag)
    return Place(facet, value.strip(), part.strip())


def tag_of(facet: str, value: str, part: str = "") -> str:
    """The tag that says so."""
    whole = f"{value}/{part}" if part else value
    return whole if facet == PLAIN else f"{facet}:{whole}"


def parse(raw: object) -> dict[str, dict[str, tuple[str, ...]]]:
    """Reads a taxonomy: facets to lists of values, or to maps from values to lists of parts.

    Raises:
        TaxonomyRefused: names the facet or value and what may stand there.
    """
    if not isinstance(raw, Mapping) or not raw:
        raise TaxonomyRefused("A taxonomy is a map from facets, such as theme, to their values.")
    found = {str(facet): _values(str(facet), values) for facet, values in raw.items()}
    number = sum(1 + len(parts) for values in found.values() for parts in values.values())
    if number > MOST_VALUES:
        raise TaxonomyRefused(f"There are {number} values and parts; a taxonomy has at most {MOST_VALUES}.")
    return found


def _values(facet: str, raw: object) -> dict[str, tuple[str, ...]]:
    if not _FACET.fullmatch(facet):
        raise TaxonomyRefused(f"The facet “{facet}” must be small letters, digits, - and _, and begin with a letter.")
    stated = raw if isinstance(raw, Mapping) else dict.fromkeys(_names(facet, raw))
    if not stated:
        raise TaxonomyRefused(f"The facet “{facet}” has no values.")
    return {
        _name(facet, value, slash="" if facet == PLAIN else "/"): tuple(_names(f"{facet}:{value}", parts or ()))
        for value, parts in stated.items()
    }


def _names(where: str, raw: object) -> list[str]:
    if isinstance(raw, str) or not isinstance(raw, Sequence):
        raise TaxonomyRefused(f"“{where}” holds {raw!r} where a list of names belongs.")
    names = [_name(where, one) for one in raw]
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise TaxonomyRefused(f"“{where}” names “{doubled}” twice.")
    return names


def _name(where: str, raw: object, slash: str = "/") -> str:
    name = str(raw).strip()
    if isinstance(raw, Mapping | list) or not name or len(name) > _LONGEST or (slash and slash in name):
        raise TaxonomyRefused(f"“{where}” names {raw!r}; a name has 1 to {_LONGEST} characters and no slash.")
    return name


# -- counting ---------------------------------------------------------------------------------------------------------


def facets(prompts: Iterable[Tagged], tree: Tree) -> list[str]:
    """Facets in the order of the taxonomy, then those that only tags name, the plain tags last."""
    met = {place_of(tag).facet for one in prompts for tag in one.tags}
    rest = sorted(met - set(tree) - {PLAIN})
    return [*(facet for facet in tree if facet != PLAIN), *rest, *([PLAIN] if PLAIN in met or PLAIN in tree else [])]


def coverage(prompts: Sequence[Tagged], facet: str, tree: Tree) -> Coverage:
    """How many prompts and samples have each value of a facet. A prompt with two values counts under both.

    Values the taxonomy expects stand in its order, with 0 where nothing has them; others follow by count.
    """
    expected = tree.get(facet, {})
    asked: Counter[tuple[str, str]] = Counter()
    answered: Counter[tuple[str, str]] = Counter()
    having = without = 0
    for one in prompts:
        own = {place for tag in one.tags if (place := place_of(tag)).facet == facet}
        cells = {(place.value, part) for place in own for part in {"", place.part}}
        having, without = having + (one.prompts if own else 0), without + (0 if own else one.prompts)
        for cell in cells:
            asked[cell] += one.prompts
            answered[cell] += one.samples
    order = _order(expected, asked)
    lines = tuple(Line(*cell, asked[cell], answered[cell], _is_expected(expected, cell)) for cell in order)
    judged = [line.prompts for line in lines if not line.part and (line.is_expected or not expected)]
    return Coverage(facet, lines, _balance(judged, having, without))


def _is_expected(expected: Mapping[str, Sequence[str]], cell: tuple[str, str]) -> bool:
    value, part = cell
    return value in expected and (not part or part in expected[value])


def _order(expected: Mapping[str, Sequence[str]], met: Counter[tuple[str, str]]) -> list[tuple[str, str]]:
    """Values as expected, then by count; behind each its parts in the same way."""
    found = []
    others = sorted({value for value, _part in met} - set(expected), key=lambda value: (-met[value, ""], value))
    for value in [*expected, *others]:
        known = expected.get(value, ())
        more = {part for one, part in met if one == value and part} - set(known)
        found += [(value, part) for part in ("", *known, *sorted(more, key=lambda part: (-met[value, part], part)))]
    return found


def _balance(counts: Sequence[int], having: int, without: int) -> Balance:
    total = sum(counts)
    shares = [count / total for count in counts if count] if total else []
    entropy = -sum(share * math.log(share) for share in shares)
    even = entropy / math.log(len(counts)) if len(counts) > 1 else float(bool(total))
    ratio = (max(counts) / min(counts) if min(counts) else math.inf) if counts and total else math.nan
    empty = sum(count == 0 for count in counts)
    effective = math.exp(entropy) if total else 0.0
    return Balance(len(counts), empty, min(even, 1.0) if total else 0.0, effective, ratio, having, without)


def cross(prompts: Iterable[Tagged], first: str, second: str, tree: Tree) -> Cross:
    """Prompts by the values of two facets, expected values with nothing in them included."""
    prompts = list(prompts)
    counts: Counter[tuple[str, str]] = Counter()
    for one in prompts:
        places = [place_of(tag) for tag in one.tags]
        rows, columns = ({place.value for place in places if place.facet == facet} for facet in (first, second))
        counts.update({(row, column): one.prompts for row in rows for column in columns})
    names = [
        tuple(line.value for line in coverage(prompts, facet, tree).lines if not line.part) for facet in (first, second)
    ]
    table = tuple(tuple(counts[row, column] for column in names[1]) for row in names[0])
    return Cross(names[0], names[1], table)


def balanced_recipe(facet: str, found: Coverage) -> str:
    """The lines of a recipe that make a subset with as much of each value that there is anything of.

    Plain tags are named one by one, because a prompt may have many that nobody meant to balance.
    """
    if facet != PLAIN:
        return f"balance:\n  by: facet\n  facet: {facet}\n"
    names = [line.value for line in found.lines if line.prompts and (line.is_expected or not _expects(found))]
    share = 1 / max(len(names), 1)
    lines = "".join(f"    {_quoted(name)}: {share:.12g}\n" for name in names)
    return f"balance:\n  by: tag\n  shares:\n{lines}"


def _expects(found: Coverage) -> bool:
    return any(line.is_expected for line in found.lines)


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
