"""JSON as strangers write it: strict about what it says, bounded in memory, exact about where it says it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn

from curation.formats.fields import RowRefused
from curation.formats.limits import MEBI, RECORD_BYTES

CHUNK = MEBI
BOM = b"\xef\xbb\xbf"
OUTSIDE_TEXT = re.compile(rb'["\[\]{},]')
INSIDE_TEXT = re.compile(rb'["\\]')


@dataclass(frozen=True, slots=True)
class Piece:
    """One line, or one element of a list.

    Attributes:
        line: where it begins, from 1.
        data: its bytes; None when it was longer than the limit and passed over.
        problem: why the piece cannot be read, or empty.
    """

    line: int
    data: bytes | None
    problem: str = ""


def parse(data: bytes) -> object:
    """One JSON value, without the liberties that `json.loads` takes.

    Raises:
        RowRefused: bad UTF-8, bad JSON, a key given twice in one object, NaN or Infinity, nesting beyond the stack,
            or an integer of thousands of digits.
    """
    try:
        return json.loads(data.decode(), object_pairs_hook=_object, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise RowRefused(f"bad UTF-8: byte 0x{data[error.start]:02x} at position {error.start + 1}") from error
    except json.JSONDecodeError as error:
        raise RowRefused(f"not valid JSON: {error.msg} at character {error.pos + 1}") from error
    except RecursionError as error:
        raise RowRefused("nested too deeply to be read") from error
    except RowRefused:
        raise
    except ValueError as error:  # an integer longer than Python converts
        raise RowRefused(f"a number that is too long: {error}") from error


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    for key, _value in pairs:
        if key in seen:
            raise RowRefused(f"the key {key[:80]!r} is given twice in one object, so its value is unclear")
        seen.add(key)
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise RowRefused(f"{name} is not a number that can be stored")


def lines(path: Path, limit: int = RECORD_BYTES) -> Iterator[Piece]:
    """The lines of a file, blank ones left out, never holding more than one of at most `limit` bytes."""
    with path.open("rb") as stream:
        for number, data, is_whole in _bounded_lines(stream, limit):
            data = data.removeprefix(BOM) if number == 1 else data
            if not is_whole:
                yield Piece(number, None, f"the line is longer than {limit // MEBI} MiB")
            elif data.strip():
                yield Piece(number, data.rstrip(b"\r\n"))


def _bounded_lines(stream: BinaryIO, limit: int) -> Iterator[tuple[int, bytes, bool]]:
    number = 0
    while data := stream.readline(limit + 1):
        number += 1
        is_whole = data.endswith(b"\n") or len(data) <= limit
        while not is_whole and (rest := stream.readline(CHUNK)) and not rest.endswith(b"\n"):
            pass
        yield number, data, is_whole


def elements(path: Path, limit: int = RECORD_BYTES) -> Iterator[Piece]:
    """The elements of a file that is one JSON list, read piece by piece.

    A broken element costs only itself: the list is cut at the commas of its first level, with an eye on quotes,
    and each element is parsed alone by the caller.
    """
    with path.open("rb") as stream:
        yield from _Cutter(stream, limit).pieces()


class _Cutter:
    """Cuts a JSON list at its top-level commas. Works on bytes: UTF-8 never hides a bracket inside a character."""

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self.stream = stream
        self.limit = limit
        self.element = bytearray()
        self.size = 0  # of the element, kept or not
        self.line = 1  # of what comes next
        self.element_line = 0  # where the element's first visible byte stood
        self.depth = 0
        self.in_text = False
        self.is_escaped = False

    def pieces(self) -> Iterator[Piece]:
        is_first = True
        while chunk := self.stream.read(CHUNK):
            yield from self._take(chunk.removeprefix(BOM) if is_first else chunk)
            is_first = False
        if self.depth or self.in_text:
            yield Piece(self.line, None, "the file ends in the middle of the list; it seems half-written")

    def _take(self, chunk: bytes) -> Iterator[Piece]:
        start = position = 0
        if self.is_escaped and chunk:
            position, self.is_escaped = 1, False
        while found := (INSIDE_TEXT if self.in_text else OUTSIDE_TEXT).search(chunk, position):
            mark, position = found.group(), found.end()
            if mark == b"\\":
                position += 1
                self.is_escaped = position > len(chunk)
            elif mark == b'"':
                self.in_text = not self.in_text
            elif mark in b"[{":
                self.depth += 1
                if self.depth == 1:
                    self._keep(chunk[start:position], in_list=False)
                    start = position
            elif self._ends_element(mark):
                self._keep(chunk[start : position - 1])
                yield from self._finish()
                self._keep(mark, in_list=False)
                start = position
        self._keep(chunk[start:], in_list=self.depth > 0)

    def _ends_element(self, mark: bytes) -> bool:
        if mark == b",":
            return self.depth == 1
        self.depth -= 1
        return self.depth == 0

    def _keep(self, data: bytes, in_list: bool = True) -> None:
        """Counts the bytes' lines, and holds them while the element is within the limit."""
        if in_list:
            if not self.element_line:
                visible = data.lstrip()
                if visible:
                    self.element_line = self.line + data[: len(data) - len(visible)].count(b"\n")
            self.size += len(data)
            if self.size <= self.limit:
                self.element += data
        self.line += data.count(b"\n")

    def _finish(self) -> Iterator[Piece]:
        data = bytes(self.element).strip()
        if self.size > self.limit:
            yield Piece(self.element_line, None, f"the element is longer than {self.limit // MEBI} MiB")
        elif data:
            yield Piece(self.element_line, data)
        self.element.clear()
        self.size = self.element_line = 0
