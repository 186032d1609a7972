"""Disagreements become a queue: a batch in which others decide what the people of a batch could not agree upon.

An adjudicator's answer is a judgement of its own that names those it decides about. It replaces nothing: what each
person said stays as it was.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotation.actions import leasing
from annotation.models import Batch, Item, Participant
from annotation.models import disagreements as reads
from annotation.models.disagreements import Disagreement
from curation.actions import raters
from curation.actions.judgements import Link
from curation.errors import Refused
from curation.models import Judgement, JudgementLink, User

RULE = "adjudication"
_WANT = 500


@dataclass(frozen=True)
class Queued:
    """The batch that was made, how many items it has, and how many were left out because all chosen had judged them."""

    batch: Batch
    items: int
    left_out: int


def links_for(item: Item) -> list[Link]:
    """The links that every judgement of this item carries: to those it decides about."""
    return [Link(judgement, JudgementLink.Kind.ADJUDICATES) for judgement in item.about]


def offered(batch: Batch) -> reads.Looked:
    """The disagreements nobody was asked to decide yet, among the first items looked through."""
    looked = reads.look(batch, want=_WANT)
    waiting = [one for one, _about in _not_in(reads.queued(batch), looked.found)]
    return reads.Looked(waiting, looked.looked_at, looked.next_position)


def _not_in(done: set[int], found: Sequence[Disagreement]) -> Iterator[tuple[Disagreement, list[int]]]:
    """Those of which no judgement was put before anybody yet, each with its judgements."""
    acts = reads.judgements_by_answer([voice.answer.pk for one in found for voice in one.voices])
    for one in found:
        about = sorted(pk for voice in one.voices for pk in acts[voice.answer.pk])
        if not done.intersection(about):
            yield one, about


@transaction.atomic
def open_queue(*, batch: Batch, people: Sequence[User], name: str, by: User) -> Queued:
    """Makes and opens a batch of every disagreement of this one that is in no such batch yet.

    The batch is locked first, so that two curators who ask at once do not queue an item twice.

    Raises:
        Refused: nobody was chosen, there is nothing to decide, or everybody chosen had judged all of it.
    """
    locked = Batch.objects.select_for_update(of=("self",)).select_related("project").get(pk=batch.pk)
    if locked.kind == Batch.Kind.ADJUDICATION:
        raise Refused(_("“%(name)s” decides disagreements itself; one person answers each item.") % {"name": locked})
    chosen = [raters.for_user(person) for person in people]
    if not chosen:
        raise Refused(_("Choose at least one person who decides."))
    able = {rater.pk for rater in chosen}
    found = list(_waiting(locked))
    fitting = [(one, about) for one, about in found if able - {voice.rater.pk for voice in one.voices}]
    if not fitting:
        raise Refused(
            _("Everybody you chose has judged all of these items. Choose somebody who has not.")
            if found
            else _("There is no disagreement in “%(name)s” that waits to be decided.") % {"name": locked}
        )
    made = _batch(locked, name, by)
    _items(made, fitting)
    Participant.objects.bulk_create(
        [Participant(batch=made, rater=rater, state=Participant.State.INVITED) for rater in chosen]
    )
    leasing.add_slots(batch=made)
    return Queued(made, len(fitting), len(found) - len(fitting))


def _waiting(batch: Batch) -> Iterator[tuple[Disagreement, list[int]]]:
    """All disagreements of the batch that are in no adjudication yet, each with its judgements."""
    done = reads.queued(batch)
    after: int | None = -1
    while after is not None:
        looked = reads.look(batch, after=after, want=_WANT)
        yield from _not_in(done, looked.found)
        after = looked.next_position


def _batch(source: Batch, name: str, by: User) -> Batch:
    now = timezone.now()
    return Batch.objects.create(
        project=source.project,
        name=name,
        kind=Batch.Kind.ADJUDICATION,
        state=Batch.State.OPEN,
        questions=source.questions,
        guideline=source.guideline,
        rule={"rule": RULE, "batch": source.pk},
        # JSON keeps whole numbers exactly up to here.
        seed=secrets.randbelow(2**53),
        overlap=1,
        normalise_resolution=source.normalise_resolution,
        lease_seconds=source.lease_seconds,
        undo_seconds=source.undo_seconds,
        is_open_to_members=False,
        created_by=by,
        opened_at=now,
    )


def _items(batch: Batch, found: Sequence[tuple[Disagreement, list[int]]]) -> None:
    Item.objects.bulk_create(
        [
            Item(
                batch=batch,
                position=position,
                prompt_id=one.item.prompt_id,
                sample_ids=one.item.sample_ids,
                purpose=Judgement.Purpose.LABEL,
                about=about,
                request_id=one.item.request_id,
            )
            for position, (one, about) in enumerate(found)
        ],
        batch_size=1000,
    )
