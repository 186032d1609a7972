"""Publications: an export's rows with a card for the Hub, rehearsed or sent, as one commit with one tag."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from curation.access import Right
from curation.actions import exports, gating, hub_tokens, jobs
from curation.actions.export_rows import Options
from curation.actions.export_source import source_of
from curation.errors import Conflict, NotAllowed, PairwrightError, Refused, Unavailable
from curation.exports.checksums import digest_of
from curation.exports.folder import whole_or_nothing
from curation.exports.restating import configs_of, restate, rows_of
from curation.gate.report import Finding, GateReport
from curation.hub.difference import Difference, Terms, compare, refuse
from curation.hub.names import repository_name, tag_name, without_tokens
from curation.hub.pushing import Pushed, Words, push
from curation.hub.remote import LocalFile
from curation.models import Export, HubToken, Job, Publication, User
from curation.storage import media_storage


@dataclass(frozen=True)
class Wish:
    """What somebody wants published, and how.

    Args:
        repository: `owner/name`; formats: of the export, the one read by default first; None takes all of them.
        licence: an SPDX identifier, or the name of another licence with the address of its text.
        token: a stored one; None takes the environment's.
    """

    repository: str
    licence: str
    formats: Sequence[str] | None = None
    licence_link: str = ""
    is_private: bool = True
    may_move_tag: bool = False
    is_rehearsal: bool = False
    token: HubToken | None = None


@transaction.atomic
def order(*, export: Export, wish: Wish, by: User | None) -> Publication:
    """Writes down that an export is to be published, or rehearsed; the caller sends the job to a worker, or runs it.

    Raises:
        NotAllowed: the person may not publish from this project, or not with this token.
        Refused: the export is not fit to leave, or the wish is incomplete.
        Conflict: another publication to the same repository is under way.
    """
    version = export.version
    project = version.dataset.project
    if by is not None and not project.allows(by, Right.EDIT):
        raise NotAllowed(_("Only curators and admins of “%(project)s” publish.") % {"project": project.name})
    if wish.token and by is not None and not HubToken.objects.usable_by(by).filter(pk=wish.token.pk).exists():
        raise NotAllowed(_("That token is somebody else's. Choose one of yours."))
    repository = repository_name(wish.repository)
    _refuse_unfit(export, wish)
    publication = Publication.objects.create(
        version=version,
        export=export,
        repository=repository,
        tag=tag_name(version.label),
        formats=list(wish.formats or export.formats),
        licence=wish.licence.strip(),
        licence_link=wish.licence_link,
        is_private=wish.is_private,
        may_move_tag=wish.may_move_tag,
        is_rehearsal=wish.is_rehearsal,
        token=wish.token,
        uses_stored_token=wish.token is not None,
        created_by=by,
    )
    _give_job(publication, by)
    return publication


def _refuse_unfit(export: Export, wish: Wish) -> None:
    """What may not leave, whoever asks."""
    if not export.finished_at:
        raise Refused(_("This export is not finished. Publish it when it is."))
    if because := exports.closed_because(export):
        raise Refused(because)
    if export.readback.get("findings"):
        raise Refused(_("Reading this export back found mistakes, so it is not published. Export again."))
    if not wish.licence.strip():
        raise Refused(_("Say under which licence the set is published; write “other” and a name for one of your own."))
    configs_of(export.manifest, list(export.formats if wish.formats is None else wish.formats))
    unfinished = Publication.objects.filter(job__in=Job.objects.unfinished())
    if unfinished.filter(repository__iexact=repository_name(wish.repository)).exists():
        raise Conflict(
            _("Another publication to %(name)s is under way. Wait for it.") % {"name": wish.repository.strip()}
        )


def _give_job(publication: Publication, by: User | None) -> None:
    words = _("Rehearse %(what)s") if publication.is_rehearsal else _("Publish %(what)s")
    publication.job = jobs.create(
        project=publication.project,
        kind=Job.Kind.PUBLISH,
        title=words % {"what": f"{publication.version} → {publication.repository}"},
        params={"publication_id": publication.pk},
        by=by,
    )
    publication.save(update_fields=["job", "is_rehearsal"])


@transaction.atomic
def go(*, publication: Publication, by: User | None) -> Publication:
    """Publishes what was rehearsed, on top of the very commit that was looked at.

    Raises:
        NotAllowed: the person may not publish from this project.
        Refused: it was not rehearsed, or is not fit to leave any more. Conflict: it is under way.
    """
    locked = (
        Publication.objects.select_for_update(of=("self",)).select_related("export", "token").get(pk=publication.pk)
    )
    if by is not None and not locked.project.allows(by, Right.EDIT):
        raise NotAllowed(_("Only curators and admins of “%(project)s” publish.") % {"project": locked.project.name})
    if not locked.is_rehearsal or not locked.plan:
        raise Refused(_("Only a rehearsal that came to its end is published this way."))
    if locked.export is None:
        raise Refused(_("The export was deleted. Export the version again, and publish that."))
    _refuse_unfit(locked.export, Wish(locked.repository, locked.licence, locked.formats))
    locked.is_rehearsal = False
    _give_job(locked, by)
    return locked


# -- the work -------------------------------------------------------------------------------------------------------


def run_job(*, job_id: int, sleep: Callable[[float], None] | None = None) -> Publication | None:
    """Claims a publication and does it; None when somebody else has it, or it is over."""
    job = Job.objects.filter(pk=job_id, kind=Job.Kind.PUBLISH).first()
    owner = jobs.new_owner()
    claimed = jobs.claim(job, owner) if job else None
    if claimed is None:
        return None
    rows = Publication.objects.select_related("version__dataset__project", "version__recipe", "export", "token")
    publication = rows.get(job=claimed)
    try:
        result = _publish(publication, claimed, owner)
    except jobs.Lost:
        jobs.stop_cancelled(claimed, owner)
        return None
    except Exception as error:
        says = str(error) if isinstance(error, PairwrightError) else f"{type(error).__name__}: {error}"
        jobs.fail(claimed, owner, without_tokens(says))
        raise
    jobs.finish(claimed, owner, result=result)
    return publication


def _publish(publication: Publication, job: Job, owner: str) -> dict[str, Any]:
    with jobs.heartbeat(job, owner) as pulse, staged(publication, check=pulse.check) as files:
        if publication.is_rehearsal:
            publication.plan = rehearsed(publication, files)
            publication.save(update_fields=["plan"])
            return {"publication_id": publication.pk}
        progress = _Progress(job, owner, pulse)
        terms = terms_of(publication)
        pushed = push(hub_tokens.hub_for(publication), files, terms, _words(publication), report=progress.report)
    _note(publication, pushed, files)
    return {"publication_id": publication.pk, "commit": pushed.commit, "is_new": pushed.is_new}


def _note(publication: Publication, pushed: Pushed, files: Sequence[LocalFile]) -> None:
    publication.commit = pushed.commit
    publication.is_private = pushed.is_private
    publication.published_at = timezone.now()
    publication.plan = publication.plan or {"files": [_file_json(file, "") for file in files], "gone": []}
    publication.plan |= {"parent": pushed.parent, "sent_files": pushed.sent_files, "sent_bytes": pushed.sent_bytes}
    publication.save(update_fields=["commit", "is_private", "published_at", "plan"])


def terms_of(publication: Publication) -> Terms:
    return Terms(
        repository=publication.repository,
        dataset=publication.version.dataset.name,
        tag=publication.tag,
        is_private=publication.is_private,
        may_move_tag=publication.may_move_tag,
        parent=publication.plan.get("parent") if publication.plan.get("was_compared") else None,
    )


def _words(publication: Publication) -> Words:
    version = publication.version
    return Words(
        f"{version.dataset.name} {version.label}",
        f"Version {version.label} of {version.dataset.name}, digest {version.digest}.",
    )


class _Progress:
    """Bytes sent so far, told to the job, and the word to stop passed back."""

    def __init__(self, job: Job, owner: str, pulse: jobs.Pulse) -> None:
        self._job, self._owner, self._pulse, self._told = job, owner, pulse, 0

    def report(self, done: int, total: int) -> None:
        self._pulse.check()
        if not done:
            Job.objects.filter(pk=self._job.pk, owner=self._owner).update(total=total, done=0)
        elif not jobs.advance(self._job, self._owner, done=done - self._told):
            raise jobs.Lost
        self._told = done


# -- the very files -------------------------------------------------------------------------------------------------


@contextmanager
def staged(publication: Publication, check: Callable[[], None] = lambda: None) -> Iterator[list[LocalFile]]:
    """Every file as it would be on the Hub, each proved by its digest; the words are written anew, the rows are not.

    Raises:
        Refused: the export is gone or damaged, or may not leave any more.
    """
    export = publication.export
    if export is None:
        raise Refused(_("The export was deleted. Export the version again, and publish that."))
    _refuse_unfit_now(publication, export)
    root = Path(settings.SCRATCH_ROOT) / "publishing"
    root.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{publication.pk}-", dir=root))
    try:
        digests = _restated(publication, export, folder, check)
        rows = rows_of(export.manifest, publication.formats)
        yield [
            _proved(_place(export, path, sha256, folder, rows), path, sha256, check) for path, sha256 in digests.items()
        ]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _refuse_unfit_now(publication: Publication, export: Export) -> None:
    if because := exports.closed_because(export):
        raise Refused(because)


def _restated(publication: Publication, export: Export, folder: Path, check: Callable[[], None]) -> dict[str, str]:
    """The words for the Hub, written into a folder. Pseudonyms are those of the export, so the rows need no change."""
    place, options = export.place or "downloads", Options(**export.options)
    report = _gate(publication, options, check)
    context = source_of(export.version, place=place, options=options).context
    context = replace(context, licence=publication.licence, licence_link=publication.licence_link, gate=report)
    return restate(
        folder, export.manifest, context, publication.formats, place=publication.repository, revision=publication.tag
    )


def _gate(publication: Publication, options: Options, check: Callable[[], None]) -> GateReport:
    """The gate's report of today. Before it publishes, the gate refuses; a rehearsal is told what it would say."""
    version = publication.version
    if publication.is_rehearsal:
        return gating.report_of(gating.examine(version=version, with_notes=options.with_notes, pulse=check))
    return gating.refuse_to_publish(version=version, with_notes=options.with_notes, pulse=check)


