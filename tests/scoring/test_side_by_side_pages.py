"""One group against everybody who judged it: values, ranks, best and worst, order, agreement."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from curation.actions import criteria, judgements
from curation.actions.criteria import Wording
from curation.actions.judgements import Act, NewComparison, NewScore, Subject
from curation.models import CriterionVersion, Project, Prompt, Rater, Sample
from curation.models import group as group_reads
from scoring.views import side_by_side as views
from tests import factories
from tests.scoring.page_helpers import ROLES, count_queries, visitors

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return factories.project("letters", task="text")


@pytest.fixture
def prompt(project: Project) -> Prompt:
    return factories.prompt(project, "a word", key="w1")


@pytest.fixture
def samples(prompt: Prompt) -> list[Sample]:
    return [factories.sample(prompt, f"maker-{letter}", text=letter) for letter in "abcd"]


@pytest.fixture
def client(project: Project) -> Client:
    as_role: Callable[[str], Client] = visitors(project)
    return as_role("viewer")


def address(prompt: Prompt) -> str:
    return reverse("side_by_side", args=["letters", prompt.pk])


def scale(project: Project, key: str, *, higher_is_better: bool = True) -> CriterionVersion:
    wording = Wording(name=key.capitalize(), scale="interval", low=-100, high=100, higher_is_better=higher_is_better)
    return criteria.ensure_scale(project=project, key=key, wording=wording)


def give(
    project: Project, name: str, criterion: CriterionVersion, samples: list[Sample], numbers: list[float | None]
) -> Rater:
    """A machine of this project gives each sample its number; None says nothing."""
    rater = Rater.objects.filter(project=project, name=name).first() or factories.rater(project, name, kind="rule")
    scores = [
        NewScore(Subject(sample.pk, sample.prompt_id), criterion.pk, number)
        for sample, number in zip(samples, numbers, strict=True)
        if number is not None
    ]
    judgements.record(project=project, acts=[Act(rater_id=rater.pk, act="rate", scores=scores)])
    return rater


def columns_of(prompt: Prompt) -> dict[str, views.Column]:
    rows = group_reads.samples(prompt)
    evidence = group_reads.evidence(prompt.project, prompt, [row.pk for row in rows])
    return {column.label: column for column in views.columns(evidence, rows, prompt.pk)}


def order_shown(html: str) -> str:
    return "".join(re.findall(r'<span class="side-text">(\w)</span>', html))


# -- who may ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("role", "status"), ROLES)
def test_the_page_is_never_open_to_annotators(
    project: Project, prompt: Prompt, samples, role: str, status: int
) -> None:
    assert visitors(project)(role).get(address(prompt)).status_code == status


def test_a_prompt_of_another_project_is_not_found(client: Client) -> None:
    assert client.get(address(factories.prompt(factories.project()))).status_code == 404


# -- what it shows ----------------------------------------------------------------------------------------------------


def test_values_stand_with_their_rank_and_the_ends_are_marked_in_words(project, prompt, samples, client) -> None:
    give(project, "ruler", scale(project, "size"), samples, [3, 1, 3, None])

    html = client.get(address(prompt)).content.decode()
    (column,) = columns_of(prompt).values()
    entries = [column.entries().get(sample.pk) for sample in samples]

    assert [(entry.rank, entry.is_shared, entry.is_best, entry.is_worst) if entry else None for entry in entries] == [
        (1, True, True, False),
        (3, False, False, True),
        (1, True, True, False),
        None,
    ]
    assert html.count("</span> best</div>") == 2
    assert html.count("</span> worst</div>") == 1
    assert "rank 1, shared" in html


def test_where_low_is_good_the_lowest_is_best(project, prompt, samples) -> None:
    give(project, "counter", scale(project, "faults", higher_is_better=False), samples, [4, 0, 2, 9])

    (column,) = columns_of(prompt).values()

    assert [column.entries()[sample.pk].rank for sample in samples] == [3, 1, 2, 4]


def test_a_group_that_is_all_alike_has_neither_best_nor_worst(project, prompt, samples) -> None:
    give(project, "ruler", scale(project, "size"), samples, [5, 5, 5, 5])

    (column,) = columns_of(prompt).values()

    assert not any(entry.is_best or entry.is_worst for entry in column.entries().values())


def test_votes_are_a_column_of_people_together_and_of_each_machine_alone(project, prompt, samples) -> None:
    a, b, c, _d = samples
    overall = factories.overall(project).pk
    said = [("Ann", a, b, "left"), ("Bea", a, b, "tie"), ("Ann", a, c, "both-bad"), ("judge", a, b, "right")]
    for name, left, right, outcome in said:
        kind = "model" if name == "judge" else "person"
        rater = Rater.objects.filter(project=project, name=name).first() or factories.rater(project, name, kind=kind)
        sides = [Subject(sample.pk, prompt.pk) for sample in (left, right)]
        act = Act(rater_id=rater.pk, act="compare", comparisons=[NewComparison(*sides, overall, outcome)])
        judgements.record(project=project, acts=[act])

    found = columns_of(prompt)
    people, machine = found["people · Overall"], found["judge · Overall"]

    # a: a win, a tie and a both-bad of three; b: a loss and a tie; c: a both-bad.
    assert people.values == {a.pk: 0.5, b.pk: 0.25, c.pk: 0.0}
    assert machine.values == {a.pk: 0.0, b.pk: 1.0}
    assert people.notes[a.pk] == "3 votes"


def test_the_table_sorts_by_any_column_both_ways_with_the_silent_last(project, prompt, samples, client) -> None:
    give(project, "ruler", scale(project, "size"), samples, [2, None, 9, 4])
    (column,) = columns_of(prompt).values()

    plain = client.get(address(prompt)).content.decode()
    best = client.get(address(prompt), {"sort": column.key}).content.decode()
    worst = client.get(address(prompt), {"sort": column.key, "order": "worst"}).content.decode()

    assert (order_shown(plain), order_shown(best), order_shown(worst)) == ("abcd", "cdab", "adcb")
    assert 'aria-sort="descending"' in best
    assert "the worst first" in worst


def test_columns_are_chosen_and_the_first_twelve_are_shown(project, prompt, samples, client) -> None:
    for number in range(14):
        give(project, f"ruler-{number:02}", scale(project, "size"), samples, [1, 2, 3, 4])
    keys = [column.key for column in columns_of(prompt).values()]

    html = client.get(address(prompt)).content.decode()
    chosen = client.get(address(prompt), {"column": [keys[13]]}).content.decode()

    assert html.count('scope="col"><a class="sort"') == 12
    assert "12 of 14 columns" in html
    assert chosen.count('scope="col"><a class="sort"') == 1
    assert f'value="{keys[13]}" checked' in chosen


# -- agreement --------------------------------------------------------------------------------------------------------


def tau_by_hand(xs: list[float], ys: list[float]) -> float:
    """Kendall's tau-b from its definition."""
    pairs = list(itertools.combinations(range(len(xs)), 2))
    signs = [((xs[i] > xs[j]) - (xs[i] < xs[j]), (ys[i] > ys[j]) - (ys[i] < ys[j])) for i, j in pairs]
    scale_x = sum(x != 0 for x, _y in signs)
    scale_y = sum(y != 0 for _x, y in signs)
    return sum(x * y for x, y in signs) / (scale_x * scale_y) ** 0.5


