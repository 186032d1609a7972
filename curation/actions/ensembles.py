"""Ensembles: one rater made of several. Finding them, looking before one speaks, and letting it speak in a job."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from django.db import transaction
from django.db.models.fields.json import KeyTextTransform
from django.utils.translation import gettext as _

from curation.actions import deriving, ensemble_making, jobs
from curation.actions.deriving import Ensemble
from curation.actions.kinship import is_kin
from curation.errors import PairwrightError, Refused
from curation.models import CriterionVersion, Generator, Job, Project, Rater, User, ensemble_frames
from curation.rewards.agreement import Agreement, Moments
from curation.rewards.combining import TIE
from curation.rewards.numbers import Floats
from curation.rewards.opinions import Opinions, Panel
from curation.rewards.parse import parse_transform
from curation.rewards.plan import Plan, PlanMember, Route
from curation.rewards.transforms import RAW, Transform

# At most so many samples are worked at while somebody waits for the page.
AT_ONCE = 5_000


# -- loading ----------------------------------------------------------------------------------------------------------


def of_project(project: Project) -> list[Rater]:
    """The ensembles that were made here, the newest first."""
    rows = Rater.objects.filter(project=project, kind=Rater.Kind.ENSEMBLE, identity__ensemble=1)
    return list(rows.order_by("-pk"))


def named(project: Project, name: str) -> Rater:
    """The ensemble of this name or id; of several with one name, the newest.

    Raises:
        Refused: there is none.
    """
    for row in of_project(project):
        if name in (row.name, str(row.pk)):
            return row
    known = ", ".join(sorted({row.name for row in of_project(project)})) or _("none yet")
    raise Refused(_("There is no ensemble “%(name)s” here. There are: %(known)s.") % {"name": name, "known": known})


def plan_of(rater: Rater) -> Plan:
    """The plan that an ensemble's identity holds."""
    said = rater.identity
    return Plan(
        name=rater.name,
        form=said["form"],
        rule=said["rule"],
        members=tuple(
            PlanMember(one["name"], one["criterion"], one["weight"], _transform(one["transform"]))
            for one in said["spoken"]
        ),
        criterion=said["criterion"],
        repeats=said["repeats"],
        missing=said["missing"],
        least=said["least"],
        by=said.get("by"),
        routes=tuple(Route(tuple(one["of"]), one["to"]) for one in said.get("routes", [])),
        seen=tuple(said.get("fitted_on", {}).get("prompts", ())),
    )


def _transform(steps: list[dict[str, Any]]) -> Transform:
    if not steps:
        return RAW
    return Transform(parse_transform(json.dumps({"transform": 1, "name": "member", "steps": steps})).steps)


def load(project: Project, rater: Rater) -> Ensemble:
    """The ensemble, ready to speak.

    Raises:
        Refused: a criterion it reads or speaks under means something else by now.
    """
    said = rater.identity
    newest = _newest_versions(project, {one["criterion"] for one in said["spoken"]} | {said["criterion"]})
    for key, meaning in [(one["criterion"], one["meaning"]) for one in said["spoken"]] + [
        (said["criterion"], said["meaning"])
    ]:
        if newest[key].meaning_id != meaning:
            raise Refused(
                _("“%(key)s” means something else since “%(name)s” was made. Make the ensemble anew.")
                % {"key": key, "name": rater.name}
            )
    spoken = [(one["rater"], ensemble_making.versions(newest[one["criterion"]])) for one in said["spoken"]]
    return _ensemble(project, rater, plan_of(rater), spoken, newest[said["criterion"]])


def _newest_versions(project: Project, keys: set[str]) -> dict[str, CriterionVersion]:
    rows = CriterionVersion.objects.filter(criterion__project=project, criterion__key__in=keys)
    return {row.criterion.key: row for row in rows.select_related("criterion").order_by("number")}


def _ensemble(
    project: Project,
    rater: Rater,
    plan: Plan,
    spoken: Sequence[tuple[int, Sequence[int]]],
    criterion: CriterionVersion,
) -> Ensemble:
    columns = [(rater_id, version, place) for place, (rater_id, own) in enumerate(spoken) for version in own]
    schema = {"rater_id": pl.Int64, "criterion_id": pl.Int64, "member": pl.Int64}
    panel = Panel(
        plan=plan,
        columns=pl.DataFrame(columns, schema=schema, orient="row"),
        transforms=tuple(member.transform for member in plan.members),
        higher_is_better=bool(rater.identity["higher_is_better"]),
        routes=ensemble_frames.routes(project, plan) if plan.routes else None,
    )
    reading = ensemble_frames.reading(
        project, {rater_id for rater_id, _own in spoken}, {version for _rater, own in spoken for version in own}
    )
    return Ensemble(project, rater, panel, reading, criterion)


