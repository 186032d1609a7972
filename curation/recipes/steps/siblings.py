"""Pairs of siblings only: samples of one parent that left it at the same point compete, and nobody else."""

from dataclasses import replace

import polars as pl

from curation.recipes.funnel import Step, sift
from curation.recipes.steps.couples import Paired


def grouped(samples: pl.DataFrame, branches: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, Step]:
    """The samples with their family in place of their prompt.

    Args:
        branches: `frames.BRANCHES`.

    Returns:
        The samples that have a parent, `prompt_id` being the number of their family; the families (family, prompt_id);
        and the line of the funnel for those without a parent.
    """
    known = branches.select("sample_id", "parent_id", "branch")
    samples = samples.join(known, on="sample_id", how="left", maintain_order="left")
    kept, line = sift(
        samples,
        [("no_parent", pl.col("parent_id").is_null())],
        key="siblings",
        unit="samples",
        ids=["prompt_id", "sample_id"],
    )
    family = ["prompt_id", "parent_id", "branch"]
    numbered = kept.select(family).unique().sort(family).with_columns(family=pl.int_range(pl.len(), dtype=pl.Int64))
    kept = kept.join(numbered, on=family, nulls_equal=True).sort("sample_id")
    kept = kept.with_columns(prompt_id="family").select(samples.drop("parent_id", "branch").columns)
    return kept, numbered.select("family", "prompt_id"), line


def with_prompts(paired: Paired, families: pl.DataFrame) -> Paired:
    """What a rule made of families, told by prompt."""
    return replace(
        paired,
        couples=_told(paired.couples, families),
        behind=_told(paired.behind, families),
        steps=[replace(step, dropped=_told(step.dropped, families)) for step in paired.steps],
    )


def _told(frame: pl.DataFrame, families: pl.DataFrame) -> pl.DataFrame:
    prompts = families.rename({"family": "prompt_id", "prompt_id": "of_prompt"})
    found = frame.join(prompts, on="prompt_id", how="left", maintain_order="left")
    return found.with_columns(prompt_id="of_prompt").select(frame.columns)
