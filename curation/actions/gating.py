"""The gate: a version is examined before it leaves, what was found is kept, and somebody may sign for it.

A local export is written whatever was found, and says so; publishing goes through `refuse_to_publish`.
"""

from __future__ import annotations

import getpass
import time
from collections.abc import Callable

import polars as pl
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from curation.access import Right
from curation.actions import gate_tables, jobs, version_files
from curation.errors import NotAllowed, PairwrightError, Refused
from curation.gate.codes import CHECKS
from curation.gate.examine import Examination
from curation.gate.examine import examine as look
from curation.gate.report import KEYS, Finding, GateReport
from curation.gate.report import Waiver as Word
from curation.models import DatasetVersion, Export, GateExamination, Job, User, Waiver
from curation.storage import media_storage


def examine(
    *, version: DatasetVersion, with_notes: bool = False, pulse: Callable[[], None] = lambda: None
) -> GateExamination:
    """Looks at a version as it is today and keeps what was found.

    Args:
        with_notes: whether what people wrote leaves too, and is to be looked at.
        pulse: called between checks; may raise to stop.

    Raises:
        Refused: the version is not frozen.
        Unavailable: its files cannot be read from here.
    """
    if version.frozen_at is None:
        raise Refused(_("%(version)s is not frozen yet. Wait for its build to finish.") % {"version": version})
    started = time.monotonic()
    found = look(gate_tables.read(version, with_notes=with_notes), pulse=pulse)
    return _keep(version, found, with_notes=with_notes, seconds=time.monotonic() - started)


def _keep(version: DatasetVersion, found: Examination, *, with_notes: bool, seconds: float) -> GateExamination:
    digest, now = found.report.digest(), timezone.now()
    rows = version_files.store(found.rows)
    with transaction.atomic():
        DatasetVersion.objects.select_for_update(no_key=True).get(pk=version.pk)
        before = newest(version, with_notes=with_notes)
        if before is not None and (before.digest, before.rows["sha256"]) == (digest, rows["sha256"]):
            before.examined_at, before.seconds = now, seconds
            before.save(update_fields=["examined_at", "seconds"])
            return before
        return GateExamination.objects.create(
            version=version,
            with_notes=with_notes,
            report=found.report.as_json(),
            digest=digest,
            rows=rows,
            seconds=seconds,
            examined_at=now,
        )


def newest(version: DatasetVersion, *, with_notes: bool | None = None) -> GateExamination | None:
    """The newest examination of a version: of any kind, or with or without people's words."""
    rows = GateExamination.objects.filter(version=version)
    if with_notes is not None:
        rows = rows.filter(with_notes=with_notes)
    return rows.select_related("version__dataset__project").order_by("-examined_at", "-id").first()


def rows_of(examination: GateExamination, code: str) -> pl.LazyFrame:
    """What one finding concerns, in the order it is shown: `gate.report.ROWS`."""
    path = media_storage().local_copy(examination.rows["name"], examination.rows["size"])
    return pl.scan_parquet(path).filter(pl.col("code") == code).drop("code")


def report_of(examination: GateExamination) -> GateReport:
    """The report with the waivers that cover its findings today."""
    report = GateReport.from_json(examination.report)
    words = {}
    for waiver in reversed(waivers_for(examination.version)):
        finding = report.finding(waiver.code)
        if finding and _covers(waiver, finding, examination):
            words[waiver.code] = Word(waiver.because, waiver.signed_as, waiver.created_at.date().isoformat())
    return report.with_waivers(words)


def written_with(export: Export) -> GateReport | None:
    """What the gate had found when an export was written; None for one that was never examined."""
    written = (export.manifest or {}).get("gate")
    return GateReport.from_json(written) if written else None


def waivers_for(version: DatasetVersion) -> list[Waiver]:
    """Living words about a version, the newest first; those about a version it is a minor one of hold for it too."""
    rows = Waiver.objects.living().select_related("examination", "version__dataset")
    return list(
        rows.filter(
            version__dataset=version.dataset_id, version__number=version.number, version__minor__lte=version.minor
        )
    )


def _covers(waiver: Waiver, finding: Finding, examination: GateExamination) -> bool:
    """Whether what was signed for is this very finding, or a larger one. A later, larger finding is not silenced."""
    if waiver.finding_digest == finding.digest:
        return True
    if waiver.measure is not None and finding.measure is not None:
        return finding.measure <= waiver.measure + 1e-9
    if waiver.measure is not None or finding.measure is not None or finding.count > waiver.count:
        return False
    then = rows_of(waiver.examination, waiver.code).select(KEYS)
    now = rows_of(examination, finding.code).select(KEYS)
    return not now.join(then, on=KEYS, how="anti", nulls_equal=True).limit(1).collect().height


# -- waivers ----------------------------------------------------------------------------------------------------------


