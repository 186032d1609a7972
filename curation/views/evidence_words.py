"""An examination in the words of its page: rows, charts, and what each number rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from curation.actions import examining
from curation.actions.examining import Examined
from curation.examination import charts, slices
from curation.examination.charts import Chart, Dot
from curation.examination.correlations import Coefficient, Correlation
from curation.examination.credit import Ties
from curation.examination.frames import Column
from curation.examination.intervals import Estimate
from curation.examination.report import DIFFERENCES, Principle, Tested
from curation.examination.slices import Slices
from curation.templatetags.pairwright import number

KINDS: dict[str, str | Promise] = {
    "tag": gettext_lazy("tag"),
    "generator": gettext_lazy("generator"),
    "generators": gettext_lazy("pair of generators"),
    "locale": gettext_lazy("language"),
    "strength": gettext_lazy("strength of the vote"),
}
LEFT_OUT: dict[str, str | Promise] = {
    "retracted": gettext_lazy("taken back or replaced"),
    "purpose": gettext_lazy("known items, hidden repeats, qualifications and drafts"),
    "quarantined": gettext_lazy("by raters in quarantine at the time"),
    "two-prompts": gettext_lazy("of samples under two prompts"),
    "drafted": gettext_lazy("begun from a machine's draft"),
}
# Slices drawn in the chart; the table has all.
DRAWN = 12


@dataclass(frozen=True)
class Shown:
    """A share in words."""

    value: str
    interval: str
    rests_on: str
    prompts: str


@dataclass(frozen=True)
class Beside:
    """A machine beside the one all are compared with."""

    difference: str
    interval: str
    p_mid: str
    p_clustered: str
    only_this: int
    only_other: int


@dataclass(frozen=True)
class Row:
    """One machine in the table."""

    name: str
    key: str
    is_against: bool
    accuracy: Shown | None
    people: Shown | None
    beside: Beside | None
    first: Shown | None
    chance: str
    notes: list[str]
    differences: str


@dataclass(frozen=True)
class Line:
    """One slice; `cells` in the order of the machines."""

    label: str
    votes: int
    prompts: int
    people: Shown | None
    cells: list[Shown | None]


@dataclass(frozen=True)
class PrincipleRow:
    name: str
    under: str
    accuracy: Shown
    people: Shown | None


@dataclass(frozen=True)
class Together:
    """How a machine's numbers go with people's: coefficients in words."""

    name: str
    what: str
    coefficients: list[tuple[str, str]]
    within: tuple[str, str]
    rests_on: str


@dataclass(frozen=True)
class Likeness:
    """A square of machines: a row has a name and, for each machine, a coefficient with what it rests on."""

    names: list[str]
    rows: list[tuple[str, list[tuple[str, str]]]]


@dataclass
class Results:
    """Everything under the form."""

    who: str
    facts: list[tuple[str, str]]
    human: Shown | None
    human_first: Shown | None
    human_chance: str
    against: str
    rows: list[Row]
    silent: list[str]
    chart: Chart | None
    lines: list[Line] = field(default_factory=list)
    means: list[str] = field(default_factory=list)
    more: int = 0
    slice_chart: Chart | None = None
    principles: list[PrincipleRow] = field(default_factory=list)
    flips: list[str] = field(default_factory=list)
    together: list[Together] = field(default_factory=list)
    likeness: Likeness | None = None


def results(answer: Examined, by: str) -> Results:
    """The page's words for an answer, with the slices of one kind."""
    found = answer.found
    made = Results(
        who=_who(answer),
        facts=_facts(answer),
        human=shown(found.human),
        human_first=shown(found.human_best_of.hits) if found.human_best_of else None,
        human_chance=_percent(found.human_best_of.chance) if found.human_best_of else "",
        against=answer.name(found.against) if found.against else "",
        rows=[_row(answer, one) for one in found.machines],
        silent=[answer.name(column) for column in found.silent],
        chart=_chart(answer),
    )
    parts = found.slices.get(by)
    if parts is not None and parts.lines:
        columns = [one.column for one in found.machines]
        made.lines = [_line(line, columns) for line in parts.lines]
        made.means = ["–" if (mean := parts.mean(column)) is None else _percent(mean) for column in columns]
        made.more = parts.more
        made.slice_chart = _slice_chart(answer, parts)
    made.principles = [_principle(answer, one) for one in found.principles]
    made.flips = _flips(answer)
    made.together = [line for one in found.machines for line in _together(answer, one)]
    made.likeness = _likeness(answer)
    return made


