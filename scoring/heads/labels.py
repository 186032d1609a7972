"""The labels a head learns from, as columns of numbers: preferences between two samples of a prompt, or ratings of one.

One rater has one voice on a pair: who voted twice speaks once, with the verdict of the mean, and who said "left" once
and "right" once calls it a tie. Plain code.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curation.consensus.bradley_terry import Votes
from curation.consensus.raters import fit_raters
from curation.errors import Refused
from curation.examination.board import board
from curation.examination.credit import Ties as Counting
from curation.examination.credit import of_others
from curation.examination.families import ALONE, Clusters, Families
from curation.examination.frames import Evidence
from curation.examination.intervals import Estimate
from scoring.heads.fit import Floats, Ints

Bools = NDArray[np.bool_]

# A scale with more levels than this is no scale of levels.
MOST_LEVELS = 20
# Fewer raters than this cannot be told apart by how they agree.
FEWEST_RATERS = 2
# Nobody's ratings count for more than so many ordinary ones.
MOST_WEIGHT = 2.0
# Strengths of samples are taken to lie so far apart, logits, while raters are looked at.
_WIDTH = 1.0

RATINGS = pl.Schema(
    {
        "judgement_id": pl.Int64,
        "rater_id": pl.Int64,
        "sample_id": pl.Int64,
        "prompt_id": pl.Int64,
        "value": pl.Float64,
    }
)


@dataclass(frozen=True)
class Labels:
    """What was said of S samples under prompts, N labels.

    Attributes:
        samples, subject_prompt: (S,), ids; a subject is a sample under a prompt.
        first, second: (N,), places of subjects; of ratings both are the rated one.
        said: (N,), of preferences 1 where the first was preferred, 0 the second, ½ a tie; of ratings the value.
        weight: (N,), 2/k for what a ranking of k implies, else 1.
        rater: (N,), ids.
        prompt: (N,), ids.
        of_label, act: (M,), places of labels, and ids of the judgements they come from.
        apart: what was left out, by reason.
        families: which prompts belong together.
    """

    samples: Ints
    subject_prompt: Ints
    first: Ints
    second: Ints
    said: Floats
    weight: Floats
    rater: Ints
    prompt: Ints
    of_label: Ints
    act: Ints
    apart: dict[str, int] = field(default_factory=dict)
    families: Families = ALONE

    def __len__(self) -> int:
        return len(self.said)

    @property
    def subjects(self) -> list[tuple[int, int]]:
        return list(zip(self.samples.tolist(), self.subject_prompt.tolist(), strict=True))

    @property
    def judgements(self) -> tuple[int, ...]:
        return tuple(np.unique(self.act).tolist())

    @property
    def prompts(self) -> tuple[int, ...]:
        return tuple(np.unique(self.prompt).tolist())

    def only(self, rows: Bools) -> Labels:
        """These labels (N,) alone, on the same subjects, without the judgements behind them."""
        nothing = np.zeros(0, dtype=np.int64)
        return replace(
            self,
            first=self.first[rows],
            second=self.second[rows],
            said=self.said[rows],
            weight=self.weight[rows],
            rater=self.rater[rows],
            prompt=self.prompt[rows],
            of_label=nothing,
            act=nothing,
        )

    def about(self, known: Bools, reason: str) -> Labels:
        """Only labels on subjects that are known (S,); the others are counted under a reason."""
        kept = known[self.first] & known[self.second]
        place = np.cumsum(known) - 1
        number = np.cumsum(kept) - 1
        is_kept = kept[self.of_label]
        lost = int((~kept).sum())
        return replace(
            self,
            samples=self.samples[known],
            subject_prompt=self.subject_prompt[known],
            first=place[self.first[kept]],
            second=place[self.second[kept]],
            said=self.said[kept],
            weight=self.weight[kept],
            rater=self.rater[kept],
            prompt=self.prompt[kept],
            of_label=number[self.of_label[is_kept]],
            act=self.act[is_kept],
            apart={**self.apart, **({reason: lost} if lost else {})},
        )


# -- reading ----------------------------------------------------------------------------------------------------------


def preferences(evidence: Evidence) -> Labels:
    """The voices of raters on pairs, without those under a principle and without "both bad".

    Args:
        evidence: with `votes`; the rest is not looked at.
    """
    votes = evidence.votes
    apart: Counter[str] = Counter(votes["left_out"].drop_nulls().to_list())
    counted = votes.filter(pl.col("left_out").is_null())
    under = counted["context"].is_not_null()
    apart["principle"] = int(under.sum())
    plain = counted.filter(~under)
    found = board(Evidence(votes=plain))
    sided = found.voices.filter(pl.col("verdict").is_not_null())
    apart["both-bad"] = found.voices.height - sided.height
    sided = sided.drop("voice").with_row_index("label")
    places = {subject: place for place, subject in enumerate(found.subjects.iter_rows())}
    prompts = sided["prompt_id"].to_list()
    acts = _acts(plain, sided)
    return Labels(
        samples=_ints(found.subjects["sample_id"]),
        subject_prompt=_ints(found.subjects["prompt_id"]),
        first=_places(places, prompts, sided["low"].to_list()),
        second=_places(places, prompts, sided["high"].to_list()),
        said=(sided["verdict"].to_numpy().astype(np.float64) + 1) / 2,
        weight=sided["weight"].to_numpy().astype(np.float64),
        rater=_ints(sided["rater_id"]),
        prompt=_ints(sided["prompt_id"]),
        of_label=_ints(acts["label"]),
        act=_ints(acts["judgement_id"]),
        apart={reason: count for reason, count in sorted(apart.items()) if count},
    )


def _ints(column: pl.Series) -> Ints:
    return column.to_numpy().astype(np.int64)


def _places(places: dict[tuple[int, ...], int], prompts: list[int], samples: list[int]) -> Ints:
    return np.array([places[pair] for pair in zip(prompts, samples, strict=True)], dtype=np.int64)


def _acts(votes: pl.DataFrame, sided: pl.DataFrame) -> pl.DataFrame:
    """label, judgement_id: every act behind each label."""
    keyed = votes.select(
        "judgement_id",
        "prompt_id",
        "rater_id",
        low=pl.min_horizontal("left_id", "right_id"),
        high=pl.max_horizontal("left_id", "right_id"),
    )
    on = ["prompt_id", "low", "high", "rater_id"]
    return sided.select("label", *on).join(keyed, on=on).select("label", "judgement_id").unique().sort("label")


def ratings(said: pl.DataFrame, apart: dict[str, int]) -> Labels:
    """Ratings of samples by raters; who rated one twice speaks once, with the middle of what they said (the lower of
    two middles), so that it is a level.

    Args:
        said: `RATINGS`, those that count.
        apart: what was left out already.

    Raises:
        Refused: the values are no scale of levels.
    """
    keys = ["prompt_id", "sample_id", "rater_id"]
    once = (
        said.sort(*keys, "value")
        .group_by(keys, maintain_order=True)
        .agg(value=pl.col("value").get((pl.len() - 1) // 2))
        .with_row_index("label")
    )
    levels = once["value"].n_unique()
    if levels > MOST_LEVELS:
        raise Refused(
            f"The ratings have {levels} different values, more than a scale of levels has ({MOST_LEVELS}). "
            "Fit a head on preferences under this criterion instead."
        )
    acts = once.select("label", *keys).join(said.select("judgement_id", *keys), on=keys).sort("label", "judgement_id")
    subjects = once.select("prompt_id", "sample_id").unique().sort("prompt_id", "sample_id")
    places = {subject: place for place, subject in enumerate(subjects.iter_rows())}
    place = _places(places, once["prompt_id"].to_list(), once["sample_id"].to_list())
    return Labels(
        samples=_ints(subjects["sample_id"]),
        subject_prompt=_ints(subjects["prompt_id"]),
        first=place,
        second=place,
        said=once["value"].to_numpy().astype(np.float64),
        weight=np.ones(once.height),
        rater=_ints(once["rater_id"]),
        prompt=_ints(once["prompt_id"]),
        of_label=_ints(acts["label"]),
        act=_ints(acts["judgement_id"]),
        apart=apart,
    )


# -- how far raters are to be believed --------------------------------------------------------------------------------


def slopes(labels: Labels) -> Floats:
    """(N,): how closely the rater of each preference follows the strengths of samples; 1 for the mean rater.

    P(first) = σ(s d): who answers like a coin has s near 0 and teaches nothing. One rater alone has 1.

    Source: `curation.consensus.raters`.
    """
    raters, who = np.unique(labels.rater, return_inverse=True)
    if len(raters) < FEWEST_RATERS:
        return np.ones(len(labels))
    prompts, group = np.unique(labels.prompt, return_inverse=True)
    item = _items(labels.subject_prompt)
    votes = Votes.of(group, item[labels.first], item[labels.second], labels.said, weight=labels.weight)
    fitted = fit_raters(
        votes,
        who.astype(np.int64),
        raters=len(raters),
        anchors=np.arange(len(raters)),
        groups=len(prompts),
        items=int(item.max()) + 1,
        precision=1 / _WIDTH**2,
    )
    return fitted.slope[who]


def _items(prompt: Ints) -> Ints:
    """The place of each subject inside its prompt, from 0."""
    order = np.argsort(prompt, kind="stable")
    first = np.searchsorted(prompt[order], prompt[order], side="left")
    place = np.empty(len(prompt), dtype=np.int64)
    place[order] = np.arange(len(prompt)) - first
    return place


def slopes_by(labels: Labels, rows: Bools) -> Floats:
    """(N,), the slopes of all labels' raters as these labels alone tell them; 1 of a rater who gave none of these."""
    taught = labels.only(rows)
    known = dict(zip(taught.rater.tolist(), slopes(taught).tolist(), strict=True))
    return np.array([known.get(rater, 1.0) for rater in labels.rater.tolist()])


