"""Who decided the pairs: one rater alone, machines alone, a relative of the generator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from curation.gate.found import Found, Idle, told
from curation.gate.tables import Examined
from curation.rewards.agreement import independence, is_own_model

MACHINES = ("model", "rule", "head", "ensemble")
_NOBODY = pl.DataFrame(schema={"pair": pl.UInt32, "rater_id": pl.Int64})


def look(examined: Examined) -> Iterator[Found | Idle]:
    if not examined.pairs.height:
        for code in ("single-rater", "machine-only", "self-graded", "cycle-graded", "own-labels"):
            yield Idle(code, "there are no pairs")
        return
    yield from _single(examined)
    yield from _machines(examined)
    kin, cycles = _kin(examined), _cycles(examined)
    dependent = pl.concat(
        [found.select("pair", "rater_id") for found in (kin, cycles) if found is not None] or [_NOBODY]
    )
    yield from _self_graded(examined, kin, dependent)
    yield from _cycle_graded(examined, cycles, dependent)
    yield from _own_labels(examined)


def _single(examined: Examined) -> Iterator[Found]:
    """Pairs behind which one rater stands. Scores that only let samples pass decide nothing; nor did anybody decide
    pairs that are right by construction."""
    heard = examined.voices.group_by("pair").agg(raters=pl.col("rater_id").n_unique())
    pairs = examined.pairs.select("pair_id", "basis").with_row_index("pair").join(heard, on="pair", how="left")
    rows = pairs.filter(pl.col("raters").fill_null(0) <= 1, pl.col("basis") != "construction").sort("pair")
    rows = rows.select("pair_id")
    if rows.height:
        share = rows.height / examined.pairs.height
        words = told(rows.height, "pair", "was", "were") + f" decided by one rater alone, {share:.0%} of all."
        yield Found("single-rater", words, rows)


def _machines(examined: Examined) -> Iterator[Found]:
    rows = examined.pairs.filter(pl.col("basis") == "machines").select("pair_id")
    if rows.height:
        share = rows.height / examined.pairs.height
        words = (
            told(rows.height, "pair", "rests", "rest")
            + f" on machines alone, {share:.0%} of all: no person has looked."
        )
        yield Found("machine-only", words, rows)


def _self_graded(examined: Examined, kin: pl.DataFrame | None, dependent: pl.DataFrame) -> Iterator[Found | Idle]:
    """Pairs decided by a machine of the family of a side's generator, or by that generator's own model, and whether
    anybody independent decided them too."""
    if kin is None:
        yield Idle("self-graded", "no machine and generator both have a family")
        return
    if not kin.height:
        return
    found = _with_others(examined, kin.select("pair", "rater_id").unique(), dependent)
    words = told(found.rows.height, "pair", "was", "were") + " judged by a relative of the generator of a side"
    own = kin.filter("is_own_model")["pair"].n_unique()
    words += f", {own:,} of them by the generator's own model" if own else ""
    yield Found("self-graded", words + found.words, found.rows)


def _cycle_graded(examined: Examined, cycles: pl.DataFrame | None, dependent: pl.DataFrame) -> Iterator[Found | Idle]:
    """Pairs decided by a scorer that goes back from the output, and whether anybody independent decided them too."""
    if cycles is None:
        yield Idle("cycle-graded", "no rater behind the pairs goes back from the output to the prompt")
        return
    found = _with_others(examined, cycles, dependent)
    words = told(found.rows.height, "pair", "was", "were") + " decided by going back from the output to the prompt"
    yield Found("cycle-graded", words + found.words, found.rows)


def _own_labels(examined: Examined) -> Iterator[Found | Idle]:
    """Pairs decided by a machine on a prompt whose labels it was fitted on, or on one that belongs with it, and whether
    anybody else decided them too."""
    if not examined.fitted.height:
        yield Idle("own-labels", "no rater behind the pairs was fitted on labels of this project")
        return
    pairs = examined.pairs.select("pair_id", "chosen_prompt_id", "rejected_prompt_id").with_row_index("pair")
    prompts = pl.concat([pairs.select("pair", prompt_id=f"{side}_prompt_id") for side in ("chosen", "rejected")])
    voices = examined.voices.unique()
    own = voices.join(prompts.unique(), on="pair").join(examined.fitted, on=["rater_id", "prompt_id"], how="semi")
    own = own.select("pair", "rater_id").unique()
    if not own.height:
        return
    found = _with_others(examined, own, own)
    count = told(found.rows.height, "pair", "was", "were")
    words = f"{count} decided by a machine on a prompt whose labels it was fitted on, or on one that belongs with it"
    yield Found("own-labels", words + found.words, found.rows)


@dataclass(frozen=True)
class _Beside:
    """Pairs with who decided them, those without an independent rater first, and how many these are, in words."""

    rows: pl.DataFrame
    words: str


def _with_others(examined: Examined, own: pl.DataFrame, dependent: pl.DataFrame) -> _Beside:
    """The pairs of some voices, and who else decided them.

    Args:
        own: pair, rater_id of the voices in question.
        dependent: the same of all voices that are no opinion from outside.
    """
    names = examined.raters.select("rater_id", "name")
    rows = own.join(names, on="rater_id").group_by("pair").agg(names=pl.col("name").unique().sort().str.join(", "))
    for column, heard in (("has_others", own), ("has_outside", pl.concat([own, dependent]))):
        others = examined.voices.unique().join(heard, on=["pair", "rater_id"], how="anti").select("pair").unique()
        rows = rows.join(others.with_columns(pl.lit(True).alias(column)), on="pair", how="left")
    rows = rows.with_columns(pl.col("has_others", "has_outside").fill_null(False))
    alone, inside = ~pl.col("has_others"), pl.col("has_others") & ~pl.col("has_outside")
    detail = (
        pl.when(alone)
        .then(pl.format("{} alone", "names"))
        .when(inside)
        .then(pl.format("{}, beside nobody independent", "names"))
        .otherwise(pl.format("{}, beside others", "names"))
    )
    rows = rows.with_columns(detail=detail).join(examined.pairs.select("pair_id").with_row_index("pair"), on="pair")
    words = _beside_words(rows.filter(alone).height, rows.filter(inside).height)
    return _Beside(rows.sort("has_outside", "has_others", "pair"), words)


def _beside_words(alone: int, inside: int) -> str:
    if not alone and not inside:
        return ", beside others."
    parts = [f"for {alone:,} of them it is the only source"] if alone else []
    parts += [f"for {inside:,} of them nobody independent decided beside it"] if inside else []
    return f"; {' and '.join(parts)}."


def _kin(examined: Examined) -> pl.DataFrame | None:
    """pair, rater_id, is_own_model of voices on what their own kind made; None where none can be known."""
    related = _related(examined)
    if related is None:
        return None
    return _voices_on_sides(examined).join(related, on=["rater_id", "generator_id"])


def _cycles(examined: Examined) -> pl.DataFrame | None:
    """pair, rater_id of voices that go back from the output; None where nobody does."""
    raters = examined.raters.filter(pl.col("independence") == "cycle").select("rater_id")
    return examined.voices.unique().join(raters, on="rater_id", how="semi") if raters.height else None


def _related(examined: Examined) -> pl.DataFrame | None:
    """rater_id, generator_id, is_own_model of machines and generators of one family or model; None where neither the
    families nor the models of any two are known."""
    machines = examined.raters.filter(pl.col("rater_kind").is_in(MACHINES))
    raters = list(machines.select("rater_id", "family", "model_names").iter_rows())
    generators = list(examined.generators.select("generator_id", "family", "name", "revision").iter_rows())
    have_families = any(family for _pk, family, _names in raters) and any(one[1] for one in generators)
    if not have_families and not any(names for _pk, _family, names in raters):
        return None
    couples = []
    for rater, one, names in raters:
        for generator, other, name, revision in generators:
            is_own = is_own_model(names or (), name, revision or "")
            if is_own or independence(one, other) == "same family":
                couples.append((rater, generator, is_own))
    schema = {"rater_id": pl.Int64, "generator_id": pl.Int64, "is_own_model": pl.Boolean}
    return pl.DataFrame(couples, schema=schema, orient="row")


def _voices_on_sides(examined: Examined) -> pl.DataFrame:
    """pair, rater_id, generator_id: a row for each side."""
    made = examined.samples.select("sample_id", "generator_id")
    pairs = examined.pairs.select("chosen_id", "rejected_id").with_row_index("pair")
    sides = pl.concat([pairs.select("pair", sample_id=f"{side}_id") for side in ("chosen", "rejected")])
    return examined.voices.unique().join(sides.join(made, on="sample_id"), on="pair")
