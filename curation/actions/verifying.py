"""Whether a frozen version still follows from the evidence it read, and what was withdrawn from it since."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import polars as pl
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from curation.actions import jobs, version_files
from curation.actions.datasets import read_for
from curation.code_version import code_version
from curation.errors import PairwrightError, Refused
from curation.models import DatasetVersion, Job, Judgement, Project, User, VersionTombstone
from curation.recipes.parse import parse
from curation.recipes.recorded import Difference, Found, compare, find_again
from curation.recipes.run import run

# A correction replaces a vote in what is built next; what was frozen before it stays as it was.
WITHDRAWALS = (
    Judgement.Retraction.RETRACTED,
    Judgement.Retraction.MEMBER_RETRACTED,
    Judgement.Retraction.CONSENT_WITHDRAWN,
)


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
    found = _find(version)
    result = run(parse(version.recipe.text), found.evidence)
    digest = result.digest()
    if digest == version.digest and not found.gone.height and not found.changed.height:
        return Answer(Outcome.IDENTICAL, _("identical"), digest)
    frozen, splits = version_files.read(version, "pairs"), version_files.read(version, "splits")
    difference = compare(frozen, result.pairs, splits, found)
    _mark(version, difference)
    return _judge(version, digest, found, difference)


def _find(version: DatasetVersion) -> Found:
    """The recorded evidence as it is today; what came since is not looked at."""
    rule = parse(version.recipe.text)
    today = read_for(version.dataset.project, rule, None)
    recorded = version_files.read(version, "evidence")
    return find_again(recorded, today, _withdrawn_acts(version.dataset.project))


def _withdrawn_acts(project: Project) -> pl.Series:
    acts = Judgement.objects.filter(project=project, retraction__in=WITHDRAWALS).values_list("pk", flat=True)
    return pl.Series("judgement_id", list(acts.iterator(chunk_size=10_000)), dtype=pl.Int64)


def _judge(version: DatasetVersion, digest: str, found: Found, difference: Difference) -> Answer:
    count = difference.withdrawn.height
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
    found = _find(version)
    if found.gone.height:
        frozen, splits = version_files.read(version, "pairs"), version_files.read(version, "splits")
        _mark(version, compare(frozen, frozen, splits, found))
    return version.tombstones.count()


@transaction.atomic
def _mark(version: DatasetVersion, difference: Difference) -> None:
    """Writes the tombstones that are not there yet, and their number on the version."""
    words = {
        "prompt_gone": _("its prompt was deleted"),
        "sample_gone": _("one of its samples was deleted or replaced"),
        "evidence_withdrawn": _("what it rests on was withdrawn"),
        "no_longer_follows": _("it no longer follows without what was withdrawn"),
    }
    DatasetVersion.objects.select_for_update().get(pk=version.pk)
    VersionTombstone.objects.bulk_create(
        (
            VersionTombstone(version=version, pair_id=pair_id, reason=words[reason])
            for pair_id, reason in difference.withdrawn.iter_rows()
        ),
        batch_size=5_000,
        ignore_conflicts=True,
    )
    version.withdrawn_count = version.tombstones.count()
    DatasetVersion.objects.filter(pk=version.pk).update(withdrawn_count=version.withdrawn_count)


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
