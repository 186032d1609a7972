"""Length, form and repetition of a text answer: rules that read no meaning and know no language."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from scoring.scorers.base import Decoded, Item, Json, Reading, Result, ScorerOfOne
from scoring.scorers.text import words

REPEATED_WORDS = 3
# An HTML tag, or what Markdown makes of headings, emphasis, code, links and list points.
MARKUP = re.compile(
    r"</?[a-zA-Z][^<>\n]*>"
    r"|^\s{0,3}#{1,6}\s"
    r"|\*\*[^*\n]+\*\*|__[^_\n]+__"
    r"|```|`[^`\n]+`"
    r"|\[[^\[\]\n]+\]\([^()\n]+\)"
    r"|^\s*[-*+]\s+\S",
    re.MULTILINE,
)


class TextRules(ScorerOfOne):
    """Four numbers from the text alone; the detail names the rules that were broken."""

    def identity_parts(self) -> dict[str, Json]:
        return {"preprocessing": "surrounding space removed", "scale": f"repetition over {REPEATED_WORDS} words"}

    def prepare(self, item: Item, decoded: Decoded) -> Reading:
        text = (item.text or "").strip()
        broken = broken_rules(text, stated_rules(item.facts))
        return Reading(
            {
                "text_characters": Result(float(len(text))),
                "text_words": Result(float(len(words(text)))),
                "text_format": Result(float(not broken)),
                "text_repetition": Result(repetition(text)),
            },
            {"broken": broken},
        )


def stated_rules(facts: Mapping[str, Json]) -> Mapping[str, Json]:
    """The prompt's fact `format`; ValueError when it is no object."""
    rules = facts.get("format", {})
    if not isinstance(rules, Mapping):
        raise ValueError(f"the prompt's fact “format” must be an object of rules, not {rules!r}")
    return rules


def broken_rules(text: str, rules: Mapping[str, Json]) -> list[str]:
    """The names of the rules a text breaks, `not_empty` always among those asked.

    Args:
        text: without surrounding space.
        rules: any of `min_characters`, `max_characters`, `min_words`, `max_words` (numbers, inclusive),
            `plain: true` (no HTML or Markdown), `json: true` (the whole text is one JSON value). There is no rule
            with a regular expression: facts are imported, and one bad pattern can hang a worker.

    Raises:
        ValueError: an unknown rule, or a value of the wrong type.
    """
    broken = [] if text else ["not_empty"]
    for name, wanted in rules.items():
        if name not in RULES:
            raise ValueError(f"unknown rule “{name}” in the prompt's fact “format”; there are {', '.join(RULES)}")
        wanted_type, keeps = RULES[name]
        # True is an int in Python; a length of `true` is a mistake all the same.
        if not isinstance(wanted, wanted_type) or (wanted_type is int and isinstance(wanted, bool)):
            raise ValueError(f"rule “{name}” needs a {wanted_type.__name__}, not {wanted!r}")
        if not keeps(text, wanted):
            broken.append(name)
    return broken


def is_json(text: str) -> bool:
    """Whether the whole text is one JSON value; NaN and Infinity are not JSON."""
    try:
        json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return False
    return True


def repetition(text: str) -> float:
    """Share of the text's three-word sequences that occurred before, case folded.

    Returns:
        0 to just below 1; 0 for fewer than four words, which cannot repeat a sequence.

    >>> repetition("round and round and round and round")
    0.6
    """
    folded = words(text.casefold())
    sequences = [tuple(folded[start : start + REPEATED_WORDS]) for start in range(len(folded) - REPEATED_WORDS + 1)]
    return 1 - len(set(sequences)) / len(sequences) if sequences else 0.0


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


# name: (type of the rule's value, whether a text keeps it)
RULES: Mapping[str, tuple[type, Callable[[str, Any], bool]]] = {
    "min_characters": (int, lambda text, least: len(text) >= least),
    "max_characters": (int, lambda text, most: len(text) <= most),
    "min_words": (int, lambda text, least: len(words(text)) >= least),
    "max_words": (int, lambda text, most: len(words(text)) <= most),
    "plain": (bool, lambda text, wanted: not wanted or not MARKUP.search(text)),
    "json": (bool, lambda text, wanted: not wanted or is_json(text)),
}
