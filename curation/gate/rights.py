"""Prompts and samples under no licence."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from curation.gate.found import Found, counted
from curation.gate.tables import Examined


def look(examined: Examined) -> Iterator[Found]:
    """Rows whose own licence and the project's are both empty; else a set that states none for itself."""
    leaving = examined.places
    prompts = examined.prompts.join(leaving.select("prompt_id").unique(), on="prompt_id", how="semi")
    samples = examined.samples.join(leaving.select("sample_id").unique(), on="sample_id", how="semi")
    bare_prompts = prompts.filter(pl.col("licence") == "").select("prompt_id").sort("prompt_id")
    bare_samples = samples.filter(~pl.col("has_licence")).select("sample_id").sort("sample_id")
    if bare_prompts.height or bare_samples.height:
        bare = f"{counted(bare_prompts.height, 'prompt')} and {counted(bare_samples.height, 'sample')}"
        words = f"{bare} stand under no licence"
        words += ", nor does the set as a whole." if not examined.licence else "."
        rows = pl.concat([bare_prompts, bare_samples], how="diagonal")
        yield Found("no-licence", words, rows)
    elif not examined.licence and leaving.height:
        words = "Every prompt and sample has a licence, but the set as a whole states none."
        yield Found("no-licence", words, pl.DataFrame(schema={"prompt_id": pl.Int64}), count=0, measure=0.0)
