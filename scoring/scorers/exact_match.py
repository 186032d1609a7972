"""Whether a text answer is one of the answers known to be right."""

from __future__ import annotations

import unicodedata

from scoring.scorers.base import Decoded, Item, Json, NothingToJudge, Reading, Result, ScorerOfOne


class ExactMatch(ScorerOfOne):
    """1 for a right answer, 0 for any other; not applicable without reference answers."""

    def identity_parts(self) -> dict[str, Json]:
        return {"preprocessing": "NFKC, case folded, single spaces, surrounding punctuation removed"}

    def prepare(self, item: Item, decoded: Decoded) -> Reading:
        references = reference_answers(item)
        answer = canonical_answer(item.text or "")
        is_right = answer in {canonical_answer(reference) for reference in references}
        return Reading({"exact_match": Result(float(is_right))}, {"compared": answer, "references": references})


def reference_answers(item: Item) -> list[str]:
    """The item's reference texts, and the prompt's fact `answer` (a text, a number or a list of them).

    Raises:
        NothingToJudge: there are none.
        ValueError: the fact is something else.
    """
    stated = item.facts.get("answer")
    listed = stated if isinstance(stated, list | tuple) else [] if stated is None else [stated]
    wrong = [answer for answer in listed if isinstance(answer, bool) or not isinstance(answer, str | int | float)]
    if wrong:
        raise ValueError(f"the prompt's fact “answer” must be a text, a number or a list of them, not {wrong[0]!r}")
    references = [*item.reference_texts, *(str(answer) for answer in listed)]
    if not any(canonical_answer(reference) for reference in references):
        raise NothingToJudge("the prompt has no reference answer")
    return references


def canonical_answer(text: str) -> str:
    """The form in which answers are compared: NFKC, case folded, single spaces, no punctuation or quotes around.

    Punctuation inside stays, so that 3.14 is not 314; a sign or currency before a digit stays too, so −5 is not 5.

    >>> canonical_answer("  “The  Eiffel Tower.” ")
    'the eiffel tower'
    >>> canonical_answer("-5.")
    '-5'
    """
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().replace("−", "-").split())
    start, end = 0, len(folded)
    while start < end and _is_around(folded[start]) and not _is_minus(folded, start):
        start += 1
    while end > start and _is_around(folded[end - 1]):
        end -= 1
    return folded[start:end]


def _is_around(character: str) -> bool:
    return character.isspace() or (unicodedata.category(character).startswith("P") and character != "%")


def _is_minus(text: str, place: int) -> bool:
    return text[place] == "-" and text[place + 1 : place + 2].isdigit()