def shown(found: Estimate | None) -> Shown | None:
    if found is None:
        return None
    return Shown(_percent(found.value), _interval(found), _votes(found), _prompts(found.prompts))


def _votes(found: Estimate) -> str:
    votes = ngettext("%(count)s vote", "%(count)s votes", found.votes) % {"count": number(found.votes)}
    return f"{votes}, {_prompts(found.prompts)}"


def _prompts(count: int) -> str:
    return ngettext("%(count)s prompt", "%(count)s prompts", count) % {"count": number(count)}


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _interval(found: Estimate) -> str:
    if found.low is None or found.high is None:
        return _("one prompt only")
    return f"{100 * found.low:.1f} – {100 * found.high:.1f}"


# -- whose votes ------------------------------------------------------------------------------------------------------


def _who(answer: Examined) -> str:
    people = answer.found.people
    if answer.choice.kind == examining.SCRIPTED:
        raters = ngettext("%(count)s scripted rater", "%(count)s scripted raters", people.persons)
    else:
        raters = ngettext("%(count)s person", "%(count)s people", people.persons)
    votes = ngettext("%(count)s vote", "%(count)s votes", people.votes) % {"count": number(people.votes)}
    pairs = ngettext("%(count)s pair", "%(count)s pairs", people.pairs) % {"count": number(people.pairs)}
    raters = raters % {"count": number(people.persons)}
    return _("%(votes)s of %(raters)s on %(pairs)s of %(prompts)s") % {
        "votes": votes,
        "raters": raters,
        "pairs": pairs,
        "prompts": _prompts(people.prompts),
    }


def _facts(answer: Examined) -> list[tuple[str, str]]:
    """What does not count, and why: nothing is left out in silence."""
    people = answer.found.people
    facts = [
        (_("ties"), number(people.ties)),
        (_("both bad, not asked about"), number(people.both_bad)),
        (_("votes on pairs that others judged too"), number(people.repeats)),
    ]
    facts += [(f"{_('left out')}: {LEFT_OUT[reason]}", number(count)) for reason, count in people.left_out.items()]
    return facts


# -- machines ---------------------------------------------------------------------------------------------------------


def _row(answer: Examined, one: Tested) -> Row:
    first = one.best_of
    return Row(
        name=answer.name(one.column),
        key=one.column.key,
        is_against=one.column == answer.found.against,
        accuracy=shown(one.accuracy),
        people=shown(one.people),
        beside=_beside(one),
        first=shown(first.hits) if first else None,
        chance=_percent(first.chance) if first else "",
        notes=_notes(one),
        differences=_differences(len(answer.found.differences.get(one.column, ()))),
    )


def _differences(count: int) -> str:
    """How many pairs there are to look at; the list is kept to its clearest ones."""
    if count == 0:
        return ""
    if count >= DIFFERENCES:
        return _("the clearest %(count)d pairs where people differ") % {"count": count}
    return ngettext("%(count)d pair where people differ", "%(count)d pairs where people differ", count) % {
        "count": count
    }


def _beside(one: Tested) -> Beside | None:
    if one.versus is None:
        return None
    apart, test = one.versus.difference, one.versus.mcnemar
    has_interval = apart.low is not None and apart.high is not None
    interval = _between(_signed(apart.low or 0.0), _signed(apart.high or 0.0)) if has_interval else ""
    return Beside(
        difference=_signed(apart.value),
        interval=interval,
        p_mid=_p(test.mid),
        p_clustered="–" if apart.p is None else _p(apart.p),
        only_this=test.only_first,
        only_other=test.only_second,
    )


def _between(low: str, high: str) -> str:
    """An interval whose ends have signs: a dash between them would be read as another."""
    return _("%(low)s to %(high)s") % {"low": low, "high": high}


def _signed(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "−")


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def _notes(one: Tested) -> list[str]:
    notes = []
    if one.is_unnamed:
        notes.append(_("fitted here on votes it does not name: it cannot be tested"))
    elif one.fitted:
        notes.append(_("fitted on, so left out: %(count)s") % {"count": number(one.fitted)})
    if one.silent:
        notes.append(_("votes without its word: %(count)s") % {"count": number(one.silent)})
    if one.ties:
        notes.append(_("its ties: %(count)s") % {"count": number(one.ties)})
    if one.threshold is not None:
        notes.append(_("margins up to %(threshold).3g are ties") % {"threshold": one.threshold})
    return notes


# -- charts -----------------------------------------------------------------------------------------------------------


