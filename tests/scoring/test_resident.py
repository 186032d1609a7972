"""Models stay in a worker's memory within a budget."""

from __future__ import annotations

import pytest

from scoring import machine, resident
from scoring.catalogue import CATALOGUE
from scoring.resident import Limit, Residents
from scoring.scorers.base import ScorerFacts, ScorerUnavailable, Setting
from tests.scoring import fakes


class Large(fakes.LengthScorer):
    """Weights of as many bytes as its setting says."""

    loaded: list[str] = []

    def __init__(self, facts: ScorerFacts, *, size: str) -> None:
        super().__init__(facts)
        self.size = int(size)

    def load(self) -> None:
        if self.size == 0:
            raise ScorerUnavailable("no weights")
        Large.loaded.append(f"{self.name}-{self.size}")

    def bytes_held(self) -> int:
        return self.size


@pytest.fixture(autouse=True)
def large_scorers(monkeypatch) -> None:
    Large.loaded.clear()
    for name in ("one", "two", "three"):
        card = fakes.facts(name, path=f"{__name__}:Large", settings=(Setting("size", "40", ""),))
        monkeypatch.setitem(CATALOGUE, name, card)


def test_a_model_is_loaded_once_however_often_it_is_asked_for() -> None:
    kept = Residents(lambda: 100)

    assert kept.scorer("one", {}) is kept.scorer("one", {"size": "40"})
    assert Large.loaded == ["one-40"]


def test_the_one_unused_for_longest_makes_room() -> None:
    kept = Residents(lambda: 100)
    for name in ("one", "two", "one", "three", "one", "two"):
        kept.scorer(name, {})

    assert Large.loaded == ["one-40", "two-40", "three-40", "two-40"]


def test_as_many_small_ones_as_fit_stay() -> None:
    kept = Residents(lambda: 100)
    for size in ("10", "20", "30", "40", "10", "20", "30", "40"):
        kept.scorer("one", {"size": size})

    assert len(Large.loaded) == 4


def test_one_model_larger_than_the_budget_is_kept_all_the_same() -> None:
    kept = Residents(lambda: 100)
    kept.scorer("one", {"size": "400"})
    kept.scorer("one", {"size": "400"})

    assert Large.loaded == ["one-400"]


def test_a_model_that_does_not_load_takes_no_room() -> None:
    kept = Residents(lambda: 100)
    with pytest.raises(ScorerUnavailable):
        kept.scorer("one", {"size": "0"})

    assert kept.scorer("two", {}).name == "two"


def test_the_budget_is_the_operators_or_a_share_of_the_devices_memory(monkeypatch) -> None:
    device = resident._device()
    monkeypatch.setattr(device, "memory_total", lambda: 80_000)
    monkeypatch.setattr(machine, "model_processes", lambda: 4)

    assert Limit(megabytes=3).bytes() == 3_000_000
    assert Limit().bytes() == 10_000


def test_scorers_that_are_all_kept_must_fit_together(monkeypatch) -> None:
    monkeypatch.setattr(resident.limit, "megabytes", 1)
    device = resident._device()
    both = {"one": 700_000, "two": 700_000}

    with pytest.raises(ScorerUnavailable, match="The weights of one, two take"):
        resident.check_room(both)
    resident.check_room({"one": 1_400_000})  # alone it is kept, however large
    monkeypatch.setattr(device, "memory_held", lambda: 700_000)  # they share their weights
    resident.check_room(both)


def test_one_process_has_the_whole_share_for_weights(monkeypatch) -> None:
    monkeypatch.setattr(machine, "model_processes", lambda: 4)

    assert Limit().bytes(processes=1) == pytest.approx(4 * Limit().bytes(), rel=1e-6)
