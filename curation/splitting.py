"""Which prompts stand in which split of a dataset, and why some stand in none. Plain code.

Prompts that say nearly the same, are rewrites of one another, or ask about the same input picture, form a component;
a component is never parted, so nothing a model saw in training comes back in its test. A component falls into a split
by a hash, not by a draw: the same prompts fall the same way in every project and version. What earlier versions
decided stays.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

# Scripts written without spaces: there each character is a token of its own.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}"
_TOKEN = rf"[{_UNSPACED}]|[[\p{{L}}\p{{M}}\p{{N}}]&&[^{_UNSPACED}]]+"

# A mask is often a plain white picture; sharing one says nothing about the prompts.
ROLES_THAT_DO_NOT_LINK = frozenset({"mask"})

_SHORT = 40  # words; longer texts are looked up by single rare words
_COUPLES_AT_ONCE = 4_000_000
_VERIFIED_AT_ONCE = 200_000  # both sets of each couple stand side by side while they are compared


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
    rewrites: pl.DataFrame | None = None,
    seed: int = 0,
) -> Splitting:
    """Give each prompt its split.

    Args:
        prompts: prompt_id (int), prompt_identity (text, unique), prompt_text (text); one row a prompt.
        media: prompt_id, role, media_digest; prompts with the same digest in any role but `mask` belong together.
        assigned: prompt_id, split; what earlier versions decided. Prompts unknown here are ignored.
        shares: names of splits with shares above 0 that add up to 1.
        near_duplicates: Jaccard similarity of token sets from which two prompts belong together, above 0.5, at most 1.
        rewrites: prompt_id, origin_id; who asks for the same in other words belongs together. Unknown ones are ignored.
        seed: another seed, another hash.

    Returns:
        Every prompt once, in the order of prompt_id. A component with one earlier decision follows it. Where a new
        prompt joins prompts of different splits, the new prompts of that component are excluded
        (`between_splits`); where prompts of different splits resemble each other without a new one between them,
        the split with most of them is kept (the first by name if equal) and the others are excluded from this
        version (`near_duplicate_elsewhere`). Shares are met in expectation, by component.
    """
    prompts = prompts.select("prompt_id", "prompt_identity", "prompt_text").sort("prompt_id")
    link = partial(_links, media=media, rewrites=rewrites, threshold=near_duplicates)
    links = link(prompts)
    table = prompts.join(assigned.select("prompt_id", split_before="split"), on="prompt_id", how="left")
    table = table.with_columns(component=_components(prompts, links)).sort("prompt_id")
    largest = max(table.group_by("component").len()["len"].to_list(), default=0)
    table = _without_bridges(table, link)
    table = _without_contradictions(table)
    return Splitting(prompts=_decide(table, shares, seed), largest_component=largest)


def families(
    prompts: pl.DataFrame, *, media: pl.DataFrame, rewrites: pl.DataFrame, near_duplicates: float
) -> pl.DataFrame:
    """The components alone, whatever was decided about splits: what else learns on some prompts and asks on others
    has to part them as splits do.

    Args:
        prompts, media, rewrites, near_duplicates: as `split_prompts` takes them.

    Returns:
        prompt_id and family (the smallest prompt id in its component), in the order of prompt_id.
    """
    prompts = prompts.select("prompt_id", "prompt_identity", "prompt_text").sort("prompt_id")
    found = prompts.with_columns(component=_components(prompts, _links(prompts, media, rewrites, near_duplicates)))
    return found.select("prompt_id", family=pl.col("prompt_id").min().over("component"))


def tokens(text: pl.Expr) -> pl.Expr:
    """The set of words of a text: NFKC, small letters, no punctuation; sorted, each once.

    Scripts without spaces (Han, kana, Thai) give one token a character.
    """
    return text.str.normalize("NFKC").str.to_lowercase().str.extract_all(_TOKEN).list.unique().list.sort()


def similar_prompts(prompts: pl.DataFrame, threshold: float) -> pl.DataFrame:
    """Couples of prompts whose token sets have at least this Jaccard similarity; exact, not sampled.

    As many as connect all that are alike, directly or by way of others: a thousand copies of a prompt, or a thousand
    prompts from one template, cost a thousand links and not half a million. Equal sets are found by themselves; the
    others by prefix filtering: with tokens ordered from rare to frequent, two sets of similarity t
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


