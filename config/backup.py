"""One file that holds a whole installation: the database and every file in the storage.

The file is a tar archive: `database.sql.gz`, then `media/NAME` for each stored file, and last
`manifest.json` with the size and SHA-256 of each member. Everything is streamed; memory does not
grow with the data.

The database is dumped first and the files are read after it. Files are only ever added under the
digest of their content, so the archive holds at least the files that the rows name.
"""

import datetime
import hashlib
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import Storage, default_storage
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from config import dump, folders
from curation.errors import Unavailable

FORMAT = 1
_DATABASE = "database.sql.gz"
_MANIFEST = "manifest.json"
_MEDIA = "media/"
_STAGING = ".restore/"
_CHUNK_BYTES = 1 << 20
# Rows that a fresh installation has before anybody used it.
_TABLES_OF_A_FRESH_INSTALLATION = {"django_migrations", "django_content_type", "auth_permission", "django_site"}


# What a storage may raise when it fails: the file system's errors, the bucket's, and our words for them.
STORAGE_ERRORS = (OSError, Unavailable, BotoCoreError, ClientError)


class BackupError(Exception):
    """The archive is not whole, or does not fit here; the message says what to do."""


class UnfinishedError(Exception):
    """The rows are restored, but not every file is in its place yet."""


# -- out -------------------------------------------------------------------------------------


def write(path: Path) -> dict[str, Any]:
    """Write the installation to a new file and return its manifest.

    Raises:
        BackupError: the file exists, or a stored file changed while it was read.
    """
    if path.exists():
        raise BackupError(f"{path} exists. Choose another name; a backup is never overwritten.")
    draft = path.with_name(path.name + ".partial")
    try:
        with _open_private(draft) as file, tarfile.open(fileobj=file, mode="w") as archive:
            manifest = _write_members(archive)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return manifest


def _write_members(archive: tarfile.TarFile) -> dict[str, Any]:
    members: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(dir=_scratch()) as folder:
        sql = Path(folder) / _DATABASE
        dump.write(sql)
        with sql.open("rb") as content:
            members[_DATABASE] = _add(archive, _DATABASE, content, sql.stat().st_size)
    for name in stored_names(default_storage):
        with default_storage.open(name) as content:
            members[_MEDIA + name] = _add(archive, _MEDIA + name, content, default_storage.size(name))
    manifest = {
        "format": FORMAT,
        "made_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "migrations": sorted(".".join(key) for key in MigrationRecorder(connection).applied_migrations()),
        "members": members,
    }
    text = json.dumps(manifest, indent=1).encode()
    _add(archive, _MANIFEST, io.BytesIO(text), len(text))
    return manifest


def _add(archive: tarfile.TarFile, name: str, content: IO[bytes], size: int) -> dict[str, Any]:
    header = tarfile.TarInfo(name)
    header.size = size
    header.mode = 0o600
    reader = _HashingReader(content)
    try:
        archive.addfile(header, reader)  # type: ignore[arg-type]  # only `read` is called
    except OSError as error:
        raise BackupError(f"{name} could not be read whole ({error}). Run the backup again.") from error
    return {"bytes": size, "sha256": reader.sha256.hexdigest()}


def stored_names(storage: Storage, folder: str = "") -> Iterator[str]:
    """Every file in a storage, folders walked in order; what a broken restore left is no file."""
    try:
        folders_here, files = storage.listdir(folder)
    except FileNotFoundError:
        return
    for name in sorted(files):
        yield folder + name
    for name in sorted(folders_here):
        if folder + name + "/" != _STAGING:
            yield from stored_names(storage, f"{folder}{name}/")


# -- in --------------------------------------------------------------------------------------


def restore(path: Path, *, overwrite: bool) -> dict[str, Any]:
    """Make this installation what the archive holds, and return the archive's manifest.

    Nothing is touched before every checksum was compared. Files are added first (under names of
    their own where they would change one that is there), then the database is replaced in one
    transaction; only when that has happened are old files replaced and removed. Whatever fails
    before leaves the installation as it was.

    Raises:
        BackupError: the archive is damaged or newer than this program, or the installation holds
            data and `overwrite` was not asked for.
        UnfinishedError: the storage failed after the rows were restored.
    """
    manifest = verify(path)
    _refuse_newer(manifest)
    if not overwrite:
        _refuse_data()
    added: list[str] = []
    try:
        staged = _add_files(path, manifest, added)
        with tempfile.TemporaryDirectory(dir=_scratch()) as folder:
            dump.load(_extract_database(path, Path(folder)))
    except BaseException:
        with suppress(*STORAGE_ERRORS):  # the first error is the one to tell
            for name in added:
                default_storage.delete(name)
        raise
    try:
        _put_in_place(staged)
        _remove_others(manifest)
    except STORAGE_ERRORS as error:
        raise UnfinishedError(
            f"The rows are restored, but the storage failed before all files were: {error}. "
            "Run the same restore again, with --overwrite."
        ) from error
    return manifest


