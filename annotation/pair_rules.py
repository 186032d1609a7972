"""Rules that choose which samples are judged together. Plain code, in columns: no loop over prompts.

Every rule takes the candidates of all prompts and returns sets of them, one row an item:

- `prompt`, `samples` (ids, ascending), `probability` (of this set being asked under the rule; null where nobody
  could say), `rank` (the order of asking, small first).

Two samples with the same content (same files in the same order, same text) are never put into one set: of twins one
is drawn to stand for all. Probabilities are exact for `random_sets` and `round_robin`: they are the shares over all
draws of the generator, given the candidates. Rules that look at scores choose by what they see, so theirs are null.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.special import binom

CANDIDATES = pl.Schema({"sample": pl.Int64, "prompt": pl.Int64, "generator": pl.Int64, "content": pl.String})
SETS = pl.Schema(
    {"prompt": pl.Int64(), "samples": pl.List(pl.Int64), "probability": pl.Float64(), "rank": pl.Float64()}
)
# Sets chosen earlier, which are not chosen again.
EARLIER = pl.Schema({"prompt": pl.Int64(), "samples": pl.List(pl.Int64)})

# Rows a rule may look at: some 2 GiB. A batch is far smaller.
MOST_ROWS = 20_000_000


class TooMany(ValueError):
    """More possible sets than fit into memory; the message says what would help."""


def no_sets() -> pl.DataFrame:
    return pl.DataFrame(schema=SETS)


def random_sets(
    candidates: pl.DataFrame, *, size: int, most: int | None, earlier: pl.DataFrame, rng: np.random.Generator
) -> pl.DataFrame:
    """Sets of `size` samples of one prompt, drawn blindly.

    Args:
        candidates: `CANDIDATES`.
        size: samples a set. One: single samples. Two: pairs, spread evenly over the samples of a prompt. More:
            disjoint groups; a prompt with fewer samples gives none.
        most: sets a prompt; None means every possible one (of groups: as many as are disjoint).
        earlier: `EARLIER`; where a prompt has some, its probabilities are null.
        rng: the only source of chance.

    Returns:
        `SETS`, ranks drawn at random. The probability of a set is `taken / possible`, divided by the twins of each of
        its samples.

    Raises:
        TooMany: more sets than `MOST_ROWS`.
    """
    placed = _placed(candidates, rng)
    if size == 1:
        sets = _singles(placed, most)
    elif size == 2:
        sets = _pairs(placed, most, earlier)
    else:
        sets = _groups(placed, size, most)
    return _shuffled(_without(sets, earlier, most), rng)


def whole_prompts(
    candidates: pl.DataFrame, *, largest: int, earlier: pl.DataFrame, rng: np.random.Generator
) -> pl.DataFrame:
    """All samples of each prompt together; of a prompt with more than `largest`, that many drawn at random."""
    placed = _placed(candidates, rng).filter(pl.col("place") < largest, pl.col("others") > 1)
    sets = _together(placed, ["prompt"])
    sets = sets.with_columns(probability=1 / _ways(sets["others"], sets["samples"].list.len()) / pl.col("twins"))
    return _shuffled(_without(sets, earlier, None), rng)


def round_robin(
    candidates: pl.DataFrame, *, most: int | None, earlier: pl.DataFrame, rng: np.random.Generator
) -> pl.DataFrame:
    """Pairs of different generators, each pair of generators about equally often over all prompts.

    The pairs of generators stand in a circle. Each prompt takes the next `most` of them that it can offer, the first
    prompt from a place drawn at random, so that a pair's probability is the number of places that reach it.
    """
    per_generator = (
        _placed(candidates, rng)
        .sort("place")
        .group_by("prompt", "generator", maintain_order=True)
        .agg(pl.first("sample", "twins"), own=pl.len())
        .with_columns(twins=pl.col("twins") * pl.col("own"))
    )
    # A file that two generators made is drawn for one of them: how often the other is offered, nobody can say.
    shared = candidates.group_by("prompt", "content").agg(pl.col("generator").n_unique().alias("makers"))
    unclear = shared.filter(pl.col("makers") > 1).select("prompt").unique()
    pairs = _all_pairs(per_generator, "generator")
    if pairs.is_empty():
        return no_sets()
    circle = pairs.select("generator", "generator_right").unique().sort("generator", "generator_right")
    pairs = pairs.join(circle.with_row_index("seat"), on=["generator", "generator_right"])
    pairs = _without_pairs(pairs, earlier).with_columns(pl.col("seat").cast(pl.Int64))
    chosen = _next_in_circle(pairs, circle.height, most, rng)
    known = ~pl.col("prompt").is_in(unclear["prompt"].to_list()) & ~_has_earlier(earlier)
    reached = pl.col("reach") / (pl.col("twins") * pl.col("twins_right"))
    return _shuffled(_as_sets(chosen, pl.when(known).then(reached)), rng)


def adjacent(
    candidates: pl.DataFrame, values: pl.DataFrame, *, most: int | None, earlier: pl.DataFrame, rng: np.random.Generator
) -> pl.DataFrame:
    """Pairs of neighbours when a prompt's samples are sorted by a score, the closest first.

    Args:
        values: `sample`, `value`; samples without a value are left out.
    """
    scored = _one_of_twins(candidates).join(values, on="sample").sort("prompt", "value", "sample")
    after = pl.col("sample", "value").shift(-1).over("prompt").name.suffix("_right")
    pairs = scored.with_columns(after).drop_nulls("sample_right")
    pairs = pairs.with_columns(gap=pl.col("value_right") - pl.col("value"))
    pairs = _first(_without_pairs(pairs, earlier).sort("prompt", "gap", "sample"), most)
    return _shuffled(_as_sets(pairs, pl.lit(None, pl.Float64)), rng)


def disagreement(
    candidates: pl.DataFrame,
    scores: list[pl.DataFrame],
    verdicts: pl.DataFrame,
    *,
    most: int | None,
    earlier: pl.DataFrame,
) -> pl.DataFrame:
    """Pairs on which machines contradict each other, the sharpest contradiction first.

    A score says by how many standard deviations of its column one sample is better; a judge says -1 to 1. How sharp
    a contradiction is, is said by the weaker of the two sides: the smaller of the strongest opinion for the one sample
    and the strongest for the other. Pairs without a contradiction are left out.

    Args:
        scores: one frame for each rater and criterion: `sample`, `value`, higher being better.
        verdicts: `low`, `high` (sample ids), `judge`, `lean`: the mean of +1 for low, 0 for a tie, -1 for high.

    Raises:
        TooMany: more pairs than `MOST_ROWS`.
    """
    wide = _one_of_twins(candidates)
    names = [f"score_{number}" for number in range(len(scores))]
    for name, frame in zip(names, scores, strict=True):
        wide = wide.join(frame.select("sample", pl.col("value").alias(name)), on="sample", how="left")
    wide = wide.with_columns([(pl.col(name) / _spread(pl.col(name))).alias(name) for name in names])
    pairs = _without_pairs(_all_pairs(wide, "sample"), earlier)
    leans = [(pl.col(name) - pl.col(f"{name}_right")).alias(f"lean_{name}") for name in names]
    pairs = pairs.select("prompt", "sample", "sample_right", *leans)
    said = verdicts.group_by("low", "high").agg(most_low=pl.max("lean"), most_high=pl.min("lean"))
    pairs = pairs.join(said, left_on=["sample", "sample_right"], right_on=["low", "high"], how="left")
    own = [f"lean_{name}" for name in names]
    pairs = pairs.with_columns(
        sharp=pl.min_horizontal(
            pl.max_horizontal("most_low", *own).fill_null(0), -pl.min_horizontal("most_high", *own).fill_null(0)
        )
    ).filter(pl.col("sharp") > 0)
    pairs = _first(pairs.sort("prompt", -pl.col("sharp"), "sample"), most)
    return _as_sets(pairs, pl.lit(None, pl.Float64), rank=-pl.col("sharp"))


def limited(sets: pl.DataFrame, limit: int | None, *, by_rank: bool, rng: np.random.Generator) -> pl.DataFrame:
    """At most `limit` sets in order of rank: the first ones, or (`by_rank` false) a blind draw, which divides all
    probabilities alike."""
    ordered = sets.sort("rank", "samples")
    if limit is None or sets.height <= limit:
        return ordered
    if by_rank:
        return ordered.head(limit)
    kept = np.sort(rng.choice(sets.height, size=limit, replace=False))
    share = limit / sets.height
    return ordered[kept].with_columns(pl.col("probability") * share)


# -- the steps --------------------------------------------------------------------------------------------------------


def _placed(candidates: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """One sample for each content of a prompt, in an order drawn at random.

    Adds `twins` (samples with the same content), `place` (0-based) and `others` (contents of the prompt).
    """
    drawn = candidates.sort("sample").with_columns(lot=pl.Series(rng.random(candidates.height), dtype=pl.Float64))
    one = (
        drawn.sort("lot")
        .group_by("prompt", "content", maintain_order=True)
        .agg(pl.first("sample", "generator"), twins=pl.len())
    )
    # The first of its twins tends to stand early: places are drawn anew.
    one = one.with_columns(lot=pl.Series(rng.random(one.height), dtype=pl.Float64)).sort("lot")
    return one.with_columns(
        place=pl.int_range(pl.len()).over("prompt"), others=pl.len().over("prompt").cast(pl.Int64)
    ).drop("lot")


def _one_of_twins(candidates: pl.DataFrame) -> pl.DataFrame:
    """The oldest sample of each content."""
    return candidates.sort("sample").unique(["prompt", "content"], keep="first", maintain_order=True)


def _singles(placed: pl.DataFrame, most: int | None) -> pl.DataFrame:
    taken = pl.col("others") if most is None else pl.min_horizontal("others", pl.lit(most))
    return placed.filter(pl.col("place") < taken).select(
        "prompt",
        pl.concat_list("sample").alias("samples"),
        (taken / pl.col("others") / pl.col("twins")).alias("probability"),
    )


def _groups(placed: pl.DataFrame, size: int, most: int | None) -> pl.DataFrame:
    """Neighbours in the drawn order: the first `size` samples, the next `size`, and so on."""
    fitting = pl.col("others") // size
    taken = fitting if most is None else pl.min_horizontal(fitting, pl.lit(most))
    grouped = placed.with_columns(group=pl.col("place") // size, taken=taken)
    sets = _together(grouped.filter(pl.col("group") < pl.col("taken")), ["prompt", "group", "taken"])
    ways = _ways(sets["others"], sets["samples"].list.len())
    return sets.with_columns(probability=pl.col("taken") / ways / pl.col("twins")).drop("group", "taken")


def _together(rows: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """The samples of each group as one set; `twins` is the product over them, `others` that of the prompt."""
    return (
        rows.sort("sample")
        .group_by(keys, maintain_order=True)
        .agg(pl.col("sample").alias("samples"), pl.col("twins").product(), pl.col("others").first())
    )


def _ways(n: pl.Series, k: pl.Series) -> pl.Series:
    """In how many ways k of n can be taken."""
    return pl.Series(binom(n.cast(pl.Float64).to_numpy(), k.cast(pl.Float64).to_numpy()))


def _pairs(placed: pl.DataFrame, most: int | None, earlier: pl.DataFrame) -> pl.DataFrame:
    """The first edges of a tournament between the places of each prompt.

    Places are drawn at random, so by symmetry each pair is among the first `taken` equally often; the order of a
    tournament spreads them over the samples as evenly as can be.
    """
    spent = earlier.group_by("prompt").agg(spent=pl.len().cast(pl.Int64))
    prompts = placed.select("prompt", "others").unique().join(spent, on="prompt", how="left")
    possible = pl.col("others") * (pl.col("others") - 1) // 2
    # What was asked before is passed over below, so as many more are made.
    wanted = possible if most is None else pl.min_horizontal(possible, pl.lit(most) + pl.col("spent").fill_null(0))
    prompts = prompts.with_columns(possible=possible, wanted=wanted)
    _check_rows(int(prompts["wanted"].sum() or 0))
    edges = _tournaments(prompts.group_by("others").agg(pl.max("wanted")))
    rows = prompts.join(edges, on="others").filter(pl.col("number") < pl.col("wanted"))
    own = placed.select("prompt", "place", "sample", "twins")
    rows = rows.join(own, left_on=["prompt", "first"], right_on=["prompt", "place"])
    rows = rows.join(own, left_on=["prompt", "second"], right_on=["prompt", "place"])
    share = pl.col("wanted") / pl.col("possible") / (pl.col("twins") * pl.col("twins_right"))
    return _as_sets(rows, pl.when(pl.col("spent").is_null()).then(share), rank=pl.col("number"))


def _tournaments(sizes: pl.DataFrame) -> pl.DataFrame:
    """For each number of players (`others`) the first `wanted` matches: `number`, `first`, `second`."""
    frames = [
        pl.DataFrame(tournament(others)[:wanted], schema={"first": pl.Int64, "second": pl.Int64}, orient="row")
        .with_row_index("number")
        .with_columns(pl.lit(others, pl.Int64).alias("others"), pl.col("number").cast(pl.Int64))
        for others, wanted in sizes.iter_rows()
        if others > 1
    ]
    schema = {"number": pl.Int64, "first": pl.Int64, "second": pl.Int64, "others": pl.Int64}
    return pl.concat(frames) if frames else pl.DataFrame(schema=schema)


def tournament(players: int) -> np.ndarray:
    """All matches between players 0 to n-1 in rounds, each player once a round (the circle method).

    Args:
        players: at least 2.

    Returns:
        int64, shape (n (n - 1) / 2, 2).

    Source: the round-robin schedule by rotation; with an odd number one player rests each round.

    >>> tournament(4).tolist()
    [[0, 3], [1, 2], [0, 2], [3, 1], [0, 1], [2, 3]]
    """
    seats = players + players % 2
    turning = np.arange(1, seats)
    rounds = []
    for number in range(seats - 1):
        table = np.concatenate([[0], np.roll(turning, number)])
        matches = np.stack([table[: seats // 2], table[::-1][: seats // 2]], axis=1)
        rounds.append(matches[(matches < players).all(axis=1)])
    return np.concatenate(rounds).astype(np.int64)


def _all_pairs(rows: pl.DataFrame, key: str) -> pl.DataFrame:
    """Every two rows of a prompt, the one with the smaller key first; the other's columns end in `_right`."""
    counts = rows.group_by("prompt").agg(own=pl.len().cast(pl.Int64))["own"]
    _check_rows(int((counts * counts).sum() or 0))
    return rows.join(rows, on="prompt").filter(pl.col(key) < pl.col(f"{key}_right"))


