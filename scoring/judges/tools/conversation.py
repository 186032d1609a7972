"""A judge's answer in several turns: what a reply asks for, what it is told, and when it must have judged."""

from __future__ import annotations

from dataclasses import dataclass, replace

from scoring.judges import parsing
from scoring.judges.base import Malformed, Part, Question, Reply, Template, Turn, Verdict
from scoring.judges.readers.base import reasoning, shortened, spoken
from scoring.judges.tools.protocol import Asked, Call, Misused, asked
from scoring.scorers.base import MediaFile

# What a judge said before its calls is kept and repeated, but not without end.
LONGEST_TOLD = 1000


@dataclass(frozen=True)
class Wish:
    """A reply that calls a tool in place of a verdict.

    Attributes:
        words: what was said before the call.
        call: None where it cannot be read; `fault` then says why.
    """

    words: str
    call: Call | None = None
    fault: str = ""


def wish(template: Template, question: Question, reply: Reply, n: int) -> Wish | None:
    """What a reply asks for; None where it calls no tool and is to be read.

    Args:
        question: as it was sent, with the turns before.
        n: how many samples it is about.

    Raises:
        Malformed: it calls once more than it may, instead of judging.
    """
    found = asked(reply) if template.tools.names else None
    if found is None:
        return None
    if len(question.turns) >= template.tools.steps:
        many = template.tools.steps
        raise Malformed(
            f"it used its tools {many} times, which is all it may, and called once more in place of judging"
        )
    return _read(template, found, n)


def _read(template: Template, found: Asked, n: int) -> Wish:
    try:
        call = found.call()
        if _judges(template, found.words, n):
            raise Misused("your answer holds a verdict and a call; an answer with a call holds no verdict")
    except Misused as error:
        return Wish(found.words, fault=str(error))
    return Wish(found.words, call)


def _judges(template: Template, words: str, n: int) -> bool:
    """Whether words are a verdict by themselves; a listener must not find one among the reasons."""
    try:
        parsing.parse(template, Reply(words), n)
    except Malformed:
        return False
    return True


def pixels_left(template: Template, question: Question) -> int:
    """Of what one answer may be shown."""
    shown = (part.media for turn in question.turns for part in turn.parts)
    return template.tools.pixels - sum(media.width * media.height for media in shown if media is not None)


def answered(template: Template, question: Question, *, told: str, fault: str) -> str:
    """What a judge is told after a call: what came of it, and how many more there may be."""
    left = template.tools.steps - len(question.turns) - 1
    said = f"That call could not be carried out: {fault}." if fault else told
    if not left:
        return (
            f"{shortened(said, LONGEST_TOLD)}\nThere are no more calls. Give your verdict now, in the form asked for."
        )
    calls = "one more call" if left == 1 else f"{left} more calls"
    return f"{shortened(said, LONGEST_TOLD)}\nThere may be {calls}."


def continued(question: Question, reply: Reply, words: str, media: MediaFile | None) -> Question:
    """The question with one more turn: the reply, and what it was answered.

    The thought before a reply stays behind: models are not shown their own.
    """
    parts = (Part(text=words), *([Part(media=media)] if media is not None else []))
    return replace(question, turns=(*question.turns, Turn(spoken(reply).said, parts)))


def with_reasons(verdict: Verdict, words: list[str]) -> Verdict:
    """The verdict with what was said before each call as part of its reasons."""
    before = "\n\n".join(one for one in words if one)
    return replace(verdict, reasoning=reasoning(before, verdict.reasoning)) if before else verdict
