"""Preferences that contradict each other: the same two things chosen both ways, and circles of three and more."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from curation.gate.found import Found, counted, told, verb
from curation.gate.tables import Examined
from curation.splitting import ROLES_THAT_DO_NOT_LINK


def look(examined: Examined) -> Iterator[Found]:
    """Conflicts on one criterion, conflicts across criteria, circles.

    What is compared are contents under questions: two samples with the same bytes are one thing, and two prompts with
    the same words and inputs are one question.
    """
    edges = _edges(examined)
    on_one = _both_ways(edges, ["low", "high", "criterion"])
    yield from _conflict("conflict", on_one, "the same criterion")
    others = edges.join(on_one.select("pair"), on="pair", how="anti")
    yield from _conflict("conflict-across-criteria", _both_ways(others, ["low", "high"]), "different criteria")
    yield from _circles(edges)


def _conflict(code: str, rows: pl.DataFrame, where: str) -> Iterator[Found]:
    if not rows.height:
        return
    couples = rows["part"].n_unique()
    words = f"{counted(couples, 'couple')} of contents {verb(couples, 'is', 'are')} chosen both ways on {where}, in "
    yield Found(code, words + f"{counted(rows.height, 'pair')}.", rows.with_columns(detail=pl.lit("")))


def _edges(examined: Examined) -> pl.DataFrame:
    """pair, pair_id, criterion, chosen and rejected (numbers of contents under questions), low and high of the two."""
    questions = _questions(examined)
    contents = _numbered_contents(examined)
    edges = examined.pairs.select(
        "pair_id", "criterion", *(f"{s}{c}" for s in ("chosen", "rejected") for c in ("_id", "_prompt_id"))
    ).with_row_index("pair")
    for side in ("chosen", "rejected"):
        edges = (
            edges.join(contents, left_on=f"{side}_id", right_on="sample_id")
            .join(questions, left_on=f"{side}_prompt_id", right_on="prompt_id")
            .with_columns((pl.col("question").cast(pl.UInt64) * 2**32 + pl.col("content")).alias(side))
            .drop("content", "question", f"{side}_id", f"{side}_prompt_id")
        )
    edges = edges.filter(pl.col("chosen") != pl.col("rejected"))
    return edges.with_columns(
        low=pl.min_horizontal("chosen", "rejected"), high=pl.max_horizontal("chosen", "rejected")
    ).sort("pair")


def _numbered_contents(examined: Examined) -> pl.DataFrame:
    different = examined.samples.select("content").unique().sort("content").with_row_index("number")
    numbered = examined.samples.select("sample_id", "content").join(different, on="content")
    return numbered.select("sample_id", content="number")


def _questions(examined: Examined) -> pl.DataFrame:
    """prompt_id, question: a number that prompts with the same words and input files share."""
    files = examined.prompt_media.filter(~pl.col("role").is_in(list(ROLES_THAT_DO_NOT_LINK)))
    inputs = files.sort("role", "media_digest").group_by("prompt_id").agg(inputs=pl.col("media_digest").str.join(","))
    words = pl.col("prompt_text").str.normalize("NFC").str.replace_all(r"\s+", " ").str.strip_chars()
    asked = examined.prompts.select("prompt_id", words=words).join(inputs, on="prompt_id", how="left")
    asked = asked.with_columns(asked=pl.col("words") + "\x1f" + pl.col("inputs").fill_null(""))
    return asked.select("prompt_id", question=pl.col("asked").rank("dense").cast(pl.UInt32))


def _both_ways(edges: pl.DataFrame, group: list[str]) -> pl.DataFrame:
    """The pairs of groups in which each of the two is chosen somewhere; `part` numbers the groups."""
    upwards = pl.col("chosen") > pl.col("rejected")
    torn = edges.group_by(group).agg(ways=upwards.n_unique()).filter(pl.col("ways") == 2).sort(group)
    torn = torn.select(group).with_row_index("part")
    return edges.join(torn, on=group).sort("part", "pair")


def _circles(edges: pl.DataFrame) -> Iterator[Found]:
    """Strongly connected components of three and more, by criterion; one of two is a conflict."""
    found = edges.with_columns(part=_components(edges)).filter(pl.col("part") >= 0)
    if not found.height:
        return
    sizes = pl.concat([found.select("part", node=side) for side in ("chosen", "rejected")]).unique()
    sizes = sizes.group_by("part").len("size")
    found = found.join(sizes, on="part").sort("part", "pair")
    found = found.with_columns(detail=pl.format("in a circle of {} samples", "size"))
    circles = sizes.height
    words = told(found.height, "pair", "runs", "run") + f" in {counted(circles, 'circle')}: "
    yield Found("cycle", words + "follow them and a sample beats itself.", found)


def _components(edges: pl.DataFrame) -> pl.Series:
    """For each pair the number of the circle it is part of, from 0; -1 for none."""
    codes = pl.concat([edges.select("criterion", node=side) for side in ("chosen", "rejected")]).unique()
    codes = codes.sort("criterion", "node").with_row_index("code")
    ends = []
    for side in ("chosen", "rejected"):
        named = edges.select("pair", "criterion", node=side).join(codes, on=["criterion", "node"]).sort("pair")
        ends.append(named["code"].to_numpy())
    graph = coo_array((np.ones(len(ends[0]), dtype=np.int8), (ends[0], ends[1])), shape=(codes.height, codes.height))
    if not codes.height:
        return pl.Series("part", [], dtype=pl.Int64)
    labels = connected_components(graph, directed=True, connection="strong")[1].astype(np.int64)
    is_large = np.bincount(labels) >= 3
    number = np.where(is_large, np.cumsum(is_large) - 1, -1)
    here, there = labels[ends[0]], labels[ends[1]]
    return pl.Series("part", np.where(here == there, number[here], -1), dtype=pl.Int64)