def verify(path: Path) -> dict[str, Any]:
    """Read the whole archive, compare every size and checksum, and return the manifest."""
    found: dict[str, dict[str, Any]] = {}
    manifest: dict[str, Any] = {}
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                content = archive.extractfile(member)
                if content is None:
                    raise BackupError(f"{path} holds {member.name!r}, which is not a file. It is no backup of ours.")
                if member.name == _MANIFEST:
                    manifest = json.load(content)
                else:
                    found[member.name] = _measure(content)
    except (tarfile.TarError, OSError, ValueError) as error:
        raise BackupError(f"{path} cannot be read as a backup: {error}.") from error
    _compare(path, manifest, found)
    return manifest


def _compare(path: Path, manifest: dict[str, Any], found: dict[str, dict[str, Any]]) -> None:
    if manifest.get("format") != FORMAT:
        raise BackupError(
            f"{path} has no manifest of format {FORMAT}. It is cut short, or made by another version of Pairwright."
        )
    promised = manifest["members"]
    wrong = sorted(name for name in promised.keys() | found.keys() if promised.get(name) != found.get(name))
    if wrong:
        raise BackupError(f"{path} is damaged: {len(wrong)} of its files differ from the manifest, first {wrong[0]!r}.")


def _refuse_newer(manifest: dict[str, Any]) -> None:
    known = {".".join(key) for key in MigrationLoader(None).disk_migrations}
    unknown = sorted(set(manifest["migrations"]) - known)
    if unknown:
        raise BackupError(
            f"The backup comes from a newer version of Pairwright (it has {unknown[-1]}). Upgrade first, then restore."
        )


def _refuse_data() -> None:
    name = next(iter(stored_names(default_storage)), None)
    table = _table_with_rows()
    if name or table:
        what = f"rows in {table}" if table else f"the file {name}"
        raise BackupError(f"This installation holds data ({what}). Add --overwrite to replace everything in it.")


def _table_with_rows() -> str | None:
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor)) - _TABLES_OF_A_FRESH_INSTALLATION
        for table in sorted(tables):
            cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {connection.ops.quote_name(table)})")  # noqa: S608
            if cursor.fetchone()[0]:
                return table
    return None


def _add_files(path: Path, manifest: dict[str, Any], added: list[str]) -> dict[str, str]:
    """Store what is not there yet; the answer maps staged names to the names they shall have."""
    staged: dict[str, str] = {}
    with tarfile.open(path, "r:") as archive:
        for member in archive:
            if not member.name.startswith(_MEDIA):
                continue
            name = member.name.removeprefix(_MEDIA)
            if _is_stored(name, manifest["members"][member.name]):
                continue
            target = name
            if default_storage.exists(name):
                target = _STAGING + name
                staged[target] = name
                default_storage.delete(target)
            content = archive.extractfile(member)
            assert content is not None
            added.append(target)
            _store(target, content)
    return staged


def _is_stored(name: str, facts: dict[str, Any]) -> bool:
    if not default_storage.exists(name) or default_storage.size(name) != facts["bytes"]:
        return False
    with default_storage.open(name) as content:
        return _measure(content)["sha256"] == facts["sha256"]


def _store(name: str, content: IO[bytes]) -> None:
    stored = default_storage.save(name, File(content, name=name))
    if stored != name:
        default_storage.delete(stored)
        raise BackupError(f"The storage gave {name!r} another name, {stored!r}. Is something else writing to it?")


def _extract_database(path: Path, folder: Path) -> Path:
    target = folder / _DATABASE
    with tarfile.open(path, "r:") as archive:
        content = archive.extractfile(_DATABASE)
        assert content is not None
        with target.open("wb") as file:
            while chunk := content.read(_CHUNK_BYTES):
                file.write(chunk)
    return target


def _put_in_place(staged: dict[str, str]) -> None:
    for temporary, name in staged.items():
        default_storage.delete(name)
        with default_storage.open(temporary) as content:
            _store(name, content)
        default_storage.delete(temporary)


def _remove_others(manifest: dict[str, Any]) -> None:
    """Files that no row of the restored database can name."""
    for name in list(stored_names(default_storage)):
        if _MEDIA + name not in manifest["members"]:
            default_storage.delete(name)


# -- both ------------------------------------------------------------------------------------


class _HashingReader:
    """Hashes what passes through `read`."""

    def __init__(self, content: IO[bytes]) -> None:
        self._content = content
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self._content.read(size)
        self.sha256.update(chunk)
        return chunk


def _measure(content: IO[bytes]) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    while chunk := content.read(_CHUNK_BYTES):
        digest.update(chunk)
        size += len(chunk)
    return {"bytes": size, "sha256": digest.hexdigest()}


def _open_private(path: Path) -> IO[bytes]:
    """The archive holds everything that anybody ever said here: its owner alone reads it."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _scratch() -> Path:
    return folders.make_private(settings.SCRATCH_ROOT)
