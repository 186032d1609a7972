"""What a judge is asked about, one question after another, and under which key each of them is known. Plain code.

A unit is what one verdict is about: one sample, two, several, or the judgement whose reasons are read. A unit is asked
once for each order and each repeat; that is a query.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby

from scoring.judges.base import Mode

# As long as a judgement's key may be.
LONGEST_KEY = 100


@dataclass(frozen=True, slots=True)
class Unit:
    """Samples of one prompt in their plain order.

    Attributes:
        source: the judgement that is listened to; 0 where samples are looked at.
    """

    prompt_id: int
    samples: tuple[int, ...]
    source: int = 0


@dataclass(frozen=True, slots=True)
class Query:
    """One question about a unit: in which order its samples are shown, and the how manieth repeat it is."""

    unit: Unit
    is_turned: bool = False
    repeat: int = 0

    @property
    def shown(self) -> tuple[int, ...]:
        """Sample ids in the order in which they are shown."""
        return self.unit.samples[::-1] if self.is_turned else self.unit.samples

    def key(self, context_id: int | None = None, guideline_id: int | None = None) -> str:
        """The same for the same question of one judge, whatever job asks it; at most `LONGEST_KEY` characters.

        Content and wording are not in it: samples do not change, and another wording makes another rater.
        """
        about = f"j{self.unit.source}" if self.unit.source else ",".join(map(str, self.shown))
        key = f"judge:{about}|{context_id or 0}|{guideline_id or 0}|{self.repeat}"
        return key if len(key) <= LONGEST_KEY else "judge:" + hashlib.sha256(key.encode()).hexdigest()


def queries(unit: Unit, mode: Mode, *, both_orders: bool, repeats: int) -> Iterator[Query]:
    """Every question about a unit. Only what is compared has an order to turn."""
    orders = (False, True) if both_orders and mode in (Mode.PAIR, Mode.LIST) else (False,)
    for repeat in range(repeats):
        for is_turned in orders:
            yield Query(unit, is_turned, repeat)


# -- which samples are judged together --------------------------------------------------------------------------------


def singles(rows: Iterable[tuple[int, int]]) -> Iterator[Unit]:
    """A unit for each row of (prompt id, sample id)."""
    return (Unit(prompt_id, (sample_id,)) for prompt_id, sample_id in rows)


def groups(rows: Iterable[tuple[int, int]]) -> Iterator[Unit]:
    """All samples of a prompt together; a prompt with one sample has nothing to compare.

    Args:
        rows: (prompt id, sample id), those of a prompt one after another.
    """
    for unit in _by_prompt(rows):
        if len(unit.samples) > 1:
            yield unit


def all_pairs(rows: Iterable[tuple[int, int]]) -> Iterator[Unit]:
    """Every two samples of each prompt once: n (n - 1) / 2 pairs."""
    for unit in _by_prompt(rows):
        for pair in combinations(unit.samples, 2):
            yield Unit(unit.prompt_id, pair)


def disjoint_pairs(rows: Iterable[tuple[int, int]]) -> Iterator[Unit]:
    """The first with the second, the third with the fourth: n // 2 pairs, an odd one out left over.

    Source: UnifiedReward (arXiv 2503.05236), construction of preference data.
    """
    for unit in _by_prompt(rows):
        for start in range(0, len(unit.samples) - 1, 2):
            yield Unit(unit.prompt_id, unit.samples[start : start + 2])


def _by_prompt(rows: Iterable[tuple[int, int]]) -> Iterator[Unit]:
    for prompt_id, own in groupby(rows, key=lambda row: row[0]):
        yield Unit(prompt_id, tuple(sample_id for _prompt, sample_id in own))


# -- as stored with a part --------------------------------------------------------------------------------------------


def written(units: Sequence[Unit]) -> list[list[int]]:
    """Units as lists of numbers: prompt, source, samples."""
    return [[unit.prompt_id, unit.source, *unit.samples] for unit in units]


def read(stored: Iterable[Sequence[int]]) -> list[Unit]:
    """The units of `written`."""
    return [Unit(prompt_id, tuple(samples), source) for prompt_id, source, *samples in stored]
