"""From the bytes of a picture to its rendition: the one view that people, scorers and exports all use.

The recipe: the first and only frame; upright (EXIF orientation applied); sRGB; 8 bits a channel; mode L, RGB or
RGBA; no metadata. Where the pixels need not change the file's own compressed bytes are kept (JPEG, PNG, WebP),
with the metadata cut out around them. Where they must, the picture is written as PNG, which loses nothing.
Transparency is kept: whoever needs an opaque picture composes it `on_white`, as thumbnails and scorers do.

`RECIPE_VERSION` rises with every change that could alter a pixel; coordinates always name a rendition.
"""

import io
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from PIL import Image

from curation.media.colour import to_srgb
from curation.media.containers import jpeg, png, webp
from curation.media.containers.container import Container
from curation.media.errors import Damaged, MediaRefused
from curation.media.facts import MediaFacts
from curation.media.kinds import JPEG, PNG, WEBP, MediaType
from curation.media.limits import Limits

RECIPE_VERSION = 1
_READERS = {JPEG: jpeg.read, PNG: png.read, WEBP: webp.read}
# What Pillow's readers raise on bytes that break their format; most were seen on damaged files in the tests.
_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    RuntimeError,
    MemoryError,
    OverflowError,
    struct.error,
    zlib.error,
)
_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Level 3 of 9: three per cent larger than the default 6 and 2.5 times as fast on a photograph.
_PNG_LEVEL = 3
_DAMAGED_REMEDY = "Export or download it again"


@dataclass(frozen=True)
class Rendered:
    """A decoded picture with its rendition. `data` is the original object itself where nothing changed."""

    image: Image.Image  # upright sRGB, mode L, RGB or RGBA
    facts: MediaFacts
    data: bytes
    mime: str


@dataclass(frozen=True)
class _Header:
    """What can be said of a picture before its pixels are decoded."""

    width: int
    height: int
    bits: int
    container: Container | None  # None for formats that are always written anew


def inspect_picture(data: bytes, media_type: MediaType, *, name: str, limits: Limits) -> MediaFacts:
    """Facts from the header alone; nothing is decoded, so damage further on is not seen.

    Raises:
        MediaRefused: too large, animated, or its header cannot be read.
    """
    header, image = _open(data, media_type, name, limits)
    turned = _orientation(image) >= 5
    size = (header.height, header.width) if turned else (header.width, header.height)
    return _facts(data, media_type, header, size=size)


def render(data: bytes, media_type: MediaType, *, name: str, limits: Limits) -> Rendered:
    """Decodes a picture once and makes its rendition.

    Raises:
        MediaRefused: too large, animated, damaged, or of a pixel kind that has no 8-bit meaning.
    """
    header, image = _open(data, media_type, name, limits)
    try:
        image.load()
        orientation = _orientation(image)
        shown, changes = _to_eight_bits(image, header, name)
        shown, colours = to_srgb(shown, image.info.get("icc_profile"))
    except MediaRefused:
        raise
    except _DECODER_ERRORS as error:
        raise _damaged(name, media_type, str(error)) from error
    if colours:
        changes.append(colours)
    if orientation in _UPRIGHT:
        shown = shown.transpose(_UPRIGHT[orientation])
        changes.append(f"orientation {orientation} applied")
    rendition, mime = _write(data, media_type, shown, header, changes)
    facts = _facts(data, media_type, header, size=shown.size, changes=changes, shown=shown)
    return Rendered(shown, facts, rendition, mime)


def on_white(image: Image.Image) -> Image.Image:
    """An opaque RGB picture: what is transparent shows white. Opaque pictures come back as RGB."""
    if image.mode != "RGBA":
        return image if image.mode == "RGB" else image.convert("RGB")
    ground = Image.new("RGB", image.size, "white")
    ground.paste(image, mask=image.getchannel("A"))
    return ground


def check_bytes(size: int, name: str, limits: Limits) -> None:
    if size > limits.picture_bytes:
        raise MediaRefused(
            name,
            f"the file has {size:,} bytes and a picture may have {limits.picture_bytes:,}",
            "Save it smaller, or ask the administrator to raise the limit",
        )


def _open(data: bytes, media_type: MediaType, name: str, limits: Limits) -> tuple[_Header, Image.Image]:
    """The header, checked against the limits, and a Pillow image whose pixels are still undecoded."""
    check_bytes(len(data), name, limits)
    container = _take_apart(data, media_type, name)
    if container:
        _check_frames(container.frames, media_type, name)
        _check_size(container.width, container.height, name, limits)
    try:
        image = Image.open(io.BytesIO(data), formats=[media_type.reader])
    except _BOMBS as error:
        raise MediaRefused(name, f"it is larger than any picture taken here ({error})", "Give a smaller one") from error
    except _DECODER_ERRORS as error:
        raise _damaged(name, media_type, str(error)) from error
    _check_size(*image.size, name, limits)
    if container:
        return _Header(container.width, container.height, container.bits, container), image
    _check_frames(_frames(image, media_type, name), media_type, name)
    bits = 16 if image.mode.startswith("I;16") else 8
    return _Header(*image.size, bits, None), image


