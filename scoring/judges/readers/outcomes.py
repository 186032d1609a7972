"""Which of two samples is said to be better: one clause, taken whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Sequence

from scoring.judges.base import Malformed
from scoring.judges.readers.base import shortened

LEFT, RIGHT, TIE, BOTH_BAD = "left", "right", "tie", "both-bad"
_SIDES = {"1": LEFT, "2": RIGHT}
# What may stand before the sentence that decides, and nothing else: "nothing in Image 1 is better" decides nothing.
_LEAD = (
    r"(?:(?:(?:the |my )?(?:final |overall )?(?:verdict|conclusion|judge?ment|decision|answer|result)(?: is)?(?: that)?"
    r"|overall|therefore|thus|so|hence|in conclusion|in summary|to conclude)\s*[:,]?\s*)*"
)


def clause(text: str) -> str:
    """A clause in the form it is compared in: lower case, single spaces, no brackets and closing marks."""
    return " ".join(re.sub(r"[*`\[\]\"“”]", " ", text).lower().split()).rstrip(" .!")


def sentence_outcome(text: str, noun: str) -> str | None:
    """The outcome of a sentence such as “Image 1 is better than Image 2.”; None when it is no such sentence."""
    name = re.escape(noun.lower())
    said = clause(text)
    match = re.fullmatch(
        rf"{_LEAD}(?:the )?(?:edited )?{name} (?P<best>[12]) is (?:the )?better(?: one)?"
        rf"(?: than (?:the )?(?:edited )?{name} (?P<worst>[12]))?",
        said,
    )
    if match and match["best"] != match["worst"]:
        return _SIDES[match["best"]]
    is_tie = re.fullmatch(rf"{_LEAD}(?:both|the two|the)(?: edited)? {name}s are (?:equally good|equal|tied)", said)
    return TIE if is_tie else None


def label_outcome(text: str, noun: str, *, ties: bool, both_bad: bool) -> str:
    """The outcome of what stands after a label: `Image 1`, `2`, `Tie`, `Both bad`, or a whole sentence.

    Raises:
        Malformed: anything else, or an outcome that this template does not offer.
    """
    said = clause(text)
    match = re.fullmatch(rf"(?:{re.escape(noun.lower())} )?([12])", said)
    outcome = _SIDES[match[1]] if match else _WORDS.get(said) or sentence_outcome(text, noun)
    if outcome is None:
        raise Malformed(f"“{shortened(text)}” names neither {noun} 1 nor {noun} 2")
    return allowed(outcome, ties=ties, both_bad=both_bad)


_WORDS = {"tie": TIE, "equal": TIE, "equally good": TIE, "neither is better": TIE, "both bad": BOTH_BAD}


def allowed(outcome: str, *, ties: bool, both_bad: bool) -> str:
    """The outcome itself; `Malformed` when the template does not offer it."""
    if (outcome == TIE and not ties) or (outcome == BOTH_BAD and not both_bad):
        raise Malformed(f"the answer is “{outcome}”, which was not among the answers to choose from")
    return outcome


def only_one(outcomes: Sequence[str], what: str) -> str:
    """The outcome all agree on; `Malformed` when an answer says one thing and its opposite."""
    different = sorted(set(outcomes))
    if len(different) > 1:
        raise Malformed(f"{what} says both {' and '.join(different)}")
    return different[0]
