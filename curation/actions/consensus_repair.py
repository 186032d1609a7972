"""Sending what is doubtful to people: one open request a couple, never a changed vote."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from curation.errors import Refused
from curation.models import CriterionVersion, Project, Request, Sample, User

# More at once is a batch of one's own and no repair.
MOST = 200


@transaction.atomic
def ask_people(
    *,
    project: Project,
    criterion: str,
    couples: Iterable[tuple[int, int]],
    because: str,
    by: User,
    priority: float = 1.0,
) -> int:
    """Asks people to judge couples of samples again; what stands open already is not asked twice. Returns how many.

    Raises:
        Refused: none or too many are named, one is no couple of this project's samples under one prompt, or the
            criterion is unknown.
    """
    wanted = sorted({(min(pair), max(pair)) for pair in couples})
    if not wanted or len(wanted) > MOST:
        raise Refused(_("Choose between 1 and %(most)d pairs to be judged again.") % {"most": MOST})
    version = CriterionVersion.objects.filter(criterion__project=project, criterion__key=criterion).order_by("-number")
    newest = version.first()
    if newest is None:
        raise Refused(_("There is no criterion “%(key)s” here.") % {"key": criterion})
    prompts = _prompts(project, wanted)
    Project.objects.select_for_update().get(pk=project.pk)
    waiting = _waiting(project, wanted)
    made = [
        Request(
            project=project,
            audience=Request.Audience.PEOPLE,
            prompt_id=prompts[low],
            left_sample_id=low,
            right_sample_id=high,
            criterion_version=newest,
            because=because,
            priority=priority,
            created_by=by,
        )
        for low, high in wanted
        if (low, high) not in waiting
    ]
    return len(Request.objects.bulk_create(made))


def _prompts(project: Project, wanted: list[tuple[int, int]]) -> dict[int, int]:
    """The prompt of each sample, once all couples have been looked at."""
    rows = Sample.objects.filter(project=project, pk__in={pk for pair in wanted for pk in pair})
    prompts = dict(rows.values_list("pk", "prompt_id"))
    if any(low == high or low not in prompts or prompts[low] != prompts.get(high) for low, high in wanted):
        raise Refused(_("A pair names samples that are not two of one prompt of this project. Open the page again."))
    return prompts


def _waiting(project: Project, wanted: list[tuple[int, int]]) -> set[tuple[int, int]]:
    """The couples for which a request is open or with somebody."""
    living = Q(state__in=[Request.State.OPEN, Request.State.TAKEN])
    rows = Request.objects.filter(living, project=project, audience=Request.Audience.PEOPLE)
    rows = rows.filter(left_sample__in={low for low, _high in wanted} | {high for _low, high in wanted})
    return {(min(a, b), max(a, b)) for a, b in rows.values_list("left_sample_id", "right_sample_id") if b is not None}
