"""From couples to the rows of a version: scores and votes beside each pair, its basis, its evidence, its name."""

from collections.abc import Sequence

import polars as pl

from curation.recipes.model import Recipe
from curation.recipes.signals import Heard
from curation.recipes.steps.evidence import BEHAVIOUR
from curation.recipes.steps.pairs import Paired
from curation.recipes.tables import PAIRS, SCORE_STRUCT, STATEMENT_STRUCT, pair_ids

_COUPLE = ["prompt_id", "chosen_id", "rejected_id"]


def name_pairs(couples: pl.DataFrame, samples: pl.DataFrame) -> pl.DataFrame:
    """Adds `pair_id`, and the kind and content of both sides."""
    facts = samples.select("sample_id", "identity", "kind", "content")
    prompts = samples.select("prompt_id", "prompt_identity").unique()
    named = couples.join(prompts, on="prompt_id")
    for side in ("chosen", "rejected"):
        mine = facts.rename({"sample_id": f"{side}_id", **{c: f"{side}_{c}" for c in ("identity", "kind", "content")}})
        named = named.join(mine, on=f"{side}_id")
    identities = (named[c].to_list() for c in ("prompt_identity", "chosen_identity", "rejected_identity"))
    return named.with_columns(pl.Series("pair_id", pair_ids(*identities), dtype=pl.String)).sort("pair_id")


def complete(
    recipe: Recipe, paired: Paired, pairs: pl.DataFrame, heard: dict[str, Heard], filters: Sequence[Heard]
) -> pl.DataFrame:
    """The rows of `tables.PAIRS` for named pairs with their split.

    Args:
        paired: what the rule made, for the comparisons behind each couple.
        pairs: the pairs that were kept: pair_id, the ids, kinds, margin, scores and split.
        heard: the signals that decided (`by`, and `judge`); they alone make the basis.
        filters: the signals that only let samples pass; their scores are evidence too.
    """
    deciding = list(heard.values())
    behind = paired.behind.join(pairs.select(*_COUPLE, "pair_id"), on=_COUPLE)
    statements = _statements(pairs, behind, deciding, filters)
    pairs = pairs.join(_basis(statements), on="pair_id", how="left")
    pairs = pairs.join(evidence_lists(statements, "pair_id"), on="pair_id", how="left")
    pairs = pairs.join(_scores(pairs, [*deciding, *filters]), on="pair_id", how="left")
    pairs = _with_votes(pairs, deciding)
    rule = recipe.pairing
    return (
        pairs.with_columns(
            pl.lit(rule.rule).alias("rule"),
            pl.lit(rule.by.criterion if rule.by else "").alias("criterion"),
            pl.lit(paired.margin_unit).alias("margin_unit"),
            chosen_prompt_id="prompt_id",
            rejected_prompt_id="prompt_id",
        )
        .select([pl.col(name).cast(dtype) for name, dtype in PAIRS.items()])
        .sort("pair_id")
    )


STATEMENT = ["kind", "judgement_id", "position"]
_IS_BEHAVIOUR = (pl.col("label") == BEHAVIOUR).alias("is_behaviour")


def _statements(
    pairs: pl.DataFrame, behind: pl.DataFrame, deciding: Sequence[Heard], filters: Sequence[Heard]
) -> pl.DataFrame:
    """Each statement behind each pair: pair_id, the statement, is_person, is_behaviour and whether it decided."""
    parts = [_scores_behind(pairs, heard, decides=True) for heard in deciding]
    parts += [_scores_behind(pairs, heard, decides=False) for heard in filters]
    parts += [_comparisons_behind(behind, heard) for heard in deciding]
    return pl.concat([_NO_STATEMENTS, *parts]).unique(["pair_id", *STATEMENT, "decides"])


def _scores_behind(pairs: pl.DataFrame, heard: Heard, *, decides: bool) -> pl.DataFrame:
    if heard.signal.source == "votes":
        return _NO_STATEMENTS
    sides = pl.concat([pairs.select("pair_id", sample_id=f"{side}_id") for side in ("chosen", "rejected")])
    found = sides.join(heard.statements, on="sample_id")
    return found.select("pair_id", *STATEMENT, "is_person", _IS_BEHAVIOUR, decides=pl.lit(decides))


def _comparisons_behind(behind: pl.DataFrame, heard: Heard) -> pl.DataFrame:
    if heard.signal.source == "scores":
        return _NO_STATEMENTS
    found = behind.select("pair_id", "low", "high").join(heard.statements, on=["low", "high"])
    return found.select("pair_id", *STATEMENT, "is_person", _IS_BEHAVIOUR, decides=pl.lit(True))


_NO_STATEMENTS = pl.DataFrame(
    schema={
        "pair_id": pl.String,
        "kind": pl.String,
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
    return statements.filter("decides").group_by("pair_id").agg(basis=basis.otherwise(pl.lit("machines")))


def evidence_lists(statements: pl.DataFrame, key: str) -> pl.DataFrame:
    once = statements.select(key, *STATEMENT).unique().sort(key, *STATEMENT)
    return once.group_by(key, maintain_order=True).agg(evidence=pl.struct(STATEMENT).cast(STATEMENT_STRUCT))


def _scores(pairs: pl.DataFrame, heard: Sequence[Heard]) -> pl.DataFrame:
    """All numbers the recipe read of the two, by rater and criterion."""
    parts = [_both_values(pairs, one) for one in heard if one.signal.source == "scores"]
    if not parts:
        return pairs.select("pair_id", scores=pl.lit([], dtype=pl.List(SCORE_STRUCT)))
    rows = pl.concat(parts).unique().sort("pair_id", "criterion", "rater")
    return rows.group_by("pair_id", maintain_order=True).agg(
        scores=pl.struct("rater", "criterion", "chosen", "rejected").cast(SCORE_STRUCT)
    )


def _both_values(pairs: pl.DataFrame, heard: Heard) -> pl.DataFrame:
    chosen = heard.values.select(chosen_id="sample_id", chosen="value")
    rejected = heard.values.select(rejected_id="sample_id", rejected="value")
    both = (
        pairs.select("pair_id", "chosen_id", "rejected_id")
        .join(chosen, on="chosen_id")
        .join(rejected, on="rejected_id")
    )
    raters = " + ".join(heard.statements["label"].unique().sort().to_list())
    return both.select("pair_id", "chosen", "rejected", rater=pl.lit(raters), criterion=pl.lit(heard.signal.criterion))


def _with_votes(pairs: pl.DataFrame, deciding: Sequence[Heard]) -> pl.DataFrame:
    """The votes on exactly these two, and the winner's share of them; zero and null where nobody compared them."""
    voted = [heard.shares for heard in deciding if heard.signal.source == "votes"][:1]
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
