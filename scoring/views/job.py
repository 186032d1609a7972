"""One long work: live progress, the stages around it, where it runs, what failed, and what a try found."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, IntegerField, Sum
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from curation.access import Right
from curation.models import CriterionVersion, Job, Project, Sample, State
from curation.views.doors import PageRequest, is_part, project_page
from curation.views.paging import Key, keyset
from curation.views.pictures import first_pictures
from scoring import cards, words
from scoring.actions.probing.cards import JUDGE
from scoring.actions.probing.starting import PROBES
from scoring.actions.staging import STAGE
from scoring.catalogue import CATALOGUE
from scoring.models import FittedHead, ProbeRun
from scoring.views import job_of_judge as judging_part
from scoring.views.jobs import outcome, tag_of, visible
from scoring.views.scorer import home_of, page_of

FAILURES_A_PAGE = 24
# Beyond these a part is a hair's breadth on the screen; the counts say the same.
PARTS_DRAWN = 400
_DIGEST = re.compile(r"[0-9a-f]{32,}")


@dataclass(frozen=True)
class Owner:
    """Who works at a job, and how long ago it was heard."""

    host: str
    process: str
    seconds_silent: float

    @property
    def heard(self) -> str:
        return words.duration(max(self.seconds_silent, 0))

    @property
    def is_silent(self) -> bool:
        return self.seconds_silent > 60


@dataclass(frozen=True)
class OwnPart:
    """What one scorer of a job has done, and how it runs on the hosts that work at it.

    Attributes:
        done: samples; None while none is counted, and for jobs from before they were.
        address: of its page; empty where it has none any more.
    """

    name: str
    title: str
    address: str
    done: int | None
    failed: int
    runs: list[str]


@dataclass(frozen=True)
class StageLine:
    """One stage of a series: its jobs, or what it will do once its turn comes."""

    number: int
    jobs: list[Job]
    scorers: str
    bars: str
    is_this: bool


@project_page(Right.VIEW)
@require_safe
def job(request: PageRequest, project: Project, job_id: int) -> HttpResponse:
    shown = get_object_or_404(visible(request, project).select_related("created_by"), pk=job_id)
    if is_part(request, "progress"):
        response = render(request, "scoring/_progress.html", _progress(shown))
        if not shown.is_unfinished:
            response.headers["HX-Refresh"] = "true"  # the rest of the page changes too: failures, buttons, results
        return response
    failures = keyset(shown.failures.select_related("sample", "prompt"), [Key("pk")], request.GET, FAILURES_A_PAGE)
    pictures = first_pictures([failure.sample_id for failure in failures if failure.sample_id])
    context = {
        "section": "jobs",
        **_progress(shown),
        "page": failures,
        "failures": [(failure, pictures.get(failure.sample_id)) for failure in failures],
        "reasons": _reasons(shown),
        "may_retry": _may_retry(shown),
        "facts": _facts(shown),
        "hosts": _hosts(shown),
        "trial": _trial(shown),
        **_probes(project, shown),
        "result": _plain_results(shown),
        "fitted_head": FittedHead.objects.filter(project=project, pk=shown.result.get("head")).first(),
        **judging_part.shown(project, shown),
    }
    return render(request, "scoring/job.html", context)


def _progress(job: Job) -> dict[str, object]:
    """What changes while a job runs. Costs seven queries, however many parts there are."""
    states = dict(job.chunks.order_by().values_list("state").annotate(count=Count("pk")))
    part_count = sum(states.values())
    return {
        "job": job,
        "tag": tag_of(job),
        "words": words.progress(job) if job.is_unfinished else outcome(job),
        "rate": words.speed(job.rate) if job.rate else "",
        "left": words.duration(job.seconds_left) if job.seconds_left is not None and job.total != job.processed else "",
        "owners": _owners(job, part_count) if job.is_unfinished else [],
        "parts": job.chunks.order_by("position").values("state") if part_count <= PARTS_DRAWN else [],
        "part_counts": [(State(state).label, states[state]) for state in State.values if state in states],
        "part_count": part_count,
        "troubles": job.chunks.exclude(error="").order_by("error").values_list("error", flat=True).distinct()[:3],
        "warnings": job.result.get("warnings", []),
        "waited": _waited(job),
        "own_parts": _own_parts(job),
        "stages": _stages(job),
        "spending": judging_part.spending(job),
    }


def _owners(job: Job, part_count: int) -> list[Owner]:
    """Who works at the job: the owners of its parts, or its own while it has none."""
    if part_count:
        held = list(job.chunks.filter(state=State.RUNNING).order_by("owner").values_list("owner", "heartbeat_at"))
    else:
        held = [(job.owner, job.heartbeat_at)] if job.state == State.RUNNING else []
    now = timezone.now()
    return [_owner(name, (now - heard).total_seconds()) for name, heard in held if heard]


def _owner(name: str, seconds_silent: float) -> Owner:
    host, _colon, rest = name.partition(":")
    return Owner(host, rest.partition(":")[0], seconds_silent)


def _waited(job: Job) -> str:
    """How long a job has been waiting, once that is worth a word."""
    seconds = (timezone.now() - job.created_at).total_seconds()
    return words.duration(seconds) if job.state == State.QUEUED and seconds > 15 else ""


# -- scorer by scorer, stage by stage ---------------------------------------------------------------------------------


def _own_parts(job: Job) -> list[OwnPart]:
    """What each scorer of a scoring job has done. Two queries."""
    names = list(job.params.get("scorers", {})) if job.kind == Job.Kind.SCORE and not job.params.get("trial") else []
    if not names:
        return []
    counts = {
        f"done_{place}": Sum(Cast(KT(f"params__done_by__{name}"), IntegerField())) for place, name in enumerate(names)
    }
    done = job.chunks.order_by().aggregate(**counts)
    failed = dict(job.failures.order_by().values_list("source").annotate(count=Count("pk")))
    return [
        OwnPart(
            name=name,
            title=_(CATALOGUE[name].title) if name in CATALOGUE else name,
            address=page_of(job.project, name),
            done=done[f"done_{place}"],
            failed=failed.get(name, 0),
            runs=_runs(job, name),
        )
        for place, name in enumerate(names)
    ]


def _runs(job: Job, name: str) -> list[str]:
    """How a scorer runs on each host that says so: device, precision, and the batch size that was found."""
    precision = job.params["scorers"][name].get("precision", "")
    found = []
    for host, seen in job.environment.items():
        if isinstance(seen, dict):
            size = seen.get("batches", {}).get(name)
            words_of_size = _("batches of %(size)d") % {"size": size} if size else ""
            how = [part for part in (seen.get("device", ""), precision, words_of_size) if part]
            found += [f"{host}: {' · '.join(map(str, how))}"] if how else []
    return found


def _stages(job: Job) -> list[StageLine]:
    """The stages that the job is one of, those to come included. One query."""
    note = job.params.get(STAGE)
    if not note:
        return []
    series = Job.objects.filter(project=job.project_id, params__stage__series=note["series"]).order_by("pk")
    by_number: dict[int, list[Job]] = {}
    for one in series:
        by_number.setdefault(one.params[STAGE]["number"], []).append(one)
    # The first stage's job knows all that were asked for.
    later = by_number[min(by_number)][0].params[STAGE]["later"]
    first = min(by_number)
    return [
        StageLine(
            number=number,
            jobs=by_number.get(number, []),
            scorers=_stage_scorers(by_number.get(number, []), later[number - first - 1] if number > first else None),
            bars=_bars(later[number - first - 1]) if number > first else "",
            is_this=number == note["number"],
        )
        for number in range(first, first + len(later) + 1)
    ]


def _stage_scorers(jobs: list[Job], asked: Mapping[str, Any] | None) -> str:
    names = list(asked["scorers"]) if asked else [name for one in jobs for name in one.params["scorers"]]
    return ", ".join(_(CATALOGUE[name].title) if name in CATALOGUE else name for name in names)


def _bars(stage: Mapping[str, Any]) -> str:
    """What a stage takes over, in words."""
    bars = words.bars(
        at_least=stage["at_least"],
        at_most=stage["at_most"],
        spread=stage["spread_at_most"],
        best=stage["best_of_prompt"],
        most=stage["most"],
    )
    facts = CATALOGUE.get(stage["scorer"])
    title = _(facts.output(stage["criterion"]).title) if facts else stage["criterion"]
    return _("%(bars)s, by %(score)s") % {"bars": ", ".join(bars), "score": title}


# -- what it was asked, and where it ran ------------------------------------------------------------------------------


def _reasons(job: Job) -> list[tuple[str, int]]:
    """Reasons that several failures share, names of files left out. One query of bounded size."""
    rows = job.failures.order_by("pk").values_list("reason", flat=True)[:2000]
    common = Counter(_DIGEST.sub("…", reason) for reason in rows).most_common(4)
    return [(reason, count) for reason, count in common if count > 1]


def _may_retry(job: Job) -> bool:
    return (
        job.kind in (Job.Kind.SCORE, Job.Kind.JUDGE)
        and not job.is_unfinished
        and not job.params.get("trial")
        and (job.failed > 0 or job.chunks.filter(state=State.FAILED).exists())
    )


def _facts(job: Job) -> list[tuple[str, str]]:
    """What the job was asked."""
    facts = [
        (_("Kind"), job.get_kind_display()),
        (_("Started by"), str(job.created_by) if job.created_by else _("a command or the timetable")),
        (_("Queue"), job.queue),
    ]
    for name, settings in job.params.get("scorers", {}).items():
        chosen = ", ".join(f"{key} = {value}" for key, value in settings.items())
        facts.append((_("Scorer"), f"{name} ({chosen})" if chosen else name))
    if job.kind == Job.Kind.JUDGE:
        facts += judging_part.facts(job)
    if job.kind in (Job.Kind.SCORE, Job.Kind.JUDGE):
        facts.append((_("Samples"), _chosen_words(job.params)))
    return facts


def _hosts(job: Job) -> list[tuple[str, list[tuple[str, str]]]]:
    """Every machine that worked at the job, with what a number may depend on."""
    found = []
    for host, seen in job.environment.items():
        if isinstance(seen, dict):
            plain = {key: value for key, value in seen.items() if key not in ("libraries", "scorers", "batches")}
            rows = [(key.replace("_", " "), cards.value_words(value)) for key, value in plain.items() if value]
            libraries = ", ".join(f"{name} {version}" for name, version in seen.get("libraries", {}).items())
            found.append((host, [*rows, (_("libraries"), libraries)] if libraries else rows))
    return found


def _chosen_words(params: Mapping[str, Any]) -> str:
    if params.get("trial"):
        return _("one, as a try")
    if PROBES in params:
        return _("probes: %(scorer)s is held against inputs that should not fool it") % {
            "scorer": params[PROBES]["scorer"]
        }
    if params.get("arrival"):
        return _("those that arrived since the last time")
    chosen = dict(params.get("chosen") or {})
    kept = chosen.pop("kept", None)
    parts = [_chosen_part(name, value) for name, value in chosen.items()]
    if kept:
        parts.append(_kept_words(kept))
    return ", ".join(parts) or _("all of the project")


def _chosen_part(name: str, value: object) -> str:
    """One way in which the samples were narrowed; long lists are counted."""
    if isinstance(value, list) and name in ("samples", "prompts", "generators"):
        return f"{name}: {len(value)}"
    return f"{name}: {', '.join(map(str, value)) if isinstance(value, list) else value}"


def _kept_words(kept: Mapping[str, Any]) -> str:
    """What an earlier stage left over."""
    version = CriterionVersion.objects.filter(pk__in=kept["criterion_versions"]).first()
    bars = words.bars(
        at_least=kept["at_least"],
        at_most=kept["at_most"],
        spread=kept["spread_at_most"],
        best=kept["best_of_prompt"],
        most=kept["most"],
    )
    return _("%(bars)s, by %(score)s") % {"bars": ", ".join(bars), "score": version.name if version else "–"}


# -- what came of it --------------------------------------------------------------------------------------------------


def _trial(job: Job) -> dict[str, object] | None:
    """What a try found, with its sample."""
    if job.kind != Job.Kind.SCORE or not job.params.get("trial"):
        return None
    sample = Sample.objects.select_related("prompt", "generator").filter(pk=job.params["trial"]).first()
    (name,) = job.params["scorers"]
    found = job.result.get("trial") or {}
    outputs = {output.criterion: output for output in CATALOGUE[name].outputs} if name in CATALOGUE else {}
    return {
        "scorer": name,
        "sample": sample,
        "picture": first_pictures([sample.pk]).get(sample.pk) if sample else None,
        "values": [{**value, "output": outputs.get(value["criterion"])} for value in found.get("values", [])],
        "detail": [(key, _spoken(value)) for key, value in found.get("detail", {}).items() if _spoken(value)],
        "reason": found.get("reason", ""),
        "seconds": words.duration(job.result["seconds"]) if "seconds" in job.result else "",
    }


def _spoken(value: object) -> str:
    """A value of a scorer's detail for reading: the texts of a list, whole numbers without a point, no brackets."""
    if isinstance(value, dict):
        return (
            str(value["text"]) if "text" in value else ", ".join(f"{key} {_spoken(one)}" for key, one in value.items())
        )
    if isinstance(value, list):
        return " · ".join(_spoken(one) for one in value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)


def _probes(project: Project, job: Job) -> dict[str, object]:
    """The run of a job of probes, and the page that tells what it found."""
    run = ProbeRun.objects.select_related("rater").filter(job=job).first() if PROBES in job.params else None
    if run is None:
        return {"probe_run": None}
    return {"probe_run": run, "probe_home": _probe_home(project, run)}


def _probe_home(project: Project, run: ProbeRun) -> str:
    """The page of whom a run looks at; who that is as a rater is not known before it begins."""
    if JUDGE in run.settings:
        return reverse("judge", args=[project.slug, run.settings[JUDGE]])
    return home_of(project, run.rater) if run.rater else reverse("scorer", args=[project.slug, run.scorer])


def _plain_results(job: Job) -> list[tuple[str, object]]:
    """What other kinds of work leave on their job, where it is a plain number or word."""
    if job.kind in (Job.Kind.SCORE, Job.Kind.JUDGE):
        return []
    return [
        (name.replace("_", " "), value)
        for name, value in job.result.items()
        if isinstance(value, str | int | float) and name != "head"
    ]
