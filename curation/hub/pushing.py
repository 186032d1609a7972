"""One publication: shards up one by one, then one commit, then the tag.

Nothing is visible before the commit, and the commit holds everything. Whatever breaks, doing the same again sends
only what is missing, and ends in the same commit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import httpx2
from huggingface_hub import CommitOperationAdd, CommitOperationDelete
from huggingface_hub.errors import HfHubHTTPError

from curation.errors import Conflict, Refused, Unavailable
from curation.hub.difference import Difference, Terms, compare, refuse
from curation.hub.failures import NOTHING_IS_PUBLISHED, in_words, is_passing, stale_words, status_of
from curation.hub.remote import DATASET, Hub, LocalFile, Remote

# Small files go up together; a shard goes alone, so that progress and a wish to stop are heard between shards.
GROUP_BYTES = 32 << 20
GROUP_FILES = 50
# Seconds before the commit is looked for, and sent again if it is not there.
COMMIT_WAITS = (2.0, 8.0, 30.0)


@dataclass(frozen=True)
class Pushed:
    """What stands on the Hub now.

    Args:
        commit: the one that holds every file; tag: names it.
        parent: the commit before; empty for a repository made for this.
        sent_files, sent_bytes: what was not there yet.
        is_new: False where the Hub held the very same already, and no commit was made.
    """

    repository: str
    commit: str
    tag: str
    parent: str
    sent_files: int
    sent_bytes: int
    is_new: bool
    is_private: bool


@dataclass(frozen=True)
class Words:
    """What the commit says of itself: the name of the version, and where it comes from."""

    summary: str
    description: str = ""


def push(
    hub: Hub,
    files: Sequence[LocalFile],
    terms: Terms,
    words: Words,
    *,
    report: Callable[[int, int], None] = lambda done, total: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Pushed:
    """Publishes files as one commit with one tag.

    Args:
        report: called with bytes sent and bytes to send between files; may raise to stop, and nothing is visible then.

    Raises:
        Refused, Conflict: see `difference.refuse`, or somebody committed while this was sending.
        NotAllowed, Unavailable: see `failures.in_words`.
    """
    remote = hub.look(terms.repository)
    difference = compare(files, remote)
    refuse(terms, remote, difference)
    remote = remote or _made(hub, terms)
    report(0, difference.bytes_to_send)
    commit = remote.head
    if not difference.is_nothing:
        operations = _upload(hub, terms.repository, difference.to_send, report)
        with in_words(terms.repository):
            commit = _Commit(hub, files, terms, words, remote.head, sleep).send(operations, difference)
    _check_arrived(hub, terms.repository, commit, files)
    _tag(hub, terms, commit, remote)
    return Pushed(
        repository=terms.repository,
        commit=commit,
        tag=terms.tag,
        parent=difference.parent,
        sent_files=len(difference.to_send),
        sent_bytes=difference.bytes_to_send,
        is_new=commit != remote.head,
        is_private=remote.is_private,
    )


def _made(hub: Hub, terms: Terms) -> Remote:
    """The repository, made private unless somebody wants it otherwise. The Hub gives it a first commit."""
    with hub.api(terms.repository) as api:
        api.create_repo(terms.repository, repo_type=DATASET, private=terms.is_private, exist_ok=True)
    made = hub.look(terms.repository)
    if made is None:
        raise Unavailable(f"The Hub made {terms.repository} and does not show it yet. Try again in a minute.")
    return made


def _upload(
    hub: Hub, repository: str, files: Sequence[LocalFile], report: Callable[[int, int], None]
) -> list[CommitOperationAdd]:
    """Sends the contents. They are stored at the Hub without a name until the commit gives them one."""
    operations: list[CommitOperationAdd] = []
    done, total = 0, sum(file.size for file in files)
    for group in _groups(files):
        additions = [CommitOperationAdd(file.path, str(file.source)) for file in group]
        with hub.api(repository) as api:
            api.preupload_lfs_files(repository, additions, repo_type=DATASET)
        operations += additions
        done += sum(file.size for file in group)
        report(done, total)
    return operations


def _groups(files: Sequence[LocalFile]) -> Iterator[list[LocalFile]]:
    group: list[LocalFile] = []
    for file in files:
        if group and (len(group) >= GROUP_FILES or sum(one.size for one in group) + file.size > GROUP_BYTES):
            yield group
            group = []
        group.append(file)
    if group:
        yield group


@dataclass
class _Commit:
    """The one commit. Its answer may be lost while it arrives, so it is looked for before it is sent again.

    It names its parent, so that a commit sent twice is refused the second time, never made twice.
    """

    hub: Hub
    files: Sequence[LocalFile]
    terms: Terms
    words: Words
    parent: str
    sleep: Callable[[float], None]

    def send(self, operations: Sequence[CommitOperationAdd], difference: Difference) -> str:
        removals = [CommitOperationDelete(path, is_folder=False) for path in difference.gone]
        for wait in (*COMMIT_WAITS, None):
            try:
                return self._once([*operations, *removals])
            except (HfHubHTTPError, httpx2.HTTPError) as error:
                if status_of(error) not in (409, 412) and not is_passing(error):
                    raise
                self.sleep(wait or 0)
                arrived = self._arrived(error)
                if arrived:
                    return arrived
        raise Unavailable(
            f"The Hub did not take the commit, asked {1 + len(COMMIT_WAITS)} times. {NOTHING_IS_PUBLISHED}"
        )

    def _once(self, operations: list[CommitOperationAdd | CommitOperationDelete]) -> str:
        hub, name = self.hub, self.terms.repository
        made = hub.raw().create_commit(
            name,
            operations,
            commit_message=self.words.summary,
            commit_description=self.words.description,
            repo_type=DATASET,
            parent_commit=self.parent,
        )
        return str(made.oid)

    def _arrived(self, error: Exception) -> str:
        """The commit, where it is there after all; empty where it is safe to send it again."""
        name = self.terms.repository
        head = self.hub.head(name)
        if head == self.parent:
            if status_of(error) in (409, 412):
                raise Conflict(stale_words(name)) from error
            return ""
        there = self.hub.files(name, head)
        if all(file.is_same_as(there.get(file.path)) for file in self.files):
            return head
        raise Conflict(stale_words(name)) from error


def _check_arrived(hub: Hub, repository: str, commit: str, files: Sequence[LocalFile]) -> None:
    """Asks the Hub for its own list of the commit: a publication is done when it names our bytes."""
    there = hub.files(repository, commit)
    for file in files:
        if not file.is_same_as(there.get(file.path)):
            raise Refused(
                f"The Hub holds other bytes under {file.path} at {commit[:7]} than were sent. The tag was not set: "
                "do not use that commit, and publish again."
            )


def _tag(hub: Hub, terms: Terms, commit: str, remote: Remote) -> None:
    """Names the commit. A tag at the same commit is left as it is."""
    at = remote.tags.get(terms.tag)
    if at == commit:
        return
    with hub.api(terms.repository) as api:
        if at:
            api.delete_tag(terms.repository, tag=terms.tag, repo_type=DATASET)
        api.create_tag(terms.repository, tag=terms.tag, revision=commit, repo_type=DATASET, exist_ok=True)
