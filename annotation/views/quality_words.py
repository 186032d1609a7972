"""The numbers of a batch and its raters as words and small figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from annotation import questions
from annotation.models import Batch, Participant
from annotation.models.batch_progress import Progress
from annotation.questions import Level, Question
from annotation.reliability import Alarm, QuestionAgreement, RaterLine, Report
from annotation.views.who import who
from curation.figures import Histogram, Interval, interval
from curation.models import Rater, RaterStanding
from curation.reliability.shares import Share
from curation.reliability.sides import SideBias
from curation.templatetags.pairwright import number
from curation.views.doors import PageRequest

# Fewer repeats on one side say nothing of how far somebody leans.
LEAST_REPEATS = 4
# More values than this are drawn as bins.
VALUES_NAMED = 11


def duration(seconds: float | None) -> str:
    """A time as people say it: "8 s", "3 min", "2.5 h"."""
    if seconds is None:
        return "–"
    if seconds < 90:
        return _("%(seconds).3g s") % {"seconds": seconds}
    if seconds < 5400:
        return _("%(minutes)d min") % {"minutes": round(seconds / 60)}
    return _("%(hours).1f h") % {"hours": seconds / 3600}


# -- progress ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ProgressWords:
    """How far the batch is: a sentence for the bar, facts, and the bars of time."""

    sentence: str
    facts: list[tuple[str, str]]
    bars: Histogram | None
    bars_from: str
    bars_to: str
    bars_say: str


def progress_words(found: Progress) -> ProgressWords:
    form = "%Y-%m-%d %H:%M" if found.is_by_hour else "%Y-%m-%d"
    most = max((count for _start, count in found.bins), default=0)
    return ProgressWords(
        sentence=_("%(filled)s of %(places)s answers")
        % {"filled": number(found.filled), "places": number(found.places)},
        facts=_facts(found),
        bars=Histogram(0, len(found.bins), tuple(count for _start, count in found.bins)) if found.bins else None,
        bars_from=found.bins[0][0].strftime(form) if found.bins else "",
        bars_to=found.bins[-1][0].strftime(form) if found.bins else "",
        bars_say=_bars_say(found, most),
    )


def _bars_say(found: Progress, most: int) -> str:
    if found.is_by_hour:
        return _("answers an hour (UTC), at most %(most)s") % {"most": number(most)}
    return _("answers a day (UTC), at most %(most)s") % {"most": number(most)}


def _facts(found: Progress) -> list[tuple[str, str]]:
    items = {"done": number(found.items_done), "items": number(found.items)}
    facts = [
        (_("Items answered in full"), _("%(done)s of %(items)s") % items),
        (_("People"), number(found.raters)),
        (_("Time an item"), _time(found)),
        (_("Pace"), _pace(found)),
        (_("Will end"), _end(found)),
    ]
    if found.examinations:
        facts.append((_("Known items and repeats"), number(found.examinations)))
    if found.late:
        facts.append(
            (
                _("Came too late"),
                ngettext("%d answer, kept and paid", "%d answers, kept and paid", found.late) % found.late,
            )
        )
    return facts


def _time(found: Progress) -> str:
    if found.median_seconds is None:
        return "–"
    return _("half within %(median)s, nine of ten within %(slow)s") % {
        "median": duration(found.median_seconds),
        "slow": duration(found.slow_seconds),
    }


def _pace(found: Progress) -> str:
    if not found.pace_of:
        return _("nobody has answered yet")
    words = {
        "hour": _("%(pace).3g an hour, over the last hour"),
        "day": _("%(pace).3g an hour, over the last day"),
        "all": _("%(pace).3g an hour since the first answer; none today"),
    }[found.pace_of]
    return words % {"pace": found.per_hour}


def _end(found: Progress) -> str:
    if not found.left:
        return _("nothing is left to answer")
    if found.ends_at is None:
        return _("no telling without a pace")
    return _("%(when)s (UTC) at this pace; %(left)s left") % {
        "when": found.ends_at.strftime("%Y-%m-%d %H:%M"),
        "left": number(found.left),
    }


# -- agreement --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """One value and how often it was given."""

    label: str
    count: int
    percent: float


@dataclass(frozen=True)
class AgreementLine:
    name: str
    alpha: str
    interval: str
    line: Interval | None
    rests_on: str
    level: str | Promise
    parts: list[Part]


LEVELS = {
    "nominal": gettext_lazy("equal or not"),
    "ordinal": gettext_lazy("by rank"),
    "interval": gettext_lazy("by distance"),
}


def agreement_lines(batch: Batch, found: Report) -> list[AgreementLine]:
    scales = {key: levels for question in questions.parse(batch.questions) for key, levels in _scales(question)}
    kinds = {question.key: question.kind for question in questions.parse(batch.questions)}
    return [_agreement(one, kinds[one.key.split("/")[0]], scales.get(one.key, ())) for one in found.questions]


def _scales(question: Question) -> list[tuple[str, Sequence[Level]]]:
    return [(question.key, question.levels), *((f"{question.key}/{item.key}", item.levels) for item in question.items)]


def _agreement(one: QuestionAgreement, kind: str, levels: Sequence[Level]) -> AgreementLine:
    found = one.agreement
    if found.alpha is None:
        words = _("nothing was judged by two people yet") if not found.units else _("everybody always says the same")
        return AgreementLine(one.name, "–", words, None, "", LEVELS[one.level], _parts(one.counts, kind, levels))
    has_interval = found.low is not None and found.high is not None
    between = (
        _("95 %% interval %(low).2f to %(high).2f") % {"low": found.low, "high": found.high} if has_interval else ""
    )
    return AgreementLine(
        name=one.name,
        alpha=f"{found.alpha:.2f}".replace("-", "−"),
        interval=between.replace("-", "−"),
        line=_line(found.alpha, found.low, found.high, -0.2, 1.0),
        rests_on=_("%(units)s judged by two or more, %(values)s values")
        % {"units": number(found.units), "values": number(found.values)},
        level=LEVELS[one.level],
        parts=_parts(one.counts, kind, levels),
    )


def _line(value: float, low: float | None, high: float | None, start: float, end: float) -> Interval:
    """A value and its interval, which need not be symmetric, on an axis."""
    middle = interval(value, None, start, end)
    ends = [interval(bound if bound is not None else value, None, start, end).dot for bound in (low, high)]
    return Interval(middle.dot, ends[0], ends[1], middle.zero)


def _parts(counts: Mapping[float, int], kind: str, levels: Sequence[Level]) -> list[Part]:
    total = sum(counts.values())
    named = _named(counts, kind, levels)
    return [Part(label, count, 100 * count / total) for label, count in named] if total else []


def _named(counts: Mapping[float, int], kind: str, levels: Sequence[Level]) -> list[tuple[str, int]]:
    if kind in ("compare", "rank"):
        decided = counts.get(0.0, 0) + counts.get(1.0, 0)
        every = [(_("one is better"), decided), (_("tie"), counts.get(2.0, 0)), (_("both bad"), counts.get(3.0, 0))]
        return [(label, count) for label, count in every if count]
    if kind == "pick":
        none = counts.get(-1.0, 0)
        every = [(_("one is the best"), sum(counts.values()) - none), (_("none is good"), none)]
        return [(label, count) for label, count in every if count]
    if levels:
        return [(f"{one.value:g} {one.label}".strip(), counts.get(one.value, 0)) for one in levels]
    return _binned(counts)


def _binned(counts: Mapping[float, int]) -> list[tuple[str, int]]:
    if len(counts) <= VALUES_NAMED:
        return [(f"{value:g}", count) for value, count in sorted(counts.items())]
    low, high = min(counts), max(counts)
    width = (high - low) / 10
    bins = [0] * 10
    for value, count in counts.items():
        bins[min(int((value - low) / width), 9)] += count
    return [(f"{low + place * width:.3g}–{low + (place + 1) * width:.3g}", count) for place, count in enumerate(bins)]


# -- raters -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ShareWords:
    """A share with its interval: "83 %", "71 to 91 %, 25 of 30"."""

    value: str
    rests_on: str
    line: Interval


@dataclass(frozen=True)
class RaterRow:
    rater_id: int
    who: str
    participant: Participant | None
    state: str
    is_apart: bool
    answers: str
    apart: str
    pace: str
    gold: ShareWords | None
    alike: ShareWords | None
    first_place: ShareWords | None
    lean: str
    follows: str
    alarms: list[str]


def rater_lines(
    request: PageRequest, found: Report, known: Mapping[int, Rater], participants: Mapping[int, Participant]
) -> list[RaterRow]:
    return [_rater(request, line, known[line.rater], participants.get(line.rater), found.k) for line in found.raters]


def _rater(
    request: PageRequest, line: RaterLine, rater: Rater, participant: Participant | None, k: int | None
) -> RaterRow:
    is_apart = getattr(rater, "standing", None) == RaterStanding.State.QUARANTINED
    return RaterRow(
        rater_id=rater.pk,
        who=who(request, rater),
        participant=participant,
        state=participant.get_state_display() if participant else "",
        is_apart=is_apart,
        answers=number(line.answers),
        apart=_("%(count)s kept apart") % {"count": number(line.apart)} if line.apart else "",
        pace=duration(line.seconds),
        gold=_share(line.gold),
        alike=_share(line.alike),
        first_place=_share(line.first_place, even=1 / k if k else None),
        lean=_lean(line.mirrored),
        follows=_follows(line),
        alarms=[_alarm(alarm) for alarm in line.alarms],
    )


def _share(found: Share | None, even: float | None = None) -> ShareWords | None:
    if found is None:
        return None
    line = _line(found.share, found.low, found.high, 0.0, 1.0)
    words = {"low": 100 * found.low, "high": 100 * found.high, "count": found.count, "of": found.of}
    return ShareWords(
        value=f"{100 * found.share:.0f} %",
        rests_on=_("%(low).0f to %(high).0f %%; %(count)d of %(of)d") % words,
        line=Interval(line.dot, line.low, line.high, 100 * even if even else None),
    )


def _lean(found: SideBias | None) -> str:
    """What mirrored repeats say of the side, beside the share over all answers."""
    if found is None:
        return ""
    of = found.same_side.of
    words = ngettext("%(of)d repeat kept its side", "%(of)d repeats kept their side", of) % {"of": of}
    if of < LEAST_REPEATS:
        return words
    lean = _("lean %(logits)+.2f (%(low)s to %(high)s)") % {
        "logits": found.logits,
        "low": _logit(found.low),
        "high": _logit(found.high),
    }
    return f"{words}; {lean}".replace("-", "−")


def _logit(value: float) -> str:
    return {float("inf"): "+∞", float("-inf"): "−∞"}.get(value, f"{value:+.2f}")


def _follows(line: RaterLine) -> str:
    if line.follows is None:
        return ""
    return _("%(slope).2g (%(low).2g to %(high).2g)") % {
        "slope": line.follows.slope,
        "low": line.follows.low,
        "high": line.follows.high,
    }


def _alarm(alarm: Alarm) -> str:
    """A pattern in words, with how often honest work shows as much."""
    seen, of = alarm.finding.seen, alarm.finding.of
    words = {
        "too-fast": _("answers in %(seen).0f %% of the time others take") % {"seen": 100 * seen},
        "one-place": _("one place on the screen wins %(seen).0f %% of %(of)d times") % {"seen": 100 * seen, "of": of},
        "long-run": _("one place on the screen wins %(seen)d times in a row") % {"seen": seen},
        "alternation": _("the winning place changes %(seen).0f %% of the time") % {"seen": 100 * seen},
        "burst": _("%(seen)d quick answers in one stretch") % {"seen": seen},
    }[alarm.pattern]
    return _("%(words)s; honest work shows this with p = %(p)s") % {"words": words, "p": _small(alarm.finding.p)}


def _small(p: float) -> str:
    return "10⁻¹²" if p < 1e-12 else f"{p:.2g}"
