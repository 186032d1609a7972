"""YAML text to plain values that remember where they stood.

Only what a recipe needs: maps, lists, text, numbers, yes and no. Anchors, tags and duplicate keys are refused,
so a small file cannot unfold into a large one and no key silently replaces another.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import yaml

from curation.recipes.place import Place
from curation.recipes.problems import Problem, RecipeProblems, problem

LARGEST = 64 * 1024  # characters
DEEPEST = 12

Path = tuple[str | int, ...]


class Mark(Protocol):
    """Where PyYAML found something, counted from 0; its two parsers have each a class for it."""

    line: int
    column: int


_PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "str", "int", "float", "bool", "null")}


@dataclass
class Document:
    """Values of a YAML text, with the place of each value and of each key by its path."""

    value: Any = None
    places: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)

    def where(self, path: Path) -> Place:
        """The place of a value, or of the nearest thing around it."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(1, 1))

    def where_key(self, path: Path) -> Place:
        return self.keys.get(path) or self.where(path)


def read(text: str) -> Document:
    """The document in a recipe's text.

    Raises:
        RecipeProblems: the text is too long, not YAML, or uses what recipes do not have.
    """
    if len(text) > LARGEST:
        raise _refusal(Place(1, 1), f"The recipe has {len(text):,} characters.", f"Keep it below {LARGEST:,}.")
    _refuse_aliases(text)
    node = _compose(text)
    if node is None:
        raise _refusal(Place(1, 1), "The recipe is empty.", "Start from one of the examples in docs/recipes.md.")
    document = Document()
    problems = list(_walk(document, node, ()))
    if problems:
        raise RecipeProblems(problems)
    return document


def _refusal(where: Place, message: str, remedy: str) -> RecipeProblems:
    return RecipeProblems([problem(where, message, remedy)])


def _place(mark: Mark | None) -> Place:
    return Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)


def _compose(text: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(error) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - (text.rfind("\n", 0, error.position) + 1) + 1
        raise _refusal(Place(line, column), "A character here is not allowed in YAML.", "Delete it.") from error


def _not_yaml(error: yaml.MarkedYAMLError) -> RecipeProblems:
    where = _place(error.problem_mark or error.context_mark)
    said = (error.problem or error.context or "it cannot be read").strip()
    remedy = "Check the indentation (spaces, never tabs), the colons and the quotes on this line and the one above."
    return _refusal(where, f"This is not YAML: {said}.", remedy)


def _refuse_aliases(text: str) -> None:
    """Aliases are refused before composing, since composing is what would unfold them."""
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise _refusal(
                    _place(event.start_mark), "Aliases (*name) are not used in recipes.", "Repeat the value."
                )
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(error) from error
    except yaml.reader.ReaderError:
        return  # said with its place by _compose


def _walk(document: Document, node: yaml.Node, path: Path) -> Iterator[Problem]:
    where = _place(node.start_mark)
    document.places[path] = where
    if len(path) > DEEPEST:
        yield problem(where, "This is nested too deeply.", f"A recipe has at most {DEEPEST} levels.")
        return
    if node.tag not in _PLAIN_TAGS:
        yield problem(where, f"Values of the type {node.tag.rsplit(':', 1)[-1]!r} are not used in recipes.", _QUOTE)
        return
    yield from _fill(document, node, path)


_QUOTE = "Put it in quotes if text was meant."


def _fill(document: Document, node: yaml.Node, path: Path) -> Iterator[Problem]:
    if isinstance(node, yaml.MappingNode):
        _put(document, path, {})
        for key, value in node.value:
            yield from _walk_entry(document, key, value, path)
    elif isinstance(node, yaml.SequenceNode):
        _put(document, path, [])
        for position, value in enumerate(node.value):
            yield from _walk(document, value, (*path, position))
    else:
        yield from _fill_scalar(document, node, path)


def _fill_scalar(document: Document, node: yaml.Node, path: Path) -> Iterator[Problem]:
    try:
        value = yaml.constructor.SafeConstructor().construct_object(node)
    except (ValueError, yaml.constructor.ConstructorError):
        yield problem(_place(node.start_mark), f"{node.value!r} cannot be read as a value.", _QUOTE)
        return
    if isinstance(value, float) and not abs(value) < float("inf"):
        yield problem(
            _place(node.start_mark), f"{node.value!r} is not a number one can compare with.", "Write a number."
        )
        return
    if isinstance(value, str) and _UNWRITABLE.search(value):
        yield _unwritable(_place(node.start_mark))
        return
    _put(document, path, value)


# A quoted escape can spell halves of a character, and the zero that databases keep nowhere.
_UNWRITABLE = re.compile("[\0\ud800-\udfff]")


def _unwritable(where: Place) -> Problem:
    return problem(where, "An escape here is half a character, or none at all.", "Write the character itself.")


def _walk_entry(document: Document, key: yaml.Node, value: yaml.Node, path: Path) -> Iterator[Problem]:
    where = _place(key.start_mark)
    if not isinstance(key, yaml.ScalarNode):
        yield problem(where, "A key must be a word.", "Write `key: value`.")
        return
    if _UNWRITABLE.search(key.value):
        yield _unwritable(where)
        return
    inner = (*path, str(key.value))
    if inner in document.keys:
        first = document.keys[inner].line
        yield problem(where, f"{key.value!r} is written twice (first on line {first}).", "Keep one of the two.")
        return
    document.keys[inner] = where
    yield from _walk(document, value, inner)


def _put(document: Document, path: Path, value: Any) -> None:
    if not path:
        document.value = value
        return
    holder = document.value
    for step in path[:-1]:
        holder = holder[step]
    if isinstance(holder, list):
        holder.append(value)
    else:
        holder[path[-1]] = value
