"""Pairs of one ranking: who is best and who worst of a prompt, by one value. Plain code in columns."""

import polars as pl

from curation.pairing.drawing import Lists


def sift_by_points(candidates: pl.DataFrame, lists: Lists) -> pl.DataFrame:
    """The best of each prompt's chosen list against the worst of its rejected list.

    Returns:
        One couple for each prompt where both lists hold a sample with a value that may take that side. The gap may
        be zero or below: whether that is enough is the caller's bar.

    Source: UnifiedReward, arXiv 2503.05236 v2, section 3. Where its scripts put a tie's first item among the
    chosen, keep scores as text and read only their whole part, this does not.
    """
    chosen = candidates.join(lists.chosen, on=["prompt_id", "sample_id"], how="semi")
    rejected = candidates.join(lists.rejected, on=["prompt_id", "sample_id"], how="semi")
    return couples_of(best(chosen, 1), worst(rejected, 1))


def top_against_bottom(candidates: pl.DataFrame, *, k: int, match: str = "all") -> pl.DataFrame:
    """The k best of each prompt against its k worst; `k=1` is best against worst.

    Args:
        k: at least 1; a prompt with fewer than 2k samples uses half of what it has, rounded down, so that nobody
            is on both sides.
        match: `all` for every couple of the two groups, `ranks` for best with worst, second with second worst.
    """
    valued = candidates.filter(pl.col("value").is_not_null())
    size = valued.group_by("prompt_id").len("size")
    limit = pl.min_horizontal(pl.lit(k), pl.col("size") // 2)
    top = best(valued, k).join(size, on="prompt_id").filter(pl.col("rank") < limit)
    bottom = worst(valued, k).join(size, on="prompt_id").filter(pl.col("rank") < limit)
    couples = couples_of(top, bottom, keep_ranks=True)
    if match == "ranks":
        couples = couples.filter(pl.col("rank") == pl.col("rank_rejected"))
    return couples.drop("rank", "rank_rejected")


def best_against_rest(candidates: pl.DataFrame) -> pl.DataFrame:
    """The best of each prompt against every other sample that may be rejected."""
    valued = candidates.filter(pl.col("value").is_not_null())
    return couples_of(best(valued, 1), valued.filter("may_be_rejected"))


def all_couples(candidates: pl.DataFrame) -> pl.DataFrame:
    """Every two samples of each prompt, the better one chosen; of equals, neither is."""
    valued = candidates.filter(pl.col("value").is_not_null())
    couples = couples_of(valued.filter("may_be_chosen"), valued.filter("may_be_rejected"))
    return couples.filter(pl.col("gap") > 0)


def keep_best(candidates: pl.DataFrame, k: int) -> pl.DataFrame:
    """The k best samples of each prompt (prompt_id, sample_id); those without a value are never among them."""
    return leading(candidates, k, descending=True).select("prompt_id", "sample_id").sort("prompt_id", "sample_id")


def best(candidates: pl.DataFrame, k: int) -> pl.DataFrame:
    return leading(candidates.filter("may_be_chosen"), k, descending=True)


def worst(candidates: pl.DataFrame, k: int) -> pl.DataFrame:
    return leading(candidates.filter("may_be_rejected"), k, descending=False)


def leading(candidates: pl.DataFrame, k: int, *, descending: bool) -> pl.DataFrame:
    """The first k of each prompt by value, ties by seeded order; with their rank from 0."""
    valued = candidates.filter(pl.col("value").is_not_null())
    lined_up = valued.sort(["prompt_id", "value", "order", "sample_id"], descending=[False, descending, False, False])
    ranked = lined_up.with_columns(rank=pl.int_range(pl.len()).over("prompt_id"))
    return ranked.filter(pl.col("rank") < k)


def couples_of(chosen: pl.DataFrame, rejected: pl.DataFrame, *, keep_ranks: bool = False) -> pl.DataFrame:
    """Every one of the first with every one of the second inside a prompt, never a sample with itself."""
    ranks = ["rank"] if keep_ranks else []
    left = chosen.select("prompt_id", *ranks, chosen_id="sample_id", chosen_value="value")
    right = rejected.select("prompt_id", *ranks, rejected_id="sample_id", rejected_value="value")
    couples = left.join(right, on="prompt_id", suffix="_rejected").filter(pl.col("chosen_id") != pl.col("rejected_id"))
    couples = couples.with_columns(gap=pl.col("chosen_value") - pl.col("rejected_value"))
    return couples.sort("prompt_id", "chosen_id", "rejected_id")


def cap_per_prompt(couples: pl.DataFrame, cap: int) -> pl.DataFrame:
    """The `cap` couples of each prompt with the widest margins.

    Args:
        couples: prompt_id, margin, order (seeded, breaks ties), pair_id and anything else.
    """
    lined_up = couples.sort(["prompt_id", "margin", "order", "pair_id"], descending=[False, True, False, False])
    return lined_up.filter(pl.int_range(pl.len()).over("prompt_id") < cap)


def every_couple(candidates: pl.DataFrame) -> pl.DataFrame:
    """Every sample that may be chosen with every other of its prompt that may be rejected, whatever their values.

    Where both may take both sides, the couple stands in the table twice, once each way.
    """
    return couples_of(candidates.filter("may_be_chosen"), candidates.filter("may_be_rejected"))
