"""From couples to the rows of a version: scores and votes beside each pair, its basis, its evidence, its name."""

from collections.abc import Sequence

import polars as pl

from curation.recipes.model import Pairing, Recipe
from curation.recipes.signals import Heard
from curation.recipes.steps.couples import Paired
from curation.recipes.steps.evidence import A_PERSON, BEHAVIOUR
from curation.recipes.tables import PAIRS, SCORE_STRUCT, STATEMENT_STRUCT, pair_ids

_COUPLE = ["prompt_id", "chosen_id", "rejected_id"]


def name_pairs(couples: pl.DataFrame, samples: pl.DataFrame) -> pl.DataFrame:
    """Adds `pair_id`, both prompts, the split, and the kind and content of both sides."""
    named = couples
    for side in ("chosen", "rejected"):
        names = {name: f"{side}_{name}" for name in _FACTS} | {"sample_id": f"{side}_id"}
        facts = (
            samples.select("sample_id", *_FACTS).rename(names).rename({f"{side}_judged_prompt_id": f"{side}_prompt_id"})
        )
        named = named.join(facts, on=f"{side}_id")
    sides = [(named[f"{side}_prompt_identity"].to_list(), named[f"{side}_identity"].to_list()) for side in _SIDES]
    pair_id = pl.Series("pair_id", pair_ids(*sides), dtype=pl.String)
    return named.with_columns(pair_id, split="chosen_split").sort("pair_id")


_SIDES = ("chosen", "rejected")
_FACTS = ("judged_prompt_id", "prompt_identity", "identity", "kind", "content", "split", "excluded")


def complete(
    recipe: Recipe,
    paired: Paired,
    pairs: pl.DataFrame,
    heard: dict[str, Heard],
    filters: Sequence[Heard],
    voices: Sequence[Heard] = (),
) -> pl.DataFrame:
    """The rows of `tables.PAIRS` for named pairs with their split.

    Args:
        paired: what the rule made, for the comparisons behind each couple.
        pairs: the pairs that were kept: pair_id, the ids, kinds, margin, scores and split.
        heard: the signals that decided (`by`, and `judge`); they alone make the basis.
        filters: the signals that only let samples pass; their scores are evidence too.
        voices: the signals that had to agree; what they said of the two is evidence too.
    """
    deciding = list(heard.values())
    pairs = pairs.with_row_index("row")
    behind = paired.behind.join(pairs.select(*_COUPLE, "row"), on=_COUPLE)
    statements = pl.concat([*_statements(pairs, behind, deciding, [*filters, *voices]), *_agreed(pairs, voices)])
    statements = statements.unique(["row", *STATEMENT, "decides"])
    pairs = pairs.join(_basis(statements), on="row", how="left")
    # Nobody decided: the pair follows from how its samples were made.
    pairs = pairs.with_columns(pl.col("basis").fill_null("construction"))
    pairs = pairs.join(evidence_lists(statements, "row"), on="row", how="left")
    del statements
    pairs = pairs.with_columns(pl.col("evidence").fill_null(pl.lit([], dtype=pl.List(STATEMENT_STRUCT))))
    pairs = pairs.join(_scores(pairs, [*deciding, *filters, *voices]), on="row", how="left")
    pairs = _with_votes(pairs, deciding)
    rule = recipe.pairing
    return (
        pairs.with_columns(
            pl.lit(rule.rule).alias("rule"),
            pl.lit(_criterion(rule)).alias("criterion"),
            pl.lit(paired.margin_unit).alias("margin_unit"),
        )
        .select([pl.col(name).cast(dtype) for name, dtype in PAIRS.items()])
        .sort("pair_id")
    )


def _criterion(rule: Pairing) -> str:
    """What the margin is measured on: one criterion, or the groups of several; empty where nothing is measured."""
    return rule.by.criterion if rule.by else " + ".join(group.name for group in rule.groups)


STATEMENT = ["kind", "judgement_id", "position"]
# In the order of their names; a number in memory, where there are many statements.
KIND = pl.Enum(["comparison", "score"])
_IS_BEHAVIOUR = (pl.col("label") == BEHAVIOUR).alias("is_behaviour")
# Scripts that a recipe takes for people are none: a pair of theirs has the basis of machines.
_IS_PERSON = (pl.col("label") == A_PERSON).alias("is_person")


def _statements(
    pairs: pl.DataFrame, behind: pl.DataFrame, deciding: Sequence[Heard], filters: Sequence[Heard]
) -> list[pl.DataFrame]:
    """The statements behind each pair: its row, the statement, is_person, is_behaviour and whether it decided."""
    parts = [_scores_behind(pairs, heard, decides=True) for heard in deciding]
    parts += [_scores_behind(pairs, heard, decides=False) for heard in filters]
    parts += [_comparisons_behind(behind, heard) for heard in deciding]
    return [_NO_STATEMENTS, *parts]


