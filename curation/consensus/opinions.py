"""What machines say of samples, and what that is worth by people's votes. Plain code.

A machine's numbers, or its verdicts added up by Bradley-Terry, are one value a sample and column. The columns are
weighed together, as one block, against votes of people on prompts that were not picked for being close or disputed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import logit

from curation.consensus import rules
from curation.consensus.bradley_terry import Votes, fit_groups
from curation.consensus.calibration import (
    FEWEST_FOR_ISOTONIC,
    FEWEST_VOTES,
    Calibration,
    Reliability,
    fit_isotonic,
    fit_temperature,
    reliability,
)
from curation.consensus.machine_stack import Opinions, PairVotes, Stack, fit_random_vote
from curation.consensus.votes import Ballot, Bucket, Layout, Told, ballot

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# Machines are weighed by about so many votes; a thousand prompts are enough for a block.
MOST_TAUGHT = 20_000
# How the verdicts of a machine are called among its columns.
VERDICTS = "votes"
# Verdicts of one machine are added up with strengths that lie this far apart.
_OWN_WIDTH = 1.0


@dataclass(frozen=True, order=True)
class Column:
    """What one machine says in one way: under one criterion's numbers, or by its verdicts."""

    rater_id: int
    column: str


@dataclass(frozen=True)
class Said:
    """The values of all columns.

    Args:
        columns: M of them, in order.
        values: shape (S, M), less the mean of their prompt; 0 where the column says nothing of the sample.
        known: shape (S, M), whether it says something.
        kin: columns that were kept from some prompts, and from how many: for a generator of their family, or because
            they were fitted on the labels there.
    """

    columns: tuple[Column, ...]
    values: Floats
    known: Bools
    kin: dict[Column, int] = field(default_factory=dict)

    def margins(self, first: Ints, second: Ints) -> Floats:
        """Shape (P, M): value of the first less that of the second, 0 where a column does not know both."""
        both = self.known[first] & self.known[second]
        found: Floats = np.where(both, self.values[first] - self.values[second], 0.0)
        return found


def listen(told: Told, layout: Layout) -> Said:
    """What every machine says, without prompts on which a generator of its family takes part or that it learnt from."""
    parts: dict[Column, Floats] = {**_numbers(told, layout), **_verdicts(told, layout)}
    columns = tuple(sorted(parts))
    values = np.full((len(layout.sample), len(columns)), np.nan)
    kin = {}
    for place, column in enumerate(columns):
        values[:, place] = parts[column]
        theirs = told.related.filter(pl.col("rater_id") == column.rater_id)["prompt_id"].to_numpy()
        own = np.isin(layout.prompt[layout.group], theirs)
        if (own & ~np.isnan(values[:, place])).any():
            kin[column] = len(np.unique(layout.group[own & ~np.isnan(values[:, place])]))
        values[own, place] = np.nan
    known = ~np.isnan(values)
    return Said(columns, _centred(np.where(known, values, 0.0), known, layout), known, kin)


def _numbers(told: Told, layout: Layout) -> dict[Column, Floats]:
    machines = told.scores.filter(~pl.col("is_person")).sort("rater_id", "column", "prompt_id", "sample_id", "value")
    keys = ["rater_id", "column", "prompt_id", "sample_id"]
    once = machines.group_by(keys, maintain_order=True).agg(pl.col("value").mean())
    found = {}
    for (rater, column), rows in once.partition_by("rater_id", "column", as_dict=True).items():
        values = np.full(len(layout.sample), np.nan)
        values[layout.rows(rows, "sample_id")] = rows["value"].to_numpy()
        found[Column(int(rater), str(column))] = values
    return found


def _verdicts(told: Told, layout: Layout) -> dict[Column, Floats]:
    machines = told.comparisons.filter(~pl.col("is_person"))
    found = {}
    for (rater,), rows in machines.partition_by("rater_id", as_dict=True).items():
        found[Column(int(rater), VERDICTS)] = _added_up(ballot(rows, layout), layout)
    return found


