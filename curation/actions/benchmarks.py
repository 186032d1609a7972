"""Freezing held-out sets, and keeping what stands in one out of everything that is trained on."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl
from django.db import transaction
from django.db.models import Q
from django.utils.text import slugify
from django.utils.translation import gettext as _

from curation.access import Right
from curation.actions import version_files, withdrawn_rows
from curation.errors import NotAllowed, Refused
from curation.models import (
    Benchmark,
    BenchmarkItem,
    DatasetVersion,
    Job,
    Judgement,
    Project,
    Prompt,
    User,
)
from curation.models.benchmark_frames import read_barred, read_verdicts
from curation.models.evidence_frames import read_evidence
from curation.recipes.frames import Evidence
from curation.recipes.steps.barred import ALIKE, leave_out
from curation.splitting import ROLES_THAT_DO_NOT_LINK


@dataclass(frozen=True)
class Selection:
    """What is frozen.

    Args:
        source: one of `Benchmark.Source`.
        name: the version, tag, batch or file, as a person would name it.
        prompts: ids; None takes every prompt of the project that has samples.
        version: for a version of a dataset: its pairs are the verdicts.
        split: of the version; empty for all.
        batch: the id of a batch; its items are taken.
        least_votes, least_share: people's votes on a couple, and the share for its winner (0 to 1), below which the
            couple does not count as verified; a prompt without a verified couple is left out.
    """

    source: str
    name: str = ""
    prompts: frozenset[int] | None = None
    version: DatasetVersion | None = None
    split: str = ""
    batch: str = ""
    least_votes: int = 0
    least_share: float = 0.0

    @property
    def is_verified(self) -> bool:
        return self.least_votes > 0 or self.least_share > 0


def of_project(project: Project) -> Selection:
    return Selection(Benchmark.Source.PROJECT, project.slug)


def of_version(version: DatasetVersion, split: str = "") -> Selection:
    """
    Raises:
        Refused: the version has no such split.
    """
    splits = version.manifest["counts"]["samples_by_split"]
    if split and split not in splits:
        raise Refused(
            _("%(version)s has no split “%(split)s”; it has %(known)s.")
            % {"version": version, "split": split, "known": ", ".join(splits) or _("none")}
        )
    return Selection(Benchmark.Source.VERSION, f"{version} {split}".strip(), version=version, split=split)


def of_tag(project: Project, tag: str) -> Selection:
    prompts = Prompt.objects.filter(project=project).filter(Q(tags__contains=[tag]) | Q(samples__tags__contains=[tag]))
    return Selection(Benchmark.Source.TAG, tag, frozenset(prompts.values_list("pk", flat=True)))


def of_batch(batch: str, *, least_votes: int = 1, least_share: float = 0.0) -> Selection:
    """The items that people judged in a batch, verified by so many votes that agree so far."""
    return Selection(
        Benchmark.Source.BATCH, batch, batch=batch, least_votes=max(least_votes, 1), least_share=least_share
    )


def of_import(job: Job, file: str) -> Selection:
    """What an import brought: its prompts, and those it brought samples to."""
    brought = Q(imported_by=job) | Q(samples__imported_by=job)
    prompts = Prompt.objects.filter(brought, project=job.project_id).values_list("pk", flat=True)
    return Selection(Benchmark.Source.IMPORT, file, frozenset(prompts))


# -- freezing --------------------------------------------------------------------------------------------------------


def freeze(
    *,
    project: Project,
    name: str,
    selection: Selection,
    by: User | None,
    description: str = "",
    job: Job | None = None,
) -> Benchmark:
    """Freezes the next version of a benchmark. What it holds already in its newest version is not frozen again.

    From then on no recipe of any project pairs an item of it, and no export holds one.

    Raises:
        NotAllowed: the person may not.
        Refused: the name is none or belongs to another project, or nothing is selected.
    """
    if by is not None and not project.allows(by, Right.EDIT):
        raise NotAllowed(_("Only curators and admins of “%(project)s” freeze benchmarks.") % {"project": project.name})
    if slugify(name) != name or not name:
        raise Refused(
            _("“%(name)s” cannot name a benchmark. Use small letters, digits and hyphens, such as “%(proposal)s”.")
            % {"name": name, "proposal": slugify(name) or "my-benchmark"}
        )
    items = list(_items(project, selection))
    if not items:
        raise Refused(_("Nothing is selected: no prompt with samples, or none that is verified."))
    return _freeze(project, name, selection, items, by=by, description=description, job=job)


def freeze_import(*, project: Project, job: Job, name: str, file: str) -> Benchmark | None:
    """Freezes what an import brought; None where it brought nothing. Doing it again for the same job does nothing.

    A name that belongs to another project, where the same file was imported before, gets this project's added.
    """
    selection = of_import(job, file)
    if not selection.prompts:
        return None
    taken = Benchmark.objects.filter(name=name).exclude(project=project).exists()
    own = f"{name[: 79 - len(project.slug)]}-{project.slug}" if taken else name
    return freeze(project=project, name=own, selection=selection, by=job.created_by, job=job)


@transaction.atomic
def _freeze(
    project: Project,
    name: str,
    selection: Selection,
    items: list[BenchmarkItem],
    *,
    by: User | None,
    description: str,
    job: Job | None,
) -> Benchmark:
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    newest = Benchmark.objects.filter(name=name).order_by("-number").first()
    if newest is not None and newest.project_id != project.pk:
        raise Refused(_("The name “%(name)s” belongs to a benchmark of another project.") % {"name": name})
    digest = _digest(items)
    if newest is not None and newest.digest == digest:
        return newest
    benchmark = Benchmark.objects.create(
        project=project,
        name=name,
        number=newest.number + 1 if newest else 1,
        description=description,
        source=selection.source,
        source_name=selection.name,
        version=selection.version,
        job=job,
        digest=digest,
        item_count=len(items),
        sample_count=sum(len(item.samples) for item in items),
        verdict_count=sum(len(item.verdicts) for item in items),
        created_by=by,
    )
    for position, item in enumerate(items):
        item.benchmark, item.position = benchmark, position
    BenchmarkItem.objects.bulk_create(items, batch_size=1_000)
    return benchmark


def _digest(items: list[BenchmarkItem]) -> str:
    """SHA-256 over the items in their order: prompts, inputs, samples and verdicts."""
    sha = hashlib.sha256()
    for item in items:
        facts = [item.prompt_identity, item.inputs, item.samples, item.verdicts]
        sha.update(json.dumps(facts, sort_keys=True, ensure_ascii=False).encode() + b"\n")
    return sha.hexdigest()


def _items(project: Project, selection: Selection) -> Iterator[BenchmarkItem]:
    """By identity of the prompt, so that the same content gives the same digest in every installation."""
    evidence = read_evidence(project_id=project.pk, dataset_id=None, scored=[], voted=[])
    identities = dict(evidence.samples.select("sample_id", "identity").iter_rows())
    verdicts = _verdicts(project, selection)
    samples = _samples(project, evidence, selection)
    if selection.batch or selection.is_verified:
        samples = samples.filter(pl.col("prompt_id").is_in(list(verdicts)))
    inputs = _inputs(evidence)
    by_prompt = samples.sort("identity").group_by("prompt_id").agg(samples=pl.struct("identity", "content", "shown"))
    wanted = evidence.prompts.join(by_prompt, on="prompt_id").sort("prompt_identity")
    for row in wanted.iter_rows(named=True):
        yield BenchmarkItem(
            prompt_id=row["prompt_id"],
            prompt_identity=row["prompt_identity"],
            prompt_text=row["prompt_text"],
            inputs=inputs.get(row["prompt_id"], []),
            samples=row["samples"],
            verdicts=_named(verdicts.get(row["prompt_id"], []), identities),
        )


def _named(lines: list[dict[str, Any]], identities: Mapping[int, str]) -> list[dict[str, Any]]:
    """The verdicts with identities in place of ids; those on a sample that is gone are left out."""
    named = [
        {**line, "left": identities[line["left"]], "right": identities[line["right"]]}
        for line in lines
        if line["left"] in identities and line["right"] in identities
    ]
    return sorted(named, key=lambda line: (line["left"], line["right"], line["criterion"]))


def _samples(project: Project, evidence: Evidence, selection: Selection) -> pl.DataFrame:
    """The samples of the selected prompts; of a version, those it holds. What was taken down is none.

    A sample whose file is declared but not here is held out by its identity and its prompt: what it shows is unknown.
    """
    down, _prompts = withdrawn_rows.taken_down(project)
    samples = evidence.samples.join(down, left_on="sample_id", right_on="id", how="anti")
    samples = samples.with_columns(shown=pl.col("media_state") == "present")
    if selection.version is not None:
        held = version_files.read(selection.version, "samples")
        if selection.split:
            held = held.filter(pl.col("split") == selection.split)
        return samples.join(held.select("sample_id"), on="sample_id", how="semi")
    if selection.prompts is not None:
        return samples.filter(pl.col("prompt_id").is_in(list(selection.prompts)))
    return samples


def _inputs(evidence: Evidence) -> dict[int, list[str]]:
    """The digests of each prompt's input media, masks left out."""
    media = evidence.prompt_media.filter(~pl.col("role").is_in(list(ROLES_THAT_DO_NOT_LINK)))
    listed = media.group_by("prompt_id").agg(pl.col("media_digest").unique().sort())
    return dict(listed.iter_rows())


