"""The raters a recipe names, wherever it names them, and the same recipe with other names for them."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from curation.recipes.model import Recipe

_LISTS = ("raters", "without_raters")
_WEIGHTS = "rater_weights"

Part = TypeVar("Part")


def raters_named(recipe: Recipe) -> frozenset[str]:
    """Every name of a rater in the recipe, as it is written: in evidence, weights, signals and rewards."""
    return frozenset(_named(recipe))


def renamed(recipe: Recipe, shown: Mapping[str, str]) -> Recipe:
    """The same rules with other names for raters; names that are not in the map stay."""
    return _renamed(recipe, shown)


def _named(value: Any) -> Iterator[str]:
    if isinstance(value, tuple):
        for inner in value:
            yield from _named(inner)
    elif is_dataclass(value):
        for part in fields(value):
            inner = getattr(value, part.name)
            if part.name in _LISTS:
                yield from inner
            elif part.name == _WEIGHTS:
                yield from (name for name, _weight in inner)
            else:
                yield from _named(inner)


def _renamed(value: Part, shown: Mapping[str, str]) -> Part:
    if isinstance(value, tuple):
        return tuple(_renamed(inner, shown) for inner in value)  # type: ignore[return-value]  # a tuple as before
    if not is_dataclass(value) or isinstance(value, type):
        return value
    changed = {part.name: _other(part.name, getattr(value, part.name), shown) for part in fields(value)}
    return replace(value, **changed)


def _other(name: str, value: Any, shown: Mapping[str, str]) -> Any:
    if name in _LISTS:
        return tuple(shown.get(one, one) for one in value)
    if name == _WEIGHTS:
        return tuple((shown.get(one, one), weight) for one, weight in value)
    return _renamed(value, shown)
