"""Pictures as JPEG, for readers that know no other type."""

from __future__ import annotations

import io

from PIL import Image

JPEG_QUALITY = 95


def as_jpeg(content: bytes) -> bytes:
    """A picture as JPEG of quality 95 with full colour resolution; transparency is laid on white.

    The encoder adds no EXIF, and one version of Pillow always gives the same bytes.
    """
    with Image.open(io.BytesIO(content)) as picture:
        flat = picture.convert("RGBA")
    white = Image.new("RGBA", flat.size, "white")
    white.alpha_composite(flat)
    target = io.BytesIO()
    white.convert("RGB").save(target, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return target.getvalue()
