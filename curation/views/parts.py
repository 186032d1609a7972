"""Numbers for parts of samples, drawn where they belong: one layer at a time, asked for by the page or by itself.

Never open to annotators: it tells what machines said.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from curation.access import Right
from curation.models import Project, Prompt, Sample, SampleMedia
from curation.models import group as group_reads
from curation.models import parts as part_reads
from curation.models.parts import Layer
from curation.views.doors import PageRequest, is_part, project_page
from curation.views.part_figures import Group, figures, scale_of
from curation.views.pictures import Picture, picture, unsafe_among, with_assets

# Figures of one page; a larger layer has the rest on the pages of its samples.
FIGURES = 60


@project_page(Right.VIEW)
@require_safe
def of_prompt(request: PageRequest, project: Project, prompt_id: int) -> HttpResponse:
    """Of all samples of a prompt."""
    prompt = get_object_or_404(Prompt.objects.visible_to(request.user).filter(project=project), pk=prompt_id)
    samples = group_reads.samples(prompt)[: group_reads.SAMPLES]
    return _answer(request, prompt, list(enumerate(samples, 1)), None)


@project_page(Right.VIEW)
@require_safe
def of_sample(request: PageRequest, project: Project, sample_id: int) -> HttpResponse:
    """Of one sample."""
    rows = Sample.objects.visible_to(request.user).filter(project=project).select_related("generator", "prompt")
    shown = get_object_or_404(rows, pk=sample_id)
    return _answer(request, shown.prompt, [(1, shown)], shown)


def _answer(
    request: PageRequest, prompt: Prompt, numbered: Sequence[tuple[int, Sample]], shown: Sample | None
) -> HttpResponse:
    ids = [sample.pk for _place, sample in numbered]
    layers = part_reads.layers(prompt.pk, ids)
    layer = next((one for one in layers if one.key == request.GET.get("layer")), layers[0] if layers else None)
    context = {"section": "prompts", "prompt": prompt, "sample": shown, "layers": layers, "layer": layer}
    if layer is not None:
        context |= _drawn(prompt, numbered, layer)
    template = "curation/parts/_parts.html" if is_part(request, "parts") else "curation/parts/page.html"
    return render(request, template, context)


def _drawn(prompt: Prompt, numbered: Sequence[tuple[int, Sample]], layer: Layer) -> dict[str, object]:
    samples = {sample.pk: sample for _place, sample in numbered}
    places = {sample.pk: place for place, sample in numbered}
    marks = part_reads.rows(prompt.pk, list(samples), layer)
    scale = scale_of(marks)
    found = figures(marks, scale, Group(prompt, samples, places, _pictures(list(samples))))
    return {
        "scale": scale,
        "figures": found[:FIGURES],
        "more_figures": max(len(found) - FIGURES, 0),
        "more_marks": max(layer.marks - len(marks), 0),
    }


def _pictures(sample_ids: Sequence[int]) -> dict[int, list[Picture]]:
    """The answer's own media of each sample, in order, as marks count them. Costs three queries."""
    media = SampleMedia.objects.filter(sample__in=sample_ids, role="").order_by("sample_id", "position")
    unsafe = unsafe_among(sample_ids)
    found: dict[int, list[Picture]] = {pk: [] for pk in sample_ids}
    for placement in with_assets(media):
        found[placement.sample_id].append(picture(placement, is_unsafe=placement.sample_id in unsafe))
    return found
