"""Signals as they stand in a recipe's text: where they are, and what each means."""

from collections.abc import Iterator
from typing import Any

from curation.recipes.document import Document, Path
from curation.recipes.model import Signal
from curation.recipes.problems import RecipeProblems
from curation.rewards.parse import inline

_SOURCES = ("scores", "votes", "reward", "consensus", "fact")


def signal_paths(value: Any, path: Path = ()) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every signal of the document with its path, in the order of the text; the members of a reward are none."""
    if isinstance(value, list):
        for place, inner in enumerate(value):
            yield from signal_paths(inner, (*path, place))
    elif isinstance(value, dict):
        if path and _is_signal(value):
            yield path, value
            return
        for key, inner in value.items():
            yield from signal_paths(inner, (*path, key))


def _is_signal(value: dict[str, Any]) -> bool:
    return any(source in value for source in _SOURCES)


def signal_at(document: Document, path: Path) -> Signal:
    """The signal that stands at this path of a document without mistakes."""
    value = document.value
    for step in path:
        value = value[step]
    source = next(source for source in _SOURCES if source in value)
    where = document.where((*path, source))
    if source == "reward":
        rule, problems = inline(document, (*path, "reward"))
        if problems:
            raise RecipeProblems(problems)
        return Signal("reward", rule.name, where=where, reward=rule)
    return Signal(
        source=source,  # type: ignore[arg-type]  # one of the literals, by the line above
        criterion=value[source],
        raters=tuple(value.get("raters", ())),
        where=where,
        basis=value.get("basis", "both"),
        numbers=tuple(value.get("numbers", ())),
        soften=value.get("soften", ""),
    )


def tuples(value: dict[str, Any]) -> dict[str, Any]:
    """The map with tuples for lists."""
    return {key: tuple(inner) if isinstance(inner, list) else inner for key, inner in value.items()}
