"""From values and verdicts to pairs: which sample is chosen, which rejected. Plain code in columns.

The rules know nothing of votes, scorers or files. They are given a table of candidates:

    prompt_id       int     whose answers compete; a pair never crosses prompts
    sample_id       int     unique
    value           float   higher is better; null where nobody said (such a sample is in no ranking)
    order           uint64  a seeded hash of the sample's identity: breaks ties, never the row's position
    may_be_chosen   bool    false for what was judged bad, or is of a kind the recipe never chooses
    may_be_rejected bool

and return couples (prompt_id, chosen_id, rejected_id, gap, ...). The gap is the difference of the two values.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

COUPLES = pl.Schema({"prompt_id": pl.Int64, "chosen_id": pl.Int64, "rejected_id": pl.Int64, "gap": pl.Float64})
DRAWN = pl.Schema({"prompt_id": pl.Int64, "a": pl.Int64, "b": pl.Int64})


def seeded_order(identities: pl.Series, seed: int, *, salt: str = "") -> pl.Series:
    """A number for each identity that looks drawn by lot and is the same on every machine.

    Args:
        identities: hexadecimal digests of at least 16 characters.
        seed: 0 to 2**53 - 1.
        salt: parts independent draws with the same seed.

    Returns:
        uint64, the splitmix64 finaliser of the identity's first 64 bits mixed with seed and salt.

    Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    """
    start = int.from_bytes(salt.encode()[:8].ljust(8, b"\0"), "little")
    key = mix(mix(np.array([seed], dtype=np.uint64)) ^ np.uint64(start))
    numbers = identities.str.slice(0, 16).str.to_integer(base=16, dtype=pl.UInt64).to_numpy()
    return pl.Series("order", mix(numbers ^ key), dtype=pl.UInt64)


def mix(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The splitmix64 finaliser of each number: a bijection of 64 bits after which neighbours look unrelated."""
    with np.errstate(over="ignore"):
        x = x + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


def draw_disjoint(candidates: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Each prompt's samples in seeded order, taken two by two: n // 2 pairs whatever n is.

    Returns:
        The drawn pairs (prompt_id, a, b), and the samples that had no partner (prompt_id, sample_id).
    """
    lined_up = candidates.sort("prompt_id", "order", "sample_id").with_columns(
        place=pl.int_range(pl.len()).over("prompt_id"), partner=pl.col("sample_id").shift(-1).over("prompt_id")
    )
    first = lined_up.filter(pl.col("place") % 2 == 0)
    drawn = first.filter(pl.col("partner").is_not_null()).select("prompt_id", a="sample_id", b="partner")
    alone = first.filter(pl.col("partner").is_null()).select("prompt_id", "sample_id")
    return drawn, alone


def draw_all(candidates: pl.DataFrame) -> pl.DataFrame:
    """Every two samples of each prompt once: n (n - 1) / 2 pairs (prompt_id, a, b)."""
    lined_up = candidates.sort("prompt_id", "order", "sample_id").select(
        "prompt_id", "sample_id", place=pl.int_range(pl.len()).over("prompt_id")
    )
    both = lined_up.join(lined_up, on="prompt_id", suffix="_b").filter(pl.col("place") < pl.col("place_b"))
    return both.select("prompt_id", a="sample_id", b="sample_id_b").sort("prompt_id", "a", "b")


@dataclass(frozen=True)
class Lists:
    """Who won and who lost the drawn pairs; a sample stands in a list once, in both only if it won and lost.

    Args:
        chosen: prompt_id, sample_id of winners.
        rejected: the same of losers.
        undecided: prompt_id, a, b, reason: pairs that joined neither list.
    """

    chosen: pl.DataFrame
    rejected: pl.DataFrame
    undecided: pl.DataFrame


def part(verdicts: pl.DataFrame) -> Lists:
    """Puts winners in one list and losers in the other. A tie, or no verdict, joins neither.

    Args:
        verdicts: prompt_id, a, b, verdict: `a`, `b`, `tie`, `both_bad` or null for none.
    """
    decided = verdicts.filter(pl.col("verdict").is_in(["a", "b"]))
    a_won = pl.col("verdict") == "a"
    won, lost = pl.when(a_won).then("a").otherwise("b"), pl.when(a_won).then("b").otherwise("a")
    undecided = verdicts.filter(~pl.col("verdict").is_in(["a", "b"]) | pl.col("verdict").is_null())
    return Lists(
        chosen=decided.select("prompt_id", sample_id=won).unique().sort("prompt_id", "sample_id"),
        rejected=decided.select("prompt_id", sample_id=lost).unique().sort("prompt_id", "sample_id"),
        undecided=undecided.select("prompt_id", "a", "b", reason=pl.col("verdict").fill_null("no_verdict")),
    )


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
    return _couples(_best(chosen, 1), _worst(rejected, 1))


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
    top = _best(valued, k).join(size, on="prompt_id").filter(pl.col("rank") < limit)
    bottom = _worst(valued, k).join(size, on="prompt_id").filter(pl.col("rank") < limit)
    couples = _couples(top, bottom, keep_ranks=True)
    if match == "ranks":
        couples = couples.filter(pl.col("rank") == pl.col("rank_rejected"))
    return couples.drop("rank", "rank_rejected")


def best_against_rest(candidates: pl.DataFrame) -> pl.DataFrame:
    """The best of each prompt against every other sample that may be rejected."""
    valued = candidates.filter(pl.col("value").is_not_null())
    return _couples(_best(valued, 1), valued.filter("may_be_rejected"))


def all_couples(candidates: pl.DataFrame) -> pl.DataFrame:
    """Every two samples of each prompt, the better one chosen; of equals, neither is."""
    valued = candidates.filter(pl.col("value").is_not_null())
    couples = _couples(valued.filter("may_be_chosen"), valued.filter("may_be_rejected"))
    return couples.filter(pl.col("gap") > 0)


def keep_best(candidates: pl.DataFrame, k: int) -> pl.DataFrame:
    """The k best samples of each prompt (prompt_id, sample_id); those without a value are never among them."""
    return _leading(candidates, k, descending=True).select("prompt_id", "sample_id").sort("prompt_id", "sample_id")


def _best(candidates: pl.DataFrame, k: int) -> pl.DataFrame:
    return _leading(candidates.filter("may_be_chosen"), k, descending=True)


def _worst(candidates: pl.DataFrame, k: int) -> pl.DataFrame:
    return _leading(candidates.filter("may_be_rejected"), k, descending=False)


def _leading(candidates: pl.DataFrame, k: int, *, descending: bool) -> pl.DataFrame:
    """The first k of each prompt by value, ties by seeded order; with their rank from 0."""
    valued = candidates.filter(pl.col("value").is_not_null())
    lined_up = valued.sort(["prompt_id", "value", "order", "sample_id"], descending=[False, descending, False, False])
    ranked = lined_up.with_columns(rank=pl.int_range(pl.len()).over("prompt_id"))
    return ranked.filter(pl.col("rank") < k)


def _couples(chosen: pl.DataFrame, rejected: pl.DataFrame, *, keep_ranks: bool = False) -> pl.DataFrame:
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
