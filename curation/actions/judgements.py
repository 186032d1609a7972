"""Writing down what raters say, and taking it back. Nothing here edits a judgement."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from curation.actions import passes
from curation.actions.passes import PassScore as PassScore
from curation.errors import Refused
from curation.models import (
    Comparison,
    Flag,
    Job,
    Judgement,
    JudgementLink,
    Mark,
    Note,
    Project,
    Rater,
    Score,
    User,
)
from curation.ranking import implied_pairs


@dataclass(frozen=True)
class Subject:
    """A sample and the prompt it is judged under."""

    sample_id: int
    prompt_id: int


@dataclass(frozen=True)
class NewComparison:
    left: Subject
    right: Subject
    criterion_version_id: int
    outcome: str
    strength: float | None = None
    confidence: float | None = None
    # None: the next free one, counted over what the rater said of the very same before.
    occasion: int | None = None
    is_implied: bool = False


@dataclass(frozen=True)
class NewScore:
    subject: Subject
    criterion_version_id: int
    value: float
    spread: float | None = None
    occasion: int | None = None


@dataclass(frozen=True)
class NewMark:
    subject: Subject
    target: str
    shape: str
    criterion_version_id: int | None = None
    media_index: int | None = None
    input_role: str = ""
    start: int | None = None
    end: int | None = None
    # Of a heatmap: what it names its asset with, or its cells as `heatmaps.packed` keeps them.
    points: list[list[float]] | dict[str, Any] | None = None
    error_type: str = ""
    text: str = ""
    value: float | None = None


@dataclass(frozen=True)
class NewNote:
    prompt_id: int
    text: str
    sample_id: int | None = None
    criterion_version_id: int | None = None


@dataclass(frozen=True)
class NewFlag:
    sample_id: int
    kind: str
    text: str = ""


@dataclass(frozen=True)
class Link:
    source_id: int
    kind: str


@dataclass(frozen=True)
class Act:
    """One judgement to be written, with everything it says."""

    rater_id: int
    act: str
    purpose: str = Judgement.Purpose.LABEL
    context_id: int | None = None
    guideline_id: int | None = None
    at: datetime | None = None
    seconds: float | None = None
    client_key: str = ""
    job_id: int | None = None
    batch_key: str = ""
    presentation: dict[str, Any] | None = None
    sampling_probability: float | None = None
    payload: dict[str, Any] | None = None
    comparisons: Sequence[NewComparison] = field(default_factory=tuple)
    scores: Sequence[NewScore] = field(default_factory=tuple)
    marks: Sequence[NewMark] = field(default_factory=tuple)
    notes: Sequence[NewNote] = field(default_factory=tuple)
    flags: Sequence[NewFlag] = field(default_factory=tuple)
    links: Sequence[Link] = field(default_factory=tuple)


def ranking(subjects: Sequence[Subject], ranks: Sequence[float], criterion_version_id: int) -> list[NewComparison]:
    """The comparisons a ranking implies, in one list for one act."""
    if len(subjects) != len(ranks):
        raise Refused(
            _("The ranking names %(samples)d samples but %(ranks)d ranks.")
            % {
                "samples": len(subjects),
                "ranks": len(ranks),
            }
        )
    try:
        return [
            NewComparison(subjects[i], subjects[j], criterion_version_id, outcome, is_implied=True)
            for i, j, outcome in implied_pairs(ranks)
        ]
    except ValueError as error:
        raise Refused(str(error)) from error


@transaction.atomic
def record(*, project: Project, acts: Sequence[Act]) -> list[Judgement]:
    """Writes acts with all they say; those whose client key is known already are left as they are.

    Returns the judgements newly written, in the order of the acts.

    Raises:
        Refused: a value is not finite, a part's value has no criterion, or a sample is compared with itself.
    """
    for act in acts:
        _check(act)
    new = _not_yet_recorded(project, acts)
    now = timezone.now()
    rows = Judgement.objects.bulk_create([_judgement(project, act, now) for act in new])
    pairs = list(zip(rows, new, strict=True))
    _write_comparisons(pairs)
    _write_scores(pairs)
    _write_words(pairs)
    return rows


def _check(act: Act) -> None:
    for score in act.scores:
        if not math.isfinite(score.value) or (score.spread is not None and not math.isfinite(score.spread)):
            raise Refused(
                _("The score %(value)s of sample %(sample)s is not a finite number.")
                % {
                    "value": score.value,
                    "sample": score.subject.sample_id,
                }
            )
    for comparison in act.comparisons:
        if comparison.left == comparison.right:
            raise Refused(_("Sample %(sample)s is compared with itself.") % {"sample": comparison.left.sample_id})
    _check_marks(act.marks)


def _check_marks(marks: Sequence[NewMark]) -> None:
    for mark in marks:
        if mark.value is None:
            continue
        what = {"value": mark.value, "sample": mark.subject.sample_id}
        if not math.isfinite(mark.value):
            raise Refused(_("The value %(value)s of a part of sample %(sample)s is not a finite number.") % what)
        if mark.criterion_version_id is None:
            raise Refused(_("The value %(value)s of a part of sample %(sample)s has no criterion.") % what)


def _not_yet_recorded(project: Project, acts: Sequence[Act]) -> list[Act]:
    keys = [(act.rater_id, act.client_key) for act in acts if act.client_key]
    known = set(
        Judgement.objects.filter(
            project=project, rater_id__in={rater for rater, _key in keys}, client_key__in={key for _rater, key in keys}
        ).values_list("rater_id", "client_key")
    )
    new = []
    for act in acts:
        name = (act.rater_id, act.client_key)
        if not act.client_key or name not in known:
            new.append(act)
            known.add(name)
    return new


def _judgement(project: Project, act: Act, now: datetime) -> Judgement:
    return Judgement(
        project=project,
        rater_id=act.rater_id,
        act=act.act,
        purpose=act.purpose,
        context_id=act.context_id,
        guideline_id=act.guideline_id,
        at=act.at or now,
        seconds=act.seconds,
        client_key=act.client_key,
        job_id=act.job_id,
        batch_key=act.batch_key,
        presentation=act.presentation,
        sampling_probability=act.sampling_probability,
        payload=act.payload,
    )


def _write_comparisons(pairs: Sequence[tuple[Judgement, Act]]) -> None:
    entries = [(row, act, position, c) for row, act in pairs for position, c in enumerate(act.comparisons)]
    asked = _occasions_before(
        Comparison,
        ("left_sample_id", "right_sample_id", "criterion_version_id", "rater_id", "left_prompt_id", "right_prompt_id"),
        [_comparison_key(act, c) for _row, act, _position, c in entries],
        [act.context_id for _row, act, _position, _c in entries],
    )
    Comparison.objects.bulk_create(
        [
            Comparison(
                judgement=row,
                position=position,
                rater_id=act.rater_id,
                left_sample_id=c.left.sample_id,
                right_sample_id=c.right.sample_id,
                left_prompt_id=c.left.prompt_id,
                right_prompt_id=c.right.prompt_id,
                criterion_version_id=c.criterion_version_id,
                context_id=act.context_id,
                occasion=before if c.occasion is None else c.occasion,
                outcome=c.outcome,
                strength=c.strength,
                confidence=c.confidence,
                is_implied=c.is_implied,
            )
            for (row, act, position, c), before in zip(entries, asked, strict=True)
        ],
        batch_size=5000,
    )


def _comparison_key(act: Act, c: NewComparison) -> tuple[int, ...]:
    return (
        c.left.sample_id,
        c.right.sample_id,
        c.criterion_version_id,
        act.rater_id,
        c.left.prompt_id,
        c.right.prompt_id,
    )


def _write_scores(pairs: Sequence[tuple[Judgement, Act]]) -> None:
    entries = [(row, act, position, s) for row, act in pairs for position, s in enumerate(act.scores)]
    asked = _occasions_before(
        Score,
        ("sample_id", "criterion_version_id", "rater_id", "prompt_id"),
        [
            (s.subject.sample_id, s.criterion_version_id, act.rater_id, s.subject.prompt_id)
            for _row, act, _position, s in entries
        ],
        [act.context_id for _row, act, _position, _s in entries],
    )
    Score.objects.bulk_create(
        [
            Score(
                judgement=row,
                position=position,
                rater_id=act.rater_id,
                sample_id=s.subject.sample_id,
                prompt_id=s.subject.prompt_id,
                criterion_version_id=s.criterion_version_id,
                context_id=act.context_id,
                occasion=before if s.occasion is None else s.occasion,
                value=s.value,
                spread=s.spread,
            )
            for (row, act, position, s), before in zip(entries, asked, strict=True)
        ],
        batch_size=5000,
    )


def _occasions_before(
    model: type[Comparison] | type[Score],
    columns: tuple[str, ...],
    keys: Sequence[tuple[int, ...]],
    contexts: Sequence[int | None],
) -> list[int]:
    """The next free occasion of each key, counting living rows and the earlier entries of this very call.

    One query for all keys: the keys travel as arrays and are joined, so the cost does not depend on the table.
    """
    if not keys:
        return []
    unique = list(dict.fromkeys(zip(keys, contexts, strict=True)))
    arrays = [[key[index] for key, _context in unique] for index in range(len(columns))]
    names = ", ".join(f"k{index}" for index in range(len(columns)))
    join = " AND ".join(f"row.{column} = asked.k{index}" for index, column in enumerate(columns))
    with connection.cursor() as cursor:
        # The names are ours, from the call above; every value is a parameter.
        cursor.execute(
            f"""
            SELECT asked.number, max(row.occasion) + 1
            FROM unnest(%s::bigint[], {", ".join(["%s::bigint[]"] * len(columns))}) WITH ORDINALITY
                 AS asked(context, {names}, number)
            JOIN {model._meta.db_table} row ON {join}
                 AND row.context_id IS NOT DISTINCT FROM asked.context AND NOT row.is_retracted
            GROUP BY asked.number
            """,  # noqa: S608
            [[context for _key, context in unique], *arrays],
        )
        taken = {unique[number - 1]: after for number, after in cursor.fetchall()}
    seen: Counter[tuple[tuple[int, ...], int | None]] = Counter(taken)
    occasions = []
    for name in zip(keys, contexts, strict=True):
        occasions.append(seen[name])
        seen[name] += 1
    return occasions


def _write_words(pairs: Sequence[tuple[Judgement, Act]]) -> None:
    marks, notes, flags, links = [], [], [], []
    for row, act in pairs:
        own = {"judgement": row, "rater_id": act.rater_id}
        marks += [
            Mark(**own, position=position, sample_id=m.subject.sample_id, prompt_id=m.subject.prompt_id, **_place(m))
            for position, m in enumerate(act.marks)
        ]
        notes += [
            Note(
                **own,
                position=position,
                prompt_id=n.prompt_id,
                sample_id=n.sample_id,
                criterion_version_id=n.criterion_version_id,
                text=n.text,
            )
            for position, n in enumerate(act.notes)
        ]
        flags += [
            Flag(**own, position=position, sample_id=f.sample_id, kind=f.kind, text=f.text)
            for position, f in enumerate(act.flags)
        ]
        links += [JudgementLink(judgement=row, source_id=link.source_id, kind=link.kind) for link in act.links]
    Mark.objects.bulk_create(marks, batch_size=5000)
    Note.objects.bulk_create(notes, batch_size=5000)
    Flag.objects.bulk_create(flags, batch_size=5000)
    JudgementLink.objects.bulk_create(links, batch_size=5000)


def _place(mark: NewMark) -> dict[str, Any]:
    return {
        "criterion_version_id": mark.criterion_version_id,
        "target": mark.target,
        "media_index": mark.media_index,
        "input_role": mark.input_role,
        "shape": mark.shape,
        "start": mark.start,
        "end": mark.end,
        "points": mark.points,
        "error_type": mark.error_type,
        "text": mark.text,
        "value": mark.value,
    }


@transaction.atomic
def record_pass(
    *,
    project: Project,
    rater: Rater,
    scores: Sequence[PassScore],
    job: Job | None,
    context_id: int | None = None,
    payload: dict[str, Any] | None = None,
    marks: Sequence[NewMark] = (),
) -> int:
    """Writes one forward pass as one judgement and its numbers by COPY; numbers that exist already are left.

    Returns how many numbers of whole samples are new. When none is, nothing is written: a pass delivered twice changes
    nothing.

    Args:
        marks: numbers for parts; one is written where the number of its sample on its criterion is new.

    Raises:
        Refused: a value is not finite.
    """
    _check_marks(marks)
    for score in scores:
        if not math.isfinite(score.value) or (score.spread is not None and not math.isfinite(score.spread)):
            raise Refused(
                _("%(rater)s gave %(value)s for sample %(sample)s, which is not a finite number.")
                % {
                    "rater": rater.name,
                    "value": score.value,
                    "sample": score.sample_id,
                }
            )
    if not scores:
        return 0
    before = transaction.savepoint()
    judgement = Judgement.objects.create(
        project=project,
        rater=rater,
        act=Judgement.Act.PASS,
        context_id=context_id,
        at=timezone.now(),
        job=job,
        payload=payload,
    )
    written = passes.copy_scores(judgement, scores)
    if not written:
        transaction.savepoint_rollback(before)
    elif marks:
        passes.copy_marks(judgement, marks)
    return written


@transaction.atomic
def retract(*, judgements: Iterable[Judgement], reason: str, by: User | None) -> int:
    """Retracts judgements and, along the links, everything derived from them. Returns how many in all.

    Their evidence follows in the same transaction, by a trigger of the database.
    """
    chosen = [judgement.pk for judgement in judgements]
    now = timezone.now()

    def retract_living(keys: list[int], why: str) -> int:
        living = Judgement.objects.living().filter(pk__in=keys)
        return living.update(retracted_at=now, retracted_by=by, retraction=why)

    count = retract_living(chosen, reason)
    # Asked only now: whoever derives something holds its sources until that is committed.
    return count + retract_living(_derived_from(chosen), Judgement.Retraction.MEMBER_RETRACTED)


def _derived_from(keys: list[int]) -> list[int]:
    """Everything derived from these judgements, however many steps away."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE derived(id) AS (
                SELECT judgement_id FROM curation_judgementlink
                WHERE source_id = ANY(%s) AND kind = 'derived-from'
                UNION
                SELECT link.judgement_id FROM curation_judgementlink link
                JOIN derived ON link.source_id = derived.id AND link.kind = 'derived-from'
            )
            SELECT id FROM derived
            """,
            [keys],
        )
        return [row[0] for row in cursor.fetchall()]


@transaction.atomic
def supersede(*, project: Project, old: Judgement, act: Act, by: User | None) -> Judgement:
    """Replaces a judgement by a newer one of the same rater; both remain, one lives."""
    locked = Judgement.objects.select_for_update().get(pk=old.pk)
    if locked.retracted_at is not None:
        raise Refused(
            _("Judgement %(id)s is %(how)s already; nothing can replace it now.")
            % {
                "id": locked.pk,
                "how": locked.get_retraction_display(),
            }
        )
    if act.rater_id != locked.rater_id:
        raise Refused(_("Only its own rater can replace judgement %(id)s.") % {"id": locked.pk})
    retract(judgements=[locked], reason=Judgement.Retraction.SUPERSEDED, by=by)
    (new,) = record(project=project, acts=[act])
    JudgementLink.objects.create(judgement=new, source=locked, kind=JudgementLink.Kind.SUPERSEDES)
    return new
