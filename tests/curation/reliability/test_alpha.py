"""Krippendorff's alpha against a hand computation, the definition spelled out, and evalica."""

import itertools

import evalica
import numpy as np
import pandas as pd
import pytest

from curation.reliability.alpha import agreement

LEVELS = ("nominal", "ordinal", "interval")


def _alpha(units, values, level, **options):
    options.setdefault("resamples", 0)
    rng = np.random.default_rng(1)
    return agreement(np.array(units), np.array(values, dtype=float), level=level, rng=rng, **options)


def _said(seed: int, units: int = 60, raters: int = 6, values: int = 5, gaps: float = 0.4):
    """A rater × unit table with gaps, values around a truth of the unit."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(1, values + 1, units)
    table = np.clip(truth + rng.integers(-1, 2, (raters, units)), 1, values).astype(float)
    table[rng.random((raters, units)) < gaps] = np.nan
    return table


def _long(table):
    raters, units = np.nonzero(~np.isnan(table))
    return units, table[raters, units]


def test_the_worked_example_of_krippendorff_comes_out() -> None:
    """Four observers, twelve units (Computing Krippendorff's alpha-reliability, 2011)."""
    gap = np.nan
    table = np.array(
        [
            [1, 2, 3, 3, 2, 1, 4, 1, 2, gap, gap, gap],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, gap, 3],
            [gap, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, gap],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, gap],
        ]
    )

    found = {level: _alpha(*_long(table), level) for level in LEVELS}

    assert {level: round(found[level].alpha, 3) for level in LEVELS} == {
        "nominal": 0.743,
        "ordinal": 0.815,
        "interval": 0.849,
    }
    assert (found["nominal"].units, found["nominal"].values) == (11, 40)


def test_by_hand() -> None:
    """Units {0,0}, {1,1}, {0,1}: O has 2 of 6 coincidences apart; E = (3·3 + 3·3) / 5; alpha = 1 − 2 / 3.6 = 4/9."""
    assert _alpha([1, 1, 2, 2, 3, 3], [0, 0, 1, 1, 0, 1], "nominal").alpha == pytest.approx(4 / 9, abs=1e-15)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("seed", range(6))
def test_alpha_is_evalicas(level, seed) -> None:
    table = _said(seed)

    found = _alpha(*_long(table), level)

    assert found.alpha == pytest.approx(evalica.alpha(pd.DataFrame(table), distance=level).alpha, abs=1e-12)


@pytest.mark.parametrize("level", LEVELS)
def test_alpha_is_its_definition_spelled_out(level) -> None:
    """One minus the mean difference within units over the mean difference between any two values."""
    table = _said(11, units=14, raters=4)
    units, values = _long(table)
    groups = [values[units == unit] for unit in np.unique(units) if (units == unit).sum() > 1]
    every = np.concatenate(groups)

    def apart(a: float, b: float) -> float:
        if level == "nominal":
            return float(a != b)
        if level == "interval":
            return (a - b) ** 2
        low, high = min(a, b), max(a, b)
        ends = ((every == a).sum() + (every == b).sum()) / 2
        return float((((every >= low) & (every <= high)).sum() - ends) ** 2) if a != b else 0.0

    within = sum(2 * apart(a, b) / (len(g) - 1) for g in groups for a, b in itertools.combinations(g, 2))
    between = sum(2 * apart(a, b) for a, b in itertools.combinations(every, 2)) / (len(every) - 1)
    assert _alpha(units, values, level).alpha == pytest.approx(1 - within / between, abs=1e-12)


def test_large_values_lose_no_digits() -> None:
    table = _said(3)
    units, values = _long(table)

    assert _alpha(units, values + 1e6, "interval").alpha == pytest.approx(
        _alpha(units, values, "interval").alpha, abs=1e-9
    )


def test_who_said_it_does_not_matter_and_units_of_one_value_say_nothing() -> None:
    plain = _alpha([1, 1, 2, 2, 3, 3], [0, 0, 1, 1, 0, 1], "nominal")
    with_more = _alpha([9, 3, 1, 2, 3, 2, 1], [7, 1, 0, 1, 0, 1, 0], "nominal")

    assert with_more == plain


def test_alpha_is_undefined_without_two_values_a_unit_or_with_one_value_only() -> None:
    assert _alpha([1, 2, 3], [0, 1, 0], "nominal").alpha is None
    assert _alpha([], [], "interval").units == 0
    for level in LEVELS:
        alike = _alpha([1, 1, 2, 2], [4, 4, 4, 4], level, resamples=10)
        assert (alike.alpha, alike.low, alike.units) == (None, None, 2)


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        _alpha([1, 1], [0, np.nan], "nominal")
    with pytest.raises(ValueError, match="one unit for each value"):
        _alpha([1], [0, 1], "nominal")


@pytest.mark.parametrize("level", LEVELS)
def test_the_interval_is_that_of_a_plain_bootstrap_over_units(level) -> None:
    """Resampling the kinds of units is resampling the units: the percentiles agree with a loop over whole units."""
    units, values = _long(_said(5, units=80))
    found = _alpha(units, values, level, resamples=4000)
    kept = [unit for unit in np.unique(units) if (units == unit).sum() > 1]
    rng = np.random.default_rng(7)
    plain = []
    for _ in range(1500):
        drawn = rng.choice(kept, len(kept))
        rows = [(number, value) for number, unit in enumerate(drawn) for value in values[units == unit]]
        plain.append(_alpha([row[0] for row in rows], [row[1] for row in rows], level).alpha)

    # The percentiles of 1,500 resamples are themselves uncertain by about a twentieth of the interval.
    close = (found.high - found.low) / 10
    assert [found.low, found.high] == pytest.approx(np.quantile(plain, [0.025, 0.975]), abs=close)
    assert found.low < found.alpha < found.high


def test_nine_intervals_in_ten_hold_the_truth() -> None:
    """Simulated: alpha over very many units is the truth; 90 % intervals from 60 units hold it about 9 times in 10."""

    def draw(units: int, rng):
        truth = rng.integers(0, 3, units)
        said = np.where(rng.random((4, units)) < 0.7, truth, rng.integers(0, 3, (4, units)))
        return np.tile(np.arange(units), 4), said.ravel().astype(float)

    truth = _alpha(*draw(200_000, np.random.default_rng(1)), "nominal").alpha
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(300):
        found = _alpha(*draw(60, rng), "nominal", resamples=300, confidence=0.9)
        held += found.low <= truth <= found.high

    # Three standard errors of 300 draws at 0.9 are 0.052.
    assert held / 300 == pytest.approx(0.9, abs=0.055)
