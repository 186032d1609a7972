"""Pairs that follow from how samples were made: kinds of samples, and corruptions by a known operator.

Nobody is asked, so nothing is measured: without a signal such a pair has no margin, and its basis is `construction`.
"""

import polars as pl

from curation import pairing
from curation.negatives.operators import PREFIX, generator_name
from curation.recipes.funnel import first_reason, sift, step
from curation.recipes.model import Pairing
from curation.recipes.signals import Heard
from curation.recipes.steps.couples import BEHIND, COUPLE, Paired, all_comparisons, measured, with_scores

_NOTHING = pl.lit(None, dtype=pl.Float64)


def by_kind(rule: Pairing, samples: pl.DataFrame) -> Paired:
    """Every sample of the chosen kinds with every one of the rejected kinds of its prompt."""
    table = samples.with_columns(value=_NOTHING)
    couples = pairing.every_couple(table)
    sides = table.group_by("prompt_id").agg(
        chosen=pl.col("may_be_chosen").any(), rejected=pl.col("may_be_rejected").any()
    )
    lacking = sides.join(couples.select("prompt_id").unique(), on="prompt_id", how="anti").sort("prompt_id")
    reason = first_reason([("nobody_chosen", ~pl.col("chosen")), ("nobody_rejected", pl.lit(True))])
    dropped = lacking.select(reason.alias("reason"), "prompt_id")
    met = step("matched", "prompts", kept=sides.height - dropped.height, dropped=dropped)
    return Paired(couples=_unmeasured(couples), behind=pl.DataFrame(schema=BEHIND), steps=[met], margin_unit="none")


def corrupted(rule: Pairing, samples: pl.DataFrame, branches: pl.DataFrame, heard: Heard | None) -> Paired:
    """Each sample with the negatives that were made from it.

    Args:
        branches: `frames.BRANCHES`.
        heard: what `by` says, where the rule wants the original to be ahead by it.
    """
    negatives = samples.filter(pl.col("generator").str.starts_with(PREFIX)).join(
        branches.select("sample_id", "parent_id"), on="sample_id", how="left", maintain_order="left"
    )
    sided = samples.select(parent_id="sample_id", parent_prompt="prompt_id", allowed="may_be_chosen")
    negatives = negatives.join(sided, on="parent_id", how="left", maintain_order="left")
    is_original = (pl.col("parent_prompt") == pl.col("prompt_id")).fill_null(False)
    reasons = [
        ("other_operator", ~_by_operators(rule)),
        ("no_original", ~is_original),
        ("may_not_be_chosen", ~pl.col("allowed") | ~pl.col("may_be_rejected")),
    ]
    met, line = sift(negatives, reasons, key="negatives", unit="samples", ids=["prompt_id", "sample_id"])
    couples = met.select("prompt_id", chosen_id="parent_id", rejected_id="sample_id").sort(COUPLE)
    if heard is None:
        return Paired(_unmeasured(couples), pl.DataFrame(schema=BEHIND), [line], "none")
    kept, gap = measured(couples, heard, rule.min_gap)
    return Paired(with_scores(kept, heard, heard), all_comparisons(kept, heard), [line, gap], heard.unit)


def _by_operators(rule: Pairing) -> pl.Expr:
    if not rule.operators:
        return pl.lit(True)
    return pl.col("generator").is_in([generator_name(name) for name in rule.operators])


def _unmeasured(couples: pl.DataFrame) -> pl.DataFrame:
    return couples.select(*COUPLE, chosen_score=_NOTHING, rejected_score=_NOTHING, margin=_NOTHING)
