"""Prompts that stand in two splits although they ask nearly the same, or about the same input file."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from curation.gate.found import Found, Idle, counted
from curation.gate.tables import Examined
from curation.splitting import ROLES_THAT_DO_NOT_LINK, similar_prompts

CODE = "prompts-across-splits"


def look(examined: Examined) -> Iterator[Found | Idle]:
    """Components of alike prompts that stand in more than one split, whole."""
    homes = examined.places.select("prompt_id", "split").unique().sort("prompt_id", "split")
    if homes["split"].n_unique() < 2:
        yield Idle(CODE, "there is one split only")
        return
    prompts = examined.prompts.join(homes.select("prompt_id").unique(), on="prompt_id", how="semi").sort("prompt_id")
    torn = _torn(prompts, _links(examined, prompts), homes)
    if torn.height:
        families = torn["part"].n_unique()
        words = f"{counted(torn['prompt_id'].n_unique(), 'prompt')} in {counted(families, 'family', 'families')} of "
        yield Found(CODE, words + "nearly the same prompts stand in more than one split.", torn)


def _links(examined: Examined, prompts: pl.DataFrame) -> pl.DataFrame:
    alike = similar_prompts(prompts.select("prompt_id", "prompt_text"), examined.near_duplicates)
    media = examined.prompt_media.filter(~pl.col("role").is_in(list(ROLES_THAT_DO_NOT_LINK)))
    media = media.join(prompts.select("prompt_id"), on="prompt_id", how="semi")
    shared = media.select(a=pl.col("prompt_id").min().over("media_digest"), b="prompt_id")
    links = pl.concat([alike.select(pl.col("a", "b").cast(pl.Int64)), shared])
    return links.filter(pl.col("a") != pl.col("b"))


def _torn(prompts: pl.DataFrame, links: pl.DataFrame, homes: pl.DataFrame) -> pl.DataFrame:
    ids = prompts["prompt_id"].to_numpy()
    ends = [np.searchsorted(ids, links[end].to_numpy()) for end in ("a", "b")]
    graph = coo_array((np.ones(len(ends[0]), dtype=np.int8), (ends[0], ends[1])), shape=(len(ids), len(ids)))
    part = connected_components(graph, directed=False)[1]
    placed = homes.join(prompts.select("prompt_id").with_columns(part=pl.Series(part, dtype=pl.Int64)), on="prompt_id")
    placed = placed.filter(pl.col("split").n_unique().over("part") > 1)
    return placed.sort("part", "split", "prompt_id").with_columns(detail=pl.format("in {}", "split"))
