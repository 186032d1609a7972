"""Of samples that look the same, one stays: a copy adds nothing to what a model learns, and leaks between splits."""

from collections import defaultdict
from collections.abc import Iterator

import polars as pl

from curation.errors import Refused
from curation.media import fingerprint
from curation.recipes.frames import Evidence
from curation.recipes.funnel import Step, step
from curation.recipes.model import NearDuplicates
from curation.recipes.signals import Heard

# Everything is compared with everything, at 0.1 to 0.2 ms a couple: some minutes at the most.
MOST_TOGETHER = 2_000

_ALIKE = pl.Schema({"a": pl.Int64, "b": pl.Int64, "distance": pl.Float64})
_COLUMNS = {"reason": pl.String, "prompt_id": pl.Int64, "sample_id": pl.Int64, "kept_id": pl.Int64}


def leave_out(
    samples: pl.DataFrame, rule: NearDuplicates, evidence: Evidence, heard: Heard | None
) -> tuple[pl.DataFrame, Step]:
    """The samples without near-duplicates of others. Best first, each stays that is like none that stays already.

    Two samples are alike when they show equally many files and each looks like the other's at its place, or when their
    contents are the same. Texts are alike only within a prompt: many prompts are rightly answered by “yes”.

    Args:
        samples: candidates with `order`.
        heard: the signal by which the best stays; None: the first by the seed.

    Raises:
        Refused: more than `MOST_TOGETHER` samples would have to be compared with each other.
    """
    alike = _same_looks(samples, rule, evidence.fingerprints)
    dropped = _dropped(_best_first(samples, heard).with_columns(equals=_equals(rule)), alike)
    kept = samples.join(dropped, on="sample_id", how="anti").sort("sample_id")
    return kept, step("near_duplicates", "samples", kept=kept.height, dropped=dropped)


def _best_first(samples: pl.DataFrame, heard: Heard | None) -> pl.DataFrame:
    if heard is None:
        return samples.sort("order", "sample_id")
    values = heard.values.select("sample_id", "rank_value")
    valued = samples.join(values, on="sample_id", how="left")
    return valued.sort(["rank_value", "order", "sample_id"], descending=[True, False, False], nulls_last=True)


def _equals(rule: NearDuplicates) -> pl.Expr:
    """What two samples share when their contents are the same; null where no other has it."""
    prompt = pl.when(pl.lit(rule.within == "prompt") | (pl.col("media_state") == "none")).then("prompt_id")
    key = pl.format("{} {}", "content", prompt.fill_null(-1))
    return pl.when(key.is_duplicated()).then(key)


def _dropped(ordered: pl.DataFrame, alike: pl.DataFrame) -> pl.DataFrame:
    """reason, prompt_id, sample_id, kept_id and distance of what goes.

    Args:
        ordered: sample_id, prompt_id, equals; whoever stands first stays.
    """
    neighbours: dict[int, dict[int, float]] = defaultdict(dict)
    for a, b, distance in alike.iter_rows():
        for one, other in ((a, b), (b, a)):
            neighbours[one][other] = min(distance, neighbours[one].get(other, 1.0))
    is_concerned = pl.col("sample_id").is_in(list(neighbours)) | pl.col("equals").is_not_null()
    stays: dict[int, int] = {}
    holders: dict[str, int] = {}
    rows = []
    for pk, prompt, equals in ordered.filter(is_concerned).select("sample_id", "prompt_id", "equals").iter_rows():
        like = [(distance, other) for other, distance in neighbours[pk].items() if other in stays]
        if equals in holders:
            like.append((0.0, holders[equals]))
        if like:
            distance, other = min(like)
            reason = "near_duplicate" if stays[other] == prompt else "near_duplicate_of_other_prompt"
            rows.append((reason, prompt, pk, other, distance))
            continue
        stays[pk] = prompt
        if equals is not None:
            holders[equals] = pk
    table = pl.DataFrame(rows, schema={**_COLUMNS, "distance": pl.Float64}, orient="row")
    return table.sort("prompt_id", "sample_id")


def _same_looks(samples: pl.DataFrame, rule: NearDuplicates, prints: pl.DataFrame) -> pl.DataFrame:
    seen = prints.join(samples.select("sample_id", "prompt_id"), on="sample_id").sort("sample_id", "position")
    groups = seen.partition_by("prompt_id", maintain_order=True) if rule.within == "prompt" else [seen]
    most = max((group.height for group in groups), default=0)
    if most > MOST_TOGETHER:
        of, instead = ("all", "Write `within: prompt`, or narrow") if rule.within == "all" else ("prompt", "Narrow")
        raise Refused(
            f"near_duplicates: within {of} would compare {most:,} pictures with each other, and at most "
            f"{MOST_TOGETHER:,} can be. {instead} the candidates by tags or filters."
        )
    rows = [row for group in groups if group.height > 1 for row in _alike(group, rule.distance)]
    return pl.DataFrame(rows, schema=_ALIKE, orient="row")


def _alike(group: pl.DataFrame, limit: float) -> Iterator[tuple[int, int, float]]:
    """Couples of samples of one group that are alike at every place, with the mean distance of their files."""
    counts = dict(group.group_by("sample_id").len().iter_rows())
    found: dict[tuple[int, int], list[float]] = defaultdict(list)
    for place in group.partition_by("position", maintain_order=True):
        ids = place["sample_id"].to_list()
        for pair in fingerprint.near_duplicates(place["fingerprint"].to_list(), limit=limit):
            found[ids[pair.first], ids[pair.second]].append(pair.distance)
    for (a, b), distances in sorted(found.items()):
        if counts[a] == counts[b] == len(distances):
            yield a, b, sum(distances) / len(distances)
