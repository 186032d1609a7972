"""Which prompts of a project belong together, as a recipe that says nothing else keeps them in one split."""

from __future__ import annotations

import numpy as np
import polars as pl

from curation import splitting
from curation.examination.families import Families
from curation.models.evidence_frames import read_prompts
from curation.recipes.model import Split
from curation.recipes.steps import originals


def families(project_id: int) -> Families:
    """Every family of two prompts or more. Three queries, whatever the number of rows, that read all prompts."""
    prompts, media, links = read_prompts(project_id)
    found = splitting.families(
        prompts, media=media, rewrites=originals.rewrites(links), near_duplicates=Split.near_duplicates
    )
    together = found.filter(pl.len().over("family") > 1)
    return Families(*(together[name].to_numpy().astype(np.int64) for name in ("prompt_id", "family")))