def prompts_like(prompts: pl.DataFrame, texts: pl.Series, threshold: float) -> pl.Series:
    """The ids of the prompts whose text resembles one of these texts, by the measure of `similar_prompts`.

    Args:
        prompts: prompt_id, prompt_text.
        texts: texts of other prompts.
        threshold: above 0.5, at most 1.
    """
    wanted = pl.DataFrame({"words": texts.unique()}).select(words=tokens(pl.col("words")))
    wanted = wanted.filter(pl.col("words").list.len() > 0).unique().sort("words")
    mine = prompts.select("prompt_id", words=tokens(pl.col("prompt_text"))).filter(pl.col("words").list.len() > 0)
    alike = mine.join(wanted, on="words", how="semi")["prompt_id"]
    if threshold >= 1 or not wanted.height:
        return alike
    others = mine.join(wanted, on="words", how="anti").group_by("words").agg(set_id=pl.col("prompt_id").min())
    # Ids below zero are the texts asked about, so a couple of one with each sign is what is looked for.
    asked = wanted.with_columns(set_id=-1 - pl.int_range(pl.len(), dtype=pl.Int64))
    sets = pl.concat([asked.select("set_id", "words"), others.select("set_id", "words")]).sort("set_id")
    near = _near(sets, threshold, asking=pl.col("set_id") < 0)
    couples = pl.concat([pl.DataFrame(schema={"a": pl.Int64, "b": pl.Int64}), *near])
    found = couples.filter((pl.col("a") < 0) & (pl.col("b") >= 0))["b"]
    like = others.filter(pl.col("set_id").is_in(found.implode()))
    return pl.concat([alike, mine.join(like, on="words", how="semi")["prompt_id"]])


def _near(sets: pl.DataFrame, threshold: float, *, asking: pl.Expr | None = None) -> Iterator[pl.DataFrame]:
    """Couples of different sets that are alike.

    Args:
        sets: set_id, words.
        asking: the sets whose couples are wanted, all of them then. None: of every set, as many as connect it with
            all that it is alike.
    """
    words = _numbered_words(sets)
    numbers = words.group_by("set_id", maintain_order=True).agg("word")
    for keys in _keys(words, threshold):
        if asking is not None:
            keys = keys.with_columns(asks=asking)
        else:
            around, keys = _around_first(keys, numbers, threshold)
            yield around
        for couples in _couples(keys, threshold):
            yield from _checked(couples, numbers, threshold)


def _keys(words: pl.DataFrame, threshold: float) -> Iterator[pl.DataFrame]:
    """Under what each set of `_numbered_words` is looked up: set_id, size, key, and `behind`, the most it can share.

    Of two alike sets the first words they have in common make a key of both, so they share the words of that key and
    at most all that stand behind its last one.

    Source: the bound: Xiao, Wang, Lin, Yu, "Efficient similarity joins for near duplicate detection", WWW 2008.
    """
    # The small number keeps 0.8 * 5 = 4.000000000000001 from becoming five.
    beyond = pl.col("size") - (pl.col("size") * threshold - 1e-9).ceil()
    short = words.filter(pl.col("size") <= _SHORT, pl.col("place") < beyond + 2)
    long = words.filter(pl.col("size") > _SHORT * threshold - 1, pl.col("place") < beyond + 1)
    by_two = short.join(short, on="set_id", suffix="_b").filter(pl.col("place") < pl.col("place_b"))
    two = pl.col("word").cast(pl.UInt64) * 2**32 + pl.col("word_b")
    yield by_two.select("set_id", "size", key=two, behind=pl.col("size").cast(pl.Int64) - pl.col("place_b") + 1)
    yield long.select(
        "set_id", "size", key=pl.col("word").cast(pl.UInt64), behind=pl.col("size").cast(pl.Int64) - pl.col("place")
    )