def _take_apart(data: bytes, media_type: MediaType, name: str) -> Container | None:
    read = _READERS.get(media_type)
    if read is None:
        return None
    try:
        return read(data)
    except (Damaged, struct.error, IndexError) as error:
        raise _damaged(name, media_type, str(error)) from error


def _frames(image: Image.Image, media_type: MediaType, name: str) -> int:
    try:
        return int(getattr(image, "n_frames", 1))
    except _DECODER_ERRORS as error:
        raise _damaged(name, media_type, str(error)) from error


def _check_size(width: int, height: int, name: str, limits: Limits) -> None:
    if not width or not height:
        raise MediaRefused(name, f"it is {width} x {height} pixels, which is no picture", _DAMAGED_REMEDY)
    if max(width, height) > limits.picture_side:
        reason = f"it is {width} x {height} pixels and no side may exceed {limits.picture_side:,}"
        raise MediaRefused(name, reason, "Scale it down")
    if width * height > limits.picture_pixels:
        reason = f"it unpacks to {width * height:,} pixels and a picture may have {limits.picture_pixels:,}"
        raise MediaRefused(name, reason, "Scale it down")


def _check_frames(frames: int, media_type: MediaType, name: str) -> None:
    if frames == 1:
        return
    if media_type.format == "tiff":
        raise MediaRefused(name, f"it holds {frames} pages", "Save the page that is meant as a picture of its own")
    raise MediaRefused(
        name,
        f"it is an animated {media_type.format.upper()} of {frames} frames, not one picture",
        "Save the frame that is meant, or convert it to an MP4 or WebM video",
    )


def _damaged(name: str, media_type: MediaType, detail: str) -> MediaRefused:
    return MediaRefused(name, f"the {media_type.format.upper()} cannot be read ({detail})", _DAMAGED_REMEDY)


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8; 1 where there is none or it means nothing, and for TIFF, which Pillow turns itself."""
    if "exif" not in image.info or image.format == "TIFF":
        return 1
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except _DECODER_ERRORS:
        return 1  # as browsers do: damaged metadata does not make the picture unreadable
    return value if value in _UPRIGHT else 1


def _to_eight_bits(image: Image.Image, header: _Header, name: str) -> tuple[Image.Image, list[str]]:
    """The picture in an 8-bit mode without palette, and what had to be done, in words.

    16 bits become 8 by keeping the high byte, for grey and for colour alike.
    """
    changes = [f"{header.bits} bits a channel made 8"] if header.bits != 8 else []
    if image.mode in ("I", "F"):
        reason = "its pixels are 32-bit numbers, which have no fixed black and white"
        raise MediaRefused(name, reason, "Save it with 8 or 16 bits a channel")
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)), changes
    if image.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        return image, changes
    target = _eight_bit_mode(image)
    if target == image.mode:
        return image, changes
    return image.convert(target), [*changes, f"{image.mode} made {target}"]


def _eight_bit_mode(image: Image.Image) -> str:
    if image.mode != "RGBA" and image.has_transparency_data:
        return "RGBA"
    return "L" if image.mode in ("1", "L") else image.mode if image.mode == "RGBA" else "RGB"


def _write(
    data: bytes, media_type: MediaType, shown: Image.Image, header: _Header, changes: list[str]
) -> tuple[bytes, str]:
    """The bytes of the rendition and their type; adds to `changes` what is done to the file as a whole."""
    container = header.container
    if changes or container is None:
        changes.append("written as PNG")
        return _as_png(shown), PNG.mime
    if container.dropped:
        changes.append(f"removed: {', '.join(container.dropped)}")
        return container.clean(), media_type.mime
    return data, media_type.mime


def _as_png(image: Image.Image) -> bytes:
    clean = image.copy()
    clean.info = {}  # else Pillow writes the profile and the transparent colour of the original again
    out = io.BytesIO()
    clean.save(out, "PNG", compress_level=_PNG_LEVEL)
    return out.getvalue()


def _facts(
    data: bytes,
    media_type: MediaType,
    header: _Header,
    *,
    size: tuple[int, int],
    changes: list[str] | None = None,
    shown: Image.Image | None = None,
) -> MediaFacts:
    return MediaFacts(
        kind=media_type.kind,
        format=media_type.format,
        mime=media_type.mime,
        size=len(data),
        width=size[0],
        height=size[1],
        stored_width=header.width,
        stored_height=header.height,
        is_transparent=shown is not None and _is_transparent(shown),
        changes=tuple(changes or ()),
    )


def _is_transparent(image: Image.Image) -> bool:
    # A histogram of one channel: how many pixels are less than opaque.
    return image.mode == "RGBA" and any(image.getchannel("A").histogram()[:255])
