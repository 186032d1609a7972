"""Heads as people name them, and as jobs do."""

from __future__ import annotations

from django.utils.translation import gettext as _

from curation.errors import Refused
from curation.models import Project
from scoring.catalogue import CATALOGUE
from scoring.heads import shelf
from scoring.heads.head import PREFIX, card_of
from scoring.models import FittedHead
from scoring.scorers.base import ScorerFacts


def on_offer(project: Project) -> dict[str, ScorerFacts]:
    """Who can score here, by name: the newest revision of every head of the project, and the catalogue. One query."""
    rows = FittedHead.objects.filter(project=project).newest().select_related("rater")
    return {**{row.key: _card(row) for row in rows}, **CATALOGUE}


def _card(row: FittedHead) -> ScorerFacts:
    head = row.head
    return card_of(row.key, head, [CATALOGUE[block.scorer] for block in head.encoders])


def resolved(project: Project, name: str) -> str:
    """A scorer's name, that of a head in full: `head:NAME` is its newest revision, `head:NAME@2` the second.

    Raises:
        Refused: there is no such head in the project.
    """
    if not shelf.is_head(name):
        return name
    head = named(project, name)
    return head.key


def named(project: Project, said: str) -> FittedHead:
    """The head of a name, with or without its revision, short or in full; Refused names those that exist."""
    name, _at, wanted = said.removeprefix(PREFIX).partition("@")
    rows = FittedHead.objects.select_related("rater").filter(project=project, name=name).order_by("-revision")
    for row in rows:
        if wanted in ("", str(row.revision)) or row.key == f"{PREFIX}{name}@{wanted}":
            return row
    known = FittedHead.objects.filter(project=project).newest().values_list("name", flat=True)
    raise Refused(
        _("There is no head “%(name)s” in this project. There are: %(known)s.")
        % {"name": said, "known": ", ".join(f"{PREFIX}{one}" for one in known) or _("none yet")}
    )
