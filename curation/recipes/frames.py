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
# What stands in frozen benchmarks of any project and may be in no training data: a digest of one of four kinds.
BARRED = _schema(
    {
        "kind": pl.String,  # prompt or sample (identities), content (of a sample) or media (input of a prompt)
        "digest": pl.String,  # hexadecimal SHA-256, as PROMPTS, SAMPLES and PROMPT_MEDIA have it
        "prompt_text": pl.String,  # for prompts, to find those that resemble it; else null
    }
)
# What the numbers of a criterion are measured in, by its newest version: one row a criterion.
SCALES = _schema(
    {
        "criterion": pl.String,
        "unit": pl.String,
        "low": pl.Float64,  # null where it states none
        "high": pl.Float64,
        "higher_is_better": pl.Boolean,
    }
)
# How uncertain a score says it is, in its own unit; only those that say it, and only for recipes that ask.
SPREADS = _schema({"judgement_id": pl.Int64, "position": pl.Int32, "spread": pl.Float64})
# What is known of samples without opinions, null where it does not apply; only for recipes that ask. Of several media
# the smallest, since that is what a bar is about; sizes as a viewer sees them.
FACTS = _schema(
    {
        "sample_id": pl.Int64,
        "width": pl.Float64,  # pixels
        "height": pl.Float64,
        "aspect": pl.Float64,  # width over height
        "duration": pl.Float64,  # seconds
        "fps": pl.Float64,
        "frames": pl.Float64,
        "media": pl.Float64,  # how many files are shown
        "bytes": pl.Float64,  # of all its files together
        "characters": pl.Float64,  # of its text
        "words": pl.Float64,  # parted by white space
    }
)
# What media look like (`curation.media.fingerprint`); only for recipes that ask.
FINGERPRINTS = _schema({"sample_id": pl.Int64, "position": pl.Int32, "fingerprint": pl.Binary})
# What came from what: only samples with a parent, and only for recipes that ask.
BRANCHES = _schema(
    {
        "sample_id": pl.Int64,
        "prompt_id": pl.Int64,
        "parent_id": pl.Int64,
        "branch": pl.Int32,  # where it left its parent; null where nobody said
    }
)
# What prompts are of each other; only for recipes that ask. A prompt is a rewrite of one original at most, without
# circles, and a contrast to any number.
PROMPT_LINKS = _schema(
    {
        "link_id": pl.Int64,
        "prompt_id": pl.Int64,
        "origin_id": pl.Int64,
        "relation": pl.String,  # rewrite, expansion, translation or contrast
    }
)
# Machines, and prompts on which a generator of their family takes part; this and the next two only for recipes that
# ask what all votes add up to.
RELATED = _schema({"rater_id": pl.Int64, "prompt_id": pl.Int64})
# Acts that answer what was picked for being close or disputed, and not drawn at random.
PICKED = _schema({"judgement_id": pl.Int64})
# People whose answers to known questions are wrong more often than right.
FAILING = _schema({"rater_id": pl.Int64})


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
    barred: pl.DataFrame = field(default_factory=lambda: _empty(BARRED))
    scales: pl.DataFrame = field(default_factory=lambda: _empty(SCALES))
    spreads: pl.DataFrame = field(default_factory=lambda: _empty(SPREADS))
    facts: pl.DataFrame = field(default_factory=lambda: _empty(FACTS))
    fingerprints: pl.DataFrame = field(default_factory=lambda: _empty(FINGERPRINTS))
    branches: pl.DataFrame = field(default_factory=lambda: _empty(BRANCHES))
    prompt_links: pl.DataFrame = field(default_factory=lambda: _empty(PROMPT_LINKS))
    related: pl.DataFrame = field(default_factory=lambda: _empty(RELATED))
    picked: pl.DataFrame = field(default_factory=lambda: _empty(PICKED))
    failing: pl.DataFrame = field(default_factory=lambda: _empty(FAILING))

    def sorted(self) -> "Evidence":
        """The same rows, each frame by its first columns, so that sums are always made in the same order."""
        frames = {part.name: getattr(self, part.name) for part in fields(self)}
        return replace(self, **{name: in_order(frame, _keys(frame)) for name, frame in frames.items()})


def _keys(frame: pl.DataFrame) -> list[str]:
    """By id first; a row without one (input media, members) is told from others by its first three columns."""
    return [name for name, dtype in frame.schema.items() if not dtype.is_nested()][:3]


def in_order(frame: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """The rows in ascending order of their keys; the very frame where they stand so already, which copies nothing."""
    return frame if _is_in_order(frame, keys) else frame.sort(keys)


def _is_in_order(frame: pl.DataFrame, keys: list[str]) -> bool:
    rises, is_equal = pl.lit(False), pl.lit(True)
    for name in keys:
        before = pl.col(name).shift(1)
        rises = rises | (is_equal & (pl.col(name) > before).fill_null(False))
        is_equal = is_equal & pl.col(name).eq_missing(before)
    rest = frame.select(inside=rises | is_equal)["inside"].slice(1)
    return bool(rest.all())
