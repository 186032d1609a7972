"""How a picture, a video or a missing file is shown: the one place that knows the addresses of media."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.db.models import QuerySet
from django.urls import reverse

from curation.models import Asset, Flag, Rendition, SampleMedia
from curation.models.assets import Placement

# Pixels of a tile's picture on a screen with two to the unit.
FINE = 576

Row = TypeVar("Row", bound=Placement)


@dataclass(frozen=True)
class Picture:
    """One placement, ready for a template: `kind` is image, video, file, or absent with the missing `name`."""

    kind: str
    name: str
    full: str = ""
    thumbnail: str = ""
    large: str = ""  # the thumbnail for a screen of fine pixels
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    facts: str = ""
    is_unsafe: bool = False
    is_transparent: bool = False  # shown on white, as scorers see it and thumbnails are


def first_pictures(sample_ids: Sequence[int]) -> dict[int, Picture]:
    """The first picture of each sample that has one, in the order of the samples. Costs three queries."""
    media = SampleMedia.objects.filter(sample__in=sample_ids, role="", position=0).order_by("sample_id")
    unsafe = unsafe_among(sample_ids)
    return {m.sample_id: picture(m, is_unsafe=m.sample_id in unsafe) for m in with_assets(media)}


def all_pictures(sample_ids: Sequence[int]) -> dict[int, list[Picture]]:
    """Every picture and side file of these samples, in order. Costs three queries."""
    media = SampleMedia.objects.filter(sample__in=sample_ids).order_by("sample_id", "role", "position")
    unsafe = unsafe_among(sample_ids)
    shown: dict[int, list[Picture]] = {pk: [] for pk in sample_ids}
    for placement in with_assets(media):
        shown[placement.sample_id].append(picture(placement, is_unsafe=placement.sample_id in unsafe))
    return shown


def with_assets(media: QuerySet[Row]) -> QuerySet[Row]:
    """The placements with all that `picture` reads."""
    return media.select_related("asset").prefetch_related("asset__renditions")


def unsafe_among(sample_ids: Sequence[int]) -> set[int]:
    """Which of these samples somebody flagged unsafe. Costs one query."""
    flags = Flag.objects.filter(sample__in=sample_ids, kind=Flag.Kind.UNSAFE, is_retracted=False)
    return set(flags.values_list("sample_id", flat=True))


def picture(placement: Placement, is_unsafe: bool = False) -> Picture:
    """The picture at a place; the placement must have been read `with_assets`."""
    asset = placement.asset
    if asset is None:
        return Picture("absent", placement.absent_name)
    full = reverse("media", args=[placement.address])
    if asset.kind == Asset.Kind.FILE:
        return Picture("file", asset.mime, full=full, facts=_facts(asset))
    rendition = _newest_rendition(asset)
    # The original may lie on its side, so its own width and height are only a last resort.
    width, height = (rendition.width, rendition.height) if rendition else (asset.width, asset.height)
    return Picture(
        kind=asset.kind,
        name=asset.mime,
        full=full,
        thumbnail=reverse("media_thumbnail", args=[placement.address]),
        large=reverse("media_thumbnail_of", args=[placement.address, FINE]),
        width=width,
        height=height,
        seconds=asset.duration_us / 1e6 if asset.duration_us else None,
        facts=_facts(asset),
        is_unsafe=is_unsafe,
        is_transparent=rendition is not None and rendition.is_transparent,
    )


def _newest_rendition(asset: Asset) -> Rendition | None:
    return max(asset.renditions.all(), key=lambda rendition: rendition.recipe_version, default=None)


def _facts(asset: Asset) -> str:
    parts = [asset.mime]
    if asset.width:
        parts.append(f"{asset.width} × {asset.height}")
    if asset.duration_us:
        parts.append(f"{asset.duration_us / 1e6:.1f} s")
    if asset.fps:
        parts.append(f"{asset.fps:.4g} fps")
    parts.append(f"{asset.size / 1024:,.0f} KiB")
    return " · ".join(parts)
