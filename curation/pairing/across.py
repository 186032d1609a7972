"""Pairs over different prompts: what passed against what failed. Plain code in columns.

Passed and failed items stand on a ring, each at the place its seeded hash gives it, and every passed item takes the
next free failed one. So the matching looks drawn by lot, is the same on every machine, and a sample that goes or
comes changes it only nearby, where a shuffle of all would change everything.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

# Steps an item walks along the ring before it stays without a partner.
_STEPS = 32

Ints = npt.NDArray[np.int64]


def match_across(passed: pl.DataFrame, failed: pl.DataFrame, *, each: int) -> pl.DataFrame:
    """Couples of a passed and a failed item of different prompts, inside a bucket.

    Args:
        passed, failed: bucket (text), prompt_id, sample_id, value, order (seeded). An item may be in several
            buckets, a row each.
        each: how many couples an item may be in on either side, at least 1.

    Returns:
        prompt_id (of the chosen), chosen_id, rejected_id, rejected_prompt_id, gap; sorted, each couple once.
    """
    chosen, rejected = _matched(passed, failed, each)
    couples = pl.DataFrame({"chosen_id": chosen, "rejected_id": rejected})
    couples = couples.join(_side(passed, "chosen"), on="chosen_id").join(_side(failed, "rejected"), on="rejected_id")
    gap = pl.col("chosen_value") - pl.col("rejected_value")
    return couples.select("chosen_id", "rejected_id", "rejected_prompt_id", prompt_id="chosen_prompt_id", gap=gap).sort(
        "prompt_id", "chosen_id", "rejected_id"
    )


def _side(items: pl.DataFrame, name: str) -> pl.DataFrame:
    return items.select(
        pl.col("sample_id").alias(f"{name}_id"),
        pl.col("prompt_id").alias(f"{name}_prompt_id"),
        pl.col("value").alias(f"{name}_value"),
    ).unique(f"{name}_id")


@dataclass(frozen=True)
class _Ring:
    """The failed items by bucket and order, and where each passed item (a seeker, by order) begins to ask.

    Args:
        sample, prompt, item: of each place; `item` numbers the different samples.
        asker, asker_prompt: of each seeker; `asker_item` numbers the different samples.
        base, size, start: of each seeker's bucket: its first place, its length, and the offset to begin at.
    """

    sample: Ints
    prompt: Ints
    item: Ints
    asker: Ints
    asker_prompt: Ints
    asker_item: Ints
    base: Ints
    size: Ints
    start: Ints


def _ring(passed: pl.DataFrame, failed: pl.DataFrame) -> _Ring:
    ring = failed.sort("bucket", "order", "sample_id").with_row_index("at").with_columns(pl.col("at").cast(pl.Int64))
    buckets = ring.group_by("bucket").agg(base=pl.col("at").min(), size=pl.len().cast(pl.Int64))
    seekers = passed.join(buckets, on="bucket").sort("order", "sample_id", "bucket")
    places = ring.select("bucket", "order", met="at").sort("order", "met")
    seekers = seekers.join_asof(places, on="order", by="bucket", strategy="forward", check_sortedness=False)
    start = (pl.col("met") - pl.col("base")).fill_null(0)  # past the last place the ring begins anew
    seekers = seekers.with_columns(start=start)
    return _Ring(
        sample=ring["sample_id"].to_numpy(),
        prompt=ring["prompt_id"].to_numpy(),
        item=_numbered(ring["sample_id"]),
        asker=seekers["sample_id"].to_numpy(),
        asker_prompt=seekers["prompt_id"].to_numpy(),
        asker_item=_numbered(seekers["sample_id"]),
        base=seekers["base"].to_numpy(),
        size=seekers["size"].to_numpy(),
        start=seekers["start"].to_numpy(),
    )


def _numbered(ids: pl.Series) -> Ints:
    return np.unique(ids.to_numpy(), return_inverse=True)[1].astype(np.int64)


def _matched(passed: pl.DataFrame, failed: pl.DataFrame, each: int) -> tuple[Ints, Ints]:
    """Sample ids of the chosen and of the rejected: in each turn a passed item finds at most one more."""
    ring = _ring(passed, failed)
    used = np.zeros(int(ring.item.max(initial=-1)) + 1, dtype=np.int64)
    had: Ints = np.zeros(0, dtype=np.int64)
    chosen, rejected = [], []
    for _turn in range(each):
        seekers, places = _one_turn(ring, used, each, had)
        chosen.append(ring.asker[seekers])
        rejected.append(ring.sample[places])
        had = np.union1d(had, _couple_key(ring, seekers, places))
    return np.concatenate(chosen), np.concatenate(rejected)


def _couple_key(ring: _Ring, seekers: Ints, places: Ints) -> Ints:
    return ring.asker_item[seekers] * (len(ring.item) + 1) + ring.item[places]


def _one_turn(ring: _Ring, used: Ints, each: int, had: Ints) -> tuple[Ints, Ints]:
    """Seekers that were served and by which place; `used` counts along."""
    active = np.arange(len(ring.asker))
    served = np.zeros(int(ring.asker_item.max(initial=-1)) + 1, dtype=np.bool_)
    seekers, places = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for step in range(_STEPS):
        active = active[~served[ring.asker_item[active]] & (ring.size[active] > step)]
        if not len(active):
            break
        place = ring.base[active] + (ring.start[active] + step) % ring.size[active]
        free = (ring.prompt[place] != ring.asker_prompt[active]) & (used[ring.item[place]] < each)
        asking, place = active[free], place[free]
        if len(had):
            new = ~np.isin(_couple_key(ring, asking, place), had)
            asking, place = asking[new], place[new]
        asking, place = _answered(ring, asking, place, used, each)
        served[ring.asker_item[asking]] = True
        seekers.append(asking)
        places.append(place)
    return np.concatenate(seekers), np.concatenate(places)


def _answered(ring: _Ring, asking: Ints, place: Ints, used: Ints, each: int) -> tuple[Ints, Ints]:
    """A passed item asks in the first of its buckets only; a failed one answers those who come first by order."""
    once = np.unique(ring.asker_item[asking], return_index=True)[1]
    asking, place = asking[np.sort(once)], place[np.sort(once)]
    item = ring.item[place]
    by_item = np.lexsort((asking, item))
    asking, place, item = asking[by_item], place[by_item], item[by_item]
    first = np.flatnonzero(np.r_[True, item[1:] != item[:-1]]) if len(item) else np.zeros(0, dtype=np.int64)
    queue = np.arange(len(item)) - np.repeat(first, np.diff(np.r_[first, len(item)]))
    wins = used[item] + queue < each
    np.add.at(used, item[wins], 1)
    return asking[wins], place[wins]
