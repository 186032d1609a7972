"""A position in a text that a person wrote."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """A position in the recipe's text, counted from 1 as editors do."""

    line: int
    column: int
