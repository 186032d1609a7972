"""Scorers that stay in a worker's memory from one part of a job to the next. For workers only. Plain code."""

from __future__ import annotations

import importlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scoring import catalogue, machine
from scoring.scorers.base import Scorer, ScorerUnavailable

# Share of the device's memory for weights; the rest is for what a forward pass needs.
SHARE_FOR_WEIGHTS = 0.5
_Key = tuple[str, tuple[tuple[str, str], ...]]


class Residents:
    """Loaded scorers within a budget of memory: when a new one needs room, those unused for longest are dropped.

    Args:
        budget: bytes that the weights of all of them may take; asked when the first model is loaded. One scorer is
            always kept, however large.
    """

    def __init__(self, budget: Callable[[], int]) -> None:
        self._budget = budget
        self._kept: OrderedDict[_Key, Scorer[Any]] = OrderedDict()

    def scorer(self, name: str, settings: Mapping[str, str]) -> Scorer[Any]:
        """The scorer with these settings, its weights in memory.

        Raises:
            ScorerUnavailable: there is no such scorer, or its weights are not here.
        """
        key = (name, tuple(sorted(catalogue.checked_settings(name, settings).items())))
        found = self._kept.get(key) or catalogue.build(name, dict(key[1]))
        found.ready()
        self._kept[key] = found
        self._kept.move_to_end(key)
        self._make_room()
        return found

    def forget(self) -> None:
        """Drops every scorer, so that the next one is loaded anew (tests, changed weights)."""
        self._kept.clear()

    def _make_room(self) -> None:
        held = sum(scorer.bytes_held() for scorer in self._kept.values())
        if not held:
            return
        dropped = False
        while held > self._budget() and len(self._kept) > 1:
            _key, oldest = self._kept.popitem(last=False)
            held -= oldest.bytes_held()
            dropped = True
            del oldest
        if dropped:
            _device().give_back()


@dataclass
class Limit:
    """What the operator allows the weights of one process to take; 0 leaves it to the memory of the device."""

    megabytes: int = 0

    def bytes(self, processes: int | None = None) -> int:
        """Processes without a GPU share this machine's memory, and so the share for weights.

        Args:
            processes: that hold models in it; None: as many as a worker of this machine has.
        """
        if self.megabytes:
            return self.megabytes * 1_000_000
        return int(_device().memory_total() * SHARE_FOR_WEIGHTS / (processes or machine.model_processes()))


def check_room(weights: Mapping[str, int]) -> None:
    """For one process that keeps all of its scorers: refuses them once their weights take more than they may.

    What several of them share lies in memory once, so the memory is asked as well as the scorers.

    Args:
        weights: bytes by scorer, loaded all of them. One alone is kept, however large.

    Raises:
        ScorerUnavailable: naming them and the remedy.
    """
    stated = sum(weights.values())
    if len(weights) < 2 or not stated:
        return
    held, most = min(stated, _device().memory_held()), limit.bytes(processes=1)
    if held > most:
        raise ScorerUnavailable(
            f"The weights of {', '.join(weights)} take {held / 1e9:.2f} GB together, and {most / 1e9:.2f} GB may be "
            "taken. Name fewer scorers, or allow more by PAIRWRIGHT_MODEL_MEMORY_MB."
        )


def _device() -> Any:
    """Imported when a model has been loaded, and so torch with it."""
    return importlib.import_module("scoring.scorers.device")


limit = Limit()
_residents = Residents(limit.bytes)
scorer = _residents.scorer
forget = _residents.forget
