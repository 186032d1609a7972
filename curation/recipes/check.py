"""Whether the names in a recipe exist in a project: criteria, raters, generators, tags; each with its line."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from curation.recipes.document import Document, Path, read
from curation.recipes.model import Recipe
from curation.recipes.parse import parse
from curation.recipes.problems import Problem, RecipeProblems, problem, suggestion


@dataclass(frozen=True)
class Known:
    """The names a project has. A rater may also be written as `name@beginning of its revision`."""

    criteria: frozenset[str]
    raters: frozenset[str]
    generators: frozenset[str]
    tags: frozenset[str]


def parse_for(text: str, known: Known) -> Recipe:
    """The recipe, if every name in it is known.

    Raises:
        RecipeProblems: what is wrong with the recipe itself, or every unknown name with the nearest known one.
    """
    recipe = parse(text)
    problems = list(_unknown(read(text), known))
    if problems:
        raise RecipeProblems(problems)
    return recipe


def _unknown(document: Document, known: Known) -> Iterator[Problem]:
    value = document.value
    for path, signal in _signals(value):
        source = "scores" if "scores" in signal else "votes"
        yield from _name(document, (*path, source), signal[source], "criterion", known.criteria)
        yield from _raters(document, (*path, "raters"), signal.get("raters", []), known)
    for key in ("raters", "without_raters"):
        yield from _raters(document, ("evidence", key), value.get("evidence", {}).get(key, []), known)
    chosen = value.get("candidates", {})
    for key in ("generators", "without_generators"):
        yield from _names(document, ("candidates", key), chosen.get(key, []), "generator", known.generators)
    for key in ("tags", "without_tags"):
        yield from _names(document, ("candidates", key), chosen.get(key, []), "tag", known.tags)


def _signals(value: dict[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    for key in ("by", "judge", "points"):
        if key in value["pairing"]:
            yield ("pairing", key), value["pairing"][key]
    for position, rule in enumerate(value.get("filters", [])):
        yield ("filters", position, "by"), rule["by"]


def _raters(document: Document, path: Path, names: list[str], known: Known) -> Iterator[Problem]:
    for position, name in enumerate(names):
        plain = name if name in known.raters else name.rsplit("@", 1)[0]
        yield from _name(document, (*path, position), plain, "rater", known.raters)


def _names(document: Document, path: Path, names: list[str], noun: str, known: Iterable[str]) -> Iterator[Problem]:
    for position, name in enumerate(names):
        yield from _name(document, (*path, position), name, noun, known)


def _name(document: Document, path: Path, name: str, noun: str, known: Iterable[str]) -> Iterator[Problem]:
    names = frozenset(known)
    if name not in names:
        yield problem(document.where(path), f"There is no {noun} {name!r} in this project.", suggestion(name, names))
