"""The import job: claimed, read in batches, each batch written whole or not at all, resumed where it stopped."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from curation.actions import benchmarks, jobs
from curation.actions.importing import relations, samples, verdicts
from curation.actions.importing.batches import Batch, batches
from curation.actions.importing.intake import Errand, Intake, Taken
from curation.actions.importing.options import Options, remove, upload_folder, workspace_of
from curation.actions.importing.rehearsal import Rehearsal
from curation.actions.importing.state import COUNTED, Run
from curation.actions.jobs import Lost
from curation.errors import PairwrightError
from curation.formats.rows import Refusal, Row
from curation.models import Job, JobFailure, Project, State, User

# With one batch ahead, the decoders wait whenever writing a batch takes longer than decoding one.
AHEAD = 2

# What follows one batch: the import's counts so far, for whoever shows them.
Progress = Callable[[Run], None]


def create(*, project: Project, options: Options, by: User | None) -> Job:
    """Writes the job's row; the caller rings the doorbell after the commit, or runs it at once."""
    name = Path(options.path).name
    title = _("Dry run of %(name)s") if options.is_dry_run else _("Import of %(name)s")
    return jobs.create(
        project=project,
        kind=Job.Kind.IMPORT,
        title=title % {"name": name},
        params=options.as_params(),
        by=by,
    )


def run(*, job: Job, progress: Progress | None = None) -> Job | None:
    """Does the job, or what is left of it; None when somebody else does it or it is finished.

    Killed at any moment it loses at most the batch in hand, of which nothing was written. Run again it changes
    nothing that is there.

    Raises:
        Exception: whatever stopped it, after it was written on the row.
    """
    owner = jobs.new_owner()
    claimed = jobs.claim(job, owner)
    if claimed is None:
        return None
    try:
        # The pulse beats while a large file is decoded; between batches we ask the row itself.
        with jobs.heartbeat(claimed, owner):
            _work(Run.of(claimed, owner), progress or (lambda run: None))
    except Lost:
        jobs.stop_cancelled(claimed, owner)
    except Exception as error:  # the one place: written on the row, then raised for the log
        jobs.fail(claimed, owner, _explained(error))
        raise
    claimed.refresh_from_db()
    if claimed.state == State.DONE:
        tidy(claimed)
    return claimed


def _explained(error: Exception) -> str:
    return str(error) if isinstance(error, PairwrightError) else f"{type(error).__name__}: {error}"


def _work(run: Run, progress: Progress) -> None:
    options = run.options
    _set_total(run)
    workspace = workspace_of(run.job)
    workspace.mkdir(parents=True, exist_ok=True)
    rehearsal = Rehearsal(run, workspace) if options.is_dry_run else None
    with Intake(
        declare_absent=options.declare_absent, is_dry_run=options.is_dry_run, digests_first=_has_met_files(run)
    ) as intake:
        for batch, taken in _taken_in(run, workspace, intake):
            if not jobs.beat(run.job, run.owner):
                raise Lost
            _write(run, batch, taken, rehearsal)
            progress(run)
    _finish(run, rehearsal)


def _has_met_files(run: Run) -> bool:
    """Whether files of this import may be stored already: it is resumed, or the project has samples."""
    return run.job.attempts > 1 or run.project.samples.exists()


def _set_total(run: Run) -> None:
    """How many rows there are, where the format can tell without reading everything."""
    if run.job.total is not None:
        return
    total = run.options.format.estimate(Path(run.options.path))
    Job.objects.filter(pk=run.job.pk, owner=run.owner).update(total=total)


def _rows(run: Run, workspace: Path) -> Iterator[Row | Refusal]:
    options = run.options
    return options.format.read(Path(options.path), Path(options.media_root), workspace)


def _taken_in(run: Run, workspace: Path, intake: Intake) -> Iterator[tuple[Batch, Mapping[str, Taken]]]:
    """The batches with their files stored; the files of the next ones are decoded while one is written."""
    waiting: deque[tuple[Batch, Errand]] = deque()
    for batch in batches(_rows(run, workspace), run.rows_done):
        waiting.append((batch, intake.begin(batch.refs)))
        if len(waiting) > AHEAD:
            yield _finished(intake, *waiting.popleft())
    while waiting:
        yield _finished(intake, *waiting.popleft())


def _finished(intake: Intake, batch: Batch, errand: Errand) -> tuple[Batch, Mapping[str, Taken]]:
    return batch, intake.finish(errand)


def _write(run: Run, batch: Batch, taken: Mapping[str, Taken], rehearsal: Rehearsal | None) -> None:
    """One batch, its counts, its refusals and how far we are: all in one transaction."""
    with transaction.atomic():
        # One import at a time writes into a project. Votes go on: they refer to the row and do not wait for this.
        Project.objects.select_for_update(no_key=True).get(pk=run.project.pk)
        run.refusals = list(batch.refusals)
        found = samples.entries(run, batch.rows, taken)
        if rehearsal is not None:
            rehearsal.write(found, batch.rows)
        else:
            samples.write(run, found)
            relations.note(run, found)
            verdicts.write(run, batch.rows)
        run.rows_done = batch.last
        _save(run)


def _save(run: Run) -> None:
    """Writes the refusals and the state of the run; the batch is undone when the job is no longer ours."""
    run.counts["refused"] += len(run.refusals)
    JobFailure.objects.bulk_create(run.failures(), ignore_conflicts=True, batch_size=1000)
    known, refused = run.counts["rows_known"], run.counts["refused"]
    still_ours = Job.objects.filter(pk=run.job.pk, owner=run.owner, state=State.RUNNING).update(
        done=max(run.rows_done - known - refused, 0),
        skipped=known,
        failed=refused,
        result=run.as_result(),
    )
    if not still_ours:
        raise Lost


def _finish(run: Run, rehearsal: Rehearsal | None) -> None:
    with transaction.atomic():
        run.refusals = []
        if rehearsal is None:
            samples.settle_parents(run, is_last=True)
            relations.settle(run, is_last=True)
        _save(run)
    result = run.as_result() | (rehearsal.as_result() if rehearsal else _held_out(run))
    Job.objects.filter(pk=run.job.pk, owner=run.owner).update(total=F("done") + F("skipped") + F("failed"))
    jobs.finish(run.job, run.owner, result=result)


def _held_out(run: Run) -> dict[str, str]:
    """Freezes what came as a benchmark, where that was asked for or the file is known to be one."""
    if not run.options.benchmark:
        return {}
    frozen = benchmarks.freeze_import(
        project=run.project, job=run.job, name=run.options.benchmark, file=Path(run.options.path).name
    )
    return {"benchmark": str(frozen)} if frozen else {}


def tidy(job: Job) -> None:
    """Removes what the job unpacked, and the upload once a real import of it has ended."""
    options = Options.of(job)
    if options.is_dry_run:
        return  # its thumbnails and the upload are still wanted
    remove(workspace_of(job))
    if options.is_upload:
        remove(upload_folder(Path(options.path)))


def nothing_came(job: Job) -> bool:
    """Whether an import ended without anything new."""
    counts = job.result.get("counts", {})
    return not any(counts.get(name) for name in COUNTED if name.endswith("_new"))
