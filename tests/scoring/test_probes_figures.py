"""The mathematics of the probes against answers found another way: sklearn, DeLong by hand, simulation, arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from scoring.probes import figures
from scoring.probes.bars import BARS
from scoring.probes.report import Answer, report
from scoring.scorers.base import Needs, Output

OUTPUT = Output("worth", "Worth", "", 0, 10)
NEEDS = Needs(media=frozenset({"image"}), prompt_text=True)


def said(*rows: tuple[str, int, int, float | None]) -> list[Answer]:
    """Answers from probe, prompt, sample and value; None for no number."""
    return [
        Answer(place, probe, group, original, {} if value is None else {"worth": value}, "" if value else "nothing")
        for place, (probe, group, original, value) in enumerate(rows)
    ]


def findings(answers: list[Answer], output: Output = OUTPUT, needs: Needs = NEEDS):
    (on,) = report(answers, [output], needs).criteria
    return {one.name: one for one in on.findings}


def delong(right: np.ndarray, wrong: np.ndarray) -> float:
    """DeLong's variance for independent scores, written out: S10 / m + S01 / n over sample variances (n − 1)."""
    first = [np.mean([(r > w) + 0.5 * (r == w) for w in wrong]) for r in right]
    second = [np.mean([(r > w) + 0.5 * (r == w) for r in right]) for w in wrong]
    return float(np.var(first, ddof=1) / len(right) + np.var(second, ddof=1) / len(wrong))


# -- area under the curve ---------------------------------------------------------------------------------------------


def test_the_area_is_that_of_sklearn_ties_included() -> None:
    random = np.random.default_rng(3)
    for _round in range(20):
        right, wrong = np.round(random.normal(0.4, 1, 23), 1), np.round(random.normal(0, 1, 31), 1)

        found = figures.area(list(right), list(wrong), list(range(23)), list(range(100, 131)))

        labels = [1] * 23 + [0] * 31
        assert found is not None
        assert found.value == pytest.approx(roc_auc_score(labels, [*right, *wrong]), abs=1e-12)


def test_its_variance_is_that_of_delong_where_each_cluster_has_one_score_of_a_kind_far_apart() -> None:
    """Obuchowski's scale is I / (I − 1) over all clusters; DeLong's (m − 1) and (n − 1) are reached in the limit."""
    random = np.random.default_rng(5)
    right, wrong = random.normal(0.8, 1, 400), random.normal(0, 1, 400)

    found = figures.area(list(right), list(wrong), list(range(400)), list(range(400, 800)))

    assert found is not None
    half = (math.log(found.high / (1 - found.high)) - math.log(found.low / (1 - found.low))) / 2
    error = half * found.value * (1 - found.value) / stats.t.ppf(0.975, 799)
    assert error**2 == pytest.approx(delong(right, wrong), rel=0.005)


def test_the_interval_of_the_area_covers_with_pairs_of_one_prompt() -> None:
    """Pictures share what is theirs under both prompts: 400 rounds of 24 pairs in 8 prompts, true area by normals."""
    random = np.random.default_rng(11)
    apart, own, shared = 1.0, 1.0, 0.5
    truth = stats.norm.cdf(apart / math.sqrt(2 * (own**2 + shared**2)))
    hits = 0
    for _round in range(400):
        prompt = np.repeat(np.arange(8), 3)
        common = random.normal(0, shared, 8)[prompt]
        right = apart + common + random.normal(0, own, 24)
        wrong = common + random.normal(0, own, 24)
        found = figures.area(list(right), list(wrong), list(prompt), list(prompt))
        hits += found.low <= truth <= found.high

    assert 0.92 <= hits / 400 <= 0.99


def test_an_area_of_one_has_the_interval_of_as_many_prompts() -> None:
    found = figures.area([2.0, 3.0, 4.0], [0.0, 1.0, 1.5], [0, 1, 2], [0, 1, 2])

    assert (found.value, found.high, found.clusters) == (1.0, 1.0, 3)
    assert found.low == pytest.approx(3 / (3 + stats.norm.ppf(0.975) ** 2))  # Wilson's lower end for 3 of 3


# -- means and spreads ------------------------------------------------------------------------------------------------


def test_a_mean_of_single_values_has_students_interval() -> None:
    values = list(np.random.default_rng(1).normal(3, 2, 12))

    found = figures.mean(values, list(range(12)))

    low, high = stats.t.interval(0.95, 11, np.mean(values), stats.sem(values))
    assert (found.value, found.low, found.high) == pytest.approx((np.mean(values), low, high))


def test_a_mean_over_one_prompt_has_no_interval() -> None:
    found = figures.mean([1.0, 2.0, 6.0], [4, 4, 4])

    assert (found.value, found.low, found.high, found.clusters) == (3.0, None, None, 1)
    assert figures.mean([], []) is None


def test_equal_scores_and_spread_within_prompts_by_hand() -> None:
    """Prompt 0: all 1. Prompt 1: 1, 3. Prompt 2: 5, 5, 8. Prompt 3 has one sample and says nothing of order."""
    groups = {0: [1.0, 1.0, 1.0 + 1e-12], 1: [1.0, 3.0], 2: [5.0, 5.0, 8.0], 3: [9.0]}

    found = figures.collapse(groups)

    assert (found.groups.value, found.groups.count) == (pytest.approx(1 / 3), 3)
    assert (found.pairs.value, found.pairs.count) == (pytest.approx(4 / 7), 7)
    every = [1, 1, 1, 1, 3, 5, 5, 8, 9]
    assert found.within == pytest.approx(np.median([0, 1, np.std([5, 5, 8])]) / np.std(every, ddof=1))


