"""Exports: one frozen version written in the form a trainer reads, and read back. Plain code, no database.

`FORMATS` is the one dictionary of formats. A new format is one module with a `Format` at its end and one
line here; docs/exports.md describes their columns.
"""

from curation.exports.canonical import CANONICAL
from curation.exports.formats import Format
from curation.exports.pickapic import PICKAPIC
from curation.exports.trl import TRL

FORMATS: dict[str, Format] = {format_.name: format_ for format_ in (CANONICAL, TRL, PICKAPIC)}

__all__ = ["FORMATS", "Format"]
