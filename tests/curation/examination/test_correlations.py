"""Coefficients against scipy and against counting every pair; intervals against a bootstrap over prompts."""

import numpy as np
import pytest
from scipy import stats

from curation.examination import correlations
from curation.examination.correlations import MEASURES, correlate, some_prompts


def _drawn(seed: int, prompts: int, samples: int, tied: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """People's and a machine's numbers: a part from the prompt, a part from the sample."""
    rng = np.random.default_rng(seed)
    prompt = np.repeat(np.arange(prompts), samples)
    of_prompt = rng.normal(size=prompts)[prompt]
    shared = rng.normal(size=len(prompt))
    x = of_prompt + shared + rng.normal(size=len(prompt))
    y = of_prompt + shared + rng.normal(size=len(prompt))
    return (np.round(x), np.round(y), prompt) if tied else (x, y, prompt)


@pytest.mark.parametrize("tied", [False, True])
def test_pooled_coefficients_are_scipys(tied) -> None:
    x, y, prompt = _drawn(1, 30, 6, tied)

    found = correlate(x, y, prompt).pooled

    assert found["spearman"].value == pytest.approx(stats.spearmanr(x, y).statistic)
    assert found["pearson"].value == pytest.approx(stats.pearsonr(x, y).statistic)
    assert found["kendall"].value == pytest.approx(stats.kendalltau(x, y).statistic)


def _tau_b(x: np.ndarray, y: np.ndarray) -> float:
    """Every pair counted."""
    net = parted_x = parted_y = 0
    for one in range(len(x)):
        for other in range(one):
            sx, sy = np.sign(x[one] - x[other]), np.sign(y[one] - y[other])
            net, parted_x, parted_y = net + sx * sy, parted_x + abs(sx), parted_y + abs(sy)
    return net / np.sqrt(parted_x * parted_y)


@pytest.mark.parametrize("tied", [False, True])
def test_within_prompts_is_the_mean_of_each_prompts_own(tied) -> None:
    x, y, prompt = _drawn(2, 20, 7, tied)
    parts = [(x[prompt == number], y[prompt == number]) for number in range(20)]

    found = correlate(x, y, prompt)

    assert found.prompts_within == 20
    assert found.within["spearman"].value == pytest.approx(np.mean([stats.spearmanr(*p).statistic for p in parts]))
    assert found.within["pearson"].value == pytest.approx(np.mean([stats.pearsonr(*p).statistic for p in parts]))
    assert found.within["kendall"].value == pytest.approx(np.mean([_tau_b(*p) for p in parts]))


def test_many_samples_of_one_prompt_are_counted_the_same_way() -> None:
    x, y, prompt = _drawn(3, 2, 80, True)

    found = correlate(x, y, prompt).within["kendall"]

    assert found.value == pytest.approx(np.mean([_tau_b(x[prompt == n], y[prompt == n]) for n in (0, 1)]))


def test_interval_within_is_students_over_prompts() -> None:
    x, y, prompt = _drawn(4, 15, 5, False)
    each = [stats.pearsonr(x[prompt == number], y[prompt == number]).statistic for number in range(15)]
    known = stats.ttest_1samp(each, 0).confidence_interval(0.95)

    found = correlate(x, y, prompt).within["pearson"]

    assert (found.low, found.high) == (pytest.approx(known.low), pytest.approx(known.high))


@pytest.mark.parametrize("name", list(MEASURES))
def test_pooled_interval_is_as_wide_as_a_bootstrap_over_prompts(name) -> None:
    x, y, prompt = _drawn(5, 120, 6, False)
    rng = np.random.default_rng(6)
    of_prompt = [np.flatnonzero(prompt == number) for number in range(120)]
    drawn = []
    for _ in range(400):
        rows = np.concatenate([of_prompt[number] for number in rng.integers(0, 120, 120)])
        drawn.append(MEASURES[name](x[rows], y[rows]))

    found = correlate(x, y, prompt).pooled[name]

    # 25 groups tell a standard error to about 14 %, and Student's quantile is 2.06 for 1.96.
    assert (found.high - found.low) / (2 * 2.06) == pytest.approx(np.std(drawn), rel=0.35)


def test_random_groups_give_about_the_same_interval(monkeypatch) -> None:
    x, y, prompt = _drawn(7, 2000, 4, False)
    without_each = correlate(x, y, prompt).pooled["spearman"]
    monkeypatch.setattr(correlations, "WHOLE", 100)

    each = correlate(x, y, prompt).pooled["spearman"]

    assert each.value == without_each.value
    assert each.high - each.low == pytest.approx(without_each.high - without_each.low, rel=0.1)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Pearson's r of these numbers is 2/3: two of three parts are shared."""
    drawn = [correlate(*_drawn(100 + seed, 60, 4, False), ["pearson"]).pooled["pearson"] for seed in range(400)]

    share = np.mean([one.low <= 2 / 3 <= one.high for one in drawn])

    # Its standard error is 0.011.
    assert 0.915 <= share <= 0.985


def test_what_never_varies_has_no_coefficient() -> None:
    found = correlate(np.ones(6), np.arange(6.0), np.repeat([0, 1], 3))

    assert found.pooled["spearman"].value is None
    assert found.within["kendall"].value is None
    assert found.prompts_within == 0


def test_perfect_order_has_no_interval() -> None:
    """Leaving groups out says nothing about a coefficient of 1; no width would be a lie."""
    found = correlate(np.arange(30.0), np.arange(30.0) ** 3, np.repeat(np.arange(10), 3))

    assert found.pooled["spearman"].value == pytest.approx(1)
    assert found.pooled["spearman"].low is None
    assert found.pooled["pearson"].low is not None


def test_samples_without_both_numbers_are_left_out() -> None:
    x = np.array([1.0, 2, 3, np.nan, 5])
    y = np.array([2.0, 1, 4, 9, np.nan])

    found = correlate(x, y, np.zeros(5, np.int64))

    assert found.samples == 3
    assert found.pooled["spearman"].value == pytest.approx(0.5)
    assert correlate(np.array([1.0]), np.array([1.0]), np.zeros(1, np.int64)) is None


def test_some_prompts_stay_whole() -> None:
    prompt = np.repeat(np.arange(1000), 4)

    some = some_prompts(prompt, 403)

    assert some.sum() == 400
    assert set(np.bincount(prompt[some])) == {0, 4}
    assert some_prompts(prompt, 4000).all()