def test_agreement_is_kendalls_tau_over_common_samples_with_directions_turned(project, prompt, samples) -> None:
    give(project, "ruler", scale(project, "size"), samples, [1, 2, 2, 5])
    give(project, "counter", scale(project, "faults", higher_is_better=False), samples, [7, 3, 4, None])

    size, faults = columns_of(prompt)["ruler · Size"], columns_of(prompt)["counter · Faults"]
    found = views.agreement(size, faults)

    assert found.common == 3
    assert found.tau == pytest.approx(tau_by_hand([1, 2, 2], [-7, -3, -4]))
    assert views.agreement(size, size).tau == pytest.approx(1)


def test_too_few_or_all_alike_say_nothing_of_agreement(project, prompt, samples) -> None:
    size, flat = scale(project, "size"), scale(project, "flat")
    give(project, "ruler", size, samples, [1, 2, 3, 4])
    give(project, "few", size, samples, [1, 2, None, None])
    give(project, "alike", flat, samples, [5, 5, 5, 5])
    found = columns_of(prompt)

    assert views.agreement(found["ruler · Size"], found["few · Size"]).tau is None
    assert views.agreement(found["ruler · Size"], found["alike · Flat"]).words == "–"


# -- ways in ----------------------------------------------------------------------------------------------------------


def test_the_group_page_leads_here(project, prompt, samples, client) -> None:
    assert address(prompt) in client.get(reverse("prompt", args=["letters", prompt.pk])).content.decode()


def test_from_the_scorers_one_comes_to_the_group_judged_last_or_to_one_by_name(
    project, prompt, samples, client
) -> None:
    other = factories.prompt(project, "another", key="w2")
    more = [factories.sample(other, text="x")]
    somewhere = reverse("side_by_side_somewhere", args=["letters"])
    give(project, "ruler", scale(project, "size"), samples, [1, 2, 3, 4])
    give(project, "ruler", scale(project, "size"), more, [1])

    assert client.get(somewhere).url == address(other)
    assert client.get(somewhere, {"prompt": "w1"}).url == address(prompt)
    assert client.get(somewhere, {"prompt": str(prompt.pk)}).url == address(prompt)
    missing = client.get(somewhere, {"prompt": "w9"})
    assert missing.status_code == 404
    assert "There is no prompt “w9” in this project" in missing.content.decode()


def test_empty_projects_and_silent_groups_say_what_to_do(project, client) -> None:
    nothing = client.get(reverse("side_by_side_somewhere", args=["letters"])).content.decode()
    prompt = factories.prompt(project)
    unanswered = client.get(address(prompt)).content.decode()
    factories.sample(prompt, text="a")
    silent = client.get(address(prompt)).content.decode()

    assert "There is nothing to compare yet" in nothing
    assert "Nobody has answered this prompt yet" in unanswered
    assert "Nobody has judged these samples yet" in silent


def test_queries_do_not_grow_with_samples_and_raters(project, prompt, client) -> None:
    size = scale(project, "size")
    few_samples = [factories.sample(prompt, text="a") for _number in range(2)]
    for number in range(2):
        give(project, f"ruler-{number}", size, few_samples, [1, 2])
    few = count_queries(client, address(prompt))
    more = [factories.sample(prompt, text="a") for _number in range(18)]
    for number in range(18):
        give(project, f"more-{number}", size, more, list(range(18)))

    assert count_queries(client, address(prompt)) == few
