"""Which rows of a frozen version rest on something that was taken back since, and why. Reads only."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from django.db.models import Q

from curation.actions import version_files
from curation.models import DatasetVersion, Judgement, Project, Sample, TakenDown
from curation.models.evidence_frames import read_frame
from curation.recipe_words import reason_name

# A correction replaces a vote in what is built next; what was frozen before it stays as it was.
WITHDRAWALS = (
    Judgement.Retraction.RETRACTED,
    Judgement.Retraction.MEMBER_RETRACTED,
    Judgement.Retraction.CONSENT_WITHDRAWN,
)

_IDS = pl.Schema({"id": pl.Int64})
_GONE = pl.Schema({"id": pl.Int64, "reason": pl.String})


@dataclass(frozen=True)
class Gone:
    """What is no longer to be used: frames of `id` and `reason` (a key of `words`), each id once."""

    prompts: pl.DataFrame
    samples: pl.DataFrame
    acts: pl.DataFrame  # judgements


@dataclass(frozen=True)
class Rows:
    """Rows of a version that rest on what is gone.

    Args:
        pairs: pair_id, reason.
        samples: sample_id, prompt_id, reason; of the table of samples.
    """

    pairs: pl.DataFrame
    samples: pl.DataFrame

    @property
    def is_empty(self) -> bool:
        return not self.pairs.height and not self.samples.height


def words(reason: str) -> str:
    """A reason as a page and a tombstone say it."""
    return reason_name(reason)


def gone(ids: list[int], reason: str) -> pl.DataFrame:
    """A frame for `Gone` of ids with one reason."""
    return pl.DataFrame({"id": sorted(set(ids)), "reason": [reason] * len(set(ids))}, schema=_GONE)


def nothing() -> pl.DataFrame:
    return pl.DataFrame(schema=_GONE)


def withdrawn_acts(project: Project) -> pl.DataFrame:
    """The judgements of a project that were taken back for good, with the reason for what rests on them."""
    consent = Judgement.Retraction.CONSENT_WITHDRAWN
    acts = Judgement.objects.filter(project=project, retraction__in=WITHDRAWALS).values_list("pk", "retraction")
    rows = [(pk, "consent_withdrawn" if why == consent else "evidence_withdrawn") for pk, why in acts.iterator(10_000)]
    return pl.DataFrame(rows, schema=_GONE, orient="row")


def taken_down(project: Project) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The samples and the prompts of a project that were taken down."""
    of_project = TakenDown.objects.filter(withdrawal__project=project)
    samples = list(of_project.exclude(sample=None).values_list("sample_id", flat=True))
    prompts = list(of_project.exclude(prompt=None).values_list("prompt_id", flat=True))
    return gone(samples, "sample_taken_down"), gone(prompts, "prompt_taken_down")


def of_version(version: DatasetVersion) -> Rows:
    """The rows that rest on anything deleted, taken down, retracted or withdrawn by now. Costs five queries."""
    project = version.dataset.project
    samples, prompts = taken_down(project)
    return resting_on(
        version,
        Gone(
            prompts=_with_deleted(version, prompts, "prompt_id", "curation_prompt", "prompt_gone"),
            samples=_with_deleted(version, samples, "sample_id", "curation_sample", "sample_gone"),
            acts=withdrawn_acts(project),
        ),
    )


def _with_deleted(version: DatasetVersion, known: pl.DataFrame, column: str, table: str, reason: str) -> pl.DataFrame:
    """What was taken down, and what the version holds and the database no longer does."""
    select = f"SELECT id FROM {table} WHERE project_id = %(project)s"  # noqa: S608  # a constant of this module
    here = read_frame(select, _IDS, {"project": version.dataset.project_id})
    held = version_files.scan(version, "samples").select(id=pl.col(column)).unique().collect()
    deleted = held.join(here, on="id", how="anti").with_columns(reason=pl.lit(reason))
    return pl.concat([known, deleted]).unique("id", keep="first")


def resting_on(version: DatasetVersion, what: Gone) -> Rows:
    """The rows of a version that name any of this. Memory: the ids of its rows and of what lies behind them."""
    return Rows(pairs=_pairs(version, what), samples=_samples(version, what))


def _pairs(version: DatasetVersion, what: Gone) -> pl.DataFrame:
    sides = ["prompt_id", "chosen_prompt_id", "rejected_prompt_id"]
    ids = version_files.scan(version, "pairs").select("pair_id", "chosen_id", "rejected_id", *sides).collect()
    found = [
        *(_named(ids, side, what.prompts, "pair_id") for side in sides),
        *(_named(ids, side, what.samples, "pair_id") for side in ("chosen_id", "rejected_id")),
    ]
    if what.acts.height:
        found.append(_behind(version, "pairs", ["pair_id"], what.acts))
    # The first reason found is told; a deleted prompt explains more than what was said of it.
    return pl.concat(found).unique("pair_id", keep="first", maintain_order=True).sort("pair_id")


def _named(rows: pl.DataFrame, column: str, what: pl.DataFrame, *keys: str) -> pl.DataFrame:
    return rows.join(what, left_on=column, right_on="id").select(*keys, "reason")


def _behind(version: DatasetVersion, table: str, keys: list[str], acts: pl.DataFrame) -> pl.DataFrame:
    """Rows with one of these judgements among their evidence."""
    behind = (
        version_files.scan(version, table)
        .select(*keys, "evidence")
        .explode("evidence", empty_as_null=False)
        .select(*keys, id=pl.col("evidence").struct.field("judgement_id"))
        .join(acts.lazy(), on="id")
    )
    return behind.select(*keys, "reason").unique(keys, keep="first").collect().sort(keys)


def _samples(version: DatasetVersion, what: Gone) -> pl.DataFrame:
    """Candidates that are gone themselves; where no pairs were made, those too that were kept for what is gone."""
    keys = ["sample_id", "prompt_id"]
    ids = version_files.scan(version, "samples").select(keys).collect()
    found = [_named(ids, "prompt_id", what.prompts, *keys), _named(ids, "sample_id", what.samples, *keys)]
    if what.acts.height and not version.pair_count:
        found.append(_behind(version, "samples", keys, what.acts))
    return pl.concat(found).unique(keys, keep="first", maintain_order=True).sort(keys)


def shown_as_gone(project: Project, sample_ids: list[int]) -> dict[int, TakenDown]:
    """What was taken down among these samples, themselves or with their prompt."""
    rows = TakenDown.objects.filter(withdrawal__project=project).select_related("withdrawal")
    by_prompt = {row.prompt_id: row for row in rows.filter(prompt__samples__in=sample_ids).distinct()}
    own = {row.sample_id: row for row in rows.filter(sample__in=sample_ids)}
    found = dict(Sample.objects.filter(pk__in=sample_ids).values_list("pk", "prompt_id"))
    return {pk: own.get(pk) or by_prompt[prompt] for pk, prompt in found.items() if pk in own or prompt in by_prompt}


def is_taken_down(sample: Sample) -> bool:
    return TakenDown.objects.filter(Q(sample=sample) | Q(prompt=sample.prompt_id)).exists()
