"""From a verdict to a judgement: one act a question, with its evidence and the whole reply."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from curation.actions import kinship
from curation.actions.judgements import Act, Link, NewComparison, NewMark, NewScore, Subject, ranking
from curation.models import Job, Judgement, JudgementLink, Prompt, Sample
from scoring.actions.judging import looks
from scoring.actions.judging.asking import Answered
from scoring.actions.judging.benches import Bench
from scoring.actions.judging.criteria import item_name
from scoring.judges.base import Mode, Preference, Verdict
from scoring.judges.units import Query
from scoring.scorers.kinship import name_of

_ACTS = {
    Mode.POINTS: Judgement.Act.RATE,
    Mode.CHECKLIST: Judgement.Act.CHECK,
    Mode.PAIR: Judgement.Act.COMPARE,
    Mode.LIST: Judgement.Act.RANK,
    Mode.LISTENER: Judgement.Act.LISTEN,
}


def acts(job: Job, ready: Bench, answered: Sequence[Answered]) -> list[Act]:
    """The judgements to be written. Three queries at most."""
    related = _of_the_same_family(ready, answered)
    texts = _texts_of_words(answered)
    heard = _listened_to(answered) if ready.template.mode == Mode.LISTENER else {}
    made = [
        replace(_act(job, ready, one, related, heard), marks=_words(job, ready, one, texts))
        for one in answered
        if one.verdict is not None
    ]
    # In one order, so that two jobs on the same pairs wait for each other and never in a circle.
    return sorted(made, key=lambda act: act.client_key)


def _act(job: Job, ready: Bench, one: Answered, related: set[int], heard: Mapping[int, Mapping[str, str]]) -> Act:
    assert one.verdict is not None
    assert one.call is not None
    query, verdict = one.query, one.verdict
    statements, links = _statements(job, ready, query, verdict), []
    payload = payload_of(one, is_related=any(pk in related for pk in query.unit.samples))
    if query.unit.source:
        kind = _kind(verdict, heard[query.unit.source])
        links = [Link(query.unit.source, kind)]
        payload["listener"] = {"of": query.unit.source, "found": kind}
    return Act(
        rater_id=job.params["rater"],
        act=_ACTS[ready.template.mode],
        context_id=job.params.get("context"),
        guideline_id=job.params.get("guideline"),
        at=one.call.asked_at,
        seconds=sum(call.seconds for call in one.calls),
        client_key=query.key(job.params.get("context"), job.params.get("guideline")),
        job_id=job.pk,
        presentation=_presentation(query),
        payload=payload,
        links=links,
        **statements,
    )


def _presentation(query: Query) -> dict[str, Any]:
    if query.unit.source:
        return {"reasons_of": query.unit.source, "repeat": query.repeat}
    return {"order": list(query.shown), "swapped": query.is_turned, "repeat": query.repeat}


def payload_of(one: Answered, *, is_related: bool) -> dict[str, Any]:
    """The whole reply, what was read in it, its receipt, and what was looked at before."""
    assert one.call is not None
    payload: dict[str, Any] = {
        "reply": one.call.text,
        "call": one.call.pk,
        "seconds": sum(call.seconds for call in one.calls),
        "cost": float(sum(call.cost for call in one.calls)),
    }
    if one.looks:
        payload["trace"] = looks.trace(one.looks)
    if one.verdict is not None:
        payload["verdict"] = {key: value for key, value in asdict(one.verdict).items() if value}
    if one.fault:
        payload["fault"] = one.fault
    if is_related:
        payload["same_family"] = True
    return payload


# -- evidence ---------------------------------------------------------------------------------------------------------


def _statements(job: Job, ready: Bench, query: Query, verdict: Verdict) -> dict[str, Any]:
    keys = job.params["criteria"]
    shown = [Subject(pk, query.unit.prompt_id) for pk in query.shown]
    match ready.template.mode:
        case Mode.PAIR:
            left, right = shown
            return {"comparisons": [_comparison(left, right, keys[key], p) for key, p in verdict.preferences.items()]}
        case Mode.LIST:
            lists = [ranking(shown, ranks, keys[key]) for key, ranks in verdict.ranks.items()]
            return {"comparisons": [comparison for own in lists for comparison in own]}
        case Mode.POINTS | Mode.CHECKLIST:
            return {"scores": list(_scores(shown[0], keys, verdict))}
        case Mode.LISTENER:
            return {}


def _comparison(left: Subject, right: Subject, criterion: int, said: Preference) -> NewComparison:
    return NewComparison(left, right, criterion, said.outcome, strength=said.strength, confidence=_confidence(said))


def _confidence(said: Preference) -> float | None:
    """The probability that was read for the side that was named; none for a tie, of which none was read."""
    if said.probability is None:
        return None
    return {"left": said.probability, "right": 1.0 - said.probability}.get(said.outcome)


def _scores(subject: Subject, keys: Mapping[str, int], verdict: Verdict) -> Iterator[NewScore]:
    """The numbers, and item by item the answers to questions that every sample is asked.

    Items written for one prompt alone have no criterion; they stand in the payload.
    """
    for key, result in verdict.scores.items():
        yield NewScore(subject, keys[key], result.value, result.spread)
    for answer in verdict.answers:
        criterion = keys.get(item_name(answer.key))
        if criterion is not None and not answer.is_void:
            yield NewScore(subject, criterion, float(answer.yes))


# -- single words -----------------------------------------------------------------------------------------------------


def _texts_of_words(answered: Sequence[Answered]) -> dict[int, str]:
    """The prompts of whose words something was said. One query, or none."""
    wanted = {
        one.query.unit.prompt_id for one in answered if one.verdict is not None and one.verdict.detail.get("words")
    }
    return dict(Prompt.objects.filter(pk__in=wanted).values_list("pk", "text")) if wanted else {}


def _words(job: Job, ready: Bench, one: Answered, texts: Mapping[int, str]) -> list[NewMark]:
    """The judge's numbers for words of the prompt, on the template's first criterion, where the words stand."""
    said: Any = one.verdict.detail.get("words", []) if one.verdict is not None else []
    if not said or ready.template.mode != Mode.POINTS:
        return []
    subject = Subject(one.query.shown[0], one.query.unit.prompt_id)
    criterion = job.params["criteria"][ready.template.criteria[0].key]
    return [
        NewMark(subject, "prompt", "span", criterion, start=start, end=end, value=value)
        for start, end, value in placed_words(texts[one.query.unit.prompt_id], said)
    ]


def placed_words(text: str, words: Sequence[tuple[str, float]]) -> list[tuple[int, int, float]]:
    """Where words stand in a text, each behind the one before: first and last code point (half-open) and its number.

    What does not stand there (a sign for “no mistakes”, a word the judge made up) has no place; the answer keeps it.

    >>> placed_words("A cat, a hat", [("a", 1.0), ("hat", 2.0), ("[none]", 3.0)])
    [(0, 1, 1.0), (9, 12, 2.0)]
    """
    found, reached = [], 0
    for word, value in words:
        if not word.strip():
            continue
        match = re.compile(rf"(?<!\w){re.escape(word.strip())}(?!\w)", re.IGNORECASE).search(text, reached)
        if match:
            reached = match.end()
            found.append((match.start(), match.end(), value))
    return found


# -- independence and listening ---------------------------------------------------------------------------------------


def _of_the_same_family(ready: Bench, answered: Sequence[Answered]) -> set[int]:
    """Samples whose generator shares weights or training data with the judge, or is the very model it asks."""
    judge = ready.judge
    related = kinship.relatives(judge.project, family=judge.family, model_names=[name_of(judge.model)])
    if not related:
        return set()
    shown = {pk for one in answered for pk in one.query.unit.samples}
    return set(Sample.objects.filter(pk__in=shown, generator__in=related).values_list("pk", flat=True))


def _listened_to(answered: Sequence[Answered]) -> dict[int, dict[str, str]]:
    """What the judgements said whose reasons were read: outcome by criterion key."""
    found: dict[int, dict[str, str]] = {}
    rows = Judgement.objects.filter(pk__in={one.query.unit.source for one in answered}, comparisons__isnull=False)
    said = rows.values_list("pk", "comparisons__criterion_version__criterion__key", "comparisons__outcome")
    for pk, key, outcome in said:
        found.setdefault(pk, {})[key] = outcome
    return found


def _kind(verdict: Verdict, heard: Mapping[str, str]) -> str:
    """Whether the reasons lead to what was said: the same on every criterion both speak of.

    A listener with one criterion alone is held against the first of the verdict where they share none.
    """
    own = {key: preference.outcome for key, preference in verdict.preferences.items()}
    shared = [key for key in own if key in heard]
    same = (
        all(own[key] == heard[key] for key in shared) if shared else set(own.values()) == {next(iter(heard.values()))}
    )
    return JudgementLink.Kind.CONFIRMS if same else JudgementLink.Kind.CONTRADICTS