def _verdicts(project: Project, selection: Selection) -> dict[int, list[dict[str, Any]]]:
    """By prompt: left and right (sample ids), outcome, criterion and votes."""
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    if selection.version is not None:
        for row in _pairs_of(selection).iter_rows(named=True):
            found[row["prompt_id"]].append(_of_pair(row))
        return found
    purposes = [str(purpose) for purpose in Judgement.COUNTED_PURPOSES]
    for row in read_verdicts(project_id=project.pk, purposes=purposes, batch=selection.batch).iter_rows(named=True):
        line = _of_votes(row)
        if (row["in_batch"] or not selection.batch) and _is_verified(line, selection):
            found[row["prompt_id"]].append(line)
    return found


def _pairs_of(selection: Selection) -> pl.DataFrame:
    assert selection.version is not None  # asked before
    pairs = version_files.read(selection.version, "pairs")
    return pairs.filter(pl.col("split") == selection.split) if selection.split else pairs


def _of_pair(row: Mapping[str, Any]) -> dict[str, Any]:
    votes = {"left": row["votes_chosen"], "right": row["votes_rejected"], "tie": row["votes_tie"], "both-bad": 0}
    return {
        "left": row["chosen_id"],
        "right": row["rejected_id"],
        "outcome": "left",
        "criterion": row["criterion"],
        "votes": votes,
        "basis": row["basis"],
    }