def _added_up(said: Ballot, layout: Layout) -> Floats:
    """A machine's own strengths of the samples it compared; nothing of the others."""
    values = np.full(len(layout.sample), np.nan)
    heard = np.unique(said.group)
    if not len(heard):
        return values
    local = np.searchsorted(heard, said.group)
    items = int(layout.size[heard].max())
    votes = Votes.of(local, layout.item[said.left], layout.item[said.right], said.outcome, weight=said.weight)
    fit = fit_groups(votes, groups=len(heard), items=items, precision=1 / _OWN_WIDTH**2)
    rows = np.unique(np.concatenate([said.left, said.right]))
    values[rows] = fit.strength[np.searchsorted(heard, layout.group[rows]), layout.item[rows]]
    return values


def _centred(values: Floats, known: Bools, layout: Layout) -> Floats:
    centred = np.zeros_like(values)
    for place in range(values.shape[1]):
        count = np.bincount(layout.group, known[:, place], minlength=len(layout.prompt))
        mean = np.bincount(layout.group, values[:, place], minlength=len(layout.prompt)) / np.maximum(count, 1)
        centred[:, place] = np.where(known[:, place], values[:, place] - mean[layout.group], 0.0)
    return centred


# -- what they are worth ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Weight:
    """What one column counts for, and why.

    Args:
        weight: logits a unit of its numbers; 0 unless the verdict is `weighed`.
        tested: held-out votes against the column alone; None where there were too few.
        votes: of people, on couples it speaks about.
        kin_prompts: prompts it was kept from, for a generator of its family or because it was fitted on them.
    """

    column: Column
    weight: float
    verdict: rules.Verdict
    tested: Reliability | None
    votes: int
    kin_prompts: int = 0


@dataclass(frozen=True)
class Block:
    """All machines together.

    Args:
        weights: one a column that was listened to.
        verdict: whether the block as a whole is heard.
        calibration: from its log-odds to the probability that a person prefers the first; None where it is not heard.
        tested: the calibrated block on held-out votes.
        opinions: how many independent ones the columns that are heard are; None where that cannot be told.
        most: log-odds it may reach.
    """

    weights: tuple[Weight, ...] = ()
    verdict: rules.Verdict = rules.Verdict.SILENT
    calibration: Calibration | None = None
    tested: Reliability | None = None
    opinions: Opinions | None = None
    most: float = 0.0

    @property
    def is_heard(self) -> bool:
        return self.verdict == rules.Verdict.WEIGHED

    def log_odds(self, margin: Floats) -> Floats:
        """Calibrated and capped, antisymmetric, from margins of the stack."""
        if self.calibration is None:
            return np.zeros_like(margin)
        p = np.clip(self.calibration.probability(margin), 1e-6, 1 - 1e-6)
        found: Floats = np.clip(logit(p), -self.most, self.most)
        return found

    def stacked(self, said: Said) -> tuple[Floats, Bools]:
        """Shape (S,): the block's value of each sample before calibration, and whether anything heard knows it."""
        weight = {one.column: one.weight for one in self.weights}
        beta = np.array([weight.get(column, 0.0) for column in said.columns])
        return said.values @ beta, (said.known & (beta != 0)).any(axis=1) & self.is_heard

    def prior(self, said: Said, layout: Layout, buckets: Sequence[Bucket]) -> tuple[Floats, Bools]:
        """Shape (S,): strengths that the block believes in, and whether it knows the sample.

        The least-squares strengths of the calibrated, capped log-odds of all couples of a prompt, drawn together
        where the best and the worst would lie further apart than the cap.
        """
        value, known = self.stacked(said)
        mean = np.zeros(len(value))
        if not self.is_heard:
            return mean, known
        for bucket in buckets:
            rows = np.flatnonzero(np.isin(layout.group, bucket.prompts) & known)
            g = np.searchsorted(bucket.prompts, layout.group[rows])
            dense = np.full((len(bucket.prompts), bucket.items), np.nan)
            dense[g, layout.item[rows]] = value[rows]
            mean[rows] = self._potential(dense)[g, layout.item[rows]]
        return mean, known

    def _potential(self, dense: Floats) -> Floats:
        """Shape (B, n) from stacked values, NaN where unknown."""
        margin = dense[:, :, None] - dense[:, None, :]
        odds = np.where(np.isnan(margin), 0.0, self.log_odds(np.nan_to_num(margin)))
        count = np.maximum((~np.isnan(dense)).sum(axis=1, keepdims=True), 1)
        found = odds.sum(axis=2) / count
        spread = found.max(axis=1, keepdims=True) - found.min(axis=1, keepdims=True)
        return found * np.minimum(1.0, self.most / np.maximum(spread, 1e-12))


