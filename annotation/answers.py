"""What comes back from the browser, checked against what was asked. Plain code.

An answer speaks of places, the positions as shown (0 is left, or first). `parse` refuses whatever the questions did
not ask for, so that no later reader has to wonder; `reorder` says the same of another order of the samples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from annotation.questions import Question

OUTCOMES = ("left", "right", "tie", "both-bad")
FLAGS = ("unsafe", "broken")
MOST_MARKS = 500
MOST_POINTS = 2000
LONGEST_TEXT = 10_000


class WrongAnswer(ValueError):
    """An answer that does not fit what was asked, in words for the person who sent it."""


@dataclass(frozen=True)
class MediaShape:
    """A picture or video as marks refer to it: pixels of the rendition, microseconds."""

    width: int
    height: int
    duration_us: int | None = None


@dataclass(frozen=True)
class Shown:
    """What the answer may refer to: texts in code points, media by place and input media by role, in order."""

    media: Sequence[Sequence[MediaShape]]
    texts: Sequence[str | None]
    prompt: str = ""
    inputs: Mapping[str, Sequence[MediaShape]] | None = None

    @property
    def places(self) -> int:
        return len(self.media)


def parse(raw: object, questions: Sequence[Question], shown: Shown, *, complete: bool = True) -> dict[str, Any]:
    """Checks an answer and returns it in its plain form: only what was asked, numbers as numbers.

    Args:
        raw: the payload as sent.
        questions: of the batch.
        shown: what it was said of.
        complete: refuse an answer that leaves out a required question; a draft may.

    Raises:
        WrongAnswer: names the question and what is wrong.
    """
    if not isinstance(raw, Mapping) or not isinstance(raw.get("questions"), Mapping):
        raise WrongAnswer("The answer has no “questions”.")
    said = raw["questions"]
    unknown = sorted(set(said) - {question.key for question in questions})
    if unknown:
        raise WrongAnswer(f"Nobody asked “{unknown[0]}”.")
    flags = _flags(raw.get("flags") or [], shown.places)
    answers = {}
    for question in questions:
        answer = said.get(question.key)
        if answer is None or _is_empty(question, answer):
            if complete and question.required and not flags:
                raise WrongAnswer(f"“{question.name or question.text}” is not answered yet.")
            continue
        if not isinstance(answer, Mapping):
            raise WrongAnswer(f"The answer to “{question.key}” is not an object.")
        answers[question.key] = _READERS[question.kind](question, answer, shown)
    if complete and not answers and not flags:
        raise WrongAnswer("The answer says nothing.")
    return {"questions": answers, "flags": flags}


def reorder(answer: Mapping[str, Any], questions: Sequence[Question], to: Sequence[int]) -> dict[str, Any]:
    """The same answer for samples in another order.

    Args:
        answer: in the plain form of `parse`.
        questions: of the batch.
        to: `to[place]` is the new place of what stood at `place`.
    """
    kinds = {question.key: question.kind for question in questions}
    moved = {key: _move(kinds[key], dict(said), to) for key, said in answer["questions"].items() if key in kinds}
    flags = [{**flag, "place": to[flag["place"]]} for flag in answer.get("flags", [])]
    return {"questions": moved, "flags": flags}


# -- each kind --------------------------------------------------------------------------------------------------------


def _is_empty(question: Question, answer: object) -> bool:
    if not isinstance(answer, Mapping):
        return False
    if question.kind == "mark":
        return not answer.get("marks")
    if question.kind == "write":
        return not any(str(text).strip() for text in [answer.get("text") or "", *(answer.get("texts") or [])])
    return False


def _compare(question: Question, answer: Mapping[str, Any], shown: Shown) -> dict[str, Any]:
    outcome = answer.get("outcome")
    allowed = [o for o in OUTCOMES if (o != "tie" or question.tie) and (o != "both-bad" or question.both_bad)]
    if outcome not in allowed:
        raise WrongAnswer(f"“{question.key}” was answered with “{outcome}”; it is one of {', '.join(allowed)}.")
    plain: dict[str, Any] = {"outcome": outcome}
    strength = answer.get("strength")
    if strength is not None and outcome in ("left", "right"):
        if not question.strength or strength not in range(1, question.strength + 1):
            raise WrongAnswer(f"“{question.key}” has the strength {strength!r}; it has {question.strength} levels.")
        plain["strength"] = strength
    reason = _text(answer.get("reason"), LONGEST_TEXT)
    if question.reason == "required" and not reason:
        raise WrongAnswer(f"“{question.name or question.text}” asks for a reason.")
    if reason and question.reason != "none":
        plain["reason"] = reason
    return plain


def _pick(question: Question, answer: Mapping[str, Any], shown: Shown) -> dict[str, Any]:
    best = answer.get("best")
    if best is None and question.none and "best" in answer:
        return {"best": None}
    return {"best": _place(question, best, shown)}


def _rank(question: Question, answer: Mapping[str, Any], shown: Shown) -> dict[str, Any]:
    ranks = answer.get("ranks")
    if not isinstance(ranks, list) or len(ranks) != shown.places:
        raise WrongAnswer(f"“{question.key}” needs a rank for each of the {shown.places} samples.")
    given = [rank for rank in ranks if rank is not None]
    if not all(isinstance(rank, int) and not isinstance(rank, bool) and 1 <= rank <= shown.places for rank in given):
        raise WrongAnswer(f"“{question.key}” has the ranks {ranks}; they count from 1 to {shown.places}.")
    if len(given) < len(ranks) and not question.partial:
        raise WrongAnswer(f"“{question.key}” leaves {len(ranks) - len(given)} samples without a rank.")
    if len(given) < 2:
        raise WrongAnswer(f"“{question.key}” ranks fewer than two samples.")
    if len(set(given)) < len(given) and not question.ties:
        raise WrongAnswer(f"“{question.key}” does not allow ties.")
    dense = {rank: number for number, rank in enumerate(sorted(set(given)), 1)}
    return {"ranks": [None if rank is None else dense[rank] for rank in ranks]}


def _rate(question: Question, answer: Mapping[str, Any], shown: Shown) -> dict[str, Any]:
    values = _by_place(question.key, answer.get("values"), shown)
    for value in values:
        if not question.allows(value):
            raise WrongAnswer(f"“{question.key}” was rated {value}, which its scale does not have.")
    return {"values": values}


def _check(question: Question, answer: Mapping[str, Any], shown: Shown) -> dict[str, Any]:
    values = answer.get("values")
    if not isinstance(values, Mapping) or set(values) != {item.key for item in question.items}:
        raise WrongAnswer(f"“{question.key}” needs a value for each of its {len(question.items)} items.")
    plain = {}
    for item in question.items:
        row = _by_place(f"{question.key}/{item.key}", values[item.key], shown)
        if any(value not in [level.value for level in item.levels] for value in row):
            raise WrongAnswer(f"“{item.text or item.key}” was answered with {row}, which its levels do not have.")
        plain[item.key] = row
    return {"values": plain}


def _mark(question: Question, answer: Mapping[str, Any], shown: Shown) -> dict[str, Any]:
    marks = answer.get("marks")
    if not isinstance(marks, list) or len(marks) > MOST_MARKS:
        raise WrongAnswer(f"“{question.key}” needs a list of at most {MOST_MARKS} marks.")
    return {"marks": [_one_mark(question, mark, shown) for mark in marks]}


def _write(question: Question, answer: Mapping[str, Any], shown: Shown) -> dict[str, Any]:
    if question.per == "item":
        return {"text": _text(answer.get("text"), question.most)}
    texts = answer.get("texts")
    if not isinstance(texts, list) or len(texts) != shown.places:
        raise WrongAnswer(f"“{question.key}” needs a note, even an empty one, for each of {shown.places} samples.")
    plain = [_text(text, question.most) for text in texts]
    if question.required and not all(plain):
        raise WrongAnswer(f"“{question.name or question.text}” asks for a note on every sample.")
    return {"texts": plain}


_READERS = {
    "compare": _compare,
    "pick": _pick,
    "rank": _rank,
    "rate": _rate,
    "check": _check,
    "mark": _mark,
    "write": _write,
}


# -- parts ------------------------------------------------------------------------------------------------------------


def _text(value: object, most: int) -> str:
    text = "" if value is None else value
    if not isinstance(text, str):
        raise WrongAnswer(f"{value!r} stands where a text belongs.")
    # PostgreSQL keeps every character but this one.
    text = text.replace("\x00", "").strip()
    if len(text) > most:
        raise WrongAnswer(f"A note of {len(text)} characters is too long; at most {most}.")
    return text


def _place(question: Question, value: object, shown: Shown) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < shown.places:
        raise WrongAnswer(f"“{question.key}” names place {value!r}; there are {shown.places}, counted from 0.")
    return value


def _by_place(name: str, values: object, shown: Shown) -> list[float]:
    if not isinstance(values, list) or len(values) != shown.places:
        raise WrongAnswer(f"“{name}” needs a value for each of the {shown.places} samples.")
    for value in values:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise WrongAnswer(f"“{name}” has {value!r}, which is not a number.")
    return list(values)


def _flags(raw: object, places: int) -> list[dict[str, Any]]:
    if not isinstance(raw, list):
        raise WrongAnswer("“flags” is not a list.")
    flags = []
    for flag in raw:
        place, kind = (flag.get("place"), flag.get("kind")) if isinstance(flag, Mapping) else (None, None)
        if isinstance(place, bool) or not isinstance(place, int) or not 0 <= place < places or kind not in FLAGS:
            raise WrongAnswer(f"A flag names a place from 0 to {places - 1} and is unsafe or broken.")
        flags.append({"place": place, "kind": kind, "text": _text(flag.get("text"), LONGEST_TEXT)})
    return flags


def _one_mark(question: Question, raw: object, shown: Shown) -> dict[str, Any]:
    if not isinstance(raw, Mapping):
        raise WrongAnswer("A mark is not an object.")
    shape, target = raw.get("shape"), raw.get("target")
    if shape not in question.shapes or target not in question.targets:
        raise WrongAnswer(f"“{question.key}” does not ask for a {shape} in the {target}.")
    error = _text(raw.get("error"), 100)
    if question.errors and error not in question.errors:
        raise WrongAnswer(f"A mark has the error “{error}”; it is one of {', '.join(question.errors)}.")
    mark: dict[str, Any] = {"shape": shape, "target": target, "error": error, "text": _text(raw.get("text"), 2000)}
    # Also what is wrong with a word of the prompt is said of one sample: the one that got it wrong.
    mark["place"] = _place(question, raw.get("place"), shown)
    if shape == "span":
        return {**mark, **_span(mark, shown, raw)}
    medium = _medium(mark, shown, raw)
    if shape == "interval":
        return {**mark, **_where(raw), **_interval(medium, raw)}
    return {**mark, **_where(raw), "points": _points(str(shape), medium, raw.get("points"))}


def _where(raw: Mapping[str, Any]) -> dict[str, Any]:
    where: dict[str, Any] = {"media": raw["media"]}
    if raw.get("target") == "input":
        where["role"] = raw["role"]
    return where


def _medium(mark: Mapping[str, Any], shown: Shown, raw: Mapping[str, Any]) -> MediaShape:
    number = raw.get("media")
    if mark["target"] == "media":
        media = shown.media[mark["place"]]
    elif mark["target"] == "input":
        media = (shown.inputs or {}).get(str(raw.get("role")), ())
    else:
        raise WrongAnswer(f"A {mark['shape']} has no place in a text.")
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < len(media):
        raise WrongAnswer(f"A mark names picture {number!r}; there are {len(media)}, counted from 0.")
    return media[number]


def _span(mark: Mapping[str, Any], shown: Shown, raw: Mapping[str, Any]) -> dict[str, int]:
    if mark["target"] == "prompt":
        text: str | None = shown.prompt
    elif mark["target"] == "answer":
        text = shown.texts[mark["place"]]
    else:
        raise WrongAnswer("A span marks a text, not a picture.")
    return _range("span", raw, len(text or ""), "characters")


def _interval(medium: MediaShape, raw: Mapping[str, Any]) -> dict[str, int]:
    if medium.duration_us is None:
        raise WrongAnswer("An interval marks a video, not a picture.")
    return _range("interval", raw, medium.duration_us, "microseconds")


def _range(shape: str, raw: Mapping[str, Any], length: int, unit: str) -> dict[str, int]:
    start, end = raw.get("start"), raw.get("end")
    for value in (start, end):
        if isinstance(value, bool) or not isinstance(value, int):
            raise WrongAnswer(f"The {shape} from {start!r} to {end!r} is not counted in whole {unit}.")
    assert isinstance(start, int)
    assert isinstance(end, int)
    if not 0 <= start < end <= length:
        raise WrongAnswer(f"The {shape} from {start} to {end} does not lie within {length} {unit}.")
    return {"start": start, "end": end}


_COUNTS = {"point": (1, 1), "box": (2, 2), "polygon": (3, MOST_POINTS)}


def _points(shape: str, medium: MediaShape, raw: object) -> list[list[float]]:
    least, most = _COUNTS[shape]
    if not isinstance(raw, list) or not least <= len(raw) <= most:
        raise WrongAnswer(f"A {shape} has {least} to {most} points.")
    points = [_point(entry, medium) for entry in raw]
    if shape == "box":
        (left, top), (right, bottom) = points
        points = [[min(left, right), min(top, bottom)], [max(left, right), max(top, bottom)]]
        if points[0][0] == points[1][0] or points[0][1] == points[1][1]:
            raise WrongAnswer("A box has a width and a height.")
    return points


def _point(raw: object, medium: MediaShape) -> list[float]:
    if not isinstance(raw, list) or len(raw) != 2:
        raise WrongAnswer(f"{raw!r} is not a point [x, y].")
    for value, most in zip(raw, (medium.width, medium.height), strict=True):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= most:
            raise WrongAnswer(f"The point {raw} lies outside the picture of {medium.width} × {medium.height} pixels.")
    return list(raw)


# -- another order ----------------------------------------------------------------------------------------------------


def _move(kind: str, said: dict[str, Any], to: Sequence[int]) -> dict[str, Any]:
    if kind == "compare":
        mirrored = {"left": "right", "right": "left"} if to[0] == 1 else {}
        return {**said, "outcome": mirrored.get(said["outcome"], said["outcome"])}
    if kind == "pick":
        return {"best": None if said["best"] is None else to[said["best"]]}
    if kind == "check":
        return {"values": {key: _moved(row, to) for key, row in said["values"].items()}}
    if kind == "mark":
        return {"marks": [{**mark, "place": to[mark["place"]]} for mark in said["marks"]]}
    return {name: _moved(row, to) if isinstance(row, list) else row for name, row in said.items()}


def _moved(row: Sequence[Any], to: Sequence[int]) -> list[Any]:
    moved: list[Any] = [None] * len(row)
    for place, value in enumerate(row):
        moved[to[place]] = value
    return moved
