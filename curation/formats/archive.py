"""Zip and tar: unpacked into the workspace, then read as the folder they hold."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from curation.formats.base import Format, Recognition
from curation.formats.glance import DATA_SUFFIXES, Glance
from curation.formats.rows import Refusal, Row
from curation.formats.unpacking import ArchiveRefused, unpack

UNPACKED = "unpacked"


class Archive:
    """An archive of anything a folder may be. Archives inside archives are not opened."""

    name = "archive"
    title = "Zip or tar archive"

    def __init__(self, choose: Callable[[Path], Format | None]) -> None:
        self.choose = choose

    def recognise(self, glance: Glance) -> Recognition | None:
        if glance.path.is_dir() or glance.suffix not in {".zip", ".tar"}:
            return None
        return Recognition(0.6, f"a {glance.suffix.removeprefix('.')} file")

    def read(self, path: Path, media_root: Path, workspace: Path) -> Iterator[Row | Refusal]:
        target = workspace / UNPACKED
        try:
            yield from _unpacked_once(path, target)
        except ArchiveRefused as error:
            shutil.rmtree(target, ignore_errors=True)
            yield Refusal(path.name, str(error))
            return
        yield from self._read_folder(path, single_folder(target), workspace)

    def estimate(self, path: Path) -> int | None:
        return None  # only unpacking tells

    def _read_folder(self, path: Path, folder: Path, workspace: Path) -> Iterator[Row | Refusal]:
        found = self.choose(folder)
        if found is None or isinstance(found, Archive):
            yield Refusal(path.name, "nothing in the archive has a format that can be read")
            return
        yield from found.read(folder, folder, workspace)


def _unpacked_once(path: Path, target: Path) -> list[Refusal]:
    """Unpacks, unless the same import did before it was killed: a note beside the folder says that it is whole."""
    note = target.with_suffix(".json")
    if note.is_file():
        return [Refusal(*entry) for entry in json.loads(note.read_text())]
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    refusals = unpack(path, target)
    note.write_text(json.dumps([[refusal.where, refusal.reason] for refusal in refusals]))
    return refusals


def single_folder(folder: Path) -> Path:
    """The folder itself, or the only folder inside it: archives often wrap everything in one."""
    inside = [entry for entry in folder.iterdir() if not entry.name.startswith((".", "__MACOSX"))]
    if len(inside) != 1 or not inside[0].is_dir():
        return folder
    # A single folder of pictures alone is a generator, not a wrapping.
    wraps = any(entry.is_dir() or entry.suffix in DATA_SUFFIXES[:-1] for entry in inside[0].iterdir())
    return inside[0] if wraps else folder
