"""Putting the cases of a run to a scorer and keeping what it says. Alike for a job's worker and for the command."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from curation.models import Project, User
from scoring import embeddings
from scoring.actions.planning import rater_of
from scoring.actions.probing import cards, originals, summing
from scoring.engine import Pace, run
from scoring.models import ProbeAnswer, ProbeRun
from scoring.probes import suite
from scoring.probes.kinds import SUITE
from scoring.probes.suite import Asked, Case, Maker
from scoring.scorers.base import Item, Outcome, Reading, Scorer


def cases_of(probe_run: ProbeRun, scorer: Scorer[Any]) -> list[Case]:
    """Every case of a run whose originals are chosen."""
    with tempfile.TemporaryDirectory(prefix="pairwright-probes-") as name:
        return suite.cases(originals.load(probe_run, Path(name)), scorer.facts.needs)


@dataclass(frozen=True)
class Room:
    """What answering takes: a scorer in memory, and how much it does at once."""

    scorer: Scorer[Any]
    pace: Pace


def answers(probe_run: ProbeRun, room: Room, positions: Sequence[int]) -> Iterator[ProbeAnswer]:
    """Unsaved answers to the cases at these positions, as they come.

    Nothing is taken from, or left in, the store of embeddings: an altered picture is of no use to anybody.

    Raises:
        Refused: a sample of the run is gone.
    """
    facts = room.scorer.facts
    with tempfile.TemporaryDirectory(prefix="pairwright-probes-") as name, embeddings.ignored():
        groups = originals.load(probe_run, Path(name))
        every = suite.cases(groups, facts.needs)
        maker = Maker(groups, facts.needs, Path(name), seed=probe_run.seed, whole_groups=facts.scope == "group")
        samples = [item.sample_id for group in groups for item in group]
        teller = Teller(probe_run, samples)
        yield from _asked(maker, [every[position] for position in positions], room, teller)


def _asked(maker: Maker, cases: Sequence[Case], room: Room, teller: Teller) -> Iterator[ProbeAnswer]:
    """The engine reads the items lazily; a case that cannot be made is answered with the reason and never read."""
    waiting: dict[int, Asked] = {}
    unmade: list[ProbeAnswer] = []

    def items() -> Iterator[Item]:
        for case in cases:
            try:
                asked = maker.asked(case)
            except ValueError as error:
                unmade.append(teller.unmade(case, str(error)))
                continue
            waiting[asked.item.sample_id] = asked
            yield from asked.items

    # In this thread: whether embeddings are ignored is known to it alone.
    for batch in run(items(), [room.scorer], replace(room.pace, threads=0, processes=0, ahead=0)):
        for item, outcome in zip(batch.items, batch.outcomes, strict=True):
            if item.sample_id in waiting:
                yield teller.answer(waiting.pop(item.sample_id), outcome)
        yield from unmade
        unmade.clear()
    yield from unmade


@dataclass(frozen=True)
class Teller:
    """Puts what was said of a case into a row.

    Attributes:
        samples: ids of the originals in their order; of drawings they mean nothing.
    """

    run: ProbeRun
    samples: Sequence[int]

    def answer(self, asked: Asked, outcome: Outcome) -> ProbeAnswer:
        if isinstance(outcome, Reading):
            return self.told(asked.case, asked.item, {key: one.value for key, one in outcome.results.items()}, "")
        return self.told(asked.case, asked.item, {}, outcome.reason)

    def told(self, case: Case, item: Item, values: Mapping[str, Any], reason: str) -> ProbeAnswer:
        row = self._row(case)
        row.prompt_text, row.text, row.values, row.reason = item.prompt_text, item.text, dict(values), reason
        try:
            row.picture = suite.shown(item)
        except ValueError:
            row.picture = None  # what cannot be decoded cannot be shown; the outcome says why
        return row

    def unmade(self, case: Case, reason: str) -> ProbeAnswer:
        row = self._row(case)
        row.reason = reason
        return row

    def _row(self, case: Case) -> ProbeAnswer:
        return ProbeAnswer(
            run=self.run,
            position=case.position,
            probe=case.probe,
            group=case.group,
            original=case.original,
            sample_id=None if self.run.is_drawn else self.samples[case.original],
        )


# -- here and now -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wanted:
    """Which scorer is to be probed, with all its settings, on whose samples."""

    scorer: Scorer[Any]
    settings: dict[str, str]
    project: Project | None
    seed: int


def run_here(wanted: Wanted, pace: Pace, by: User | None = None) -> ProbeRun:
    """Runs the whole suite in this process, without a job, and keeps it.

    Raises:
        ScorerUnavailable: its weights are not here.
    """
    wanted.scorer.ready()
    made = ProbeRun.objects.create(
        rater=rater_of(wanted.scorer),
        scorer=wanted.scorer.name,
        settings=wanted.settings,
        project=wanted.project,
        suite=SUITE,
        seed=wanted.seed,
        originals=originals.choose(wanted.project, wanted.scorer.facts, wanted.seed),
        created_by=by,
    )
    try:
        positions = [case.position for case in cases_of(made, wanted.scorer)]
        said = list(answers(made, Room(wanted.scorer, pace), positions))
        with transaction.atomic():
            ProbeAnswer.objects.bulk_create(said)
            summing.sum_up(made, cards.of_facts(wanted.scorer.facts), now=timezone.now())
    except BaseException:
        made.delete()  # half a run says nothing, and nothing will take it up
        raise
    return made
