"""What a judging job may spend: never more, with a message when it stops, and on with a larger budget."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from curation.errors import Refused
from curation.models import Job, Judgement, Project, State
from scoring.actions import starting
from scoring.actions.judging import benches, budgets
from scoring.actions.judging.asks import Ask
from scoring.actions.judging.budgets import Limits
from scoring.actions.judging.estimates import estimate
from scoring.actions.judging.starting import resume, start_judging
from scoring.models import JudgeCall, Spending
from tests import factories
from tests.scoring.judging_helpers import ReadingModel, group, judge, work_through, write_endpoints

pytestmark = pytest.mark.django_db


@pytest.fixture
def model(monkeypatch, settings, tmp_path) -> ReadingModel:
    settings.ENDPOINTS_FILE = write_endpoints(tmp_path)
    found = ReadingModel()
    monkeypatch.setattr(benches, "_backend", lambda made_of: found)
    return found


@pytest.fixture
def project() -> Project:
    return factories.project(task="text")


def start(project: Project, **options) -> Job:
    asked = options.pop("judge", None) or judge(project)
    return start_judging(project=project, judge=asked, ask=Ask("pairs", "all"), by=None, **options)


def six_texts(project: Project) -> None:
    """15 pairs, 30 questions."""
    group(project, *(f"text {number} {'x' * number}" for number in range(6)))


def test_a_budget_in_requests_stops_the_job_with_what_was_spent_and_what_is_left(project, model) -> None:
    six_texts(project)

    job = work_through(start(project, limits=Limits(requests=12)))

    assert len(model.asked) == 12
    assert (job.state, job.done) == (State.FAILED, 12)
    assert job.error == (
        "The budget of 12 requests is spent: 12 requests, 12 answered, 18 left to ask. "
        "Resume with a larger budget to go on."
    )
    assert Judgement.objects.count() == 12


def test_with_a_larger_budget_it_goes_on_where_it_stopped(project, model) -> None:
    six_texts(project)
    job = work_through(start(project, limits=Limits(requests=12)))

    with pytest.raises(Refused, match="is spent"):
        starting.resume(job=job, by=None)
    with pytest.raises(Refused, match="a larger budget"):
        resume(job=job, limits=Limits(requests=12), by=None)
    resume(job=job, limits=Limits(requests=20), by=None)
    job = work_through(job)
    assert (job.state, job.done, len(model.asked)) == (State.FAILED, 20, 20)
    resume(job=job, limits=Limits(), by=None)
    job = work_through(job)

    assert (job.state, job.done, job.error) == (State.DONE, 30, "")
    assert len(set(model.asked)) == len(model.asked) == 30


def test_a_budget_in_money_is_kept_and_its_price_is_found_out_one_call_at_a_time(project, model) -> None:
    model.cost, model.seconds = 0.1, 0.02
    six_texts(project)

    job = work_through(start(project, limits=Limits(cost=Decimal("1.05"))))

    assert len(model.asked) == 10
    assert Spending.objects.get(job=job).cost == Decimal("1.0")
    assert JudgeCall.objects.count() == 10
    assert "a cost of 1.05 is spent: 10 requests for 1, 10 answered, 20 left to ask" in job.error


def test_an_unknown_price_is_not_multiplied_by_those_under_way(project, model) -> None:
    """Four may be under way; nothing is known yet, and the first call already costs the whole budget."""
    model.cost, model.seconds = 5.0, 0.02
    six_texts(project)

    job = work_through(start(project, limits=Limits(cost=Decimal(5))))

    assert len(model.asked) == 1
    assert Spending.objects.get(job=job).cost == 5


def test_the_dearest_earlier_call_is_what_the_next_one_is_expected_to_cost(project, model) -> None:
    model.cost = 2.0
    six_texts(project)
    asked = judge(project)
    work_through(start(project, judge=asked, limits=Limits(requests=1)))

    job = work_through(start_judging(project=project, judge=asked, limits=Limits(cost=Decimal(3)), by=None))

    assert Spending.objects.get(job=job).requests == 1


@pytest.mark.django_db(transaction=True)
def test_many_workers_together_never_exceed_the_budget(model) -> None:
    project = factories.project(task="text")
    job = start(project, limits=Limits(requests=50, cost=Decimal("4.0")))
    Spending.objects.filter(job=job).update(dearest=Decimal("0.1"))

    def reserve_until_refused(_worker: int) -> int:
        taken = 0
        while budgets.reserve(job) is not None:
            taken += 1
        connection.close()
        return taken

    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(reserve_until_refused, range(8)))

    assert sum(counts) == 40
    spending = Spending.objects.get(job=job)
    assert (spending.requests, spending.cost) == (40, Decimal("4.0"))


def test_the_database_refuses_more_requests_than_the_budget(project, model) -> None:
    job = start(project, limits=Limits(requests=2))

    with pytest.raises(IntegrityError, match="spending_within_requests"), transaction.atomic():
        Spending.objects.filter(job=job).update(requests=3)


@pytest.mark.parametrize("limits", [Limits(requests=0), Limits(cost=Decimal(0)), Limits(cost=Decimal("nan"))])
def test_a_budget_of_nothing_is_refused(project, model, limits) -> None:
    with pytest.raises(Refused, match="A budget"):
        start(project, limits=limits)


def test_replies_that_are_known_cost_nothing(project, model) -> None:
    model.cost = 1.0
    six_texts(project)
    work_through(start(project))
    twin = judge(project, "another name for the same")

    job = work_through(start(project, judge=twin, limits=Limits(requests=1)))

    assert (job.state, job.done, len(model.asked)) == (State.DONE, 30, 30)
    spending = Spending.objects.get(job=job)
    assert (spending.requests, spending.cost, spending.from_cache) == (0, 0, 30)
    assert job.result["from_cache"] == 30


# -- estimates --------------------------------------------------------------------------------------------------------


def test_an_estimate_counts_orders_and_repeats_and_what_is_answered(project, model) -> None:
    model.cost = 0.5
    six_texts(project)
    asked = judge(project, repeats=2)
    before = estimate(project=project, judge=asked, ask=Ask("pairs", "all"))
    assert (before.units, before.questions, before.answered, before.calls) == (15, 60, 0, 60)
    assert (before.tokens, before.cost, before.seconds) == (None, None, None)

    work_through(start(project, judge=asked))
    group(project, "new one", "newcomer")
    after = estimate(project=project, judge=asked, ask=Ask("pairs", "all"))

    assert (after.units, after.questions, after.answered, after.calls) == (16, 64, 60, 4)
    assert (after.tokens, after.cost) == (60.0, 2.0)
    assert after.seconds > 0
