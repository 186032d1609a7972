"""From a file name in somebody's data to a path that stays inside the folder it is meant for."""

from __future__ import annotations

import os
from pathlib import Path

from curation.formats.fields import RowRefused, shown, storable_text
from curation.formats.limits import MEDIA_COUNT, MEDIA_NAME_LENGTH
from curation.formats.rows import MediaRef

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".jfif"})
VIDEOS = frozenset({".mp4", ".webm", ".mov", ".mkv", ".avi", ".m4v"})
MEDIA = PICTURES | VIDEOS


class MediaFolder:
    """The folder that all media of an import must lie in."""

    def __init__(self, root: Path) -> None:
        self.root = os.path.realpath(root)

    def ref(self, name: object, what: str = "media") -> MediaRef:
        """The file of this name; it need not exist.

        Raises:
            RowRefused: not text, an address on the network, or a path that leaves the media root, by `..`, as an
                absolute path or through a link.
        """
        if not isinstance(name, str) or not name.strip():
            raise RowRefused(f"{what} must name a file, not {shown(name)}")
        if len(name) > MEDIA_NAME_LENGTH:
            raise RowRefused(f"{what} is a name of {len(name)} characters; at most {MEDIA_NAME_LENGTH} are possible")
        name = storable_text(name, what).removeprefix("file://")
        if "://" in name or name.startswith("data:"):
            raise RowRefused(f"{what} is the address {shown(name)}; fetch the file first, addresses are not opened")
        return MediaRef(path=self._inside(name, what), data=None, name=name)

    def refs(self, names: object, what: str = "media") -> tuple[MediaRef, ...]:
        """Files in order; one name counts as a list of one, null as none."""
        if names is None:
            return ()
        items = names if isinstance(names, list | tuple) else [names]
        if len(items) > MEDIA_COUNT:
            raise RowRefused(f"{what} lists {len(items)} files; at most {MEDIA_COUNT} belong to one sample")
        return tuple(self.ref(item, what) for item in items)

    def _inside(self, name: str, what: str) -> str:
        path = os.path.realpath(os.path.join(self.root, name))
        if path != self.root and os.path.commonpath([path, self.root]) == self.root:
            return path
        raise RowRefused(
            f"{what} {shown(name)} lies outside the media folder; "
            "put the file inside it or name a folder above both as the media root"
        )


def is_picture(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in PICTURES


def is_video(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in VIDEOS


def is_media(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in MEDIA
