"""Who may do what: the only place where roles become rights.

A right is asked for by name; `may` answers for a role. Querysets (`visible_to`) and the page decorator
both read this table, so a page cannot invent a rule of its own.
"""

from enum import StrEnum


class Role(StrEnum):
    ADMIN = "admin"
    CURATOR = "curator"
    ANNOTATOR = "annotator"
    VIEWER = "viewer"


class Right(StrEnum):
    ENTER = "enter"  # see that the project exists and one's own work in it
    VIEW = "view"  # groups, evidence, generators, datasets: everything that would unblind an annotator
    EDIT = "edit"  # import, score, build, export
    MANAGE = "manage"  # members, settings, archive, delete


ROLES_WITH: dict[Right, frozenset[Role]] = {
    Right.ENTER: frozenset(Role),
    Right.VIEW: frozenset({Role.ADMIN, Role.CURATOR, Role.VIEWER}),
    Right.EDIT: frozenset({Role.ADMIN, Role.CURATOR}),
    Right.MANAGE: frozenset({Role.ADMIN}),
}


def may(role: str | None, right: Right) -> bool:
    """Whether a member with this role holds the right; no role holds none."""
    return role is not None and Role(role) in ROLES_WITH[right]
