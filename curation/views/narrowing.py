"""Narrowing the list of samples: what each parameter of the address means, by condition and by index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from django.db.models import Exists, OuterRef, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _

from curation.errors import Refused
from curation.models import Flag, Project, Sample, Score, candidates
from curation.models.candidates import Probe
from curation.models.score_columns import ScoreColumn

NARROWING = ("q", "generator", "kind", "round", "media", "tag", "scored", "flagged", "prompt", "low", "high")
# Narrowing by these alone leaves a list that an index has in its order.
IN_ORDER = ("generator",)


def narrowed(rows: QuerySet[Sample], params: QueryDict) -> QuerySet[Sample]:
    """The rows that pass every narrowing; each is tested on its own."""
    if words := params.get("q", "").strip():
        rows = rows.search(words)  # type: ignore[attr-defined]
    if generator := whole(params.get("generator")):
        rows = rows.filter(generator=generator)
    if kind := params.get("kind"):
        rows = rows.filter(generator__kind=kind)
    if (number := whole(params.get("round"))) is not None:
        rows = rows.filter(round=number)
    if media := params.get("media"):
        rows = rows.filter(media_state=media)
    if tag := params.get("tag"):
        rows = rows.filter(prompt__tags__contains=[tag])
    if prompt := whole(params.get("prompt")):
        rows = rows.filter(prompt=prompt)
    return _flagged(_scored(rows, params.get("scored", "")), params.get("flagged", ""))


def probes(project: Project, columns: Sequence[ScoreColumn], params: QueryDict) -> Iterator[Probe]:
    """The questions to indexes that may leave few rows, the cheapest first. There is none for `round`."""
    if prompt := whole(params.get("prompt")):
        yield partial(candidates.few, Sample.objects.filter(project=project, prompt=prompt))
    if params.get("media") == Sample.MediaState.ABSENT:
        yield partial(candidates.few, Sample.objects.filter(project=project, media_state=Sample.MediaState.ABSENT))
    if flag := params.get("flagged"):
        yield partial(candidates.samples_flagged, flag)
    if generator := whole(params.get("generator")):
        yield partial(candidates.few, Sample.objects.filter(generator=generator))
    if kind := params.get("kind"):
        yield partial(candidates.samples_made_as, project, kind)
    if tag := params.get("tag"):
        yield partial(candidates.samples_tagged, project, tag)
    if words := params.get("q", "").strip():
        yield partial(candidates.samples_saying, project, words)
    if (by := params.get("scored", "")) not in ("", "any", "none"):
        yield partial(candidates.samples_scored_by, columns, whole(by) or 0)


def is_walked(params: QueryDict) -> bool:
    """Whether the list in order of arrival is narrowed by anything that its index does not know."""
    return any(params.get(name) for name in NARROWING if name not in IN_ORDER)


def whole(text: str | None) -> int | None:
    """A whole number from an address that may have been typed by hand."""
    if not text:
        return None
    if not text.isdecimal() or len(text) > 18:
        raise Refused(_("“%(text)s” is no whole number.") % {"text": text})
    return int(text)


def _scored(rows: QuerySet[Sample], by: str) -> QuerySet[Sample]:
    living = Score.objects.filter(sample=OuterRef("pk"), is_retracted=False)
    if by == "any":
        return rows.filter(Exists(living))
    if by == "none":
        return rows.filter(~Exists(living))
    rater = whole(by)
    return rows if rater is None else rows.filter(Exists(living.filter(rater=rater)))


def _flagged(rows: QuerySet[Sample], kind: str) -> QuerySet[Sample]:
    living = Flag.objects.filter(sample=OuterRef("pk"), is_retracted=False)
    if kind == "any":
        return rows.filter(Exists(living))
    return rows.filter(Exists(living.filter(kind=kind))) if kind else rows
