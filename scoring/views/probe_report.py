"""What the probes say of a scorer or a judge, in words and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from curation.models import Project, Rater, Sample
from scoring.actions.probing import standing
from scoring.actions.probing.standing import ProbeStanding
from scoring.judges.base import Mode, Template
from scoring.models import Judge, ProbeAnswer, ProbeRun
from scoring.probes.bars import BARS
from scoring.probes.kinds import EVERY
from scoring.probes.pair_report import Said
from scoring.scorers.base import ScorerFacts


@dataclass(frozen=True)
class Shown:
    """An input that broke a figure, beside the sample it was held against."""

    title: str
    answer: ProbeAnswer
    value: float | None
    against: ProbeAnswer
    against_value: float | None
    # What a judge of pairs said of the two; a scorer says a number of each.
    said: str = ""


@dataclass(frozen=True)
class Line:
    """One figure of one criterion."""

    title: str
    says: str
    verdict: str
    verdict_words: str
    value: str
    interval: str
    bar: str
    counted: str
    worst: str
    parts: list[tuple[str, str]]
    shown: list[Shown]


@dataclass(frozen=True)
class CriterionFound:
    """Everything that a run found of one criterion."""

    title: str
    verdict: str
    verdict_words: str
    is_open: bool
    genuine: int
    spread: float | None
    within: float | None
    is_deaf: bool
    lines: list[Line]


@dataclass(frozen=True)
class RunFound:
    """A run as the page tells of it."""

    run: ProbeRun
    standing: ProbeStanding
    criteria: list[CriterionFound]
    unscored: list[tuple[str, int]]
    reason: str
    may_show: bool


def context(project: Project, facts: ScorerFacts, rater: Rater | None) -> dict[str, Any]:
    """What the section needs: how the rater stands, and its newest run.

    Args:
        rater: that speaks here; None where the scorer never spoke here, and it then stands as whoever it was elsewhere.
    """
    if rater is None:
        stands = standing.of_scorers(project)[facts.name]
    else:
        stands = standing.of_raters(project, [rater.pk])[rater.pk]
    titles = {output.criterion: str(_(output.title)) for output in facts.outputs}
    return {"probe_scorer": facts.name, "probe_judge": None, **_shared(project, stands, rater, titles)}


def context_of_judge(project: Project, judge: Judge, template: Template | None, rater: Rater | None) -> dict[str, Any]:
    """The same for a judge.

    Args:
        template: None where it cannot be had any more.
        rater: that the judge is now; None where it was never asked.
    """
    stands = standing.of_judges(project, {judge.pk: rater.pk if rater else None})[judge.pk]
    titles = {one.key: one.title or one.key for one in template.criteria} if template else {}
    mode = template.mode if template else None
    may_probe = mode not in (None, Mode.LISTENER) and judge.archived_at is None
    gives_numbers = mode in (Mode.POINTS, Mode.CHECKLIST)
    return {
        "probe_judge": judge,
        "may_probe": may_probe,
        "gives_numbers": gives_numbers,
        **_shared(project, stands, rater, titles),
    }


def _shared(project: Project, stands: ProbeStanding, rater: Rater | None, titles: Mapping[str, str]) -> dict[str, Any]:
    return {
        "probe_rater": rater,
        "probe_standing": stands,
        "probed": _found(project, titles, stands) if stands.run else None,
    }


def _found(project: Project, titles: Mapping[str, str], stands: ProbeStanding) -> RunFound:
    run = stands.run
    assert run is not None
    report = run.report
    may_show = run.is_drawn or run.project_id == project.pk
    answers = _answers(run, report) if may_show else {}
    criteria = [_criterion(one, answers, titles.get(one["criterion"], one["criterion"])) for one in report["criteria"]]
    unscored = [(str(_(EVERY[probe].title)), count) for probe, count in report["unscored"].items() if probe in EVERY]
    return RunFound(run, stands, criteria, unscored, report["reason"], may_show)


def _answers(run: ProbeRun, report: Mapping[str, Any]) -> dict[int, ProbeAnswer]:
    """The rows that the report shows, by position; those of samples that were taken away are left out."""
    shown = {
        position
        for criterion in report["criteria"]
        for finding in criterion["findings"]
        for broken in finding["broken"]
        for position in (broken["position"], broken["against"])
    }
    rows = run.answers.filter(position__in=shown).filter(Q(sample=None) | Q(sample__in=Sample.objects.present()))
    return {row.position: row for row in rows.defer("picture")}


def _criterion(one: Mapping[str, Any], answers: Mapping[int, ProbeAnswer], title: str) -> CriterionFound:
    return CriterionFound(
        title=title,
        verdict=one["verdict"],
        verdict_words=verdict_words(one["verdict"]),
        is_open=one["verdict"] != "passing",
        genuine=one["genuine"],
        spread=one["spread"],
        within=one["within"],
        is_deaf=one["is_deaf"],
        lines=[_line(finding, answers, one["criterion"]) for finding in one["findings"] if finding["name"] in BARS],
    )


def _line(finding: Mapping[str, Any], answers: Mapping[int, ProbeAnswer], criterion: str) -> Line:
    bar, figure = BARS[finding["name"]], finding["figure"]
    is_share = bar.unit == "share"
    return Line(
        title=str(_(bar.title)),
        says=str(_(bar.says)),
        verdict=finding["verdict"],
        verdict_words=verdict_words(finding["verdict"]),
        value=_number(figure["value"], is_share),
        interval=_interval(figure, is_share),
        bar=_bar_words(finding["bar"], is_share, bar.high_is_good),
        counted=_("over %(count)d, from %(prompts)d prompts")
        % {"count": figure["count"], "prompts": figure["clusters"]},
        worst=str(_(EVERY[finding["worst"]].title)) if finding["worst"] in EVERY else "",
        parts=[
            (str(_(EVERY[part["probe"]].title)), _number(part["figure"]["value"], is_share))
            for part in finding["parts"]
            if part["probe"] in EVERY
        ],
        shown=_shown(finding, answers, criterion),
    )


def _shown(finding: Mapping[str, Any], answers: Mapping[int, ProbeAnswer], criterion: str) -> list[Shown]:
    pairs = [(answers.get(one["position"]), answers.get(one["against"])) for one in finding["broken"]]
    return [_beside(one, other, criterion) for one, other in pairs if one is not None and other is not None]


def _beside(one: ProbeAnswer, other: ProbeAnswer, criterion: str) -> Shown:
    title = str(_(EVERY[one.probe].title)) if one.probe in EVERY else one.probe
    said = one.values.get(criterion)
    if isinstance(said, list):
        return Shown(title, one, None, other, None, _preference(*map(Said, said)))
    return Shown(title, one, said, other, other.values.get(criterion))


def _preference(first: Said, second: Said) -> str:
    """Both answers to a comparison: with the input shown first, and second."""
    words = {
        Said.FOR: _("preferred"),
        Said.AGAINST: _("not preferred"),
        Said.TIE: _("called alike"),
        Said.BAD: _("both called bad"),
    }
    if first == second:
        return _("%(said)s in both orders") % {"said": words[first]}
    return _("%(first)s when first, %(second)s when second") % {"first": words[first], "second": words[second]}


def verdict_words(verdict: str) -> str:
    known = {"passing": _("passes"), "doubtful": _("in doubt"), "failing": _("fails")}
    return known.get(verdict, _("nothing to say"))


def _number(value: float, is_share: bool) -> str:
    if is_share:
        return _("%(share)s %%") % {"share": f"{100 * value:.0f}"}
    return f"{value:.2f}"


def _interval(figure: Mapping[str, Any], is_share: bool) -> str:
    if figure["low"] is None or figure["high"] is None:
        return ""
    low, high = _number(figure["low"], is_share), _number(figure["high"], is_share)
    return _("%(low)s to %(high)s") % {"low": low, "high": high}


def _bar_words(bar: Mapping[str, float | None], is_share: bool, high_is_good: bool) -> str:
    passing = _number(bar["passing"] or 0.0, is_share)
    words = _("from %(bar)s on") if high_is_good else _("up to %(bar)s")
    said = words % {"bar": passing}
    if bar["failing"] is None:
        return said
    fails = _("fails below %(bar)s") if high_is_good else _("fails above %(bar)s")
    return f"{said}, {fails % {'bar': _number(bar['failing'], is_share)}}"
