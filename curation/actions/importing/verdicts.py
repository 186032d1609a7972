"""Judgements of one batch: names become rows, criteria and raters are made on demand, acts are recorded once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import DataError, IntegrityError, transaction
from django.utils.translation import gettext as _

from curation.actions import criteria, judgements, raters
from curation.actions.importing.state import Run
from curation.actions.judgements import Act, NewComparison, NewMark, NewNote, NewScore, Subject
from curation.errors import Refused
from curation.formats import fields
from curation.formats.criteria import KNOWN_CRITERIA
from curation.formats.rows import Json, JudgementRow, Row
from curation.identity import digest
from curation.media import heatmaps
from curation.models import Comparison, CriterionVersion, Judgement, JudgingContext, Mark, Prompt, Sample

ACTS = {
    "compare": Judgement.Act.COMPARE,
    "rank": Judgement.Act.RANK,
    "rate": Judgement.Act.RATE,
    # Choices among what was shown: several comparisons that are one act.
    "choose": Judgement.Act.COMPARE,
}
IDENTITY_LENGTH = 64
# More comparisons than this in one ranking (25 samples) would fill memory long before anybody read them.
LARGEST_RANKING = 300


def write(run: Run, rows: Sequence[Row]) -> None:
    """Records the judgements among the rows; those that are known already are left as they are."""
    said = [row for row in rows if isinstance(row, JudgementRow) and not is_silent(row)]
    run.counts["lists_silent"] += sum(isinstance(row, JudgementRow) and is_silent(row) for row in rows)
    if not said:
        return
    subjects, prompts = _subjects(run, said), _prompts(run, said)
    acts: list[tuple[JudgementRow, Act]] = []
    for row in said:
        try:
            acts.append((row, _act(run, row, _judged_under(row, subjects, prompts))))
        except (Refused, fields.RowRefused) as error:
            run.refuse(named(row), str(error))
    _record(run, acts)


def is_silent(row: JudgementRow) -> bool:
    """Choices that prefer nothing to anything: counted, not stored."""
    return row.kind == "choose" and not row.pairs


def names_in(row: JudgementRow) -> list[str]:
    """The keys of the samples a judgement speaks of."""
    return [name for name in (row.left, row.right, row.sample, *row.samples) if name]


def named(row: JudgementRow) -> str:
    """A place precise enough to tell the many judgements of one line apart."""
    names = names_in(row)
    subject = ", ".join(names) if len(names) <= 2 else f"{len(names)} samples"
    return f"{row.where}, {row.kind} {row.criterion} by {row.rater} of {subject}"[:500]


def _subjects(run: Run, said: Sequence[JudgementRow]) -> dict[str, Subject]:
    wanted = {name for row in said for name in names_in(row)}
    return {name: Subject(pk, prompt_id) for name, pk, prompt_id in samples_named(run.project.pk, wanted)}


def _prompts(run: Run, said: Sequence[JudgementRow]) -> dict[str, int]:
    """The prompts that rows name as what samples were judged under, by key."""
    wanted = {row.under for row in said} - {""}
    found = Prompt.objects.filter(project=run.project, key__in=wanted) if wanted else Prompt.objects.none()
    return dict(found.values_list("key", "pk"))


def _judged_under(
    row: JudgementRow, subjects: Mapping[str, Subject], prompts: Mapping[str, int]
) -> Mapping[str, Subject]:
    """The row's samples under the prompt it names, or each under its own."""
    if not row.under:
        return subjects
    if row.under not in prompts:
        raise Refused(_("no prompt “%(key)s” in this project, under which it was judged") % {"key": row.under})
    return {name: Subject(subjects[name].sample_id, prompts[row.under]) for name in names_in(row) if name in subjects}


def samples_named(project_id: int, names: Collection[str]) -> Iterator[tuple[str, int, int]]:
    """Name, id and prompt of the samples that go by these names: keys, or identities as an export of ours has them."""
    own = Sample.objects.filter(project_id=project_id)
    identities = [name for name in names if len(name) == IDENTITY_LENGTH]
    if identities:
        yield from own.filter(identity__in=identities).values_list("identity", "pk", "prompt_id")
    yield from own.filter(key__in=names).values_list("key", "pk", "prompt_id")


def _act(run: Run, row: JudgementRow, subjects: Mapping[str, Subject]) -> Act:
    found = [_subject(name, subjects) for name in names_in(row)]
    if len({subject.prompt_id for subject in found}) > 1:
        raise Refused(_("the samples answer different prompts, so they cannot be compared"))
    criterion = _criterion(run, row)
    return Act(
        rater_id=_rater(run, row),
        act=ACTS[row.kind],
        purpose=row.purpose,
        context_id=_context(run, row.context) if row.context else None,
        at=row.at,
        seconds=row.seconds,
        client_key=row.key,
        job_id=run.job.pk,
        presentation=_presentation(row),
        payload=_payload(row),
        notes=_notes(row, found, criterion),
        marks=[_mark(mark, subjects, found, criterion) for mark in row.marks],
        **_said(row, found, criterion),
    )


