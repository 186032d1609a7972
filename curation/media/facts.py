"""What is known of a file once it has been read, in plain values that travel between processes."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class MediaFacts:
    """A picture or video as its content says, whatever its name claims.

    `width`, `height` are those of the rendition: upright, in pixels. `stored_width`, `stored_height` are those of
    the header, before orientation. Pictures leave the video facts at None.
    `changes` says in words what the recipe does to the picture; empty where the original itself is the rendition.
    """

    kind: str  # "image" or "video"
    format: str  # "jpeg", "png", "webp", "gif", "bmp", "tiff", "avif", "mp4", "webm"
    mime: str
    size: int  # bytes
    width: int
    height: int
    stored_width: int
    stored_height: int
    is_transparent: bool = False  # some pixel is not fully opaque
    changes: tuple[str, ...] = ()
    codec: str | None = None
    duration_us: int | None = None
    fps: float | None = None  # frames a second, mean over the file
    frames: int | None = None
    rotation: int | None = None  # degrees clockwise that the player turns the stored frames


@dataclass(frozen=True, kw_only=True)
class Files:
    """The bytes made of one file, on their way into the storage.

    `original` is None for a video given by path: the caller copies the file. `rendition` is None where the
    original is its own rendition.
    """

    original: bytes | None
    rendition: bytes | None
    thumbnails: dict[int, bytes]  # by nominal size: JPEG on white, its long side that size up to twice that
    poster: bytes | None  # video only: its first frame, JPEG


@dataclass(frozen=True, kw_only=True)
class Ingested:
    """What is known of one file after one read and one decode. Small without `files`, which are None once kept."""

    facts: MediaFacts
    sha256: str
    rendition_sha256: str
    rendition_mime: str
    rendition_size: int
    is_original: bool
    thumbnail_sizes: tuple[int, ...]
    fingerprint: bytes
    files: Files | None