def rating_weights_by(labels: Labels, rows: Bools) -> Floats:
    """(N,): what each rating counts for, 1 on average among these labels: the squared slope of its rater, from which of
    two samples of a prompt each rated higher among them; at most 2. What a label tells of a direction grows with the
    square of its slope."""
    pairs = as_preferences(labels.only(rows))
    if pairs is None:
        return np.ones(len(labels))
    squared = dict(zip(pairs.rater.tolist(), (slopes(pairs) ** 2).tolist(), strict=True))
    found = np.array([squared.get(rater, 1.0) for rater in labels.rater.tolist()])
    found = np.minimum(found / found[rows].mean(), MOST_WEIGHT)
    return found / found[rows].mean()


def as_preferences(labels: Labels) -> Labels | None:
    """Which of two samples of a prompt each rater rated higher; None where nobody rated two differently."""
    frame = pl.DataFrame(
        {"prompt": labels.prompt, "rater": labels.rater, "place": labels.first, "said": labels.said}
    ).sort("prompt", "rater", "place")
    both = frame.join(frame, on=["prompt", "rater"], suffix="_other").filter(
        pl.col("place") < pl.col("place_other"), pl.col("said") != pl.col("said_other")
    )
    if not both.height:
        return None
    nothing = np.zeros(0, dtype=np.int64)
    return replace(
        labels,
        first=_ints(both["place"]),
        second=_ints(both["place_other"]),
        said=(both["said"] > both["said_other"]).to_numpy().astype(np.float64),
        weight=np.ones(both.height),
        rater=_ints(both["rater"]),
        prompt=_ints(both["prompt"]),
        of_label=nothing,
        act=nothing,
    )


