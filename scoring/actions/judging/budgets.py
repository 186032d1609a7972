"""What a judging job may spend. Counted in the database, so that several workers together stay within it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.db import connection
from django.db.models import F, Max
from django.db.models.functions import Coalesce, Greatest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from curation.errors import Refused
from curation.models import Job
from scoring.models import Judge, JudgeCall, Spending

# The dearest of so many earlier calls is what a further one is expected to cost.
CALLS_LOOKED_AT = 1000
_LARGEST = 100_000_000  # what a column of eight places before the point holds
_EIGHT_PLACES = Decimal("0.00000001")


class BudgetSpent(Exception):
    """The job may make no further call."""


@dataclass(frozen=True)
class Limits:
    """How much a job may spend; None: as much as it takes.

    Attributes:
        requests: questions sent, whatever became of them at the other end. Repetitions of one question after an error
            of the network are not counted again.
        cost: in the unit of the endpoint's prices.
    """

    requests: int | None = None
    cost: Decimal | None = None


@dataclass(frozen=True)
class Reservation:
    """Room for one call.

    Attributes:
        cost: counted as spent until the call is settled.
        is_priced: whether the cost of a call is known yet.
    """

    cost: Decimal
    is_priced: bool


def check(limits: Limits) -> None:
    """Raises Refused for a budget with which nothing could be done."""
    if limits.requests is not None and limits.requests < 1:
        raise Refused(_("A budget is at least 1 request, not %(count)d.") % {"count": limits.requests})
    if limits.cost is not None and not (limits.cost.is_finite() and 0 < limits.cost < _LARGEST):
        raise Refused(
            _("A budget is a cost above 0 and below %(most)d, not %(cost)s.") % {"most": _LARGEST, "cost": limits.cost}
        )


def open_for(job: Job, judge: Judge, limits: Limits) -> Spending:
    """The account of a new job."""
    return Spending.objects.create(
        job=job, most_requests=limits.requests, most_cost=limits.cost, dearest=_dearest_of(judge)
    )


def _dearest_of(judge: Judge) -> Decimal | None:
    recent = JudgeCall.objects.filter(judge=judge).order_by("-pk")[:CALLS_LOOKED_AT]
    found: Decimal | None = JudgeCall.objects.filter(pk__in=recent.values("pk")).aggregate(most=Max("cost"))["most"]
    return found


def reserve(job: Job) -> Reservation | None:
    """Room for one more call, or None where the budget has none. One conditional UPDATE, so nobody overdraws.

    While nothing is known of the price, a job with a limit of cost should have one call under way at a time.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE scoring_spending SET requests = requests + 1, cost = cost + coalesce(dearest, 0)
            WHERE job_id = %s AND (most_requests IS NULL OR requests < most_requests)
              AND (most_cost IS NULL OR CASE WHEN dearest IS NULL THEN cost < most_cost
                                             ELSE cost + dearest <= most_cost END)
            RETURNING dearest, most_cost
            """,
            [job.pk],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    dearest, most_cost = row
    return Reservation(cost=dearest or Decimal(0), is_priced=dearest is not None or most_cost is None)


def settle(job: Job, reservation: Reservation, cost: Decimal) -> None:
    """The call was answered and cost this much."""
    Spending.objects.filter(job=job).update(
        cost=F("cost") - reservation.cost + cost, dearest=Greatest(Coalesce("dearest", cost), cost)
    )


def release(job: Job, reservation: Reservation) -> None:
    """The call came to nothing: refused, or never answered."""
    Spending.objects.filter(job=job).update(requests=F("requests") - 1, cost=F("cost") - reservation.cost)


def note_cached(job: Job, count: int) -> None:
    Spending.objects.filter(job=job).update(from_cache=F("from_cache") + count)


def raise_limits(job: Job, limits: Limits) -> None:
    """A larger budget for a job that stopped.

    Raises:
        Refused: it leaves no room beyond what is spent already.
    """
    check(limits)
    spent = Spending.objects.select_for_update().get(job=job)
    too_few = limits.requests is not None and limits.requests <= spent.requests
    too_cheap = limits.cost is not None and limits.cost <= spent.cost
    if too_few or too_cheap:
        raise Refused(
            _("The job has spent %(spent)s already; a larger budget is needed to go on.")
            % {"spent": spent_words(spent)}
        )
    spent.most_requests, spent.most_cost, spent.is_spent = limits.requests, limits.cost, False
    spent.save(update_fields=["most_requests", "most_cost", "is_spent"])


def check_room(job: Job) -> None:
    """Raises Refused when a job could not make one further call."""
    spending = Spending.objects.get(job=job)
    if not has_room(spending):
        raise Refused(
            _("The budget of “%(job)s” is spent (%(spent)s). Resume it with a larger one.")
            % {"job": job.title, "spent": spent_words(spending)}
        )
    Spending.objects.filter(job=job).update(is_spent=False)


def spent_out(job: Job) -> Spending | None:
    """The account of a job that was stopped for want of budget."""
    return Spending.objects.filter(job=job, is_spent=True).first()


def has_room(spending: Spending) -> bool:
    """Whether one more call is within the budget."""
    within_requests = spending.most_requests is None or spending.requests < spending.most_requests
    expected = spending.cost + (spending.dearest or 0)
    return within_requests and (spending.most_cost is None or expected <= spending.most_cost)


def amount(cost: float) -> Decimal:
    """Money as it is kept: eight places, none of them guessed by binary fractions."""
    return Decimal(repr(cost)).quantize(_EIGHT_PLACES)


def spent_words(spending: Spending) -> str:
    """What was spent: "120 requests for 0.36"."""
    requests = ngettext("%(count)d request", "%(count)d requests", spending.requests) % {"count": spending.requests}
    if not spending.cost:
        return requests
    return _("%(requests)s for %(cost)s") % {"requests": requests, "cost": plain(spending.cost)}


def plain(cost: Decimal) -> str:
    """An amount without zeros at its end."""
    return f"{cost.normalize():f}"


def stop_words(job: Job, spending: Spending) -> str:
    """Why the job stopped, and what is left to do."""
    left = max((job.total or 0) - job.processed, 0)
    limits = []
    if spending.most_requests is not None:
        limits.append(
            ngettext("%(count)d request", "%(count)d requests", spending.most_requests)
            % {"count": spending.most_requests}
        )
    if spending.most_cost is not None:
        limits.append(_("a cost of %(cost)s") % {"cost": plain(spending.most_cost)})
    return _(
        "The budget of %(limits)s is spent: %(spent)s, %(done)d answered, %(left)d left to ask. "
        "Resume with a larger budget to go on."
    ) % {"limits": _(" and ").join(limits), "spent": spent_words(spending), "done": job.done, "left": left}
