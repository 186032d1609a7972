"""A frozen version as a source of export rows: which rows may leave, and the rows themselves, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl
from django.db import connection
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from curation.actions import benchmarks, export_groups, version_files
from curation.actions.export_context import context_of
from curation.actions.export_rows import Options, RowBuilder
from curation.actions.withdrawn_rows import WITHDRAWALS
from curation.errors import Refused
from curation.exports.gathered import ExportGroup
from curation.exports.privacy import Pseudonyms
from curation.exports.rows import ExportCandidate, ExportOpinion, ExportPair, ExportSource
from curation.models import DatasetVersion, Judgement, VersionTombstone

# Rows built together: about fifteen queries whatever the number, and this many pairs in memory.
BATCH = 200
# Ids asked for in one query.
IDS = 10_000

WITHDRAWN = "withdrawn since the version was frozen"
RESTS_ON_WITHDRAWN = "what they rest on was withdrawn since the version was frozen"
TAKEN_DOWN = "a sample or its prompt was deleted"
ABSENT = "media that are declared but not here"
BARRED = "in a frozen benchmark, or like something in one"


@dataclass(frozen=True)
class Plan:
    """What of a version may leave.

    Args:
        pairs: pair_id, split, basis, sample and prompt id of both sides, pairs_of_prompt, is_first; by pair_id.
        samples: sample_id, prompt_id, split, times_chosen, times_rejected; by sample_id.
        left_out: pairs by reason.
        held_back: pair_id, reason; the pairs that do not leave.
    """

    pairs: pl.DataFrame
    samples: pl.DataFrame
    left_out: dict[str, int]
    held_back: pl.DataFrame


def source_of(version: DatasetVersion, *, place: str, options: Options) -> ExportSource:
    """The version as writers take it.

    Args:
        place: where the export goes; the same version and place give the same pseudonyms.

    Raises:
        Refused: the version is not frozen.
        Unavailable: its files cannot be read from here.
    """
    if version.frozen_at is None:
        raise Refused(_("%(version)s is not frozen yet. Wait for its build to finish.") % {"version": version})
    plan = plan_of(version)
    builder = RowBuilder(version, pseudonyms_of(version, place, are_kept=options.with_annotators), options)
    return ExportSource(
        context=context_of(version, plan.pairs, plan.samples, plan.left_out, builder),
        pairs=lambda split: _pairs(version, plan, builder, split),
        candidates=lambda split: _candidates(version, plan, builder, split),
        open_media=builder.open_media,
        opinions=lambda split: _opinions(version, plan, builder, split),
        groups=lambda split: _groups(version, plan, builder, split),
        traces=lambda split: export_groups.traces(version, plan.samples.filter(pl.col("split") == split), builder),
        options=options.formats,
    )


def pseudonyms_of(version: DatasetVersion, place: str, *, are_kept: bool = True) -> Pseudonyms:
    """The names that people have in exports of a dataset to a place; the same each time."""
    key = salted_hmac("pairwright.exports", f"{version.dataset_id}:{place}", algorithm="sha256").digest()
    return Pseudonyms(key, are_kept=are_kept)


def plan_of(version: DatasetVersion) -> Plan:
    """Decides once what leaves. Memory: a few numbers and the name of each pair."""
    pairs = version_files.scan(version, "pairs").select(
        "pair_id",
        "split",
        "basis",
        *(f"{side}{what}" for side in ("chosen", "rejected") for what in ("_id", "_prompt_id")),
    )
    samples = version_files.scan(version, "samples").select("sample_id", "prompt_id", "split", "role").collect()
    barred = benchmarks.leaking(version).to_list()
    marked = _marked(version, pairs.collect(), barred)
    left_out = marked.filter(pl.col("reason").is_not_null()).group_by("reason").len("n").sort("reason")
    kept = marked.filter(pl.col("reason").is_null())
    return Plan(
        pairs=_with_places(kept),
        samples=_with_sides(_present(samples, barred), kept),
        left_out=dict(left_out.select("reason", "n").iter_rows()),
        held_back=marked.filter(pl.col("reason").is_not_null()).select("pair_id", "reason"),
    )


def _marked(version: DatasetVersion, pairs: pl.DataFrame, barred: list[int]) -> pl.DataFrame:
    """The pairs with the reason why each may not leave, or null."""
    ids = {
        name: pl.concat([pairs[f"chosen_{name}"], pairs[f"rejected_{name}"]]).unique().to_list()
        for name in ("id", "prompt_id")
    }
    gone, absent = _gone(ids["id"]), _without_media(ids["id"])
    unseen = _prompts_without_media(ids["prompt_id"])
    tombstones = list(VersionTombstone.objects.filter(version=version).values_list("pair_id", flat=True))
    reason = (
        pl.when(pl.col("pair_id").is_in(tombstones))
        .then(pl.lit(WITHDRAWN))
        .when(pl.col("pair_id").is_in(_resting_on_withdrawn(version)))
        .then(pl.lit(RESTS_ON_WITHDRAWN))
        .when(_either("id", gone))
        .then(pl.lit(TAKEN_DOWN))
        .when(_either("id", absent) | _either("prompt_id", unseen))
        .then(pl.lit(ABSENT))
        .when(_either("id", barred))
        .then(pl.lit(BARRED))
    )
    return pairs.with_columns(reason=reason.otherwise(pl.lit(None, dtype=pl.String)))


def _either(name: str, ids: Sequence[int]) -> pl.Expr:
    listed = pl.Series(ids, dtype=pl.Int64).implode()
    return pl.col(f"chosen_{name}").is_in(listed) | pl.col(f"rejected_{name}").is_in(listed)


def _present(samples: pl.DataFrame, barred: list[int]) -> pl.DataFrame:
    """The candidates whose sample, media and inputs are all here, and that stand in no benchmark."""
    ids = samples["sample_id"].to_list()
    not_here = pl.Series([*_gone(ids), *_without_media(ids), *barred], dtype=pl.Int64).implode()
    unseen = pl.Series(_prompts_without_media(samples["prompt_id"].unique().to_list()), dtype=pl.Int64).implode()
    return samples.filter(~pl.col("sample_id").is_in(not_here) & ~pl.col("prompt_id").is_in(unseen))


_HERE = "SELECT id FROM curation_sample WHERE id = ANY(%s)"
_LACKING = """
SELECT m.sample_id FROM curation_samplemedia m WHERE m.role = '' AND m.sample_id = ANY(%s)
    AND (m.asset_id IS NULL OR NOT EXISTS (SELECT 1 FROM curation_rendition r WHERE r.asset_id = m.asset_id))
