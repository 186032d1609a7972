"""Whether the sample a machine puts first is the one people put first. Plain code."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.examination.intervals import Estimate, Floats, Ints, clustered

# With fewer samples this would only be the accuracy on pairs again.
LEAST = 3


@dataclass(frozen=True)
class BestOf:
    """How often the first is the first.

    Args:
        hits: the mean over groups (prompts) of the chance that the machine's first sample is one of people's first.
        chance: what a sample drawn blindly from each group would get.
        samples: the mean number of samples of a group.
    """

    hits: Estimate
    chance: float
    samples: float


def best_of(people: Floats, machine: Floats, group: Ints, prompt: Ints | None = None) -> BestOf | None:
    """Best of n, over the samples that both people and the machine have placed.

    Where several samples share the first place of the machine one of them is drawn, where several share people's
    first place any of them is right: a group's hit is |both| / |machine's first|, and its chance |people's first| / n.
    Groups of fewer than three such samples are left out.

    Args:
        people, machine: shape (n,), higher is better; NaN where nothing was said of the sample.
        group: shape (n,), whole numbers from 0: the samples of one choice.
        prompt: shape (n,), what the interval clusters by, where one prompt has several groups; the group itself if
            left out.

    Returns:
        None without a group.

    >>> found = best_of(np.array([1.0, 0.5, 0.0]), np.array([9.0, 7.0, 8.0]), np.zeros(3, np.int64))
    >>> found.hits.value, round(found.chance, 3)
    (1.0, 0.333)
    """
    is_placed = ~np.isnan(people) & ~np.isnan(machine)
    people, machine, where = people[is_placed], machine[is_placed], group[is_placed]
    sizes = np.bincount(where)
    is_enough = sizes[where] >= LEAST if len(where) else np.zeros(0, bool)
    people, machine, where = people[is_enough], machine[is_enough], where[is_enough]
    if len(where) == 0:
        return None
    clusters = group if prompt is None else prompt
    numbers, first = _numbered(where)
    cluster = np.asarray(clusters[is_placed][is_enough][first])
    is_mine, is_theirs = is_first(machine, numbers), is_first(people, numbers)
    hits = np.bincount(numbers, is_mine & is_theirs) / np.bincount(numbers, is_mine)
    size = np.bincount(numbers)
    found = clustered(hits, cluster)
    assert found is not None
    return BestOf(found, float((np.bincount(numbers, is_theirs) / size).mean()), float(size.mean()))


def _numbered(where: Ints) -> tuple[Ints, Ints]:
    """Groups numbered from 0 without a gap, and the place of the first sample of each."""
    _names, first, numbers = np.unique(where, return_index=True, return_inverse=True)
    return numbers.astype(np.int64), first.astype(np.int64)


def is_first(value: Floats, group: Ints) -> NDArray[np.bool_]:
    """Whether each value is the highest of its group; groups are numbered from 0 without a gap."""
    highest = np.full(int(group.max()) + 1, -np.inf)
    np.maximum.at(highest, group, value)
    return np.asarray(value == highest[group])
