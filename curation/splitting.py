"""Which prompts stand in which split of a dataset, and why some stand in none. Plain code.

Prompts that say nearly the same, or ask about the same input picture, form a component; a component is never
parted, so nothing a model saw in training comes back in its test. A component falls into a split by a hash, not by
a draw: the same prompts fall the same way in every project and version. What earlier versions decided stays.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

# Scripts written without spaces: there each character is a token of its own.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}"
_TOKEN = rf"[{_UNSPACED}]|[[\p{{L}}\p{{M}}\p{{N}}]&&[^{_UNSPACED}]]+"

# A mask is often a plain white picture; sharing one says nothing about the prompts.
ROLES_THAT_DO_NOT_LINK = frozenset({"mask"})

_SHORT = 24  # words; longer texts are looked up by single rare words
_COUPLES_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Splitting:
    """The splits of all prompts.

    Args:
        prompts: prompt_id, component (text), split (null where excluded), reason (null where kept:
            `between_splits` or `near_duplicate_elsewhere`).
        largest_component: prompts in the largest component, a warning when most prompts resemble each other.
    """

    prompts: pl.DataFrame
    largest_component: int


def split_prompts(
    prompts: pl.DataFrame,
    *,
    media: pl.DataFrame,
    assigned: pl.DataFrame,
    shares: tuple[tuple[str, float], ...],
    near_duplicates: float,
    seed: int = 0,
) -> Splitting:
    """Give each prompt its split.

    Args:
        prompts: prompt_id (int), prompt_identity (text, unique), prompt_text (text); one row a prompt.
        media: prompt_id, role, media_digest; prompts with the same digest in any role but `mask` belong together.
        assigned: prompt_id, split; what earlier versions decided. Prompts unknown here are ignored.
        shares: names of splits with shares above 0 that add up to 1.
        near_duplicates: Jaccard similarity of token sets from which two prompts belong together, above 0.5, at most 1.
        seed: another seed, another hash.

    Returns:
        Every prompt once, in the order of prompt_id. A component with one earlier decision follows it. Where a new
        prompt joins prompts of different splits, the new prompts of that component are excluded
        (`between_splits`); where prompts of different splits resemble each other without a new one between them,
        the split with most of them is kept (the first by name if equal) and the others are excluded from this
        version (`near_duplicate_elsewhere`). Shares are met in expectation, by component.
    """
    prompts = prompts.select("prompt_id", "prompt_identity", "prompt_text").sort("prompt_id")
    links = _links(prompts, media, near_duplicates)
    table = prompts.join(assigned.select("prompt_id", split_before="split"), on="prompt_id", how="left")
    table = table.with_columns(component=_components(prompts, links)).sort("prompt_id")
    largest = max(table.group_by("component").len()["len"].to_list(), default=0)
    table = _without_bridges(table, links)
    table = _without_contradictions(table)
    return Splitting(prompts=_decide(table, shares, seed), largest_component=largest)


def tokens(text: pl.Expr) -> pl.Expr:
    """The set of words of a text: NFKC, small letters, no punctuation; sorted, each once.

    Scripts without spaces (Han, kana, Thai) give one token a character.
    """
    return text.str.normalize("NFKC").str.to_lowercase().str.extract_all(_TOKEN).list.unique().list.sort()


def similar_prompts(prompts: pl.DataFrame, threshold: float) -> pl.DataFrame:
    """All couples of prompts whose token sets have at least this Jaccard similarity; exact, not sampled.

    Equal sets are found by themselves, so that a thousand copies of a prompt cost a thousand links and not half a
    million. The others by prefix filtering: with tokens ordered from rare to frequent, two sets of similarity t
    share at least l tokens among the first n - ceil(t n) + l of each. Short texts are looked up by two tokens
    (l = 2), since single words repeat; long ones by one, since couples of words would be too many.

    Args:
        prompts: prompt_id, prompt_text.
        threshold: above 0.5, at most 1. (At 0.5 a set of one and a set of two could share only one token.)

    Returns:
        a, b: prompt ids of linked prompts; texts without any word are never linked.

    Source: Chaudhuri, Ganti, Kaushik, "A primitive operator for similarity joins in data cleaning", ICDE 2006;
    the prefix of length l: Wang, Li, Feng, "Can we beat the prefix filtering?", SIGMOD 2012.
    """
    sets = prompts.select("prompt_id", words=tokens(pl.col("prompt_text"))).filter(pl.col("words").list.len() > 0)
    distinct = sets.group_by("words", maintain_order=True).agg(pl.col("prompt_id").min().alias("set_id"))
    copies = sets.join(distinct, on="words").filter(pl.col("prompt_id") != pl.col("set_id"))
    equal = copies.select(a="set_id", b="prompt_id")
    if threshold >= 1:
        return equal
    return pl.concat([equal, *_near(distinct.select("set_id", "words"), threshold)])


def _near(sets: pl.DataFrame, threshold: float) -> Iterator[pl.DataFrame]:
    words = _numbered_words(sets)
    # The small number keeps 0.8 * 5 = 4.000000000000001 from becoming five.
    beyond = pl.col("size") - (pl.col("size") * threshold - 1e-9).ceil()
    short = words.filter(pl.col("size") <= _SHORT, pl.col("place") < beyond + 2)
    long = words.filter(pl.col("size") > _SHORT * threshold - 1, pl.col("place") < beyond + 1)
    by_two = short.join(short, on="set_id", suffix="_b").filter(pl.col("place") < pl.col("place_b"))
    by_two = by_two.select("set_id", "size", key=pl.col("word").cast(pl.UInt64) * 2**32 + pl.col("word_b"))
    for keys in (by_two, long.select("set_id", "size", key=pl.col("word").cast(pl.UInt64))):
        for couples in _couples(keys, threshold):
            yield _verified(couples, sets, threshold)


def _numbered_words(sets: pl.DataFrame) -> pl.DataFrame:
    """set_id, word (a number, rare words first), size of the set, place of the word in it."""
    words = sets.explode("words", empty_as_null=False)
    numbers = words.group_by("words").len("frequency").sort("frequency", "words").with_row_index("word")
    words = words.join(numbers, on="words").select("set_id", "word").sort("set_id", "word")
    place = pl.int_range(pl.len()).over("set_id", mapping_strategy="group_to_rows")
    return words.with_columns(size=pl.len().over("set_id"), place=place)


def _couples(keys: pl.DataFrame, threshold: float) -> Iterator[pl.DataFrame]:
    """Sets that share a key and whose sizes allow the similarity, a bounded number at a time."""
    counts = keys.group_by("key").len("sharing").filter(pl.col("sharing") > 1).sort("key")
    batch = (pl.col("sharing").cast(pl.Int64) ** 2).cum_sum() // _COUPLES_AT_ONCE
    keys = keys.join(counts.select("key", batch=batch), on="key")
    for part in keys.partition_by("batch"):
        both = part.join(part, on="key", suffix="_b").filter(pl.col("set_id") < pl.col("set_id_b"))
        yield both.filter(_sizes_allow(threshold)).select(a="set_id", b="set_id_b").unique()


def _sizes_allow(threshold: float) -> pl.Expr:
    small, large = pl.min_horizontal("size", "size_b"), pl.max_horizontal("size", "size_b")
    return small >= large * threshold - 1e-9


def _verified(couples: pl.DataFrame, sets: pl.DataFrame, threshold: float) -> pl.DataFrame:
    both = couples.join(sets.rename({"set_id": "a", "words": "words_a"}), on="a").join(
        sets.rename({"set_id": "b", "words": "words_b"}), on="b"
    )
    common = pl.col("words_a").list.set_intersection("words_b").list.len()
    union = pl.col("words_a").list.len() + pl.col("words_b").list.len() - common
    return both.filter(common >= union * threshold - 1e-9).select("a", "b")


def _shared_media(media: pl.DataFrame) -> pl.DataFrame:
    linking = media.filter(~pl.col("role").is_in(list(ROLES_THAT_DO_NOT_LINK)))
    first = linking.with_columns(first=pl.col("prompt_id").min().over("media_digest"))
    return first.filter(pl.col("first") != pl.col("prompt_id")).select(a="first", b="prompt_id").unique()


def _links(prompts: pl.DataFrame, media: pl.DataFrame, threshold: float) -> pl.DataFrame:
    known = media.join(prompts.select("prompt_id"), on="prompt_id", how="semi")
    links = pl.concat([similar_prompts(prompts, threshold), _shared_media(known)])
    return links.select(pl.col("a").cast(pl.Int64), pl.col("b").cast(pl.Int64))


def _components(prompts: pl.DataFrame, links: pl.DataFrame) -> pl.Series:
    """The smallest identity in each prompt's component, in the order of `prompts`."""
    ids = prompts["prompt_id"].to_numpy()
    a, b = np.searchsorted(ids, links["a"].to_numpy()), np.searchsorted(ids, links["b"].to_numpy())
    graph = coo_array((np.ones(len(a), dtype=np.int8), (a, b)), shape=(len(ids), len(ids)))
    labels = connected_components(graph, directed=False)[1] if len(ids) else np.zeros(0, dtype=np.int32)
    table = prompts.select("prompt_identity").with_columns(label=pl.Series(labels))
    return table.select(pl.col("prompt_identity").min().over("label").alias("component")).to_series()


