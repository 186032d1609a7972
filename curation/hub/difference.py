"""What publishing would change: files to send, files to remove, and what stands in the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from curation.errors import Conflict, Refused
from curation.exports.folder import CARD
from curation.hub.failures import stale_words
from curation.hub.remote import LocalFile, Remote

# Files the Hub or git put into a new repository themselves.
_NOT_CONTENT = frozenset({".gitattributes", ".gitignore", CARD})


@dataclass(frozen=True)
class Difference:
    """Files by what becomes of them. `parent` is the commit it was compared with; empty where there is none."""

    new: tuple[LocalFile, ...]
    changed: tuple[LocalFile, ...]
    same: tuple[LocalFile, ...]
    gone: tuple[str, ...]
    parent: str = ""

    @property
    def to_send(self) -> tuple[LocalFile, ...]:
        return (*self.new, *self.changed)

    @property
    def bytes_to_send(self) -> int:
        return sum(file.size for file in self.to_send)

    @property
    def is_nothing(self) -> bool:
        return not self.to_send and not self.gone


def compare(files: Sequence[LocalFile], remote: Remote | None) -> Difference:
    """What a push of these files would do to a repository. Somebody else's files stay."""
    there = remote.files if remote else {}
    same = tuple(file for file in files if file.is_same_as(there.get(file.path)))
    kept = {file.path for file in same}
    wanted = {file.path for file in files}
    return Difference(
        new=tuple(file for file in files if file.path not in there),
        changed=tuple(file for file in files if file.path in there and file.path not in kept),
        same=same,
        gone=tuple(sorted(path for path in remote.ours if path in there and path not in wanted)) if remote else (),
        parent=remote.head if remote else "",
    )


@dataclass(frozen=True)
class Terms:
    """Under which conditions a push is wanted.

    Args:
        dataset: whose exports the repository may hold.
        tag: the version's; it never moves unless `may_move_tag`.
        parent: the commit somebody looked at; None takes the head as it is, empty expects no repository.
    """

    repository: str
    dataset: str
    tag: str
    is_private: bool = True
    may_move_tag: bool = False
    parent: str | None = None


def refuse(terms: Terms, remote: Remote | None, difference: Difference) -> None:
    """Stops before a byte is sent.

    Raises:
        Refused: the repository is public, holds something else, or has the tag at other files.
        Conflict: somebody committed since the head that was looked at.
    """
    if remote is None:
        return
    name = terms.repository
    if terms.is_private and not remote.is_private:
        raise Refused(
            f"{name} is public on the Hub. Choose “public” to publish there, make it private on its page, or name "
            "another repository."
        )
    _refuse_foreign(terms, remote, difference)
    tagged = remote.tags.get(terms.tag)
    if tagged and not terms.may_move_tag and not (difference.is_nothing and tagged == remote.head):
        raise Refused(
            f"{name} has the tag {terms.tag} at {tagged[:7]}, with other files. Somebody may rely on it: freeze and "
            "publish a new version, or allow the tag to move."
        )
    if terms.parent is not None and not difference.is_nothing and not _stands_at(terms.parent, remote):
        raise Conflict(stale_words(name))


def _stands_at(parent: str, remote: Remote) -> bool:
    """Whether the head is still the one that was looked at. A repository made since, and empty, is as good as none."""
    return parent == remote.head or (not parent and set(remote.files) <= _NOT_CONTENT - {CARD})


def _refuse_foreign(terms: Terms, remote: Remote, difference: Difference) -> None:
    """A repository holds our publications of one dataset, and somebody's other files outside our folders."""
    name = terms.repository
    if remote.dataset and remote.dataset != terms.dataset:
        raise Refused(f"{name} holds the dataset {remote.dataset}, not {terms.dataset}. Name another repository.")
    foreign = sorted(set(remote.files) - remote.ours - _NOT_CONTENT)
    if foreign and not remote.dataset:
        raise Refused(
            f"{name} holds files that are not a publication of ours ({foreign[0]}). Name an empty or a new repository."
        )
    folders = {file.path.partition("/")[0] for file in (*difference.to_send, *difference.same) if "/" in file.path}
    among = [path for path in foreign if path.partition("/")[0] in folders]
    if among:
        raise Refused(
            f"{name} has {among[0]}, which somebody put into a folder of ours; it would be read as rows. Move it on "
            "the Hub, then try again."
        )
