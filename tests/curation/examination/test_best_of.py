"""Whether the first is the first: by hand, and what chance gives."""

import numpy as np
import pytest

from curation.examination.best_of import best_of


def _groups(*sizes: int) -> np.ndarray:
    return np.repeat(np.arange(len(sizes)), sizes)


def test_two_groups_by_hand() -> None:
    people = np.array([1.0, 0.5, 0.2, 0.0, 0.1, 0.9, 0.3])
    machine = np.array([7.0, 6.0, 9.0, 1.0, 0.2, 0.8, 0.5])

    found = best_of(people, machine, _groups(4, 3))

    assert found.hits.value == 0.5
    assert (found.hits.votes, found.hits.prompts) == (2, 2)
    assert found.chance == pytest.approx((1 / 4 + 1 / 3) / 2)
    assert found.samples == 3.5


def test_shared_first_places() -> None:
    """The machine's first place is shared by two, one of which is among people's two first: ½; by chance 2/4."""
    people = np.array([1.0, 1.0, 0.0, 0.0])
    machine = np.array([5.0, 1.0, 5.0, 2.0])

    found = best_of(people, machine, _groups(4))

    assert found.hits.value == 0.5
    assert found.chance == 0.5


def test_only_samples_that_both_placed_are_a_choice() -> None:
    """Without the machine's word on people's first sample the second is first; a group of two is no choice."""
    people = np.array([1.0, 0.8, 0.2, 0.1, 1.0, 0.0, 0.5])
    machine = np.array([np.nan, 9.0, 2.0, 1.0, 1.0, 2.0, np.nan])

    found = best_of(people, machine, _groups(4, 3))

    assert found.hits.votes == 1
    assert found.hits.value == 1
    assert found.chance == pytest.approx(1 / 3)


def test_no_group_is_no_answer() -> None:
    assert best_of(np.array([1.0, 0.0]), np.array([1.0, 0.0]), _groups(2)) is None
    assert best_of(np.zeros(0), np.zeros(0), np.zeros(0, np.int64)) is None


def test_a_blind_machine_hits_as_often_as_chance_says() -> None:
    rng = np.random.default_rng(2)
    groups = _groups(*rng.integers(3, 9, 4000))
    people = rng.integers(0, 4, len(groups)) / 4  # ties for the first place are common

    found = best_of(people, rng.random(len(groups)), groups)

    # The standard error of a share over 4,000 groups is below 0.008.
    assert found.hits.value == pytest.approx(found.chance, abs=0.024)


def test_groups_of_one_prompt_stand_and_fall_together() -> None:
    people = np.tile([1.0, 0.5, 0.0], 20)
    machine = np.repeat([1.0, -1.0], 30) * np.tile([1.0, 0.5, 0.0], 20)
    groups = np.repeat(np.arange(20), 3)

    alone = best_of(people, machine, groups)
    together = best_of(people, machine, groups, np.repeat(np.arange(2), 30))

    assert alone.hits.value == together.hits.value == 0.5
    assert together.hits.prompts == 2
    assert together.hits.high - together.hits.low > 1.5 * (alone.hits.high - alone.hits.low)
