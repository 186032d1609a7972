"""`NAME@3.1`: a frozen version without what was withdrawn since. Its origin stays, and is handed out no more.

A minor version is no new build. Its rows are those of the version before it, less the ones that name what is gone; so
the same tombstones give the same digest, whatever the code or the evidence of the day.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import polars as pl
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from curation.actions import version_files, withdrawn_rows
from curation.actions.version_files import TOMBSTONES
from curation.actions.withdrawn_rows import Rows
from curation.code_version import code_version
from curation.models import Dataset, DatasetVersion, Job, User, VersionTombstone, Withdrawal
from curation.models.heard import heard_behind
from curation.recipes.tables import EVIDENCE, SAMPLES


@dataclass(frozen=True)
class Tables:
    """The rows of a version: `recipes.tables` PAIRS, SAMPLES and SPLITS."""

    pairs: pl.DataFrame
    samples: pl.DataFrame
    splits: pl.DataFrame

    @property
    def digest(self) -> str:
        return version_files.digest_of(self.pairs, self.samples, self.splits)


def read(version: DatasetVersion) -> Tables:
    return Tables(
        pairs=version_files.read(version, "pairs"),
        samples=version_files.read(version, "samples"),
        splits=version_files.read(version, "splits"),
    )


def without(tables: Tables, tombstones: pl.DataFrame) -> Tables:
    """The rows that no tombstone names, each as it was; a sample whose pairs fell is merely kept.

    Args:
        tables: of the version that was built.
        tombstones: `recipes.tables.TOMBSTONES`.
    """
    fallen = tombstones.filter(pl.col("kind") == "pair").select(pair_id="name")
    lost = tombstones.filter(pl.col("kind") == "sample").select("sample_id", "prompt_id")
    silent = tombstones.filter(pl.col("kind") == "judgement")["judgement_id"]
    # Filters keep the order, and gather nested columns once; a join would do it twice.
    pairs = tables.pairs.filter(~pl.col("pair_id").is_in(fallen["pair_id"].implode()))
    is_lost = pl.struct("sample_id", "prompt_id").is_in(lost.to_struct().implode())
    samples = tables.samples.filter(~is_lost) if lost.height else tables.samples
    samples = _without_acts(samples, silent).with_columns(role=_role(samples, pairs)).select(list(SAMPLES))
    splits = tables.splits.filter(pl.col("prompt_id").is_in(samples["prompt_id"].unique().implode()))
    return Tables(pairs, samples, splits)


def _without_acts(samples: pl.DataFrame, silent: pl.Series) -> pl.DataFrame:
    """The scores a sample was read with, less those that were taken back; lists without any stay untouched."""
    if not silent.len():
        return samples
    one = pl.element().struct.field("judgement_id").is_in(silent.implode())
    evidence = pl.col("evidence")
    has_one = evidence.list.eval(one).list.any()
    return samples.with_columns(
        pl.when(has_one).then(evidence.list.eval(pl.element().filter(~one))).otherwise(evidence)
    )


def _role(samples: pl.DataFrame, pairs: pl.DataFrame) -> pl.Expr:
    """As the recipe calls it, of the pairs that are left; what was kept without a pair stays so."""
    is_chosen = pl.col("sample_id").is_in(pairs["chosen_id"].unique().implode())
    is_rejected = pl.col("sample_id").is_in(pairs["rejected_id"].unique().implode())
    role = pl.when(is_chosen & is_rejected).then(pl.lit("both")).when(is_chosen).then(pl.lit("chosen"))
    return role.when(is_rejected).then(pl.lit("rejected")).otherwise(pl.lit("kept"))


# -- making ----------------------------------------------------------------------------------------------------------


def make(
    *, version: DatasetVersion, because: str = "", withdrawal: Withdrawal | None, job: Job | None, by: User | None
) -> DatasetVersion | None:
    """Freezes the next minor version, names what it lost, and closes those before it; None where nothing is gone.

    Doing it twice does it once. Files are named by their content and come first; the rest is one transaction.

    Args:
        version: the newest minor version of its number.
        because: why, in words of whoever asked; part of the note.

    Raises:
        Unavailable: its files cannot be read from here.
    """
    asked = version
    while not (rows := _all_of(version)).is_empty:
        minor = _freeze(version, rows, _prepare(version, rows, because, withdrawal), job, by)
        if minor is not None:
            return minor
        # Another withdrawal made it meanwhile, and may have read the rows before ours fell.
        version = _family(version).order_by("minor").last() or version
    return version if version != asked else None


def _family(version: DatasetVersion) -> QuerySet[DatasetVersion]:
    """All versions of one number."""
    same = DatasetVersion.objects.filter(dataset=version.dataset_id, number=version.number)
    return same.select_related("dataset__project", "recipe")


def _all_of(version: DatasetVersion) -> Rows:
    """Everything withdrawn by now, and what a rebuild had found to fall with it."""
    rows = withdrawn_rows.of_version(version)
    marked = version.tombstones.values_list("pair_id", flat=True)
    more = pl.DataFrame({"pair_id": list(marked)}, schema={"pair_id": pl.String})
    held = version_files.scan(version, "pairs").select("pair_id").collect()
    more = more.join(held, on="pair_id", how="semi").with_columns(reason=pl.lit("no_longer_follows"))
    return Rows(pl.concat([rows.pairs, more]).unique("pair_id", keep="first").sort("pair_id"), rows.samples)


@dataclass(frozen=True)
class Prepared:
    """A minor version all but frozen: its files are stored."""

    digest: str
    manifest: dict[str, Any]
    funnel: list[dict[str, Any]]
    note: str
    pairs: int


def _prepare(version: DatasetVersion, rows: Rows, because: str, withdrawal: Withdrawal | None) -> Prepared:
    tombstones = _tombstones(version, rows)
    tables = without(read(version), tombstones)
    evidence = _evidence(version, tombstones)
    note = _note(version, rows, because)
    files = {
        "pairs": version_files.store(tables.pairs),
        "samples": version_files.store(tables.samples),
        "splits": version_files.store(tables.splits),
        "evidence": version_files.store(evidence),
        "tombstones": version_files.store(tombstones),
    }
    made = {
        "of": str(version),
        "withdrawal": withdrawal.pk if withdrawal else None,
        "note": note,
        "pairs": rows.pairs.height,
        "samples": rows.samples.height,
        "reasons": _counted(rows),
        "made_with": code_version(),
    }
    manifest = {
        **version.manifest,
        "digest": tables.digest,
        "files": files,
        "counts": version_files.counts(tables.pairs, tables.samples, tables.splits),
        "raters": heard_behind(evidence.filter(pl.col("kind").is_in(["score", "comparison"]))["id"].unique()),
        "evidence": dict(evidence.group_by("kind").len().sort("kind").iter_rows()),
        "minor": made,
    }
    return Prepared(tables.digest, manifest, [*version.funnel, _step(version, rows)], note, tables.pairs.height)


def _tombstones(version: DatasetVersion, rows: Rows) -> pl.DataFrame:
    """What this version and those before it lost: enough to make the next one again from the one that was built."""
    acts = withdrawn_rows.withdrawn_acts(version.dataset.project)
    read = version_files.read(version, "evidence").filter(pl.col("kind").is_in(["score", "comparison"]))
    acts = acts.join(read.select(pl.col("id").unique()), on="id", how="semi")
    parts = [
        rows.pairs.select(kind=pl.lit("pair"), name="pair_id", reason="reason"),
        rows.samples.select("sample_id", "prompt_id", "reason", kind=pl.lit("sample")),
        acts.select("reason", kind=pl.lit("judgement"), judgement_id="id"),
    ]
    before = [version_files.read(version, "tombstones")] if version.minor else []
    empty = pl.DataFrame(schema=TOMBSTONES)
    table = pl.concat([empty, *before, *parts], how="diagonal").select(list(TOMBSTONES))
    keys = ["kind", "name", "sample_id", "prompt_id", "judgement_id"]
    return table.unique(keys, keep="first").sort(keys)


def _evidence(version: DatasetVersion, tombstones: pl.DataFrame) -> pl.DataFrame:
    """The list of what was read, less the statements that were taken back."""
    silent = tombstones.filter(pl.col("kind") == "judgement")["judgement_id"]
    is_statement = pl.col("kind").is_in(["score", "comparison"])
    return (
        version_files.read(version, "evidence")
        .filter(~(is_statement & pl.col("id").is_in(silent.implode())))
        .select(list(EVIDENCE))
    )


def _counted(rows: Rows) -> dict[str, int]:
    return dict(sorted(Counter(rows.pairs["reason"].to_list()).items()))


def _step(version: DatasetVersion, rows: Rows) -> dict[str, Any]:
    """The line of the funnel that says what was withdrawn."""
    entered = version.pair_count or 0
    return {
        "step": "withdrawn",
        "unit": "pairs",
        "entered": entered,
        "kept": entered - rows.pairs.height,
        "reasons": _counted(rows),
        "examples": [],
    }


def _note(version: DatasetVersion, rows: Rows, because: str) -> str:
    """What became of the version, readable next year by whoever finds it."""
    pairs, samples = rows.pairs.height, rows.samples.height
    lost = [ngettext("%(count)s pair", "%(count)s pairs", pairs) % {"count": f"{pairs:,}"}] if pairs else []
    if samples:
        lost.append(ngettext("%(count)s sample", "%(count)s samples", samples) % {"count": f"{samples:,}"})
    parts = [_("The same as %(version)s without %(lost)s.") % {"version": version, "lost": _(" and ").join(lost)}]
    parts += [
        ngettext("%(count)s pair, because %(why)s.", "%(count)s pairs, because %(why)s.", count)
        % {"count": f"{count:,}", "why": withdrawn_rows.words(reason)}
        for reason, count in _counted(rows).items()
    ]
    return " ".join([*parts, *([_("Reason given: %(reason)s") % {"reason": because}] if because else [])])


@transaction.atomic
def _freeze(
    version: DatasetVersion, rows: Rows, prepared: Prepared, job: Job | None, by: User | None
) -> DatasetVersion | None:
    """Writes the minor version, the tombstones of all before it, and where to go from them.

    None where the version is no longer the newest of its number.
    """
    Dataset.objects.select_for_update().get(pk=version.dataset_id)
    *before, newest = _family(version).order_by("minor")
    if newest.pk != version.pk:
        return None
    minor = DatasetVersion.objects.create(
        dataset=version.dataset,
        number=version.number,
        minor=version.minor + 1,
        recipe=version.recipe,
        job=job,
        seed=version.seed,
        code_version=version.code_version,
        frozen_at=timezone.now(),
        digest=prepared.digest,
        pair_count=prepared.pairs,
        pairs_name=prepared.manifest["files"]["pairs"]["name"],
        evidence_name=prepared.manifest["files"]["evidence"]["name"],
        funnel=prepared.funnel,
        manifest=prepared.manifest,
        note=prepared.note,
        created_by=by,
    )
    for closed in (*before, newest):
        mark(closed, rows.pairs)
        DatasetVersion.objects.filter(pk=closed.pk).update(replaced_by=minor)
    return minor


def mark(version: DatasetVersion, pairs: pl.DataFrame) -> None:
    """Writes the tombstones that are not there yet, and their number on the version.

    Args:
        pairs: pair_id and reason.
    """
    VersionTombstone.objects.bulk_create(
        (
            VersionTombstone(version=version, pair_id=pair_id, reason=withdrawn_rows.words(reason))
            for pair_id, reason in pairs.select("pair_id", "reason").iter_rows()
        ),
        batch_size=5_000,
        ignore_conflicts=True,
    )
    version.withdrawn_count = version.tombstones.count()
    DatasetVersion.objects.filter(pk=version.pk).update(withdrawn_count=version.withdrawn_count)
