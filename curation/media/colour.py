"""From the colours a file means to sRGB, the colours every browser and every scorer assumes."""

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

_SRGB = ImageCms.createProfile("sRGB")
# Levels by which the many published sRGB profiles differ from one another after rounding.
_SRGB_TOLERANCE = 2
_PROBE_STEPS = 9


def to_srgb(image: Image.Image, icc: bytes | None) -> tuple[Image.Image, str]:
    """The picture in sRGB, and in words what was done; no words where the colours were sRGB already.

    A profile is applied with the relative colorimetric intent and black point compensation, as browsers do.
    Without a profile, CMYK is converted by the plain formula, and everything else is taken as sRGB. A profile
    that cannot be read is ignored, as browsers do, and the words say so.

    Args:
        image: any 8-bit mode of Pillow; alpha is carried over untouched.
        icc: the embedded profile.
    """
    if not icc:
        return (image.convert("RGB"), f"converted from {image.mode}") if _is_foreign(image) else (image, "")
    try:
        if not _is_foreign(image) and image.mode != "L" and means_srgb(icc):
            return image, ""
        return _apply(image, icc)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        plain = image.convert("RGB") if _is_foreign(image) else image
        return plain, "unreadable colour profile ignored"


@lru_cache(maxsize=256)
def means_srgb(icc: bytes) -> bool:
    """Whether a profile maps a grid of 9³ colours to what they are already, within two levels of 255."""
    steps = np.linspace(0, 255, _PROBE_STEPS).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(_PROBE_STEPS, -1, 3)  # (9, 81, 3)
    mapped = np.asarray(_convert(Image.fromarray(grid), icc)).astype(np.int16)
    return int(np.abs(mapped - grid).max()) <= _SRGB_TOLERANCE


def _is_foreign(image: Image.Image) -> bool:
    return image.mode in ("CMYK", "YCbCr", "LAB", "HSV")


def _apply(image: Image.Image, icc: bytes) -> tuple[Image.Image, str]:
    if image.mode == "RGBA":
        converted = _convert(image.convert("RGB"), icc)
        converted.putalpha(image.getchannel("A"))
    else:
        converted = _convert(image, icc)
    return converted, f"converted from the profile {_name(icc)!r}"


def _convert(image: Image.Image, icc: bytes) -> Image.Image:
    converted = ImageCms.profileToProfile(
        image,
        ImageCms.ImageCmsProfile(io.BytesIO(icc)),
        _SRGB,
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    if converted is None:
        raise ValueError("the profile gave no picture")
    return converted


def _name(icc: bytes) -> str:
    try:
        return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(icc))).strip()
    except ImageCms.PyCMSError:
        return "without a name"
