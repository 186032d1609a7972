"""A consensus on one criterion in three columns: people only, machines only, and both. Plain code.

`learn` finds what holds for everybody (how far apart strengths lie, how raters answer, what machines are worth) from
labels of people; `add_up` gives the strengths of prompts under it. A page adds up the few prompts it shows under what
was learnt once from all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curation.consensus import rules
from curation.consensus.bradley_terry import Fit, GaussianTerm, Votes, fit_groups, probability_above, vote_probability
from curation.consensus.errors import TooFewVotes
from curation.consensus.opinions import Block, Said, listen, weigh
from curation.consensus.prior_width import Width, prior_width
from curation.consensus.raters import fit_raters
from curation.consensus.ratings import Ratings, RatingScale, gaussian_term, rating_scale
from curation.consensus.votes import (
    Ballot,
    Bucket,
    Couples,
    Layout,
    Strengths,
    Told,
    ballot,
    couples,
    in_bucket,
    lay_out,
    ratings,
)
from curation.errors import Refused

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Basis = Literal["people", "machines", "both"]
BASES: tuple[Basis, ...] = ("people", "machines", "both")

# Raters are told apart on prompts of at most so many samples: larger ones are few, and their matrices are not.
_LARGEST_FOR_RATERS = 32
_FEWEST_FOR_RATERS = 100


@dataclass(frozen=True)
class Rater:
    """How one person answers.

    Args:
        slope: 1 is an average person, near 0 noise.
        bias: logits of leaning to the left.
        votes: labels it was learnt from.
    """

    slope: float
    bias: float
    votes: int


@dataclass(frozen=True)
class Learnt:
    """What holds on every prompt.

    Args:
        width: spread of strengths by people's repeated votes; None where fewer than 100 couples were judged twice,
            and `rules.USUAL_WIDTH` is taken.
        residual: what the machines leave open of it; None likewise.
        raters: by id; others answer like an average person.
        left_out: ids of people who answer known questions wrong more often than right.
        block: the machines.
        accuracy: how often a person says what all would agree on.
        scale: of people's ratings: units a logit and noise, by rater id; 0 holds for the rest. Empty where they carry
            nothing.
        votes, people, twice: labels of people, how many people they are of, and couples judged by two of them.
    """

    width: Width | None = None
    residual: Width | None = None
    raters: Mapping[int, Rater] = field(default_factory=dict)
    left_out: tuple[int, ...] = ()
    block: Block = field(default_factory=Block)
    accuracy: float = rules.USUAL_ACCURACY
    scale: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    votes: int = 0
    people: int = 0
    twice: int = 0

    @property
    def sd(self) -> float:
        return self.width.sd if self.width else rules.USUAL_WIDTH

    @property
    def residual_sd(self) -> float:
        return self.residual.sd if self.residual else min(self.sd, rules.USUAL_WIDTH)

    @property
    def combined_sd(self) -> float:
        return self.residual_sd if self.block.is_heard else self.sd


# -- learning ---------------------------------------------------------------------------------------------------------


def learn(told: Told, *, left_out: tuple[int, ...] = ()) -> Learnt:
    """Everything that is estimated once, from labels of people.

    Args:
        left_out: people whose answers to known questions are wrong more often than right.
    """
    layout = lay_out(told)
    said = ballot(_labels(told, left_out), layout)
    drawn = said.take(~said.is_picked)
    twice = couples(drawn)
    width = _width(twice, np.zeros(len(twice.first)))
    accuracy = _accuracy(twice)
    opinions = listen(told, layout)
    block = weigh(opinions, drawn, layout, accuracy=accuracy)
    found = Learnt(
        width=width,
        residual=_residual(block, opinions, twice),
        left_out=left_out,
        block=block,
        accuracy=accuracy,
        votes=len(said),
        people=len(np.unique(said.rater)),
        twice=int((twice.votes >= 2).sum()),
    )
    found = replace(found, raters=_raters(said, layout, found))
    return replace(found, scale=_scale(told, layout, found))


def _labels(told: Told, left_out: tuple[int, ...]) -> pl.DataFrame:
    """Labels of people; the rules look at what is handed on."""
    people = told.comparisons.filter("is_person", "is_label", ~pl.col("rater_id").is_in(list(left_out)))
    rules.teachers(people["is_person"].to_numpy().astype(bool), people["is_label"].to_numpy().astype(bool))
    return people


def _width(twice: Couples, prior: Floats) -> Width | None:
    try:
        return prior_width(twice.wins, twice.votes, prior_difference=prior)
    except TooFewVotes:
        return None


def _residual(block: Block, said: Said, twice: Couples) -> Width | None:
    """The spread around what the machines believe, on couples both of which they know."""
    if not block.is_heard:
        return None
    value, known = block.stacked(said)
    mine = known[twice.first] & known[twice.second]
    odds = block.log_odds((value[twice.first] - value[twice.second])[mine])
    # So that many different log-odds do not make as many integrals.
    return _width(replace(twice, wins=twice.wins[mine], votes=twice.votes[mine]), np.round(odds, 1))


def _accuracy(twice: Couples) -> float:
    """From how often two people agree: a² + (1 − a)² of the couples, were all couples as hard.

    Where fewer than 100 couples were judged twice, or people agree no better than by chance, the usual accuracy.
    """
    mine = twice.votes >= 2
    if mine.sum() < 100:
        return rules.USUAL_ACCURACY
    wins, votes = twice.wins[mine], twice.votes[mine]
    agreeing = (wins * (wins - 1) + (votes - wins) * (votes - wins - 1)) / (votes * (votes - 1))
    share = float(np.average(agreeing, weights=votes))
    return min(0.5 + 0.5 * float(np.sqrt(2 * share - 1)), 0.95) if share > 0.52 else rules.USUAL_ACCURACY


def _raters(said: Ballot, layout: Layout, found: Learnt) -> dict[int, Rater]:
    """Slope and side of each person, all of them the anchors: the average vote is slope 1."""
    mine = layout.size[said.group] <= _LARGEST_FOR_RATERS
    said = said.take(mine)
    ids, rater, votes = np.unique(said.rater, return_inverse=True, return_counts=True)
    if len(said) < _FEWEST_FOR_RATERS or len(ids) < 2:
        return {}
    prompts, group = np.unique(said.group, return_inverse=True)
    items = int(layout.size[prompts].max())
    told = Votes.of(group, layout.item[said.left], layout.item[said.right], said.outcome, weight=said.weight)
    fit = fit_raters(
        told,
        rater.astype(np.int64),
        raters=len(ids),
        anchors=np.arange(len(ids)),
        groups=len(prompts),
        items=items,
        precision=1 / found.sd**2,
        chunk=max(20_000 * 64 // items**2, 100),
    )
    rows = zip(ids, fit.slope, fit.bias, votes, strict=True)
    return {int(pk): Rater(float(slope), float(bias), int(count)) for pk, slope, bias, count in rows}


def _scale(told: Told, layout: Layout, found: Learnt) -> dict[int, tuple[float, float]]:
    rated, ids = ratings(_ratings(told, found.left_out), layout)
    if not len(rated):
        return {}
    try:
        scale = rating_scale(rated, raters=len(ids), sd=found.sd)
    except Refused:
        return {}
    own = {int(pk): (float(c), float(s)) for pk, c, s in zip(ids, scale.scale, scale.noise, strict=True)}
    return {0: (float(np.median(scale.scale)), float(np.median(scale.noise))), **own}


def _ratings(told: Told, left_out: tuple[int, ...]) -> pl.DataFrame:
    return told.scores.filter("is_person", ~pl.col("rater_id").is_in(list(left_out)))


# -- adding up --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Consensus:
    """Strengths of every sample in three columns.

    Args:
        layout: whose rows everything is about.
        columns: `people`, `machines`, `both`.
        known: shape (S,) of each column, whether anything was said of the sample.
        said: the votes of people that were counted.
        learnt: what was applied.
    """

    layout: Layout
    columns: Mapping[Basis, Strengths]
    known: Mapping[Basis, Bools]
    said: Ballot
    learnt: Learnt

    def probability(self, basis: Basis, first: Ints, second: Ints) -> Floats:
        """P(the next vote of a person prefers the first), rows of one prompt each."""
        return vote_probability(*self.columns[basis].difference(first, second))

    def ends(self, basis: Basis) -> tuple[Ints, Ints]:
        """Shape (G,): rows of the strongest and the weakest known sample; the same row where fewer than two are."""
        strength = self.columns[basis].values()[0].round(9)
        known, start = self.known[basis], self.layout.start()
        # The first of equals, which is the one with the smallest id.
        order_best = np.lexsort((np.arange(len(strength)), -strength, ~known, self.layout.group))
        order_worst = np.lexsort((-np.arange(len(strength)), strength, ~known, self.layout.group))
        return order_best[start], order_worst[start]

    def states(self) -> pl.DataFrame:
        """A row a prompt: prompt_id, state, best_id, worst_id, above (P that they lie `DELTA` apart), votes (acts of
        people that touch one of the two), people (whose they are), all_votes (of the prompt) and has_machines.
        """
        best, worst = self.ends("both")
        mean, variance = self.columns["both"].difference(best, worst)
        votes, people = self._touching(best, worst)
        prompts = len(self.layout.prompt)
        has_machines = np.bincount(self.layout.group, self.known["machines"], minlength=prompts) > 0
        above = np.where(best == worst, 0.0, probability_above(mean, variance, by=rules.DELTA))
        below = np.where(best == worst, 0.0, 1 - probability_above(mean, variance, by=rules.LARGEST_TIE))
        all_votes = self._acts(self.said.group, prompts)
        # What people say nothing of is not decided by them, whatever they say of the rest.
        found = rules.states(above=above, below=below, votes=votes, people=people, has_machines=has_machines)
        return pl.DataFrame(
            {
                "prompt_id": self.layout.prompt,
                "state": pl.Series(found.tolist(), dtype=pl.String),
                "best_id": self.layout.sample[best],
                "worst_id": self.layout.sample[worst],
                "above": above,
                "votes": votes,
                "people": people,
                "all_votes": all_votes,
                "has_machines": has_machines,
            }
        )

    def _touching(self, best: Ints, worst: Ints) -> tuple[Ints, Ints]:
        """Shape (G,): acts of people that touch the best or the worst sample, and of how many people."""
        said = self.said
        touches = np.zeros(len(said), dtype=bool)
        for end in (best, worst):
            touches |= (said.left == end[said.group]) | (said.right == end[said.group])
        mine, prompts = said.take(touches), len(self.layout.prompt)
        return _distinct(mine.group, self._voices(mine), prompts), _distinct(mine.group, mine.rater, prompts)

    def _acts(self, group: Ints, prompts: int) -> Ints:
        return _distinct(group, self._voices(self.said), prompts)

    @staticmethod
    def _voices(said: Ballot) -> Ints:
        """The act that each vote counts as: its own, or the first of that rater on that couple."""
        low, high = np.minimum(said.left, said.right), np.maximum(said.left, said.right)
        first = np.ones(len(said), dtype=bool)
        first[1:] = (np.diff(low) != 0) | (np.diff(high) != 0) | (np.diff(said.rater) != 0)
        return said.judgement[np.maximum.accumulate(np.where(first, np.arange(len(said)), 0))]


def _distinct(group: Ints, value: Ints, groups: int) -> Ints:
    """How many different values each group has."""
    pairs = pl.DataFrame({"group": group, "value": value}).unique()
    return np.bincount(pairs["group"].to_numpy(), minlength=groups).astype(np.int64)


def add_up(told: Told, learnt: Learnt) -> Consensus:
    """The strengths of all prompts that anything was said of.

    People only: θ ~ N(0, sd²). Both: θ ~ N(what the machines believe, residual sd²). Machines only: that prior itself.
    """
    layout = lay_out(told)
    buckets = layout.buckets()
    said = ballot(_labels(told, learnt.left_out), layout)
    slope, bias = _answering(said, learnt)
    rated, scale = _rated(told, layout, learnt)
    opinions = listen(told, layout)
    mean, heard = learnt.block.prior(opinions, layout, buckets)
    by_people = _touched(said, rated, layout)
    fits: dict[Basis, list[Fit]] = {basis: [] for basis in BASES}
    for bucket in buckets:
        votes = in_bucket(said, bucket, layout, slope, bias)
        term = _term(rated, scale, bucket, layout)
        prior = np.zeros((len(bucket.prompts), bucket.items))
        rows = np.flatnonzero(np.isin(layout.group, bucket.prompts))
        prior[np.searchsorted(bucket.prompts, layout.group[rows]), layout.item[rows]] = mean[rows]
        fits["people"].append(_fit(votes, bucket, learnt.sd, np.zeros_like(prior), term))
        fits["both"].append(
            _fit(votes, bucket, learnt.residual_sd if learnt.block.is_heard else learnt.sd, prior, term)
        )
        fits["machines"].append(_prior_alone(prior, learnt.residual_sd))
    columns = {basis: Strengths.of(layout, buckets, fits[basis]) for basis in BASES}
    return Consensus(layout, columns, {"people": by_people, "machines": heard, "both": by_people | heard}, said, learnt)


def _answering(said: Ballot, learnt: Learnt) -> tuple[Floats, Floats]:
    """Slope and bias of each vote's rater."""
    ids, rater = np.unique(said.rater, return_inverse=True)
    average = Rater(1.0, 0.0, 0)
    known = [learnt.raters.get(int(pk), average) for pk in ids]
    slopes, biases = np.array([one.slope for one in known]), np.array([one.bias for one in known])
    return slopes[rater] if len(ids) else np.zeros(0), biases[rater] if len(ids) else np.zeros(0)


