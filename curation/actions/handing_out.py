"""Whether a frozen version may leave: by download, by export, to the Hub. Everything that hands one out asks here."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from curation.errors import Refused
from curation.models import DatasetVersion, Withdrawal


def closed_because(version: DatasetVersion) -> str:
    """A sentence why the version is not handed out, naming what is instead; empty where it is. Costs two queries."""
    if version.replaced_by_id is not None:
        minor = DatasetVersion.objects.select_related("dataset").get(pk=version.replaced_by_id)
        return _(
            "%(version)s holds rows that were withdrawn, so it is not handed out any more. %(minor)s is the same "
            "without them."
        ) % {"version": version, "minor": minor}
    if Withdrawal.objects.filter(project=version.dataset.project_id).open().exists():
        return _(
            "Something was withdrawn in this project, and its versions are being looked through. Nothing is handed "
            "out until that is done; its job is on the page of jobs."
        )
    return ""


def closed_tables_because(version: DatasetVersion) -> str:
    """As `closed_because`, for the tables as they were frozen: exports leave marked rows out, the tables hold them."""
    if because := closed_because(version):
        return because
    if version.withdrawn_count:
        return ngettext(
            "%(count)d row of %(version)s was withdrawn. Make the minor version without it; its tables can be "
            "downloaded.",
            "%(count)d rows of %(version)s were withdrawn. Make the minor version without them; its tables can be "
            "downloaded.",
            version.withdrawn_count,
        ) % {"count": version.withdrawn_count, "version": version}
    return ""


def refuse_closed(version: DatasetVersion) -> None:
    """
    Raises:
        Refused: the version may not leave; says what may.
    """
    if because := closed_because(version):
        raise Refused(because)