def _without_bridges(table: pl.DataFrame, links: pl.DataFrame) -> pl.DataFrame:
    """Excludes new prompts that join different splits, then looks again at who still belongs together."""
    torn = pl.col("split_before").n_unique().over("component") - pl.col("split_before").is_null().any().over(
        "component"
    )
    bridge = (torn > 1) & pl.col("split_before").is_null()
    table = table.with_columns(reason=pl.when(bridge).then(pl.lit("between_splits")))
    if not table["reason"].is_not_null().any():
        return table
    staying = table.filter(pl.col("reason").is_null())
    kept_links = links.join(staying.select(a="prompt_id"), on="a", how="semi").join(
        staying.select(b="prompt_id"), on="b", how="semi"
    )
    staying = staying.with_columns(component=_components(staying, kept_links))
    return pl.concat([staying, table.filter(pl.col("reason").is_not_null())]).sort("prompt_id")


def _without_contradictions(table: pl.DataFrame) -> pl.DataFrame:
    """Where prompts decided differently resemble each other, keeps the split that most of them are in."""
    votes = table.filter(pl.col("reason").is_null(), pl.col("split_before").is_not_null())
    votes = votes.group_by("component", "split_before").len("count")
    home = (
        votes.sort(["component", "count", "split_before"], descending=[False, True, False])
        .group_by("component", maintain_order=True)
        .agg(home=pl.col("split_before").first())
    )
    table = table.join(home, on="component", how="left").sort("prompt_id")
    away = pl.col("split_before").is_not_null() & (pl.col("split_before") != pl.col("home"))
    reason = pl.when(pl.col("reason").is_null() & away).then(pl.lit("near_duplicate_elsewhere")).otherwise("reason")
    return table.with_columns(reason=reason)


def _decide(table: pl.DataFrame, shares: tuple[tuple[str, float], ...], seed: int) -> pl.DataFrame:
    components = table.select("component").unique().sort("component")
    drawn = [_by_hash(key, shares, seed) for key in components["component"].to_list()]
    components = components.with_columns(drawn=pl.Series(drawn, dtype=pl.String))
    split = pl.when(pl.col("reason").is_null()).then(pl.coalesce("home", "drawn"))
    return (
        table.join(components, on="component")
        .with_columns(split=split)
        .select("prompt_id", "component", "split", "reason")
        .sort("prompt_id")
    )


def _by_hash(component: str, shares: tuple[tuple[str, float], ...], seed: int) -> str:
    """The split in whose part of [0, 1) the component's hash falls; shares are laid out by name."""
    number = int.from_bytes(hashlib.sha256(f"split:{seed}:{component}".encode()).digest()[:8], "big") / 2**64
    reached = 0.0
    ordered = sorted(shares)
    for name, share in ordered:
        reached += share
        if number < reached:
            return name
    return ordered[-1][0]
