"""What the gate looks at: the rows of a version that would leave, with the facts the checks need, in columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

PAIRS = pl.Schema(
    [
        ("pair_id", pl.String()),
        ("prompt_id", pl.Int64()),
        ("chosen_id", pl.Int64()),
        ("rejected_id", pl.Int64()),
        ("chosen_prompt_id", pl.Int64()),  # the prompts the two were judged under
        ("rejected_prompt_id", pl.Int64()),
        ("criterion", pl.Categorical()),
        ("margin", pl.Float64()),
        ("margin_unit", pl.Categorical()),
        ("basis", pl.Categorical()),
        ("chosen_score", pl.Float64()),
        ("rejected_score", pl.Float64()),
        ("split", pl.Categorical()),
    ]
)
# Pairs of the version that do not leave because a file was never here.
ABSENT = pl.Schema([("pair_id", pl.String())])
# A sample at full length, read in parts and never kept whole: a million answers are a gigabyte.
DETAILS = pl.Schema(
    [
        ("sample_id", pl.Int64()),
        ("prompt_id", pl.Int64()),
        ("identity", pl.String()),
        ("content", pl.String()),  # digest of what is seen; equal means indistinguishable
        ("media_state", pl.String()),
        ("text", pl.String()),  # null: no text
        ("licence", pl.String()),  # its own or the project's; empty: none
        ("generator_id", pl.Int64()),
        ("key", pl.String()),
        ("tags", pl.List(pl.String())),
        ("settings", pl.String()),  # JSON
    ]
)
# What is kept of each sample for the checks that compare samples.
SAMPLES = pl.Schema(
    [
        ("sample_id", pl.Int64()),
        ("prompt_id", pl.Int64()),
        (
            "content",
            pl.UInt64(),
        ),  # 64 bits of the digest's hash: two of a million agree by chance once in 10^7 versions
        ("words", pl.UInt64()),  # the same of the text, spaces collapsed; null: no text
        ("length", pl.UInt32()),  # characters of the text; null: no text
        ("has_media", pl.Boolean()),
        ("has_licence", pl.Boolean()),
        ("generator_id", pl.Int64()),
    ]
)
PROMPTS = pl.Schema(
    [
        ("prompt_id", pl.Int64()),
        ("prompt_identity", pl.String()),
        ("prompt_text", pl.String()),  # the text, or the turns one after another
        ("licence", pl.String()),
        ("key", pl.String()),
        ("tags", pl.List(pl.String())),
        ("facts", pl.String()),  # JSON
    ]
)
PROMPT_MEDIA = pl.Schema([("prompt_id", pl.Int64()), ("role", pl.String()), ("media_digest", pl.String())])
PLACES = pl.Schema([("sample_id", pl.Int64()), ("prompt_id", pl.Int64()), ("split", pl.Categorical())])  # what leaves
GENERATORS = pl.Schema(
    [
        ("generator_id", pl.Int64()),
        ("name", pl.String()),
        ("revision", pl.String()),
        ("family", pl.String()),
        ("settings", pl.String()),
    ]
)
RATERS = pl.Schema(
    [
        ("rater_id", pl.Int64()),
        ("rater_kind", pl.String()),
        ("family", pl.String()),
        ("name", pl.String()),
        ("model_names", pl.List(pl.String())),  # of models it asks
        ("independence", pl.String()),  # `cycle`: it goes back from the output; empty: an opinion from outside
    ]
)
# Machines that were fitted on labels of this project, and the prompts of these labels.
FITTED = pl.Schema([("rater_id", pl.Int64()), ("prompt_id", pl.Int64())])
FLAGS = pl.Schema([("sample_id", pl.Int64()), ("flag", pl.String())])
# Who decided a pair: one row a pair and rater. `pair` counts the rows of PAIRS from 0.
VOICES = pl.Schema([("pair", pl.UInt32()), ("rater_id", pl.Int64())])
# The comparisons behind pairs, as shown to the rater; rankings have no sides and are no part of it.
SHOWN = pl.Schema([("pair", pl.UInt32()), ("by_person", pl.Boolean()), ("chosen_was_left", pl.Boolean())])
# A picture or video of a sample at its place. Brightness is 0 (black) to 1 (white); `coarse` is 64 bytes a view.
LOOKS = pl.Schema(
    [
        ("sample_id", pl.Int64()),
        ("place", pl.Int32()),
        ("rendition_id", pl.Int64()),
        ("brightness", pl.Float64()),
        ("coarse", pl.Binary()),
    ]
)
# Files that should be in the storage and are not.
DEAD = pl.Schema([("sample_id", pl.Int64()), ("prompt_id", pl.Int64()), ("name", pl.String())])
# What stands in a frozen benchmark by now: pairs with such a sample, and samples that are in no pair. Exports hold
# them back, so they are no part of PAIRS.
LEAKED = pl.Schema([("pair_id", pl.String()), ("sample_id", pl.Int64())])
# What people wrote, where it leaves with the export.
NOTES = pl.Schema([("sample_id", pl.Int64()), ("prompt_id", pl.Int64()), ("text", pl.String())])


def slim(details: pl.DataFrame) -> pl.DataFrame:
    """SAMPLES of rows of DETAILS."""
    spaced = pl.col("text").str.normalize("NFC").str.replace_all(r"\s+", " ").str.strip_chars()
    has_text = pl.col("text").is_not_null()
    return details.select(
        "sample_id",
        "prompt_id",
        content=pl.col("content").hash(),
        words=pl.when(has_text).then(spaced.hash()),
        length=pl.col("text").str.len_chars(),
        has_media=pl.col("media_state") != "none",
        has_licence=pl.col("licence") != "",
        generator_id="generator_id",
    )


def _empty(schema: pl.Schema) -> pl.DataFrame:
    return pl.DataFrame(schema=schema)


def _no_fingerprints(_renditions: Sequence[int]) -> Mapping[int, bytes]:
    return {}


@dataclass(frozen=True)
class Examined:
    """A version as the gate sees it. Frames have the schemas above; `pairs` is sorted by pair_id.

    A million pairs must be examined in little memory, so what is long is read in parts, and more than once if need be.

    Args:
        version: `NAME@3`.
        has_benchmarks: whether anything is frozen that could be leaked.
        keeps_unsafe: whether the recipe says that unsafe samples are kept.
        near_duplicates: similarity from which the recipe keeps prompts in one split.
        licence: of the whole set; empty for none.
        details: the samples that leave, at full length, some ten thousand at a time and in the order of their ids.
        fingerprints: the fingerprints of renditions by id, asked for in small numbers.
    """

    version: str
    version_digest: str = ""
    pairs: pl.DataFrame = field(default_factory=lambda: _empty(PAIRS))
    absent: pl.DataFrame = field(default_factory=lambda: _empty(ABSENT))
    places: pl.DataFrame = field(default_factory=lambda: _empty(PLACES))
    samples: pl.DataFrame = field(default_factory=lambda: _empty(SAMPLES))
    prompts: pl.DataFrame = field(default_factory=lambda: _empty(PROMPTS))
    prompt_media: pl.DataFrame = field(default_factory=lambda: _empty(PROMPT_MEDIA))
    generators: pl.DataFrame = field(default_factory=lambda: _empty(GENERATORS))
    raters: pl.DataFrame = field(default_factory=lambda: _empty(RATERS))
    fitted: pl.DataFrame = field(default_factory=lambda: _empty(FITTED))
    flags: pl.DataFrame = field(default_factory=lambda: _empty(FLAGS))
    voices: pl.DataFrame = field(default_factory=lambda: _empty(VOICES))
    shown: pl.DataFrame = field(default_factory=lambda: _empty(SHOWN))
    looks: pl.DataFrame = field(default_factory=lambda: _empty(LOOKS))
    dead: pl.DataFrame = field(default_factory=lambda: _empty(DEAD))
    notes: pl.DataFrame = field(default_factory=lambda: _empty(NOTES))
    leaked: pl.DataFrame = field(default_factory=lambda: _empty(LEAKED))
    has_benchmarks: bool = False
    keeps_unsafe: bool = False
    near_duplicates: float = 0.8
    licence: str = ""
    details: Callable[[], Iterable[pl.DataFrame]] = tuple
    fingerprints: Callable[[Sequence[int]], Mapping[int, bytes]] = _no_fingerprints