UNION SELECT s.id FROM curation_sample s WHERE s.media_state = 'absent' AND s.id = ANY(%s)
"""
_PROMPTS_LACKING = """
SELECT DISTINCT m.prompt_id FROM curation_promptmedia m WHERE m.prompt_id = ANY(%s)
    AND (m.asset_id IS NULL OR NOT EXISTS (SELECT 1 FROM curation_rendition r WHERE r.asset_id = m.asset_id))
"""


def _gone(ids: list[int]) -> list[int]:
    return sorted(set(ids) - set(_numbers(_HERE, ids)))


def _without_media(ids: list[int]) -> list[int]:
    """Samples with a shown medium that is only declared, or that has no rendition."""
    return sorted(_numbers(_LACKING, ids, ids))


def _prompts_without_media(ids: list[int]) -> list[int]:
    return sorted(_numbers(_PROMPTS_LACKING, ids))


def _numbers(select: str, *lists: list[int]) -> list[int]:
    """One query with whole lists as arrays: a million ids as single parameters would take minutes."""
    with connection.cursor() as cursor:
        cursor.execute(select, lists)
        return [number for (number,) in cursor.fetchall()]


def _resting_on_withdrawn(version: DatasetVersion) -> list[str]:
    """Pairs with a statement behind them that was retracted, or whose author took their consent back."""
    behind = (
        version_files.scan(version, "pairs")
        .select("pair_id", "evidence")
        .explode("evidence")
        .select("pair_id", judgement_id=pl.col("evidence").struct.field("judgement_id"))
        .unique()
        .drop_nulls()
        .collect()
    )
    withdrawn = Judgement.objects.filter(retraction__in=WITHDRAWALS)
    ids = [
        pk
        for part in _parts(behind["judgement_id"].unique().to_list())
        for pk in withdrawn.filter(pk__in=part).values_list("pk", flat=True)
    ]
    return behind.filter(pl.col("judgement_id").is_in(ids))["pair_id"].unique().to_list()


def _parts(ids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), IDS):
        yield ids[start : start + IDS]


def _with_places(kept: pl.DataFrame) -> pl.DataFrame:
    """Adds how many pairs of its split a prompt has, and whether a pair is the first of them."""
    group = ["split", "chosen_prompt_id"]
    return kept.sort("pair_id").select(
        "pair_id",
        "split",
        "basis",
        "chosen_id",
        "chosen_prompt_id",
        "rejected_id",
        "rejected_prompt_id",
        pairs_of_prompt=pl.len().over(group),
        is_first=pl.int_range(pl.len()).over(group) == 0,
    )


def _with_sides(samples: pl.DataFrame, kept: pl.DataFrame) -> pl.DataFrame:
    """Adds how often a candidate was chosen and rejected in the pairs that leave."""
    counted = samples
    for side in ("chosen", "rejected"):
        sided = kept.group_by(sample_id=f"{side}_id", prompt_id=f"{side}_prompt_id").len(f"times_{side}")
        counted = counted.join(sided, on=["sample_id", "prompt_id"], how="left")
    times = [pl.col(f"times_{side}").fill_null(0) for side in ("chosen", "rejected")]
    return counted.with_columns(times).sort("sample_id", "prompt_id")


def _pairs(version: DatasetVersion, plan: Plan, builder: RowBuilder, split: str) -> Iterator[ExportPair]:
    places = plan.pairs.filter(pl.col("split") == split).select("pair_id", "pairs_of_prompt", "is_first")
    for chunk in version_files.iter_pairs(version):
        wanted = chunk.filter(pl.col("split") == split).join(places, on="pair_id", maintain_order="left")
        for batch in wanted.iter_slices(BATCH):
            yield from builder.pairs(batch.to_dicts())


def _candidates(version: DatasetVersion, plan: Plan, builder: RowBuilder, split: str) -> Iterator[ExportCandidate]:
    wanted = plan.samples.filter(pl.col("split") == split)
    evidence = version_files.scan(version, "samples").select("sample_id", "prompt_id", "evidence")
    for batch in wanted.iter_slices(BATCH * 10):
        within = pl.col("sample_id").is_between(batch["sample_id"].min(), batch["sample_id"].max())
        read = evidence.filter(within).collect()
        rows = batch.join(read, on=["sample_id", "prompt_id"], how="left", maintain_order="left")
        for part in rows.iter_slices(BATCH):
            yield from builder.candidates(part.to_dicts())


def _groups(version: DatasetVersion, plan: Plan, builder: RowBuilder, split: str) -> Iterator[ExportGroup]:
    samples, pairs = (frame.filter(pl.col("split") == split) for frame in (plan.samples, plan.pairs))
    return export_groups.groups(version, samples, pairs, builder)


def _opinions(version: DatasetVersion, plan: Plan, builder: RowBuilder, split: str) -> Iterator[ExportOpinion]:
    """Every comparison between two candidates of the split. Memory: the ids of its candidates and pairs."""
    wanted = plan.samples.filter(pl.col("split") == split)
    present = frozenset(wanted.select("sample_id", "prompt_id").iter_rows())
    pairs = plan.pairs.filter(pl.col("split") == split).select("chosen_id", "rejected_id", "pair_id")
    pair_ids = {frozenset((chosen, rejected)): pair_id for chosen, rejected, pair_id in pairs.iter_rows()}
    for batch in wanted.select(pl.col("sample_id").unique().sort()).iter_slices(BATCH * 10):
        yield from builder.opinions(batch["sample_id"].to_list(), present, pair_ids)