def _around_first(keys: pl.DataFrame, numbers: pl.DataFrame, threshold: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Couples of the first set of each key with those of its key that are like it, and the keys without the first.

    Who is like the first is connected with all who are, so only the others ask (`asks`). A thousand prompts from one
    template cost a thousand couples that way and not half a million.
    """
    keys = keys.filter(pl.len().over("key") > 1)
    first = keys.sort("key", "set_id").unique("key", keep="first", maintain_order=True)
    both = keys.join(first, on="key", suffix="_b").filter(pl.col("set_id") != pl.col("set_id_b"))
    asked = both.filter(_may_be_alike(threshold)).select(a="set_id_b", b="set_id").unique()
    alike = pl.concat([asked.clear(), *_checked(asked, numbers, threshold)])
    like_first = alike.select(set_id_b="a", set_id="b", is_like=pl.lit(True))
    rest = both.join(like_first, on=["set_id_b", "set_id"], how="left")
    return alike, rest.select("set_id", "size", "key", "behind", asks=pl.col("is_like").is_null())


def _numbered_words(sets: pl.DataFrame) -> pl.DataFrame:
    """set_id, word (a number, rare words first), size of the set, place of the word in it."""
    words = sets.explode("words", empty_as_null=False)
    numbers = words.group_by("words").len("frequency").sort("frequency", "words").with_row_index("word")
    words = words.join(numbers, on="words").select("set_id", "word").sort("set_id", "word")
    place = pl.int_range(pl.len()).over("set_id", mapping_strategy="group_to_rows")
    return words.with_columns(size=pl.len().over("set_id"), place=place)


def _couples(keys: pl.DataFrame, threshold: float) -> Iterator[pl.DataFrame]:
    """Sets that ask, each with those that share a key and may be alike, a bounded number at a time.

    Args:
        keys: as `_keys` has them, with `asks`; of two sets that ask, the one with the smaller id does.
    """
    asking = keys.with_columns(sharing=pl.len().over("key").cast(pl.Int64)).filter("asks", pl.col("sharing") > 1)
    asking = asking.sort("key", "set_id").with_columns(batch=pl.col("sharing").cum_sum() // _COUPLES_AT_ONCE)
    for part in asking.partition_by("batch", maintain_order=True):
        both = part.join(keys, on="key", suffix="_b").filter(
            ~pl.col("asks_b") | (pl.col("set_id") < pl.col("set_id_b")), _may_be_alike(threshold)
        )
        low, high = pl.min_horizontal("set_id", "set_id_b"), pl.max_horizontal("set_id", "set_id_b")
        yield both.select(a=low, b=high).unique()


def _may_be_alike(threshold: float) -> pl.Expr:
    """Whether two sizes, and what lies behind a key that two sets share, allow the similarity."""
    small, large = pl.min_horizontal("size", "size_b"), pl.max_horizontal("size", "size_b")
    sizes_allow = small >= large * threshold - 1e-9
    needed = (pl.col("size") + pl.col("size_b")) * (threshold / (1 + threshold))
    return sizes_allow & (pl.min_horizontal("behind", "behind_b") >= needed - 1e-9)


def _checked(couples: pl.DataFrame, sets: pl.DataFrame, threshold: float) -> Iterator[pl.DataFrame]:
    for part in couples.iter_slices(_VERIFIED_AT_ONCE):
        yield _verified(part, sets, threshold)


def _verified(couples: pl.DataFrame, sets: pl.DataFrame, threshold: float) -> pl.DataFrame:
    """The couples that are as similar as asked; sets are set_id, word (list of numbers)."""
    both = couples.join(sets.select(a="set_id", of_a="word"), on="a").join(sets.select(b="set_id", of_b="word"), on="b")
    common = pl.col("of_a").list.set_intersection("of_b").list.len()
    union = pl.col("of_a").list.len() + pl.col("of_b").list.len() - common
    return both.filter(common >= union * threshold - 1e-9).select("a", "b")


def _shared_media(media: pl.DataFrame) -> pl.DataFrame:
    linking = media.filter(~pl.col("role").is_in(list(ROLES_THAT_DO_NOT_LINK)))
    first = linking.with_columns(first=pl.col("prompt_id").min().over("media_digest"))
    return first.filter(pl.col("first") != pl.col("prompt_id")).select(a="first", b="prompt_id").unique()


def _links(prompts: pl.DataFrame, media: pl.DataFrame, rewrites: pl.DataFrame | None, threshold: float) -> pl.DataFrame:
    here = prompts.select("prompt_id")
    known = media.join(here, on="prompt_id", how="semi")
    parts = [similar_prompts(prompts, threshold), _shared_media(known)]
    if rewrites is not None:
        both = rewrites.select(a="origin_id", b="prompt_id")
        both = both.join(here, left_on="a", right_on="prompt_id", how="semi")
        parts.append(both.join(here, left_on="b", right_on="prompt_id", how="semi"))
    links = pl.concat(parts)
    return links.select(pl.col("a").cast(pl.Int64), pl.col("b").cast(pl.Int64))


def _components(prompts: pl.DataFrame, links: pl.DataFrame) -> pl.Series:
    """The smallest identity in each prompt's component, in the order of `prompts`."""
    ids = prompts["prompt_id"].to_numpy()
    a, b = np.searchsorted(ids, links["a"].to_numpy()), np.searchsorted(ids, links["b"].to_numpy())
    graph = coo_array((np.ones(len(a), dtype=np.int8), (a, b)), shape=(len(ids), len(ids)))
    labels = connected_components(graph, directed=False)[1] if len(ids) else np.zeros(0, dtype=np.int32)
    table = prompts.select("prompt_identity").with_columns(label=pl.Series(labels))
    return table.select(pl.col("prompt_identity").min().over("label").alias("component")).to_series()


def _without_bridges(table: pl.DataFrame, link: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.DataFrame:
    """Excludes new prompts that join different splits, then looks again at who still belongs together.

    Links are made anew: copies are linked by way of one of them, and that one may be gone.
    """
    torn = pl.col("split_before").n_unique().over("component") - pl.col("split_before").is_null().any().over(
        "component"
    )
    bridge = (torn > 1) & pl.col("split_before").is_null()
    table = table.with_columns(reason=pl.when(bridge).then(pl.lit("between_splits")))
    if not table["reason"].is_not_null().any():
        return table
    staying = table.filter(pl.col("reason").is_null())
    staying = staying.with_columns(component=_components(staying, link(staying)))
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
