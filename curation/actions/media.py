"""Media into the storage and back: bytes first, then rows, so that a row never names bytes that are not there.

An import ingests in many processes, which touch no database and put the files where `keep` says, and calls
`record` in one, for a whole batch. Killed between the two, the bytes lie there unnamed and the next import finds
them stored.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from curation.media.errors import MediaRefused
from curation.media.facts import Ingested
from curation.media.ingestion import kept
from curation.media.keeping import Keep, KeepInFolder, original_name, rendition_name
from curation.media.limits import Limits
from curation.media.pictures import RECIPE_VERSION
from curation.models import Asset, Rendition
from curation.storage import media_storage

# One parameter for a whole batch. Through the ORM, making and quoting the statement costs ten times as much, and
# rows are a third of what an import does beside decoding.
_INSERT_ASSETS = """
    INSERT INTO curation_asset
        (sha256, kind, mime, size, storage_name, width, height, duration_us, fps, frames, created_at)
    SELECT sha256, kind, mime, size, storage_name, stored_width, stored_height, duration_us, fps, frames, now()
    FROM json_to_recordset(%s) AS file(
        sha256 text, kind text, mime text, size bigint, storage_name text, stored_width int, stored_height int,
        duration_us bigint, fps float8, frames int)
    ON CONFLICT DO NOTHING
"""
_INSERT_RENDITIONS = """
    INSERT INTO curation_rendition
        (asset_id, recipe_version, sha256, mime, size, storage_name, is_original, is_transparent, width, height,
         fingerprint, thumbnail_sizes)
    SELECT asset.id, recipe_version, shown_sha256, shown_mime, shown_size, shown_name, is_original, is_transparent,
        file.width, file.height, decode(fingerprint, 'base64'), thumbnail_sizes
    FROM (SELECT * FROM json_to_recordset(%s) AS file(
            sha256 text, shown_sha256 text, shown_mime text, shown_size bigint, shown_name text, is_original bool,
            is_transparent bool, width int, height int, fingerprint text, thumbnail_sizes jsonb)) AS file
    JOIN curation_asset AS asset USING (sha256)
    CROSS JOIN (SELECT %s AS recipe_version) AS recipe
    ON CONFLICT DO NOTHING
"""


def limits() -> Limits:
    """The limits of this installation; `.env.example` explains them."""
    found: Limits = settings.MEDIA_LIMITS
    return found


def keep_elsewhere() -> Keep | None:
    """What other processes put files with; None where the storage needs this one (a bucket and its keys)."""
    keep = media_storage().keep
    return keep if isinstance(keep, KeepInFolder) else None


def stored(sha256s: Iterable[str]) -> dict[str, int]:
    """Ids of the assets among these digests that have today's rendition already. Costs one query."""
    rendered = Rendition.objects.filter(asset__sha256__in=list(sha256s), recipe_version=RECIPE_VERSION)
    return dict(rendered.values_list("asset__sha256", "asset_id"))


def store_many_from(taken: Mapping[str, Ingested], sources: Mapping[str, Path | bytes]) -> dict[str, int]:
    """Puts what is not in the storage yet and records all of it; the ids of the assets by digest.

    Args:
        taken: by the digest of the original; with files, or without where another process has kept them.
        sources: for each the path or bytes it was read from.

    Raises:
        Unavailable: the storage cannot be written.
    """
    keep = media_storage().keep
    return record(taken=[kept(one, sources[sha256], keep) for sha256, one in taken.items()])


def record(*, taken: Iterable[Ingested]) -> dict[str, int]:
    """The rows of files that lie in the storage; the ids of their assets by digest. Known ones change nothing.

    Costs three queries for any number of files, and one wait until the bytes are safe on disk.
    """
    by_digest = {one.sha256: one for one in taken}
    if not by_digest:
        return {}
    media_storage().settle()
    # In the order of the digests, so that two imports of the same files never wait for one another in a circle.
    rows = json.dumps([_row(by_digest[sha256]) for sha256 in sorted(by_digest)])
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_INSERT_ASSETS, [rows])
        cursor.execute(_INSERT_RENDITIONS, [rows, RECIPE_VERSION])
        return dict(Asset.objects.filter(sha256__in=by_digest).values_list("sha256", "id"))


def store_side_file(*, source: Path | bytes, name: str = "") -> int:
    """Stores a file that belongs to a sample but is never shown, such as its latents; the id of its asset.

    Raises:
        MediaRefused: empty or too large.
        Unavailable: the storage cannot be written.
    """
    size, sha256 = _checked_side_file(source, name or (source.name if isinstance(source, Path) else "the side file"))
    media_storage().keep(original_name(sha256), source)
    media_storage().settle()
    asset = Asset(
        sha256=sha256,
        kind=Asset.Kind.FILE,
        mime="application/octet-stream",
        size=size,
        storage_name=original_name(sha256),
    )
    Asset.objects.bulk_create([asset], ignore_conflicts=True)
    return Asset.objects.values_list("id", flat=True).get(sha256=sha256)


def local_path(*, rendition: Rendition) -> Path:
    """The rendition as a file on this machine, for scorers and exports; do not write to it.

    Raises:
        Unavailable: this machine cannot read the storage; says why.
    """
    return media_storage().local_copy(rendition.storage_name, rendition.size)


def _row(taken: Ingested) -> dict[str, Any]:
    facts = taken.facts
    original = original_name(taken.sha256)
    return {
        "sha256": taken.sha256,
        "kind": facts.kind,
        "mime": facts.mime,
        "size": facts.size,
        "storage_name": original,
        "stored_width": facts.stored_width,
        "stored_height": facts.stored_height,
        "duration_us": facts.duration_us,
        "fps": facts.fps,
        "frames": facts.frames,
        "shown_sha256": taken.rendition_sha256,
        "shown_mime": taken.rendition_mime,
        "shown_size": taken.rendition_size,
        "shown_name": original if taken.is_original else rendition_name(taken.rendition_sha256),
        "is_original": taken.is_original,
        "is_transparent": facts.is_transparent,
        "width": facts.width,
        "height": facts.height,
        "fingerprint": b64encode(taken.fingerprint).decode(),
        "thumbnail_sizes": list(taken.thumbnail_sizes),
    }


def _checked_side_file(source: Path | bytes, name: str) -> tuple[int, str]:
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    if not size:
        raise MediaRefused(name, "the file is empty (0 bytes)", "Write it again")
    if size > limits().side_file_bytes:
        reason = f"the file has {size:,} bytes and a side file may have {limits().side_file_bytes:,}"
        raise MediaRefused(name, reason, "Leave it out, or ask the administrator to raise the limit")
    if isinstance(source, bytes):
        return size, hashlib.sha256(source).hexdigest()
    with source.open("rb") as file:
        return size, hashlib.file_digest(file, "sha256").hexdigest()
