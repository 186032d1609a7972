"""What a project's votes add up to, for pages and the command: reads only, but for what a worker keeps.

A small project is added up for every visit. Of a large one a worker learns what holds for all and finds the state of
every prompt; a page adds up the few prompts it shows with that.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

import polars as pl
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from curation.actions import examining
from curation.consensus import written
from curation.consensus.adding_up import Consensus, Learnt, add_up, learn
from curation.consensus.cycles import Cycle, cycles
from curation.consensus.noise import noise
from curation.consensus.votes import Told
from curation.models import KeptConsensus, Project, Rater, RaterMember, examination_frames, progress
from curation.models.evidence_frames import read_evidence
from curation.recipes.frames import Evidence
from curation.recipes.model import EvidenceRule, Pairing, Recipe, Signal
from curation.recipes.signals import consensus as told
from curation.recipes.steps.evidence import read as counted

# So many doubtful votes and cycles are told; the rest waits until these are looked at.
MOST_DOUBTS, MOST_CYCLES = 200, 200
# A count is asked for again when nobody has made it in this time.
PATIENCE = timedelta(minutes=10)
# The first half of the advisory lock's key; the second is the project. Any number that nothing else here uses.
_LOCK = 20_263
STATES = pl.Schema(
    {
        "prompt_id": pl.Int64,
        "state": pl.String,
        "best_id": pl.Int64,
        "worst_id": pl.Int64,
        "above": pl.Float64,
        "votes": pl.Int64,
        "people": pl.Int64,
        "all_votes": pl.Int64,
        "has_machines": pl.Boolean,
    }
)


@dataclass(frozen=True)
class Doubt:
    """A vote that everything else contradicts: ids, and P(the other sample is better) without it."""

    judgement_id: int
    position: int
    prompt_id: int
    preferred: int
    other: int
    wrong: float


@dataclass(frozen=True)
class Counted:
    """What a whole project adds up to on one criterion.

    Args:
        numbers: other criteria whose scores of machines were listened to.
        learnt: what holds on every prompt.
        states: `STATES`, a row a prompt, by prompt.
        doubts: the most doubtful votes.
        cycles: preferences in circles, by prompt.
        counted_at: when; None where that is just now.
        is_stale: whether something came in, or was taken back, since.
        is_scripted: whether scripted raters stand in for people, in a demonstration that has none.
    """

    criterion: str
    numbers: tuple[str, ...]
    learnt: Learnt
    states: pl.DataFrame
    doubts: list[Doubt] = field(default_factory=list)
    cycles: list[Cycle] = field(default_factory=list)
    counted_at: datetime | None = None
    is_stale: bool = False
    is_scripted: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """How many prompts are in each state."""
        found = dict(self.states.group_by("state").len().iter_rows())
        return {state: int(found.get(state, 0)) for state in ("decided", "provisional", "open", "indistinguishable")}

    @property
    def signal(self) -> Signal:
        return Signal("consensus", self.criterion, numbers=self.numbers)


def criteria(project: Project) -> dict[str, int]:
    """The criteria people compare by, with their living votes. Costs what `examining.options` does."""
    return _options(project).criteria


def _options(project: Project) -> examining.Options:
    """What people compare by; in a demonstration that has none, what scripts do."""
    known = examining.options(project)
    return known if known.criteria else examining.options(project, examining.SCRIPTED)


def chosen_criterion(project: Project, key: str | None) -> str | None:
    """The criterion that is asked about, or the first one; None where nobody has compared anything.

    Raises:
        Refused: nobody compares by that.
    """
    known = _options(project)
    if not known.criteria and not key:
        return None
    return examining.resolved(examining.Choice(criterion=key or None), known).criterion


def numbers_for(project: Project, criterion: str) -> tuple[str, ...]:
    """Other criteria whose scores of machines are listened to: of each machine those it has, unless it has this one."""
    columns = [column for column in examination_frames.columns(project) if column.source == "scores"]
    same = {column.rater_id for column in columns if column.criterion == criterion}
    return tuple(sorted({column.criterion for column in columns if column.rater_id not in same}))


# -- reading ----------------------------------------------------------------------------------------------------------


def read(project: Project, signal: Signal, prompts: Collection[int] | None = None) -> Told:
    """What is added up, cleaned as recipes clean it: without retracted, quarantined and contradicted statements,
    without ensembles beside their members, and without what was said under principles.

    Costs about twenty queries, whatever the number of rows.
    """
    rule = EvidenceRule(scripted_as_people=is_scripted(project))
    recipe = Recipe(title="consensus", pairing=Pairing(rule="none", by=signal), evidence=rule)
    parts = signal.reads()
    evidence = read_evidence(
        project_id=project.pk,
        dataset_id=None,
        scored={part.criterion for part in parts if part.source == "scores"},
        voted={signal.criterion},
        prompts=prompts,
        more=recipe.more_frames(),
    )
    ours, _step = counted(recipe, _plain(project, evidence))
    return told.told_of(signal, ours, evidence.samples)


def is_scripted(project: Project) -> bool:
    """Whether scripts are taken for people here: it is a demonstration, and no person has said anything."""
    kinds = Rater.objects.filter(judgements__project=project).order_by()
    if kinds.filter(kind=Rater.Kind.PERSON).exists():
        return False
    return kinds.filter(kind=Rater.Kind.SCRIPTED).exists()


def _plain(project: Project, evidence: Evidence) -> Evidence:
    """Without ensembles whose members speak for themselves, without principles, each act once."""
    here = set(evidence.raters["rater_id"].to_list())
    members = RaterMember.objects.filter(ensemble__in=here, member__in=here)
    ensembles = list(members.values_list("ensemble_id", flat=True).distinct())
    derived = evidence.links.join(evidence.judgements.select("judgement_id"), on="judgement_id", how="semi")
    kept = evidence.judgements.filter(
        pl.col("context").is_null(),
        ~pl.col("rater_id").is_in(ensembles),
        ~pl.col("judgement_id").is_in(derived["source_id"].implode()),
    ).select("judgement_id")
    return replace(
        evidence,
        judgements=evidence.judgements.join(kept, on="judgement_id", how="semi"),
        scores=evidence.scores.join(kept, on="judgement_id", how="semi"),
        comparisons=evidence.comparisons.join(kept, on="judgement_id", how="semi"),
    )


# -- counting ---------------------------------------------------------------------------------------------------------


def count(project: Project, criterion: str) -> tuple[Counted, Consensus]:
    """Adds everything up now."""
    signal = Signal("consensus", criterion, numbers=numbers_for(project, criterion))
    everything = read(project, signal)
    learnt = learn(everything)
    found = add_up(everything, learnt)
    doubted = noise(found)
    doubts = [
        Doubt(
            int(doubted.judgement[place]),
            int(doubted.position[place]),
            int(doubted.prompt[place]),
            int(doubted.preferred[place]),
            int(doubted.other[place]),
            round(float(doubted.wrong[place]), 4),
        )
        for place in doubted.doubtful()[:MOST_DOUBTS]
    ]
    circles = cycles(found.said, found.layout)
    return (
        Counted(
            criterion=criterion,
            numbers=signal.numbers,
            learnt=learnt,
            states=found.states().cast(STATES),  # type: ignore[arg-type]
            doubts=doubts,
            cycles=circles[:MOST_CYCLES],
            is_scripted=is_scripted(project),
        ),
        found,
    )


def at_hand(project: Project, criterion: str) -> Counted | None:
    """What there is to show: counted now for a small project, else what is kept; None where nothing is kept yet."""
    if not progress.is_large(project):
        return count(project, criterion)[0]
    row = KeptConsensus.objects.filter(project=project, criterion=criterion).first()
    if row is None or row.counted_at is None:
        return None
    return _counted(row, is_stale=row.marks != progress.marks(project))


def _counted(row: KeptConsensus, *, is_stale: bool) -> Counted:
    answer: dict[str, Any] = row.answer or {}
    return Counted(
        criterion=row.criterion,
        numbers=tuple(answer["numbers"]),
        learnt=written.from_json(answer["learnt"]),
        states=pl.read_parquet(io.BytesIO(bytes(row.states or b""))),
        doubts=[Doubt(**one) for one in answer["doubts"]],
        cycles=[_cycle(one) for one in answer["cycles"]],
        counted_at=row.counted_at,
        is_stale=is_stale,
        is_scripted=answer.get("is_scripted", False),
    )


def _cycle(value: dict[str, Any]) -> Cycle:
    pairs = {name: tuple(tuple(pair) for pair in value[name]) for name in ("doubted", "votes")}
    return Cycle(**{**value, "samples": tuple(value["samples"]), **pairs})


def ask(project: Project, criterion: str) -> bool:
    """Notes that a count is wanted; True where somebody has to be called for it, False where somebody was just now."""
    now = timezone.now()
    with transaction.atomic():
        row, _made = KeptConsensus.objects.select_for_update().get_or_create(project=project, criterion=criterion)
        if row.asked_at is not None and now - row.asked_at < PATIENCE:
            return False
        row.asked_at = now
        row.save(update_fields=["asked_at"])
        return True


def refresh(*, project: Project, criterion: str) -> Counted | None:
    """Counts a project and keeps the answer; None while somebody else is counting it.

    The marks are read before the rows, so what comes in meanwhile calls for the next count and is never missed.
    """
    with transaction.atomic():
        if not _lock(project):
            return None
        started, now, marks = monotonic(), timezone.now(), progress.marks(project)
        found, _everything = count(project, criterion)
        states = io.BytesIO()
        found.states.write_parquet(states, compression="zstd")
        fields = {
            "answer": _as_json(found),
            "states": states.getvalue(),
            "counted_at": now,
            "seconds": monotonic() - started,
            "marks": marks,
            "asked_at": None,
        }
        KeptConsensus.objects.update_or_create(project=project, criterion=criterion, defaults=fields)
        return replace(found, counted_at=now)


def _as_json(found: Counted) -> dict[str, Any]:
    return {
        "numbers": list(found.numbers),
        "is_scripted": found.is_scripted,
        "learnt": written.as_json(found.learnt),
        "doubts": [asdict(one) for one in found.doubts],
        "cycles": [asdict(one) for one in found.cycles],
    }


def _lock(project: Project) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_LOCK, project.pk % 2**31])
        return bool(cursor.fetchone()[0])


# -- some prompts -----------------------------------------------------------------------------------------------------


def of_prompts(project: Project, found: Counted, prompts: Iterable[int]) -> Consensus:
    """The strengths of these prompts, with what was learnt from all."""
    wanted = sorted(prompts)
    return add_up(read(project, found.signal, wanted), found.learnt)


def said_of(found: Counted) -> str:
    """One sentence on how much the numbers rest on, for people."""
    learnt = found.learnt
    said = _("%(votes)s votes of %(people)s people; %(twice)s couples were judged by two of them.")
    if found.is_scripted:
        said = _("%(votes)s votes of %(people)s scripted raters; %(twice)s couples were judged by two of them.")
    return said % {
        "votes": f"{learnt.votes:,}",
        "people": f"{learnt.people:,}",
        "twice": f"{learnt.twice:,}",
    }
