"""A balanced subset: values of a property in given shares, or at most so many rows of each. Drawn by the seed."""

from collections import Counter
from collections.abc import Iterable
from math import floor

import polars as pl

from curation.pairing import seeded_order
from curation.prompt_tools.taxonomy import place_of
from curation.recipes.funnel import Step, sift
from curation.recipes.model import Balance

# What of a sample, or of a pair's chosen sample, each property is.
_COLUMNS = {"generator": "generator", "locale": "locale", "bucket": "bucket"}
# Keeps 0.1 * 30 = 3.0000000000000004 - ε from becoming two.
_ALMOST = 1e-9


def subset(
    rows: pl.DataFrame, rule: Balance, samples: pl.DataFrame, *, unit: str, key: str, ids: list[str], seed: int
) -> tuple[pl.DataFrame, Step]:
    """The balanced rows and the line that counts the others; its figures say how many of each value there were.

    A row with several of the values (tags) counts under the rarest of them, so that a rare value is not used up by
    rows that carry a frequent one too.

    Args:
        rows: pairs (with `pair_id`, `prompt_id`, `chosen_id`, `band`) or samples.
        samples: `sample_id`, `prompt_id`, `prompt_tags`, `generator`, `locale` and, where there are any, `bucket`.
        unit: `pairs` or `samples`.
        key, ids: the column to draw by (hexadecimal), and the columns that say which row it was.
    """
    grouped = rows.with_columns(value=_values(rows, rule, samples, unit))
    wanted = dict(rule.shares)
    if wanted:
        known = pl.col("value").is_in(list(wanted))
        grouped = grouped.with_columns(value=pl.when(known).then("value"))
    counts = Counter(grouped["value"].drop_nulls().to_list())
    room = _room(counts, rule)
    lined_up = grouped.with_columns(seeded_order(grouped[key], seed, salt="balance")).sort("value", "order", key)
    lined_up = lined_up.with_columns(
        place=pl.int_range(pl.len()).over("value"),
        room=pl.col("value").replace_strict(room, default=0, return_dtype=pl.Int64),
    )
    reasons = [
        ("outside_the_balance", pl.col("value").is_null()),
        ("over_its_share", pl.col("place") >= pl.col("room")),
    ]
    kept, step = sift(lined_up, reasons, key="balance", unit=unit, ids=[*ids, "value"])
    values = sorted({*counts, *wanted})
    figures = {value: {"there": counts[value], "kept": min(room.get(value, 0), counts[value])} for value in values}
    return kept.select(rows.columns).sort(key), step.with_figures(balance=figures)


def _room(counts: Counter[str], rule: Balance) -> dict[str, int]:
    """How many rows of each value may stay."""
    shares = dict(rule.shares) or {value: 1 / len(counts) for value in counts}
    if rule.at_most is not None:
        return dict.fromkeys(shares, rule.at_most)
    whole = min((floor(counts[value] / share + _ALMOST) for value, share in shares.items()), default=0)
    return {value: floor(share * whole + _ALMOST) for value, share in shares.items()}


def _values(rows: pl.DataFrame, rule: Balance, samples: pl.DataFrame, unit: str) -> pl.Series:
    """The value of each row, null where it has none."""
    if rule.by == "band":
        return rows["band"]
    if rule.by in ("tag", "facet"):
        return _rarest_tag(rows, rule, samples)
    sample = "chosen_id" if unit == "pairs" else "sample_id"
    own = samples.select(pl.col("sample_id").alias(sample), pl.col(_COLUMNS[rule.by]).alias("own"))
    return rows.select(sample).join(own, on=sample, how="left", maintain_order="left")["own"]


def _rarest_tag(rows: pl.DataFrame, rule: Balance, samples: pl.DataFrame) -> pl.Series:
    tags = samples.select("prompt_id", "prompt_tags").unique("prompt_id")
    own = rows.select("prompt_id").join(tags, on="prompt_id", how="left", maintain_order="left")["prompt_tags"]
    wanted = {name for name, _share in rule.shares}
    named = [_values_of(rule, each or ()) for each in own.to_list()]
    listed = [[value for value in each if not wanted or value in wanted] for each in named]
    counts = Counter(tag for each in listed for tag in each)
    rarest = [min(each, key=lambda tag: (counts[tag], tag)) if each else None for each in listed]
    return pl.Series("value", rarest, dtype=pl.String)


def _values_of(rule: Balance, tags: Iterable[str]) -> list[str]:
    """The tags themselves, or the values that they name of the facet, parts of a value counting as the value."""
    if rule.by == "tag":
        return list(tags)
    return list(dict.fromkeys(place.value for place in map(place_of, tags) if place.facet == rule.facet))


def of_samples(kept: pl.DataFrame, rule: Balance, samples: pl.DataFrame, seed: int) -> tuple[pl.DataFrame, Step]:
    """The balanced part of samples that are in no pair, in their order.

    Args:
        kept: sample_id, prompt_id and anything else.
        samples: the same samples with `identity` and the columns that `subset` asks for.
    """
    named = kept.join(samples.select("sample_id", "identity"), on="sample_id", how="left", maintain_order="left")
    ids = ["prompt_id", "sample_id"]
    part, step = subset(named, rule, samples, unit="samples", key="identity", ids=ids, seed=seed)
    return part.drop("identity").sort("sample_id"), step
