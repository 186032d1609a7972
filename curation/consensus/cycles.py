"""Preferences that go round in a circle, and the fewest votes to doubt so that none is left. Plain code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from curation.consensus.votes import Ballot, Couples, Layout, couples

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# Up to so many samples the smallest set is found by looking at all of 2^n subsets.
EXACT_UP_TO = 12


@dataclass(frozen=True)
class Cycle:
    """Samples of one prompt of which each is preferred to another in a circle.

    Args:
        prompt_id: of all of them.
        samples: ids in the order that goes against the least of what was said, the best first.
        doubted: (preferred, other) ids of the couples whose majority goes against that order.
        votes: (judgement, position) of the votes on the doubted couples that were for the preferred one.
        cost: how many voices would have to change: the sum of the majorities of the doubted couples.
        is_smallest: whether no other order goes against less; False where there were too many samples to try all.
    """

    prompt_id: int
    samples: tuple[int, ...]
    doubted: tuple[tuple[int, int], ...]
    votes: tuple[tuple[int, int], ...]
    cost: float
    is_smallest: bool


def cycles(said: Ballot, layout: Layout) -> list[Cycle]:
    """The strongly connected parts, of two samples or more, of who is preferred to whom by most voices.

    A couple on which voices are level prefers nobody. Rankings of one rater never circle; those of several may.

    Source: M. de Condorcet (1785); the smallest feedback arc set by dynamic programming over subsets, as M. Held and
    R. Karp (1962), A dynamic programming approach to sequencing problems.
    """
    found = couples(said)
    lead = 2 * found.wins - found.votes
    part = _parts(found, lead, len(layout.sample))
    inside = (part[found.first] == part[found.second]) & (lead != 0)
    result = []
    for number in np.unique(part[found.first[inside]]):
        mine = np.flatnonzero(inside & (part[found.first] == number))
        result.append(_cycle(found, lead, mine, said, layout))
    return sorted(result, key=lambda one: (one.prompt_id, one.samples))


def _parts(found: Couples, lead: Floats, samples: int) -> Ints:
    """The strongly connected part of each sample."""
    better = np.where(lead > 0, found.first, found.second)[lead != 0]
    worse = np.where(lead > 0, found.second, found.first)[lead != 0]
    graph = coo_array((np.ones(len(better)), (better, worse)), shape=(samples, samples))
    return np.asarray(connected_components(graph, directed=True, connection="strong")[1], dtype=np.int64)


def _cycle(found: Couples, lead: Floats, mine: Ints, said: Ballot, layout: Layout) -> Cycle:
    rows = np.unique(np.concatenate([found.first[mine], found.second[mine]]))
    place = {int(row): number for number, row in enumerate(rows)}
    beats = np.zeros((len(rows), len(rows)))
    for couple in mine:
        a, b = place[int(found.first[couple])], place[int(found.second[couple])]
        beats[a, b], beats[b, a] = max(lead[couple], 0), max(-lead[couple], 0)
    order, is_smallest = (exact_order(beats), True) if len(rows) <= EXACT_UP_TO else (near_order(beats), False)
    rank = np.argsort(order)
    against = [(i, j) for i in range(len(rows)) for j in range(len(rows)) if beats[i, j] > 0 and rank[i] > rank[j]]
    doubted = [(int(rows[i]), int(rows[j])) for i, j in against]
    ids = layout.sample
    return Cycle(
        prompt_id=int(layout.prompt[layout.group[rows[0]]]),
        samples=tuple(int(ids[rows[i]]) for i in order),
        doubted=tuple((int(ids[a]), int(ids[b])) for a, b in doubted),
        votes=_votes(said, doubted),
        cost=float(sum(beats[i, j] for i, j in against)),
        is_smallest=is_smallest,
    )


def _votes(said: Ballot, doubted: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    found = []
    for better, worse in doubted:
        left = (said.left == better) & (said.right == worse) & (said.outcome == 1)
        right = (said.left == worse) & (said.right == better) & (said.outcome == 0)
        found += [(int(said.judgement[v]), int(said.position[v])) for v in np.flatnonzero(left | right)]
    return tuple(sorted(found))


def exact_order(beats: Floats) -> list[int]:
    """The order, best first, against which the fewest voices go; the first of equals by number.

    Args:
        beats: shape (n, n), voices by which i is ahead of j, 0 where it is not; n up to 12 or so: 2^n subsets.

    >>> exact_order(np.array([[0.0, 3.0, 0.0], [0.0, 0.0, 2.0], [1.0, 0.0, 0.0]]))
    [0, 1, 2]
    """
    n = len(beats)
    cost, last = np.full(1 << n, np.inf), np.zeros(1 << n, dtype=np.int64)
    cost[0] = 0.0
    for subset in range(1, 1 << n):
        inside = [i for i in range(n) if subset >> i & 1]
        for i in reversed(inside):
            # i comes behind all others of the subset: what it beats among them goes against the order.
            now = cost[subset & ~(1 << i)] + beats[i, inside].sum()
            if now <= cost[subset]:
                cost[subset], last[subset] = now, i
    order, subset = [], (1 << n) - 1
    while subset:
        order.append(int(last[subset]))
        subset &= ~(1 << order[-1])
    return order[::-1]


def near_order(beats: Floats) -> list[int]:
    """A good order of many: by wins less losses, then every sample moved to its best place until none gains."""
    order = [int(i) for i in np.argsort(-(beats.sum(axis=1) - beats.sum(axis=0)), kind="stable")]
    moved = True
    while moved:
        moved = False
        for i in list(order):
            rest = [j for j in order if j != i]
            # Going down past j gains what j is ahead of i, and loses what i is ahead of j.
            steps = np.concatenate([[0.0], np.cumsum([beats[i, j] - beats[j, i] for j in rest])])
            here = order.index(i)
            best = int(steps.argmin())
            if steps[best] < steps[here] - 1e-12:
                order, moved = [*rest[:best], i, *rest[best:]], True
    return order
