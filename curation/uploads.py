"""Uploads: refused before they are written when they are too large, kept in a folder of their own."""

from __future__ import annotations

import os
import re
import shutil
import time
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile

UNSAFE = re.compile(r"[^\w.\- ()]")
KEPT_SECONDS = 24 * 3600


class RefuseTooLarge(FileUploadHandler):
    """Skips the files of a request that is larger than allowed; `was_too_large` tells the form why none came."""

    def handle_raw_input(
        self, input_data: Any, META: Any, content_length: int, boundary: Any, encoding: str | None = None
    ) -> None:
        self.is_refused = content_length > settings.UPLOAD_BYTES
        if self.request is not None:
            self.request.META["pairwright.upload_too_large"] = self.is_refused

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        if self.is_refused:
            raise SkipFile

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        return raw_data  # small enough: the next handler keeps it

    def file_complete(self, file_size: int) -> None:
        return None


def was_too_large(meta: dict[str, Any]) -> bool:
    return bool(meta.get("pairwright.upload_too_large"))


def keep(files: Iterable[UploadedFile]) -> Path:
    """Moves uploaded files into a new folder; the path of the only file, or of the folder where there are several."""
    folder = _root() / uuid.uuid4().hex
    folder.mkdir(mode=0o700, parents=True)
    kept = [_keep_one(file, folder / f"{number}-{_safe(file.name or '')}") for number, file in enumerate(files)]
    named = _with_own_names(kept)
    return named[0] if len(named) == 1 else folder


def _keep_one(file: UploadedFile, path: Path) -> Path:
    if isinstance(file, TemporaryUploadedFile):
        shutil.move(file.temporary_file_path(), path)
        # Django deletes its temporary file when the request ends; it has none any more.
        Path(file.temporary_file_path()).touch()
    else:
        with path.open("xb") as stream:
            for chunk in file.chunks():
                stream.write(chunk)
    path.chmod(0o600)
    return path


def _with_own_names(paths: list[Path]) -> list[Path]:
    """Takes the number off again where the names differ: rows refer to files by name."""
    named = []
    for path in paths:
        target = path.with_name(path.name.partition("-")[2])
        named.append(path if target.exists() else path.rename(target))
    return named


def _safe(name: str) -> str:
    """The name without folders and odd characters; never hidden, never empty."""
    return (UNSAFE.sub("_", Path(name.replace("\\", "/")).name).lstrip(".") or "upload")[-100:]


def _root() -> Path:
    return Path(settings.SCRATCH_ROOT) / "uploads"


def sweep() -> None:
    """Removes uploads that nobody went on with for a day."""
    root = _root()
    if not root.is_dir():
        return
    for entry in os.scandir(root):
        if time.time() - entry.stat().st_mtime > KEPT_SECONDS:
            shutil.rmtree(entry.path, ignore_errors=True)
