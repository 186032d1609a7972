"""What a worker does for probes of a judge: plan them; of a part, what is asked, what it shows, and what came of it.

The asking itself is that of every job of a judge (`scoring.actions.judging.working`): its budget, its rate, its
receipts, and the reply that is kept for the same question again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from curation.actions import jobs
from curation.models import Job, JobChunk, State
from scoring.actions import parts
from scoring.actions.judging import benches, planning
from scoring.actions.judging.asking import Answered
from scoring.actions.judging.subjects import Shown, subject
from scoring.actions.probing import cards, judges, originals
from scoring.actions.probing.cards import Card
from scoring.actions.probing.running import Teller
from scoring.judges.base import Preference, Verdict
from scoring.judges.units import Query, Unit
from scoring.models import ProbeAnswer, ProbeRun
from scoring.probes.pair_report import OTHER_SIDE, Said
from scoring.probes.pairs import Comparison, PairMaker
from scoring.probes.suite import Case, Maker
from scoring.scorers.base import Item

_FROM_THE_LEFT: Mapping[str, Said] = {"left": Said.FOR, "right": Said.AGAINST, "tie": Said.TIE, "both-bad": Said.BAD}


def plan(job: Job, owner: str) -> None:
    """Says who the judge is and cuts the cases into parts, a prompt each: both orders, and both sides of a real pair,
    are of one part. Whole or not at all.

    Raises:
        ScorerUnavailable: the model cannot be had on this worker.
        Refused: the template or endpoint no longer exists, or a sample of the run is gone.
        Lost: another worker took the job over meanwhile.
    """
    run = ProbeRun.objects.get(job=job)
    judge = benches.judge_of(job)
    ready = benches.bench(judge, job)
    card = cards.of_template(ready.template)
    run.rater = planning.rater(ready)
    job.params["rater"] = run.rater.pk
    with tempfile.TemporaryDirectory(prefix="pairwright-probes-") as name:
        every = judges.cases(originals.load(run, Path(name)), card, run.seed)
    chunks = list(_chunks(job, every, card))
    with transaction.atomic():
        locked = Job.objects.select_for_update().filter(pk=job.pk, owner=owner, state=State.RUNNING).first()
        if locked is None:
            raise jobs.Lost
        JobChunk.objects.bulk_create(chunks)
        run.save(update_fields=["rater"])
        locked.params = job.params
        locked.total = sum(chunk.total for chunk in chunks)
        locked.save(update_fields=["params", "total"])


def _chunks(job: Job, every: Sequence[Case], card: Card) -> Iterator[JobChunk]:
    for place, (_group, found) in enumerate(groupby(every, key=lambda case: case.group)):
        own = list(found)
        yield JobChunk(
            job=job,
            position=place,
            queue=job.queue,
            total=len(judges.asked(own)) * card.orders,
            params={"first": own[0].position, "last": own[-1].position},
        )


# -- one part ---------------------------------------------------------------------------------------------------------


@contextmanager
def opened(chunk: JobChunk) -> Iterator[Desk]:
    """The desk of a part, with the originals of its run in a folder of their own until it is closed.

    Raises:
        Refused: a sample of the run is gone.
        Unavailable: this machine cannot read the storage.
    """
    run = ProbeRun.objects.select_related("project").get(job=chunk.job)
    card = cards.of_run(run)
    with tempfile.TemporaryDirectory(prefix="pairwright-probes-") as name:
        groups = originals.load(run, Path(name))
        every = judges.cases(groups, card, run.seed)
        yield Desk(
            chunk=chunk,
            card=card,
            every=every,
            maker=Maker(groups, card.needs, Path(name), seed=run.seed),
            pair_maker=PairMaker(groups, card.needs, Path(name)),
            teller=Teller(run, [item.sample_id for group in groups for item in group]),
        )


@dataclass
class Desk:
    """A part of a run at a judge."""

    chunk: JobChunk
    card: Card
    every: Sequence[Case]
    maker: Maker
    pair_maker: PairMaker
    teller: Teller
    # By position: the items of what is under way, and of a comparison the order that was answered first.
    _items: dict[int, tuple[Item, ...]] = field(default_factory=dict)
    _halves: dict[int, Answered] = field(default_factory=dict)

    @property
    def _range(self) -> tuple[int, int]:
        return self.chunk.params["first"], self.chunk.params["last"]

    def queries(self) -> list[Query]:
        """The questions about every case of the part that has no row. A comparison of which only one order was
        answered is asked again; the reply that is kept costs nothing."""
        first, last = self._range
        rows = self.teller.run.answers.filter(position__range=(first, last))
        answered = set(rows.values_list("position", flat=True))
        wanted = [case for case in judges.asked(self.every[first : last + 1]) if case.position not in answered]
        return [
            Query(self._unit(case), is_turned) for case in wanted for is_turned in (False, True)[: self.card.orders]
        ]

    def _unit(self, case: Case) -> Unit:
        """Nothing that a project has: numbers below 0 are no sample and no prompt."""
        samples = (-(2 * case.position + 1), -(2 * case.position + 2))
        return Unit(-(case.group + 1), samples[: self.card.orders])

    def _case(self, query: Query) -> Case:
        return self.every[(-query.unit.samples[0] - 1) // 2]

    def show(self, queries: Sequence[Query]) -> Iterator[Shown]:
        """What each question shows; made when it is about to be sent."""
        for query in queries:
            case = self._case(query)
            try:
                items = self._made(case)
            except ValueError as error:
                yield Shown(query, fault=str(error))
                continue
            seen = tuple(subject(item) for item in items)
            yield Shown(query, seen[::-1] if query.is_turned else seen)

    def _made(self, case: Case) -> tuple[Item, ...]:
        if case.position not in self._items:
            made = self.pair_maker.pair(case) if isinstance(case, Comparison) else (self.maker.asked(case).item,)
            self._items[case.position] = made
        return self._items[case.position]

    # -- what came of it ----------------------------------------------------------------------------------------------

    def save(self, owner: str, answered: Sequence[Answered]) -> None:
        """Writes the rows that are whole. An input that got no verdict is no failure, it is what was asked.

        Raises:
            Lost: the part is no longer this owner's; nothing is written.
        """
        rows = [row for one in answered for row in self._rows(one)]
        with transaction.atomic():
            locked = parts.locked(self.chunk, owner)
            ProbeAnswer.objects.bulk_create(rows, ignore_conflicts=True)
            counts = self._counts()
            locked.done, locked.skipped = counts["done"] * self.card.orders, counts["skipped"] * self.card.orders
            locked.heartbeat_at = timezone.now()
            locked.save(update_fields=["done", "skipped", "heartbeat_at"])

    def _counts(self) -> dict[str, int]:
        first, last = self._range
        asked = [case.position for case in judges.asked(self.every[first : last + 1])]
        return self.teller.run.answers.filter(position__in=asked).aggregate(
            done=Count("pk", filter=~Q(values={})), skipped=Count("pk", filter=Q(values={}))
        )

    def _rows(self, one: Answered) -> list[ProbeAnswer]:
        case = self._case(one.query)
        if not isinstance(case, Comparison):
            return [self._row(case, self._items.pop(case.position, ()), _numbers(one.verdict), one.fault)]
        other = self._halves.pop(case.position, None)
        if other is None:
            self._halves[case.position] = one
            return []
        plain, turned = (other, one) if one.query.is_turned else (one, other)
        return self._of_both(case, plain, turned)

    def _of_both(self, case: Comparison, plain: Answered, turned: Answered) -> list[ProbeAnswer]:
        """The row of a comparison, and for a real pair that of its other side."""
        items = self._items.pop(case.position, ())
        values, fault = _preferences(plain.verdict, turned.verdict), plain.fault or turned.fault
        rows = [self._row(case, items, values, fault)]
        for other in self.every[case.position + 1 : case.position + 2]:
            if isinstance(other, Comparison) and other.mirrors == case.position:
                seen = {key: (_other(second), _other(first)) for key, (first, second) in values.items()}
                rows.append(self._row(other, items[::-1], seen, fault))
        return rows

    def _row(self, case: Case, items: Sequence[Item], values: Mapping[str, object], fault: str) -> ProbeAnswer:
        reason = "" if values else fault or _("It said nothing of the criteria it was asked about.")
        return self.teller.told(case, items[0], values, reason) if items else self.teller.unmade(case, reason)


def _numbers(verdict: Verdict | None) -> dict[str, float]:
    return {key: result.value for key, result in verdict.scores.items()} if verdict else {}


def _preferences(plain: Verdict | None, turned: Verdict | None) -> dict[str, tuple[Said, Said]]:
    """By criterion: what was said with the input first, and with the input second; nothing unless both were."""
    if plain is None or turned is None:
        return {}
    first, second = _left(plain), _left(turned)
    return {key: (first[key], _other(second[key])) for key in first if key in second}


def _left(verdict: Verdict) -> dict[str, Said]:
    """What was said of the one shown first; of a ranking of two, which of them stands before the other."""
    ranked = {key: Preference(_by_rank(*ranks)) for key, ranks in verdict.ranks.items()}
    return {key: _FROM_THE_LEFT[one.outcome] for key, one in {**ranked, **verdict.preferences}.items()}


def _by_rank(left: float, right: float) -> str:
    return "tie" if left == right else "left" if left < right else "right"


def _other(said: Said) -> Said:
    return OTHER_SIDE.get(said, said)
