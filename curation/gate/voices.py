"""Who decided the pairs: one rater alone, machines alone, a relative of the generator."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from curation.gate.found import Found, Idle, told
from curation.gate.tables import Examined
from curation.rewards.agreement import independence

MACHINES = ("model", "rule", "head", "ensemble")


def look(examined: Examined) -> Iterator[Found | Idle]:
    if not examined.pairs.height:
        for code in ("single-rater", "machine-only", "self-graded"):
            yield Idle(code, "there are no pairs")
        return
    yield from _single(examined)
    yield from _machines(examined)
    yield from _self_graded(examined)


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


def _self_graded(examined: Examined) -> Iterator[Found | Idle]:
    """Pairs decided by a machine of the family of a side's generator, and whether anybody else decided them too."""
    related = _related(examined)
    if related is None:
        yield Idle("self-graded", "no machine and generator both have a family")
        return
    own = _voices_on_sides(examined).join(related, on=["rater_id", "generator_id"], how="semi")
    own = own.select("pair", "rater_id").unique()
    if not own.height:
        return
    others = examined.voices.unique().join(own, on=["pair", "rater_id"], how="anti").select("pair").unique()
    names = examined.raters.select("rater_id", "name")
    rows = own.join(names, on="rater_id").group_by("pair").agg(names=pl.col("name").unique().sort().str.join(", "))
    rows = rows.join(others.with_columns(beside=pl.lit(True)), on="pair", how="left")
    only = pl.col("beside").is_null()
    detail = pl.when(only).then(pl.format("{} alone", "names")).otherwise(pl.format("{}, beside others", "names"))
    rows = rows.with_columns(detail=detail).join(examined.pairs.select("pair_id").with_row_index("pair"), on="pair")
    rows = rows.sort(only, "pair", descending=[True, False])
    alone = rows.filter(only).height
    words = told(rows.height, "pair", "was", "were") + " judged by a relative of the generator of a side"
    words += f"; for {alone:,} of them it is the only source." if alone else ", beside others."
    yield Found("self-graded", words, rows)


def _related(examined: Examined) -> pl.DataFrame | None:
    """rater_id, generator_id of machines and generators of one family; None where no two families are known."""
    machines = examined.raters.filter(pl.col("rater_kind").is_in(MACHINES))
    raters = [row for row in machines.select("rater_id", "family").iter_rows() if row[1]]
    generators = [row for row in examined.generators.select("generator_id", "family").iter_rows() if row[1]]
    if not raters or not generators:
        return None
    couples = [
        (rater, generator)
        for rater, one in raters
        for generator, other in generators
        if independence(one, other) == "same family"
    ]
    return pl.DataFrame(couples, schema={"rater_id": pl.Int64, "generator_id": pl.Int64}, orient="row")


def _voices_on_sides(examined: Examined) -> pl.DataFrame:
    """pair, rater_id, generator_id: a row for each side."""
    made = examined.samples.select("sample_id", "generator_id")
    pairs = examined.pairs.select("chosen_id", "rejected_id").with_row_index("pair")
    sides = pl.concat([pairs.select("pair", sample_id=f"{side}_id") for side in ("chosen", "rejected")])
    return examined.voices.unique().join(sides.join(made, on="sample_id"), on="pair")
