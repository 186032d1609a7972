"""Strict readers of the environment.

A setting is either well-formed or the program stops and says which name, which value and what
to write instead. Values come from the process environment first, then from the file named by
`PAIRWRIGHT_ENV_FILE` (by default `.env` beside `manage.py`; an empty name reads no file).
"""

import os
import re
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent

_LINE = re.compile(r"^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$")


class SettingError(Exception):
    """A setting is missing or malformed; the message says which and how to mend it."""


def text(name: str, default: str | None = None, *, hint: str = "") -> str:
    """The value of `name`; without a default the setting is required."""
    value = _lookup(name)
    if value:
        return value
    if default is None:
        raise SettingError(_missing(name, hint))
    return default


def secret(name: str, default: str | None = None, *, hint: str = "") -> str:
    """Like `text`, but `NAME_FILE` may name a file that holds the value."""
    file_name = _lookup(f"{name}_FILE")
    if not file_name:
        return text(name, default, hint=hint)
    try:
        value = Path(file_name).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingError(f"{name}_FILE names {file_name!r}, which cannot be read: {error}.") from error
    if not value:
        raise SettingError(f"{name}_FILE names {file_name!r}, which is empty. Put the secret in it.")
    return value


def boolean(name: str, default: bool) -> bool:
    """`0` or `1`, nothing else: `false` and `no` would be true to a careless reader."""
    value = _lookup(name)
    if not value:
        return default
    if value not in ("0", "1"):
        raise SettingError(f"{name} is {value!r}. Write 1 for yes or 0 for no.")
    return value == "1"


def integer(name: str, default: int, *, low: int, high: int) -> int:
    """A whole number between `low` and `high`, both included."""
    value = _lookup(name)
    if not value:
        return default
    if not re.fullmatch(r"-?[0-9]+", value) or not low <= int(value) <= high:
        raise SettingError(f"{name} is {value!r}. Write a whole number from {low} to {high}.")
    return int(value)


def words(name: str, default: tuple[str, ...] = ()) -> list[str]:
    """Words parted by commas; empty ones are dropped."""
    value = _lookup(name)
    if not value:
        return list(default)
    return [word.strip() for word in value.split(",") if word.strip()]


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    """One of the allowed words."""
    value = _lookup(name) or default
    if value not in allowed:
        raise SettingError(f"{name} is {value!r}. Write one of: {', '.join(allowed)}.")
    return value


def folder(name: str, default: Path) -> Path:
    """An absolute folder name; it need not exist yet."""
    value = _lookup(name)
    path = Path(value).expanduser() if value else default
    if not path.is_absolute():
        raise SettingError(f"{name} is {value!r}. Write an absolute path, such as /srv/pairwright.")
    return path


def parse_file(content: str, origin: str) -> dict[str, str]:
    """The names and values of a `.env` file; a line that is neither stops with its number.

    Quotes around a whole value are taken off; nothing is expanded.
    """
    values: dict[str, str] = {}
    for number, raw in enumerate(content.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.match(line)
        if not match:
            raise SettingError(f"{origin}, line {number}: {line!r} is not NAME=value.")
        values[match[1]] = _unquoted(match[2].strip())
    return values


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value


def _lookup(name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        value = _from_file().get(name, "")
    return value.strip()


@cache
def _from_file() -> dict[str, str]:
    named = os.environ.get("PAIRWRIGHT_ENV_FILE")
    if named == "":
        return {}
    path = Path(named) if named else CHECKOUT / ".env"
    if path.is_file():
        return parse_file(path.read_text(encoding="utf-8"), str(path))
    if named:
        raise SettingError(f"PAIRWRIGHT_ENV_FILE names {named!r}, which is not a file.")
    return {}


def _missing(name: str, hint: str) -> str:
    where = f"Set it in the environment or in {CHECKOUT / '.env'}; .env.example explains every setting."
    return " ".join(part for part in (f"{name} is not set.", hint, where) if part)
