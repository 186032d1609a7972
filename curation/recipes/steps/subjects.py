"""A sample under another prompt than its own, as an answer beside the others: rows and statements get ids of their own.

Everything behind this step compares answers by one id each. So a sample that was also judged under another prompt
enters as one more answer to its own prompt, with an id that no sample has; `real` gives the ids back.
"""

from dataclasses import replace

import polars as pl

from curation.recipes.funnel import Step
from curation.recipes.steps.evidence import Read


def own(samples: pl.DataFrame) -> pl.DataFrame:
    """Adds `real_id` and `judged_prompt_id`: each sample as itself, under its own prompt."""
    return samples.with_columns(real_id="sample_id", judged_prompt_id="prompt_id")


def with_other_prompts(
    samples: pl.DataFrame, read: Read, among: pl.DataFrame | None = None
) -> tuple[pl.DataFrame, Read]:
    """Adds an answer for each other prompt a sample was judged under, and what was said of it to the evidence.

    Args:
        samples: as `own` returns them.
        among: prompt_id, origin_id: only these other prompts, for samples of these own ones; None for all.

    Returns:
        The samples and the new answers (their prompt's identity is that of the other prompt, their content names it
        too), and what was read with statements about the new answers under their ids, told under the own prompt.
    """
    others = _judged_elsewhere(samples, read)
    if among is not None:
        own_prompts = samples.select("real_id", origin_id="prompt_id")
        linked = among.rename({"prompt_id": "judged_prompt_id"})
        wanted = own_prompts.join(linked, on="origin_id").select("real_id", "judged_prompt_id")
        others = others.join(wanted, on=["real_id", "judged_prompt_id"], how="semi", maintain_order="left")
    numbered = _numbered(others)
    added = numbered.join(samples.drop("judged_prompt_id", "prompt_identity"), on="real_id").with_columns(
        sample_id="subject_id", content=pl.col("content") + "|" + pl.col("prompt_identity")
    )
    everybody = pl.concat([samples, added.select(samples.columns)]).sort("sample_id")
    return everybody, _retold(read, numbered.join(samples.select("real_id", "prompt_id"), on="real_id"))


def real(table: pl.DataFrame, samples: pl.DataFrame) -> pl.DataFrame:
    """The table with the ids of samples in place of those of answers, in every column that names one."""
    if not (samples["sample_id"] < 0).any():
        return table
    for name in _NAMES:
        if name in table.columns:
            names = samples.select(pl.col("sample_id").alias(name), real_name="real_id")
            found = table.join(names, on=name, how="left", maintain_order="left")
            table = found.with_columns(pl.coalesce("real_name", name).alias(name)).drop("real_name")
    return table


_NAMES = ("sample_id", "chosen_id", "rejected_id")


def real_steps(steps: list[Step], samples: pl.DataFrame) -> list[Step]:
    """The lines of the funnel with the ids of samples in what they dropped."""
    return [
        replace(step, dropped=real(step.dropped, samples), few=None if step.few is None else real(step.few, samples))
        for step in steps
    ]


def _judged_elsewhere(samples: pl.DataFrame, read: Read) -> pl.DataFrame:
    """real_id, judged_prompt_id, prompt_identity (of the other prompt); each once, sorted."""
    said = [read.evidence.scores.select(real_id="sample_id", judged_prompt_id="prompt_id")]
    said += [
        read.comparisons.select(real_id=f"{side}_id", judged_prompt_id=f"{side}_prompt_id")
        for side in ("left", "right")
    ]
    found = pl.concat(said).unique().join(samples.select("real_id", own="prompt_id"), on="real_id")
    found = found.filter(pl.col("judged_prompt_id") != pl.col("own")).drop("own")
    prompts = read.evidence.prompts.select("prompt_identity", judged_prompt_id="prompt_id")
    return found.join(prompts, on="judged_prompt_id").sort("real_id", "judged_prompt_id")


def _numbered(others: pl.DataFrame) -> pl.DataFrame:
    """Ids below zero, which no sample of any project has."""
    return others.with_columns(subject_id=-1 - pl.int_range(pl.len(), dtype=pl.Int64))


def _retold(read: Read, answers: pl.DataFrame) -> Read:
    scores = _renamed(read.evidence.scores, answers, "sample_id", "prompt_id")
    comparisons = read.comparisons
    for side in ("left", "right"):
        comparisons = _renamed(comparisons, answers, f"{side}_id", f"{side}_prompt_id")
    return replace(read, evidence=replace(read.evidence, scores=scores), comparisons=comparisons)


def _renamed(statements: pl.DataFrame, answers: pl.DataFrame, sample: str, prompt: str) -> pl.DataFrame:
    names = answers.select(
        "subject_id", pl.col("real_id").alias(sample), pl.col("judged_prompt_id").alias(prompt), own="prompt_id"
    )
    found = statements.join(names, on=[sample, prompt], how="left", maintain_order="left")
    renamed = found.with_columns(
        pl.coalesce("subject_id", sample).alias(sample), pl.coalesce("own", prompt).alias(prompt)
    )
    return renamed.select(statements.columns)
