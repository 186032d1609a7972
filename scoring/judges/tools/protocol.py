"""A call in a judge's reply, read strictly: one fenced JSON object at its end.

    I want to see the left hand.
    ```tool
    {"tool": "crop", "image": 1, "box": [250, 100, 500, 400]}
    ```

Any model can write it. Nothing in it names a file or an address, and nothing but the reply is looked at.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scoring.judges.base import Malformed, Reply
from scoring.judges.readers.base import spoken
from scoring.scorers.base import Json

LONGEST_CALL = 2000  # characters
DEEPEST = 4
LABEL, KEY = "tool", "tool"
_FENCE = re.compile(r"^[ \t]*```[ \t]*(?P<label>\w*)[ \t]*\n(?P<body>.*?)(?:\n[ \t]*```[ \t]*$|\Z)", re.DOTALL | re.M)
_BEGUN = re.compile(r"```[ \t]*tool\b", re.IGNORECASE)
_CLOSED = re.compile(r"\n[ \t]*```[ \t]*\Z")


class Misused(ValueError):
    """A call that cannot be carried out. The sentence is told to the judge."""


@dataclass(frozen=True)
class Call:
    """A tool and what it is given, as the judge wrote them; nothing of it is checked yet."""

    tool: str
    arguments: Mapping[str, Json]


@dataclass(frozen=True)
class Asked:
    """A reply that calls a tool: what was said before the call, and what stands in its fence and after it."""

    words: str
    body: str
    rest: str = ""
    is_closed: bool = True

    def call(self) -> Call:
        """What is asked for.

        Raises:
            Misused: it is no single JSON object with a tool's name, or something follows it.
        """
        if not self.is_closed:
            raise Misused("the marks around your call are never closed; end it with ```")
        if self.rest:
            raise Misused("something follows your call; end your answer with the call and wait for what it shows")
        if len(self.body) > LONGEST_CALL:
            raise Misused(f"your call has {len(self.body):,} characters; keep it below {LONGEST_CALL:,}")
        fields = _object(self.body)
        if not isinstance(fields, Mapping) or not isinstance(fields.get(KEY), str):
            raise Misused('your call is no JSON object that names its tool: {"tool": …}')
        return Call(str(fields[KEY]), {key: value for key, value in fields.items() if key != KEY})


def asked(reply: Reply) -> Asked | None:
    """The call in a reply; None where there is none and its reader may read it.

    A reply that was cut off, withheld or is empty is left to the reader, which says so.
    """
    try:
        said = spoken(reply).said
    except Malformed:
        return None
    fence = next((one for one in _FENCE.finditer(said) if _is_call(one)), None)
    if fence is None:
        begun = _BEGUN.search(said)
        return Asked(said[: begun.start()].strip(), "") if begun else None
    is_closed = bool(_CLOSED.search(fence[0]))
    return Asked(said[: fence.start()].strip(), fence["body"].strip(), said[fence.end() :].strip(), is_closed)


def _is_call(fence: re.Match[str]) -> bool:
    """Marked as one, or an object that names a tool under whatever mark."""
    if fence["label"].lower() == LABEL:
        return True
    body = fence["body"].strip()
    if len(body) > LONGEST_CALL:
        return False
    try:
        fields = _object(body)
    except Misused:
        return False
    return isinstance(fields, Mapping) and KEY in fields


def _object(body: str) -> Json:
    try:
        found: Json = json.loads(body, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        if isinstance(error, Misused):
            raise
        raise Misused("what stands between the marks of your call is no JSON") from error
    _check_plain(found, DEEPEST)
    return found


def _check_plain(value: Json, room: int) -> None:
    """Nothing that could not be written down: lists in lists without end, numbers beyond all bounds."""
    if not room:
        raise Misused("your call holds lists in lists in lists")
    if isinstance(value, float) and not math.isfinite(value):
        raise Misused("your call holds a number beyond all bounds")
    children = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for child in children:
        _check_plain(child, room - 1)


def _once(pairs: Sequence[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Misused("your call says the same thing twice")
    return found


def _no_constant(name: str) -> Json:
    raise Misused(f"{name} is no number that a tool could be given")
