"""Lists of constraints as files state them: our own, facts in the manner of GenEval, and tuples in that of DSG."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from curation.prompt_tools.constraints import Constraint, ConstraintsRefused, check, parse
from curation.prompt_tools.words import plural

DSG_COLUMNS = frozenset({"proposition_id", "dependency", "question_natural_language"})
_KINDS_OF_DSG = (
    ("count", "count"), ("color", "colour"), ("relation", "relation"), ("action", "action"), ("text", "text"),
    ("global", "scene"), ("entity", "object"), ("attribute", "attribute"),
)  # fmt: skip


@dataclass(frozen=True)
class Stated:
    """A list and the prompt it is for, named by its key or its words."""

    constraints: tuple[Constraint, ...]
    prompt_key: str = ""
    prompt: str = ""
    where: str = ""


@dataclass(frozen=True)
class Fault:
    """A row that states no list, and why."""

    where: str
    reason: str


@dataclass
class _Propositions:
    """Rows of a DSG table that speak of one prompt."""

    prompt: str
    where: str
    questions: dict[str, str] = field(default_factory=dict)
    tuples: dict[str, str] = field(default_factory=dict)
    dependencies: dict[str, object] = field(default_factory=dict)


def read(rows: Iterator[tuple[str, Mapping[str, object]]]) -> Iterator[Stated | Fault]:
    """The lists in rows of a file.

    Args:
        rows: the place of a row (`lists.jsonl:3`) and its values. A row is one of: ours (`constraints`), facts in the
            manner of GenEval (`include`, `exclude`), a prompt's `questions`, `tuples` and `dependencies` as DSG writes
            them in JSON, or one proposition of a DSG table (`DSG_COLUMNS`); all rows of one text make one list.
    """
    tables: dict[str, _Propositions] = {}
    for where, values in rows:
        try:
            if set(values) >= DSG_COLUMNS:
                _collect(tables, where, values)
            else:
                yield _stated(where, values)
        except ConstraintsRefused as error:
            yield Fault(where, str(error))
    for table in tables.values():
        try:
            found = from_dsg(table.questions, table.tuples, table.dependencies)
            yield Stated(found, prompt=table.prompt, where=table.where)
        except ConstraintsRefused as error:
            yield Fault(table.where, str(error))


def _stated(where: str, values: Mapping[str, object]) -> Stated:
    named = {"prompt_key": str(values.get("prompt_key") or ""), "prompt": str(values.get("prompt") or "")}
    if not any(named.values()):
        raise ConstraintsRefused("The row names no prompt; give prompt_key or prompt.")
    if "constraints" in values:
        return Stated(parse(values["constraints"]), **named, where=where)
    if "questions" in values:
        maps = [_map(values, name) for name in ("questions", "tuples", "dependencies")]
        return Stated(from_dsg(*maps), **named, where=where)
    if "include" in values or "exclude" in values:
        facts = {"objects": values.get("include") or [], "excluded": values.get("exclude") or []}
        return Stated(from_facts(facts), **named, where=where)
    raise ConstraintsRefused(
        "The row states no constraints. It may have constraints, questions with dependencies, or include and exclude."
    )


def _map(values: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = values.get(name) or {}
    if not isinstance(found, Mapping):
        raise ConstraintsRefused(f"{name} is no map from numbers to texts.")
    return {str(key): value for key, value in found.items()}


def _collect(tables: dict[str, _Propositions], where: str, values: Mapping[str, object]) -> None:
    text, number = str(values.get("text") or "").strip(), str(values.get("proposition_id") or "").strip()
    if not text or not number:
        raise ConstraintsRefused("The row has no text, or no proposition_id.")
    table = tables.setdefault(text, _Propositions(text, where))
    table.questions[number] = str(values.get("question_natural_language") or "")
    kinds = (values.get(name) for name in ("category_broad", "category_detailed", "tuple"))
    table.tuples[number] = " - ".join(str(kind) for kind in kinds if kind)
    table.dependencies[number] = values.get("dependency")


# -- DSG --------------------------------------------------------------------------------------------------------------


def from_dsg(
    questions: Mapping[str, object], tuples: Mapping[str, object], dependencies: Mapping[str, object]
) -> tuple[Constraint, ...]:
    """A list of numbered questions, their tuples ("attribute - color (car, red)") and what each depends on.

    Args:
        dependencies: by number, numbers as a list or as text with commas; 0 stands for none.

    Raises:
        ConstraintsRefused: a question is empty, or the dependencies are unknown or run in a circle.
    """
    found = []
    for number, question in questions.items():
        if not isinstance(question, str) or not question.strip():
            raise ConstraintsRefused(f"Question {number} is empty.")
        needs = [f"q{parent}" for parent in _numbers(dependencies.get(number)) if parent != "0"]
        kind = _kind_of(str(tuples.get(number) or ""))
        found.append({"key": f"q{number}", "question": question, "kind": kind, "needs": needs})
    return parse(found)


def _numbers(value: object) -> list[str]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [str(one).strip() for one in value]
    return [one.strip() for one in str(value if value is not None else "").split(",") if one.strip()]


def _kind_of(stated: str) -> str:
    head = stated.split("(")[0].lower()
    return next((kind for word, kind in _KINDS_OF_DSG if word in head), "other")


# -- facts ------------------------------------------------------------------------------------------------------------


def from_facts(facts: Mapping[str, object]) -> tuple[Constraint, ...]:
    """A list from what a prompt states as facts: things with counts, colours and places, things that must not be
    there, and words to be read.

    Args:
        facts: `objects` and `excluded`, lists of maps with `class` and any of `count`, `color` and `position`
            (["left of", place in the list]); `text`, the words to be read.

    Raises:
        ConstraintsRefused: the facts state nothing that can be asked.
    """
    things = _things(facts.get("objects"))
    names = [str(one["class"]) for one in things]
    keys = [f"{_slug(name)}{'' if names.index(name) == place else f'-{place + 1}'}" for place, name in enumerate(names)]
    found = []
    for place, thing in enumerate(things):
        found += _about(thing, keys, names, place)
    for thing in _things(facts.get("excluded")):
        found += _excluded(thing, keys, names)
    text = facts.get("text")
    if isinstance(text, str) and text.strip():
        found.append(Constraint("text", f"Can the words “{text.strip()}” be read, spelt exactly so?", "text"))
    if not found:
        raise ConstraintsRefused("The facts name no things and no text, so there is nothing to ask.")
    unique = {one.key: one for one in found}
    check(list(unique.values()))
    return tuple(unique.values())


def _things(raw: object) -> list[Mapping[str, object]]:
    listed = raw if isinstance(raw, Sequence) and not isinstance(raw, str) else []
    if not all(isinstance(one, Mapping) and isinstance(one.get("class"), str) for one in listed):
        raise ConstraintsRefused("Each thing of the facts needs a class.")
    return list(listed)


def _about(thing: Mapping[str, object], keys: Sequence[str], names: Sequence[str], place: int) -> list[Constraint]:
    key, name, count = keys[place], names[place], thing.get("count")
    found = [Constraint(key, f"Is there {_article(name)} {name}?", "object")]
    if isinstance(count, int) and count > 1:
        found.append(Constraint(f"{key}-count", f"Are there exactly {count} {plural(name)}?", "count", needs=(key,)))
    if color := thing.get("color"):
        verb = f"Is the {name}" if not isinstance(count, int) or count < 2 else f"Are the {plural(name)}"
        found.append(Constraint(f"{key}-colour", f"{verb} {color}?", "colour", needs=(key,)))
    position = thing.get("position")
    if isinstance(position, Sequence) and len(position) == 2 and isinstance(position[1], int):
        if not 0 <= position[1] < len(names):
            raise ConstraintsRefused(f"The place of “{name}” names thing {position[1]}, which is not in the list.")
        other = names[position[1]]
        question = f"Is the {name} {position[0]} the {other}?"
        found.append(Constraint(f"{key}-place", question, "relation", needs=(key, keys[position[1]])))
    return found


def _excluded(thing: Mapping[str, object], keys: Sequence[str], names: Sequence[str]) -> list[Constraint]:
    name, count = str(thing["class"]), thing.get("count")
    if name not in names:
        return [Constraint(f"no-{_slug(name)}", f"Is it free of any {name}?", "object")]
    if not isinstance(count, int):
        return []
    key = keys[names.index(name)]
    question = f"Are there fewer than {count} {plural(name)}?"
    return [Constraint(f"{key}-not-more", question, "count", needs=(key,))]


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "thing"


def _article(name: str) -> str:
    return "an" if name[:1].lower() in "aeiou" else "a"
