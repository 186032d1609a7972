"""Taking back what must not be used any more, and seeing to every frozen version that holds it.

Two parts. The first is one transaction: what was taken back is emptied or retracted, and the withdrawal is written
down as open; from that moment nothing of the project is downloaded. The second is a job: it looks through the newest
of every frozen version, makes one minor version of each that holds affected rows, and closes the withdrawal. It may be
killed and taken up at any point, and done twice it changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from curation.access import Right
from curation.actions import jobs, minor_versions, prompt_links, raters, withdrawn_rows
from curation.actions.withdrawn_rows import Gone, Rows, gone, nothing
from curation.errors import NotAllowed, PairwrightError, Refused
from curation.models import (
    BenchmarkItem,
    DatasetVersion,
    Job,
    Judgement,
    Project,
    Prompt,
    PromptConstraints,
    PromptMedia,
    Rater,
    Sample,
    SampleMedia,
    TakenDown,
    User,
    Withdrawal,
)

# Stands in place of the name of a file that was taken down.
TAKEN_DOWN = "taken down"

_BEHIND = """
WITH RECURSIVE taken (id) AS (
    SELECT id FROM curation_judgement WHERE project_id = %s AND rater_id = %s
    UNION
    SELECT l.judgement_id FROM curation_judgementlink l JOIN taken ON l.source_id = taken.id
    WHERE l.kind = 'derived-from'
)
SELECT id FROM taken
"""


@dataclass(frozen=True)
class Scope:
    """What a takedown takes.

    Args:
        kind: one of `Withdrawal.Kind`.
        samples, prompts: ids of what is emptied.
        rater: whose judgements are retracted.
        sha256: the file, for one that is taken down wherever it stands.
    """

    kind: str
    samples: list[int] = field(default_factory=list)
    prompts: list[int] = field(default_factory=list)
    rater: Rater | None = None
    sha256: str = ""

    @property
    def is_empty(self) -> bool:
        return not self.samples and not self.prompts and self.rater is None


def of_sample(sample: Sample) -> Scope:
    return Scope(Withdrawal.Kind.SAMPLE, samples=[sample.pk])


def of_prompt(prompt: Prompt) -> Scope:
    prompts = sorted({prompt.pk, *prompt_links.quoting([prompt.pk])})
    return Scope(Withdrawal.Kind.PROMPT, _samples_of(prompts), prompts)


def of_asset(project: Project, sha256: str) -> Scope:
    """A file in this project: the samples that show it, and the prompts that ask with it, with all their samples."""
    shown = SampleMedia.objects.filter(sample__project=project, asset__sha256=sha256)
    asked = PromptMedia.objects.filter(prompt__project=project, asset__sha256=sha256)
    prompts = sorted(set(asked.values_list("prompt_id", flat=True)))
    samples = {*shown.values_list("sample_id", flat=True), *_samples_of(prompts)}
    return Scope(Withdrawal.Kind.ASSET, sorted(samples), prompts, sha256=sha256)


def of_rater(rater: Rater) -> Scope:
    return Scope(Withdrawal.Kind.RATER, rater=rater)


def _samples_of(prompts: list[int]) -> list[int]:
    return sorted(Sample.objects.filter(prompt__in=prompts).values_list("pk", flat=True))


# -- what it will do -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Affected:
    """A version with rows that fall."""

    version: DatasetVersion
    rows: Rows


def affected(*, project: Project, scope: Scope) -> list[Affected]:
    """The versions that a takedown would make minor versions of. Reads the ids of every newest frozen version.

    Raises:
        Unavailable: a file cannot be read from here.
    """
    what = _gone(project, scope)
    found = [Affected(version, withdrawn_rows.resting_on(version, what)) for version in newest_versions(project)]
    return [one for one in found if not one.rows.is_empty]


def newest_versions(project: Project) -> list[DatasetVersion]:
    """The newest minor version of each frozen number of each dataset."""
    rows = DatasetVersion.objects.frozen().filter(dataset__project=project).select_related("dataset__project", "recipe")
    return list(rows.order_by("dataset_id", "number", "-minor").distinct("dataset_id", "number"))


def _gone(project: Project, scope: Scope) -> Gone:
    return Gone(
        prompts=gone(scope.prompts, "prompt_taken_down"),
        samples=gone(scope.samples, "sample_taken_down"),
        acts=gone(acts_behind(project, scope.rater), "consent_withdrawn") if scope.rater else nothing(),
    )


def acts_behind(project: Project, rater: Rater) -> list[int]:
    """The acts of a rater in a project, and those that were derived from them."""
    with connection.cursor() as cursor:
        cursor.execute(_BEHIND, [project.pk, rater.pk])
        return [row[0] for row in cursor.fetchall()]


# -- the first part --------------------------------------------------------------------------------------------------


def take_down(*, project: Project, scope: Scope, reason: str, by: User | None) -> Withdrawal:
    """Takes something down; the caller sends the withdrawal's job to a worker, or runs it.

    A sample or prompt that is down already is not taken down again: the withdrawal that did it is returned.

    Raises:
        NotAllowed: the person may not; a person's judgements need an admin.
        Refused: no reason is given, or there is nothing of the kind here.
    """
    right = Right.MANAGE if scope.rater else Right.EDIT
    if by is not None and not project.allows(by, right):
        raise NotAllowed(_("Only curators and admins take down; the judgements of a person, only an admin."))
    if not reason.strip():
        raise Refused(_("Say why it is taken down. The reason stands in the note of every version it touches."))
    return _take_down(project, scope, reason.strip(), by)


@transaction.atomic
def _take_down(project: Project, scope: Scope, reason: str, by: User | None) -> Withdrawal:
    # One at a time, so that two clicks are one. Imports wait too: none brings back what is going.
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    done = _done_before(project, scope)
    if done is not None:
        return done
    if scope.is_empty:
        raise Refused(_("There is nothing to take down: no sample and no prompt of this project holds it."))
    withdrawal = _write_down(project, scope.kind, reason, scope.rater, by, scope.sha256)
    if scope.rater is not None:
        raters.take_back(project=project, rater=scope.rater, by=by)
        raters.erase_name_of_file(project=project, rater=scope.rater)
    else:
        _empty(withdrawal, scope)
    return withdrawal


def _done_before(project: Project, scope: Scope) -> Withdrawal | None:
    """The withdrawal that did this already, or None."""
    own = Withdrawal.objects.filter(project=project)
    if scope.sha256:
        return own.filter(asset_sha256=scope.sha256).first()
    if scope.rater is not None:
        living = Judgement.objects.living().filter(project=project, rater=scope.rater)
        return None if living.exists() else own.filter(rater=scope.rater).first()
    if scope.prompts:
        return own.filter(taken__prompt__in=scope.prompts).first()
    return own.filter(taken__sample__in=scope.samples).first()


def _write_down(
    project: Project, kind: str, reason: str, rater: Rater | None, by: User | None, sha256: str = ""
) -> Withdrawal:
    withdrawal = Withdrawal.objects.create(
        project=project, kind=kind, reason=reason, rater=rater, asset_sha256=sha256, created_by=by
    )
    withdrawal.job = jobs.create(
        project=project,
        kind=Job.Kind.BUILD,
        title=_("Withdrawal: %(what)s") % {"what": withdrawal.get_kind_display()},
        params={"withdrawal_id": withdrawal.pk},
        by=by,
    )
    withdrawal.save(update_fields=["job"])
    return withdrawal


def _empty(withdrawal: Withdrawal, scope: Scope) -> None:
    """The rows stay, without files and words: no page shows them, no recipe pairs them, no import fills them."""
    list(Prompt.objects.select_for_update().filter(pk__in=scope.prompts).order_by("pk").values_list("pk"))
    list(Sample.objects.select_for_update().filter(pk__in=scope.samples).order_by("pk").values_list("pk"))
    TakenDown.objects.bulk_create(
        [
            *(TakenDown(withdrawal=withdrawal, prompt_id=pk) for pk in scope.prompts),
            *(TakenDown(withdrawal=withdrawal, sample_id=pk) for pk in scope.samples),
        ],
        batch_size=5_000,
        ignore_conflicts=True,
    )
    SampleMedia.objects.filter(sample__in=scope.samples).update(asset=None, absent_name=TAKEN_DOWN)
    Sample.objects.filter(pk__in=scope.samples).update(text=None, media_state=Sample.MediaState.ABSENT, meta={})
    PromptMedia.objects.filter(prompt__in=scope.prompts).update(asset=None, absent_name=TAKEN_DOWN)
    identities = list(Prompt.objects.filter(pk__in=scope.prompts).values_list("identity", flat=True))
    Prompt.objects.filter(pk__in=scope.prompts).update(text="", turns=None, facts={}, meta={})
    PromptConstraints.objects.filter(prompt__in=scope.prompts).delete()
    prompt_links.forget(scope.prompts)
    BenchmarkItem.objects.filter(prompt_identity__in=identities, prompt__in=scope.prompts).update(prompt_text="")


@transaction.atomic
def for_consent(*, project: Project, rater: Rater, by: User | None) -> Withdrawal:
    """Writes down that a consent was withdrawn, in the transaction that retracted the judgements."""
    return _write_down(project, Withdrawal.Kind.CONSENT, "", rater, by)


# -- the second part -------------------------------------------------------------------------------------------------


def is_asked_for(job_id: int) -> bool:
    return Job.objects.filter(pk=job_id, kind=Job.Kind.BUILD, params__has_key="withdrawal_id").exists()


def run_job(*, job_id: int) -> Withdrawal | None:
    """Claims a withdrawal and sees to the versions; None when somebody else does or it is over."""
    job = Job.objects.filter(pk=job_id).first()
    owner = jobs.new_owner()
    claimed = jobs.claim(job, owner) if job else None
    if claimed is None:
        return None
    withdrawal = Withdrawal.objects.select_related("project", "rater").get(pk=claimed.params["withdrawal_id"])
    try:
        with jobs.heartbeat(claimed, owner) as pulse:
            _see_to_versions(withdrawal, claimed, owner, pulse)
    except jobs.Lost:
        jobs.stop_cancelled(claimed, owner)
        return None
    except Exception as error:
        says = str(error) if isinstance(error, PairwrightError) else f"{type(error).__name__}: {error}"
        jobs.fail(claimed, owner, says)
        raise
    jobs.finish(claimed, owner, result={"versions": withdrawal.versions})
    return withdrawal


def _see_to_versions(withdrawal: Withdrawal, job: Job, owner: str, pulse: jobs.Pulse) -> None:
    """Looks until no version is left that was not looked at: a build may have been frozen meanwhile."""
    looked_at: set[int] = set()
    what = _gone(withdrawal.project, _scope_of(withdrawal))
    while waiting := [v for v in newest_versions(withdrawal.project) if v.pk not in looked_at]:
        Job.objects.filter(pk=job.pk, owner=owner).update(total=len(looked_at) + len(waiting), done=len(looked_at))
        for version in waiting:
            pulse.check()
            minor = _renew(withdrawal, version, what, job)
            looked_at |= {version.pk, *([minor.pk] if minor else [])}
            if not jobs.advance(job, owner, done=1):
                raise jobs.Lost
    withdrawal.versions = list(_told(withdrawal))
    withdrawal.finished_at = withdrawal.finished_at or timezone.now()
    withdrawal.save(update_fields=["versions", "finished_at"])


def _renew(withdrawal: Withdrawal, version: DatasetVersion, what: Gone, job: Job) -> DatasetVersion | None:
    if withdrawn_rows.resting_on(version, what).is_empty:
        return None
    return minor_versions.make(
        version=version, because=withdrawal.reason, withdrawal=withdrawal, job=job, by=withdrawal.created_by
    )


def _scope_of(withdrawal: Withdrawal) -> Scope:
    """What was taken, read from what was written down."""
    taken = withdrawal.taken
    return Scope(
        withdrawal.kind,
        samples=list(taken.exclude(sample=None).values_list("sample_id", flat=True)),
        prompts=list(taken.exclude(prompt=None).values_list("prompt_id", flat=True)),
        rater=withdrawal.rater,
        sha256=withdrawal.asset_sha256,
    )


def _told(withdrawal: Withdrawal) -> Iterator[dict[str, object]]:
    """What became of the versions, whoever did which part of it."""
    made = DatasetVersion.objects.filter(manifest__minor__withdrawal=withdrawal.pk).select_related("dataset")
    for minor in made.order_by("dataset__name", "number", "minor"):
        facts = minor.manifest["minor"]
        yield {"version": facts["of"], "minor": str(minor), "rows": facts["pairs"], "samples": facts["samples"]}


def make_minor(*, version: DatasetVersion, by: User) -> DatasetVersion:
    """The next minor version for rows that were found withdrawn without a takedown, such as single retractions.

    Raises:
        NotAllowed: the person may not build.
        Refused: nothing of the version was withdrawn, or there is one already.
    """
    if not version.dataset.project.allows(by, Right.EDIT):
        raise NotAllowed(_("Only curators and admins make minor versions."))
    if version.replaced_by_id:
        raise Refused(_("%(minor)s is there already, without what was withdrawn.") % {"minor": version.replaced_by})
    minor = minor_versions.make(version=version, withdrawal=None, job=None, by=by)
    if minor is None:
        raise Refused(_("Nothing of %(version)s was withdrawn.") % {"version": version})
    return minor
