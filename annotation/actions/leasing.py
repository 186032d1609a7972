"""Handing items out: who gets which, for how long, and how one comes back.

The clock is the database's, so a web host whose clock jumps neither ends nor lengthens a lease. Everything a person
does in a batch locks the person's row in it first; slots are taken with SKIP LOCKED, so nobody waits for another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from django.db import connection, transaction
from django.db.models import Count

from annotation import drawing
from annotation.actions import doors
from annotation.models import Assignment, Batch, Item, Participant, Slot
from curation.actions import raters
from curation.models import Judgement, Rater, User

Situation = Literal[
    "open",
    "waiting",
    "done",
    "paused",
    "closed",
    "rater-paused",
    "needs-consent",
    "needs-qualification",
    "passed",
    "failed",
]

# Nobody holds more at once, however many tabs ask.
MOST_HELD = 8
# Looking through the places before the cursor costs more than looking ahead, so it is done this often at most.
LOOK_BACK_SECONDS = 10
SKIPS_THAT_CLOSE = 3
_NEAR = 40


@dataclass(frozen=True)
class Leased:
    """What a person holds now, and what to do where that is nothing."""

    state: Situation
    assignments: Sequence[Assignment] = field(default_factory=tuple)
    message: str = ""
    url: str = ""
    retry_seconds: int = 0
    answered: int = 0
    total: int = 0


@transaction.atomic
def lease(*, batch: Batch, user: User, want: int) -> Leased:
    """Renews what the person holds in the batch and adds items until there are `want`."""
    shut = doors.shut(batch=batch, user=user)
    if shut is not None:
        return Leased(shut.state, message=shut.message, url=shut.url)  # type: ignore[arg-type]
    rater = raters.for_user(user)
    person = participant(batch=batch, rater=rater)
    progress = {"answered": person.answered, "total": batch.item_count}
    if person.state != Participant.State.ACTIVE:
        return Leased(*_stopped(person), **progress)  # type: ignore[arg-type]
    held = _renew(batch, person)
    state: Situation = "open"
    retry = 0
    while len(held) < min(want, MOST_HELD):
        fresh = _next(batch, person)
        if fresh is None:
            state, retry = ("open", 0) if held else _why_nothing(batch, person)
            break
        held.append(fresh)
    person.seen_at = now()
    person.save(update_fields=["cursor", "served", "looked_back_at", "seen_at"])
    return Leased(state, held, retry_seconds=retry, **progress)  # type: ignore[arg-type]


def participant(*, batch: Batch, rater: Rater) -> Participant:
    """The person's row in the batch, made when it is missing, and locked until the transaction ends."""
    locked = Participant.objects.select_for_update(of=("self",)).filter(batch=batch, rater=rater)
    person = locked.first()
    if person is None:
        Participant.objects.get_or_create(batch=batch, rater=rater)
        person = locked.get()
    if person.state == Participant.State.INVITED:
        person.state = Participant.State.ACTIVE
        person.save(update_fields=["state"])
    return person


def now() -> datetime:
    """The database's clock, which decides of leases."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def _stopped(person: Participant) -> tuple[str, tuple[()], str]:
    state = {"passed": "passed", "failed": "failed", "removed": "closed"}.get(person.state, "rater-paused")
    return state, (), person.reason


def _renew(batch: Batch, person: Participant) -> list[Assignment]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE annotation_assignment SET lease_until = clock_timestamp() + make_interval(secs => %s)
            WHERE batch_id = %s AND rater_id = %s AND state = 'leased' RETURNING id
            """,
            [batch.lease_seconds, batch.pk, person.rater_id],
        )
        keys = [row[0] for row in cursor.fetchall()]
    return list(Assignment.objects.filter(pk__in=keys).select_related("item__prompt").order_by("id"))


# -- the next one -----------------------------------------------------------------------------------------------------


def _next(batch: Batch, person: Participant) -> Assignment | None:
    """One more item for the person, of the kind that chance decided; None where nothing is left."""
    if batch.kind == Batch.Kind.QUALIFICATION:
        return _gold(batch, person)
    turn = drawing.turn(
        batch.seed, person.rater_id, person.served, gold_share=batch.gold_share, repeat_share=batch.repeat_share
    )
    chosen = None
    if turn == "gold":
        chosen = _gold(batch, person)
    elif turn == "repeat":
        chosen = _repeat(batch, person)
    return chosen or _from_queue(batch, person)


