"""Taking something down: what it will touch, the last question, and what became of the versions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from curation.access import Right, may
from curation.actions import withdrawals
from curation.actions.withdrawals import Affected, Scope
from curation.errors import NotAllowed
from curation.forms.takedowns import TakedownForm
from curation.models import Judgement, Project, Prompt, Rater, Sample, SampleMedia, Withdrawal
from curation.views.doorbell import ring_for_build
from curation.views.doors import PageRequest, is_part, project_page
from curation.views.overview import words
from curation.views.paging import Key, keyset
from curation.views.pictures import Picture, all_pictures

# The samples of a prompt that are shown beside the question.
SHOWN = 12


@dataclass(frozen=True)
class Asked:
    """What is to be taken down: its title, what it takes, the page to go back to, and what else may be meant."""

    title: str
    scope: Scope
    back: str
    others: list[tuple[str, str]]  # words and address


@project_page(Right.EDIT, archived=True)
def takedown(request: PageRequest, project: Project, subject: str, subject_id: str) -> HttpResponse:
    """Of a `sample`, a `prompt`, an `asset` (by its SHA-256) or a `rater`: what would fall, and the button."""
    if subject not in SUBJECTS:
        raise Http404
    asked = SUBJECTS[subject](request, project, subject_id)
    form = TakedownForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        done = withdrawals.take_down(
            project=project, scope=asked.scope, reason=form.cleaned_data["reason"], by=request.user
        )
        if done.job is not None and done.finished_at is None:
            ring_for_build(done.job)
        return redirect("withdrawal", project.slug, done.pk)
    context = {
        "section": "datasets",
        "asked": asked,
        "form": form,
        "affected": [_line(one) for one in withdrawals.affected(project=project, scope=asked.scope)],
        "pictures": _pictures(asked.scope),
        "judgements": _judgements(project, asked.scope),
    }
    return render(request, "curation/datasets/takedown.html", context, status=400 if form.is_bound else 200)


def _number(value: str) -> int:
    if not value.isdigit():
        raise Http404
    return int(value)


def _sample(request: PageRequest, project: Project, value: str) -> Asked:
    rows = Sample.objects.visible_to(request.user).filter(project=project).select_related("generator")
    sample: Sample = get_object_or_404(rows, pk=_number(value))
    media = SampleMedia.objects.filter(sample=sample, role="").exclude(asset=None).select_related("asset")
    whole = reverse("takedown", args=[project.slug, "prompt", sample.prompt_id])
    others = [(_("the prompt with all its samples"), whole)]
    for place in media:
        assert place.asset is not None  # left out above
        address = reverse("takedown", args=[project.slug, "asset", place.asset.sha256])
        others.append((_("this file, wherever it stands in this project"), address))
    title = _("Take down %(sample)s") % {"sample": sample}
    return Asked(title, withdrawals.of_sample(sample), reverse("sample", args=[project.slug, sample.pk]), others)


def _prompt(request: PageRequest, project: Project, value: str) -> Asked:
    prompt: Prompt = get_object_or_404(
        Prompt.objects.visible_to(request.user).filter(project=project), pk=_number(value)
    )
    title = _("Take down a prompt with all its samples")
    return Asked(title, withdrawals.of_prompt(prompt), reverse("prompt", args=[project.slug, prompt.pk]), [])


def _asset(request: PageRequest, project: Project, value: str) -> Asked:
    scope = withdrawals.of_asset(project, value)
    if scope.is_empty:
        raise Http404(_("No sample and no prompt of this project holds this file."))
    title = _("Take down a file wherever it stands")
    return Asked(title, scope, reverse("samples", args=[project.slug]), [])


def _rater(request: PageRequest, project: Project, value: str) -> Asked:
    if not may(request.role, Right.MANAGE):
        raise NotAllowed(_("Only an admin of this project takes down all that a person said."))
    raters = Rater.objects.visible_to(request.user).filter(judgements__project=project).distinct()
    rater: Rater = get_object_or_404(raters, pk=_number(value))
    title = _("Take down all that %(rater)s said") % {"rater": rater.name}
    return Asked(title, withdrawals.of_rater(rater), reverse("datasets", args=[project.slug]), [])


SUBJECTS: dict[str, Callable[[PageRequest, Project, str], Asked]] = {
    "sample": _sample,
    "prompt": _prompt,
    "asset": _asset,
    "rater": _rater,
}


@dataclass(frozen=True)
class Line:
    """A version that gets a minor one: both names, and what falls."""

    version: str
    minor: str
    pairs: int
    of_pairs: int
    samples: int


def _line(one: Affected) -> Line:
    version = one.version
    minor = f"{version.dataset.name}@{version.number}.{version.minor + 1}"
    return Line(str(version), minor, one.rows.pairs.height, version.pair_count or 0, one.rows.samples.height)


def _pictures(scope: Scope) -> list[tuple[Sample, Picture | None]]:
    samples = list(Sample.objects.filter(pk__in=scope.samples[:SHOWN]).select_related("generator"))
    shown = all_pictures([sample.pk for sample in samples])
    return [(sample, next(iter(shown[sample.pk]), None)) for sample in samples]


def _judgements(project: Project, scope: Scope) -> int:
    if scope.rater is None:
        return 0
    return Judgement.objects.living().filter(project=project, rater=scope.rater).count()


# -- afterwards ------------------------------------------------------------------------------------------------------


@project_page(Right.VIEW)
@require_safe
def withdrawal_list(request: PageRequest, project: Project) -> HttpResponse:
    """Everything that was withdrawn here, the newest first."""
    rows = Withdrawal.objects.visible_to(request.user).filter(project=project).select_related("created_by")
    page = keyset(rows, [Key("id", descending=True)], request.GET)
    return render(request, "curation/datasets/withdrawals.html", {"section": "datasets", "page": page})


@project_page(Right.VIEW)
@require_safe
def withdrawal(request: PageRequest, project: Project, withdrawal_id: int) -> HttpResponse:
    """One withdrawal: what was taken, why, and which version takes the place of which."""
    rows = Withdrawal.objects.visible_to(request.user).filter(project=project).select_related("job", "created_by")
    row: Withdrawal = get_object_or_404(rows, pk=withdrawal_id)
    is_running = row.finished_at is None and row.job is not None and row.job.is_unfinished
    if is_part(request, "progress") and not is_running:
        return HttpResponse(headers={"HX-Refresh": "true"})
    context = {
        "section": "datasets",
        "withdrawal": row,
        "job": row.job,
        "is_running": is_running,
        "words": words(row.job) if row.job else "",
        "taken": {
            "samples": row.taken.exclude(sample=None).count(),
            "prompts": row.taken.exclude(prompt=None).count(),
        },
        "lines": [{**line, **_parted(line["minor"])} for line in row.versions],
    }
    page = "_withdrawing.html" if is_part(request, "progress") else "withdrawal.html"
    return render(request, f"curation/datasets/{page}", context)


def _parted(version: str) -> dict[str, str]:
    name, _at, label = version.partition("@")
    return {"name": name, "label": label}
