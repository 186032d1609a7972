"""What is wrong with a recipe, where, and what to do about it."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from curation.errors import Refused
from curation.recipes.place import Place


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake: the position counted from 1, what is wrong, and the remedy."""

    line: int
    column: int
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message} {self.remedy}".strip()


class RecipeProblems(Refused):
    """A recipe that cannot be used as written; `problems` lists every mistake found, from top to bottom."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def problem(where: Place, message: str, remedy: str) -> Problem:
    return Problem(line=where.line, column=where.column, message=message, remedy=remedy)


def nearest(word: object, known: Iterable[str]) -> str | None:
    """The known word that looks most like this one, or None where none does."""
    matches = difflib.get_close_matches(str(word).lower(), {name.lower(): name for name in known}, n=1, cutoff=0.6)
    return next((name for name in known if matches and name.lower() == matches[0]), None)


def suggestion(word: object, known: Iterable[str]) -> str:
    """A remedy that names the nearest known word, or all of them (the first twelve)."""
    names = sorted(known)
    close = nearest(word, names)
    if close:
        return f"Did you mean {close!r}?"
    listed = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return f"Known here: {listed}." if names else "None is known here yet."
