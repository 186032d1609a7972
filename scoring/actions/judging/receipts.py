"""A judge's word as it came about: the question as sent, the reply, the other order, and who checked the reasons.

The question is not stored; it is written again from the judge's template, which never changes, and from the samples.
Its digest tells whether it is the very question that was paid for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from curation.errors import Refused
from curation.models import Comparison, Judgement, JudgementLink, Project
from scoring.actions.items import items_as_named
from scoring.actions.judging import looks, subjects, templates
from scoring.judges import questions
from scoring.judges.base import Instruction, Question, Subject, Template
from scoring.judges.units import Query, Unit
from scoring.models import Judge, JudgeCall, JudgeRater


@dataclass(frozen=True)
class Sent:
    """The question behind a verdict.

    Attributes:
        question: None where it cannot be written any more; `fault` then says why.
        is_exact: its digest is the receipt's.
        owners: the sample to which a file belongs, by the digest of the file; the prompt's own files are absent.
    """

    question: Question | None
    is_exact: bool = False
    fault: str = ""
    owners: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Listening:
    """What somebody who only read the reasons concluded."""

    judgement: Judgement
    confirms: bool


@dataclass(frozen=True)
class Receipt:
    """Everything behind one verdict of a judge.

    Attributes:
        shown: sample ids in the order in which they were shown; empty for a listener.
        turned: the same judge's verdict on the same samples in the other order, where there is one.
        flipped: keys of the criteria on which the two differ.
        source: the verdict whose reasons a listener read.
    """

    judgement: Judgement
    judge: Judge | None
    call: JudgeCall | None
    shown: tuple[int, ...]
    turned: Judgement | None
    flipped: tuple[str, ...]
    listeners: tuple[Listening, ...]
    source: Judgement | None


def receipt(project: Project, judgement: Judgement) -> Receipt:
    """Reads what belongs to a verdict. Costs about seven queries."""
    payload = judgement.payload or {}
    made_by = JudgeRater.objects.filter(rater=judgement.rater_id, judge__project=project)
    judge = made_by.select_related("judge__template", "judge__project").first()
    turned = _turned(judgement)
    return Receipt(
        judgement=judgement,
        judge=judge.judge if judge else None,
        call=JudgeCall.objects.filter(project=project, pk=payload.get("call") or 0).first(),
        shown=tuple((judgement.presentation or {}).get("order", ())),
        turned=turned,
        flipped=_flipped(judgement, turned) if turned else (),
        listeners=_listeners(judgement),
        source=Judgement.objects.filter(pk=(payload.get("listener") or {}).get("of") or 0, project=project).first(),
    )


def query_of(judgement: Judgement) -> Query | None:
    """The question that a verdict answers; None where it does not say how it was asked."""
    said = judgement.presentation or {}
    if "reasons_of" in said:
        return Query(Unit(0, (), said["reasons_of"]), False, said.get("repeat", 0))
    if "order" not in said:
        return None
    order = tuple(said["order"])
    is_turned = bool(said.get("swapped"))
    return Query(Unit(0, order[::-1] if is_turned else order), is_turned, said.get("repeat", 0))


def _turned(judgement: Judgement) -> Judgement | None:
    query = query_of(judgement)
    if query is None or query.unit.source or len(query.unit.samples) < 2:
        return None
    other = Query(query.unit, not query.is_turned, query.repeat)
    key = other.key(judgement.context_id, judgement.guideline_id)
    same = Judgement.objects.filter(project=judgement.project_id, rater=judgement.rater_id)
    return same.filter(client_key=key).first()


def _flipped(one: Judgement, other: Judgement) -> tuple[str, ...]:
    """Criteria on which two verdicts about the same samples do not say the same. One query."""
    rows = Comparison.objects.filter(judgement__in=[one.pk, other.pk]).select_related("criterion_version__criterion")
    said: dict[tuple[int, str, int, int], str] = {}
    for row in rows:
        low, high = sorted((row.left_sample_id, row.right_sample_id))
        key = row.criterion_version.criterion.key
        said[row.judgement_id, key, low, high] = _winner(row)
    pairs = {key[1:] for key in said}
    differing = {
        key for key, low, high in pairs if said.get((one.pk, key, low, high)) != said.get((other.pk, key, low, high))
    }
    return tuple(sorted(differing))


def _winner(comparison: Comparison) -> str:
    """What a comparison says whatever the sides: the number of the better sample, or the word for none."""
    sides = {"left": comparison.left_sample_id, "right": comparison.right_sample_id}
    return str(sides.get(comparison.outcome, comparison.outcome))


def _listeners(judgement: Judgement) -> tuple[Listening, ...]:
    kinds = (JudgementLink.Kind.CONFIRMS, JudgementLink.Kind.CONTRADICTS)
    links = JudgementLink.objects.filter(source=judgement, kind__in=kinds, judgement__retracted_at=None)
    return tuple(
        Listening(link.judgement, link.kind == JudgementLink.Kind.CONFIRMS)
        for link in links.select_related("judgement__rater").order_by("judgement")
    )


# -- the question -----------------------------------------------------------------------------------------------------


def sent(found: Receipt) -> Sent:
    """The question as it was sent, with the turns before its last answer. Costs about eight queries."""
    query = query_of(found.judgement)
    if found.judge is None or query is None:
        return Sent(None, fault=_("It is not known how this verdict was asked for."))
    try:
        template = templates.of(found.judge)
        seen = () if query.unit.source else shown_subjects(query.shown)
        question = _written(found.judgement, template, query, seen)
    except (Refused, ValueError) as error:
        return Sent(None, fault=str(error))
    owners = {file.digest: one.sample_id for one in seen for file in one.media}
    return Sent(question, is_exact=_is_exact(question, found), owners=owners)


def _written(judgement: Judgement, template: Template, query: Query, seen: Sequence[Subject]) -> Question:
    instruction = Instruction(
        principle=judgement.context.text if judgement.context else "",
        guideline=judgement.guideline.text if judgement.guideline else "",
    )
    if query.unit.source:
        (shown,) = subjects.shown([query])
        if shown.fault:
            raise ValueError(shown.fault)
        return questions.render(template, (), instruction, query.repeat, reasoning=shown.reasoning)
    question = questions.render(questions.bound(template, seen), seen, instruction, query.repeat)
    return looks.told_again(question, looks.of_trace((judgement.payload or {}).get("trace") or ()))


def shown_subjects(sample_ids: tuple[int, ...]) -> tuple[Subject, ...]:
    """The samples as a template sees them, their files unread.

    Raises:
        ValueError: one is no longer there.
    """
    found = {item.sample_id: subjects.subject(item) for item in items_as_named(list(dict.fromkeys(sample_ids)))}
    gone = next((pk for pk in sample_ids if pk not in found), None)
    if gone is not None:
        raise ValueError(f"sample {gone} is no longer there")
    return tuple(found[pk] for pk in sample_ids)


def _is_exact(question: Question, found: Receipt) -> bool:
    """Whether the receipt is for this very question, put to the rater's model."""
    model: Mapping[str, Any] = found.judgement.rater.identity.get("model", {})
    return found.call is not None and question.digest(model) == found.call.digest
