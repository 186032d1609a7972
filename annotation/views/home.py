"""A person's own page in a project: what is next, what came back, how it goes."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from annotation.actions import consent
from annotation.models import own_work, reviews
from curation.access import Right
from curation.models import Project
from curation.views.doors import PageRequest, project_page

RETURNED_SHOWN = 20


@project_page(Right.ENTER)
@require_safe
def work(request: PageRequest, project: Project) -> HttpResponse:
    """Batches open to the visitor with their progress, returned answers with their notes, and one's own pace.

    Costs a fixed number of queries, however many batches and answers there are.
    """
    own = own_work.batches(request.user, project)
    following = next((one for one in own if one.state == "go" and one.qualification is None), None)
    context = {
        "section": "work",
        "own": own,
        "following": following,
        "returned": list(reviews.returned_to(request.user, project)[:RETURNED_SHOWN]),
        "pace": own_work.pace(request.user, project, _midnight()),
        "consent": consent.needed(project=project, user=request.user),
        "guideline": project.guideline,
    }
    return render(request, "annotation/home/work.html", context)


def _midnight() -> datetime:
    return timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
