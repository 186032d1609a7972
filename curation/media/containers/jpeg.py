"""JPEG: a chain of segments. Source: ITU-T T.81, annex B; JFIF 1.02."""

import struct

import numpy as np

from curation.media.containers.container import Container, once_each
from curation.media.errors import Damaged

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_APP0, _APP1, _APP2, _APP13, _APP14, _COMMENT = 0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE
# C4, C8 and CC lie in the same range but are tables and reservations, not frame headers.
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_NO_END = "it is cut off: its end marker is missing"
_SEARCHED_AT_ONCE = 2**18
_JFIF_BYTES = 14  # "JFIF\0", version, density and two zeros where a thumbnail would begin


def read(data: bytes) -> Container:
    """Takes a JPEG apart without decoding it.

    Raises:
        Damaged: a segment runs past the end, there is no frame header, or the end marker is missing.
    """
    kept: list[bytes | memoryview] = [b"\xff\xd8"]
    dropped: list[str] = []
    shape: tuple[int, int, int, int] | None = None
    is_jfif = False
    view = memoryview(data)
    position = 2
    while True:
        marker, start, position = _next_segment(data, position)
        payload = view[start + 4 : position]
        if marker == _EOI:
            break
        if marker in _FRAME_HEADERS and shape is None:
            shape = _shape(payload)
        is_jfif = (is_jfif or _is_jfif(marker, payload)) and not _is_adobe(marker, payload)
        name = _metadata_name(marker, payload)
        if name:
            dropped.append(name)
            continue
        if marker == _APP0 and len(payload) > _JFIF_BYTES:
            dropped.append("embedded thumbnail")
            kept.append(_without_thumbnail(payload))
        else:
            kept.append(view[start:position])
        if marker == _SOS:
            end = _end_of_scan(data, position)
            kept.append(view[position:end])
            position = end
    if shape is None:
        raise Damaged("it has no frame header")
    if position < len(data):
        dropped.append(f"{len(data) - position} bytes after its end")
    kept.append(b"\xff\xd9")
    height, width, bits, components = shape
    is_plain = is_jfif and components == 3 and bits == 8
    return Container(width, height, bits, 1, once_each(dropped), lambda: b"".join(kept), is_plain)


def _next_segment(data: bytes, position: int) -> tuple[int, int, int]:
    """Marker, start and end of the segment at `position`; fill bytes before it are passed over."""
    while data[position : position + 2] == b"\xff\xff":
        position += 1
    if len(data) < position + 2:
        raise Damaged(_NO_END)
    if data[position] != 0xFF:
        raise Damaged(f"byte {position} is not the start of a segment")
    marker = data[position + 1]
    if marker == _EOI:
        return marker, position, position + 2
    if len(data) < position + 4:
        raise Damaged("it is cut off inside a segment")
    end = position + 2 + struct.unpack_from(">H", data, position + 2)[0]
    if end > len(data) or end < position + 4:
        raise Damaged("it is cut off inside a segment")
    return marker, position, end


def _shape(payload: memoryview) -> tuple[int, int, int, int]:
    if len(payload) < 6:
        raise Damaged("its frame header is too short")
    bits, height, width, components = struct.unpack_from(">BHHB", payload)
    return height, width, bits, components


def _is_jfif(marker: int, payload: memoryview) -> bool:
    return marker == _APP0 and bytes(payload[:5]) == b"JFIF\0"


def _is_adobe(marker: int, payload: memoryview) -> bool:
    return marker == _APP14 and bytes(payload[:5]) == b"Adobe"


def _metadata_name(marker: int, payload: memoryview) -> str:
    """What a segment is called if it is not part of the picture; empty if it is.

    JFIF and Adobe segments say how to turn the components into colours, so they are part of it.
    """
    if _is_jfif(marker, payload) or _is_adobe(marker, payload):
        return ""
    if marker == _COMMENT:
        return "comment"
    if not _APP0 <= marker <= 0xEF:
        return ""
    start = bytes(payload[:16])
    if start.startswith(b"Exif"):
        return "EXIF"
    if start.startswith(b"http://ns.adobe"):
        return "XMP"
    if start.startswith(b"ICC_PROFILE"):
        return "ICC profile"
    return {_APP2: "extra pictures", _APP13: "IPTC"}.get(marker, f"segment APP{marker - _APP0}")


def _without_thumbnail(jfif: memoryview) -> bytes:
    return b"\xff\xe0" + struct.pack(">H", 2 + _JFIF_BYTES) + bytes(jfif[: _JFIF_BYTES - 2]) + b"\0\0"


def _end_of_scan(data: bytes, position: int) -> int:
    """Where compressed data that begins at `position` ends.

    Within it FF is followed by 00 (a literal FF) or by a restart marker; anything else ends it. Looked for with
    numpy, in pieces: a regular expression takes as long as decoding the picture.
    """
    for start in range(position, len(data) - 1, _SEARCHED_AT_ONCE):
        piece = np.frombuffer(data, np.uint8, offset=start, count=min(_SEARCHED_AT_ONCE + 1, len(data) - start))
        places = np.flatnonzero(piece[:-1] == 0xFF)
        following = piece[places + 1]
        ends = places[(following != 0) & (following != 0xFF) & (following & 0xF8 != 0xD0)]
        if len(ends):
            return start + int(ends[0])
    raise Damaged(_NO_END)
