"""A mean from many machine labels and few of people's: against ppi-python (a fixture), and its promise."""

from pathlib import Path

import numpy as np
import pytest

from curation.consensus.errors import TooFewVotes
from curation.consensus.few_labels import mean_from_few

OTHER = np.load(Path(__file__).parent / "fixtures" / "few_labels.npz")


def test_mean_and_interval_are_ppi_pythons() -> None:
    found = mean_from_few(OTHER["machine"], OTHER["machine_on_labelled"], OTHER["people"])

    assert (found.mean, found.low, found.high) == pytest.approx(tuple(OTHER["found"]), abs=1e-8)
    assert abs(found.mean - OTHER["machine"].mean()) > 0.01


@pytest.mark.parametrize("noise", [0.1, 3.0])
def test_the_interval_holds_for_good_machines_and_bad_ones(noise) -> None:
    rng = np.random.default_rng(1)
    held, narrower = 0, 0
    for _draw in range(400):
        truth = rng.normal(2, 1, 840)
        machine = truth + 0.7 + rng.normal(0, noise, 840)
        found = mean_from_few(machine[40:], machine[:40], truth[:40])
        held += found.low < 2 < found.high
        narrower += found.error < found.people_only[1]

    assert 0.92 < held / 400 < 0.98
    assert (narrower == 400) if noise < 1 else (narrower == 0)


def test_people_alone_are_shown_beside_it() -> None:
    people = np.arange(30.0)

    found = mean_from_few(np.zeros(2), np.zeros(30), people)

    assert found.people_only == pytest.approx((14.5, people.std() / np.sqrt(30)))
    assert found.mean == 14.5


def test_few_means_not_that_few() -> None:
    with pytest.raises(TooFewVotes, match="29 labels of people"):
        mean_from_few(np.zeros(10), np.zeros(29), np.zeros(29))


@pytest.mark.parametrize(
    ("machine", "labelled", "people"),
    [
        (np.zeros(1), np.zeros(30), np.zeros(30)),
        (np.zeros(9), np.zeros(31), np.zeros(30)),
        (np.full(9, np.nan), np.zeros(30), np.zeros(30)),
        (np.zeros(9), np.zeros(30), np.full(30, np.inf)),
    ],
)
def test_what_makes_no_sense_is_refused(machine, labelled, people) -> None:
    with pytest.raises(ValueError):
        mean_from_few(machine, labelled, people)
