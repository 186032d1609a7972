"""PNG: a chain of chunks. Source: W3C Portable Network Graphics (third edition), sections 5 and 11."""

import struct

from curation.media.containers.container import Container, once_each
from curation.media.errors import Damaged

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PICTURE = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS"})
_NAMES = {
    b"tEXt": "text",
    b"zTXt": "text",
    b"iTXt": "text",
    b"eXIf": "EXIF",
    b"iCCP": "ICC profile",
    b"tIME": "date",
    b"pHYs": "resolution",
    b"sRGB": "colour notes",
    b"gAMA": "colour notes",
    b"cHRM": "colour notes",
    b"acTL": "animation header",
    b"fcTL": "animation header",
}


def read(data: bytes) -> Container:
    """Takes a PNG apart without decoding it; the check sums of pixels are left to the decoder.

    Raises:
        Damaged: a chunk runs past the end, or the first or last chunk is missing.
    """
    kept: list[bytes | memoryview] = [SIGNATURE]
    dropped: list[str] = []
    frames = 1
    view = memoryview(data)
    position, kind = len(SIGNATURE), b""
    while kind != b"IEND":
        kind, start, position = _next_chunk(data, position)
        if kind == b"acTL":
            frames = max(1, struct.unpack_from(">I", data, start + 8)[0])
        if kind in _PICTURE:
            kept.append(view[start:position])
        else:
            dropped.append(_NAMES.get(kind, f"chunk {kind.decode('latin-1')}"))
    if position < len(data):
        dropped.append(f"{len(data) - position} bytes after its end")
    width, height, bits = _shape(data)
    return Container(width, height, bits, frames, once_each(dropped), lambda: b"".join(kept))


def _next_chunk(data: bytes, position: int) -> tuple[bytes, int, int]:
    if len(data) < position + 12:
        raise Damaged("it is cut off: its last chunk is missing")
    length = struct.unpack_from(">I", data, position)[0]
    end = position + 12 + length
    if end > len(data):
        raise Damaged(f"it is cut off inside a chunk of {length} bytes")
    return data[position + 4 : position + 8], position, end


def _shape(data: bytes) -> tuple[int, int, int]:
    if data[12:16] != b"IHDR":
        raise Damaged("its first chunk is not its header")
    width, height, bits = struct.unpack_from(">IIB", data, 16)
    return width, height, bits
