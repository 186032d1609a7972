"""Starting the probes of a scorer, the word that their warning was read, and the pictures of their inputs."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from curation.access import Right
from curation.models import Job, Project, Rater, Sample
from curation.views.doors import PageRequest, project_page
from scoring import tasks
from scoring.actions.probing import standing, starting
from scoring.catalogue import facts_of
from scoring.models import ProbeAnswer, ProbeRun
from scoring.scorers.base import ScorerUnavailable
from scoring.views.scorer import home_of


@project_page(Right.EDIT)
@require_POST
def scorer_probe(request: PageRequest, project: Project, scorer: str) -> HttpResponse:
    """Queues a run over a scorer, as the rater that is named or with its default settings."""
    try:
        facts_of(scorer)
    except ScorerUnavailable as error:
        raise Http404(_("There is no such scorer.")) from error
    machines = Rater.objects.machines().visible_to(request.user)
    said = request.POST.get("rater", "")
    rater = machines.filter(pk=said, identity__scorer=scorer).first() if said.isdecimal() else None
    run = starting.start(
        project=project,
        scorer=scorer,
        settings=_settings_of(project, scorer, rater),
        rater=rater,
        by=request.user,
    )
    assert run.job is not None
    tasks.ring_after_commit([run.job])
    return redirect("job", project.slug, run.job.pk)


def _settings_of(project: Project, scorer: str, rater: Rater | None) -> dict[str, str]:
    """The settings a rater was made with: an identity has digests, and a job the words that led to them."""
    if rater is None:
        return {}
    run = ProbeRun.objects.filter(rater=rater).first()
    if run is not None:
        return dict(run.settings)
    jobs = Job.objects.filter(project=project, params__raters__contains={scorer: rater.pk})
    newest = jobs.order_by("-pk").first()
    return dict(newest.params["scorers"][scorer]) if newest else {}


@project_page(Right.EDIT)
@require_POST
def probes_read(request: PageRequest, project: Project, rater_id: int) -> HttpResponse:
    """Somebody has read how a rater stands with the probes, and goes on."""
    rater = get_object_or_404(Rater.objects.machines().visible_to(request.user), pk=rater_id)
    standing.read(project=project, rater=rater, by=request.user)
    messages.success(request, _("Noted that you have read it. Another run of the probes asks again."))
    return redirect(home_of(project, rater))


@project_page(Right.VIEW)
@require_safe
def probe_picture(request: PageRequest, project: Project, probe_answer_id: int) -> HttpResponse:
    """A small picture of an input: of a drawing, or of this project's own sample while it is here."""
    here = Q(run__originals__source="drawn") | Q(run__project=project, sample__in=Sample.objects.present())
    answer = get_object_or_404(ProbeAnswer.objects.filter(here), pk=probe_answer_id, picture__isnull=False)
    return HttpResponse(
        bytes(answer.picture or b""), content_type="image/webp", headers={"Cache-Control": "private, max-age=86400"}
    )
