"""The rows of each table of a batch: votes, items, raters, timing, payment."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from django.db.models import Count, F, QuerySet, Sum
from django.db.models.functions import TruncDate

from annotation import questions
from annotation.labels import over_samples
from annotation.models import Answer, Batch, Item, Participant
from annotation.models.disagreements import heard
from annotation.models.votes import quarantined
from annotation.reliability import RaterLine
from annotation.tables import Row
from annotation.views.quality import make_report
from curation.access import Right, may
from curation.models import Rater, Sample
from curation.reliability.shares import Share
from curation.views.doors import PageRequest

BLOCK = 2000
_TIME = pa.timestamp("us", tz="UTC")


@dataclass
class Names:
    """How raters are called in a table: pseudonyms, and beside them the accounts for those who manage the project."""

    request: PageRequest
    known: dict[int, Rater] = field(default_factory=dict)

    def read(self, raters: Iterable[int]) -> None:
        missing = set(raters) - self.known.keys()
        if missing:
            self.known |= Rater.objects.select_related("user").in_bulk(missing)

    def of(self, rater: int) -> dict[str, str]:
        row = self.known[rater]
        is_named = row.user is not None and may(self.request.role, Right.MANAGE)
        return {"rater": row.name, "account": row.user.username if is_named and row.user else ""}


WHO = [("rater", pa.string()), ("account", pa.string())]


# -- votes ------------------------------------------------------------------------------------------------------------

VOTES = pa.schema(
    [
        ("answer", pa.int64()),
        ("item", pa.int64()),
        ("prompt", pa.string()),
        *WHO,
        ("purpose", pa.string()),
        ("is_repeat", pa.bool_()),
        ("is_late", pa.bool_()),
        ("is_apart", pa.bool_()),
        ("question", pa.string()),
        ("kind", pa.string()),
        ("said", pa.string()),  # JSON, over the samples in the order of `samples`
        ("samples", pa.string()),  # JSON: keys, or ids where there is none
        ("shown", pa.string()),  # JSON: the same in the order on the screen
        ("flags", pa.string()),
        ("seconds", pa.float64()),
        ("at", _TIME),
    ]
)


def votes(batch: Batch, names: Names) -> Iterator[Row]:
    """One row an answer and question, exactly as each person said it; the oldest first."""
    asked = {question.key: question for question in questions.parse(batch.questions)}
    since = quarantined(batch.project_id)
    for block in _blocks(_answers(batch)):
        names.read(row.assignment.rater_id for row in block)
        keys = _sample_names(pk for row in block for pk in row.assignment.item.sample_ids)
        for row in block:
            yield from _vote(row, asked, names, keys, since.get(row.assignment.rater_id))


def _answers(batch: Batch) -> QuerySet[Answer]:
    rows = Answer.objects.current().filter(assignment__batch=batch, assignment__state__in=["done", "late"])
    return rows.select_related("assignment__item__prompt").order_by("pk")


def _blocks(rows: QuerySet[Answer]) -> Iterator[list[Answer]]:
    """By key and not by a cursor of the database, which a streamed response could hold open for an hour."""
    last = 0
    while block := list(rows.filter(pk__gt=last)[:BLOCK]):
        yield block
        last = block[-1].pk


def _sample_names(ids: Iterable[int]) -> dict[int, str]:
    found = Sample.objects.filter(pk__in=set(ids)).values_list("pk", "key")
    return {pk: key or str(pk) for pk, key in found}


def _vote(
    row: Answer,
    asked: dict[str, questions.Question],
    names: Names,
    keys: dict[int, str],
    since: datetime | None,
) -> Iterator[Row]:
    given, item = row.assignment, row.assignment.item
    stored = over_samples(
        row.payload or {"questions": {}}, list(asked.values()), given.presentation["order"], item.sample_ids
    )
    common = {
        "answer": row.pk,
        "item": item.pk,
        "prompt": item.prompt.text,
        **names.of(given.rater_id),
        "purpose": given.purpose,
        "is_repeat": given.is_repeat,
        "is_late": given.state == "late",
        "is_apart": since is not None and row.created_at >= since,
        "samples": _json([keys.get(pk, str(pk)) for pk in item.sample_ids]),
        "shown": _json([keys.get(pk, str(pk)) for pk in given.presentation["order"]]),
        "flags": _json(stored["flags"]),
        "seconds": row.seconds,
        "at": row.created_at,
    }
    # An answer that only flags, or was erased, is a row all the same.
    for key, said in (stored["questions"] or {"": None}).items():
        kind = asked[key].kind if key else ""
        yield {**common, "question": key, "kind": kind, "said": _json(said) if key else ""}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


# -- items ------------------------------------------------------------------------------------------------------------

ITEMS = pa.schema(
    [
        ("item", pa.int64()),
        ("position", pa.int64()),
        ("purpose", pa.string()),
        ("prompt", pa.string()),
        ("samples", pa.string()),
        ("sampling_probability", pa.float64()),
        ("answers", pa.int64()),
        ("seconds", pa.float64()),
        ("distribution", pa.string()),  # JSON: by question the number of answers with each value
    ]
)


def items(batch: Batch, names: Names) -> Iterator[Row]:
    """One row an item with the distribution of its labels: how many people said what, with nobody's verdict merged."""
    asked = questions.parse(batch.questions)
    rows = Item.objects.filter(batch=batch).select_related("prompt").order_by("position")
    last = -1
    while block := list(rows.filter(position__gt=last)[:BLOCK]):
        keys = _sample_names(pk for item in block for pk in item.sample_ids)
        heard = _heard(batch, block)
        for item in block:
            own = heard.get(item.pk, [])
            seconds = [row.seconds for row in own if row.seconds is not None]
            yield {
                "item": item.pk,
                "position": item.position,
                "purpose": item.purpose,
                "prompt": item.prompt.text,
                "samples": _json([keys.get(pk, str(pk)) for pk in item.sample_ids]),
                "sampling_probability": item.sampling_probability,
                "answers": len(own),
                "seconds": sum(seconds) if seconds else None,
                "distribution": _json(_distribution(item, own, asked)),
            }
        last = block[-1].position