def test_saturation_is_the_share_at_the_fuller_end() -> None:
    found = figures.saturation({0: [0.0, 0.5, 1.0], 1: [1 - 1e-7, 0.999]}, 0, 1)

    assert found.value == pytest.approx(2 / 5)
    assert figures.saturation({0: [0.0, 50.0]}, 0, 1e9).value == 0.5  # a wide range has no wide end


# -- a report by hand -------------------------------------------------------------------------------------------------


def test_false_positives_are_counted_against_the_median_of_the_prompt() -> None:
    """Medians 4, 3 and 7. Noise gets 4 (at it), 2, 9: two of three. White gets nothing, 3, 1: one of three."""
    answers = said(
        *[("genuine", 0, 0, 4.0), ("genuine", 0, 1, 2.0), ("genuine", 0, 2, 6.0)],
        *[("genuine", 1, 3, 2.0), ("genuine", 1, 4, 4.0), ("genuine", 2, 5, 7.0)],
        *[("noise", 0, 0, 4.0), ("noise", 1, 3, 2.0), ("noise", 2, 5, 9.0)],
        *[("white", 0, 0, None), ("white", 1, 3, 3.0), ("white", 2, 5, 1.0)],
    )

    found = findings(answers)["false_positives"]

    assert {part.probe: part.figure.value for part in found.parts} == pytest.approx({"white": 1 / 3, "noise": 2 / 3})
    assert (found.worst, found.figure.value) == ("noise", pytest.approx(2 / 3))
    assert {one.position for one in found.broken} == {6, 8, 10}
    assert report(answers, [OUTPUT], NEEDS).unscored == {"white": 1}


def test_changes_are_told_in_spreads_and_turned_pairs_are_counted() -> None:
    """Samples 1 and 3 of one prompt, 6 of another: spread 2.5166. JPEG moves them by 3, −1, 0: mean 4/3.

    With the changed copy of the first (4) the pair 1 < 3 turns; with that of the second (2) it does not.
    """
    answers = said(
        *[("genuine", 0, 0, 1.0), ("genuine", 0, 1, 3.0), ("genuine", 1, 2, 6.0)],
        *[("jpeg50", 0, 0, 4.0), ("jpeg50", 0, 1, 2.0), ("jpeg50", 1, 2, 6.0)],
        *[("webp", 0, 0, 3.0), ("webp", 0, 1, 3.0), ("webp", 1, 2, 6.0)],
    )

    found = findings(answers)

    spread = np.std([1, 3, 6], ddof=1)
    assert found["surface"].figure.value == pytest.approx(4 / 3 / spread)
    flips = {part.probe: (part.figure.value, part.figure.count) for part in found["order_flips"].parts}
    assert flips == {"jpeg50": (0.5, 2), "webp": (0.25, 2)}  # a pair that became equal has turned half


def test_wrong_prompts_and_injections_by_hand() -> None:
    answers = said(
        *[("genuine", 0, 0, 5.0), ("genuine", 1, 1, 6.0), ("genuine", 2, 2, 4.0)],
        *[("wrong_prompt", 0, 0, 1.0), ("wrong_prompt", 1, 1, 6.0), ("wrong_prompt", 2, 2, 4.5)],
        *[("banner", 0, 0, 7.0), ("banner", 1, 1, 5.0), ("banner", 2, 2, 4.0)],
    )

    found = findings(answers)

    assert found["wrong_prompt"].figure.value == pytest.approx(1.5 / 3)
    assert found["wrong_prompt_area"].figure.value == pytest.approx(
        roc_auc_score([1, 1, 1, 0, 0, 0], [5, 6, 4, 1, 6, 4.5])
    )
    assert found["injection"].figure.value == pytest.approx((2 - 1 + 0) / 3 / 1.0)
    assert [one.position for one in found["wrong_prompt"].broken] == [5, 4]


def test_where_lower_is_better_everything_is_turned_round() -> None:
    lower = Output("worth", "Worth", "", 0, 10, higher_is_better=False)
    answers = said(
        *[("genuine", 0, 0, 5.0), ("genuine", 1, 1, 3.0)],
        *[("black", 0, 0, 1.0), ("black", 1, 1, 9.0), ("wrong_prompt", 0, 0, 8.0), ("wrong_prompt", 1, 1, 2.0)],
    )

    found = findings(answers, lower)

    assert found["false_positives"].figure.value == 0.5
    assert found["wrong_prompt"].figure.value == 0.5
    assert found["saturation"].figure.value == 0.0


def test_a_prompt_that_no_card_asks_for_and_that_changes_nothing_is_no_probe() -> None:
    answers = said(
        *[("genuine", 0, 0, 5.0), ("genuine", 1, 1, 6.0)],
        *[("wrong_prompt", 0, 0, 5.0), ("wrong_prompt", 1, 1, 6.0)],
    )

    assert "wrong_prompt" not in findings(answers, needs=Needs(media=frozenset({"image"})))
    assert findings(answers)["wrong_prompt"].figure.value == 0.5  # its card says that it reads the prompt


def test_a_scorer_with_nothing_to_say_of_the_samples_gets_no_verdict_and_the_reason() -> None:
    found = report([Answer(0, "genuine", 0, 0, {}, "there is no face")], [OUTPUT], NEEDS)

    assert (found.verdict, found.criteria, found.reason) == (None, (), "there is no face")


def test_every_figure_of_a_report_has_a_bar() -> None:
    assert set(BARS) == {
        "false_positives",
        "surface",
        "order_flips",
        "wrong_prompt",
        "wrong_prompt_area",
        "injection",
        "saturation",
        "equal_groups",
        "time",
        "pair_false_positives",
        "pair_surface",
        "pair_polish",
        "pair_order_flips",
        "pair_wrong_prompt",
        "pair_injection",
        "pair_time",
        "position_flips",
        "ties",
    }