def _agreed(pairs: pl.DataFrame, voices: Sequence[Heard]) -> list[pl.DataFrame]:
    """The comparisons of exactly the two that had a voice in whether the pair stays."""
    couple = pairs.select(
        "row",
        low=pl.min_horizontal("chosen_id", "rejected_id"),
        high=pl.max_horizontal("chosen_id", "rejected_id"),
    )
    return [_comparisons_behind(couple, heard).with_columns(decides=pl.lit(False)) for heard in voices]


def _scores_behind(pairs: pl.DataFrame, heard: Heard, *, decides: bool) -> pl.DataFrame:
    if not heard.about_samples.height:
        return _NO_STATEMENTS
    sides = pl.concat([pairs.select("row", sample_id=f"{side}_id") for side in _SIDES])
    found = sides.join(heard.about_samples, on="sample_id").with_columns(kind=pl.lit("score", dtype=KIND))
    return found.select("row", *STATEMENT, _IS_PERSON, _IS_BEHAVIOUR, decides=pl.lit(decides))


def _comparisons_behind(behind: pl.DataFrame, heard: Heard) -> pl.DataFrame:
    if not heard.about_couples.height:
        return _NO_STATEMENTS
    found = behind.select("row", "low", "high").join(heard.about_couples, on=["low", "high"])
    found = found.with_columns(kind=pl.lit("comparison", dtype=KIND))
    return found.select("row", *STATEMENT, _IS_PERSON, _IS_BEHAVIOUR, decides=pl.lit(True))


_NO_STATEMENTS = pl.DataFrame(
    schema={
        "row": pl.UInt32,
        "kind": KIND,
        "judgement_id": pl.Int64,
        "position": pl.Int32,
        "is_person": pl.Boolean,
        "is_behaviour": pl.Boolean,
        "decides": pl.Boolean,
    }
)


def _basis(statements: pl.DataFrame) -> pl.DataFrame:
    """Who decided: people, machines, or both of them; or behaviour alone, which is no vote of anybody."""
    people, machines = pl.col("is_person").any(), (~pl.col("is_person")).any()
    basis = pl.when(people & machines).then(pl.lit("both")).when(people).then(pl.lit("people"))
    basis = basis.when(pl.col("is_behaviour").all()).then(pl.lit("behaviour"))
    return statements.filter("decides").group_by("row").agg(basis=basis.otherwise(pl.lit("machines")))


def evidence_lists(statements: pl.DataFrame, key: str) -> pl.DataFrame:
    """`evidence` for each value of the key: its statements (`STATEMENT`), sorted, each once."""
    once = statements.select(key, *STATEMENT).unique().sort(key, *STATEMENT)
    return once.group_by(key, maintain_order=True).agg(evidence=pl.struct(STATEMENT).cast(STATEMENT_STRUCT))


def _scores(pairs: pl.DataFrame, heard: Sequence[Heard]) -> pl.DataFrame:
    """All numbers the recipe read of the two, by rater and criterion."""
    parts = [_both_values(pairs, number) for one in heard for number in one.numbers]
    if not parts:
        return pairs.select("row", scores=pl.lit([], dtype=pl.List(SCORE_STRUCT)))
    rows = pl.concat(parts).unique().sort("row", "criterion", "rater")
    return rows.group_by("row", maintain_order=True).agg(
        scores=pl.struct("rater", "criterion", "chosen", "rejected").cast(SCORE_STRUCT)
    )


def _both_values(pairs: pl.DataFrame, heard: Heard) -> pl.DataFrame:
    chosen = heard.values.select(chosen_id="sample_id", chosen="value")
    rejected = heard.values.select(rejected_id="sample_id", rejected="value")
    both = pairs.select("row", "chosen_id", "rejected_id").join(chosen, on="chosen_id").join(rejected, on="rejected_id")
    raters = " + ".join(sorted(heard.about_samples["label"].unique().cast(pl.String).to_list()))
    return both.select("row", "chosen", "rejected", rater=pl.lit(raters), criterion=pl.lit(heard.signal.criterion))


def _with_votes(pairs: pl.DataFrame, deciding: Sequence[Heard]) -> pl.DataFrame:
    """The votes on exactly these two, and the winner's share of them; zero and null where nobody compared them."""
    voted = [heard.shares for heard in deciding if heard.decides_couples][:1]
    pairs = pairs.with_columns(
        low=pl.min_horizontal("chosen_id", "rejected_id"), high=pl.max_horizontal("chosen_id", "rejected_id")
    )
    if not voted:
        zero = pl.lit(0, dtype=pl.Int32)
        return pairs.with_columns(
            votes_chosen=zero, votes_rejected=zero, votes_tie=zero, confidence=pl.lit(None, dtype=pl.Float64)
        )
    pairs = pairs.join(voted[0], on=["low", "high"], how="left")
    chosen_is_low = pl.col("chosen_id") == pl.col("low")
    return pairs.with_columns(
        votes_chosen=pl.when(chosen_is_low).then("votes_low").otherwise("votes_high").fill_null(0),
        votes_rejected=pl.when(chosen_is_low).then("votes_high").otherwise("votes_low").fill_null(0),
        votes_tie=pl.col("votes_tie").fill_null(0),
        confidence=pl.when(chosen_is_low).then("share").otherwise(1.0 - pl.col("share")).round(12),
    )
