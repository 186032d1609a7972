"""Caps: at most so many pairs of a prompt, of a tag, of a generator."""

from collections import Counter
from collections.abc import Iterator

import polars as pl

from curation.pairing import cap_per_prompt, seeded_order
from curation.recipes.funnel import Step, sift
from curation.recipes.model import Recipe

_IDS = ["prompt_id", "chosen_id", "rejected_id", "margin"]


def apply(named: pl.DataFrame, recipe: Recipe, samples: pl.DataFrame) -> Iterator[tuple[pl.DataFrame, Step]]:
    """The pairs inside each cap in turn, with its line of the funnel."""
    if recipe.pairs_per_prompt is not None:
        named, step = _per_prompt(named, recipe.pairs_per_prompt, recipe.seed)
        yield named, step
    caps = recipe.caps
    if caps.per_tag is not None:
        named, step = _per_tag(named, samples, caps.per_tag, recipe.seed)
        yield named, step
    for key, limit, sides in (
        ("caps:chosen", caps.per_chosen_generator, ["chosen"]),
        ("caps:rejected", caps.per_rejected_generator, ["rejected"]),
        ("caps:generators", caps.per_generators, ["chosen", "rejected"]),
    ):
        if limit is not None:
            named, step = _per_generator(named, samples, limit, sides=sides, key=key, seed=recipe.seed)
            yield named, step


def _per_prompt(named: pl.DataFrame, cap: int, seed: int) -> tuple[pl.DataFrame, Step]:
    """The widest margins stay."""
    ordered = named.with_columns(seeded_order(named["pair_id"], seed, salt="caps"))
    return _inside(named, cap_per_prompt(ordered, cap)["pair_id"], "over_the_cap", "caps")


def _per_generator(
    named: pl.DataFrame, samples: pl.DataFrame, cap: int, *, sides: list[str], key: str, seed: int
) -> tuple[pl.DataFrame, Step]:
    """Drawn by the seed: the widest margins would favour the prompts that are easiest to tell apart."""
    owners = samples.select("sample_id", "generator")
    lined_up = named.with_columns(seeded_order(named["pair_id"], seed, salt=key))
    for side in sides:
        mine = owners.rename({"sample_id": f"{side}_id", "generator": f"{side}_generator"})
        lined_up = lined_up.join(mine, on=f"{side}_id")
    groups = [f"{side}_generator" for side in sides]
    lined_up = lined_up.sort(*groups, "order", "pair_id")
    inside = lined_up.filter(pl.int_range(pl.len()).over(groups) < cap)
    return _inside(named, inside["pair_id"], "over_the_generator_cap", key)


def _per_tag(named: pl.DataFrame, samples: pl.DataFrame, cap: int, seed: int) -> tuple[pl.DataFrame, Step]:
    """In seeded order each pair stays while every tag of its prompt has room."""
    tags = samples.select("prompt_id", "prompt_tags").unique("prompt_id")
    lined_up = named.with_columns(seeded_order(named["pair_id"], seed, salt="caps:tag"))
    lined_up = lined_up.join(tags, on="prompt_id", how="left").sort("order", "pair_id")
    used: Counter[str] = Counter()
    inside = []
    for pair_id, own in lined_up.select("pair_id", "prompt_tags").iter_rows():
        if all(used[tag] < cap for tag in own or ()):
            used.update(own or ())
            inside.append(pair_id)
    return _inside(named, pl.Series("pair_id", inside, dtype=pl.String), "over_the_tag_cap", "caps:tag")


def _inside(named: pl.DataFrame, inside: pl.Series, reason: str, key: str) -> tuple[pl.DataFrame, Step]:
    return sift(named, [(reason, ~pl.col("pair_id").is_in(inside.implode()))], key=key, unit="pairs", ids=_IDS)
