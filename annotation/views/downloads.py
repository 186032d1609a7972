"""Every table of a batch as CSV, for a spreadsheet, or Parquet, for a program."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

from django.http import FileResponse, Http404, HttpResponseBase, StreamingHttpResponse
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from annotation import tables
from annotation.views.batches import find
from annotation.views.download_rows import MANAGERS_ONLY, TABLES, Names
from curation.access import Right, may
from curation.errors import NotAllowed
from curation.models import Project
from curation.views.doors import PageRequest, project_page

EXTENSIONS = ("csv", "parquet")


@project_page(Right.VIEW)
@require_safe
def batch_download(
    request: PageRequest, project: Project, batch_id: int, what: str, extension: str
) -> HttpResponseBase:
    """Streams a table; who is paid what is for those who manage the project."""
    batch = find(request, project, batch_id)
    if what not in TABLES or extension not in EXTENSIONS:
        raise Http404(_("There is no such table."))
    if what in MANAGERS_ONLY and not may(request.role, Right.MANAGE):
        raise NotAllowed(_("Only an admin of this project may see who is paid what."))
    schema, make = TABLES[what]
    rows = make(batch, Names(request))
    name = f"{slugify(batch.name) or 'batch'}-{batch.pk}-{what}.{extension}"
    if extension == "csv":
        return _csv(tables.csv_lines(schema, rows), name)
    target = tempfile.TemporaryFile()  # noqa: SIM115  # the response closes it when it was sent
    tables.write_parquet(schema, rows, target)
    target.seek(0)
    return FileResponse(target, as_attachment=True, filename=name, content_type="application/vnd.apache.parquet")


def _csv(lines: Iterator[str], name: str) -> StreamingHttpResponse:
    return StreamingHttpResponse(
        lines,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
