"""Which couples of a prompt's samples are to be judged, and the lists of those who won and lost. Plain code."""

from dataclasses import dataclass

import polars as pl


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
