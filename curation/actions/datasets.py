"""Building versions of a dataset: read the evidence, run the recipe, freeze what comes out."""

from __future__ import annotations

import platform
from dataclasses import dataclass, replace
from typing import Any

import polars as pl
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from curation.actions import jobs, recipes, version_files
from curation.code_version import code_version
from curation.errors import Conflict, PairwrightError, Refused
from curation.models import Dataset, DatasetVersion, Job, Project, Recipe, SplitAssignment, User, Withdrawal
from curation.models.benchmark_frames import read_barred
from curation.models.evidence_frames import read_evidence
from curation.recipes import model
from curation.recipes.frames import Evidence
from curation.recipes.funnel import Step
from curation.recipes.parse import parse
from curation.recipes.recorded import record
from curation.recipes.run import Result, run

# Dropped things kept with each step, for each reason, so that the page can show some.
EXAMPLES = 4
# How often a build starts again because another build of the same dataset was frozen meanwhile.
MOST_STARTS = 5


@transaction.atomic
def order(*, project: Project, recipe: Recipe, name: str, by: User | None, description: str = "") -> Job:
    """Writes down that a version is to be built; the caller sends the job to a worker.

    Raises:
        Refused: the name is taken by another project or is no name, or the recipe no longer fits the project.
    """
    recipes.check(project=project, text=recipe.text)
    dataset = _dataset(project, name, description)
    return jobs.create(
        project=project,
        kind=Job.Kind.BUILD,
        title=_("Build %(name)s by %(recipe)s") % {"name": dataset.name, "recipe": recipe},
        params={"recipe_id": recipe.pk, "dataset_id": dataset.pk},
        by=by,
        total=len(STAGES),
    )


def _dataset(project: Project, name: str, description: str) -> Dataset:
    if slugify(name) != name:
        proposal = slugify(name) or "my-dataset"
        raise Refused(
            _("“%(name)s” cannot name a dataset. Use small letters, digits and hyphens, such as “%(proposal)s”.")
            % {"name": name, "proposal": proposal}
        )
    dataset, _new = Dataset.objects.get_or_create(name=name, defaults={"project": project, "description": description})
    if dataset.project_id != project.pk:
        raise Refused(
            _("The name “%(name)s” belongs to a dataset of another project. Choose another one.") % {"name": name}
        )
    return dataset


# What a build goes through; its job counts them.
STAGES = ("evidence", "pairs", "files", "frozen")


def build(*, job: Job, owner: str) -> DatasetVersion:
    """Builds and freezes the version a job asks for; a job that has frozen one returns it.

    Nothing is half done: files are named by their content, and the version appears in one transaction at the end.

    Raises:
        Refused: the recipe would count one opinion twice, or mix scales or principles.
        Lost: the job was taken over or cancelled.
    """
    done = DatasetVersion.objects.filter(job=job).select_related("dataset").first()
    if done is not None:
        return done
    dataset = Dataset.objects.select_related("project").get(pk=job.params["dataset_id"])
    recipe = Recipe.objects.get(pk=job.params["recipe_id"])
    with jobs.heartbeat(job, owner) as pulse:
        for _start in range(MOST_STARTS):
            version = _attempt(job, owner, pulse, dataset, recipe)
            if version is not None:
                return version
    raise Conflict(
        _("Other builds of %(name)s were frozen again and again meanwhile. Build it once more.") % {"name": dataset}
    )


def _attempt(job: Job, owner: str, pulse: jobs.Pulse, dataset: Dataset, recipe: Recipe) -> DatasetVersion | None:
    """One way through all stages; None when another version of the dataset was frozen meanwhile."""
    Job.objects.filter(pk=job.pk, owner=owner).update(done=0)
    number = _newest_number(dataset)
    newest_withdrawal = _newest_withdrawal(dataset)
    rule = parse(recipe.text)
    result = run(rule, _gathered(job, owner, pulse, dataset, rule))
    _advance(job, owner, pulse)
    prepared = _prepare(dataset, recipe, rule, result)
    _advance(job, owner, pulse)
    version = _freeze(job, dataset, recipe, number + 1, prepared, newest_withdrawal)
    _advance(job, owner, pulse)
    return version


def _gathered(job: Job, owner: str, pulse: jobs.Pulse, dataset: Dataset, rule: model.Recipe) -> Evidence:
    """The evidence, with the stage it ends. Nobody but the recipe holds it, which lets go of what it is done with."""
    evidence = read_for(dataset.project, rule, dataset)
    _advance(job, owner, pulse)
    return evidence


def _advance(job: Job, owner: str, pulse: jobs.Pulse) -> None:
    pulse.check()
    if not jobs.advance(job, owner, done=1):
        raise jobs.Lost


def _newest_number(dataset: Dataset) -> int:
    newest = dataset.versions.order_by("-number").values_list("number", flat=True).first()
    return newest or 0


def _newest_withdrawal(dataset: Dataset) -> int:
    newest = Withdrawal.objects.filter(project=dataset.project_id).values_list("pk", flat=True).first()
    return newest or 0


