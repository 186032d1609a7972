"""What a picture's file says beside its pixels: EXIF, XMP, comments, text chunks where generators keep prompts."""

from __future__ import annotations

from collections.abc import Iterator

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_TRACES = {b"tEXt": "text", b"zTXt": "text", b"iTXt": "text", b"eXIf": "EXIF"}
_WEBP_TRACES = {b"EXIF": "EXIF", b"XMP ": "XMP"}
_JPEG_TRACES = {0xE1: "EXIF or XMP", 0xED: "IPTC", 0xFE: "a comment"}
# From here on a JPEG holds pixels.
_SCAN = 0xDA


def traces_in(content: bytes) -> list[str]:
    """The kinds of metadata in a PNG, JPEG or WebP file, each once; empty for any other file.

    >>> traces_in(b"not a picture")
    []
    """
    if content.startswith(_PNG):
        found = [_PNG_TRACES.get(name) for name in _png_chunks(content)]
    elif content.startswith(b"\xff\xd8"):
        found = [_JPEG_TRACES.get(marker) for marker in _jpeg_segments(content)]
    elif content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        found = [_WEBP_TRACES.get(name) for name in _webp_chunks(content)]
    else:
        found = []
    return list(dict.fromkeys(kind for kind in found if kind))


def _png_chunks(content: bytes) -> Iterator[bytes]:
    place = len(_PNG)
    while place + 8 <= len(content):
        size = int.from_bytes(content[place : place + 4], "big")
        yield content[place + 4 : place + 8]
        place += 12 + size


def _jpeg_segments(content: bytes) -> Iterator[int]:
    place = 2
    while place + 4 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker == _SCAN:
            return
        yield marker
        place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")


def _webp_chunks(content: bytes) -> Iterator[bytes]:
    place = 12
    while place + 8 <= len(content):
        size = int.from_bytes(content[place + 4 : place + 8], "little")
        yield content[place : place + 4]
        place += 8 + size + size % 2