def _next_in_circle(pairs: pl.DataFrame, seats: int, most: int | None, rng: np.random.Generator) -> pl.DataFrame:
    """For each prompt the first `most` pairs from its place in the circle on; `reach` is each pair's probability."""
    if most is None:
        return pairs.with_columns(reach=pl.lit(1.0))
    order = pairs.select("prompt").unique().sort("prompt")
    order = order.with_columns(turn=pl.Series(rng.permutation(order.height), dtype=pl.Int64))
    start = (pl.col("turn") * most + int(rng.integers(seats))) % seats
    pairs = pairs.join(order, on="prompt").with_columns(away=(pl.col("seat") - start) % seats).sort("prompt", "seat")
    # A pair is taken from every start after the `most`-th offered pair before it.
    before = pl.col("seat").shift(most).over("prompt")
    around = pl.col("seat").shift(most - pl.len().cast(pl.Int64)).over("prompt") - seats
    gap = (pl.col("seat") - pl.coalesce(before, around)) / seats
    pairs = pairs.with_columns(reach=pl.when(pl.len().over("prompt") <= most).then(1.0).otherwise(gap))
    return _first(pairs.sort("prompt", "away"), most)


def _first(rows: pl.DataFrame, most: int | None) -> pl.DataFrame:
    """The first `most` rows of each prompt; the rows must be sorted by prompt."""
    return rows if most is None else rows.group_by("prompt", maintain_order=True).head(most)


