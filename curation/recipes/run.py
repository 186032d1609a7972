"""Runs a recipe over evidence: pairs, samples, the splits, and a funnel that says what became of the rest."""

from dataclasses import dataclass, replace

import polars as pl

from curation.pairing import cap_per_prompt, seeded_order
from curation.recipes.frames import Evidence
from curation.recipes.funnel import Step, sift
from curation.recipes.model import Recipe, Signal
from curation.recipes.signals import Heard, hear
from curation.recipes.steps import candidates, evidence, filters, pairs, rows
from curation.recipes.steps.evidence import Read
from curation.recipes.steps.pairs import Paired
from curation.recipes.tables import SAMPLES, SPLITS, STATEMENT_STRUCT, digest
from curation.splitting import Splitting, split_prompts


@dataclass(frozen=True)
class Result:
    """What a recipe makes of evidence.

    Args:
        pairs: `tables.PAIRS`, sorted by pair_id.
        samples: `tables.SAMPLES`, sorted by sample_id: all that reached the pairing and stand in a split.
        splits: `tables.SPLITS`: the prompts of those samples.
        funnel: the steps in order.
        evidence: what counted of the evidence, as it was given: statements by act, and samples that were considered
            (so flags are done with). Running the recipe on it again gives the same rows.
        largest_component: prompts that may not be parted, at most.
    """

    pairs: pl.DataFrame
    samples: pl.DataFrame
    splits: pl.DataFrame
    funnel: list[Step]
    evidence: Evidence
    largest_component: int

    def digest(self) -> str:
        """SHA-256 over all rows: pairs, samples and splits."""
        parts = [digest(table) for table in (self.pairs, self.samples, self.splits)]
        return digest(pl.DataFrame({"tables": parts}))


def run(recipe: Recipe, given: Evidence) -> Result:
    """Applies the recipe. The same recipe and evidence give the same rows, whatever the order of the evidence.

    Raises:
        Refused: the recipe would count one opinion twice or mix scales or principles.
    """
    read, first = evidence.read(recipe, given.sorted())
    considered, second = candidates.choose(recipe, read.evidence)
    samples, filter_steps, filter_signals = _filtered(recipe, considered, read)
    samples = candidates.with_sides(samples, recipe, read)
    splitting = _split(recipe, read.evidence)
    heard = _heard(recipe, samples, read)
    paired = _paired(recipe, samples, heard)
    table, last_steps = _placed(recipe, paired, samples, splitting)
    finished = rows.complete(recipe, paired, table, heard, filter_signals)
    kept = _kept_samples(samples, finished, splitting, [*heard.values(), *filter_signals])
    return Result(
        pairs=finished,
        samples=kept,
        splits=_splits_of(kept, splitting),
        funnel=[first, second, *filter_steps, *paired.steps, *last_steps],
        evidence=replace(read.evidence, samples=_as_given(considered, given), flags=given.flags.clear()),
        largest_component=splitting.largest_component,
    )


def _as_given(considered: pl.DataFrame, given: Evidence) -> pl.DataFrame:
    return given.samples.join(considered.select("sample_id"), on="sample_id", how="semi").sort("sample_id")


def _filtered(recipe: Recipe, samples: pl.DataFrame, read: Read) -> tuple[pl.DataFrame, list[Step], list[Heard]]:
    steps, signals = [], []
    for rule in recipe.filters:
        heard = hear(rule.by, read, samples)
        samples, step = filters.apply(samples, rule, heard)
        steps.append(step)
        signals.append(heard)
    return samples, steps, signals


def _heard(recipe: Recipe, samples: pl.DataFrame, read: Read) -> dict[str, Heard]:
    named: dict[str, Signal | None] = {"by": recipe.pairing.by, "judge": recipe.pairing.judge}
    return {name: hear(signal, read, samples) for name, signal in named.items() if signal is not None}


def _paired(recipe: Recipe, samples: pl.DataFrame, heard: dict[str, Heard]) -> Paired:
    if recipe.pairing.rule != "none":
        return pairs.make(recipe.pairing, samples, heard)
    floats = dict.fromkeys(["chosen_score", "rejected_score", "margin"], pl.Float64)
    ids = dict.fromkeys(["prompt_id", "chosen_id", "rejected_id"], pl.Int64)
    return Paired(
        couples=pl.DataFrame(schema={**ids, **floats}),
        behind=pl.DataFrame(schema=pairs.BEHIND),
        steps=[],
        margin_unit="score",
    )