def _heard(batch: Batch, block: list[Item]) -> dict[int, list[Answer]]:
    """The first answers that count, by item."""
    found: dict[int, list[Answer]] = {}
    for row in heard(batch).filter(assignment__item__in=block).order_by("pk"):
        found.setdefault(row.assignment.item_id, []).append(row)
    return found


def _distribution(item: Item, own: list[Answer], asked: Sequence[questions.Question]) -> dict[str, dict[str, int]]:
    kinds = {question.key: question.kind for question in asked}
    counts: dict[str, Counter[str]] = {}
    for row in own:
        stored = over_samples(
            row.payload or {"questions": {}}, asked, row.assignment.presentation["order"], item.sample_ids
        )
        for key, said in stored["questions"].items():
            counts.setdefault(key, Counter())[_value(kinds[key], said)] += 1
    return {key: dict(values.most_common()) for key, values in counts.items()}


def _value(kind: str, said: Mapping[str, Any]) -> str:
    """What a distribution counts: the verdict without its strength and reason; samples by their place in the item."""
    if kind == "compare":
        return {"left": "first", "right": "second"}.get(said["outcome"], said["outcome"])
    if kind == "pick":
        return "none" if said["best"] is None else str(said["best"] + 1)
    if kind in ("rank", "rate"):
        return ",".join("-" if one is None else f"{one:g}" for one in said["ranks" if kind == "rank" else "values"])
    return _json(said)


# -- raters -----------------------------------------------------------------------------------------------------------

RATERS = pa.schema(
    [
        *WHO,
        ("state", pa.string()),
        ("answers", pa.int64()),
        ("labels", pa.int64()),
        ("kept_apart", pa.int64()),
        ("median_seconds", pa.float64()),
        ("total_seconds", pa.float64()),
        *(
            (f"{name}{part}", kind)
            for name in ("gold", "repeats_alike", "first_place")
            for part, kind in (
                ("_count", pa.int64()),
                ("_of", pa.int64()),
                ("", pa.float64()),
                ("_low", pa.float64()),
                ("_high", pa.float64()),
            )
        ),
        ("lean_logits", pa.float64()),
        ("lean_low", pa.float64()),
        ("lean_high", pa.float64()),
        ("follows", pa.float64()),
        ("follows_low", pa.float64()),
        ("follows_high", pa.float64()),
        ("alarms", pa.string()),  # JSON: pattern, seen, of, p, q
    ]
)