def _presentation(row: JudgementRow) -> dict[str, Any] | None:
    if row.kind == "compare":
        return {"left": row.left, "right": row.right}
    return {"order": list(row.samples)} if row.kind == "choose" else None


def _subject(name: str, subjects: Mapping[str, Subject]) -> Subject:
    if name not in subjects:
        raise unknown_sample(name)
    return subjects[name]


def unknown_sample(name: str) -> Refused:
    return Refused(_("no sample “%(key)s” in this project; it was refused or has not been imported") % {"key": name})


def _said(row: JudgementRow, found: Sequence[Subject], criterion: int) -> dict[str, Any]:
    if row.kind == "rate":
        return {"scores": [NewScore(found[0], criterion, float(row.value or 0))]}
    if row.kind == "choose":
        return {"comparisons": list(_chosen(row, found, criterion))}
    if row.kind == "rank":
        if len(found) * (len(found) - 1) // 2 > LARGEST_RANKING:
            raise Refused(_("a ranking of %(count)d samples; at most 25 are taken") % {"count": len(found)})
        return {"comparisons": judgements.ranking(found, list(row.ranks), criterion)}
    verdict = NewComparison(
        found[0], found[1], criterion, row.outcome, strength=row.strength, confidence=row.confidence
    )
    return {"comparisons": [verdict]}


def _chosen(row: JudgementRow, found: Sequence[Subject], criterion: int) -> Iterator[NewComparison]:
    """The comparisons a list of choices implies, left being what stood above."""
    if len(row.pairs) > LARGEST_RANKING:
        raise Refused(
            _("its choices imply %(count)d comparisons; at most %(most)d are taken of one list")
            % {"count": len(row.pairs), "most": LARGEST_RANKING}
        )
    for preferred, other in row.pairs:
        above, below = sorted((preferred, other))
        outcome = Comparison.Outcome.LEFT if preferred == above else Comparison.Outcome.RIGHT
        yield NewComparison(found[above], found[below], criterion, outcome, is_implied=True)


def _payload(row: JudgementRow) -> dict[str, Any] | None:
    """What the row says that no column holds: a ranking's own ranks need not be dense."""
    said: dict[str, Any] = dict(row.payload)
    if row.kind == "rank":
        said |= {"samples": list(row.samples), "ranks": list(row.ranks)}
    return said or None


def _notes(row: JudgementRow, found: Sequence[Subject], criterion: int) -> list[NewNote]:
    if not row.note:
        return []
    sample_id = found[0].sample_id if row.kind == "rate" else None
    return [NewNote(found[0].prompt_id, row.note, sample_id=sample_id, criterion_version_id=criterion)]


def _mark(
    mark: Mapping[str, Json], subjects: Mapping[str, Subject], found: Sequence[Subject], criterion: int
) -> NewMark:
    """A mark as a file writes it. Where several samples are judged it must name its own."""
    name = fields.optional_text(mark, "sample")
    if not name and len(found) > 1:
        raise Refused(_("a mark on one of several samples must name it as “sample”"))
    target = fields.choice(mark, "target", tuple(Mark.Target.values), "media")
    needs_index = target in {Mark.Target.MEDIA, Mark.Target.INPUT}
    return NewMark(
        _subject(name, subjects) if name else found[0],
        target,
        fields.choice(mark, "shape", tuple(Mark.Shape.values), ""),
        criterion_version_id=criterion,
        media_index=fields.integer(mark, "media_index", fields.SMALL) or 0 if needs_index else None,
        input_role=fields.optional_text(mark, "input_role", longest=40),
        start=fields.integer(mark, "start"),
        end=fields.integer(mark, "end"),
        points=_heatmap(mark) if mark.get("grid") else _points(mark),
        error_type=fields.optional_text(mark, "error_type", longest=100),
        text=fields.optional_text(mark, "text", longest=None),
        value=fields.number(mark, "value"),
    )


