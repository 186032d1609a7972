"""Reading typed values out of a row that anybody may have written."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import cast

from curation.formats.limits import NAME_LENGTH
from curation.formats.rows import Json

INT64 = (-(2**63), 2**63 - 1)
SMALL = (0, 32_767)
INT32 = (-(2**31), 2**31 - 1)
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
DEEPEST = 64


class RowRefused(ValueError):
    """The row cannot be used; the message says which field, which value, and what would do."""


def shown(value: object) -> str:
    """A value short enough for a sentence."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def storable(value: object, name: str = "row", depth: int = 0) -> Json:
    """The value as JSON that PostgreSQL can hold.

    Args:
        value: anything a JSON, CSV or Parquet reader returns, bytes excepted.
        name: what to call it in a refusal.

    Returns:
        The same value; dates become ISO 8601 text and tuples lists.

    Raises:
        RowRefused: NaN or Infinity, a NUL character, half of a surrogate pair, bytes, or nesting over 64 deep.
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return storable_text(value, name)
    if isinstance(value, float):
        return finite(value, name)
    if depth >= DEEPEST:
        raise RowRefused(f"{name} is nested more than {DEEPEST} levels deep")
    if isinstance(value, Mapping):
        return {storable_text(str(key), name): storable(item, str(key)[:80], depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item, name, depth + 1) for item in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise RowRefused(f"{name} holds {type(value).__name__}, which is neither text, number, list nor object")


def storable_text(text: str, name: str) -> str:
    if "\x00" in text:
        raise RowRefused(f"{name} holds a NUL character")
    if not text.isascii() and LONE_SURROGATE.search(text):
        raise RowRefused(f"{name} is not valid Unicode text (bad UTF-8 or half of a surrogate pair)")
    return text


def finite(value: float, name: str) -> float:
    if not math.isfinite(value):
        raise RowRefused(f"{name} is {value}; only finite numbers can be stored")
    return value


def text(values: Mapping[str, object], name: str, *, longest: int | None = NAME_LENGTH) -> str:
    """A text field that must be there and not be blank."""
    found = optional_text(values, name, longest=longest)
    if not found.strip():
        raise RowRefused(f"{name} is missing")
    return found


def optional_text(
    values: Mapping[str, object], name: str, default: str = "", *, longest: int | None = NAME_LENGTH
) -> str:
    """A text field, or the default where it is absent or null."""
    value = values.get(name)
    if value is None:
        return default
    if not isinstance(value, str):
        raise RowRefused(f"{name} must be text, not {shown(value)}")
    if longest is not None and len(value) > longest:
        raise RowRefused(f"{name} is {len(value)} characters long; at most {longest} are kept")
    return storable_text(value, name)


def label(values: Mapping[str, object], name: str, default: str = "") -> str:
    """A name that some files write as a number: ids, user hashes, revisions."""
    value = values.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return optional_text(values, name, default)


def choice(values: Mapping[str, object], name: str, allowed: tuple[str, ...], default: str) -> str:
    found = optional_text(values, name, default) or default
    if found not in allowed:
        raise RowRefused(f"{name} is {shown(found)}; it must be one of {', '.join(allowed)}")
    return found


def integer(values: Mapping[str, object], name: str, bounds: tuple[int, int] = INT64) -> int | None:
    """A whole number within bounds, or None where it is absent. 3.0 counts as 3; true does not count as 1."""
    value = values.get(name)
    if value is None:
        return None
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise RowRefused(f"{name} must be a whole number, not {shown(value)}")
    low, high = bounds
    if not low <= value <= high:
        raise RowRefused(f"{name} is {shown(value)}; it must lie between {low} and {high}")
    return value


def number(values: Mapping[str, object], name: str) -> float | None:
    """A finite number, or None where it is absent."""
    value = values.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RowRefused(f"{name} must be a number, not {shown(value)}")
    try:
        return finite(float(value), name)
    except OverflowError as error:
        raise RowRefused(f"{name} is too large a number") from error


def mapping(values: Mapping[str, object], name: str) -> dict[str, Json]:
    value = values.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RowRefused(f"{name} must be an object, not {shown(value)}")
    return cast(dict[str, Json], storable(value, name))


def listing(values: Mapping[str, object], name: str) -> list[object]:
    value = values.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise RowRefused(f"{name} must be a list, not {shown(value)}")
    return value


def texts(values: Mapping[str, object], name: str, *, longest: int | None = NAME_LENGTH) -> tuple[str, ...]:
    """A list of texts; a single text counts as a list of one."""
    value = values.get(name)
    items = [value] if isinstance(value, str) else listing(values, name)
    return tuple(text({name: item}, name, longest=longest) for item in items)


def integers(values: Mapping[str, object], name: str) -> tuple[int, ...]:
    found = [integer({name: item}, name) for item in listing(values, name)]
    if None in found:
        raise RowRefused(f"{name} holds null")
    return tuple(cast(list[int], found))


def moment(values: Mapping[str, object], name: str) -> datetime | None:
    """A moment in ISO 8601, or None. Without an offset it is taken as UTC."""
    value = values.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise RowRefused(f"{name} is {shown(value)}, which is not a date and time in ISO 8601") from error
    if not isinstance(value, datetime):
        raise RowRefused(f"{name} must be a date and time, not {shown(value)}")
    return value if value.tzinfo else value.replace(tzinfo=UTC)
