"""Last steps: pairs get a name, are held against others' opinions, sorted into bands, capped, split and balanced."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from curation.recipes.funnel import Step, sift
from curation.recipes.model import Recipe
from curation.recipes.signals import Heard
from curation.recipes.steps import agreement, balance, caps, rows, strength
from curation.recipes.steps.couples import Paired
from curation.recipes.steps.pairs import WITHOUT_PAIRS

_IDS = ["prompt_id", "chosen_id", "rejected_id"]


@dataclass(frozen=True)
class Opinions:
    """What was heard of the candidates that reached the pairing.

    Args:
        deciding: the signals that decided, by their name in the rule.
        agreeing: for each agreement of the recipe, its voices in order.
        gold: what pairs are checked against, if anything.
    """

    deciding: Mapping[str, Heard]
    agreeing: Sequence[Sequence[Heard]]
    gold: Heard | None

    @property
    def voices(self) -> list[Heard]:
        return [heard for voices in self.agreeing for heard in voices]


def place(recipe: Recipe, paired: Paired, samples: pl.DataFrame, opinions: Opinions) -> tuple[pl.DataFrame, list[Step]]:
    """The pairs that stay, with pair_id, band and split, and the lines of the funnel.

    What looks the same on both sides, is not agreed on, is of a band that is dropped, over a cap, between splits or
    out of balance goes, in this order.
    """
    named = rows.name_pairs(paired.couples, samples).with_columns(band=pl.lit(None, dtype=pl.String))
    if recipe.pairing.rule in WITHOUT_PAIRS:
        return named, []
    stages = list(_narrowed(recipe, named, samples, opinions))
    return stages[-1][0], [step for _pairs, step in stages]


def _narrowed(
    recipe: Recipe, named: pl.DataFrame, samples: pl.DataFrame, opinions: Opinions
) -> Iterator[tuple[pl.DataFrame, Step]]:
    same = [("same_content", pl.col("chosen_content") == pl.col("rejected_content"))]
    named, step = sift(named, same, key="different", unit="pairs", ids=_IDS)
    gold = opinions.gold
    yield named, step.with_figures(gold={"after": agreement.accuracy(named, gold)}) if gold else step
    for rule, voices in zip(recipe.agreement, opinions.agreeing, strict=True):
        named, step = agreement.keep(named, rule, voices, gold)
        yield named, step
    if recipe.strength is not None:
        named, step = strength.into_bands(named, recipe.strength, list(opinions.deciding.values()))
        yield named, step
    for capped, step in caps.apply(named, recipe, samples):
        named = capped
        yield named, step
    named, step = sift(named, _out_of_splits(), key="split", unit="pairs", ids=_IDS)
    yield named, step
    if recipe.balance is not None:
        rule_of_subset, seed = recipe.balance, recipe.seed
        yield balance.subset(named, rule_of_subset, samples, unit="pairs", key="pair_id", ids=_IDS, seed=seed)


def _out_of_splits() -> list[tuple[str, pl.Expr]]:
    reasons: list[tuple[str, pl.Expr]] = [
        (reason, (pl.col("chosen_excluded") == reason) | (pl.col("rejected_excluded") == reason).fill_null(False))
        for reason in ("between_splits", "near_duplicate_elsewhere")
    ]
    return [*reasons, ("prompts_in_two_splits", pl.col("split") != pl.col("rejected_split"))]
