"""Asking people or machines for more: pairs and samples that stand undecided, kept together with why and from where.

This is how every page asks. Who takes an asking (a batch of people, a job of scorers or judges) reads `pairs_of` or
`samples_of` and says so with `taken`; nothing here knows of batches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from curation.errors import Refused
from curation.models import Asking, CriterionVersion, Job, Project, Recipe, Request, Sample, State, User

# More at once than anybody looks at; what is left can be asked for afterwards.
MOST = 2000
# Reasons for which something falls because it is undecided, not because it is decided against.
UNDECIDED = frozenset(
    {
        "tie",
        "no_verdict",
        "no_value",
        "no_points",
        "no_spread",
        "too_few_votes",
        "share_too_small",
        "too_few_voices",
        "no_agreement",
        "not_certain_enough",
        "ambiguous_band",
    }
)
# One or two samples: what is asked about.
Subject = tuple[int, ...]


def subject_of(row: Mapping[str, Any]) -> Subject:
    """The samples a row of a funnel is about, in plain order; empty where it names none."""
    for names in (("chosen_id", "rejected_id"), ("a", "b"), ("low", "high"), ("sample_id",)):
        if names[0] in row:
            return tuple(sorted(int(row[name]) for name in names))
    return ()


@transaction.atomic
def create(
    *,
    project: Project,
    audience: str,
    subjects: Iterable[Subject],
    because: str,
    by: User | None,
    recipe: Recipe | None = None,
    step: str = "",
    criterion: str = "",
) -> Asking:
    """Asks for these pairs and samples; what the same audience is asked already is not asked twice.

    Args:
        audience: `people` or `machines`.
        subjects: two sample ids for a pair of one prompt, one for a sample.
        criterion: the key of what is in doubt; empty where it is all of it.

    Raises:
        Refused: the criterion is unknown, nothing is named, or too much, or what is no sample or pair of this
            project, or all of it is asked for already, or it does not say why.
    """
    wanted = sorted({tuple(sorted(subject)) for subject in subjects})
    if not wanted or len(wanted) > MOST:
        raise Refused(_("Ask for between 1 and %(most)s things at once.") % {"most": f"{MOST:,}"})
    if audience not in Request.Audience.values or not because.strip():
        raise Refused(_("Say who is asked, people or machines, and why."))
    prompts, version = _prompts(project, wanted), _newest(project, criterion)
    Project.objects.select_for_update().get(pk=project.pk)
    waiting = _waiting(project, audience, wanted)
    fresh = [subject for subject in wanted if subject not in waiting]
    if not fresh:
        raise Refused(_("All of this is asked for already. Its requests stand on the page of requests."))
    asking = Asking.objects.create(
        project=project, audience=audience, because=because.strip(), recipe=recipe, step=step[:250], created_by=by
    )
    Request.objects.bulk_create([_request(asking, subject, prompts[subject[0]], version) for subject in fresh])
    return asking


def _newest(project: Project, criterion: str) -> CriterionVersion | None:
    if not criterion:
        return None
    rows = CriterionVersion.objects.filter(criterion__project=project, criterion__key=criterion)
    newest = rows.order_by("-number").first()
    if newest is None:
        raise Refused(_("There is no criterion “%(key)s” here.") % {"key": criterion})
    return newest


def _request(asking: Asking, subject: Subject, prompt_id: int, version: CriterionVersion | None) -> Request:
    return Request(
        project=asking.project,
        asking=asking,
        audience=asking.audience,
        prompt_id=prompt_id,
        left_sample_id=subject[0],
        right_sample_id=subject[1] if len(subject) > 1 else None,
        criterion_version=version,
        because=asking.because,
        created_by=asking.created_by,
    )


def _prompts(project: Project, wanted: Sequence[Subject]) -> dict[int, int]:
    """The prompt of each sample, once all subjects have been looked at."""
    named = {pk for subject in wanted for pk in subject}
    prompts = dict(Sample.objects.filter(project=project, pk__in=named).values_list("pk", "prompt_id"))
    for subject in wanted:
        here = {prompts.get(pk) for pk in subject}
        if len(set(subject)) not in (1, 2) or len(set(subject)) != len(subject) or None in here or len(here) != 1:
            raise Refused(
                _("What was named is not a sample, or two samples of one prompt, of this project. Open the page again.")
            )
    return prompts


def _waiting(project: Project, audience: str, wanted: Sequence[Subject]) -> set[Subject]:
    """What is open or with somebody already."""
    rows = Request.objects.filter(project=project, audience=audience, left_sample__in={pk for s in wanted for pk in s})
    living = rows.filter(state__in=[Request.State.OPEN, Request.State.TAKEN])
    return {
        tuple(sorted(pk for pk in pair if pk is not None))
        for pair in living.values_list("left_sample_id", "right_sample_id")
    }


# -- for whoever takes it ---------------------------------------------------------------------------------------------


def find(project: Project, given: object, audience: str) -> Asking | None:
    """The asking of this project that an address names; None where it names none.

    Raises:
        Refused: there is no such asking for this audience here.
    """
    text = str(given or "")
    if not text:
        return None
    rows = Asking.objects.filter(project=project, audience=audience)
    found = rows.filter(pk=int(text)).first() if text.isdecimal() and len(text) < 18 else None
    if found is None:
        raise Refused(_("There is no request of that number here."))
    return found


def pairs_of(asking: Asking) -> list[tuple[int, int]]:
    """Its pairs that nobody has answered, as sample ids."""
    return [(one, other) for one, other in _subjects(asking) if other is not None]


def samples_of(asking: Asking) -> list[int]:
    """The samples of all that nobody has answered, those of pairs included, each once."""
    return sorted({pk for pair in _subjects(asking) for pk in pair if pk is not None})


def _subjects(asking: Asking) -> list[tuple[int, int | None]]:
    rows = asking.requests.filter(state__in=[Request.State.OPEN, Request.State.TAKEN]).order_by("pk")
    return [(one, other) for one, other in rows.values_list("left_sample_id", "right_sample_id") if one is not None]


@transaction.atomic
def taken(*, asking: Asking, by: str) -> None:
    """Says what answers it, such as `job:12`; what machines take is no longer open."""
    Asking.objects.filter(pk=asking.pk).update(taken_by=by)
    if asking.audience == Request.Audience.MACHINES:
        asking.requests.filter(state=Request.State.OPEN).update(state=Request.State.TAKEN)


@transaction.atomic
def settle(*, asking: Asking) -> None:
    """Machines have answered once their job is done; what a stopped job took is open again."""
    kind, _colon, number = asking.taken_by.partition(":")
    if kind != "job":
        return
    job = Job.objects.filter(pk=int(number)).first()
    if job is not None and job.is_unfinished:
        return
    is_done = job is not None and job.state == State.DONE
    state = Request.State.ANSWERED if is_done else Request.State.OPEN
    asking.requests.filter(state=Request.State.TAKEN).update(state=state)


@transaction.atomic
def drop(*, asking: Asking) -> int:
    """Takes back what is still open of it. Returns how many."""
    return asking.requests.filter(state=Request.State.OPEN).update(state=Request.State.DROPPED)