def _gold(batch: Batch, person: Participant) -> Assignment | None:
    seen = Assignment.objects.living().filter(batch=batch, rater_id=person.rater_id)
    gold = list(
        Item.objects.filter(batch=batch, purpose__in=["gold", "qualification"])
        .exclude(pk__in=seen.values("item_id"))
        .select_related("prompt")
    )
    if not gold:
        return None
    item = min(gold, key=lambda one: drawing.share(batch.seed, "gold", person.rater_id, one.pk))
    return _assign(batch, person, item, slot_id=None)


def _repeat(batch: Batch, person: Participant) -> Assignment | None:
    """An item the person answered a while ago, not yet asked again, mirrored."""
    done = (
        Assignment.objects.filter(batch=batch, rater_id=person.rater_id, state="done", is_repeat=False)
        .filter(purpose__in=[Judgement.Purpose.LABEL, Judgement.Purpose.CONTROL, Judgement.Purpose.AUDIT])
        .select_related("item__prompt")
        .order_by("-id")[drawing.LEAST_BETWEEN : drawing.LEAST_BETWEEN + _NEAR]
    )
    earlier = {one.item_id: one for one in done}
    asked = Assignment.objects.living().filter(item__in=earlier, rater_id=person.rater_id, is_repeat=True)
    for item_id in asked.values_list("item_id", flat=True):
        earlier.pop(item_id, None)
    if not earlier:
        return None
    first = min(earlier.values(), key=lambda one: drawing.share(batch.seed, "repeat", person.rater_id, one.item_id))
    return _assign(batch, person, first.item, slot_id=None, repeats=first)


_QUEUE = """
    WITH next AS (
        SELECT slot.id, slot.item_id, slot.rank FROM annotation_slot slot
        WHERE slot.batch_id = %(batch)s AND slot.state = 'open' AND slot.rank {side} %(cursor)s
          AND NOT EXISTS (
            SELECT 1 FROM annotation_assignment own
            WHERE own.item_id = slot.item_id AND own.rater_id = %(rater)s AND NOT own.is_repeat
              AND own.state IN ('leased', 'done', 'skipped', 'late'))
          {apart}
        ORDER BY slot.rank LIMIT 1 FOR UPDATE OF slot SKIP LOCKED
    )
    UPDATE annotation_slot SET state = 'leased' FROM next WHERE annotation_slot.id = next.id
    RETURNING next.id, next.item_id, next.rank
"""
# Nobody decides a disagreement of their own.
_NOT_OWN = """
          AND NOT EXISTS (
            SELECT 1 FROM annotation_item item
            JOIN curation_judgement said ON said.id = ANY(item.about)
            WHERE item.id = slot.item_id AND said.rater_id = %(rater)s)
"""


def _from_queue(batch: Batch, person: Participant) -> Assignment | None:
    taken = _take(batch, person, ahead=True)
    if taken is None and end_leases():
        taken = _take(batch, person, ahead=True)  # what came back lies ahead of everybody
    if taken is None and _may_look_back(person):
        taken = _take(batch, person, ahead=False)
        person.looked_back_at = now() if taken is None else None  # only a search in vain costs much
    if taken is None:
        return None
    slot_id, item_id, rank = taken
    person.cursor = max(person.cursor, rank)
    return _assign(batch, person, Item.objects.select_related("prompt").get(pk=item_id), slot_id=slot_id)


def _take(batch: Batch, person: Participant, *, ahead: bool) -> tuple[int, int, int] | None:
    apart = _NOT_OWN if batch.kind == Batch.Kind.ADJUDICATION else ""
    with connection.cursor() as cursor:
        # The parts of the statement are ours, from this file; every value is a parameter.
        cursor.execute(
            _QUEUE.format(side=">" if ahead else "<=", apart=apart),
            {"batch": batch.pk, "rater": person.rater_id, "cursor": person.cursor},
        )
        row: tuple[int, int, int] | None = cursor.fetchone()
    return row


def _may_look_back(person: Participant) -> bool:
    last = person.looked_back_at
    return last is None or abs((now() - last).total_seconds()) >= LOOK_BACK_SECONDS


def _assign(
    batch: Batch, person: Participant, item: Item, *, slot_id: int | None, repeats: Assignment | None = None
) -> Assignment:
    moment = now()
    shows_draft = (
        repeats is None
        and item.draft is not None
        and not drawing.is_blind(batch.seed, item.pk, person.rater_id, batch.control_share)
    )
    assignment = Assignment.objects.create(
        item=item,
        batch=batch,
        slot_id=slot_id,
        rater_id=person.rater_id,
        purpose=_purpose(item, shows_draft, repeats),
        repeats=repeats,
        is_repeat=repeats is not None,
        presentation=_presentation(batch, person, item, shows_draft, repeats),
        leased_at=moment,
        lease_until=moment + batch.lease,
    )
    person.served += 1
    return assignment