# -- how far raters agree ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Agreement:
    """What can be expected of anybody who is held against single labels.

    Attributes:
        others: how often another rater says the same of a pair, ties left out; None where nobody looked twice.
        same: how often one rater says the same again; None where nobody was asked again.
    """

    others: Estimate | None
    same: Estimate | None


def agreement(labels: Labels, again: pl.DataFrame) -> Agreement:
    """How often two labels of one pair agree.

    Args:
        labels: preferences, or ratings turned into such.
        again: prompt_id, low, high, rater_id, toward (1 or 0): everything one rater said of one pair, repeats too.
    """
    couple = np.stack([labels.prompt, labels.first, labels.second], axis=1)
    number = np.unique(couple, axis=0, return_inverse=True)[1].ravel().astype(np.int64)
    verdict = np.sign(labels.said - 0.5).astype(np.int8)
    others = Clusters.of(labels.prompt, labels.families).estimate(of_others(verdict, number, Counting.LEFT_OUT))
    return Agreement(others, _repeated(again, labels.families))


def _repeated(again: pl.DataFrame, families: Families) -> Estimate | None:
    keys = ["prompt_id", "low", "high", "rater_id"]
    twice = again.group_by(keys, maintain_order=True).agg(times=pl.len(), first=pl.col("toward").sum())
    twice = twice.filter(pl.col("times") >= 2).sort(keys)
    n, k = twice["times"].to_numpy().astype(float), twice["first"].to_numpy().astype(float)
    # The share of the rater's couples of answers that are the same.
    same = (k * (k - 1) + (n - k) * (n - k - 1)) / np.maximum(n * (n - 1), 1)
    return Clusters.of(_ints(twice["prompt_id"]), families).estimate(same)


def repeats(votes: pl.DataFrame) -> pl.DataFrame:
    """What `agreement` takes, from votes: also those that were asked again to see whether the answer holds."""
    asked = votes.filter(
        pl.col("left_out").is_null() | (pl.col("left_out") == "purpose"),
        pl.col("context").is_null(),
        pl.col("outcome").is_in(["left", "right"]),
    )
    low_is_left = pl.col("left_id") < pl.col("right_id")
    return asked.select(
        "prompt_id",
        "rater_id",
        low=pl.min_horizontal("left_id", "right_id"),
        high=pl.max_horizontal("left_id", "right_id"),
        toward=((pl.col("outcome") == "left") == low_is_left).cast(pl.Int64),
    )


def no_repeats() -> pl.DataFrame:
    return pl.DataFrame(schema=["prompt_id", "rater_id", "low", "high", "toward"])


def levels_of(values: Sequence[float] | Floats) -> tuple[Floats, Ints]:
    """The levels that occur, rising, and the place of each value among them."""
    levels, place = np.unique(np.asarray(values, dtype=np.float64), return_inverse=True)
    return levels, place.ravel().astype(np.int64)
