"""Stored bytes: the original once under its digest, and the one view of it that everybody uses."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

SHA256_HEX = r"^[0-9a-f]{64}$"


class Asset(models.Model):
    """Original bytes, stored once whatever the number of samples that show them."""

    class Kind(models.TextChoices):
        IMAGE = "image", _("Picture")
        VIDEO = "video", _("Video")
        FILE = "file", _("File")  # latents, log-probabilities: carried along, never shown

    sha256 = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=8, choices=Kind)
    mime = models.CharField(max_length=100)
    size = models.BigIntegerField()
    storage_name = models.CharField(max_length=200)
    # Pixels of the original as its header states them, before orientation.
    width = models.IntegerField(null=True)
    height = models.IntegerField(null=True)
    duration_us = models.BigIntegerField(null=True)
    fps = models.FloatField(null=True)
    frames = models.IntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(sha256__regex=SHA256_HEX), name="asset_sha256_is_hex"),
            models.CheckConstraint(condition=Q(size__gt=0), name="asset_has_bytes"),
            models.CheckConstraint(
                condition=Q(kind="file") | (Q(width__gt=0) & Q(height__gt=0)), name="asset_has_a_shape"
            ),
            models.CheckConstraint(condition=~Q(kind="video") | Q(duration_us__gt=0), name="asset_video_has_duration"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.sha256[:12]}"


class Rendition(models.Model):
    """The deterministic view of an asset: upright, sRGB, 8 bit, no metadata. Coordinates refer to it."""

    asset = models.ForeignKey(Asset, models.CASCADE, related_name="renditions")
    recipe_version = models.SmallIntegerField()
    sha256 = models.CharField(max_length=64, db_index=True)
    mime = models.CharField(max_length=100)
    size = models.BigIntegerField()
    storage_name = models.CharField(max_length=200)
    is_original = models.BooleanField()  # nothing had to change: the asset's own bytes serve
    is_transparent = models.BooleanField(default=False)  # shown and scored on white
    width = models.IntegerField()
    height = models.IntegerField()
    # Of `curation.media.fingerprint`; empty for what nobody is shown.
    fingerprint = models.BinaryField(default=bytes)
    # Long sides of the thumbnails that exist in storage under the rendition's digest.
    thumbnail_sizes = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["asset", "recipe_version"], name="rendition_once"),
            models.CheckConstraint(condition=Q(sha256__regex=SHA256_HEX), name="rendition_sha256_is_hex"),
            models.CheckConstraint(condition=Q(width__gt=0) & Q(height__gt=0), name="rendition_has_a_shape"),
        ]

    def __str__(self) -> str:
        return f"rendition {self.sha256[:12]}"


class Placement(models.Model):
    """An asset at one place of a prompt or a sample, under an address that tells nothing about it."""

    address = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    position = models.SmallIntegerField(default=0)
    asset = models.ForeignKey(Asset, models.PROTECT, null=True, related_name="+")
    # What an absent file was called where it came from; empty when the bytes are here.
    absent_name = models.CharField(max_length=500, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.address)


def either_bytes_or_a_name(name: str) -> models.CheckConstraint:
    """The bytes are here, or it is written what is missing: never both, never neither."""
    here = Q(asset__isnull=False, absent_name="")
    missing = Q(asset__isnull=True) & ~Q(absent_name="")
    return models.CheckConstraint(condition=here | missing, name=name)


def not_itself(field: str, name: str) -> models.CheckConstraint:
    return models.CheckConstraint(condition=~Q(**{field: F("id")}), name=name)
