"""Reading maps of a YAML or JSON text, key by key: every mistake is kept with its line, and reading goes on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from curation.recipes import document
from curation.recipes.document import Document, Path
from curation.recipes.place import Place
from curation.recipes.problems import Problem, RecipeProblems, problem, suggestion


@dataclass
class Reader:
    """One document, and what was found wrong with it so far."""

    document: Document
    problems: list[Problem] = field(default_factory=list)

    @classmethod
    def of(cls, text: str, what: str, remedy: str) -> "Reader":
        """The reader of a text that is called `what` in its messages.

        Raises:
            RecipeProblems: the text is empty, too long, or not YAML.
        """
        if not text.strip():
            raise RecipeProblems([Problem(1, 1, f"The {what} is empty.", remedy)])
        if len(text) > document.LARGEST:
            said = f"The {what} has {len(text):,} characters."
            raise RecipeProblems([Problem(1, 1, said, f"Keep it below {document.LARGEST:,}.")])
        return cls(document.read(text))

    def finish(self) -> None:
        """Raises every problem found, if any was."""
        if self.problems:
            raise RecipeProblems(self.problems)

    def root(self, known: Sequence[str], what: str) -> "Node":
        return self.node((), self.document.value, known, what)

    def node(self, path: Path, value: Any, known: Sequence[str], what: str) -> "Node":
        """A map with only these keys; anything else is a problem and reads as an empty map."""
        node = Node(self, path, value if isinstance(value, dict) else {}, what)
        if not isinstance(value, dict):
            node.complain((), f"{what} is {shown(value)}.", "Write a map (`key: value` lines, indented).")
        for key in node.values:
            if key not in known:
                where = self.document.where_key((*path, key))
                self.problems.append(problem(where, f"{what} has no {key!r}.", suggestion(key, known)))
        return node


@dataclass
class Node:
    """A map of the document, asked for its values one by one."""

    reader: Reader
    path: Path
    values: dict[str, Any]
    what: str

    def __contains__(self, key: str) -> bool:
        return key in self.values

    @property
    def where(self) -> Place:
        return self.reader.document.where(self.path)

    def complain(self, inner: Path, message: str, remedy: str) -> None:
        where = self.reader.document.where((*self.path, *inner))
        self.reader.problems.append(problem(where, message, remedy))

    def lacks(self, key: str) -> None:
        self.complain((), f"{self.what} lacks {key!r}.", f"Add `{key}: …` here.")

    def text(self, key: str, default: str | None = None, longest: int = 200) -> str:
        """A text of 1 to `longest` characters; without a default it has to be given."""
        if key not in self.values:
            if default is None:
                self.lacks(key)
            return default or ""
        value = self.values[key]
        if not isinstance(value, str) or not value.strip():
            self.complain((key,), f"{key} is {shown(value)}.", "Write text.")
            return ""
        if len(value) > longest:
            self.complain((key,), f"{key} has {len(value)} characters.", f"Keep it within {longest}.")
        return value

    def number(self, key: str, default: float | None = None, *, above: float | None = None) -> float:
        """A finite number greater than `above`; without a default it has to be given."""
        if key not in self.values:
            if default is None:
                self.lacks(key)
            return 1.0 if default is None else default
        value = self.values[key]
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.complain((key,), f"{key} is {shown(value)}.", "Write a number.")
            return 1.0
        if above is not None and value <= above:
            self.complain((key,), f"{key} is {shown(value)}.", f"Write a number above {above:g}.")
        return float(value)

    def maybe(self, key: str) -> float | None:
        return self.number(key) if key in self.values else None

    def whole(self, key: str, default: int | None = None, *, least: int = 1) -> int:
        value = self.values.get(key, default)
        if value is None:
            self.lacks(key)
            return least
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            self.complain((key,), f"{key} is {shown(value)}.", f"Write a whole number of at least {least}.")
            return least
        return value

    def yes_no(self, key: str, default: bool) -> bool:
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            self.complain((key,), f"{key} is {shown(value)}.", "Write true or false.")
            return default
        return value

    def word(self, key: str, words: Sequence[str], default: str | None = None) -> str:
        """One of these words."""
        if key not in self.values and default is None:
            self.complain((), f"{self.what} lacks {key!r}.", f"Add one of: {', '.join(words)}.")
            return words[0]
        value = self.values.get(key, default)
        if value not in words:
            self.complain((key,), f"{key} is {shown(value)}.", f"Allowed: {', '.join(words)}.")
            return words[0]
        return str(value)

    def names(self, key: str, *, required: bool = False) -> tuple[str, ...]:
        """A list of different names; none where the key is absent."""
        if key not in self.values:
            if required:
                self.lacks(key)
            return ()
        value = self.values[key]
        if not isinstance(value, list) or not value or not all(isinstance(one, str) and one for one in value):
            self.complain((key,), f"{key} is {shown(value)}.", "Write a list of names (`[a, b]`).")
            return ()
        if len(set(value)) < len(value):
            self.complain((key,), f"{key} names something twice.", "Name each once.")
        return tuple(value)

    def numbers(self, key: str) -> tuple[float, ...]:
        """A rising list of at least one number."""
        value = self.values.get(key)
        is_list = isinstance(value, list) and bool(value) and all(_is_number(one) for one in value)
        if value is None:
            self.lacks(key)
        elif not is_list:
            self.complain((key,), f"{key} is {shown(value)}.", "Write a list of numbers (`[0.2, 0.5]`).")
        elif any(later <= earlier for earlier, later in pairwise(value)):
            self.complain((key,), f"{key} is {shown(value)}.", "Write each number above the one before it.")
        return tuple(float(one) for one in value) if is_list and value else (0.0,)

    def inner(self, key: str, known: Sequence[str]) -> "Node":
        """A map under a key; absent, it reads as an empty one."""
        return self.reader.node((*self.path, key), self.values.get(key, {}), known, key)

    def items(self, key: str) -> Iterator[tuple[Path, Any]]:
        """The entries of a list with their paths; absent, none."""
        value = self.values.get(key, [])
        if not isinstance(value, list):
            self.complain((key,), f"{key} is {shown(value)}.", "Write a list (lines that begin with `-`).")
            return
        for position, one in enumerate(value):
            yield (*self.path, key, position), one

    def free_map(self, key: str) -> dict[str, Any]:
        """A map whose keys are names."""
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            self.complain((key,), f"{key} is {shown(value)}.", "Write a map (`name: value`).")
            return {}
        return value


def shown(value: object) -> str:
    """A value for a message, cut when it is long."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
