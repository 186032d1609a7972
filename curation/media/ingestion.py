"""One file, from untrusted bytes to everything that is stored of it: one read, one decode."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from curation.media.errors import MediaRefused
from curation.media.facts import Files, Ingested, MediaFacts
from curation.media.fingerprint import fingerprint
from curation.media.keeping import Keep, original_name, poster_name, rendition_name, thumbnail_name
from curation.media.kinds import JPEG, SNIFFED_BYTES, MediaType, sniff
from curation.media.limits import DEFAULT_LIMITS, Limits
from curation.media.pictures import Rendered, check_bytes, inspect_picture, render
from curation.media.plain_jpeg import PlainJpeg, decode_plain
from curation.media.remux import without_notes
from curation.media.thumbnails import SIZES, as_jpeg, make_thumbnails
from curation.media.video import inspect_video, watch

_HASHED_AT_ONCE = 2**20


def inspect(source: Path | bytes, *, name: str = "", limits: Limits = DEFAULT_LIMITS) -> MediaFacts:
    """Facts from the header alone, for a dry run; `ingest` may still refuse the file for damage further on.

    Raises:
        MediaRefused: as `ingest`, as far as the header tells.
    """
    name = name or _name_of(source)
    media_type, size, data = _open(source, name, limits)
    if data is None or media_type.kind == "video":
        return inspect_video(source, media_type, size=size, name=name, limits=limits)
    return inspect_picture(data, media_type, name=name, limits=limits)


def ingest(
    source: Path | bytes, *, name: str = "", limits: Limits = DEFAULT_LIMITS, keep: Keep | None = None
) -> Ingested:
    """Digest, facts, rendition, thumbnails and fingerprint of one picture or video.

    The file is decoded to its last pixel, so a file that was cut off is refused here and never met by a scorer.

    Args:
        source: a path, or bytes for a file that came out of an archive or a table.
        name: what the file is called in messages; by default the last part of its path.
        keep: where the files go as soon as they are made, so that a worker process need not send them home.
            Without it they come back in `files`.

    Raises:
        MediaRefused: empty, of another kind, too large, animated, cut off or damaged; says what would help.
        Unavailable: `keep` cannot write.
    """
    name = name or _name_of(source)
    media_type, size, data = _open(source, name, limits)
    if data is None or media_type.kind == "video":
        taken = _ingest_video(source, media_type, size, name, limits)
    else:
        taken = _ingest_picture(data, media_type, name, limits)
    return taken if keep is None else kept(taken, source, keep)


def ingest_each(
    files: Sequence[tuple[Path | bytes, str]], *, limits: Limits = DEFAULT_LIMITS, keep: Keep | None = None
) -> list[Ingested | MediaRefused]:
    """`ingest` for several files, given with their names; a refusal stands in the place of its file.

    For worker processes: one call for several files, so that the process does not wait after each for the next.

    Raises:
        Unavailable: `keep` cannot write.
    """
    return [_taken_or_refused(source, name, limits, keep) for source, name in files]


def kept(taken: Ingested, source: Path | bytes, keep: Keep) -> Ingested:
    """Puts the files where they belong and returns the rest. The original goes last: who sees it finds the others."""
    files, digest = taken.files, taken.rendition_sha256
    if files is None:
        return taken
    for size, data in files.thumbnails.items():
        keep(thumbnail_name(digest, size), data)
    if files.poster is not None:
        keep(poster_name(digest), files.poster)
    if files.rendition is not None:
        keep(rendition_name(digest), files.rendition)
    keep(original_name(taken.sha256), source if files.original is None else files.original)
    return replace(taken, files=None)


def _taken_or_refused(source: Path | bytes, name: str, limits: Limits, keep: Keep | None) -> Ingested | MediaRefused:
    try:
        return ingest(source, name=name, limits=limits, keep=keep)
    except MediaRefused as refused:
        return refused


def _ingest_picture(data: bytes, media_type: MediaType, name: str, limits: Limits) -> Ingested:
    check_bytes(len(data), name, limits)
    plain = decode_plain(data, longest_side=SIZES[0], limits=limits) if media_type == JPEG else None
    return _plain(data, plain) if plain else _rendered(data, render(data, media_type, name=name, limits=limits))


def _plain(data: bytes, plain: PlainJpeg) -> Ingested:
    sha256 = hashlib.sha256(data).hexdigest()
    return Ingested(
        facts=MediaFacts(
            kind=JPEG.kind,
            format=JPEG.format,
            mime=JPEG.mime,
            size=len(data),
            width=plain.width,
            height=plain.height,
            stored_width=plain.width,
            stored_height=plain.height,
        ),
        sha256=sha256,
        rendition_sha256=sha256,
        rendition_mime=JPEG.mime,
        rendition_size=len(data),
        is_original=True,
        thumbnail_sizes=SIZES[:1],
        fingerprint=fingerprint([plain.small]),
        files=Files(original=data, rendition=None, thumbnails={SIZES[0]: as_jpeg(plain.small)}, poster=None),
    )


def _rendered(data: bytes, rendered: Rendered) -> Ingested:
    sha256 = hashlib.sha256(data).hexdigest()
    thumbnails, smallest = make_thumbnails(rendered.image)
    is_original = rendered.data is data
    return Ingested(
        facts=rendered.facts,
        sha256=sha256,
        rendition_sha256=sha256 if is_original else hashlib.sha256(rendered.data).hexdigest(),
        rendition_mime=rendered.mime,
        rendition_size=len(rendered.data),
        is_original=is_original,
        thumbnail_sizes=tuple(thumbnails),
        fingerprint=fingerprint([smallest]),
        files=Files(
            original=data, rendition=None if is_original else rendered.data, thumbnails=thumbnails, poster=None
        ),
    )


def _ingest_video(source: Path | bytes, media_type: MediaType, size: int, name: str, limits: Limits) -> Ingested:
    watched = watch(source, media_type, size=size, name=name, limits=limits)
    sha256 = _digest(source)
    cleaned = without_notes(source, media_type, name=name) if watched.notes else None
    facts = replace(watched.facts, changes=(f"removed: {', '.join(watched.notes)}",)) if cleaned else watched.facts
    thumbnails, _ = make_thumbnails(watched.first)
    return Ingested(
        facts=facts,
        sha256=sha256,
        rendition_sha256=hashlib.sha256(cleaned).hexdigest() if cleaned else sha256,
        rendition_mime=media_type.mime,
        rendition_size=len(cleaned) if cleaned else size,
        is_original=cleaned is None,
        thumbnail_sizes=tuple(thumbnails),
        fingerprint=fingerprint(watched.views),
        files=Files(
            original=source if isinstance(source, bytes) else None,
            rendition=cleaned,
            thumbnails=thumbnails,
            poster=as_jpeg(watched.first),
        ),
    )


def _open(source: Path | bytes, name: str, limits: Limits) -> tuple[MediaType, int, bytes | None]:
    """Type, size and, unless it is a video on disk, the whole content: one read."""
    if isinstance(source, bytes):
        return sniff(source[:SNIFFED_BYTES], name=name), len(source), source
    try:
        # Unbuffered: a buffer would only add a copy.
        with source.open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            head = file.read(SNIFFED_BYTES)
            media_type = sniff(head, name=name)
            if media_type.kind == "video":
                return media_type, size, None
            check_bytes(size, name, limits)
            file.seek(0)
            return media_type, size, file.read()
    except OSError as error:
        reason = f"the file cannot be read ({error.strerror})"
        raise MediaRefused(name, reason, "Check its path and its permissions") from error


def _digest(source: Path | bytes) -> str:
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _name_of(source: Path | bytes) -> str:
    return source.name if isinstance(source, Path) else "the file"
