"""Runs a recipe over evidence: pairs, samples, the splits, and a funnel that says what became of the rest."""

from dataclasses import dataclass, replace

import polars as pl

from curation.recipes.frames import Evidence, in_order
from curation.recipes.funnel import Step
from curation.recipes.model import Recipe, Signal
from curation.recipes.signals import Heard, hear, hear_spread
from curation.recipes.steps import (
    balance,
    barred,
    candidates,
    difficulty,
    dominance,
    evidence,
    filters,
    near_duplicates,
    originals,
    pairs,
    placing,
    rows,
    subjects,
)
from curation.recipes.steps.couples import Paired
from curation.recipes.steps.evidence import Read
from curation.recipes.steps.placing import Opinions
from curation.recipes.tables import SAMPLES, SPLITS, STATEMENT_STRUCT, completed, version_digest
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
        return version_digest(self.pairs, self.samples, self.splits)


def run(recipe: Recipe, given: Evidence) -> Result:
    """Applies the recipe. The same recipe and evidence give the same rows, whatever the order of the evidence.

    Raises:
        Refused: the recipe would count one opinion twice or mix scales or principles.
    """
    given = given.sorted()
    samples_given = given.samples
    if recipe.candidates.under == "original":
        given = originals.compete_under_them(given)
    read, first = evidence.read(recipe, given)
    del given  # so that whoever gave it may let go of it too
    considered, second = candidates.choose(recipe, read.evidence)
    read = replace(read, considered=considered)
    if recipe.pairing.rule == "wrong_prompt":
        read, unread = barred.not_under(read, recipe.split.near_duplicates)
        second = [*second, unread] if unread else second
    samples, filter_steps, filter_signals = _filtered(recipe, considered, read)
    splitting = _split(recipe, read.evidence)
    samples, told = _competing(recipe, samples, read, splitting)
    heard = _heard(recipe, samples, told)
    opinions = _opinions(recipe, samples, told, heard)
    samples, paired = _paired(recipe, samples, heard, told)
    table, last_steps = placing.place(recipe, paired, samples, opinions)
    finished = rows.complete(recipe, paired, table, heard, filter_signals, opinions.voices)
    kept = _kept_samples(samples, finished, [*heard.values(), *filter_signals])
    if recipe.pairing.rule in pairs.WITHOUT_PAIRS and recipe.balance is not None:
        kept, balancing = balance.of_samples(kept, recipe.balance, samples, recipe.seed)
        last_steps = [*last_steps, balancing]
    return Result(
        pairs=subjects.real(finished, samples),
        samples=kept,
        splits=_splits_of(kept, splitting),
        funnel=[first, *second, *filter_steps, *subjects.real_steps([*paired.steps, *last_steps], samples)],
        evidence=_as_given(considered, samples_given, read.evidence),
        largest_component=splitting.largest_component,
    )


def _as_given(considered: pl.DataFrame, samples: pl.DataFrame, counted: Evidence) -> Evidence:
    """What counted, with the samples that were considered as they were given."""
    if considered.height < samples.height:  # where all were considered, the very frame serves: nothing is copied
        samples = samples.join(considered.select("sample_id"), on="sample_id", how="semi", maintain_order="left")
    return replace(counted, samples=samples, flags=counted.flags.clear())


def _filtered(recipe: Recipe, samples: pl.DataFrame, read: Read) -> tuple[pl.DataFrame, list[Step], list[Heard]]:
    """The samples that go on, and the signals that let them: bars, then near-duplicates, then difficulty."""
    steps, signals = [], []
    for rule in recipe.filters:
        heard = hear(rule.by, read, samples)
        spread = hear_spread(rule.by, read, samples) if rule.spread_at_most is not None else None
        samples, step = filters.apply(samples, rule, heard, spread)
        steps.append(step)
        signals.append(heard)
    if recipe.near_duplicates is not None:
        by = recipe.near_duplicates.by
        better = hear(by, read, samples) if by else None
        samples, step = near_duplicates.leave_out(samples, recipe.near_duplicates, read.evidence, better)
        steps.append(step)
        signals += [better] if better else []
    if recipe.difficulty is not None and read.considered is not None:
        measure = hear(recipe.difficulty.by, read, read.considered)
        samples, step = difficulty.into_bands(samples, recipe.difficulty, read.considered, measure)
        steps.append(step)
        signals.append(measure)
    return samples, steps, signals


def _competing(recipe: Recipe, samples: pl.DataFrame, read: Read, splitting: Splitting) -> tuple[pl.DataFrame, Read]:
    """The answers that may meet, with their sides and their prompt's split, and the evidence told about them."""
    answers = subjects.own(samples)
    if recipe.pairing.rule == "wrong_prompt":
        linked = originals.contrasts(read.evidence.prompt_links)
        wrong = linked if recipe.pairing.prompts == "contrasts" else None
        answers, read = subjects.with_other_prompts(answers, read, wrong)
        read = replace(read, considered=answers)
    splits = splitting.prompts.select("split", judged_prompt_id="prompt_id", excluded="reason")
    answers = answers.join(splits, on="judged_prompt_id", maintain_order="left")
    return candidates.with_sides(answers, recipe, read), read