def _as_sets(pairs: pl.DataFrame, probability: pl.Expr, rank: pl.Expr | None = None) -> pl.DataFrame:
    """Pairs of the columns `sample` and `sample_right` as sets."""
    low, high = pl.min_horizontal("sample", "sample_right"), pl.max_horizontal("sample", "sample_right")
    return pairs.select(
        "prompt",
        pl.concat_list(low, high).alias("samples"),
        probability.cast(pl.Float64).alias("probability"),
        (pl.lit(0.0) if rank is None else rank).cast(pl.Float64).alias("rank"),
    )


def _without_pairs(pairs: pl.DataFrame, earlier: pl.DataFrame) -> pl.DataFrame:
    if earlier.is_empty():
        return pairs
    low, high = pl.min_horizontal("sample", "sample_right"), pl.max_horizontal("sample", "sample_right")
    marked = pairs.with_columns(samples=pl.concat_list(low, high))
    return _not_among(marked, earlier).drop("samples")


def _without(sets: pl.DataFrame, earlier: pl.DataFrame, most: int | None) -> pl.DataFrame:
    """Sets that were not chosen before, at most `most` a prompt; null probabilities where something was."""
    if "rank" not in sets.columns:
        sets = sets.with_columns(rank=pl.lit(0.0))
    if earlier.is_empty():
        return sets.select(list(SETS))
    left = _not_among(sets, earlier).with_columns(
        probability=pl.when(~_has_earlier(earlier)).then(pl.col("probability"))
    )
    return _first(left.sort("prompt", "rank"), most).select(list(SETS))


def _not_among(rows: pl.DataFrame, earlier: pl.DataFrame) -> pl.DataFrame:
    named = pl.col("samples").cast(pl.List(pl.String)).list.join(" ").alias("named")
    return rows.with_columns(named).join(earlier.select(named).unique(), on="named", how="anti").drop("named")


def _has_earlier(earlier: pl.DataFrame) -> pl.Expr:
    return pl.col("prompt").is_in(earlier["prompt"].unique().to_list())


def _shuffled(sets: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Ranks drawn at random, the same for the same sets whatever order they come in."""
    ordered = sets.sort("prompt", "samples")
    return ordered.with_columns(rank=pl.Series(rng.random(ordered.height), dtype=pl.Float64)).select(list(SETS))


def _spread(column: pl.Expr) -> pl.Expr:
    """The standard deviation; 1 where all values are equal, so that nothing is divided by zero."""
    spread = column.std()
    return pl.when(spread > 0).then(spread).otherwise(1.0)


def _check_rows(rows: int) -> None:
    if rows > MOST_ROWS:
        raise TooMany(
            f"The rule would look at {rows:,} possible sets and may look at {MOST_ROWS:,}. "
            "Narrow the samples (a tag, a round), or ask for fewer pairs a prompt."
        )