def read_for(
    project: Project, rule: model.Recipe, dataset: Dataset | None, *, most_prompts: int | None = None
) -> Evidence:
    """The frames a recipe reads."""
    signals = rule.signals()
    evidence = read_evidence(
        project_id=project.pk,
        dataset_id=dataset.pk if dataset else None,
        scored={signal.criterion for signal in signals if signal.source == "scores"},
        voted={signal.criterion for signal in signals if signal.source == "votes"},
        most_prompts=most_prompts,
        more=rule.more_frames() | {"prompt_links"},  # splits keep rewrites with their original
    )
    return replace(evidence, barred=read_barred())


@dataclass(frozen=True)
class Prepared:
    """A version all but frozen: its files are stored, its rows are not yet in the database."""

    result: Result
    digest: str
    funnel: list[dict[str, Any]]
    manifest: dict[str, Any]


def _prepare(dataset: Dataset, recipe: Recipe, rule: model.Recipe, result: Result) -> Prepared:
    evidence = record(result.evidence)
    files = {
        "pairs": version_files.store(result.pairs),
        "samples": version_files.store(result.samples),
        "splits": version_files.store(result.splits),
        "evidence": version_files.store(evidence),
    }
    digest = result.digest()
    manifest = {
        "manifest_version": 1,
        "project": dataset.project.slug,
        "dataset": dataset.name,
        "digest": digest,
        "recipe": {"name": recipe.name, "number": recipe.number, "digest": recipe.digest, "rules": rule.normal_form()},
        "made_with": {"pairwright": code_version(), "python": platform.python_version(), "polars": pl.__version__},
        "files": files,
        "counts": version_files.counts(result.pairs, result.samples, result.splits),
        "raters": _raters(result),
        "evidence": dict(evidence.group_by("kind").len().sort("kind").iter_rows()),
        "largest_component": result.largest_component,
    }
    return Prepared(result=result, digest=digest, funnel=[as_shown(step) for step in result.funnel], manifest=manifest)


def _raters(result: Result) -> list[dict[str, Any]]:
    """Who was heard: machines by name, people by their number alone."""
    evidence = result.evidence
    acts = pl.concat([evidence.scores["judgement_id"], evidence.comparisons["judgement_id"]]).unique()
    heard = evidence.judgements.filter(pl.col("judgement_id").is_in(acts.implode())).join(
        evidence.raters, on="rater_id"
    )
    named = pl.col("rater_kind").is_in(["person", "behaviour"])
    heard = heard.with_columns(name=pl.when(named).then(pl.lit("")).otherwise("rater"))
    table = heard.group_by("rater_kind", "name", "revision").agg(
        raters=pl.col("rater_id").n_unique(), judgements=pl.len()
    )
    return table.sort("rater_kind", "name", "revision").to_dicts()


def as_shown(step: Step) -> dict[str, Any]:
    """A line of the funnel with a few of those that stayed, and of the dropped for each reason."""
    few = step.dropped.group_by("reason", maintain_order=True).head(EXAMPLES)
    stayed = [] if step.few is None else step.few.to_dicts()
    return {**step.as_json(), "examples": few.to_dicts(), "kept_examples": stayed}


@transaction.atomic
def _freeze(
    job: Job, dataset: Dataset, recipe: Recipe, number: int, prepared: Prepared, newest_withdrawal: int
) -> DatasetVersion | None:
    """Writes the version and the splits it decided; None when its number is taken by now, or something withdrawn."""
    Dataset.objects.select_for_update().get(pk=dataset.pk)
    if _newest_number(dataset) != number - 1 or _newest_withdrawal(dataset) != newest_withdrawal:
        return None
    version = DatasetVersion.objects.create(
        dataset=dataset,
        number=number,
        recipe=recipe,
        job=job,
        seed=parse(recipe.text).seed,
        code_version=prepared.manifest["made_with"]["pairwright"],
        frozen_at=timezone.now(),
        digest=prepared.digest,
        pair_count=prepared.result.pairs.height,
        pairs_name=prepared.manifest["files"]["pairs"]["name"],
        evidence_name=prepared.manifest["files"]["evidence"]["name"],
        funnel=prepared.funnel,
        manifest=prepared.manifest,
        created_by=job.created_by,
    )
    splits = prepared.result.splits.select("prompt_id", "split").iter_rows()
    SplitAssignment.objects.bulk_create(
        (SplitAssignment(dataset=dataset, prompt_id=pk, split=split, since=version) for pk, split in splits),
        batch_size=5_000,
        ignore_conflicts=True,
    )
    return version


def run_job(*, job_id: int) -> DatasetVersion | None:
    """Claims a build and does it; None when somebody else has it or it is over."""
    job = Job.objects.filter(pk=job_id, kind=Job.Kind.BUILD).first()
    owner = jobs.new_owner()
    claimed = jobs.claim(job, owner) if job else None
    if claimed is None:
        return None
    try:
        version = build(job=claimed, owner=owner)
    except jobs.Lost:
        jobs.stop_cancelled(claimed, owner)
        return None
    except Exception as error:
        jobs.fail(
            claimed, owner, str(error) if isinstance(error, PairwrightError) else f"{type(error).__name__}: {error}"
        )
        raise
    jobs.finish(claimed, owner, result={"version_id": version.pk, "version": str(version)})
    return version
