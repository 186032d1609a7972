"""What raters said, in sentences: one line an act, with the sides as they were shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from curation.models import Comparison, CriterionVersion, Flag, Judgement, Mark, Note, Rater, Sample, Score
from curation.models.group import GroupEvidence

Row = TypeVar("Row", Comparison, Score)


@dataclass
class Line:
    """One act: who, what, by which criteria, on which sides, and whether it still holds."""

    judgement: Judgement
    rater: Rater
    parts: list[SafeString] = field(default_factory=list)
    criteria: list[str] = field(default_factory=list)
    sides: str = ""
    confidence: float | None = None

    @property
    def purpose(self) -> str:
        """Named only when the act is something else than a plain label."""
        is_label = self.judgement.purpose == Judgement.Purpose.LABEL
        return "" if is_label else self.judgement.get_purpose_display()


@dataclass(frozen=True)
class Names:
    """How samples are called on the page: their number in the group and who made them."""

    places: Mapping[int, int]
    samples: Mapping[int, Sample]
    page: str = ""  # the address of the group page, where this is another one
    marks: Mapping[tuple[int, int], int] = field(default_factory=dict)  # numbers of marks that are drawn on the page

    def of(self, sample_id: int | None) -> SafeString:
        sample = self.samples.get(sample_id or 0)
        if sample is None:
            return format_html('<span class="soft">{}</span>', _("a sample of another prompt"))
        return format_html(
            '<a class="ref" href="{}#sample-{}"><b>{}</b> {}</a>',
            self.page,
            sample.pk,
            self.places[sample.pk],
            sample.generator,
        )


def names(samples: Sequence[Sample], page: str = "") -> Names:
    """Numbers the samples from 1 in the order of the group page."""
    return Names({s.pk: place for place, s in enumerate(samples, 1)}, {s.pk: s for s in samples}, page)


def lines(evidence: GroupEvidence, who: Names) -> list[Line]:
    """One line an act, the newest first. Plain forward passes are left to the table of scores."""
    found: dict[int, Line] = {}
    spoken = _spoken(evidence)
    for judgement_id in sorted(spoken, reverse=True):
        judgement = evidence.judgements[judgement_id]
        found[judgement_id] = Line(judgement, evidence.raters[judgement.rater_id])
    for judgement_id, comparisons in _by_act(evidence.comparisons).items():
        _say_comparisons(found[judgement_id], comparisons, who, evidence.criteria)
    for judgement_id, scores in _by_act(evidence.scores).items():
        if judgement_id in found:
            _say_scores(found[judgement_id], scores, who, evidence.criteria)
    for mark in evidence.marks:
        found[mark.judgement_id].parts.append(_mark(mark, who))
    for flag in evidence.flags:
        found[flag.judgement_id].parts.append(_flag(flag, who))
    for note in evidence.notes:
        found[note.judgement_id].parts.append(_note(note, who))
    return list(found.values())


def _spoken(evidence: GroupEvidence) -> set[int]:
    """Acts that are more than the numbers of a scorer."""
    words = [*evidence.comparisons, *evidence.marks, *evidence.flags, *evidence.notes]
    acts = {row.judgement_id for row in words}
    rated = {score.judgement_id for score in evidence.scores}
    return acts | {pk for pk in rated if _is_told(evidence.judgements[pk])}


def _is_told(judgement: Judgement) -> bool:
    """A forward pass is told only once it is retracted: then the table no longer shows its numbers."""
    return judgement.act != Judgement.Act.PASS or judgement.retracted_at is not None


def _by_act(rows: Iterable[Row]) -> dict[int, list[Row]]:
    acts: dict[int, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.position):
        acts[row.judgement_id].append(row)
    return acts


def _say_comparisons(
    line: Line, comparisons: list[Comparison], who: Names, criteria: Mapping[int, CriterionVersion]
) -> None:
    line.criteria = _criteria((c.criterion_version_id for c in comparisons), criteria)
    # What choices among a list imply is no whole order, though it is implied too.
    if line.judgement.act == Judgement.Act.RANK and any(comparison.is_implied for comparison in comparisons):
        line.parts.append(_ranking(comparisons, who))
        return
    line.parts.extend(_comparison(comparison, who) for comparison in comparisons)
    first = comparisons[0]
    line.sides = format_html(
        _("{} left, {} right"), _number(first.left_sample_id, who), _number(first.right_sample_id, who)
    )
    line.confidence = first.confidence


def _comparison(comparison: Comparison, who: Names) -> SafeString:
    left, right = who.of(comparison.left_sample_id), who.of(comparison.right_sample_id)
    strength = _strength(comparison.strength)
    match comparison.outcome:
        case Comparison.Outcome.LEFT:
            return format_html(_("{} over {}{}"), left, right, strength)
        case Comparison.Outcome.RIGHT:
            return format_html(_("{} over {}{}"), right, left, strength)
        case Comparison.Outcome.TIE:
            return format_html(_("tie: {}, {}{}"), left, right, strength)
    return format_html(_("both bad: {}, {}{}"), left, right, strength)


def _strength(strength: float | None) -> str:
    return "" if strength is None else _(", strength %(strength)g") % {"strength": strength}


def _ranking(comparisons: Sequence[Comparison], who: Names) -> SafeString:
    """The ranking behind implied comparisons: a sample's place is one more than those that beat it."""
    beaten: dict[int, int] = defaultdict(int)
    for comparison in comparisons:
        sides = (comparison.left_sample_id, comparison.right_sample_id)
        for sample_id in sides:
            beaten[sample_id] += 0
        if comparison.outcome == Comparison.Outcome.LEFT:
            beaten[sides[1]] += 1
        elif comparison.outcome == Comparison.Outcome.RIGHT:
            beaten[sides[0]] += 1
    levels: dict[int, list[int]] = defaultdict(list)
    for sample_id, losses in beaten.items():
        levels[losses].append(sample_id)
    ordered = [format_html_join(" = ", "{}", ((who.of(pk),) for pk in levels[rank])) for rank in sorted(levels)]
    return format_html("{} {}", _("ranked"), format_html_join(" > ", "{}", ((level,) for level in ordered)))


