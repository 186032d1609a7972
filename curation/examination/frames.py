"""The tables an examination reads. Ids are those of the database; `left_out` says why a vote does not count."""

from dataclasses import dataclass, field

import polars as pl
from polars._typing import PolarsDataType

from curation.examination.families import ALONE, Families


def _schema(columns: dict[str, PolarsDataType]) -> pl.Schema:
    """A schema of types and type classes alike."""
    return pl.Schema(columns)


# People's comparisons under the criterion that is asked about.
VOTES = _schema(
    {
        "judgement_id": pl.Int64,
        "rater_id": pl.Int64,
        "left_id": pl.Int64,
        "right_id": pl.Int64,
        "prompt_id": pl.Int64,  # the prompt the left side was judged under
        "outcome": pl.String,  # left, right, tie or both-bad
        "strength": pl.Float64,
        "is_implied": pl.Boolean,  # read off a ranking, with all other implied ones of that judgement
        "context": pl.String,  # the principle or profile it was made under; null for none
        "left_out": pl.String,  # a reason of `LEFT_OUT`, or null: it counts
    }
)
# Why a vote does not count, in the order in which the first one found is told.
LEFT_OUT = ("retracted", "purpose", "quarantined", "two-prompts", "drafted")

# Machines' comparisons and scores, those that count.
SAID = _schema(
    {
        "rater_id": pl.Int64,
        "criterion_id": pl.Int64,
        "left_id": pl.Int64,
        "right_id": pl.Int64,
        "prompt_id": pl.Int64,
        "outcome": pl.String,
        "context": pl.String,
    }
)
SCORES = _schema(
    {
        "rater_id": pl.Int64,
        "criterion_id": pl.Int64,
        "sample_id": pl.Int64,
        "prompt_id": pl.Int64,
        "value": pl.Float64,
        "context": pl.String,
    }
)
CRITERIA = _schema({"criterion_id": pl.Int64, "criterion": pl.String, "higher_is_better": pl.Boolean})
PROMPTS = _schema({"prompt_id": pl.Int64, "tags": pl.List(pl.String), "locale": pl.String})
SAMPLES = _schema({"sample_id": pl.Int64, "generator": pl.String})


@dataclass(frozen=True)
class Fitted:
    """What a head was fitted on, as its identity states it.

    Args:
        judgements: ids of acts; votes made by them are not asked about.
        prompts: ids of prompts; no vote on them is.
        is_unnamed: it was fitted here on something it does not list, so that nothing can be asked of it.
    """

    judgements: frozenset[int] = frozenset()
    prompts: frozenset[int] = frozenset()
    is_unnamed: bool = False

    def __bool__(self) -> bool:
        return bool(self.judgements or self.prompts or self.is_unnamed)

    def __or__(self, other: "Fitted") -> "Fitted":
        return Fitted(
            self.judgements | other.judgements, self.prompts | other.prompts, self.is_unnamed or other.is_unnamed
        )


def _empty(schema: pl.Schema) -> pl.DataFrame:
    return pl.DataFrame(schema=schema)


@dataclass(frozen=True)
class Evidence:
    """Everything an examination looks at. Row order means nothing.

    Args:
        ratings: people's scores under the criterion, in the form of `SCORES`; those that count.
        fitted: by rater id, for machines that were fitted on votes.
        families: which prompts belong together; read only where something is learnt from votes.
    """

    votes: pl.DataFrame = field(default_factory=lambda: _empty(VOTES))
    said: pl.DataFrame = field(default_factory=lambda: _empty(SAID))
    scores: pl.DataFrame = field(default_factory=lambda: _empty(SCORES))
    ratings: pl.DataFrame = field(default_factory=lambda: _empty(SCORES))
    criteria: pl.DataFrame = field(default_factory=lambda: _empty(CRITERIA))
    prompts: pl.DataFrame = field(default_factory=lambda: _empty(PROMPTS))
    samples: pl.DataFrame = field(default_factory=lambda: _empty(SAMPLES))
    fitted: dict[int, Fitted] = field(default_factory=dict)
    families: Families = ALONE


@dataclass(frozen=True, order=True)
class Column:
    """What one machine says under one criterion in one way: the thing that is tested.

    Args:
        source: `scores` (a number a sample) or `votes` (comparisons and lists).
        context: the principle or profile it was asked under; empty for none.
    """

    rater_id: int
    criterion: str
    source: str
    context: str = ""

    @property
    def key(self) -> str:
        """How the column is named in an address."""
        return ":".join([str(self.rater_id), self.source, self.criterion, self.context]).rstrip(":")
