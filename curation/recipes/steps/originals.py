"""Samples of rewrites, expansions and translations as answers to the prompt they all come from."""

from dataclasses import replace

import polars as pl

from curation.recipes.frames import Evidence

CONTRAST = "contrast"


def compete_under_them(evidence: Evidence) -> Evidence:
    """The evidence with each sample under the first original of its prompt, where it is judged beside the others.

    Only what was said of a sample under that original counts for it then: under its own words a rewrite that asks for
    less is easily met.
    """
    origins = first_originals(evidence.prompt_links)
    moved = evidence.samples.join(origins, on="prompt_id", how="left", maintain_order="left")
    samples = moved.with_columns(prompt_id=pl.coalesce("origin_id", "prompt_id")).drop("origin_id")
    return replace(evidence, samples=samples)


def first_originals(links: pl.DataFrame) -> pl.DataFrame:
    """prompt_id and origin_id of every rewrite; the original of an original is followed to its beginning."""
    direct = rewrites(links)
    found = direct
    # A chain is no longer than there are links; the database holds no circle, and a circle would end here too.
    for _step in range(direct.height):
        further = direct.select(origin_id="prompt_id", further="origin_id")
        deeper = found.join(further, on="origin_id", how="left", maintain_order="left")
        if not deeper["further"].is_not_null().any():
            break
        found = deeper.select("prompt_id", origin_id=pl.coalesce("further", "origin_id"))
    return found


def rewrites(links: pl.DataFrame) -> pl.DataFrame:
    """prompt_id (of the rewrite, expansion or translation) and origin_id, as they were linked."""
    return links.filter(pl.col("relation") != CONTRAST).select("prompt_id", "origin_id")


def contrasts(links: pl.DataFrame) -> pl.DataFrame:
    """prompt_id (of the contrast) and origin_id."""
    return links.filter(pl.col("relation") == CONTRAST).select("prompt_id", "origin_id")
