"""A publication in one line: its state in a word, and how to dress it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from curation.models import Job, Publication, State


@dataclass(frozen=True)
class PublicationLine:
    """`tag` dresses the word; `note` stands below it; `address` leads to the Hub where something is there."""

    publication: Publication
    word: str
    tag: str = ""
    note: str = ""
    address: str = ""


def publication_lines(rows: Iterable[Publication]) -> list[PublicationLine]:
    return [publication_line(row) for row in rows]


def publication_line(row: Publication) -> PublicationLine:
    if row.published_at:
        address = f"{settings.HUB_ENDPOINT}/datasets/{row.repository}/tree/{row.tag}"
        return PublicationLine(row, _("published"), "good", _seen_by(row), address)
    job = row.job
    if job is None:
        return PublicationLine(row, _("unknown: its job was deleted"), "note")
    if row.is_rehearsal and job.state == State.DONE:
        return PublicationLine(row, _("rehearsed, nothing sent"))
    tag = {State.RUNNING: "live", State.FAILED: "note"}.get(State(job.state), "")
    return PublicationLine(row, str(job.get_state_display()), tag, progress_words(job))


def _seen_by(row: Publication) -> str:
    return _("private") if row.is_private else _("public")


def progress_words(job: Job) -> str:
    """How much was sent of how much; empty before it is known."""
    if job.state != State.RUNNING or not job.total:
        return ""
    words = {"done": filesizeformat(job.done), "total": filesizeformat(job.total)}
    return _("%(done)s of %(total)s sent") % words