def _split(recipe: Recipe, evidence: Evidence) -> Splitting:
    """Splits all prompts that were read, so that a stricter filter does not move a prompt."""
    rule = recipe.split
    return split_prompts(
        evidence.prompts,
        media=evidence.prompt_media,
        assigned=evidence.assigned,
        shares=rule.shares,
        near_duplicates=rule.near_duplicates,
        seed=rule.seed,
    )


_IDS = ["prompt_id", "chosen_id", "rejected_id"]


def _placed(
    recipe: Recipe, paired: Paired, samples: pl.DataFrame, splitting: Splitting
) -> tuple[pl.DataFrame, list[Step]]:
    """Pairs with a name and a split; what looks the same on both sides, is over the cap or between splits is out."""
    if recipe.pairing.rule == "none":
        return _with_split(rows.name_pairs(paired.couples, samples), splitting).drop("reason"), []
    named = rows.name_pairs(paired.couples, samples)
    same = [("same_content", pl.col("chosen_content") == pl.col("rejected_content"))]
    named, first = sift(named, same, key="different", unit="pairs", ids=_IDS)
    steps = [first]
    if recipe.pairs_per_prompt is not None:
        named, capped = _capped(named, recipe.pairs_per_prompt, recipe.seed)
        steps.append(capped)
    placed = _with_split(named, splitting).rename({"reason": "excluded"})
    reasons = ["between_splits", "near_duplicate_elsewhere"]
    placed, last = sift(
        placed, [(reason, pl.col("excluded") == reason) for reason in reasons], key="split", unit="pairs", ids=_IDS
    )
    return placed.drop("excluded"), [*steps, last]


def _with_split(named: pl.DataFrame, splitting: Splitting) -> pl.DataFrame:
    return named.join(splitting.prompts.select("prompt_id", "split", "reason"), on="prompt_id")


def _capped(named: pl.DataFrame, cap: int, seed: int) -> tuple[pl.DataFrame, Step]:
    ordered = named.with_columns(seeded_order(named["pair_id"], seed, salt="caps"))
    inside = cap_per_prompt(ordered, cap)["pair_id"]
    rule = [("over_the_cap", ~pl.col("pair_id").is_in(inside.implode()))]
    return sift(named, rule, key="caps", unit="pairs", ids=[*_IDS, "margin"])


def _kept_samples(
    samples: pl.DataFrame, finished: pl.DataFrame, splitting: Splitting, heard: list[Heard]
) -> pl.DataFrame:
    placed = samples.join(splitting.prompts.select("prompt_id", "split"), on="prompt_id")
    placed = placed.filter(pl.col("split").is_not_null())
    is_chosen = pl.col("sample_id").is_in(finished["chosen_id"].unique().implode())
    is_rejected = pl.col("sample_id").is_in(finished["rejected_id"].unique().implode())
    role = pl.when(is_chosen & is_rejected).then(pl.lit("both")).when(is_chosen).then(pl.lit("chosen"))
    placed = placed.with_columns(role=role.when(is_rejected).then(pl.lit("rejected")).otherwise(pl.lit("kept")))
    placed = placed.join(_scores_of(heard), on="sample_id", how="left")
    none = pl.lit([], dtype=pl.List(STATEMENT_STRUCT))
    placed = placed.with_columns(pl.col("evidence").fill_null(none))
    return placed.select([pl.col(name).cast(dtype) for name, dtype in SAMPLES.items()]).sort("sample_id")


def _scores_of(heard: list[Heard]) -> pl.DataFrame:
    parts = [one.statements.select("sample_id", *rows.STATEMENT) for one in heard if one.signal.source == "scores"]
    empty = {"sample_id": pl.Int64, "kind": pl.String, "judgement_id": pl.Int64, "position": pl.Int32}
    statements = pl.concat([pl.DataFrame(schema=empty), *parts])
    return rows.evidence_lists(statements, "sample_id")


def _splits_of(kept: pl.DataFrame, splitting: Splitting) -> pl.DataFrame:
    here = splitting.prompts.join(kept.select("prompt_id").unique(), on="prompt_id", how="semi")
    return here.select([pl.col(name).cast(dtype) for name, dtype in SPLITS.items()]).sort("prompt_id")