def _heatmap(mark: Mapping[str, Json]) -> dict[str, Any]:
    """The cells of a heatmap, rows from top to bottom, over the whole picture or between two corners."""
    if mark.get("shape") != Mark.Shape.HEATMAP:
        raise Refused(_("a grid belongs to a heatmap, not to the shape %(shape)s") % {"shape": mark.get("shape")})
    rows = mark.get("grid")
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise Refused(_("grid must be a list of rows of numbers, not %(value)s") % {"value": str(rows)[:80]})
    grid = [[fields.number({"cell": cell}, "cell") for cell in row] for row in rows if isinstance(row, list)]
    if any(cell is None for row in grid for cell in row):
        raise Refused(_("grid has an empty cell; every cell of a heatmap has a number"))
    corners = [(x, y) for x, y in _points(mark) or []]
    if len(corners) not in (0, 2):
        raise Refused(_("a heatmap has two corners or none, not %(count)d") % {"count": len(corners)})
    try:
        return dict(heatmaps.packed([[cell or 0.0 for cell in row] for row in grid], corners))
    except ValueError as error:
        raise Refused(str(error)) from error


def _points(mark: Mapping[str, Json]) -> list[list[float]] | None:
    points = mark.get("points")
    if points is None:
        return None
    pairs = points if isinstance(points, list) else [None]
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) != 2:
            raise Refused(_("points must be a list of [x, y], not %(value)s") % {"value": str(points)[:80]})
    return [[fields.number({"x": each}, "x") or 0.0 for each in pair] for pair in pairs if isinstance(pair, list)]


def _rater(run: Run, row: JudgementRow) -> int:
    name = (row.rater_kind, row.rater)
    if name not in run.raters:
        run.raters[name] = raters.named(project=run.project, name=row.rater, kind=row.rater_kind).pk
    return run.raters[name]


def _criterion(run: Run, row: JudgementRow) -> int:
    """The version that comparisons, or ratings, of this criterion are written under; made when there is none."""
    wants_scale = row.kind == "rate"
    name = (row.criterion, wants_scale)
    if name not in run.criteria:
        found = _scaled(run, row) if wants_scale else _compared(run, row)
        run.criteria[name] = found.pk
    return run.criteria[name]


def _compared(run: Run, row: JudgementRow) -> CriterionVersion:
    """What people of this project compare by, else the newest version."""
    current = CriterionVersion.objects.filter(criterion__key=row.criterion, pk__in=_current_versions(run)).first()
    return current or criteria.ensure(project=run.project, key=row.criterion, wording=_wording(run, row))


def _current_versions(run: Run) -> Any:
    return run.project.criteria_set.items.values("criterion_version") if run.project.criteria_set else []


def _scaled(run: Run, row: JudgementRow) -> CriterionVersion:
    """The newest version with a scale: a number must not be filed under a criterion that only compares."""
    versions = CriterionVersion.objects.filter(criterion__project=run.project, criterion__key=row.criterion)
    newest = versions.exclude(scale=CriterionVersion.Scale.COMPARE).order_by("-number").first()
    return newest or criteria.add_version(project=run.project, key=row.criterion, wording=_wording(run, row))


def _wording(run: Run, row: JudgementRow) -> criteria.Wording:
    known = KNOWN_CRITERIA.get((run.options.format_name, row.criterion))
    name = known.name if known else row.criterion.replace("-", " ").replace("_", " ").capitalize()
    if row.kind != "rate":
        return criteria.Wording(name=name)
    return criteria.Wording(
        name=name,
        scale=CriterionVersion.Scale.INTERVAL,
        low=known.low if known else None,
        high=known.high if known else None,
    )


def _context(run: Run, text: str) -> int:
    if text not in run.contexts:
        context, _created = JudgingContext.objects.get_or_create(
            project=run.project,
            kind=JudgingContext.Kind.PRINCIPLE,
            name=f"{text[:160]} {digest(text)[:12]}" if len(text) > 160 else text,
            number=1,
            defaults={"text": text},
        )
        run.contexts[text] = context.pk
    return run.contexts[text]


def _record(run: Run, acts: Sequence[tuple[JudgementRow, Act]]) -> None:
    """Records all at once; if one is against a rule of the database, each by itself, and that one is refused."""
    try:
        with transaction.atomic():
            new = len(judgements.record(project=run.project, acts=[act for _row, act in acts]))
        run.counts["judgements_new"] += new
        run.counts["judgements_known"] += len(acts) - new
        run.counts["rows_known"] += len(acts) - new
    except (Refused, IntegrityError, DataError) as error:
        if len(acts) == 1:
            run.refuse(named(acts[0][0]), _explained(error))
            return
        for each in acts:
            _record(run, [each])


def _explained(error: Exception) -> str:
    if isinstance(error, Refused):
        return str(error)
    return _("against a rule of the database: %(rule)s") % {"rule": str(error).splitlines()[0]}


@dataclass(frozen=True)
class Known:
    """A judgement's name in the project, for a dry run."""

    rater: str
    key: str


def already_recorded(project_id: int, rows: Sequence[JudgementRow]) -> set[Known]:
    own = Judgement.objects.filter(project_id=project_id, client_key__in={row.key for row in rows})
    return {Known(rater, key) for rater, key in own.values_list("rater__name", "client_key")}
