"""What may leave the house: pseudonyms instead of people, days instead of moments, names without paths."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from curation.exports.rows import ExportRater, Json

# Kinds of raters behind which a human being stands.
PERSONAL_KINDS = frozenset({"person", "behaviour"})

_ADDRESS = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
# A whole value that is an absolute path: of Unix, of a home, of Windows or as an address of a file.
_PATH = re.compile(r"^(?:file:/{1,3}|~?/(?=[^\s/]+/)|[A-Za-z]:[\\/]|\\\\)[^\n]*$")


@dataclass(frozen=True)
class Pseudonyms:
    """Names for people that only the holder of the secret can lead back.

    A bare digest of an address or an id could be reversed by trying them all; the secret is drawn for one
    export and is not part of it.

    Args:
        secret: at least 16 random bytes.
        are_kept: False writes an empty id for every person.
    """

    secret: bytes
    are_kept: bool = True

    def __post_init__(self) -> None:
        if len(self.secret) < 16:
            raise ValueError(f"a secret of {len(self.secret)} bytes can be guessed; draw at least 16")

    def rater(self, *, internal_id: str, kind: str, name: str) -> ExportRater:
        """The rater as an export shows it: machines and scripted raters by name, people by 16 hex digits."""
        if kind not in PERSONAL_KINDS:
            return ExportRater(id=name, kind=kind)
        return ExportRater(id=self.of(internal_id) if self.are_kept else "", kind=kind)

    def of(self, internal_id: str) -> str:
        """HMAC-SHA256 of the internal id, first 16 hexadecimal digits."""
        return hmac.new(self.secret, internal_id.encode(), hashlib.sha256).hexdigest()[:16]


def day_of(moment: datetime, kind: str) -> datetime:
    """A person's moment coarsened to its day: a precise time can name a person to their colleagues."""
    if kind not in PERSONAL_KINDS:
        return moment
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def without_traces(value: Json) -> Json:
    """Settings and keys without local paths (their last part stays) and e-mail addresses.

    >>> without_traces({"checkpoint": "/home/ada/models/sd.safetensors", "by": "ada@example.org"})
    {'checkpoint': 'sd.safetensors', 'by': '[address removed]'}
    """
    if isinstance(value, str):
        return _ADDRESS.sub("[address removed]", last_part(value))
    if isinstance(value, list):
        return [without_traces(item) for item in value]
    if isinstance(value, Mapping):
        return {key: without_traces(item) for key, item in value.items()}
    return value


def last_part(text: str) -> str:
    """An absolute path's last part; any other text unchanged."""
    if not _PATH.match(text):
        return text
    return re.split(r"[\\/]+", text.rstrip("\\/"))[-1]