def _words(answer: Examined, what: str) -> charts.Words:
    return charts.Words(
        axis=_("agrees with a single vote, %"),
        value=_("agrees"),
        interval=_("interval"),
        rests_on=_("rests on"),
        people=_("a person"),
        what=what,
        # Among three answers a guess gets less.
        has_chance=answer.choice.ties != Ties.CLASS,
    )


def _dot(row: str, group: str, found: Estimate) -> Dot:
    value = 100 * found.value
    low, high = (value if end is None else 100 * end for end in (found.low, found.high))
    return Dot(row, group, value, low, high, _votes(found))


def _chart(answer: Examined) -> Chart | None:
    words = _words(answer, _("How often each machine, and a person, agrees with a single vote of a person"))
    found = answer.found
    dots = [_dot(_("a person, beside the others"), words.people, found.human)] if found.human else []
    dots += [_dot(answer.name(one.column), "", one.accuracy) for one in found.machines if one.accuracy]
    return charts.by_machine(dots, words) if dots else None


def _slice_chart(answer: Examined, parts: Slices) -> Chart | None:
    """The largest slices, people and the first machines."""
    words = _words(answer, _("How often machines and people agree with a single vote, by part of the votes"))
    columns = _drawn(answer)
    dots = []
    for line in parts.lines[:DRAWN]:
        label = line.label or _("none")
        if line.people:
            dots.append(_dot(label, words.people, line.people))
        told = [(column, line.machines.get(column)) for column in columns]
        dots += [_dot(label, answer.name(column), one) for column, one in told if one]
    return charts.by_slice(dots, words) if dots else None


def _drawn(answer: Examined) -> list[Column]:
    """The most accurate machines, as many as can be told apart; the one compared with among them."""
    able = [one.column for one in answer.found.machines if one.accuracy]
    return sorted(able, key=lambda column: column != answer.found.against)[: charts.MOST]


# -- slices and principles --------------------------------------------------------------------------------------------


def _line(line: slices.Line, columns: Sequence[Column]) -> Line:
    cells = [shown(line.machines.get(column)) for column in columns]
    return Line(line.label, line.votes, line.prompts, shown(line.people), cells)


def _principle(answer: Examined, one: Principle) -> PrincipleRow:
    accuracy = shown(one.accuracy)
    assert accuracy is not None
    return PrincipleRow(answer.name(one.column), one.people_under or _("none"), accuracy, shown(one.people))


def _flips(answer: Examined) -> list[str]:
    return [
        _("%(first)s and %(second)s part on %(flipped)s of %(pairs)s pairs (%(share)s)")
        % {
            "first": answer.name(one.first),
            "second": answer.name(one.second),
            "flipped": number(one.flipped),
            "pairs": number(one.pairs),
            "share": _percent(one.flipped / one.pairs),
        }
        for one in answer.found.flips
        if one.pairs
    ]


# -- correlations -----------------------------------------------------------------------------------------------------


def _together(answer: Examined, one: Tested) -> list[Together]:
    name, told = answer.name(one.column), []
    for what, found in ((_("win rates"), one.win_rates), (_("ratings"), one.ratings)):
        if found is not None:
            pooled = [_coefficient(found.pooled[key]) for key in ("spearman", "pearson", "kendall")]
            told.append(Together(name, what, pooled, _coefficient(found.within["spearman"]), _rests_on(found)))
    return told


def _rests_on(found: Correlation) -> str:
    samples = ngettext("%(count)s sample", "%(count)s samples", found.samples) % {"count": number(found.samples)}
    return _("%(samples)s of %(prompts)s; within %(within)s") % {
        "samples": samples,
        "prompts": _prompts(found.prompts),
        "within": number(found.prompts_within),
    }


def _coefficient(found: Coefficient) -> tuple[str, str]:
    """The value and its interval in words."""
    if found.value is None:
        return "–", ""
    if found.low is None or found.high is None:
        return _two(found.value), ""
    return _two(found.value), _between(_two(found.low), _two(found.high))


def _two(value: float) -> str:
    """Two decimals with a true minus sign, and none before zero."""
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def _likeness(answer: Examined) -> Likeness | None:
    columns = [one.column for one in answer.found.machines]
    if len(columns) < 2:
        return None
    known = {}
    for one in answer.found.likeness:
        value = _coefficient(one.correlation.pooled["spearman"])[0]
        told = (value, "" if value == "–" else number(one.correlation.samples))
        known[one.first, one.second] = known[one.second, one.first] = told
    rows = [
        (
            answer.name(column),
            [("", "") if column == other else known.get((column, other), ("–", "")) for other in columns],
        )
        for column in columns
    ]
    return Likeness([answer.name(column) for column in columns], rows)
