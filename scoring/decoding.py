"""An item's media as pixels, each file decoded once however many scorers look at it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image, UnidentifiedImageError

from curation.media.frames import Frame, FrameRule, frames_at, frames_chosen, uniform_times
from curation.media.pictures import on_white
from scoring.scorers.base import Item, MediaFile

T = TypeVar("T")


# What Pillow raises on bytes that break their format; a decompression bomb is an error of its own kind.
UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


class DecodedMedia:
    """Decodes on first use and remembers, failures included, until the item is prepared. Used by one thread."""

    def __init__(self, item: Item) -> None:
        self._item = item
        self._seen: dict[object, Any] = {}

    def pictures(self) -> list[Image.Image]:
        return [self._picture(file) for file in self._item.media if file.kind == "image"]

    def role_pictures(self, role: str) -> list[Image.Image]:
        return [self._picture(file) for file in self._item.roles.get(role, ()) if file.kind == "image"]

    def frames(self, count: int) -> list[list[Frame]]:
        return [self._frames(file, count) for file in self._item.media if file.kind == "video"]

    def chosen_frames(self, choose: FrameRule) -> list[list[Frame]]:
        return [self._chosen(file, choose) for file in self._item.media if file.kind == "video"]

    def derived(self, key: object, make: Callable[[], T]) -> T:
        """What several scorers make of the same media in the same way, made once for all of them."""
        return self._once(("derived", key), make)

    def _frames(self, file: MediaFile, count: int) -> list[Frame]:
        return self._once((file.path, count), lambda: read_frames(file, count))

    def _chosen(self, file: MediaFile, choose: FrameRule) -> list[Frame]:
        return self._once((file.path, choose), lambda: read_chosen_frames(file, choose))

    def _picture(self, file: MediaFile) -> Image.Image:
        return self._once(file.path, lambda: read_picture(file.path))

    def _once(self, key: object, decode: Callable[[], T]) -> T:
        if key not in self._seen:
            self._seen[key] = _outcome_of(decode)
        outcome = self._seen[key]
        if isinstance(outcome, ValueError):
            raise outcome
        found: T = outcome
        return found


def read_picture(path: Path) -> Image.Image:
    """The whole picture, mode RGB, white where it was transparent.

    Raises:
        ValueError: the file is missing or cannot be decoded; names it, without its folder.
    """
    try:
        with Image.open(path) as picture:
            picture.load()
            return on_white(picture)
    except FileNotFoundError as error:
        raise ValueError(_missing(path)) from error
    except UNREADABLE as error:
        raise ValueError(f"the picture {path.name} cannot be read ({_words(error)})") from error


def read_frames(file: MediaFile, count: int) -> list[Frame]:
    """The frames shown at the middles of `count` equal parts of a video, mode RGB.

    Raises:
        ValueError: the file is missing, has no length, or cannot be decoded (`MediaRefused`).
    """
    if not file.path.exists():
        raise ValueError(_missing(file.path))
    return frames_at(file.path, uniform_times(file.duration_us, count))


def read_chosen_frames(file: MediaFile, choose: FrameRule) -> list[Frame]:
    """The frames of a video whose numbers a rule chooses, mode RGB.

    Raises:
        ValueError: the file is missing, cannot be decoded (`MediaRefused`), or is refused by the rule.
    """
    if not file.path.exists():
        raise ValueError(_missing(file.path))
    return frames_chosen(file.path, choose)


def _words(error: Exception) -> str:
    """What the decoder said; Pillow's most common sentence would name the whole path."""
    if isinstance(error, UnidentifiedImageError):
        return "it is no picture, or its beginning is damaged"
    return str(error) or type(error).__name__


def _missing(path: Path) -> str:
    return f"the file {path.name} is not in the media storage"


def _outcome_of(decode: Callable[[], T]) -> T | ValueError:
    try:
        return decode()
    except ValueError as error:
        return error
