"""Whether the names in a recipe exist in a project: criteria, raters, generators, tags; each with its line."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from curation.recipes.document import Document, Path, read
from curation.recipes.model import Recipe
from curation.recipes.parse import parse
from curation.recipes.place import Place
from curation.recipes.problems import Problem, RecipeProblems, problem, suggestion
from curation.recipes.stated import signal_paths


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
    for path, signal in _read(value):
        source = next(source for source in ("scores", "votes", "consensus") if source in signal)
        yield from _names(document, (*path, "numbers"), signal.get("numbers", []), "criterion", known.criteria)
        yield from _name(document, (*path, source), signal[source], "criterion", known.criteria)
        yield from _raters(document, (*path, "raters"), signal.get("raters", []), known)
    for key in ("raters", "without_raters"):
        yield from _raters(document, ("evidence", key), value.get("evidence", {}).get(key, []), known)
    weights = value.get("evidence", {}).get("weights", {}).get("raters", {})
    for name in weights:
        yield from _rater(document.where_key(("evidence", "weights", "raters", name)), name, known)
    chosen = value.get("candidates", {})
    for key in ("generators", "without_generators"):
        yield from _names(document, ("candidates", key), chosen.get(key, []), "generator", known.generators)
    for key in ("tags", "without_tags"):
        yield from _names(document, ("candidates", key), chosen.get(key, []), "tag", known.tags)


def _read(value: dict[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every signal that reads scores or votes, those in a reward included."""
    for path, signal in signal_paths(value):
        if "reward" in signal:
            members = signal["reward"]["members"]
            yield from (((*path, "reward", "members", place), member) for place, member in enumerate(members))
        elif "fact" not in signal:
            yield path, signal


def _raters(document: Document, path: Path, names: list[str], known: Known) -> Iterator[Problem]:
    for position, name in enumerate(names):
        yield from _rater(document.where((*path, position)), name, known)


def _rater(where: Place, name: str, known: Known) -> Iterator[Problem]:
    plain = name if name in known.raters else name.rsplit("@", 1)[0]
    if plain not in known.raters:
        yield problem(where, f"There is no rater {plain!r} in this project.", suggestion(plain, known.raters))


def _names(document: Document, path: Path, names: list[str], noun: str, known: Iterable[str]) -> Iterator[Problem]:
    for position, name in enumerate(names):
        yield from _name(document, (*path, position), name, noun, known)


def _name(document: Document, path: Path, name: str, noun: str, known: Iterable[str]) -> Iterator[Problem]:
    names = frozenset(known)
    if name not in names:
        yield problem(document.where(path), f"There is no {noun} {name!r} in this project.", suggestion(name, names))
