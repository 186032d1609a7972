"""A repository of the Hub brought here, at one commit, each file of ours proved by its digest."""

from __future__ import annotations

import shutil
from pathlib import Path

from curation.errors import Refused
from curation.exports.checksums import CHECKSUMS, digest_of, read_checksums
from curation.exports.folder import MANIFEST
from curation.hub.names import repository_name
from curation.hub.remote import DATASET, Hub

PREFIX = "hub:"


def named_repository(text: str) -> tuple[str, str]:
    """Name and revision of `hub:owner/name` or `hub:owner/name@v3`; `main` where none is named.

    Raises:
        Refused: it is no name of a repository.
    """
    name, _at, revision = text.removeprefix(PREFIX).partition("@")
    return repository_name(name), revision or "main"


def fetch(hub: Hub, repository: str, revision: str, root: Path) -> Path:
    """A folder below `root` with the files of a commit; a second time it is there already.

    Raises:
        Refused: there is no such repository or revision, or a file of ours holds other bytes than it should.
        Unavailable: the Hub cannot be reached.
    """
    with hub.api(repository) as api:
        commit = str(api.repo_info(repository, repo_type=DATASET, revision=revision).sha)
    folder = root / f"{repository.replace('/', '--')}-{commit[:12]}"
    if folder.is_dir():
        return folder
    partial = folder.with_name(f".{folder.name}.partial")
    with hub.api(repository) as api:
        api.snapshot_download(repository, repo_type=DATASET, revision=commit, local_dir=partial, max_workers=2)
    shutil.rmtree(partial / ".cache", ignore_errors=True)
    _check(partial, repository)
    partial.rename(folder)
    return folder


def _check(folder: Path, repository: str) -> None:
    """Of an export of ours every file is compared with its list; of anybody else's there is no list."""
    if not (folder / MANIFEST).is_file() or not (folder / CHECKSUMS).is_file():
        return
    for path, sha256 in read_checksums(folder):
        if not (folder / path).is_file() or digest_of(folder / path) != sha256:
            shutil.rmtree(folder, ignore_errors=True)
            raise Refused(
                f"{path} of {repository} is missing, or holds other bytes than its list says. Publish it again."
            )