def _say_scores(line: Line, scores: list[Score], who: Names, criteria: Mapping[int, CriterionVersion]) -> None:
    line.criteria = line.criteria or _criteria((s.criterion_version_id for s in scores), criteria)
    many = len({score.criterion_version_id for score in scores}) > 1
    for score in scores:
        said = format_html(_("{} for {}"), f"{score.value:g}", who.of(score.sample_id))
        criterion = criteria[score.criterion_version_id]
        line.parts.append(format_html("{}: {}", criterion.name, said) if many else said)


def _criteria(ids: Iterable[int], criteria: Mapping[int, CriterionVersion]) -> list[str]:
    return [str(criteria[pk]) for pk in dict.fromkeys(ids)]


def _number(sample_id: int, who: Names) -> str:
    return str(who.places.get(sample_id, "–"))


def _mark(mark: Mark, who: Names) -> SafeString:
    place = _place(mark)
    error = mark.error_type or _("marked")
    text = f" “{mark.text}”" if mark.text else ""
    words = format_html(_("{} at {} of {}{}"), error, place, who.of(mark.sample_id), text)
    number = who.marks.get((mark.judgement_id, mark.position))
    return words if number is None else format_html('<b class="mark-number">{}</b> {}', number, words)


def _place(mark: Mark) -> str:
    """Where a mark is, in the words of its target."""
    where = mark.get_target_display()
    if mark.media_index is not None:
        where = f"{where} {mark.media_index + 1}"
    if mark.input_role:
        where = f"{where} ({mark.input_role})"
    if mark.shape == Mark.Shape.SPAN:
        return _("%(where)s, characters %(start)d–%(end)d") % {"where": where, "start": mark.start, "end": mark.end}
    if mark.shape == Mark.Shape.INTERVAL:
        seconds = {"where": where, "start": (mark.start or 0) / 1e6, "end": (mark.end or 0) / 1e6}
        return _("%(where)s, %(start).2f–%(end).2f s") % seconds
    if mark.shape == Mark.Shape.HEATMAP:
        return _("a heatmap on %(where)s") % {"where": where}
    corners = " ".join(f"({x:g}, {y:g})" for x, y in (mark.points or [])[:4])
    more = len(mark.points or []) - 4
    rest = ngettext(" and %d more corner", " and %d more corners", more) % more if more > 0 else ""
    return f"{where}, {mark.get_shape_display()} {corners}{rest}"


def _flag(flag: Flag, who: Names) -> SafeString:
    text = f" “{flag.text}”" if flag.text else ""
    return format_html(_("{}: {}{}"), flag.get_kind_display(), who.of(flag.sample_id), text)


def _note(note: Note, who: Names) -> SafeString:
    if note.sample_id is None:
        return format_html("“{}”", note.text)
    return format_html(_("“{}” on {}"), note.text, who.of(note.sample_id))