def weigh(said: Said, votes: Ballot, layout: Layout, *, accuracy: float) -> Block:
    """The machines' weight from votes of people.

    Each column is first tested alone on held-out votes (five parts by prompt); those that are surely better than a
    constant ½ are weighed as one block, and the block is tested in the same way.

    Args:
        votes: labels of people on prompts drawn at random.
        accuracy: of an ordinary person.
    """
    if not said.columns:
        return Block()
    pairs = _Pairs.of(said, _some(votes, layout), layout)
    tests = [pairs.test([place]) for place in range(len(said.columns))]
    verdicts = [rules.verdict_on(tested) for tested, _votes in tests]
    heard = [place for place, verdict in enumerate(verdicts) if verdict == rules.Verdict.WEIGHED]
    block = pairs.block(heard, accuracy)
    weight = np.zeros(len(said.columns))
    if block.is_heard:
        weight[heard] = pairs.stack(heard, np.ones(len(pairs.fold), dtype=bool)).weights
    weights = tuple(
        Weight(column, float(weight[place]), verdicts[place], *tests[place], said.kin.get(column, 0))
        for place, column in enumerate(said.columns)
    )
    return Block(weights, block.verdict, block.calibration, block.tested, block.opinions, block.most)


def _some(votes: Ballot, layout: Layout) -> Ballot:
    """All votes of as many prompts as hold enough of them, the same ones each time: more would teach hardly more."""
    share = MOST_TAUGHT / max(len(votes), 1)
    if share >= 1:
        return votes
    return votes.take(rules.lot(layout.prompt[votes.group]) < share)