def _place(export: Export, path: str, sha256: str, folder: Path, rows: Mapping[str, str]) -> Path:
    if path not in rows:
        return folder / path
    if export.place:
        return Path(export.place) / path
    name = exports.stored_name(sha256)
    return media_storage().local_copy(name, media_storage().size(name))


def _proved(source: Path, path: str, sha256: str, check: Callable[[], None]) -> LocalFile:
    check()
    if not source.is_file() or digest_of(source) != sha256:
        raise Refused(
            _("%(path)s of this export is gone or was changed since it was written. Export the version again.")
            % {"path": path}
        )
    return LocalFile(path, source.stat().st_size, sha256, source)


def write_out(publication: Publication, destination: Path) -> list[LocalFile]:
    """A folder that holds exactly what the Hub would. Asks nothing of the network.

    Raises:
        Refused: as `staged`, or the place holds something else.
    """
    with (
        staged(publication) as files,
        whole_or_nothing(destination, dataset=publication.version.dataset.name) as folder,
    ):
        for file in files:
            target = folder / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file.source, target)
        return [replace(file, source=destination / file.path) for file in files]


def rehearsed(publication: Publication, files: Sequence[LocalFile]) -> dict[str, Any]:
    """What would be sent and what would change there; without an answer of the Hub, only the first."""
    gate = [{"code": one.code, "words": one.words, "remedy": one.remedy} for one in _stands_open(publication)]
    try:
        difference, stands_in_the_way = _compared(publication, files)
    except (Unavailable, NotAllowed, Refused) as error:
        listed = [_file_json(file, "") for file in files]
        return {"files": listed, "gone": [], "was_compared": False, "why_not": str(error), "gate": gate}
    changes = {file.path: "new" for file in difference.new} | {file.path: "changed" for file in difference.changed}
    return {
        "files": [_file_json(file, changes.get(file.path, "same")) for file in files],
        "gone": list(difference.gone),
        "was_compared": True,
        "parent": difference.parent,
        "send_bytes": difference.bytes_to_send,
        "stands_in_the_way": stands_in_the_way,
        "gate": gate,
    }


def _stands_open(publication: Publication) -> tuple[Finding, ...]:
    """What the gate would refuse for, in the examination that the rehearsal made a moment ago."""
    examination = gating.newest(publication.version)
    return gating.report_of(examination).open_errors if examination else ()


def _compared(publication: Publication, files: Sequence[LocalFile]) -> tuple[Difference, str]:
    hub = hub_tokens.hub_for(publication)
    remote = hub.look(publication.repository)
    difference = compare(files, remote)
    try:
        refuse(replace(terms_of(publication), parent=None), remote, difference)
    except (Refused, Conflict) as error:
        return difference, str(error)
    return difference, ""


def _file_json(file: LocalFile, change: str) -> dict[str, Any]:
    return {"path": file.path, "bytes": file.size, "sha256": file.sha256, "change": change}