def _purpose(item: Item, shows_draft: bool, repeats: Assignment | None) -> str:
    if repeats is not None:
        return Judgement.Purpose.REPEAT
    # Gold stays gold, draft or not: what it examines is the person.
    if item.draft is not None and not shows_draft and item.purpose == Judgement.Purpose.LABEL:
        return Judgement.Purpose.CONTROL
    return item.purpose


def _presentation(
    batch: Batch, person: Participant, item: Item, shows_draft: bool, repeats: Assignment | None
) -> dict[str, object]:
    if repeats is not None:
        shown = drawing.mirrored(repeats.presentation["order"])
    else:
        shown = drawing.order(batch.seed, item.pk, person.rater_id, item.sample_ids)
    return {"order": shown, "seed": batch.seed, "draft": shows_draft, "mirrored": repeats is not None}


def _why_nothing(batch: Batch, person: Participant) -> tuple[Situation, int]:
    """Done, or others still hold what might come back."""
    held = Assignment.objects.filter(batch=batch, state=Assignment.State.LEASED).exclude(rater_id=person.rater_id)
    if held.exists():
        return "waiting", LOOK_BACK_SECONDS
    if not _may_look_back(person) and _is_left_behind(batch, person):
        return "waiting", LOOK_BACK_SECONDS
    return "done", 0


def _is_left_behind(batch: Batch, person: Participant) -> bool:
    """Whether slots are open that this person has not answered, which the next look back will find."""
    open_slots = Slot.objects.filter(batch=batch, state=Slot.State.OPEN)
    own = Assignment.objects.living().filter(batch=batch, rater_id=person.rater_id, is_repeat=False)
    return open_slots.exclude(item_id__in=own.values("item_id")).exists()


# -- coming back ------------------------------------------------------------------------------------------------------


def end_leases(*, limit: int = 1000) -> int:
    """Puts items whose lease has ended back into the queue, behind all others. Returns how many."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            WITH over AS (
                SELECT id FROM annotation_assignment WHERE state = 'leased' AND lease_until < clock_timestamp()
                LIMIT %s FOR UPDATE SKIP LOCKED
            )
            UPDATE annotation_assignment SET state = 'expired', ended_at = clock_timestamp()
            FROM over WHERE annotation_assignment.id = over.id RETURNING annotation_assignment.slot_id
            """,
            [limit],
        )
        ended = [row[0] for row in cursor.fetchall()]
        give_back(slot_ids=[slot for slot in ended if slot is not None])
    return len(ended)


def give_back(*, slot_ids: Sequence[int]) -> None:
    """Opens slots again, in the caller's transaction. Where enough people skipped the item, closes them instead."""
    skipped = (
        Assignment.objects.filter(item__slots__in=slot_ids, state=Assignment.State.SKIPPED)
        .values("item_id")
        .annotate(people=Count("rater_id", distinct=True))
        .filter(people__gte=SKIPS_THAT_CLOSE)
    )
    closed = [row["item_id"] for row in skipped]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE annotation_slot
            SET state = CASE WHEN item_id = ANY(%s) THEN 'closed' ELSE 'open' END,
                rank = nextval('annotation_slot_rank')
            WHERE id = ANY(%s) AND state = 'leased'
            """,
            [closed, list(slot_ids)],
        )


@transaction.atomic
def add_slots(*, batch: Batch) -> int:
    """Makes the slots that the batch's items still lack, in the order of the items. Returns how many.

    Called when a batch opens, gets more items, or asks more people per item. Gold has no slots: everybody gets it.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO annotation_slot (item_id, number, batch_id, state, rank)
            SELECT item_id, number, %(batch)s, 'open', nextval('annotation_slot_rank')
            FROM (
                SELECT item.id AS item_id, number FROM annotation_item item
                CROSS JOIN generate_series(0, %(overlap)s - 1) AS number
                WHERE item.batch_id = %(batch)s AND item.purpose NOT IN ('gold', 'qualification')
                ORDER BY item.position, number
            ) AS wanted
            ON CONFLICT (item_id, number) DO NOTHING
            """,
            {"batch": batch.pk, "overlap": batch.overlap},
        )
        added = cursor.rowcount
    asked = Item.objects.filter(batch=batch)
    if batch.kind != Batch.Kind.QUALIFICATION:
        asked = asked.exclude(purpose=Judgement.Purpose.GOLD)
    batch.item_count = asked.count()
    batch.save(update_fields=["item_count"])
    return added
