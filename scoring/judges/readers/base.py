"""What a reader is, what options it takes, and the small pieces of text that all readers take apart.

Every reader is strict: an answer in another form than the one asked for is `Malformed` with a sentence, never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from scoring.judges.base import Malformed, Mode, Reply, Template, Verdict
from scoring.scorers.base import Json

NOUNS = {"image": "Image", "video": "Video", "text": "Answer", "edit": "Image"}
CUT_OFF, WITHHELD = "length", "content_filter"
_THOUGHT_END = "</think>"
_THOUGHT = re.compile(r"\s*<think>", re.IGNORECASE)
NUMBER = r"[-+−]?[0-9]+(?:\.[0-9]+)?"
_EXACT_NUMBER = re.compile(
    rf"[\[(]?\s*(?P<value>{NUMBER})\s*[\])]?(?:\s*(?:/|out of)\s*(?P<of>[0-9]+(?:\.[0-9]+)?))?\s*\.?"
)


@dataclass(frozen=True)
class Option:
    """One option of a reader: its kind (`text`, `number`, `flag`, `texts`, `names`), default and meaning."""

    kind: str
    default: Json
    help: str


NOUN = Option("text", "", "What an answer calls a sample: Image, Video, Answer; by default after the template's media.")
LABELS = Option("names", {}, "The words before each criterion's answer, by key; by default the criterion's title.")


@dataclass(frozen=True)
class Reader:
    """One kind of answer.

    Attributes:
        name: as templates name it.
        read: takes template (checklists with their items in it), reply and number of samples; raises `Malformed`.
        form: the words by which a template asks for this kind of answer, the placeholder `{form}`.
        modes: the modes it can read.
        options: what a template may set.
        from_tokens: reads log-probabilities, so the template must ask for them and a cut answer is no failure.
    """

    name: str
    about: str
    read: Callable[[Template, Reply, int], Verdict]
    form: Callable[[Template, int], str]
    modes: frozenset[Mode]
    options: Mapping[str, Option] = field(default_factory=dict)
    from_tokens: bool = False

    def __call__(self, template: Template, reply: Reply, n: int) -> Verdict:
        return self.read(template, reply, n)


# -- options ----------------------------------------------------------------------------------------------------------


def text_option(template: Template, name: str, default: str = "") -> str:
    value = template.options.get(name, default)
    return str(value) if isinstance(value, str) else default


def flag_option(template: Template, name: str, default: bool) -> bool:
    value = template.options.get(name, default)
    return bool(value)


def number_option(template: Template, name: str, default: float) -> float:
    value = template.options.get(name, default)
    return float(value) if isinstance(value, int | float) else default


def texts_option(template: Template, name: str, default: Sequence[str]) -> list[str]:
    value = template.options.get(name, default)
    return [str(one) for one in value] if isinstance(value, Sequence) and not isinstance(value, str) else list(default)


def noun(template: Template) -> str:
    """What a sample is called in the question and in the answer."""
    return text_option(template, "noun") or NOUNS[template.media]


def labels(template: Template, alone: str) -> dict[str, str]:
    """The words before each criterion's answer, by key.

    Args:
        alone: the words where there is one criterion and no label is set.
    """
    stated = template.options.get("labels")
    named = stated if isinstance(stated, Mapping) else {}
    only_one = len(template.criteria) == 1
    return {
        criterion.key: str(named.get(criterion.key) or (alone if only_one else criterion.title))
        for criterion in template.criteria
    }


# -- text -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Spoken:
    """An answer taken apart: what was thought inside a leading `<think>`, and what was said after it."""

    thought: str
    said: str


def spoken(reply: Reply) -> Spoken:
    """The whole of an answer that ended by itself.

    A model whose chat template opens the thought writes only its end, so a lone `</think>` is enough.

    Raises:
        Malformed: cut off, withheld, empty, or a thought without an end.
    """
    if reply.finish == CUT_OFF:
        raise Malformed(f"the answer was cut off after {reply.answer_tokens} tokens; raise max_tokens")
    if reply.finish == WITHHELD:
        raise Malformed("the answer was withheld by a content filter")
    parts = re.split(_THOUGHT_END, reply.text, flags=re.IGNORECASE)
    if len(parts) > 2:
        raise Malformed("the answer closes its thought more than once")
    opened = _THOUGHT.match(reply.text)
    if len(parts) == 1 and opened:
        raise Malformed("the answer begins to think and never ends")
    thought = parts[0][opened.end() if opened else 0 :].strip() if len(parts) == 2 else ""
    if not parts[-1].strip():
        raise Malformed("the answer is empty" + (" after the thought" if thought else ""))
    return Spoken(thought, parts[-1].strip())


def plain_line(line: str) -> str:
    """A line without the marks of Markdown around its words."""
    return re.sub(r"[*`]", "", line).strip().lstrip("#>•").strip().removeprefix("- ").strip()


def plain_lines(text: str) -> list[str]:
    return [plain_line(line) for line in text.splitlines()]


def without(text: str, taken: Sequence[int]) -> str:
    """The text without the lines of those numbers (counted from 0), for a listener that must not see the verdict."""
    gone = set(taken)
    return "\n".join(line for number, line in enumerate(text.splitlines()) if number not in gone).strip()


def reasoning(thought: str, rest: str) -> str:
    return "\n\n".join(part for part in (thought, rest) if part)


def labelled(text: str, label: str) -> list[tuple[int, str]]:
    """Every line that begins with a label and a colon: its number, and what follows.

    Remarks in brackets between label and colon, such as the scale, are passed over. Case does not matter.
    """
    pattern = re.compile(rf"{re.escape(label)}\s*(?:\([^)]*\)|\[[^\]]*\])?\s*:\s*(?P<rest>.*)", re.IGNORECASE)
    found = [(number, pattern.fullmatch(line)) for number, line in enumerate(plain_lines(text))]
    return [(number, match["rest"].strip()) for number, match in found if match]


def exact_number(text: str, what: str, *, low: float, high: float) -> float:
    """The one number a piece of text consists of: `4`, `3.75`, `-0.5`, `4/5` where 5 is the top, `4 out of 5`.

    Raises:
        Malformed: anything else, or a number outside [low, high]; nothing is clipped.
    """
    match = _EXACT_NUMBER.fullmatch(text.strip())
    if match is None:
        raise Malformed(f"{what} is “{shortened(text)}”, which is not one number")
    if match["of"] is not None and float(match["of"]) != high:
        raise Malformed(f"{what} is “{shortened(text)}”, which is not on the scale {low:g} to {high:g}")
    return within(float(match["value"].replace("−", "-")), what, low=low, high=high)


def within(value: float, what: str, *, low: float, high: float) -> float:
    """The value itself; `Malformed` when it is outside [low, high] or no number."""
    if not low <= value <= high:
        raise Malformed(f"{what} is {value:g}, outside the scale {low:g} to {high:g}")
    return value


def shortened(text: str, longest: int = 60) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= longest else flat[: longest - 1] + "…"
