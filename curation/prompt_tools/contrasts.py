"""Prompts that differ from an original in one small thing that an answer must show: contrast prompts.

A model that looks only at the words does not tell a picture of two cats from one of three. Each operator changes one
thing by a plain rule for English, names itself and says which code points it changed; the result is a negative of the
original. Words between double quotes are to be rendered, not told, so they are never changed. Plain code: the same
text gives the same contrasts, in the same order.

>>> [made.text for made in contrasts("two red cats", ["count"])]
['three red cats', 'four red cats']
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from curation.prompt_tools.words import (
    ACTIONS,
    COLOUR_TURNS,
    COLOURS,
    JOINTS,
    NEGATIONS,
    NOT_COUNTED,
    NUMBERS,
    OBJECTS,
    QUALITIES,
    RELATIONS,
    plural,
)

# Who wrote a contrast by hand names this operator; it has no rule.
WRITTEN = "written"
_QUOTED = re.compile('["“][^"“”]*["”]')
_VOWELS = "aeiou"


@dataclass(frozen=True)
class Edit:
    """One stretch of the original and what stands there instead.

    Args:
        start, end: Unicode code points of the original, half-open.
        before, after: the words there, before and after.
    """

    start: int
    end: int
    before: str
    after: str


@dataclass(frozen=True)
class Contrast:
    """A changed prompt: its text, the operator that made it, and its edits from left to right."""

    text: str
    operator: str
    edits: tuple[Edit, ...]

    def spans(self) -> list[tuple[int, int]]:
        """Where the edits stand in the changed text, in code points, half-open."""
        moved, found = 0, []
        for edit in self.edits:
            found.append((edit.start + moved, edit.start + moved + len(edit.after)))
            moved += len(edit.after) - (edit.end - edit.start)
        return found


Rule = Callable[[str], Iterator[tuple[Edit, ...]]]


@dataclass(frozen=True)
class Operator:
    """One kind of edit: its name, what it does in a few words, and its rule."""

    name: str
    says: str
    rule: Rule


def contrasts(text: str, operators: Iterable[str], most: int | None = None) -> list[Contrast]:
    """Contrasts of a text, each once, the operators taking turns so that few are not all of one kind.

    Args:
        operators: names of `OPERATORS`, in the order in which they take turns.
        most: at most so many; None for all.

    Raises:
        KeyError: there is no such operator.
    """
    quoted = [match.span() for match in _QUOTED.finditer(text)]
    queues = [(name, _outside(OPERATORS[name].rule(text), quoted)) for name in dict.fromkeys(operators)]
    found: dict[str, Contrast] = {}
    while queues and (most is None or len(found) < most):
        left = []
        for name, queue in queues:
            made = next((made for edits in queue if (made := _applied(text, name, edits)).text not in found), None)
            if made is not None and made.text != text and (most is None or len(found) < most):
                found[made.text] = made
            if made is not None:
                left.append((name, queue))
        queues = left
    return list(found.values())


def written(original: str, text: str) -> Contrast:
    """A contrast by hand, with the stretch in which it differs from its original."""
    shortest = min(len(original), len(text))
    same = next((n for n in range(shortest) if original[n] != text[n]), shortest)
    rest = shortest - same
    tail = next((n for n in range(rest) if original[-1 - n] != text[-1 - n]), rest)
    start, end = same, len(original) - tail
    return Contrast(text, WRITTEN, (Edit(start, end, original[start:end], text[start : len(text) - tail]),))


def _outside(found: Iterator[tuple[Edit, ...]], quoted: Sequence[tuple[int, int]]) -> Iterator[tuple[Edit, ...]]:
    return (edits for edits in found if not any(a < edit.end and edit.start < b for edit in edits for a, b in quoted))


def _applied(text: str, operator: str, edits: Sequence[Edit]) -> Contrast:
    ordered = sorted(edits, key=lambda edit: edit.start)
    parts, place = [], 0
    for edit in ordered:
        parts += [text[place : edit.start], edit.after]
        place = edit.end
    return Contrast("".join([*parts, text[place:]]), operator, tuple(ordered))


# -- words and their dress --------------------------------------------------------------------------------------------


def _any_of(words: Iterable[str]) -> re.Pattern[str]:
    """One of the words, alone; the longest that fits."""
    listed = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<![\w-])(?:{listed})(?![\w-])", re.IGNORECASE)


def _dressed(after: str, before: str) -> str:
    """The new word with the capital letters of the old one."""
    if before.isupper() and len(before) > 1:
        return after.upper()
    return after[:1].upper() + after[1:] if before[:1].isupper() else after


def _edit(text: str, start: int, end: int, after: str) -> Edit:
    """The edit, together with “a” or “an” before it where that has to change as well."""
    before = text[start:end]
    dressed = _dressed(after, before)
    article = re.search(r"(?<!\w)(a|an)(\s+)$", text[:start], re.IGNORECASE)
    if article is None or (before[:1].lower() in _VOWELS) == (dressed[:1].lower() in _VOWELS):
        return Edit(start, end, before, dressed)
    right = _dressed("an" if dressed[:1].lower() in _VOWELS else "a", article[1])
    return Edit(article.start(), end, text[article.start() : end], f"{right}{article[2]}{dressed}")


def _turned(pairs: Sequence[tuple[str, str]], *, both_ways: bool = True) -> Rule:
    """A rule that puts one side of a pair in place of the other."""
    turns: dict[str, str] = {}
    for one, other in pairs:
        turns.setdefault(one, other)
        if both_ways:
            turns.setdefault(other, one)
    pattern = _any_of(turns)

    def rule(text: str) -> Iterator[tuple[Edit, ...]]:
        for match in pattern.finditer(text):
            yield (_edit(text, *match.span(), turns[match[0].lower()]),)

    return rule


# -- operators --------------------------------------------------------------------------------------------------------

# Each noun, singular and plural, with the nouns that may stand in for it in the same number.
_NOUNS: dict[str, list[str]] = {}
for _row in OBJECTS:
    for _place, _noun in enumerate(_row):
        _others = [*_row[_place + 1 :], *_row[:_place]]
        _NOUNS.setdefault(plural(_noun), [plural(one) for one in _others])
        _NOUNS[_noun] = _others
_NOUN = _any_of(_NOUNS)
_COLOUR = _any_of(COLOURS)
_NUMBER = re.compile(r"(?<![\w.,:/-])(?:" + "|".join(NUMBERS) + r"|[2-9]|1[0-9]|20)(?=\s+(?P<next>[A-Za-z'-]+))", re.I)
_THING = re.compile(
    rf"(?<![\w-])(?:(?:a|an|the|one|{'|'.join(NUMBERS)})\s+)?(?:(?:"
    + "|".join(sorted({*COLOURS, *(word for pair in QUALITIES for word in pair)}, key=len, reverse=True))
    + r")\s+){0,2}(?:"
    + "|".join(sorted(map(re.escape, _NOUNS), key=len, reverse=True))
    + r")(?![\w-])",
    re.IGNORECASE,
)
_JOINT = _any_of(JOINTS)
_NO_NOUNS = frozenset(
    {"and", "or", "with", "is", "are", "at", "of", "by", *(joint.split()[0] for joint in JOINTS), "in"}
)


def _object(text: str) -> Iterator[tuple[Edit, ...]]:
    there = {match[0].lower() for match in _NOUN.finditer(text)}
    for match in _NOUN.finditer(text):
        if match[0].lower() == "orange" and _is_before_word(text, match.end()):
            continue
        for other in [other for other in _NOUNS[match[0].lower()] if other not in there][:2]:
            yield (_edit(text, *match.span(), other),)


def _is_before_word(text: str, end: int) -> bool:
    """An orange before a noun is a colour; before anything else it is a fruit."""
    found = re.match(r"\s+(?P<word>[A-Za-z-]+)", text[end:])
    return found is not None and found["word"].lower() not in _NO_NOUNS


def _count(text: str) -> Iterator[tuple[Edit, ...]]:
    for match in _NUMBER.finditer(text):
        if match["next"].lower() in NOT_COUNTED:
            continue
        word = match[0].lower()
        value = int(word) if word.isdigit() else NUMBERS.index(word) + 2
        for changed in (value + 1, value - 1 if value > 2 else value + 2):
            is_named = not word.isdigit() and changed - 2 < len(NUMBERS)
            yield (_edit(text, *match.span(), NUMBERS[changed - 2] if is_named else str(changed)),)


def _colour(text: str) -> Iterator[tuple[Edit, ...]]:
    there = {match[0].lower() for match in _COLOUR.finditer(text)}
    free = [colour for colour in COLOUR_TURNS if colour not in there]
    for match in _COLOUR.finditer(text):
        if match[0].lower() == "orange" and not _is_before_word(text, match.end()):
            continue
        place = COLOURS.index(match[0].lower()) % max(len(free), 1)
        for colour in [*free[place:], *free[:place]][:2]:
            yield (_edit(text, *match.span(), colour),)


def _attributes(text: str) -> Iterator[tuple[Edit, ...]]:
    """Two colours, each before a thing of its own, change places."""
    found = [match for match in _COLOUR.finditer(text) if _is_before_word(text, match.end())]
    for one, other in itertools.pairwise(found):
        between = text[one.end() : other.start()]
        if one[0].lower() != other[0].lower() and re.search(r"\w", between):
            yield _edit(text, *one.span(), other[0].lower()), _edit(text, *other.span(), one[0].lower())


def _places(text: str) -> Iterator[tuple[Edit, ...]]:
    """Two things with a relation between them change places: who chases whom, what stands left of what."""
    things = list(_THING.finditer(text))
    for one, other in itertools.pairwise(things):
        between = text[one.end() : other.start()]
        is_joined = re.fullmatch(r"\s+(?:is\s+|are\s+)?(?P<joint>.+?)\s+", between)
        if is_joined is None or not _JOINT.fullmatch(is_joined["joint"]) or one[0].lower() == other[0].lower():
            continue
        first, second = other[0], one[0]
        if one.start() == 0:
            first, second = first[:1].upper() + first[1:] if one[0][:1].isupper() else first, _lower_first(second)
        yield (
            Edit(*one.span(), one[0], first),
            Edit(*other.span(), other[0], second),
        )


def _lower_first(words: str) -> str:
    return words[:1].lower() + words[1:]


OPERATORS: Mapping[str, Operator] = {
    operator.name: operator
    for operator in (
        Operator("object", "another thing of the same sort", _object),
        Operator("count", "one more or one fewer", _count),
        Operator("colour", "another colour", _colour),
        Operator("attributes", "the colours of two things change places", _attributes),
        Operator("relation", "left of for right of, above for below, and the like", _turned(RELATIONS)),
        Operator("places", "two things change places around their relation", _places),
        Operator("quality", "the opposite size, age, material or mood", _turned(QUALITIES)),
        Operator("action", "another action", _turned(ACTIONS)),
        Operator("negation", "without for with, is not for is", _turned(NEGATIONS, both_ways=False)),
    )
}
