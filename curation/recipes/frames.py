"""The evidence a recipe reads, as polars frames, and the bundle that carries them.

Ids are those of the database. Nothing here is aggregated yet, and nothing is left out except rows that no step
could ever need (criteria the recipe does not name).
"""

from dataclasses import dataclass, field, fields, replace

import polars as pl
from polars._typing import PolarsDataType

TIME = pl.Datetime("us", "UTC")


def _schema(columns: dict[str, PolarsDataType]) -> pl.Schema:
    """A schema of types and type classes alike."""
    return pl.Schema(columns)


PROMPTS = _schema(
    {
        "prompt_id": pl.Int64,
        "prompt_identity": pl.String,  # hexadecimal SHA-256
        "prompt_text": pl.String,  # the text, or the turns one after another
        "prompt_tags": pl.List(pl.String),
        "locale": pl.String,
    }
)
PROMPT_MEDIA = _schema({"prompt_id": pl.Int64, "role": pl.String, "media_digest": pl.String})
SAMPLES = _schema(
    {
        "sample_id": pl.Int64,
        "prompt_id": pl.Int64,
        "identity": pl.String,  # hexadecimal SHA-256
        "content": pl.String,  # digest of what is seen: media in order, text; equal means indistinguishable
        "generator": pl.String,
        "kind": pl.String,  # generated, real or reference
        "round": pl.Int32,
        "media_state": pl.String,  # none, present or absent
        "tags": pl.List(pl.String),
    }
)
# Living flags: unsafe or broken.
FLAGS = _schema({"judgement_id": pl.Int64, "position": pl.Int32, "sample_id": pl.Int64, "flag": pl.String})
RATERS = _schema(
    {
        "rater_id": pl.Int64,
        "rater": pl.String,
        "rater_kind": pl.String,
        "revision": pl.String,  # digest of a machine's identity; empty for people
        "quarantined_since": TIME,  # null: trusted
    }
)
MEMBERS = _schema({"rater_id": pl.Int64, "member_id": pl.Int64})  # an ensemble and one of its members
CRITERIA = _schema(
    {
        "criterion_id": pl.Int64,  # of the criterion version
        "criterion": pl.String,  # its key
        "number": pl.Int32,
        "meaning": pl.Int64,  # versions with the same meaning are mere rewordings
        "higher_is_better": pl.Boolean,
    }
)
JUDGEMENTS = _schema(
    {
        "judgement_id": pl.Int64,
        "rater_id": pl.Int64,
        "purpose": pl.String,
        "at": TIME,
        "context": pl.String,  # the principle or profile it was made under; null for none
    }
)
# Judgements whose reasons a listener read and could not follow to their verdict; its word must still stand.
CONTRADICTED = _schema({"judgement_id": pl.Int64})
LINKS = _schema({"judgement_id": pl.Int64, "source_id": pl.Int64})  # a derived judgement and one it came from
SCORES = _schema(
    {
        "judgement_id": pl.Int64,
        "position": pl.Int32,
        "criterion_id": pl.Int64,
        "sample_id": pl.Int64,
        "prompt_id": pl.Int64,  # the prompt it was judged under
        "value": pl.Float64,
        "retracted": pl.Boolean,
    }
)
COMPARISONS = _schema(
    {
        "judgement_id": pl.Int64,
        "position": pl.Int32,
        "criterion_id": pl.Int64,
        "left_id": pl.Int64,
        "right_id": pl.Int64,
        "left_prompt_id": pl.Int64,  # the prompts the two sides were judged under
        "right_prompt_id": pl.Int64,
        "outcome": pl.String,  # left, right, tie or both-bad
        "is_implied": pl.Boolean,  # read off a ranking, with all other implied ones of that judgement
        "retracted": pl.Boolean,
    }
)
ASSIGNED = _schema({"prompt_id": pl.Int64, "split": pl.String})  # what earlier versions decided


def _empty(schema: pl.Schema) -> pl.DataFrame:
    return pl.DataFrame(schema=schema)


@dataclass(frozen=True)
class Evidence:
    """Everything a recipe may look at. Row order means nothing; `sorted` makes it the same for all."""

    prompts: pl.DataFrame = field(default_factory=lambda: _empty(PROMPTS))
    prompt_media: pl.DataFrame = field(default_factory=lambda: _empty(PROMPT_MEDIA))
    samples: pl.DataFrame = field(default_factory=lambda: _empty(SAMPLES))
    flags: pl.DataFrame = field(default_factory=lambda: _empty(FLAGS))
    raters: pl.DataFrame = field(default_factory=lambda: _empty(RATERS))
    members: pl.DataFrame = field(default_factory=lambda: _empty(MEMBERS))
    criteria: pl.DataFrame = field(default_factory=lambda: _empty(CRITERIA))
    judgements: pl.DataFrame = field(default_factory=lambda: _empty(JUDGEMENTS))
    links: pl.DataFrame = field(default_factory=lambda: _empty(LINKS))
    contradicted: pl.DataFrame = field(default_factory=lambda: _empty(CONTRADICTED))
    scores: pl.DataFrame = field(default_factory=lambda: _empty(SCORES))
    comparisons: pl.DataFrame = field(default_factory=lambda: _empty(COMPARISONS))
    assigned: pl.DataFrame = field(default_factory=lambda: _empty(ASSIGNED))

    def sorted(self) -> "Evidence":
        """The same rows, each frame by its first columns, so that sums are always made in the same order."""
        return replace(self, **{f.name: _ordered(getattr(self, f.name)) for f in fields(self)})


def _ordered(frame: pl.DataFrame) -> pl.DataFrame:
    """By id first; a row without one (input media, members) is told from others by its first three columns."""
    keys = [name for name, dtype in frame.schema.items() if not dtype.is_nested()]
    return frame.sort(keys[:3])
