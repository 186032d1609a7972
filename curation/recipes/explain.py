"""The findings of the JSON schema in words a person can act on, each at its place in the text."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from curation.recipes.document import Document, Path
from curation.recipes.problems import Problem, problem, suggestion
from curation.recipes.schema import RECIPE_SCHEMA

_VALIDATOR = Draft202012Validator(RECIPE_SCHEMA)

_TYPES = {
    "object": "a map (`key: value` lines, indented)",
    "array": "a list (`[a, b]`)",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}


def _instance(error: ValidationError) -> Any:
    """The value that is wrong."""
    return error.instance


def _wanted(error: ValidationError) -> Any:
    """What the schema says of it."""
    return error.validator_value


def _inner(error: ValidationError) -> Sequence[ValidationError]:
    return error.context or []


def schema_problems(document: Document) -> Iterator[Problem]:
    """Every place where the document departs from the schema."""
    for error in _VALIDATOR.iter_errors(document.value):
        yield from _explain(document, error)


def _explain(document: Document, error: ValidationError) -> Iterator[Problem]:
    explain = _WORDS.get(str(error.validator), _anything_else)
    yield from explain(document, error, tuple(error.absolute_path))


def _name(path: Path) -> str:
    words = [str(step) for step in path if not isinstance(step, int)]
    return ": ".join(words) or "the recipe"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _unknown_key(document: Document, error: ValidationError, path: Path) -> Iterator[Problem]:
    schema: dict[str, Any] = error.schema  # type: ignore[assignment]  # a map wherever keys are checked
    known = schema.get("properties", {})
    for key in _instance(error):
        if key not in known:
            where = document.where_key((*path, key))
            yield problem(where, f"{_name(path)} has no {key!r}.", suggestion(key, known))


def _missing_key(document: Document, error: ValidationError, path: Path) -> Iterator[Problem]:
    for key in _wanted(error):
        if key not in _instance(error):
            yield problem(document.where(path), f"{_name(path)} lacks {key!r}.", f"Add a line `{key}: …` here.")


def _wrong_type(document: Document, error: ValidationError, path: Path) -> Iterator[Problem]:
    wanted = _TYPES[str(_wanted(error))]
    yield problem(document.where(path), f"{_name(path)} is {_shown(_instance(error))}.", f"Write {wanted}.")


def _not_allowed(document: Document, error: ValidationError, path: Path) -> Iterator[Problem]:
    allowed = [str(value) for value in _wanted(error)]
    if _instance(error) in ("gold", "repeat", "control", "qualification", "draft") and "purposes" in path:
        said = f"{_instance(error)!r} judgements examine or help raters and never make pairs."
        yield problem(document.where(path), said, "Use label, audit or behaviour.")
        return
    remedy = f"{suggestion(_instance(error), allowed)} Allowed: {', '.join(allowed)}."
    if "Known here" in remedy:
        remedy = f"Allowed: {', '.join(allowed)}."
    yield problem(document.where(path), f"{_name(path)} is {_shown(_instance(error))}.", remedy)


def _wrong_constant(document: Document, error: ValidationError, path: Path) -> Iterator[Problem]:
    remedy = f"Write {_wanted(error)}."
    yield problem(document.where(path), f"{_name(path)} is {_shown(_instance(error))}.", remedy)


def _bound(word: str) -> Callable[[Document, ValidationError, Path], Iterator[Problem]]:
    def explain(document: Document, error: ValidationError, path: Path) -> Iterator[Problem]:
        remedy = f"Write a number {word} {_wanted(error):g}."
        yield problem(document.where(path), f"{_name(path)} is {_shown(_instance(error))}.", remedy)

    return explain


def _empty(document: Document, error: ValidationError, path: Path) -> Iterator[Problem]:
    yield problem(document.where(path), f"{_name(path)} is empty.", "Write at least one, or delete the line.")


def _too_few(document: Document, error: ValidationError, path: Path) -> Iterator[Problem]:
    if not _instance(error):
        yield from _empty(document, error, path)
        return
    count = len(_instance(error))
    said = f"{_name(path)} has {count} {'entry' if count == 1 else 'entries'}."
    yield problem(document.where(path), said, f"Write at least {_wanted(error)}.")


def _too_many(document: Document, error: ValidationError, path: Path) -> Iterator[Problem]:
    said = f"{_name(path)} has {len(_instance(error))} entries."
    yield problem(document.where(path), said, f"Write at most {_wanted(error)}.")


def _too_long(document: Document, error: ValidationError, path: Path) -> Iterator[Problem]:
    remedy = f"Keep it within {_wanted(error)} characters."
    yield problem(document.where(path), f"{_name(path)} has {len(_instance(error))} characters.", remedy)


def _repeated(document: Document, error: ValidationError, path: Path) -> Iterator[Problem]:
    yield problem(document.where(path), f"{_name(path)} names something twice.", "Name each once.")


def _split_name(document: Document, error: ValidationError, path: Path) -> Iterator[Problem]:
    # The path of a finding about a key ends at the map; the key is the instance of the inner finding.
    for inner in _inner(error) or [error]:
        key = str(_instance(inner))
        remedy = "Use small letters, digits and _, such as train or validation."
        yield problem(document.where_key((*path, key)), f"{key!r} is not a name of a split.", remedy)


def _no_bar(document: Document, error: ValidationError, path: Path) -> Iterator[Problem]:
    remedy = "Add at_least, at_most, keep_best, spread_at_most, outliers_beyond or range_in_prompt_above."
    yield problem(document.where(path), "The filter sets no bar.", remedy)


def _alternatives(document: Document, error: ValidationError, path: Path) -> Iterator[Problem]:
    """Of several allowed forms, judge by the one that was evidently meant."""
    if not isinstance(_instance(error), dict):
        remedy = f"Write {_TYPES['object']}."
        yield problem(document.where(path), f"{_name(path)} is {_shown(_instance(error))}.", remedy)
        return
    forms: list[dict[str, Any]] = _wanted(error)  # type: ignore[assignment]  # a list by the schema
    meant = _pairing_meant(_instance(error), forms) if path == ("pairing",) else _signal_meant(_instance(error), forms)
    if meant is None:
        yield _form_unknown(document, error, path, forms)
        return
    for inner in _inner(error):
        if inner.schema_path[0] == meant:
            yield from _explain(document, inner)


def _pairing_meant(instance: dict[str, Any], forms: list[dict[str, Any]]) -> int | None:
    rules = [form["properties"]["rule"]["const"] for form in forms]
    return rules.index(instance["rule"]) if instance.get("rule") in rules else None


SOURCES = ("scores", "votes", "reward", "consensus", "fact")


def _signal_meant(instance: dict[str, Any], forms: list[dict[str, Any]]) -> int | None:
    named = [place for place, source in enumerate(SOURCES[: len(forms)]) if source in instance]
    return named[0] if len(named) == 1 else None


def _form_unknown(document: Document, error: ValidationError, path: Path, forms: list[dict[str, Any]]) -> Problem:
    if path == ("pairing",):
        return _rule_unknown(document, error, forms)
    named = [source for source in SOURCES if source in _instance(error)]
    if len(named) == 1:  # a fact, where somebody's opinion is asked for
        remedy = "Facts are for filters: write `{scores: CRITERION}`, `{votes: CRITERION}` or `{reward: PLAN}`."
        return problem(document.where((*path, named[0])), f"{_name(path)} is a fact.", remedy)
    known = SOURCES[: len(forms)]
    said = f"names both {' and '.join(named)}" if named else f"names neither {' nor '.join(known[:2])}"
    remedy = "Write `{scores: CRITERION, raters: [NAME]}` or `{votes: CRITERION}`."
    return problem(document.where(path), f"{_name(path)} {said}.", remedy)


def _rule_unknown(document: Document, error: ValidationError, forms: list[dict[str, Any]]) -> Problem:
    rules = [form["properties"]["rule"]["const"] for form in forms]
    if "rule" not in _instance(error):
        return problem(document.where(("pairing",)), "pairing lacks 'rule'.", f"Add one of: {', '.join(rules)}.")
    rule = _instance(error)["rule"]
    return problem(document.where(("pairing", "rule")), f"There is no rule {_shown(rule)}.", suggestion(rule, rules))


def _anything_else(document: Document, error: ValidationError, path: Path) -> Iterator[Problem]:
    yield problem(document.where(path), f"{_name(path)}: {error.message}.", "See docs/recipes.md.")


_WORDS: dict[str, Callable[[Document, ValidationError, Path], Iterator[Problem]]] = {
    "additionalProperties": _unknown_key,
    "required": _missing_key,
    "type": _wrong_type,
    "enum": _not_allowed,
    "const": _wrong_constant,
    "minimum": _bound("of at least"),
    "maximum": _bound("of at most"),
    "exclusiveMinimum": _bound("above"),
    "exclusiveMaximum": _bound("below"),
    "minLength": _empty,
    "minItems": _too_few,
    "maxItems": _too_many,
    "minProperties": _empty,
    "maxLength": _too_long,
    "uniqueItems": _repeated,
    "propertyNames": _split_name,
    "pattern": _split_name,
    "anyOf": _no_bar,
    "oneOf": _alternatives,
}
