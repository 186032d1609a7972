"""An answer in words, for those who look at the answers of others: samples by letter, question by question."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from annotation.forms.questions import letter
from annotation.questions import Level, Question

Said = Mapping[str, Any]


@dataclass(frozen=True)
class Told:
    """One question and what was said to it, a line each."""

    key: str
    name: str
    lines: list[str]


@dataclass(frozen=True)
class Texts:
    """The texts an answer may mark words of: the prompt, and each sample's own by place."""

    prompt: str = ""
    answers: Sequence[str | None] = ()


def told(asked: Sequence[Question], answer: Said, texts: Texts | None = None) -> list[Told]:
    """What was said to each question that was answered, and what was flagged.

    Args:
        answer: in the plain form of `annotation.answers`; its places are called A, B, C in their order.
        texts: lets marked words be quoted; without it they are told by their place in the text.
    """
    said = answer.get("questions", {})
    found = [
        Told(question.key, question.name or question.text, _lines(question, said[question.key], texts or Texts()))
        for question in asked
        if question.key in said
    ]
    if flags := answer.get("flags"):
        found.append(Told("flags", _("Flagged"), [_flag(flag) for flag in flags]))
    return found


def _lines(question: Question, said: Said, texts: Texts) -> list[str]:
    if question.kind == "mark":
        return [_mark(mark, texts) for mark in said["marks"]]
    return _WORDS[question.kind](question, said)


def _flag(flag: Said) -> str:
    kind = {"unsafe": _("unsafe"), "broken": _("broken")}[flag["kind"]]
    return f"{letter(flag['place'])}: {kind}{_quoted(flag.get('text'))}"


def _quoted(text: str | None) -> str:
    return f" “{text}”" if text else ""


def _compare(question: Question, said: Said) -> list[str]:
    words = {
        "left": _("%(sample)s is better") % {"sample": letter(0)},
        "right": _("%(sample)s is better") % {"sample": letter(1)},
        "tie": _("tie"),
        "both-bad": _("both bad"),
    }[said["outcome"]]
    if said.get("strength"):
        words = _("%(verdict)s, strength %(strength)d of %(most)d") % {
            "verdict": words,
            "strength": said["strength"],
            "most": question.strength,
        }
    return [words, *([f"“{said['reason']}”"] if said.get("reason") else [])]


def _pick(question: Question, said: Said) -> list[str]:
    if said["best"] is None:
        return [_("none is good")]
    return [_("%(sample)s is the best") % {"sample": letter(said["best"])}]


def _rank(question: Question, said: Said) -> list[str]:
    levels: dict[int, list[str]] = {}
    left_out = []
    for place, rank in enumerate(said["ranks"]):
        if rank is None:
            left_out.append(letter(place))
        else:
            levels.setdefault(rank, []).append(letter(place))
    order = " > ".join(" = ".join(levels[rank]) for rank in sorted(levels))
    if not left_out:
        return [order]
    return [order, _("not ranked: %(samples)s") % {"samples": ", ".join(left_out)}]


def _rate(question: Question, said: Said) -> list[str]:
    return [_values(question.levels, said["values"])]


def _values(levels: Sequence[Level], values: Sequence[float]) -> str:
    return " · ".join(f"{letter(place)}: {_level(levels, value)}" for place, value in enumerate(values))


def _level(levels: Sequence[Level], value: float) -> str:
    label = next((level.label for level in levels if level.value == value), "")
    if not label or label == f"{value:g}":
        return f"{value:g}"
    # Yes and no need no number beside them.
    return label if len(levels) == 2 else f"{value:g} ({label})"


def _check(question: Question, said: Said) -> list[str]:
    return [f"{item.text or item.key} {_values(item.levels, said['values'][item.key])}" for item in question.items]


def _mark(mark: Said, texts: Texts) -> str:
    shapes = {
        "point": _("point"),
        "box": _("box"),
        "polygon": _("polygon"),
        "span": _("words"),
        "interval": _("interval"),
    }
    targets = {"media": _("picture"), "prompt": _("prompt"), "answer": _("answer"), "input": _("input")}
    place = f"{letter(mark['place'])}: " if mark.get("place") is not None else ""
    where = f"{shapes[mark['shape']]}, {targets[mark['target']]}{_range(mark, texts)}"
    return f"{place}{mark['error'] or _('marked')} ({where}){_quoted(mark.get('text'))}"


def _range(mark: Said, texts: Texts) -> str:
    if mark["shape"] == "interval":
        return " " + _("%(start).2f–%(end).2f s") % {"start": mark["start"] / 1e6, "end": mark["end"] / 1e6}
    if mark["shape"] != "span":
        return ""
    whole = texts.prompt if mark["target"] == "prompt" else (texts.answers or [""])[mark["place"] or 0]
    if words := (whole or "")[mark["start"] : mark["end"]]:
        return f" “{words}”"
    return " " + _("characters %(start)d–%(end)d") % {"start": mark["start"], "end": mark["end"]}


def _write(question: Question, said: Said) -> list[str]:
    if "text" in said:
        return [f"“{said['text']}”"]
    return [f"{letter(place)}: “{text}”" for place, text in enumerate(said["texts"]) if text]


_WORDS: dict[str, Callable[[Question, Said], list[str]]] = {
    "compare": _compare,
    "pick": _pick,
    "rank": _rank,
    "rate": _rate,
    "check": _check,
    "write": _write,
}
