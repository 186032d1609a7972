"""What a call is given, asked for one by one: a wrong kind, a number out of range or an unknown name is said."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from scoring.judges.readers.base import shortened
from scoring.judges.tools.protocol import Misused
from scoring.scorers.base import Json


class Arguments:
    """The arguments of one call. Every method raises `Misused` with a sentence for the judge."""

    def __init__(self, tool: str, values: Mapping[str, Json]) -> None:
        self._tool = tool
        self._values = values
        self._asked: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def is_text(self, name: str, text: str) -> bool:
        """Whether these very words stand there."""
        if self._values.get(name) != text:
            return False
        self._asked.add(name)
        return True

    def whole(self, name: str, default: int | None = None, *, low: int, high: int) -> int:
        value = self._get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise Misused(f"“{name}” is {_said(value)}, not a whole number from {low} to {high}")
        return value

    def number(self, name: str, *, low: float, high: float) -> float:
        return _number(name, self._get(name, None), low, high)

    def numbers(self, name: str, count: int, *, low: float, high: float) -> list[float]:
        value = self._get(name, None)
        if isinstance(value, str | Mapping) or not isinstance(value, Sequence) or len(value) != count:
            raise Misused(f"“{name}” is {_said(value)}, not a list of {count} numbers")
        return [_number(name, one, low, high) for one in value]

    def text(self, name: str, *, longest: int) -> str:
        value = self._get(name, None)
        if not isinstance(value, str) or not 0 < len(value) <= longest:
            raise Misused(f"“{name}” is {_said(value)}, not a text of at most {longest} characters")
        return value

    def finish(self) -> None:
        """Refuses what nobody asked for."""
        unknown = sorted(set(self._values) - self._asked)
        if unknown:
            raise Misused(
                f"{self._tool} takes no “{shortened(unknown[0], 30)}”; it takes {', '.join(sorted(self._asked))}"
            )

    def _get(self, name: str, default: Json) -> Json:
        self._asked.add(name)
        value = self._values.get(name, default)
        if value is None:
            raise Misused(f"{self._tool} needs “{name}”")
        return value


def _number(name: str, value: Json, low: float, high: float) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # Whole numbers of any length are compared as they are: as a float, a very long one would overflow.
    if not is_number or not low <= value <= high:  # type: ignore[operator]
        raise Misused(f"“{name}” holds {_said(value)}, not a number from {low:g} to {high:g}")
    found = float(value)  # type: ignore[arg-type]
    assert math.isfinite(found)
    return found


def _said(value: Json) -> str:
    return f"“{shortened(str(value), 40)}”"