def _heard(recipe: Recipe, samples: pl.DataFrame, read: Read) -> dict[str, Heard]:
    named: dict[str, Signal | None] = {"by": recipe.pairing.by, "judge": recipe.pairing.judge}
    named |= {f"group:{place}": group.by for place, group in enumerate(recipe.pairing.groups)}
    return {name: hear(signal, read, samples) for name, signal in named.items() if signal is not None}


def _opinions(recipe: Recipe, samples: pl.DataFrame, read: Read, deciding: dict[str, Heard]) -> Opinions:
    return Opinions(
        deciding=deciding,
        agreeing=[[hear(signal, read, samples) for signal in rule.among] for rule in recipe.agreement],
        gold=hear(recipe.gold, read, samples) if recipe.gold else None,
    )


def _paired(recipe: Recipe, samples: pl.DataFrame, heard: dict[str, Heard], read: Read) -> tuple[pl.DataFrame, Paired]:
    """The samples that are kept, and the pairs of them."""
    rule = recipe.pairing
    if rule.rule not in pairs.WITHOUT_PAIRS:
        return samples, pairs.make(rule, samples, heard, read)
    steps: list[Step] = []
    if rule.rule == "pareto":
        samples, steps = dominance.front_of(rule, samples, heard, read)
    floats = dict.fromkeys(["chosen_score", "rejected_score", "margin"], pl.Float64)
    ids = dict.fromkeys(["prompt_id", "chosen_id", "rejected_id"], pl.Int64)
    nobody = pl.DataFrame(schema={**ids, **floats})
    return samples, Paired(nobody, pl.DataFrame(schema=pairs.BEHIND), steps, margin_unit="score")


def _split(recipe: Recipe, evidence: Evidence) -> Splitting:
    """Splits all prompts that were read, so that a stricter filter does not move a prompt."""
    rule = recipe.split
    return split_prompts(
        evidence.prompts,
        media=evidence.prompt_media,
        assigned=evidence.assigned,
        shares=rule.shares,
        near_duplicates=rule.near_duplicates,
        rewrites=originals.rewrites(evidence.prompt_links),
        seed=rule.seed,
    )


def _kept_samples(samples: pl.DataFrame, finished: pl.DataFrame, heard: list[Heard]) -> pl.DataFrame:
    placed = samples.filter(pl.col("split").is_not_null())
    is_chosen = pl.col("sample_id").is_in(finished["chosen_id"].unique().implode())
    is_rejected = pl.col("sample_id").is_in(finished["rejected_id"].unique().implode())
    role = pl.when(is_chosen & is_rejected).then(pl.lit("both")).when(is_chosen).then(pl.lit("chosen"))
    placed = placed.with_columns(role=role.when(is_rejected).then(pl.lit("rejected")).otherwise(pl.lit("kept")))
    # Under another prompt than its own a sample is nobody's candidate, only the other side of a pair.
    placed = placed.filter((pl.col("sample_id") == pl.col("real_id")) | (pl.col("role") != "kept"))
    placed = placed.with_columns(answer_id="sample_id", sample_id="real_id", prompt_id="judged_prompt_id")
    columns = [name for name in SAMPLES if name in placed.columns]
    placed = in_order(placed.select("answer_id", *columns), ["sample_id", "prompt_id"])
    return completed(_with_scores(placed, heard), SAMPLES).cast(SAMPLES)


# Lists are made for so many samples at a time: making them takes several times what they take themselves.
_AT_ONCE = 100_000


def _with_scores(placed: pl.DataFrame, heard: list[Heard]) -> pl.DataFrame:
    """The samples with `evidence`: the statements that were heard of each (by answer_id, which goes)."""
    parts = [one.about_samples.select("sample_id", *rows.STATEMENT[1:]) for one in heard if one.about_samples.height]
    slices = [placed.slice(start, _AT_ONCE) for start in range(0, max(placed.height, 1), _AT_ONCE)]
    return pl.concat([_with_lists(part, parts) for part in slices])


def _with_lists(placed: pl.DataFrame, parts: list[pl.DataFrame]) -> pl.DataFrame:
    low, high = placed["answer_id"].min(), placed["answer_id"].max()
    near = [part.filter(pl.col("sample_id").is_between(low, high)) for part in parts]
    nobody = pl.DataFrame(schema={"sample_id": pl.Int64, "judgement_id": pl.Int64, "position": pl.Int32})
    statements = pl.concat([nobody, *near]).with_columns(kind=pl.lit("score", dtype=rows.KIND))
    lists = rows.evidence_lists(statements.rename({"sample_id": "answer_id"}), "answer_id")
    told = placed.join(lists, on="answer_id", how="left", maintain_order="left").drop("answer_id")
    return told.with_columns(pl.col("evidence").fill_null(pl.lit([], dtype=pl.List(STATEMENT_STRUCT))))


def _splits_of(kept: pl.DataFrame, splitting: Splitting) -> pl.DataFrame:
    here = splitting.prompts.join(kept.select("prompt_id").unique(), on="prompt_id", how="semi")
    return here.select([pl.col(name).cast(dtype) for name, dtype in SPLITS.items()]).sort("prompt_id")
