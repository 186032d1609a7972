"""A signal in words, and lists of words, for sentences about recipes."""

from __future__ import annotations

from curation.recipes.model import Signal


def signal(named: Signal) -> str:
    """Whose opinion, on what."""
    if named.reward is not None:
        members = all_of(tuple(member.criterion for member in named.reward.members))
        return f"reward “{named.criterion}” (version {named.reward.version}, of {members})"
    kind = {"scores": "score on ", "votes": "votes on ", "fact": ""}.get(named.source, f"{named.source} on ")
    by = f" by {all_of(named.raters)}" if named.raters else ""
    if named.numbers:
        by += f", with machines' scores on {all_of(named.numbers)}"
    if named.soften:
        by += ", softened where others contradict"
    if named.basis != "both":
        by += f" ({named.basis} only)"
    return f"{kind}{named.criterion}{by}"


def all_of(words: tuple[str, ...]) -> str:
    return _joined(words, "and")


def any_of(words: tuple[str, ...]) -> str:
    return _joined(words, "or")


def _joined(words: tuple[str, ...], last: str) -> str:
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"