def _of_votes(row: Mapping[str, Any]) -> dict[str, Any]:
    votes = {"left": row["low_votes"], "right": row["high_votes"], "tie": row["ties"], "both-bad": row["both_bad"]}
    most = max(votes.values())
    leading = [outcome for outcome, count in votes.items() if count == most]
    outcome = leading[0] if len(leading) == 1 else "tie"
    return {
        "left": row["low_id"],
        "right": row["high_id"],
        "outcome": outcome,
        "criterion": row["criterion"],
        "votes": votes,
        "basis": "people",
    }


def _is_verified(line: Mapping[str, Any], selection: Selection) -> bool:
    total = sum(line["votes"].values())
    return total >= selection.least_votes and max(line["votes"].values()) >= selection.least_share * total


# -- keeping it out --------------------------------------------------------------------------------------------------


def barred_frames() -> pl.DataFrame:
    """`recipes.frames.BARRED`: what may be in no training data, whichever project froze it. Costs one query."""
    return read_barred()


def leaking(version: DatasetVersion) -> pl.Series:
    """The ids of a version's samples that stand in a frozen benchmark by now, or resemble something in one.

    The rule is that of recipes. Costs one query where nothing is frozen.
    """
    none = pl.Series("sample_id", [], dtype=pl.Int64)
    barred = barred_frames()
    if not barred.height:
        return none
    held = version_files.scan(version, "samples").select("sample_id", "prompt_id").unique().collect()
    evidence = read_evidence(project_id=version.dataset.project_id, dataset_id=None, scored=[], voted=[])
    prompts = evidence.prompts.select("prompt_id", "prompt_identity")
    # A sample stands under its own prompt, and where a pair is of two prompts under another one too.
    own = evidence.samples.select("sample_id", "prompt_id").join(held, on="sample_id", how="semi")
    samples = evidence.samples.drop("prompt_id").join(pl.concat([held, own]).unique(), on="sample_id")
    samples = samples.join(prompts, on="prompt_id")
    kept, _step = leave_out(samples, replace(evidence, barred=barred), ALIKE)
    return samples.join(kept, on=["sample_id", "prompt_id"], how="anti")["sample_id"].unique().sort()
