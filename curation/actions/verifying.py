"""Whether a frozen version still follows from the evidence it read, and what was withdrawn from it since."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

import polars as pl
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from curation.actions import jobs, minor_versions, version_files, withdrawn_rows
from curation.actions.datasets import read_for
from curation.code_version import code_version
from curation.errors import PairwrightError, Refused
from curation.models import DatasetVersion, Job, User
from curation.recipes.parse import parse
from curation.recipes.recorded import Difference, Found, compare, find_again
from curation.recipes.run import run


class Outcome(StrEnum):
    IDENTICAL = "identical"
    WITHDRAWN = "withdrawn"
    DIFFERENT = "different"


@dataclass(frozen=True)
class Answer:
    """What a rebuild found. `sentence` is for people; `withdrawn` counts pairs; `because` lists the differences."""

    outcome: Outcome
    sentence: str
    digest: str
    withdrawn: int = 0
    because: tuple[str, ...] = ()


def verify(*, version: DatasetVersion) -> Answer:
    """Rebuilds a version from the evidence it recorded and compares every row; marks what was withdrawn.

    Raises:
        Refused: the version is not frozen.
        Unavailable: its files cannot be read from here.
    """
    if version.frozen_at is None:
        raise Refused(_("%(version)s is not frozen yet. Wait for its build to end.") % {"version": version})
    damage = _damaged_files(version)
    if damage:
        return _different(version.digest, damage)
    if version.minor:
        return _verify_minor(version)
    found = _find(version)
    recipe = parse(version.recipe.text)
    result = run(recipe, found.evidence)
    digest = result.digest()
    if digest == version.digest and not found.gone.height and not found.changed.height:
        return Answer(Outcome.IDENTICAL, _("identical"), digest)
    frozen, splits = version_files.read(version, "pairs"), version_files.read(version, "splits")
    difference = compare(frozen, result.pairs, splits, found, is_learnt=recipe.learns)
    if version.replaced_by_id:
        difference = _without_fallen(difference)
    _mark_pairs(version, difference.withdrawn)
    return _judge(version, digest, found, difference)


def _find(version: DatasetVersion) -> Found:
    """The recorded evidence as it is today; what came since is not looked at, what was taken down counts as gone."""
    project = version.dataset.project
    today = read_for(project, parse(version.recipe.text), None)
    samples, prompts = withdrawn_rows.taken_down(project)
    today = replace(
        today,
        samples=today.samples.join(samples, left_on="sample_id", right_on="id", how="anti"),
        prompts=today.prompts.join(prompts, left_on="prompt_id", right_on="id", how="anti"),
    )
    recorded = version_files.read(version, "evidence")
    return find_again(recorded, today, withdrawn_rows.withdrawn_acts(project)["id"])


def _without_fallen(difference: Difference) -> Difference:
    """A minor version keeps rows that merely would be chosen otherwise now: only what names the withdrawn is gone."""
    return replace(difference, withdrawn=difference.withdrawn.filter(pl.col("reason") != "no_longer_follows"))


def _verify_minor(version: DatasetVersion) -> Answer:
    """Makes the minor version again from the one that was built, and rebuilds that one for the rows that are left."""
    built = DatasetVersion.objects.select_related("dataset__project", "recipe").get(
        dataset=version.dataset_id, number=version.number, minor=0
    )
    damage = _damaged_files(built)
    if damage:
        return _different(version.digest, damage)
    tombstones = version_files.read(version, "tombstones")
    again = minor_versions.without(minor_versions.read(built), tombstones)
    if again.digest != version.digest:
        return _different(
            again.digest, [_("its rows are not those of %(built)s less its tombstones") % {"built": built}]
        )
    found = _find(built)
    recipe = parse(version.recipe.text)
    left = _without_pairs(run(recipe, found.evidence).pairs, tombstones)
    splits = version_files.read(built, "splits")
    difference = _without_fallen(compare(again.pairs, left, splits, found, is_learnt=recipe.learns))
    _mark_pairs(version, difference.withdrawn)
    lost = tombstones.filter(pl.col("kind") == "pair").height
    return _judge(version, again.digest, found, difference, lost=lost)


def _without_pairs(pairs: pl.DataFrame, tombstones: pl.DataFrame) -> pl.DataFrame:
    return pairs.join(tombstones.select(pair_id="name").drop_nulls(), on="pair_id", how="anti")


def _judge(version: DatasetVersion, digest: str, found: Found, difference: Difference, *, lost: int = 0) -> Answer:
    """The answer.

    Args:
        lost: rows that the version had lost already when it was frozen, being a minor one.
    """
    count = difference.withdrawn.height + lost
    because = list(_changes(found, difference))
    same_rows = digest == version.digest or count > 0 or found.gone.height > 0
    if because or not same_rows:
        return _different(digest, because or [_other_code(version)], withdrawn=count)
    sentence = ngettext(
        "identical except %(count)d withdrawn row", "identical except %(count)d withdrawn rows", count
    ) % {"count": count}
    return Answer(Outcome.WITHDRAWN, sentence if count else _("identical"), digest, withdrawn=count)


def _different(digest: str, because: Iterable[str], *, withdrawn: int = 0) -> Answer:
    reasons = tuple(because)
    sentence = _("different, because %(why)s") % {"why": "; ".join(reasons)}
    return Answer(Outcome.DIFFERENT, sentence, digest, withdrawn=withdrawn, because=reasons)


def _damaged_files(version: DatasetVersion) -> list[str]:
    """Files whose bytes are not those that were frozen."""
    return [
        _("the file of its %(table)s is damaged: restore it from a backup") % {"table": table}
        for table in version.manifest["files"]
        if not version_files.is_whole(version, table)
    ]


def _changes(found: Found, difference: Difference) -> Iterable[str]:
    words = {
        "prompt": _("%(count)d prompts read otherwise now, the first with id %(first)d"),
        "sample": _("%(count)d samples are others now, the first with id %(first)d"),
        "score": _("%(count)d scores have another value now, the first in judgement %(first)d"),
        "comparison": _("%(count)d comparisons say something else now, the first in judgement %(first)d"),
        "prompt_link": _("%(count)d prompts are linked otherwise now, the first by link %(first)d"),
        "branch": _("%(count)d samples have another parent or branch now, the first with id %(first)d"),
    }
    changed = found.changed.group_by("kind").agg(pl.len(), pl.col("id").min()).sort("kind")
    for kind, count, first in changed.iter_rows():
        yield words[kind] % {"count": count, "first": first}
    if difference.unexplained:
        yield _("%(count)d pairs come out otherwise, the first %(pair)s") % {
            "count": len(difference.unexplained),
            "pair": difference.unexplained[0][:12],
        }


def _other_code(version: DatasetVersion) -> str:
    if version.code_version != code_version():
        return _("the code is another one: it was built by %(then)s, this is %(now)s") % {
            "then": version.code_version,
            "now": code_version(),
        }
    return _("samples or splits come out otherwise although the evidence is the same")


# -- withdrawals ---------------------------------------------------------------------------------------------------


def mark_withdrawn(*, version: DatasetVersion) -> int:
    """Names the rows of a version that rest on something withdrawn since. Returns how many there are in all.

    Cheaper than a rebuild: it looks only for what is gone, not for what would come out otherwise.
    """
    _mark_pairs(version, withdrawn_rows.of_version(version).pairs)
    return version.withdrawn_count


@transaction.atomic
def _mark_pairs(version: DatasetVersion, pairs: pl.DataFrame) -> None:
    DatasetVersion.objects.select_for_update().get(pk=version.pk)
    minor_versions.mark(version, pairs)


# -- as a job ------------------------------------------------------------------------------------------------------


@transaction.atomic
def order(*, version: DatasetVersion, by: User | None) -> Job:
    """Writes down that a version is to be verified; a rebuild that has not ended yet is returned as it is."""
    DatasetVersion.objects.select_for_update().get(pk=version.pk)
    project = version.dataset.project
    waiting = Job.objects.filter(
        project=project, kind=Job.Kind.BUILD, params__verify_version_id=version.pk
    ).unfinished()
    return waiting.first() or jobs.create(
        project=project,
        kind=Job.Kind.BUILD,
        title=_("Verify %(version)s") % {"version": version},
        params={"verify_version_id": version.pk},
        by=by,
        total=1,
    )


def is_asked_for(job_id: int) -> bool:
    return Job.objects.filter(pk=job_id, kind=Job.Kind.BUILD, params__has_key="verify_version_id").exists()


def run_job(*, job_id: int) -> Answer | None:
    """Claims a verification and does it; None when somebody else has it or it is over."""
    job = Job.objects.filter(pk=job_id).first()
    owner = jobs.new_owner()
    claimed = jobs.claim(job, owner) if job else None
    if claimed is None:
        return None
    versions = DatasetVersion.objects.select_related("dataset__project", "recipe")
    try:
        with jobs.heartbeat(claimed, owner) as pulse:
            answer = verify(version=versions.get(pk=claimed.params["verify_version_id"]))
            pulse.check()
    except jobs.Lost:
        jobs.stop_cancelled(claimed, owner)
        return None
    except Exception as error:
        is_ours = isinstance(error, PairwrightError)
        jobs.fail(claimed, owner, str(error) if is_ours else f"{type(error).__name__}: {error}")
        raise
    jobs.advance(claimed, owner, done=1)
    jobs.finish(claimed, owner, result=_as_result(answer))
    return answer


def _as_result(answer: Answer) -> dict[str, object]:
    return {
        "outcome": answer.outcome.value,
        "sentence": answer.sentence,
        "digest": answer.digest,
        "withdrawn": answer.withdrawn,
        "because": list(answer.because),
    }
