"""From the names in a list to the samples of a project."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
from django.utils.translation import gettext as _

from annotation import listed as lists
from annotation import pair_rules
from annotation.actions.choosing import LARGEST_GROUP
from annotation.listed import Listed
from annotation.models import candidates as reads
from curation.errors import Refused
from curation.models import Project, Sample

# Reading more than this from one field is a mistake, not a list.
MOST_LINES = 100_000


@dataclass(frozen=True)
class Found:
    """One line with its samples: ids in the order of the line, and their prompt."""

    listed: Listed
    prompt_id: int
    sample_ids: tuple[int, ...]

    @property
    def stored(self) -> tuple[int, ...]:
        """The ids as an item keeps them."""
        return tuple(sorted(self.sample_ids))


def find(*, project: Project, text: str) -> list[Found]:
    """The samples that each line of a list names, by key or by id. Costs two queries.

    Raises:
        Refused: the first line that cannot be read, names a sample that is not here, mixes prompts, or puts twins
            together.
    """
    try:
        lines = lists.read(text)
    except ValueError as error:
        raise Refused(str(error)) from error
    if not lines or len(lines) > MOST_LINES:
        raise Refused(
            _("The list has %(number)d lines that name samples; give 1 to %(most)d.")
            % {"number": len(lines), "most": MOST_LINES}
        )
    names = {name for line in lines for name in line.names}
    known = _samples(project, names)
    found = [_found(line, known) for line in lines]
    _refuse_twins(project, found)
    return found


def _samples(project: Project, names: set[str]) -> dict[str, tuple[int, int]]:
    """Sample and prompt of each name; a key goes before an id."""
    rows = Sample.objects.filter(project=project).present()
    numbers = [int(name) for name in names if name.isdecimal() and len(name) < 18]
    by_id = {str(pk): (pk, prompt) for pk, prompt in rows.filter(pk__in=numbers).values_list("pk", "prompt_id")}
    by_key = rows.filter(key__in=names).values_list("key", "pk", "prompt_id")
    return {**by_id, **{key: (pk, prompt) for key, pk, prompt in by_key}}


def _found(line: Listed, known: dict[str, tuple[int, int]]) -> Found:
    missing = [name for name in line.names if name not in known]
    if missing:
        raise Refused(
            _("Line %(line)d names “%(name)s”; no sample with that key or number is here with its content.")
            % {"line": line.line, "name": missing[0]}
        )
    if len(line.names) > LARGEST_GROUP:
        raise Refused(
            _("Line %(line)d names %(number)d samples; people look at %(most)d together at most.")
            % {"line": line.line, "number": len(line.names), "most": LARGEST_GROUP}
        )
    rows = [known[name] for name in line.names]
    if len({prompt for _pk, prompt in rows}) > 1:
        raise Refused(_("Line %(line)d mixes samples of different prompts.") % {"line": line.line})
    return Found(line, rows[0][1], tuple(pk for pk, _prompt in rows))


def _refuse_twins(project: Project, found: Sequence[Found]) -> None:
    """Of two samples with the same content nobody could prefer one."""
    ids = {pk for one in found for pk in one.sample_ids}
    contents = reads.candidates(Sample.objects.filter(project=project, pk__in=ids))
    content = dict(contents.select("sample", "content").iter_rows())
    for one in found:
        if len({content[pk] for pk in one.sample_ids}) < len(one.sample_ids):
            raise Refused(_("Line %(line)d names samples with the very same content.") % {"line": one.listed.line})


def as_sets(found: Sequence[Found]) -> pl.DataFrame:
    """The lines as `pair_rules.SETS`, in their order, each set once."""
    rows = [(one.prompt_id, list(one.stored), None, float(number)) for number, one in enumerate(found)]
    sets = pl.DataFrame(rows, schema=pair_rules.SETS, orient="row")
    return sets.unique(["prompt", "samples"], keep="first", maintain_order=True)
