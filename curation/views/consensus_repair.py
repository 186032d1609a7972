"""The repair queue: preferences in circles and votes that everything else contradicts, each with its pictures.

Nothing here changes a vote: it sends pairs to people, who judge them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from curation.access import Right
from curation.actions import consensus as adding_up
from curation.actions import requesting
from curation.actions.consensus import Counted, Doubt
from curation.consensus.cycles import Cycle
from curation.errors import Refused
from curation.models import Project, Prompt, Request, Sample
from curation.views.consensus import at_hand
from curation.views.doors import PageRequest, project_page
from curation.views.facets import address
from curation.views.pictures import Picture, first_pictures

# Cycles, or doubtful votes, on a page.
PAGE = 24


@dataclass(frozen=True)
class Side:
    sample: Sample
    picture: Picture | None


@dataclass(frozen=True)
class Couple:
    """Two samples to be judged again, the one that was preferred first."""

    name: str
    sides: tuple[Side, Side]
    is_asked: bool


@dataclass(frozen=True)
class Circle:
    prompt: Prompt
    order: list[Side]
    couples: list[Couple]
    cost: float
    votes: int
    is_smallest: bool


@dataclass(frozen=True)
class Odd:
    prompt: Prompt
    couple: Couple
    wrong: str


@project_page(Right.VIEW, write=Right.EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def repair(request: PageRequest, project: Project) -> HttpResponse:
    criterion = adding_up.chosen_criterion(project, request.POST.get("criterion") or request.GET.get("criterion"))
    if request.method == "POST":
        return _ask(request, project, criterion or "")
    found = at_hand(project, criterion) if criterion else None
    start = _start(request)
    context = {
        "section": "evidence",
        "criterion": criterion,
        "found": found,
        "is_waiting": criterion is not None and found is None,
        **(_queue(project, found, start) if found else {}),
        "previous_url": address(request.GET, start=str(max(start - PAGE, 0)) if start > PAGE else "") if start else "",
        "next_url": address(request.GET, start=str(start + PAGE)) if found and _has_more(found, start) else "",
        "open_requests": Request.objects.filter(project=project, audience=Request.Audience.PEOPLE).open().count(),
    }
    return render(request, "curation/consensus/repair.html", context)


def _has_more(found: Counted, start: int) -> bool:
    return max(len(found.cycles), len(found.doubts)) > start + PAGE


def _start(request: PageRequest) -> int:
    text = request.GET.get("start", "0")
    return int(text) if text.isdecimal() and len(text) < 6 else 0


def _ask(request: PageRequest, project: Project, criterion: str) -> HttpResponse:
    asking = requesting.create(
        project=project,
        audience=Request.Audience.PEOPLE,
        subjects=[_couple(text) for text in request.POST.getlist("pair")],
        because=_("Votes on “%(key)s” contradict each other here.") % {"key": criterion},
        by=request.user,
        criterion=criterion,
    )
    count = asking.requests.count()
    said = ngettext("%(count)d pair waits for people now.", "%(count)d pairs wait for people now.", count)
    messages.success(request, said % {"count": count})
    return redirect("asking", project.slug, asking.pk)


def _couple(text: str) -> tuple[int, int]:
    first, _dash, second = text.partition("-")
    if not (first.isdecimal() and second.isdecimal() and len(text) < 40):
        raise Refused(_("A pair names samples that are not two of one prompt of this project. Open the page again."))
    return int(first), int(second)


def _queue(project: Project, found: Counted, start: int) -> dict[str, object]:
    """Costs six queries, whatever the number of rows."""
    circles, odd = found.cycles[start : start + PAGE], found.doubts[start : start + PAGE]
    sides = _sides(project, circles, odd)
    prompts = Prompt.objects.filter(project=project).in_bulk(
        {one.prompt_id for one in circles} | {one.prompt_id for one in odd}
    )
    asked = _asked(project, sides)
    return {
        "circles": [_circle(one, prompts, sides, asked) for one in circles if _is_here(one.samples, sides)],
        "odd": [_odd(one, prompts, sides, asked) for one in odd if _is_here((one.preferred, one.other), sides)],
        "all_circles": len(found.cycles),
        "all_odd": len(found.doubts),
    }


def _sides(project: Project, circles: Sequence[Cycle], odd: Sequence[Doubt]) -> dict[int, Side]:
    ids = {pk for one in circles for pk in one.samples} | {pk for one in odd for pk in (one.preferred, one.other)}
    samples = Sample.objects.filter(project=project).select_related("generator").in_bulk(ids)
    pictures = first_pictures(list(samples))
    return {pk: Side(sample, pictures.get(pk)) for pk, sample in samples.items()}


def _asked(project: Project, sides: dict[int, Side]) -> set[frozenset[int]]:
    rows = Request.objects.filter(project=project, audience=Request.Audience.PEOPLE, left_sample__in=list(sides))
    living = rows.filter(state__in=[Request.State.OPEN, Request.State.TAKEN])
    return {frozenset(pair) for pair in living.values_list("left_sample_id", "right_sample_id")}


def _is_here(samples: Iterable[int], sides: dict[int, Side]) -> bool:
    return all(pk in sides for pk in samples)


def _pair(first: int, second: int, sides: dict[int, Side], asked: set[frozenset[int]]) -> Couple:
    return Couple(f"{first}-{second}", (sides[first], sides[second]), frozenset((first, second)) in asked)


def _circle(one: Cycle, prompts: dict[int, Prompt], sides: dict[int, Side], asked: set[frozenset[int]]) -> Circle:
    return Circle(
        prompt=prompts[one.prompt_id],
        order=[sides[pk] for pk in one.samples],
        couples=[_pair(first, second, sides, asked) for first, second in one.doubted],
        cost=one.cost,
        votes=len(one.votes),
        is_smallest=one.is_smallest,
    )


def _odd(one: Doubt, prompts: dict[int, Prompt], sides: dict[int, Side], asked: set[frozenset[int]]) -> Odd:
    return Odd(prompts[one.prompt_id], _pair(one.preferred, one.other, sides, asked), f"{100 * one.wrong:.0f} %")
