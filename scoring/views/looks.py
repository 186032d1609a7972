"""What a judge looked at before it judged: each look beside the whole picture, with its place outlined.

Everything a judge wrote is shown as text and nothing else. What was seen of a picture that was taken down since is gone
with it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from curation.access import Right
from curation.models import Judgement, Project, PromptMedia, Sample, SampleMedia
from curation.models.assets import Placement
from curation.views import media, pictures
from curation.views.doors import PageRequest, project_page
from curation.views.mark_overlays import Outline, Overlay
from curation.views.pictures import Picture
from scoring import words
from scoring.actions.judging import looks
from scoring.models import Look


@dataclass(frozen=True)
class Whole:
    """The picture or video that a look was taken of, as long as it is here."""

    picture: Picture
    sample: Sample | None


@dataclass(frozen=True)
class Step:
    """One look in the order of its answer.

    Attributes:
        address: of its page; `picture` of what was shown, empty where nothing was or it may not be shown any more.
        whole: None for a sum, for a call that came to nothing, and for what was taken down.
    """

    number: int
    look: Look
    address: str
    picture: str
    whole: Whole | None
    overlay: Overlay | None

    @property
    def title(self) -> str:
        """Tool, place and moment in words."""
        look = self.look
        if not look.place:
            return look.tool or _("a call that cannot be read")
        if look.time_us is None:
            return _("%(tool)s of %(place)s") % {"tool": look.tool, "place": look.place}
        return _("%(tool)s of %(place)s at %(seconds).3f s") % {
            "tool": look.tool,
            "place": look.place,
            "seconds": look.time_us / 1e6,
        }

    @property
    def is_gone(self) -> bool:
        """Whether there was something to see that may not be shown any more."""
        return self.look.asset_id is not None and not self.picture

    @property
    def told(self) -> str:
        """What came of it, without what the judge may do next."""
        return self.look.told.partition("\n")[0]

    @property
    def is_unsafe(self) -> bool:
        return self.whole is not None and self.whole.picture.is_unsafe

    @property
    def moment(self) -> str:
        """Where a player begins."""
        return f"#t={self.look.time_us / 1e6:.3f}" if self.look.time_us is not None else ""

    @property
    def call(self) -> str:
        """What was called, as it would be written again."""
        stated = {"tool": self.look.tool, **self.look.arguments}
        return json.dumps(stated, ensure_ascii=False) if self.look.tool else ""


def steps(project: Project, trace: Sequence[Mapping[str, Any]], of: Judgement | None = None) -> list[Step]:
    """The looks of an answer as a page shows them. About eight queries, none where there are no looks.

    Args:
        trace: as a judgement or a try keeps it (`looks.trace`).
        of: the judgement, whose other looks are then a step away.
    """
    rows = looks.of_trace(trace)
    wholes = _wholes(project, {look.digest for look in rows if look.digest})
    order = (of.presentation or {}).get("order", ()) if of else ()
    return [_step(project, number, look, _whole_of(look, wholes, order), of) for number, look in enumerate(rows, 1)]


def _step(project: Project, number: int, look: Look, whole: Whole | None, of: Judgement | None) -> Step:
    arguments = [project.slug, look.call_id]
    suffix = f"?of={of.pk}" if of else ""
    shown = reverse("look_picture", args=arguments) if look.asset_id and whole else ""
    return Step(number, look, reverse("look", args=arguments) + suffix, shown, whole, _overlay(number, look, whole))


def _overlay(number: int, look: Look, whole: Whole | None) -> Overlay | None:
    if whole is None or not look.box or not whole.picture.width or not whole.picture.height:
        return None
    left, top, right, bottom = look.box
    outline = Outline(number, "0", "box", [[left, top], [right, bottom]])
    return Overlay(whole.picture.width, whole.picture.height, [outline])


# -- whole pictures ---------------------------------------------------------------------------------------------------

Wholes = Mapping[tuple[int, str], Whole]


def _wholes(project: Project, digests: set[str]) -> Wholes:
    """What these renditions are of: by sample and digest, and under 0 whatever comes first. Six queries at most."""
    if not digests:
        return {}
    here = {"asset__renditions__sha256__in": digests}
    samples = SampleMedia.objects.filter(sample__project=project, **here).select_related("sample__generator").distinct()
    prompts = PromptMedia.objects.filter(prompt__project=project, **here).distinct()
    own = list(pictures.with_assets(samples.order_by("pk")))
    unsafe = pictures.unsafe_among([one.sample_id for one in own])
    found: dict[tuple[int, str], Whole] = {}
    for one in own:
        whole = Whole(pictures.picture(one, is_unsafe=one.sample_id in unsafe), one.sample)
        _note(found, one, one.sample_id, whole)
    for given in pictures.with_assets(prompts.order_by("pk")):
        _note(found, given, 0, Whole(pictures.picture(given), None))
    return found


def _note(found: dict[tuple[int, str], Whole], place: Placement, sample_id: int, whole: Whole) -> None:
    assert place.asset is not None
    for rendition in place.asset.renditions.all():
        found.setdefault((sample_id, rendition.sha256), whole)
        found.setdefault((0, rendition.sha256), whole)


def _whole_of(look: Look, wholes: Wholes, order: Sequence[int]) -> Whole | None:
    """That of the sample which was shown in this place; two samples may have the same bytes."""
    number = look.arguments.get("image", look.arguments.get("video")) if isinstance(look.arguments, dict) else None
    sample = order[number - 1] if isinstance(number, int) and 1 <= number <= len(order) else 0
    return wholes.get((sample, look.digest)) or wholes.get((0, look.digest))


# -- pages ------------------------------------------------------------------------------------------------------------


@project_page(Right.VIEW)
@require_safe
def look(request: PageRequest, project: Project, call_id: int) -> HttpResponse:
    """One look: what was shown, where it is in the whole, and what was said before and after."""
    found = _found(request, project, call_id)
    of = _judgement(request, project)
    among = steps(project, (of.payload or {}).get("trace") or () if of else [{"call": found.call_id}], of)
    place = next((place for place, one in enumerate(among) if one.look.pk == found.pk), None)
    if place is None:
        raise Http404(_("This answer has no such look."))
    context = {
        "section": "scorers",
        "step": among[place],
        "before": among[place - 1] if place else None,
        "after": among[place + 1] if place + 1 < len(among) else None,
        "count": len(among),
        "judgement": of,
        "call": found.call,
        "seconds": words.duration(found.call.seconds),
    }
    return render(request, "scoring/judges/look.html", context)


def _found(request: PageRequest, project: Project, call_id: int) -> Look:
    rows = Look.objects.visible_to(request.user).filter(call__project=project)
    return get_object_or_404(rows.select_related("call__judge", "asset"), call=call_id)


def _judgement(request: PageRequest, project: Project) -> Judgement | None:
    """The answer from which the look was opened, where the address names one."""
    number = request.GET.get("of", "")
    if not number:
        return None
    if not number.isdecimal() or len(number) > 17:
        raise Http404(_("This answer has no such look."))
    rows = Judgement.objects.visible_to(request.user).filter(project=project).select_related("rater")
    return get_object_or_404(rows, pk=int(number))


@project_page(Right.VIEW)
@require_safe
def look_picture(request: PageRequest, project: Project, call_id: int) -> HttpResponseBase:
    """The very bytes that the judge was shown."""
    found = _found(request, project, call_id)
    if found.asset is None or not _wholes(project, {found.digest}):
        raise Http404(_("Nothing was shown here, or what it shows was taken down."))
    return media.sent(request, found.asset)
