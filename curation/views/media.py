"""Pictures and videos at addresses that tell nothing about them.

An address is drawn at random for each place a medium has, and is open to the members of that place's project,
annotators included. Its bytes never change, so a browser may keep them; no shared cache may.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from curation.media.keeping import poster_name, thumbnail_name
from curation.models import Asset, GuidelinePicture, Project, PromptMedia, Rendition, SampleMedia
from curation.storage import media_storage

_BLOCK = 2**18
_YEAR = 365 * 24 * 3600
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_HEADERS = {
    "Accept-Ranges": "bytes",
    "Cache-Control": f"private, max-age={_YEAR}, immutable",
    # Should a browser ever take a picture for a page, the page can do nothing.
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Stored:
    """Bytes to be sent: where they lie, how many, what they are, and a tag that names them."""

    name: str
    size: int
    mime: str
    etag: str
    disposition: str = "inline"


@require_safe
@login_required
def media(request: HttpRequest, address: UUID) -> HttpResponseBase:
    """The rendition of a picture or video; the bytes of a side file."""
    asset = _asset_at(request, address)
    if asset.kind == Asset.Kind.FILE:
        side_file = Stored(asset.storage_name, asset.size, asset.mime, asset.sha256, "attachment")
        return _send(request, side_file)
    return _send(request, _whole(_rendition(asset)))


@require_safe
@login_required
def thumbnail(request: HttpRequest, address: UUID, size: int = 0) -> HttpResponseBase:
    """The smallest thumbnail of at least this size; where there is none, the picture itself or the poster."""
    asset = _asset_at(request, address)
    rendition = _rendition(asset)
    fitting = [made for made in sorted(rendition.thumbnail_sizes) if made >= size]
    if fitting:
        return _send(request, _derived(thumbnail_name(rendition.sha256, fitting[0])))
    if asset.kind == Asset.Kind.VIDEO:
        return _send(request, _derived(poster_name(rendition.sha256)))
    return _send(request, _whole(rendition))


@require_safe
@login_required
def poster(request: HttpRequest, address: UUID) -> HttpResponseBase:
    """The first frame of a video in full size."""
    asset = _asset_at(request, address)
    if asset.kind != Asset.Kind.VIDEO:
        raise Http404(_("Only videos have a poster."))
    return _send(request, _derived(poster_name(_rendition(asset).sha256)))


def sent(request: HttpRequest, asset: Asset) -> HttpResponseBase:
    """The rendition of an asset; whether the visitor may see it is the caller's to know."""
    return _send(request, _whole(_rendition(asset)))


def _asset_at(request: HttpRequest, address: UUID) -> Asset:
    """The asset at an address in a project the visitor may enter.

    One query for a sample's, two for a prompt's, three for an example's in the guideline.
    """
    projects = Project.objects.visible_to(request.user)  # type: ignore[arg-type]
    place = (
        SampleMedia.objects.filter(address=address, sample__project__in=projects).select_related("asset").first()
        or PromptMedia.objects.filter(address=address, prompt__project__in=projects).select_related("asset").first()
        or GuidelinePicture.objects.filter(address=address, guideline__project__in=projects)
        .select_related("asset")
        .first()
    )
    if place is None or place.asset is None:
        raise Http404(_("There is no picture here, or it is not open to you."))
    return place.asset


def _rendition(asset: Asset) -> Rendition:
    rendition = asset.renditions.order_by("-recipe_version").first()
    if rendition is None:
        raise Http404(_("Nothing can be shown of this file."))
    return rendition


def _whole(rendition: Rendition) -> Stored:
    return Stored(rendition.storage_name, rendition.size, rendition.mime, rendition.sha256)


def _derived(name: str) -> Stored:
    """A thumbnail or poster. Its name tells what it was made of and what it is, and the storage knows its size."""
    return Stored(name, media_storage().size(name), "image/jpeg", name.replace("/", "-"))


def _send(request: HttpRequest, stored: Stored) -> HttpResponseBase:
    etag = f'"{stored.etag}"'
    if etag in request.headers.get("If-None-Match", ""):
        return HttpResponse(status=304, headers={**_HEADERS, "ETag": etag})
    wanted = _wanted(request, etag, stored.size)
    if wanted is None:
        return HttpResponse(status=416, headers={**_HEADERS, "Content-Range": f"bytes */{stored.size}"})
    start, end, is_part = wanted
    stream = media_storage().read_range(stored.name, start, end)
    headers = {
        **_HEADERS,
        "ETag": etag,
        "Content-Length": str(end - start),
        "Content-Disposition": stored.disposition,
    }
    if is_part:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{stored.size}"
    return StreamingHttpResponse(
        _blocks(stream), status=206 if is_part else 200, content_type=stored.mime, headers=headers
    )


def _wanted(request: HttpRequest, etag: str, size: int) -> tuple[int, int, bool] | None:
    """First byte, byte after the last, and whether a part was asked for; None where there is no such part.

    One range is served, as every player asks for. Several at once, another unit, or a range of a file that the
    browser held in an older form get the whole, as the standard allows (RFC 9110, sections 13.1.5 and 14.2).
    """
    asked = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if not asked or asked[0] == "bytes=-" or request.headers.get("If-Range", etag) != etag:
        return 0, size, False
    first, last = asked.groups()
    if not first:  # the last so many bytes
        return (max(0, size - int(last)), size, True) if int(last) and size else None
    start, end = int(first), min(size, int(last) + 1) if last else size
    if last and int(last) < start:
        return 0, size, False  # not a range at all
    return (start, end, True) if start < size else None


def _blocks(stream: IO[bytes]) -> Iterator[bytes]:
    try:
        while block := stream.read(_BLOCK):
            yield block
    finally:
        stream.close()
