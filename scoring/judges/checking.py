"""Whether a template can be used: placeholders, reader, options, scales and items fit each other.

Said when a template is loaded or saved, so that no question is ever paid for that could not be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from scoring.judges import questions
from scoring.judges.base import Mode, Template
from scoring.judges.parsing import READERS
from scoring.judges.readers.base import Option, Reader, labels
from scoring.judges.readers.checklists import items_of
from scoring.judges.readers.points import COMBINED
from scoring.judges.readers.probabilities import EXPECTATION, FIRST_TOKEN, SHARE, SOFT_MAXIMUM
from scoring.judges.tools import catalogue
from scoring.scorers.base import Json

MEDIA = ("image", "video", "text", "edit")
KEY = re.compile(r"[a-z][a-z0-9_-]{0,119}")
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "combine": tuple(COMBINED),
    questions.FENCE: (questions.MARKED, questions.BARE),
}
_RULES = {"yes-probability": (SHARE, FIRST_TOKEN), "expected-digit": (EXPECTATION, SOFT_MAXIMUM)}
# Readers whose answer is one outcome or one number.
_ONE_CRITERION = {
    "final-score", "yes-probability", "better-sentence", "think-answer", "flex-json", "pair-probability",
}  # fmt: skip
# What no model is asked about: a body without it would ask about nothing.
_ASKS_ABOUT = {"image": ("media",), "video": ("media",), "text": ("answers",), "edit": ("media",)}


def check(template: Template) -> None:
    """Refuses a template that could not be asked or whose answers could not be read.

    Raises:
        ValueError: every mistake found, a sentence each, with its remedy.
    """
    found = problems(template)
    if found:
        raise ValueError(" ".join(found))


def problems(template: Template) -> list[str]:
    """Every mistake of a template, in words; empty for one that can be used."""
    found = list(_about_names(template))
    reader = READERS.get(template.reader)
    if reader is None:
        found.append(f"There is no reader “{template.reader}”; there are {', '.join(READERS)}.")
    else:
        found += [*_about_reader(template, reader), *_about_options(template, reader)]
    found += [*_about_criteria(template), *_about_body(template), *_about_tools(template)]
    return found if found else list(_about_items(template))


def _about_names(template: Template) -> Iterator[str]:
    if not NAME.fullmatch(template.name):
        yield f"The name “{template.name}” must be lower-case letters, digits and hyphens, up to 80 of them."
    if template.version < 1:
        yield f"The version {template.version} must be 1 or more."
    if template.media not in MEDIA:
        yield f"The media “{template.media}” is unknown; there are {', '.join(MEDIA)}."


def _about_reader(template: Template, reader: Reader) -> Iterator[str]:
    if template.mode not in reader.modes:
        modes = ", ".join(sorted(reader.modes))
        yield f"The reader “{reader.name}” reads answers of the mode {modes}, not {template.mode}."
    needs_tokens = reader.from_tokens or template.options.get("probabilities") is True
    if needs_tokens and template.decoding.top_logprobs < 2:
        yield f"The reader “{reader.name}” reads log-probabilities: set top_logprobs of decoding to 2 or more."
    if reader.name in _ONE_CRITERION and len(template.criteria) != 1:
        yield f"The reader “{reader.name}” reads one criterion; the template names {len(template.criteria)}."


# -- options ----------------------------------------------------------------------------------------------------------


def _about_options(template: Template, reader: Reader) -> Iterator[str]:
    known = {**reader.options, questions.FENCE: Option("text", questions.MARKED, "")}
    for name, value in template.options.items():
        if name not in known:
            names = ", ".join(sorted(known))
            yield f"The option “{name}” is unknown to the reader “{reader.name}”; there are {names}."
        elif not _is(known[name].kind, value):
            yield f"The option “{name}” must be {_KINDS[known[name].kind]}, not “{value}”."
        else:
            yield from _about_value(template, name, value)
    if "labels" in reader.options and not any(name == "labels" for name in template.options):
        yield from _about_labels(template, {})


def _is(kind: str, value: Json) -> bool:
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "texts":
        is_list = isinstance(value, Sequence) and not isinstance(value, str)
        return is_list and all(isinstance(one, str) and one for one in value)  # type: ignore[union-attr]
    if kind == "names":
        return isinstance(value, Mapping) and all(isinstance(one, str) and one.strip() for one in value.values())
    return isinstance(value, bool) if kind == "flag" else isinstance(value, str)


_KINDS = {
    "number": "a number",
    "texts": "a list of texts",
    "names": "a map from criteria to texts",
    "flag": "true or false",
    "text": "text",
}


def _about_value(template: Template, name: str, value: Json) -> Iterator[str]:
    choices = _RULES.get(template.reader, ()) if name == "rule" else _CHOICES.get(name, ())
    if choices and value not in choices:
        yield f"The option “{name}” must be one of {', '.join(choices)}, not “{value}”."
    if name == "labels" and isinstance(value, Mapping):
        yield from _about_labels(template, value)
    if name == "joint" and value and value not in {criterion.key for criterion in template.criteria}:
        yield f"The option “joint” names “{value}”, which is no criterion of the template."


def _about_labels(template: Template, stated: Mapping[str, Json]) -> Iterator[str]:
    keys = {criterion.key for criterion in template.criteria}
    for key in stated:
        if key not in keys:
            yield f"The option “labels” names “{key}”, which is no criterion of the template."
    said = [label.lower() for label in labels(template, "").values()]
    if len(set(said)) < len(said):
        yield "Two criteria have the same label, so their answers could not be told apart."


# -- criteria, body, items --------------------------------------------------------------------------------------------


def _about_criteria(template: Template) -> Iterator[str]:
    keys = [criterion.key for criterion in template.criteria]
    if not keys:
        yield "The template names no criterion."
    if len(set(keys)) < len(keys):
        yield "Two criteria have the same key."
    needs_scale = template.mode in (Mode.POINTS, Mode.CHECKLIST)
    for criterion in template.criteria:
        low, high = criterion.low, criterion.high
        if not KEY.fullmatch(criterion.key):
            yield f"The key “{criterion.key}” must begin with a letter and have only a-z, 0-9, _ and -."
        if needs_scale and (low is None or high is None or not low < high):
            yield f"The criterion “{criterion.key}” needs a scale: low and high, low below high."
        if template.mode == Mode.CHECKLIST and (low, high) != (0, 1):
            yield f"The criterion “{criterion.key}” of a checklist is a share: its scale is 0 to 1."
        if not needs_scale and (low is not None or high is not None):
            yield f"The criterion “{criterion.key}” has a scale, but the mode {template.mode} gives no numbers."


def _about_body(template: Template) -> Iterator[str]:
    try:
        named = questions.named_in(template)
        in_system = {value for kind, value in questions.tokens_of(template.system) if kind == "name"}
    except ValueError as error:
        yield f"In the words of the template {error}."
        return
    for name in sorted(in_system & {"media", "source", "roles"}):
        yield f"The placeholder {{{name}}} shows pictures and cannot stand in the system's words."
    for name in _required(template):
        if name not in named:
            yield f"The placeholder {{{name}}} is missing from the body: {questions.PLACEHOLDERS[name]}"
    if ("tools" in named) != bool(template.tools.names):
        yield "The placeholder {tools} and the template's tools belong together: state both or neither."
    if template.media == "edit" and template.mode != Mode.LISTENER and not named & {"source", "roles"}:
        yield "A template about edits must show what was edited: add {source} or {roles}."


def _required(template: Template) -> tuple[str, ...]:
    if template.mode == Mode.LISTENER:
        return ("reasoning",)
    about = _ASKS_ABOUT.get(template.media, ())
    return (*about, "items") if template.mode == Mode.CHECKLIST else about


def _about_tools(template: Template) -> Iterator[str]:
    yield from catalogue.problems(template)
    reader = READERS.get(template.reader)
    if template.tools.names and reader is not None and reader.from_tokens:
        yield f"The reader “{reader.name}” reads the first token of one answer; a judge with tools gives several."


def _about_items(template: Template) -> Iterator[str]:
    if template.items and template.mode != Mode.CHECKLIST:
        yield f"Only a checklist has items; the mode is {template.mode}."
    elif template.items:
        try:
            items_of(template)
        except ValueError as error:
            yield f"{str(error).capitalize()}."
