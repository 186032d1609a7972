"""What belongs to a frozen benchmark never becomes training data: neither its items nor what resembles them."""

from dataclasses import replace

import polars as pl

from curation.recipes.frames import Evidence
from curation.recipes.funnel import Step, sift, step
from curation.recipes.steps.evidence import Read
from curation.splitting import ROLES_THAT_DO_NOT_LINK, prompts_like

# A recipe may look closer than this, never less close.
ALIKE = 0.8


def leave_out(samples: pl.DataFrame, evidence: Evidence, near_duplicates: float) -> tuple[pl.DataFrame, Step | None]:
    """The samples that stand in no frozen benchmark, and the line that counts the others; no line where none is barred.

    A sample is barred by its identity, by what is seen of it (only where there is something to see: many prompts are
    rightly answered by “yes”), or by its prompt; a prompt by its identity, by its input media, or because its text
    resembles that of a barred one.

    Args:
        samples: `frames.SAMPLES`.
        near_duplicates: similarity of prompts from which they count as alike; at most `ALIKE` is used.
    """
    barred = evidence.barred
    if not barred.height:
        return samples, None

    def is_named(column: str, kind: str) -> pl.Expr:
        return pl.col(column).is_in(barred.filter(pl.col("kind") == kind)["digest"].implode())

    rule = [
        (
            "frozen_benchmark",
            is_named("identity", "sample")
            | (is_named("content", "content") & (pl.col("media_state") != "none"))
            | pl.col("prompt_id").is_in(_prompts(evidence, near_duplicates).implode()),
        )
    ]
    return sift(samples, rule, key="benchmarks", unit="samples", ids=["prompt_id", "sample_id"])


def not_under(read: Read, near_duplicates: float) -> tuple[Read, Step | None]:
    """What was read without what was said of samples under a barred prompt, and the line that counts it.

    For pairs of a sample under two prompts: the other prompt would become training data too.
    """
    if not read.evidence.barred.height:
        return read, None
    prompts = _prompts(read.evidence, near_duplicates).implode()
    sides = [pl.col(name).is_in(prompts) for name in ("left_prompt_id", "right_prompt_id")]
    scores, first = _unbarred(read.evidence.scores, "score", pl.col("prompt_id").is_in(prompts))
    comparisons, second = _unbarred(read.comparisons, "comparison", pl.any_horizontal(*sides))
    kept = read.evidence.comparisons.join(comparisons, on=_STATEMENT, how="semi", maintain_order="left")
    evidence = replace(read.evidence, scores=scores, comparisons=kept)
    dropped = pl.concat([first, second])
    line = step("benchmarks:statements", "statements", kept=scores.height + comparisons.height, dropped=dropped)
    return replace(read, evidence=evidence, comparisons=comparisons), line


_STATEMENT = ["judgement_id", "position"]


def _unbarred(statements: pl.DataFrame, kind: str, is_barred: pl.Expr) -> tuple[pl.DataFrame, pl.DataFrame]:
    gone = statements.filter(is_barred).select(_STATEMENT)
    return statements.filter(~is_barred), gone.select(
        pl.lit("frozen_benchmark").alias("reason"), pl.lit(kind).alias("kind"), *_STATEMENT
    )


def _prompts(evidence: Evidence, near_duplicates: float) -> pl.Series:
    """The prompts that are barred, show the input of a barred one, or say nearly what it says."""
    barred, threshold = evidence.barred, min(near_duplicates, ALIKE)
    named = evidence.prompts.filter(
        pl.col("prompt_identity").is_in(barred.filter(pl.col("kind") == "prompt")["digest"].implode())
    )
    media = evidence.prompt_media.filter(
        pl.col("media_digest").is_in(barred.filter(pl.col("kind") == "media")["digest"].implode()),
        ~pl.col("role").is_in(list(ROLES_THAT_DO_NOT_LINK)),
    )
    texts = barred.filter(pl.col("kind") == "prompt", pl.col("prompt_text").is_not_null())["prompt_text"]
    alike = prompts_like(evidence.prompts, texts, threshold)
    return pl.concat([named["prompt_id"], media["prompt_id"], alike]).unique()
