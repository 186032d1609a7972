"""Exports: a frozen version written in one or more formats to one place, read back, and kept for download."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from curation.access import Right
from curation.actions import gating, handing_out, jobs
from curation.actions.export_rows import Options
from curation.actions.export_source import source_of
from curation.errors import Conflict, NotAllowed, PairwrightError, Refused
from curation.exports import FORMATS
from curation.exports.checksums import CHECKSUMS, digest_of, read_checksums
from curation.exports.findings import ReadBack
from curation.exports.folder import CARD, refuse_foreign
from curation.exports.readback import read_back
from curation.exports.rows import ExportSource
from curation.exports.writing import chosen_formats, refuse_options, write_export
from curation.models import DatasetVersion, Export, Job, State, User
from curation.storage import media_storage


@transaction.atomic
def order(
    *,
    version: DatasetVersion,
    formats: Sequence[str],
    by: User | None,
    folder: Path | None = None,
    options: Options | None = None,
) -> Export:
    """Writes down that a version is to be exported; the caller sends the job to a worker, or runs it.

    Args:
        folder: where a command writes; None keeps the export in storage, for download from the page.

    Raises:
        NotAllowed: the person may not export from this project.
        Refused: the version is not frozen, a format is unknown or cannot carry the project's task, or the folder
            holds something else.
    """
    project = version.dataset.project
    if by is not None and not project.allows(by, Right.EDIT):
        raise NotAllowed(_("Only curators and admins of “%(project)s” export.") % {"project": project.name})
    if version.frozen_at is None:
        raise Refused(_("%(version)s is not frozen yet. Wait for its build to finish.") % {"version": version})
    handing_out.refuse_closed(version)
    options = options or Options()
    chosen = chosen_formats(formats, project.task)
    refuse_options(chosen, options.formats)
    names = [format_.name for format_ in chosen]
    if folder is not None:
        refuse_foreign(folder, dataset=version.dataset.name)
    job = jobs.create(
        project=project,
        kind=Job.Kind.EXPORT,
        title=_("Export %(version)s as %(formats)s") % {"version": version, "formats": ", ".join(names)},
        params={},
        by=by,
    )
    export = Export.objects.create(
        version=version,
        formats=names,
        place=str(folder.absolute()) if folder else "",
        options=asdict(options),
        job=job,
        created_by=by,
    )
    job.params = {"export_id": export.pk}
    job.save(update_fields=["params"])
    return export


def run_job(*, job_id: int) -> Export | None:
    """Claims an export and does it; None when somebody else has it, or it is over."""
    job = Job.objects.filter(pk=job_id, kind=Job.Kind.EXPORT).first()
    owner = jobs.new_owner()
    claimed = jobs.claim(job, owner) if job else None
    if claimed is None:
        return None
    export = Export.objects.select_related("version__dataset__project", "version__recipe").get(job=claimed)
    try:
        found = _export(export, claimed, owner)
    except jobs.Lost:
        jobs.stop_cancelled(claimed, owner)
        return None
    except Exception as error:
        says = str(error) if isinstance(error, PairwrightError) else f"{type(error).__name__}: {error}"
        jobs.fail(claimed, owner, says)
        raise
    jobs.finish(claimed, owner, result={"export_id": export.pk, "findings": len(found.findings)})
    return export


def _export(export: Export, job: Job, owner: str) -> ReadBack:
    """Writes, reads back, keeps. A folder of the storage appears only when it is whole."""
    with jobs.heartbeat(job, owner) as pulse:
        options = Options(**export.options)
        # Written whatever the gate found; what it found goes with it.
        gate = gating.report_of(
            gating.examine(version=export.version, with_notes=options.with_notes, pulse=pulse.check)
        )
        source = source_of(export.version, place=export.place or "downloads", options=options)
        source = replace(source, context=replace(source.context, gate=gate))
        progress = _Progress(job, owner, pulse, total=2 * _rows_to_write(source, export.formats))
        folder = Path(export.place) if export.place else _scratch(export)
        try:
            handing_out.refuse_closed(export.version)
            written = write_export(source, export.formats, folder, report=progress.report)
            progress.next_stage()
            found = read_back(folder, source, report=progress.report, scratch=folder.parent)
            files = _digests(folder)
            # Whatever was withdrawn while the files were written may be in them.
            handing_out.refuse_closed(_version_now(export))
            if not export.place:
                _keep(folder, files)
        finally:
            if not export.place:
                shutil.rmtree(_scratch(export).parent, ignore_errors=True)
        pulse.check()
    export.manifest = {**written.manifest, "files": files}
    export.readback = _as_json(found)
    export.finished_at = timezone.now()
    export.save(update_fields=["manifest", "readback", "finished_at"])
    progress.finish()
    return found


def _version_now(export: Export) -> DatasetVersion:
    return DatasetVersion.objects.select_related("dataset").get(pk=export.version_id)


class _Progress:
    """Rows read so far, told to the job a few times a second at most, and the word to stop passed back."""

    def __init__(self, job: Job, owner: str, pulse: jobs.Pulse, total: int) -> None:
        self._job, self._owner, self._pulse = job, owner, pulse
        self._total, self._told, self._before = total, 0, 0
        Job.objects.filter(pk=job.pk, owner=owner).update(total=total, done=0)

    def report(self, rows: int) -> None:
        self._pulse.check()
        self._tell(min(self._before + rows, self._total))

    def next_stage(self) -> None:
        self._before = self._total // 2

    def finish(self) -> None:
        self._tell(self._total)

    def _tell(self, done: int) -> None:
        if done > self._told:
            if not jobs.advance(self._job, self._owner, done=done - self._told):
                raise jobs.Lost
            self._told = done


def _rows_to_write(source: ExportSource, formats: Sequence[str]) -> int:
    """About how many rows the writers will ask for, for the progress bar; pickapic reads small splits twice."""
    pairs, context = sum(source.context.splits.values()), source.context
    unique = pairs - context.splits.get("train", 0)
    rows = {"canonical": pairs + context.samples, "pickapic": pairs + unique}
    return sum(rows.get(name, pairs if FORMATS[name].counts_pairs else context.samples) for name in formats)


def _as_json(found: ReadBack) -> dict[str, Any]:
    return {
        "rows": found.rows,
        "media": found.media,
        "media_bytes": found.media_bytes,
        "winners": found.winners,
        "labels": found.labels,
        "findings": [asdict(finding) for finding in found.findings],
    }


# -- what a page shows and sends ------------------------------------------------------------------------------------


def _scratch(export: Export) -> Path:
    """A folder of its own for an export on its way into storage, named as the download is."""
    return Path(settings.SCRATCH_ROOT) / "exports" / str(export.pk) / download_name(export)


def download_name(export: Export) -> str:
    return f"{export.version.dataset.name}-{export.version.label}"


def _digests(folder: Path) -> dict[str, str]:
    """Every file of an export with its SHA-256, the card first."""
    files = {**dict(read_checksums(folder)), CHECKSUMS: digest_of(folder / CHECKSUMS)}
    return {CARD: files.pop(CARD), **files}


def _keep(folder: Path, files: Mapping[str, str]) -> None:
    """Into storage by content: shards that another export has already are kept once."""
    storage = media_storage()
    for file, sha256 in files.items():
        storage.keep(stored_name(sha256), folder / file)
    storage.settle()


def stored_name(sha256: str) -> str:
    return f"exports/{sha256[:2]}/{sha256}"


def withdrawn_since(export: Export) -> int:
    """How many rows of the version were withdrawn after this export was written. Costs one query."""
    return export.version.tombstones.filter(created_at__gt=export.created_at).count()


def is_downloadable(export: Export) -> bool:
    """Whether the export is finished and kept in storage, and nothing in it was withdrawn since."""
    return bool(export.finished_at and not export.place and not closed_because(export))


def closed_because(export: Export) -> str:
    """A sentence why an export is not handed out (any more), empty where it is."""
    if because := handing_out.closed_because(export.version):
        return because
    count = withdrawn_since(export)
    return (
        ngettext(
            "%(count)d row was withdrawn since it was written. Write it anew: the new export leaves it out.",
            "%(count)d rows were withdrawn since it was written. Write it anew: the new export leaves them out.",
            count,
        )
        % {"count": count}
        if count
        else ""
    )


@transaction.atomic
def delete(*, export: Export, by: User | None) -> None:
    """Deletes an export; of its files in storage, those that no other export holds. What was published stays published.

    A folder that a command wrote stays where it is: it belongs to whoever named it.

    Raises:
        NotAllowed: the person may not delete here.
        Refused: the export, or a publication of it, is under way.
        Conflict: another export is being written, and may be about to share the files.
    """
    project = export.version.dataset.project
    if by is not None and not project.allows(by, Right.EDIT):
        raise NotAllowed(_("Only curators and admins of “%(project)s” delete exports.") % {"project": project.name})
    if export.job and export.job.is_unfinished:
        raise Refused(_("This export is under way. Cancel it first."))
    if export.publications.filter(job__in=Job.objects.unfinished()).exists():
        raise Refused(_("This export is being published. Wait for it, or cancel it first."))
    if Job.objects.filter(kind=Job.Kind.EXPORT, state=State.RUNNING).exists():
        raise Conflict(_("Another export is being written and may share files with this one. Try again in a minute."))
    files = set(export.manifest.get("files", {}).values()) if not export.place else set()
    others = Export.objects.exclude(pk=export.pk).filter(place="").exclude(finished_at=None)
    for manifest in others.values_list("manifest", flat=True).iterator():
        files -= set(manifest.get("files", {}).values())
    export.delete()
    transaction.on_commit(partial(_remove, sorted(files)))


def _remove(digests: Sequence[str]) -> None:
    for sha256 in digests:
        default_storage.delete(stored_name(sha256))


def card_of(export: Export) -> str:
    """The README.md of a finished export that is kept in storage; empty otherwise."""
    if not export.finished_at or export.place:
        return ""
    with default_storage.open(stored_name(export.manifest["files"][CARD])) as stream:
        return stream.read().decode()


def parts_of(export: Export) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Name and content of every file, for a download that never holds a file in memory."""
    for file, sha256 in export.manifest["files"].items():
        yield f"{download_name(export)}/{file}", _chunks(stored_name(sha256))


def _chunks(name: str) -> Iterator[bytes]:
    with default_storage.open(name) as stream:
        yield from stream.chunks(1 << 20)
