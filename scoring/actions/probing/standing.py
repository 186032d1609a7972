"""How raters stand with the probes, as pages say it: a warning that somebody may read and go on; it blocks nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from curation.models import Project, Rater, State, User
from scoring.actions.probing.cards import JUDGE
from scoring.catalogue import CATALOGUE
from scoring.models import FittedHead, ProbeReading, ProbeRun
from scoring.probes.kinds import SUITE

WAITING, NEVER, OLD = "waiting", "never", "old"
WORDS: Mapping[str, str | Promise] = {
    "passing": _("passed the probes"),
    "doubtful": _("probes in doubt"),
    "failing": _("failed probes"),
    "none": _("probes had nothing to say"),
    NEVER: _("not probed yet"),
    WAITING: _("not probed yet, probes are queued"),
    OLD: _("not probed yet with the present probes"),
}


@dataclass(frozen=True)
class ProbeStanding:
    """What the probes say of one rater.

    Attributes:
        state: an outcome of a run, `never`, `waiting` (a run is under way) or `old` (another suite looked at it).
        run: the newest run that ended; None where there is none.
        waiting: the run under way; None where there is none.
        reading: who has read this very state in the project; None while nobody has.
        is_rater: whether a worker has loaded it, so that it is known who it is.
    """

    state: str
    run: ProbeRun | None = None
    waiting: ProbeRun | None = None
    reading: ProbeReading | None = None
    is_rater: bool = True

    @property
    def words(self) -> str | Promise:
        return WORDS[self.state]

    @property
    def is_trusted(self) -> bool:
        return self.state == "passing"

    @property
    def warns(self) -> bool:
        """Whether a page should say so aloud: it has not passed, and nobody has read that here."""
        return not self.is_trusted and self.reading is None


def of_raters(project: Project, rater_ids: Sequence[int]) -> dict[int, ProbeStanding]:
    """How each rater stands. Three queries."""
    ended = {run.rater_id: run for run in ProbeRun.objects.latest_of(list(rater_ids)).select_related("project")}
    under_way = ProbeRun.objects.filter(
        rater__in=rater_ids, ended_at=None, job__state__in=[State.QUEUED, State.RUNNING]
    ).select_related("job")
    waiting = {run.rater_id: run for run in under_way.order_by("pk")}
    readings = ProbeReading.objects.filter(project=project, rater__in=rater_ids).select_related("by")
    read = {(one.rater_id, one.run_id): one for one in readings.order_by("pk")}
    return {
        pk: ProbeStanding(
            state=_state(ended.get(pk), waiting.get(pk)),
            run=ended.get(pk),
            waiting=waiting.get(pk),
            reading=read.get((pk, ended[pk].pk if pk in ended else None)),
        )
        for pk in rater_ids
    }


def _state(run: ProbeRun | None, waiting: ProbeRun | None) -> str:
    if run is not None and run.suite == SUITE:
        return run.outcome
    if waiting is not None:
        return WAITING
    return NEVER if run is None else OLD


def of_scorers(project: Project) -> dict[str, ProbeStanding]:
    """How each scorer of the catalogue stands, as the newest rater of its present version, and each head here.

    A scorer that was no rater anywhere yet was never probed. Five queries.
    """
    rows = (
        Rater.objects.filter(project=None, identity__has_key="scorer", name__in=CATALOGUE)
        .order_by("name", "identity__version", "-pk")
        .distinct("name", "identity__version")
        .values_list("name", "identity__version", "pk")
    )
    newest = {name: pk for name, version, pk in rows if CATALOGUE[name].version == version}
    heads = FittedHead.objects.filter(project=project).newest().select_related("rater")
    newest |= {head.key: head.rater_id for head in heads}
    found = of_raters(project, list(newest.values()))
    nowhere = {name: ProbeStanding(NEVER, is_rater=False) for name in CATALOGUE}
    return nowhere | {name: found[pk] for name, pk in newest.items()}


def of_judges(project: Project, raters: Mapping[int, int | None]) -> dict[int, ProbeStanding]:
    """How judges stand as the raters they are now. Four queries.

    Args:
        raters: the newest rater of each judge; None for one that was never asked, of whom no worker knows who it is.
    """
    found = of_raters(project, [rater for rater in raters.values() if rater is not None])
    unknown = [judge for judge, rater in raters.items() if rater is None]
    under_way = ProbeRun.objects.filter(
        settings__judge__in=unknown, ended_at=None, job__state__in=[State.QUEUED, State.RUNNING]
    )
    waiting = {run.settings[JUDGE]: run for run in under_way.select_related("job")}
    return {
        judge: found[rater]
        if rater is not None
        else ProbeStanding(WAITING if judge in waiting else NEVER, waiting=waiting.get(judge), is_rater=False)
        for judge, rater in raters.items()
    }


@transaction.atomic
def read(*, project: Project, rater: Rater, by: User | None) -> ProbeReading:
    """Writes down that somebody has read how a rater stands; another run asks again."""
    run = ProbeRun.objects.latest_of([rater.pk]).first()
    found = ProbeReading.objects.filter(project=project, rater=rater, run=run).first()
    return found or ProbeReading.objects.create(project=project, rater=rater, run=run, by=by)