def _rated(told: Told, layout: Layout, learnt: Learnt) -> tuple[Ratings, RatingScale]:
    """The ratings that are read, and the scales of those who gave them; none where they carry nothing."""
    scores = _ratings(told, learnt.left_out) if learnt.scale else told.scores.clear()
    rated, ids = ratings(scores, layout)
    known = [learnt.scale.get(int(pk), learnt.scale.get(0, (1.0, 1.0))) for pk in ids]
    return rated, RatingScale(np.array([c for c, _s in known]), np.array([s for _c, s in known]))


def _touched(said: Ballot, rated: Ratings, layout: Layout) -> Bools:
    touched = np.zeros(len(layout.sample), dtype=bool)
    touched[said.left] = touched[said.right] = True
    touched[layout.start()[rated.group] + rated.item] = True
    return touched


def _term(rated: Ratings, scale: RatingScale, bucket: Bucket, layout: Layout) -> GaussianTerm | None:
    place = np.full(len(layout.prompt), -1, dtype=np.int64)
    place[bucket.prompts] = np.arange(len(bucket.prompts))
    mine = place[rated.group] >= 0
    if not mine.any():
        return None
    part = Ratings(place[rated.group[mine]], rated.item[mine], rated.rater[mine], rated.value[mine])
    return gaussian_term(part, scale, groups=len(bucket.prompts), items=bucket.items)


def _fit(votes: Votes, bucket: Bucket, sd: float, prior: Floats, term: GaussianTerm | None) -> Fit:
    return fit_groups(
        votes,
        groups=len(bucket.prompts),
        items=bucket.items,
        precision=1 / sd**2,
        prior_mean=prior,
        ratings=term,
        chunk=max(20_000 * 64 // bucket.items**2, 100),
    )


def _prior_alone(mean: Floats, sd: float) -> Fit:
    """What is believed where nobody voted."""
    groups, items = mean.shape
    return Fit(mean, np.broadcast_to(sd**2 * np.eye(items), (groups, items, items)))
