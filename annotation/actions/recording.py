"""From an answer to judgements: one act a question, each with its statements. Places become samples here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import combinations
from typing import Any

from annotation.models import Assignment
from annotation.questions import Question
from curation.actions.judgements import (
    Act,
    Link,
    NewComparison,
    NewFlag,
    NewMark,
    NewNote,
    NewScore,
    Subject,
    ranking,
)
from curation.models import Judgement

FLAGS = "flags"

_ACTS = {
    "compare": Judgement.Act.COMPARE,
    # The best of k is a ranking that says one thing only.
    "pick": Judgement.Act.RANK,
    "rank": Judgement.Act.RANK,
    "rate": Judgement.Act.RATE,
    "check": Judgement.Act.CHECK,
    "mark": Judgement.Act.MARK,
    "write": Judgement.Act.WRITE,
}


def acts(
    *,
    assignment: Assignment,
    questions: Sequence[Question],
    answer: Mapping[str, Any],
    client_key: str,
    seconds: float | None,
    at: datetime,
    links: Sequence[Link] = (),
) -> list[tuple[str, Act]]:
    """The acts of one answer, each with the key of its question, in the order of the questions.

    Args:
        answer: in the plain form of `annotation.answers`, by places as shown.
        client_key: of the answer; each act's own is made from it.
        seconds: for the whole item; it stands on every act, since the questions were answered together.
        links: to earlier judgements, the same for every act.
    """
    item = assignment.item
    shown = [Subject(sample, item.prompt_id) for sample in assignment.presentation["order"]]
    common: dict[str, Any] = {
        "rater_id": assignment.rater_id,
        "purpose": assignment.purpose,
        "guideline_id": assignment.batch.guideline_id,
        "at": at,
        "seconds": seconds,
        "batch_key": f"{assignment.batch_id}/{item.pk}",
        "presentation": {**assignment.presentation, "assignment": assignment.pk},
        "sampling_probability": item.sampling_probability,
        "links": tuple(links),
    }
    made = []
    for question in questions:
        said = answer["questions"].get(question.key)
        if said is not None:
            statements = _STATEMENTS[question.kind](question, said, shown)
            key = f"{client_key}/{question.key}"
            made.append(
                (question.key, Act(act=_ACTS[question.kind], payload=said, client_key=key, **statements, **common))
            )
    if answer.get("flags"):
        flags = [NewFlag(shown[flag["place"]].sample_id, flag["kind"], flag["text"]) for flag in answer["flags"]]
        payload = {FLAGS: answer["flags"]}
        key = f"{client_key}/{FLAGS}"
        made.append((FLAGS, Act(act=Judgement.Act.FLAG, payload=payload, client_key=key, flags=flags, **common)))
    return made


def _compare(question: Question, said: Mapping[str, Any], shown: Sequence[Subject]) -> dict[str, Any]:
    left, right = shown
    comparison = NewComparison(left, right, _criterion(question), said["outcome"], strength=said.get("strength"))
    reason = said.get("reason")
    notes = [NewNote(left.prompt_id, reason, criterion_version_id=question.criterion)] if reason else []
    return {"comparisons": [comparison], "notes": notes}


def _pick(question: Question, said: Mapping[str, Any], shown: Sequence[Subject]) -> dict[str, Any]:
    best = said["best"]
    if best is None:
        pairs = [(one, other, "both-bad") for one, other in combinations(shown, 2)]
    else:
        pairs = [(shown[best], other, "left") for place, other in enumerate(shown) if place != best]
    criterion = _criterion(question)
    return {"comparisons": [NewComparison(a, b, criterion, outcome, is_implied=True) for a, b, outcome in pairs]}


def _rank(question: Question, said: Mapping[str, Any], shown: Sequence[Subject]) -> dict[str, Any]:
    ranked = [(subject, rank) for subject, rank in zip(shown, said["ranks"], strict=True) if rank is not None]
    subjects, ranks = zip(*ranked, strict=True)
    return {"comparisons": ranking(subjects, ranks, _criterion(question))}


def _rate(question: Question, said: Mapping[str, Any], shown: Sequence[Subject]) -> dict[str, Any]:
    criterion = _criterion(question)
    values = zip(shown, said["values"], strict=True)
    return {"scores": [NewScore(subject, criterion, float(value)) for subject, value in values]}


def _check(question: Question, said: Mapping[str, Any], shown: Sequence[Subject]) -> dict[str, Any]:
    return {
        "scores": [
            NewScore(subject, item.criterion, float(value))
            for item in question.items
            for subject, value in zip(shown, said["values"][item.key], strict=True)
        ]
    }


def _mark(question: Question, said: Mapping[str, Any], shown: Sequence[Subject]) -> dict[str, Any]:
    return {"marks": [_one_mark(question, mark, shown) for mark in said["marks"]]}


def _one_mark(question: Question, mark: Mapping[str, Any], shown: Sequence[Subject]) -> NewMark:
    return NewMark(
        subject=shown[mark["place"]],
        target=mark["target"],
        shape=mark["shape"],
        criterion_version_id=question.criterion,
        media_index=mark.get("media"),
        input_role=mark.get("role", ""),
        start=mark.get("start"),
        end=mark.get("end"),
        points=mark.get("points"),
        error_type=mark["error"],
        text=mark["text"],
    )


def _write(question: Question, said: Mapping[str, Any], shown: Sequence[Subject]) -> dict[str, Any]:
    return {"notes": list(_notes(question, said, shown))}


def _notes(question: Question, said: Mapping[str, Any], shown: Sequence[Subject]) -> Iterator[NewNote]:
    if "text" in said:
        yield NewNote(shown[0].prompt_id, said["text"], criterion_version_id=question.criterion)
        return
    for subject, text in zip(shown, said["texts"], strict=True):
        if text:
            yield NewNote(subject.prompt_id, text, subject.sample_id, question.criterion)


_STATEMENTS = {
    "compare": _compare,
    "pick": _pick,
    "rank": _rank,
    "rate": _rate,
    "check": _check,
    "mark": _mark,
    "write": _write,
}


def _criterion(question: Question) -> int:
    if question.criterion is None:
        raise ValueError(f"“{question.key}” has no criterion")
    return question.criterion
