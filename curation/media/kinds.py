"""What a file is, by its first bytes. Its name is never believed."""

from dataclasses import dataclass

from curation.media.errors import MediaRefused

SNIFFED_BYTES = 512


@dataclass(frozen=True)
class MediaType:
    kind: str
    format: str
    mime: str
    reader: str  # the name under which Pillow or FFmpeg knows it; no other reader is tried


JPEG = MediaType("image", "jpeg", "image/jpeg", "JPEG")
PNG = MediaType("image", "png", "image/png", "PNG")
WEBP = MediaType("image", "webp", "image/webp", "WEBP")
GIF = MediaType("image", "gif", "image/gif", "GIF")
BMP = MediaType("image", "bmp", "image/bmp", "BMP")
TIFF = MediaType("image", "tiff", "image/tiff", "TIFF")
AVIF = MediaType("image", "avif", "image/avif", "AVIF")
MP4 = MediaType("video", "mp4", "video/mp4", "mp4")
WEBM = MediaType("video", "webm", "video/webm", "matroska")

ACCEPTED = "Give a JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF picture, or an MP4 or WebM video"

_BEGINNINGS: tuple[tuple[bytes, MediaType], ...] = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"BM", BMP),
    (b"II*\x00", TIFF),
    (b"MM\x00*", TIFF),
    (b"\x1aE\xdf\xa3", WEBM),
)
_DISGUISES: tuple[tuple[bytes, str], ...] = (
    (b"%pdf-", "a PDF document"),
    (b"pk\x03\x04", "a zip archive"),
    (b"pk\x05\x06", "an empty zip archive"),
    (b"\x1f\x8b", "gzip-compressed data"),
    (b"mz", "a Windows program"),
    (b"\x7felf", "a Linux program"),
    (b"#!", "a script"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
)
_AVIF_BRANDS = frozenset({b"avif", b"mif1"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"heim", b"heis"})


def sniff(head: bytes, *, name: str) -> MediaType:
    """The type of a file from its first `SNIFFED_BYTES` bytes.

    Raises:
        MediaRefused: the file is empty, or is no picture or video that is taken here.
    """
    if not head:
        raise MediaRefused(name, "the file is empty (0 bytes)", "Export or download it again")
    for beginning, media_type in _BEGINNINGS:
        if head.startswith(beginning):
            return media_type
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    if head[4:8] == b"ftyp":
        return _iso_media(head, name)
    raise MediaRefused(name, f"its content is {_in_words(head)}, whatever its name says", ACCEPTED)


def _iso_media(head: bytes, name: str) -> MediaType:
    brand = head[8:12]
    if brand == b"avis":
        raise MediaRefused(name, "it is an animated AVIF sequence", "Convert it to an MP4 or WebM video")
    if brand in _AVIF_BRANDS:
        return AVIF
    if brand in _HEIC_BRANDS:
        raise MediaRefused(
            name, "its content is a HEIC picture, which browsers do not show", "Convert it to JPEG or PNG"
        )
    return MP4


def _in_words(head: bytes) -> str:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for beginning, words in _DISGUISES:
        if start.startswith(beginning):
            return words
    if b"<svg" in start:
        return "an SVG drawing, which may carry scripts"
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<script", b"<body")) or b"<html" in start:
        return "an HTML page"
    if start.startswith(b"<?xml"):
        return "an XML document"
    if _is_text(head):
        return "plain text"
    return f"of an unknown kind (it begins with the bytes {head[:8].hex(' ')})"


def _is_text(head: bytes) -> bool:
    try:
        # The head may end in the middle of a character: at most three bytes of it.
        text = head.decode("utf-8", errors="strict")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:
            return False
        text = head[: error.start].decode("utf-8")
    return bool(text) and all(character.isprintable() or character.isspace() for character in text)
