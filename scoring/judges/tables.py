"""Files of settings read strictly: a wrong type, an unknown key or a missing one is refused with its place.

YAML without anchors, tags and duplicate keys; every complaint names the file, the line and the remedy.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import yaml

from scoring.scorers.base import Json

LARGEST = 512 * 1024  # characters
DEEPEST = 12

Path = tuple[str | int, ...]
_PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "str", "int", "float", "bool", "null")}


class Unreadable(ValueError):
    """A file of settings cannot be used as written. The sentence names file, line, what is wrong and the remedy."""


@dataclass(frozen=True)
class Origin:
    """Where values stand, for complaints.

    Attributes:
        name: of the file, without its folder, or what else the values are ("template pair-critique").
        lines: the line of each value, counted from 1, by its path; empty for values that came from no file.
    """

    name: str
    lines: Mapping[Path, int]

    def complaint(self, path: Path, words: str) -> Unreadable:
        while path and path not in self.lines:
            path = path[:-1]
        line = self.lines.get(path)
        return Unreadable(f"{self.name}, line {line}: {words}" if line else f"{self.name}: {words}")


class Table:
    """A map whose keys are asked for one by one; `finish` refuses the ones nobody asked for."""

    def __init__(self, values: Mapping[str, Json], origin: Origin, path: Path = ()) -> None:
        self._values = values
        self._origin = origin
        self._path = path
        self._asked: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def complaint(self, key: str, words: str) -> Unreadable:
        """The refusal of one value, with its place."""
        return self._origin.complaint((*self._path, key), words)

    def text(self, key: str, default: str | None = None) -> str:
        """Words; required where no default is given."""
        value = self._get(key, default)
        if not isinstance(value, str):
            raise self.complaint(key, f"“{key}” must be text, not {_said(value)}. Put it in quotes.")
        return value

    def whole(self, key: str, default: int | None = None, *, low: int, high: int) -> int:
        """A whole number within [low, high]."""
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            words = f"“{key}” must be a whole number from {low} to {high}, not {_said(value)}."
            raise self.complaint(key, words)
        return value

    def number(self, key: str, default: float | None = None, *, low: float, high: float) -> float:
        """A finite number within [low, high]."""
        value = self._get(key, default)
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not is_number or not low <= value <= high:  # type: ignore[operator]
            raise self.complaint(key, f"“{key}” must be a number from {low:g} to {high:g}, not {_said(value)}.")
        return float(value)  # type: ignore[arg-type]

    def number_or_none(self, key: str) -> float | None:
        """Any finite number; None where the key is absent or empty."""
        if self._values.get(key) is None:
            self._asked.add(key)
            return None
        return self.number(key, low=-1e12, high=1e12)

    def flag(self, key: str, default: bool | None = None) -> bool:
        """`true` or `false`."""
        value = self._get(key, default)
        if not isinstance(value, bool):
            raise self.complaint(key, f"“{key}” must be true or false, not {_said(value)}.")
        return value

    def texts(self, key: str, default: Sequence[str] | None = None) -> tuple[str, ...]:
        """A list of words."""
        value = self._get(key, default)
        if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(one, str) for one in value):
            raise self.complaint(key, f"“{key}” must be a list of texts, not {_said(value)}.")
        return tuple(str(one) for one in value)

    def plain(self, key: str, default: Mapping[str, Json] | None = None) -> dict[str, Json]:
        """A map, as it is."""
        value = self._get(key, default)
        if not isinstance(value, Mapping):
            raise self.complaint(key, f"“{key}” must be a map of names and values, not {_said(value)}.")
        return dict(value)

    def table(self, key: str) -> Table:
        """A map that is read further; an empty one where the key is absent."""
        return Table(self.plain(key, {}), self._origin, (*self._path, key))

    def tables(self, key: str, *, required: bool = True) -> list[Table]:
        """A list of maps that are read further."""
        value = self._get(key, None if required else ())
        if isinstance(value, str | Mapping) or not isinstance(value, Sequence):
            raise self.complaint(key, f"“{key}” must be a list, not {_said(value)}.")
        return [self._row(key, position, row) for position, row in enumerate(value)]

    def _row(self, key: str, position: int, row: Json) -> Table:
        path = (*self._path, key, position)
        if not isinstance(row, Mapping):
            words = f"entry {position + 1} of “{key}” must be a map of names and values, not {_said(row)}."
            raise self._origin.complaint(path, words)
        return Table(row, self._origin, path)

    def entries(self) -> Iterator[tuple[str, Table]]:
        """Every key with its map, for tables whose keys are names."""
        for key in self._values:
            yield key, self.table(key)

    def finish(self) -> None:
        """Refuses keys that nobody asked for."""
        for key in self._values:
            if key not in self._asked:
                raise self.complaint(key, f"“{key}” is not known here. {_suggestion(key, self._asked)}")

    def _get(self, key: str, default: Json) -> Json:
        self._asked.add(key)
        if key in self._values:
            return self._values[key]
        if default is None:
            raise self._origin.complaint(self._path, f"“{key}” is missing.")
        return default


def read(text: str, name: str) -> Table:
    """The map in a YAML text.

    Raises:
        Unreadable: too long, not YAML, an alias, a duplicate key, or no map of names and values.
    """
    if len(text) > LARGEST:
        raise Unreadable(f"{name}: it has {len(text):,} characters. Keep it below {LARGEST:,}.")
    lines: dict[Path, int] = {}
    origin = Origin(name, lines)
    try:
        _refuse_aliases(text, origin)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise _not_yaml(error, name) from error
    value = None if node is None else _value(node, (), lines, origin)
    if not isinstance(value, Mapping):
        raise Unreadable(f"{name}: it must be a map of names and values, not {_said(value)}.")
    return Table(value, origin)


def _refuse_aliases(text: str, origin: Origin) -> None:
    """Before composing, since composing is what would unfold a small file into a large one."""
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            mark = event.start_mark
            where = f"{origin.name}, line {mark.line + 1}" if mark else origin.name
            raise Unreadable(f"{where}: aliases (*name) are not used here. Repeat the value.")


def _not_yaml(error: yaml.YAMLError, name: str) -> Unreadable:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    said = getattr(error, "problem", None) or getattr(error, "context", None) or "it cannot be read"
    where = f"{name}, line {mark.line + 1}" if mark else name
    return Unreadable(f"{where}: this is not YAML: {said}. Check indentation, colons and quotes here and above.")


def _value(node: yaml.Node, path: Path, lines: dict[Path, int], origin: Origin) -> Json:
    lines[path] = node.start_mark.line + 1
    if len(path) > DEEPEST or node.tag not in _PLAIN_TAGS:
        said = "too deeply nested" if len(path) > DEEPEST else f"of a type ({node.tag}) that is not used here"
        raise origin.complaint(path, f"this value is {said}. Put it in quotes if text was meant.")
    if isinstance(node, yaml.MappingNode):
        return dict(_pairs(node, path, lines, origin))
    if isinstance(node, yaml.SequenceNode):
        return [_value(child, (*path, k), lines, origin) for k, child in enumerate(node.value)]
    try:
        scalar: Json = yaml.constructor.SafeConstructor().construct_object(node)
    except (ValueError, yaml.constructor.ConstructorError) as error:
        raise origin.complaint(path, f"{node.value!r} cannot be read as a value. Put it in quotes.") from error
    return scalar


def _pairs(node: yaml.MappingNode, path: Path, lines: dict[Path, int], origin: Origin) -> Iterator[tuple[str, Json]]:
    seen: set[str] = set()
    for key_node, child in node.value:
        key = key_node.value
        if not isinstance(key_node, yaml.ScalarNode) or key in seen:
            said = f"“{key}” stands here twice" if isinstance(key, str) else "a key must be text"
            raise Unreadable(f"{origin.name}, line {key_node.start_mark.line + 1}: {said}. Keep one.")
        seen.add(key)
        yield key, _value(child, (*path, key), lines, origin)
        lines[(*path, key)] = key_node.start_mark.line + 1


def _said(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    return f"“{value}”" if isinstance(value, str | int | float) else f"a {_KINDS.get(type(value), 'value')}"


_KINDS: Mapping[type, str] = {dict: "map", list: "list", tuple: "list"}


def _suggestion(key: str, known: set[str]) -> str:
    close = difflib.get_close_matches(key, sorted(known), n=1, cutoff=0.6)
    return f"Did you mean “{close[0]}”?" if close else f"Known: {', '.join(sorted(known))}."
