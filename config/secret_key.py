"""The secret that signs sessions and links, made once and kept in the data folder."""

import os
import secrets
from pathlib import Path

from config import folders


def read_or_create(data: Path) -> str:
    """The secret of this data folder; the first process makes it, readable by its owner only.

    A hard link publishes the file whole: no other process can read half a secret, and the
    slower of two makers uses the other's.
    """
    path = data / "secret_key"
    if not path.exists():
        _create(folders.make_private(data), path)
    return path.read_text(encoding="ascii").strip()


def _create(data: Path, path: Path) -> None:
    draft = data / f".secret_key.{os.getpid()}.{secrets.token_hex(4)}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(64))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
