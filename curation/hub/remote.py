"""A repository as it stands on the Hub: its head, its tags, its files by content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from huggingface_hub import HfApi, hf_hub_url
from huggingface_hub.errors import RepositoryNotFoundError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import build_hf_headers, disable_progress_bars, get_session, hf_raise_for_status

from curation.exports.folder import CHECKSUMS, MANIFEST, SCHEMA
from curation.hub.failures import in_words

# An answer that takes longer is an answer that does not come. A commit of many files takes minutes.
ANSWER_SECONDS = 600.0
CONNECT_SECONDS = 30.0
DATASET = "dataset"
AGENT = "pairwright"


@dataclass(frozen=True)
class RemoteFile:
    """A file of a commit. `sha256` of a large one, else `blob`: git's own digest of the content."""

    path: str
    size: int
    sha256: str
    blob: str


@dataclass(frozen=True)
class Remote:
    """A repository at one moment. `dataset` and `ours` come from the manifest of our last publication there."""

    name: str
    head: str
    is_private: bool
    files: Mapping[str, RemoteFile]
    tags: Mapping[str, str]
    dataset: str = ""
    ours: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Hub:
    """The Hub as one holder of a token sees it; without a token, as the public does."""

    endpoint: str
    token: str = field(default="", repr=False)
    answer_seconds: float = ANSWER_SECONDS

    @contextmanager
    def api(self, repository: str) -> Iterator[HfApi]:
        """The client, with its errors in words and an end to its patience, which is endless by default.

        Raises:
            NotAllowed, Refused, Conflict, Unavailable: see `failures.in_words`.
        """
        with in_words(repository):
            yield self.raw()

    def raw(self) -> HfApi:
        """The client with its own errors, for a caller that reads them."""
        disable_progress_bars()
        get_session().timeout = httpx2.Timeout(self.answer_seconds, connect=CONNECT_SECONDS)
        return HfApi(endpoint=self.endpoint, token=self.token or False, library_name=AGENT)

    def look(self, repository: str) -> Remote | None:
        """The repository now; None where there is none that this token may see. Costs about five requests."""
        with self.api(repository) as api:
            try:
                info = api.repo_info(repository, repo_type=DATASET)
            except RepositoryNotFoundError as error:
                if error.response.status_code == 401:
                    raise
                return None
            tags = api.list_repo_refs(repository, repo_type=DATASET).tags
        head = str(info.sha)
        files = self.files(repository, head)
        manifest = self._manifest(repository, head, files)
        return Remote(
            name=repository,
            head=head,
            is_private=bool(info.private),
            files=files,
            tags={tag.name: tag.target_commit for tag in tags},
            dataset=str(manifest.get("dataset", "")),
            ours=self._ours(repository, head, files) if manifest else frozenset(),
        )

    def files(self, repository: str, revision: str) -> dict[str, RemoteFile]:
        """Every file of a commit, by path."""
        with self.api(repository) as api:
            tree = list(api.list_repo_tree(repository, repo_type=DATASET, revision=revision, recursive=True))
        return {
            entry.path: RemoteFile(entry.path, entry.size, entry.lfs.sha256 if entry.lfs else "", entry.blob_id)
            for entry in tree
            if isinstance(entry, RepoFile)
        }

    def read(self, repository: str, path: str, revision: str) -> bytes:
        """A small file whole."""
        with self.api(repository):
            url = hf_hub_url(repository, path, repo_type=DATASET, revision=revision, endpoint=self.endpoint)
            answer = get_session().get(url, headers=build_hf_headers(token=self.token or False, library_name=AGENT))
            hf_raise_for_status(answer)
            return bytes(answer.content)

    def head(self, repository: str) -> str:
        with self.api(repository) as api:
            return str(api.repo_info(repository, repo_type=DATASET).sha)

    def address(self, repository: str, revision: str = "") -> str:
        return f"{self.endpoint}/datasets/{repository}" + (f"/tree/{revision}" if revision else "")

    def _manifest(self, repository: str, head: str, files: Mapping[str, RemoteFile]) -> dict[str, object]:
        """Our own manifest there; empty for one of somebody else's making."""
        if MANIFEST not in files:
            return {}
        try:
            manifest = json.loads(self.read(repository, MANIFEST, head))
        except ValueError:
            return {}
        return manifest if isinstance(manifest, dict) and manifest.get("schema") == SCHEMA else {}

    def _ours(self, repository: str, head: str, files: Mapping[str, RemoteFile]) -> frozenset[str]:
        """The files our last publication wrote, by its own list."""
        if CHECKSUMS not in files:
            return frozenset()
        lines = self.read(repository, CHECKSUMS, head).decode("utf-8", "replace").splitlines()
        return frozenset([CHECKSUMS, *(line[66:] for line in lines if len(line) > 66)])


@dataclass(frozen=True)
class LocalFile:
    """A file to publish: where it goes, what it holds, and where it lies when it is asked for."""

    path: str
    size: int
    sha256: str
    source: Path

    def is_same_as(self, remote: RemoteFile | None) -> bool:
        """Whether the Hub holds these very bytes. Reads the file only where the Hub names it by git's digest."""
        if remote is None or remote.size != self.size:
            return False
        return remote.sha256 == self.sha256 if remote.sha256 else remote.blob == git_blob(self.source)


def git_blob(path: Path) -> str:
    """Git's digest of a file's content, by which the Hub names the small ones."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