@transaction.atomic
def waive(
    *, version: DatasetVersion, code: str, because: str, by: User | None, signed_as: str = "", with_notes: bool = False
) -> Waiver:
    """Signs for a finding of the newest examination.

    Args:
        by: the person; None on the command line, where `signed_as` or the account's name is the signature.

    Raises:
        NotAllowed: the person may not decide in this project.
        Refused: nothing was examined or found, there is no such check, the reason is empty, or the finding is one
            that nobody may accept.
    """
    project, because = version.dataset.project, because.strip()
    if by is not None and not project.allows(by, Right.EDIT):
        raise NotAllowed(_("Only curators and admins of “%(project)s” sign for a finding.") % {"project": project.name})
    examination = newest(version, with_notes=with_notes) or newest(version)
    if examination is None:
        raise Refused(_("%(version)s was not examined yet. Examine it first.") % {"version": version})
    finding = _waivable(GateReport.from_json(examination.report), code)
    if not because:
        raise Refused(_("Say why this may leave all the same; the reason travels in the dataset card."))
    waiver, _new = Waiver.objects.get_or_create(
        version=version,
        code=finding.code,
        finding_digest=finding.digest,
        taken_back_at=None,
        defaults={
            "examination": examination,
            "because": because,
            "count": finding.count,
            "measure": finding.measure,
            "signed_as": by.get_username() if by else signed_as.strip() or getpass.getuser(),
            "by": by,
        },
    )
    return waiver


def _waivable(report: GateReport, code: str) -> Finding:
    check = CHECKS.get(code)
    if check is None:
        raise Refused(
            _("There is no check %(code)s. There are: %(known)s.") % {"code": code, "known": ", ".join(CHECKS)}
        )
    finding = report.finding(code)
    if finding is None:
        raise Refused(
            _("%(code)s was not found in %(version)s; there is nothing to accept.")
            % {"code": code, "version": report.version}
        )
    if not finding.is_waivable:
        raise Refused(_("Nobody can sign for %(code)s. %(remedy)s") % {"code": code, "remedy": finding.remedy})
    return finding


def take_back(*, waiver: Waiver, by: User | None) -> None:
    """The finding stands open again from now on; what was written before keeps the word.

    Raises:
        NotAllowed: the person may not decide in this project.
    """
    project = waiver.version.dataset.project
    if by is not None and not project.allows(by, Right.EDIT):
        raise NotAllowed(_("Only curators and admins of “%(project)s” sign for a finding.") % {"project": project.name})
    Waiver.objects.living().filter(pk=waiver.pk).update(taken_back_at=timezone.now(), taken_back_by=by)


# -- publishing -------------------------------------------------------------------------------------------------------


def refuse_to_publish(
    *, version: DatasetVersion, with_notes: bool = False, pulse: Callable[[], None] = lambda: None
) -> GateReport:
    """Examines a version anew and lets it pass, or not.

    Returns:
        The report with its waivers, for the card and the manifest.

    Raises:
        Refused: an error stands that nobody signed for, or that nobody can; names each with its remedy.
    """
    report = report_of(examine(version=version, with_notes=with_notes, pulse=pulse))
    stands = report.open_errors
    if not stands:
        return report
    listed = " ".join(f"{finding.code}: {finding.words} {finding.remedy}" for finding in stands)
    refusal = _("%(version)s is not published. %(findings)s") % {"version": version, "findings": listed}
    codes = [finding.code for finding in stands if finding.is_waivable]
    if codes:
        refusal += " " + _(
            "To publish all the same, sign: manage.py gate %(version)s --waive %(code)s --because TEXT."
        ) % {
            "version": version,
            "code": codes[0],
        }
    raise Refused(refusal)


# -- as a job ---------------------------------------------------------------------------------------------------------


@transaction.atomic
def order(*, version: DatasetVersion, by: User | None) -> Job:
    """Writes down that a version is to be examined; a look that has not ended yet is returned as it is."""
    DatasetVersion.objects.select_for_update(no_key=True).get(pk=version.pk)
    project = version.dataset.project
    waiting = Job.objects.filter(project=project, kind=Job.Kind.BUILD, params__gate_version_id=version.pk).unfinished()
    return waiting.first() or jobs.create(
        project=project,
        kind=Job.Kind.BUILD,
        title=_("Examine %(version)s") % {"version": version},
        params={"gate_version_id": version.pk},
        by=by,
        total=1,
    )


def is_asked_for(job_id: int) -> bool:
    return Job.objects.filter(pk=job_id, kind=Job.Kind.BUILD, params__has_key="gate_version_id").exists()


def job_of(version: DatasetVersion) -> Job | None:
    """The newest examination that was ordered, whatever became of it."""
    found: Job | None = Job.objects.filter(
        project=version.dataset.project, kind=Job.Kind.BUILD, params__gate_version_id=version.pk
    ).first()
    return found


def run_job(*, job_id: int) -> GateExamination | None:
    """Claims an examination and does it; None when somebody else has it or it is over."""
    job = Job.objects.filter(pk=job_id).first()
    owner = jobs.new_owner()
    claimed = jobs.claim(job, owner) if job else None
    if claimed is None:
        return None
    versions = DatasetVersion.objects.select_related("dataset__project", "recipe")
    try:
        with jobs.heartbeat(claimed, owner) as pulse:
            found = examine(version=versions.get(pk=claimed.params["gate_version_id"]), pulse=pulse.check)
    except jobs.Lost:
        jobs.stop_cancelled(claimed, owner)
        return None
    except Exception as error:
        is_ours = isinstance(error, PairwrightError)
        jobs.fail(claimed, owner, str(error) if is_ours else f"{type(error).__name__}: {error}")
        raise
    jobs.advance(claimed, owner, done=1)
    jobs.finish(claimed, owner, result={"examination_id": found.pk, "findings": len(found.report["findings"])})
    return found
