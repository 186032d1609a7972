"""Samples as a judge is shown them, read in slices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from curation.models import Judgement
from scoring.actions.items import items
from scoring.judges.base import Subject
from scoring.judges.units import Query
from scoring.scorers.base import Item

# Questions made ready with one set of queries, before the first of them is sent.
READ_AT_ONCE = 32


@dataclass(frozen=True)
class Shown:
    """A question with what it shows, or why it cannot be asked."""

    query: Query
    subjects: tuple[Subject, ...] = ()
    reasoning: str = ""
    fault: str = ""


def shown(queries: Sequence[Query]) -> Iterator[Shown]:
    """What each question shows, in the order given."""
    waiting = iter(queries)
    while some := list(islice(waiting, READ_AT_ONCE)):
        if some[0].unit.source:
            yield from _listened(some)
        else:
            yield from _looked_at(some)


def _looked_at(queries: Sequence[Query]) -> Iterator[Shown]:
    wanted = list(dict.fromkeys(pk for query in queries for pk in query.unit.samples))
    found = {item.sample_id: subject(item) for item in items(wanted)}
    for query in queries:
        gone = [pk for pk in query.shown if pk not in found]
        if gone:
            yield Shown(query, fault=f"sample {gone[0]} is no longer there")
        else:
            yield Shown(query, tuple(found[pk] for pk in query.shown))


def _listened(queries: Sequence[Query]) -> Iterator[Shown]:
    """For a listener: the reasons of a verdict, without the verdict and without the samples."""
    rows = Judgement.objects.living().filter(pk__in={query.unit.source for query in queries})
    reasons = {
        pk: (payload or {}).get("verdict", {}).get("reasoning", "") for pk, payload in rows.values_list("pk", "payload")
    }
    for query in queries:
        words = reasons.get(query.unit.source, "")
        if not words:
            yield Shown(query, fault=f"judgement {query.unit.source} no longer stands, or states no reasons")
        else:
            yield Shown(query, reasoning=words)


def subject(item: Item) -> Subject:
    """A sample as the engine reads it, as a template sees it."""
    return Subject(
        sample_id=item.sample_id,
        prompt_id=item.prompt_id,
        prompt_text=_asked(item),
        media=item.media,
        roles=item.roles,
        text=item.text,
        facts=item.facts,
    )


def _asked(item: Item) -> str:
    """What was asked: the text, or a conversation with who said what."""
    if not item.turns:
        return item.prompt_text
    turns = "\n".join(f"{turn.get('role', 'user')}: {turn.get('content', '')}" for turn in item.turns)
    return f"{turns}\n{item.prompt_text}".strip()
