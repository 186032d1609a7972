"""`DATABASE_URL` in the words of Django."""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from config.env import SettingError

_EXAMPLE = "postgresql://user:password@host:5432/pairwright"


def parse_url(url: str) -> dict[str, Any]:
    """Django's settings of the database that a URL names.

    The query may hold any option of libpq (`sslmode`, ...); `host` and `port` there override
    those before it, so that a socket folder can be named.

    Raises:
        SettingError: the URL is not one of PostgreSQL, or names no database.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql"):
        raise SettingError(f"DATABASE_URL begins with {parts.scheme!r}. Pairwright runs on PostgreSQL only: {_EXAMPLE}")
    name = unquote(parts.path.lstrip("/"))
    if not name:
        raise SettingError(f"DATABASE_URL names no database. Write {_EXAMPLE}")
    options = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", unquote(parts.hostname or "")),
        "PORT": options.pop("port", str(parts.port or "")),
        "OPTIONS": options,
    }
