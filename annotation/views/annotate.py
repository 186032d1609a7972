"""The page on which people judge. It holds the questions; items come in JSON (`annotation.views.work`)."""

from __future__ import annotations

from django.http import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from annotation import questions
from annotation.models import Batch
from annotation.views.annotate_texts import PAGE_TEXTS
from annotation.views.guideline import guideline_json
from annotation.views.stage_texts import STAGE_TEXTS
from annotation.views.work import batch_of
from curation.access import Right
from curation.models import Project, User
from curation.views.doors import PageRequest, project_page


@project_page(Right.ENTER)
@require_safe
def annotate(request: PageRequest, project: Project, batch_id: int) -> HttpResponseBase:
    """The page of one batch."""
    batch = batch_of(request, project, batch_id)
    return render(request, "annotation/annotate.html", {"batch": batch, "setup": setup(batch, request.user)})


def setup(batch: Batch, person: User) -> dict[str, object]:
    """What the scripts of the page need before the first item."""
    here = [batch.project.slug, batch.pk]
    return {
        "batch": batch.pk,
        # Answers wait in the browser under this number: another person's are not ours to send.
        "person": person.pk,
        "name": batch.name,
        "project": batch.project.name,
        "kind": batch.kind,
        "guideline": guideline_json(batch.guideline),
        "questions": questions.as_json(questions.parse(batch.questions)),
        "undo_seconds": batch.undo_seconds,
        "lease_seconds": batch.lease_seconds,
        "urls": {
            "lease": reverse("annotate_lease", args=here),
            "answer": reverse("annotate_answer", args=here),
            "skip": reverse("annotate_skip", args=here),
            "history": reverse("annotate_history", args=here),
            "item": reverse("annotate_item", args=[*here, 0]),
            "home": reverse("work", args=[batch.project.slug]),
            "sign_in": reverse("sign_in"),
        },
        "texts": PAGE_TEXTS,
        "stage_texts": STAGE_TEXTS,
    }