# -- looking before it speaks -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Preview:
    """What an ensemble would say of some prompts.

    Attributes:
        subjects, incomplete: samples or couples it would speak of, and not.
        mean_spread: of scores, across members; of votes, the mean share that stands against the verdict.
        members: their names, in the order of `agreement`.
        silent: on how many subjects each said nothing.
    """

    subjects: int
    incomplete: int
    mean_spread: float
    members: tuple[str, ...]
    silent: tuple[int, ...]
    agreement: Agreement


def preview(*, project: Project, plan: Plan, most_prompts: int = 500) -> Preview:
    """What it would say of the newest prompts; nothing is written, no rater made.

    Raises:
        Refused: as `make`.
    """
    window = ensemble_frames.first_prompts(project, most_prompts)
    found = ensemble_making.find(project, plan, within=window)
    members = tuple(
        PlanMember(member.rater, member.criterion, member.weight, one.transform)
        for member, one in zip(plan.members, found, strict=True)
    )
    rater = Rater(name=plan.name, identity={"higher_is_better": found[0].scale.higher_is_better})
    closed = Plan(**{**vars(plan), "members": members})
    spoken = [(one.rater.pk, ensemble_making.versions(one.criterion)) for one in found]
    ensemble = _ensemble(project, rater, closed, spoken, found[0].criterion)
    tally = Tally(ensemble)
    tally.add(deriving.look(ensemble, window))
    return tally.preview()


@dataclass
class Tally:
    """What is added up over the windows of an ensemble."""

    ensemble: Ensemble
    subjects: int = 0
    incomplete: int = 0
    disagreement: float = 0.0
    silent: Floats = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        opinions = self.ensemble.panel.plan.opinions
        self.silent = np.zeros(opinions)
        self.moments = Moments(opinions, TIE if self.ensemble.form == "votes" else None)

    def add(self, made: Opinions) -> None:
        self.subjects += made.derived.height
        self.incomplete += made.incomplete
        column = made.derived["spread"] if self.ensemble.form == "scores" else 1.0 - made.derived["share"]
        self.disagreement += float(column.sum())
        self.silent += np.array(made.silent)
        # Both bad is on no side.
        self.moments.add(
            np.where(made.matrix < 0, np.nan, made.matrix) if self.ensemble.form == "votes" else made.matrix
        )

    def preview(self) -> Preview:
        return Preview(
            subjects=self.subjects,
            incomplete=self.incomplete,
            mean_spread=self.disagreement / self.subjects if self.subjects else 0.0,
            members=tuple(deriving.member_names(self.ensemble.panel.plan)),
            silent=tuple(int(one) for one in self.silent),
            agreement=self.moments.agreement(self.ensemble.panel.weights.tolist()),
        )


# -- as a job ---------------------------------------------------------------------------------------------------------


@transaction.atomic
def order(*, project: Project, rater: Rater, by: User | None) -> Job:
    """Writes down that an ensemble is to speak; a job that has not ended yet is returned as it is.

    It is a build: made of what is stored, by any worker, without a model.
    """
    Rater.objects.select_for_update(no_key=True).get(pk=rater.pk)
    waiting = Job.objects.filter(project=project, kind=Job.Kind.BUILD, params__ensemble=rater.pk).unfinished()
    return waiting.first() or jobs.create(
        project=project,
        kind=Job.Kind.BUILD,
        title=_("Ensemble %(name)s") % {"name": rater.name},
        params={"ensemble": rater.pk},
        by=by,
    )


def is_asked_for(job_id: int) -> bool:
    return Job.objects.filter(pk=job_id, kind=Job.Kind.BUILD, params__has_key="ensemble").exists()


def is_small(project: Project) -> bool:
    """Whether an ensemble over this project is done before a person wonders."""
    return sum(window.samples for window in ensemble_frames.windows(project)) <= AT_ONCE