def raters(batch: Batch, names: Names) -> Iterator[Row]:
    found = make_report(batch)
    names.read(line.rater for line in found.raters)
    states = dict(Participant.objects.filter(batch=batch).values_list("rater_id", "state"))
    for line in found.raters:
        lean, follows = line.mirrored, line.follows
        yield {
            **names.of(line.rater),
            "state": states.get(line.rater, ""),
            "answers": line.answers,
            "labels": line.labels,
            "kept_apart": line.apart,
            "median_seconds": line.seconds,
            "total_seconds": line.total_seconds,
            **_share("gold", line.gold),
            **_share("repeats_alike", line.alike),
            **_share("first_place", line.first_place),
            "lean_logits": lean.logits if lean else None,
            "lean_low": lean.low if lean else None,
            "lean_high": lean.high if lean else None,
            "follows": follows.slope if follows else None,
            "follows_low": follows.low if follows else None,
            "follows_high": follows.high if follows else None,
            "alarms": _alarms(line),
        }


def _share(name: str, share: Share | None) -> Row:
    return {
        f"{name}_count": share.count if share else None,
        f"{name}_of": share.of if share else None,
        name: share.share if share else None,
        f"{name}_low": share.low if share else None,
        f"{name}_high": share.high if share else None,
    }


def _alarms(line: RaterLine) -> str:
    return _json(
        [
            {"pattern": one.pattern, "seen": one.finding.seen, "of": one.finding.of, "p": one.finding.p, "q": one.q}
            for one in line.alarms
        ]
    )


# -- timing and payment -----------------------------------------------------------------------------------------------

TIMING = pa.schema(
    [
        ("answer", pa.int64()),
        ("item", pa.int64()),
        *WHO,
        ("purpose", pa.string()),
        ("is_late", pa.bool_()),
        ("seconds", pa.float64()),  # as the page measured it while it was looked at
        ("leased_at", _TIME),
        ("answered_at", _TIME),
    ]
)


def timing(batch: Batch, names: Names) -> Iterator[Row]:
    """One row an answer: when it was taken, when it came, and how long it was looked at."""
    for block in _blocks(_answers(batch)):
        names.read(row.assignment.rater_id for row in block)
        for row in block:
            given = row.assignment
            yield {
                "answer": row.pk,
                "item": given.item_id,
                **names.of(given.rater_id),
                "purpose": given.purpose,
                "is_late": given.state == "late",
                "seconds": row.seconds,
                "leased_at": given.leased_at,
                "answered_at": row.created_at,
            }


PAYMENT = pa.schema(
    [
        *WHO,
        ("day", pa.date32()),  # UTC
        ("purpose", pa.string()),
        ("answers", pa.int64()),
        ("seconds", pa.float64()),
        ("without_time", pa.int64()),
    ]
)


def payment(batch: Batch, names: Names) -> Iterator[Row]:
    """Count and time of each person by day and purpose. Known items, repeats, late ones: all of it was work."""
    rows = (
        Answer.objects.current()
        .filter(assignment__batch=batch, assignment__state__in=["done", "late"])
        .annotate(day=TruncDate("created_at", tzinfo=UTC), who=F("assignment__rater_id"), why=F("assignment__purpose"))
        .values("who", "day", "why")
        .annotate(answers=Count("pk"), timed=Count("seconds"), seconds_in_all=Sum("seconds"))
        .order_by("who", "day", "why")
    )
    names.read(row["who"] for row in rows)
    for row in rows:
        yield {
            **names.of(row["who"]),
            "day": row["day"],
            "purpose": row["why"],
            "answers": row["answers"],
            "seconds": row["seconds_in_all"] or 0.0,
            "without_time": row["answers"] - row["timed"],
        }


MANAGERS_ONLY = frozenset({"payment"})
TABLES: dict[str, tuple[pa.Schema, Callable[[Batch, Names], Iterator[Row]]]] = {
    "votes": (VOTES, votes),
    "items": (ITEMS, items),
    "raters": (RATERS, raters),
    "timing": (TIMING, timing),
    "payment": (PAYMENT, payment),
}
