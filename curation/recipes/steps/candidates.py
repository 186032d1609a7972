"""Second step: which samples may be in a pair at all, and on which side."""

import polars as pl

from curation.negatives.operators import PREFIX
from curation.pairing import seeded_order
from curation.recipes.frames import Evidence, in_order
from curation.recipes.funnel import Step, sift
from curation.recipes.model import CandidateRule, Recipe
from curation.recipes.steps.barred import leave_out
from curation.recipes.steps.evidence import Read


def choose(recipe: Recipe, evidence: Evidence) -> tuple[pl.DataFrame, list[Step]]:
    """The samples the recipe considers, with `order` (seeded) and their prompt's columns."""
    flagged = evidence.flags.group_by("sample_id").agg(
        is_broken=(pl.col("flag") == "broken").any(), is_unsafe=(pl.col("flag") == "unsafe").any()
    )
    samples = evidence.samples.join(flagged, on="sample_id", how="left").join(evidence.prompts, on="prompt_id")
    samples, barring = leave_out(samples, evidence, recipe.split.near_duplicates)
    kept, step = sift(samples, _rules(recipe), key="candidates", unit="samples", ids=["prompt_id", "sample_id"])
    kept = kept.drop("prompt_text", "is_broken", "is_unsafe")  # nothing asks for them any more, and they are long
    return kept.with_columns(seeded_order(kept["identity"], recipe.seed, salt="samples")).pipe(
        in_order, ["sample_id"]
    ), [
        *([barring] if barring else []),
        step,
    ]


IS_SYNTHETIC = pl.col("generator").str.starts_with(PREFIX)


def _rules(recipe: Recipe) -> list[tuple[str, pl.Expr]]:
    # Whole groups by what the recipe is about first, then what is wrong with single samples.
    rule = recipe.candidates
    # What was made worse on purpose competes with nobody by accident.
    rules: list[tuple[str, pl.Expr]] = []
    if recipe.pairing.rule != "corrupted":
        unasked = IS_SYNTHETIC & ~pl.col("generator").is_in(list(rule.generators))
        rules.append(("synthetic_not_asked_for", unasked))
    rules += [
        (f"{kind}_not_asked_for", pl.col("kind") == kind)
        for kind in ("reference", "real", "generated")
        if kind not in rule.kinds
    ]
    rules += _selected(rule)
    rules.append(("media_absent", pl.col("media_state") == "absent"))
    rules.append(("flagged_broken", pl.col("is_broken").fill_null(False)))
    if rule.unsafe == "exclude":
        rules.append(("flagged_unsafe", pl.col("is_unsafe").fill_null(False)))
    return rules


def _selected(rule: CandidateRule) -> list[tuple[str, pl.Expr]]:
    rules = []
    if rule.generators:
        rules.append(("generator_not_selected", ~IS_SYNTHETIC & ~pl.col("generator").is_in(list(rule.generators))))
    if rule.without_generators:
        rules.append(("generator_not_selected", pl.col("generator").is_in(list(rule.without_generators))))
    if rule.first_round is not None:
        rules.append(("round_not_selected", pl.col("round") < rule.first_round))
    if rule.last_round is not None:
        rules.append(("round_not_selected", pl.col("round") > rule.last_round))
    if rule.locales:
        rules.append(("locale_not_selected", ~pl.col("locale").is_in(list(rule.locales))))
    if rule.without_locales:
        rules.append(("locale_not_selected", pl.col("locale").is_in(list(rule.without_locales))))
    if rule.tags:
        rules.append(("tag_not_selected", ~_tagged(rule.tags)))
    if rule.without_tags:
        rules.append(("tag_not_selected", _tagged(rule.without_tags)))
    return rules


def _tagged(tags: tuple[str, ...]) -> pl.Expr:
    """Whether the sample or its prompt carries one of the tags."""
    return pl.any_horizontal(
        *[pl.col(column).list.contains(tag).fill_null(False) for column in ("tags", "prompt_tags") for tag in tags]
    )


def with_sides(samples: pl.DataFrame, recipe: Recipe, read: Read) -> pl.DataFrame:
    """Adds `judged_bad`, `may_be_chosen` and `may_be_rejected`.

    Whoever called two samples both bad has said that neither is to be chosen, on whatever criterion.
    """
    bad = read.comparisons.filter(pl.col("outcome") == "both-bad")
    left = bad.select(sample_id="left_id", prompt_id="left_prompt_id")
    right = bad.select(sample_id="right_id", prompt_id="right_prompt_id")
    named = pl.concat([left, right]).unique().with_columns(judged_bad=True)
    samples = samples.join(named, on=["sample_id", "prompt_id"], how="left").with_columns(
        pl.col("judged_bad").fill_null(False)
    )
    pairing = recipe.pairing
    sided = samples.with_columns(
        may_be_chosen=~pl.col("judged_bad") & ~IS_SYNTHETIC & _on_side(pairing.chosen_kinds, pairing.chosen_rounds),
        may_be_rejected=_on_side(pairing.rejected_kinds, pairing.rejected_rounds),
    )
    return in_order(sided, ["sample_id"])


def _on_side(kinds: tuple[str, ...], rounds: tuple[int, ...]) -> pl.Expr:
    of_kind = pl.col("kind").is_in(list(kinds)) if kinds else pl.lit(True)
    return of_kind & pl.col("round").is_in(list(rounds)) if rounds else of_kind
