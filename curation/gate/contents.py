"""What pairs show: the same on both sides, files that are gone or were never here, samples flagged broken or unsafe."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curation.gate.found import Found, counted, told, verb
from curation.gate.tables import Examined

# Grey levels of 255 by which a cell of the 64 x 64 miniature may differ in two encodings of one picture. Measured on 12
# drawn and 19 photographed and generated pictures of 256 pixels and more: JPEG at quality 60 moved no cell by more than
# 5. A copy of another size or of a tiny picture may differ by more and is left to the recipe's near-duplicates.
SAME_LEVELS = 6
_CHUNK = 50_000
_FINE_CHUNK = 2_000


def look(examined: Examined) -> Iterator[Found]:
    yield from _same(examined)
    yield from _dead(examined)
    yield from _absent(examined)
    yield from _flagged(examined)


# -- the same on both sides ---------------------------------------------------------------------------------------


def _same(examined: Examined) -> Iterator[Found]:
    pairs = _with_contents(examined)
    equal = pairs.filter(pl.col("chosen_content") == pl.col("rejected_content"))
    rest = pairs.filter(pl.col("chosen_content") != pl.col("rejected_content"))
    parts = [
        equal.select("pair_id", detail=pl.lit("the very same content")),
        _same_words(rest).select("pair_id", detail=pl.lit("the same text but for spaces")),
        _same_looks(rest, examined).select("pair_id", detail=pl.lit("the same picture, encoded twice")),
    ]
    rows = pl.concat(parts).unique("pair_id", keep="first", maintain_order=True)
    if rows.height:
        words = told(rows.height, "pair", "shows", "show") + " the same on both sides, "
        words += f"{counted(equal.height, 'of them', 'of them')} byte for byte." if equal.height else "encoded twice."
        yield Found("same-on-both-sides", words, rows)


def _with_contents(examined: Examined) -> pl.DataFrame:
    samples = examined.samples.select("sample_id", "content", "has_media", "words")
    # Under two prompts the same sample is right for one and wrong for the other: nothing is the matter.
    pairs = examined.pairs.filter(pl.col("chosen_prompt_id") == pl.col("rejected_prompt_id"))
    pairs = pairs.select("pair_id", "chosen_id", "rejected_id")
    for side in ("chosen", "rejected"):
        facts = samples.rename({name: f"{side}_{name}" for name in ("content", "has_media", "words")})
        pairs = pairs.join(facts, left_on=f"{side}_id", right_on="sample_id", maintain_order="left")
    return pairs


def _same_words(pairs: pl.DataFrame) -> pl.DataFrame:
    """Pairs of texts alone that differ in nothing but spaces."""
    is_text = ~pl.col("chosen_has_media") & ~pl.col("rejected_has_media")
    return pairs.filter(is_text & (pl.col("chosen_words") == pl.col("rejected_words")))


def _same_looks(pairs: pl.DataFrame, examined: Examined) -> pl.DataFrame:
    """Pairs whose pictures differ at every place by no more than an encoder does, and whose words are the same.

    The coarse look, 8 x 8 means of the fingerprint's cells, can differ by no more than the cells do, and by one level
    more where it was rounded: it dismisses nearly all pairs and never a wrong one. What is left is compared cell by
    cell.
    """
    words_agree = pl.col("chosen_words").eq_missing(pl.col("rejected_words"))
    candidates = pairs.filter(words_agree)
    looks = examined.looks.filter(pl.col("coarse").bin.size() > 0)
    counts = looks.group_by("sample_id").len("places")
    for side in ("chosen", "rejected"):
        mine = counts.rename({"sample_id": f"{side}_id", "places": f"{side}_places"})
        candidates = candidates.join(mine, on=f"{side}_id")
    candidates = candidates.filter(pl.col("chosen_places") == pl.col("rejected_places"))
    placed = _both_looks(candidates, looks)
    close = placed.filter(_close(placed["coarse"], placed["coarse_b"], SAME_LEVELS + 1))
    close = _all_places(close, placed)
    if not close.height:
        return close.select("pair_id")
    fine = close.filter(_finely_close(close, examined))
    return _all_places(fine, placed).select("pair_id").unique()


def _both_looks(pairs: pl.DataFrame, looks: pl.DataFrame) -> pl.DataFrame:
    mine = looks.select("sample_id", "place", "rendition_id", "coarse")
    first = pairs.select("pair_id", "chosen_id", "rejected_id").join(mine, left_on="chosen_id", right_on="sample_id")
    both = first.join(mine, left_on=["rejected_id", "place"], right_on=["sample_id", "place"], suffix="_b")
    return both.filter(pl.col("coarse").bin.size() == pl.col("coarse_b").bin.size())


def _all_places(close: pl.DataFrame, placed: pl.DataFrame) -> pl.DataFrame:
    """The rows of pairs that are close at every place."""
    counts = placed.group_by("pair_id").len("all").join(close.group_by("pair_id").len("near"), on="pair_id")
    whole = counts.filter(pl.col("all") == pl.col("near"))
    return close.join(whole.select("pair_id"), on="pair_id", how="semi")


def _close(first: pl.Series, second: pl.Series, levels: int) -> pl.Series:
    found = np.zeros(len(first), dtype=bool)
    for start in range(0, len(first), _CHUNK):
        a, b = first[start : start + _CHUNK].to_list(), second[start : start + _CHUNK].to_list()
        found[start : start + _CHUNK] = _within(a, b, levels)
    return pl.Series(found)


def _within(first: list[bytes], second: list[bytes], levels: int) -> NDArray[np.bool_]:
    """Whether no byte differs by more, row by row; rows may be of different lengths, as videos and pictures are."""
    if not first:
        return np.zeros(0, dtype=bool)
    starts = np.cumsum([0, *(len(one) for one in first[:-1])])
    a, b = (np.frombuffer(b"".join(part), np.uint8).astype(np.int16) for part in (first, second))
    return np.maximum.reduceat(np.abs(a - b), starts) <= levels


def _finely_close(close: pl.DataFrame, examined: Examined) -> pl.Series:
    parts = []
    for part in close.iter_slices(_FINE_CHUNK):
        wanted = pl.concat([part["rendition_id"], part["rendition_id_b"]]).unique().to_list()
        known = examined.fingerprints(wanted)
        pairs = [
            (known.get(a, b"")[1:], known.get(b, b"")[1:])
            for a, b in part.select("rendition_id", "rendition_id_b").iter_rows()
        ]
        parts += [bool(a) and len(a) == len(b) and bool(_within([a], [b], SAME_LEVELS)[0]) for a, b in pairs]
    return pl.Series(parts, dtype=pl.Boolean)


# -- files ------------------------------------------------------------------------------------------------------------


def _dead(examined: Examined) -> Iterator[Found]:
    if not examined.dead.height:
        return
    rows = examined.dead.select("sample_id", "prompt_id", detail=pl.format("{} is not in the storage", "name"))
    files = counted(examined.dead["name"].n_unique(), "file")
    yield Found("dead-media", f"{files} that should be in the storage cannot be found there.", rows)


def _absent(examined: Examined) -> Iterator[Found]:
    if examined.absent.height:
        count = examined.absent.height
        words = f"{counted(count, 'pair')} of the version {verb(count, 'leaves', 'leave')} with no export: "
        words += "media are declared but not here."
        yield Found("media-absent", words, examined.absent.sort("pair_id"))


# -- flags ------------------------------------------------------------------------------------------------------------


def _flagged(examined: Examined) -> Iterator[Found]:
    flags = examined.flags.join(examined.places.select("sample_id").unique(), on="sample_id", how="semi")
    broken = flags.filter(pl.col("flag") == "broken").select("sample_id").unique().sort("sample_id")
    unsafe = flags.filter(pl.col("flag") == "unsafe").select("sample_id").unique().sort("sample_id")
    if broken.height:
        words = told(broken.height, "sample", "was", "were") + " flagged broken since the version was built."
        yield Found("broken-sample", words, broken)
    if unsafe.height and not examined.keeps_unsafe:
        words = told(unsafe.height, "sample", "is", "are") + " flagged unsafe, and the recipe does not keep such."
        yield Found("unsafe-content", words, unsafe)