@dataclass(frozen=True)
class _Pairs:
    """Votes beside what the columns say of the same couples.

    Args:
        margins: shape (V, M), from the left to the right of each vote.
        outcome: shape (V,).
        fold, prompt: shape (V,).
        known: shape (V, M), whether the column speaks of both.
        rater, left, right: shape (V,), by couple and rater.
    """

    margins: Floats
    outcome: Floats
    fold: Ints
    prompt: Ints
    known: Bools
    rater: Ints
    left: Ints
    right: Ints

    @classmethod
    def of(cls, said: Said, votes: Ballot, layout: Layout) -> _Pairs:
        known = said.known[votes.left] & said.known[votes.right]
        prompt = layout.prompt[votes.group]
        margins = said.margins(votes.left, votes.right)
        fold = rules.fold(prompt)
        return cls(margins, votes.outcome, fold, prompt, known, votes.rater, votes.left, votes.right)

    def _of(self, rows: Ints, columns: Sequence[int]) -> Floats:
        found: Floats = self.margins[rows][:, columns]
        return found

    def stack(self, columns: Sequence[int], rows: Bools) -> Stack:
        """Weights of some columns from some votes, each of them a pair of its own."""
        mine = np.flatnonzero(rows & self.known[:, columns].any(axis=1))
        place = np.arange(len(mine))
        votes = PairVotes(place, np.zeros(len(mine), dtype=np.int64), self.outcome[mine])
        return fit_random_vote(self._of(mine, columns), votes)

    def calibration(self, margin: Floats, rows: Ints) -> Calibration:
        if len(rows) >= FEWEST_FOR_ISOTONIC:
            return fit_isotonic(margin, self.outcome[rows])
        return fit_temperature(margin, self.outcome[rows])

    def test(self, columns: Sequence[int]) -> tuple[Reliability | None, int]:
        """The columns on votes of prompts they were not fitted on, and how many votes there are.

        Fitted on four parts, asked about the fifth, in turn; no answer where four parts hold fewer than 100 votes.
        """
        mine = np.flatnonzero(self.known[:, columns].any(axis=1)) if len(columns) else np.zeros(0, dtype=np.int64)
        said = np.full(len(mine), 0.5)
        for part in range(rules.FOLDS):
            inside = self.fold[mine] == part
            if not inside.any():
                continue
            others = mine[~inside]
            if len(others) < FEWEST_VOTES:
                return None, len(mine)
            said[inside] = self._ask(columns, others, mine[inside])
        if len(mine) < FEWEST_VOTES:
            return None, len(mine)
        return reliability(said, self.outcome[mine], prompt=self.prompt[mine]), len(mine)

    def _ask(self, columns: Sequence[int], taught: Ints, asked: Ints) -> Floats:
        rows = np.zeros(len(self.fold), dtype=bool)
        rows[taught] = True
        stack = self.stack(columns, rows)
        found = self.calibration(stack.log_odds(self._of(taught, columns)), taught)
        return found.probability(stack.log_odds(self._of(asked, columns)))

    def block(self, columns: Sequence[int], accuracy: float) -> Block:
        """The columns as one block, without their weights."""
        tested, _count = self.test(columns)
        verdict = rules.verdict_on(tested) if columns else rules.Verdict.SILENT
        if verdict != rules.Verdict.WEIGHED:
            return Block(verdict=verdict, tested=tested)
        mine = np.flatnonzero(self.known[:, columns].any(axis=1))
        margin = self.stack(columns, np.ones(len(self.fold), dtype=bool)).log_odds(self._of(mine, columns))
        found = self.calibration(margin, mine)
        ceiling = float(getattr(found, "ceiling", np.inf))
        return Block(
            verdict=verdict,
            calibration=found,
            tested=tested,
            opinions=self._opinions(columns, mine),
            most=rules.most_log_odds(ceiling=ceiling, accuracy=accuracy),
        )

    def _opinions(self, columns: Sequence[int], mine: Ints) -> Opinions | None:
        """From the columns' errors against two people each, so that a person's own whim is no error in common.

        The covariance of two columns' errors, the one's against one person and the other's against the other person.
        """
        if len(columns) < 2:
            return None
        first, second = self._twice(mine[self.known[mine][:, columns].all(axis=1)])
        if len(first) < FEWEST_VOTES:
            return None
        said = []
        for column in columns:
            alone = fit_temperature(self.margins[first, column], self.outcome[first])
            said.append(alone.probability(self.margins[first, column]))
        errors = [np.stack(said, axis=1) - one[:, None] for one in (self.outcome[first], self._turned(first, second))]
        table = (errors[0] - errors[0].mean(axis=0)).T @ (errors[1] - errors[1].mean(axis=0)) / len(first)
        own, count = float(np.trace(table)) / len(columns), len(columns)
        if own <= 0:
            return None
        between = float(table.sum() - np.trace(table)) / (count * (count - 1))
        correlation = min(max(between / own, 0.0), 1.0)
        return Opinions(correlation, count / (1 + (count - 1) * correlation), count)

    def _twice(self, mine: Ints) -> tuple[Ints, Ints]:
        """Votes of two people on one couple: the first person's and the next one's; each vote once at most."""
        low, high = np.minimum(self.left, self.right)[mine], np.maximum(self.left, self.right)[mine]
        is_next = (low[1:] == low[:-1]) & (high[1:] == high[:-1]) & (self.rater[mine][1:] != self.rater[mine][:-1])
        # Of a run of several only every other one begins a couple.
        chosen: list[int] = []
        for place in np.flatnonzero(is_next):
            if not chosen or place > chosen[-1] + 1:
                chosen.append(int(place))
        at = np.array(chosen, dtype=np.int64)
        return mine[at], mine[at + 1]

    def _turned(self, first: Ints, second: Ints) -> Floats:
        """The second's outcome as it would read with the sides of the first."""
        same = self.left[first] == self.left[second]
        return np.where(same, self.outcome[second], 1 - self.outcome[second])