def run_job(*, job_id: int) -> Job | None:
    """Claims the job and lets the ensemble speak; None when somebody else has it or it is over.

    It writes window by window and only what is missing, so a job taken up again goes on where it stopped.
    """
    job = Job.objects.select_related("project").filter(pk=job_id).first()
    owner = jobs.new_owner()
    claimed = jobs.claim(job, owner) if job else None
    if claimed is None:
        return None
    try:
        with jobs.heartbeat(claimed, owner) as pulse:
            result = _speak(claimed, owner, pulse)
    except jobs.Lost:
        jobs.stop_cancelled(claimed, owner)
        return None
    except Exception as error:
        is_ours = isinstance(error, PairwrightError)
        jobs.fail(claimed, owner, str(error) if is_ours else f"{type(error).__name__}: {error}")
        raise
    jobs.finish(claimed, owner, result=result)
    return Job.objects.get(pk=claimed.pk)


def _speak(job: Job, owner: str, pulse: jobs.Pulse) -> dict[str, Any]:
    ensemble = load(job.project, Rater.objects.get(pk=job.params["ensemble"]))
    tally, counts = Tally(ensemble), dict.fromkeys(("written", "kept", "replaced", "withdrawn"), 0)
    Job.objects.filter(pk=job.pk, owner=owner).update(done=0, skipped=0)
    for window in ensemble_frames.windows(job.project):
        pulse.check()
        outcome = deriving.derive(ensemble, window, job)
        tally.add(outcome.made)
        for name in counts:
            counts[name] += getattr(outcome, name)
        if not jobs.advance(job, owner, done=outcome.made.derived.height, skipped=outcome.made.incomplete):
            raise jobs.Lost
    Job.objects.filter(pk=job.pk, owner=owner).update(total=tally.subjects + tally.incomplete)
    return {"ensemble": ensemble.rater.pk, **counts, **as_result(tally.preview())}


def as_result(found: Preview) -> dict[str, Any]:
    """The same as JSON, as it stands on a job; null for a number that does not exist."""
    agreement = found.agreement
    return {
        "subjects": found.subjects,
        "incomplete": found.incomplete,
        "mean_spread": found.mean_spread,
        "effective_opinions": _plain(agreement.effective),
        "members": list(found.members),
        "silent": list(found.silent),
        "common_subjects": agreement.count,
        "constant": list(agreement.constant),
        "correlations": [[_plain(one) for one in row] for row in agreement.correlations.tolist()],
    }


def _plain(value: float) -> float | None:
    return None if value != value else value


def last_run(project: Project, rater: Rater) -> Job | None:
    """The newest job of an ensemble, whatever came of it."""
    return Job.objects.filter(project=project, kind=Job.Kind.BUILD, params__ensemble=rater.pk).first()


def last_runs(project: Project) -> dict[int, Job]:
    """The newest job of each ensemble, by the ensemble's id. One query."""
    rows = Job.objects.filter(project=project, kind=Job.Kind.BUILD, params__has_key="ensemble")
    newest = (
        rows.annotate(ensemble=KeyTextTransform("ensemble", "params")).order_by("ensemble", "-pk").distinct("ensemble")
    )
    return {job.params["ensemble"]: job for job in newest}


def related_generators(project: Project, rater: Rater) -> dict[int, list[str]]:
    """By place of the member in the plan: generators of its own kind, of whose samples it is no independent judge."""
    members = Rater.objects.in_bulk([one["rater"] for one in rater.identity["spoken"]])
    generators = list(Generator.objects.filter(project=project))
    akin = {
        pk: sorted(
            {one.name for one in generators if is_kin(one, family=member.family, model_names=member.model_names)}
        )
        for pk, member in members.items()
    }
    return {place: akin[one["rater"]] for place, one in enumerate(rater.identity["spoken"]) if akin[one["rater"]]}


def cycles(rater: Rater) -> set[int]:
    """The places in the plan of members that go back from the output to the prompt."""
    spoken = [one["rater"] for one in rater.identity["spoken"]]
    found = set(Rater.objects.filter(pk__in=spoken, independence="cycle").values_list("pk", flat=True))
    return {place for place, pk in enumerate(spoken) if pk in found}


def member_names(plan: Plan) -> list[str]:
    """What each opinion is called: the member and what it judged, or which of its repeats."""
    return deriving.member_names(plan)
