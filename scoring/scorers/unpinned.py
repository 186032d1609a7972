"""Weights of which no commit is known here: whoever runs the scorer says which ones, and is told where they are."""

from __future__ import annotations

from scoring.scorers.base import ScorerUnavailable


def named(source: str, *, setting: str, whose: str, where: str) -> str:
    """The source as it was given.

    Args:
        setting: the name of the setting it comes from.
        whose: whose weights they are, in words.
        where: where they are published and as which files, in words.

    Raises:
        ScorerUnavailable: none was given; says where the weights are and how to name them.
    """
    if source.strip():
        return source
    raise ScorerUnavailable(
        f"No commit of the weights of {whose} is pinned here, so that the setting “{setting}” must name them: "
        f"OWNER/NAME@COMMIT on the Hub with all 40 digits, or a folder. They are published as {where}."
    )
