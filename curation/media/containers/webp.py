"""WebP: chunks inside RIFF. Source: RFC 9649 (WebP image format), sections 2 and 3."""

import struct

from curation.media.containers.container import Container, once_each
from curation.media.errors import Damaged

_PICTURE = frozenset({b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"})
_NAMES = {b"EXIF": "EXIF", b"XMP ": "XMP", b"ICCP": "ICC profile"}
_ANIMATED, _HAS_ALPHA = 0x02, 0x10


def read(data: bytes) -> Container:
    """Takes a WebP apart without decoding it.

    Raises:
        Damaged: the file is shorter than it states, a chunk runs past the end, or there is no picture.
    """
    end = 8 + struct.unpack_from("<I", data, 4)[0] if len(data) >= 12 else 12
    if end > len(data):
        raise Damaged(f"it is cut off: it states {end} bytes and holds {len(data)}")
    chunks = _chunks(data, end)
    dropped = [_NAMES.get(kind, f"chunk {kind.decode('latin-1')}") for kind, _ in chunks if kind not in _PICTURE]
    if end < len(data):
        dropped.append(f"{len(data) - end} bytes after its end")
    width, height = _shape(chunks)
    frames = max(1, sum(kind == b"ANMF" for kind, _ in chunks))
    return Container(width, height, 8, frames, once_each(dropped), lambda: _join(chunks))


def _chunks(data: bytes, end: int) -> list[tuple[bytes, memoryview]]:
    view, chunks, position = memoryview(data), [], 12
    while position + 8 <= end:
        kind, length = data[position : position + 4], struct.unpack_from("<I", data, position + 4)[0]
        if position + 8 + length > end:
            raise Damaged(f"it is cut off inside a chunk of {length} bytes")
        chunks.append((kind, view[position + 8 : position + 8 + length]))
        position += 8 + length + length % 2
    return chunks


def _shape(chunks: list[tuple[bytes, memoryview]]) -> tuple[int, int]:
    for kind, payload in chunks:
        if kind == b"VP8X" and len(payload) >= 10:
            return 1 + _int24(payload, 4), 1 + _int24(payload, 7)
        if kind == b"VP8 " and len(payload) >= 10:
            width, height = struct.unpack_from("<HH", payload, 6)
            return width & 0x3FFF, height & 0x3FFF
        if kind == b"VP8L" and len(payload) >= 5:
            packed = struct.unpack_from("<I", payload, 1)[0]
            return 1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF)
    raise Damaged("it holds no picture")


def _int24(payload: memoryview, offset: int) -> int:
    return int.from_bytes(payload[offset : offset + 3], "little")


def _join(chunks: list[tuple[bytes, memoryview]]) -> bytes:
    body = b"".join(_chunk(kind, payload) for kind, payload in chunks if kind in _PICTURE)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _chunk(kind: bytes, payload: memoryview) -> bytes:
    content = bytes(payload)
    if kind == b"VP8X":  # its flags announce the chunks that are gone
        content = bytes([content[0] & (_HAS_ALPHA | _ANIMATED)]) + content[1:]
    return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
