"""What a person is shown of an item: its prompt, its samples by place, and nothing that tells who made them.

Reads only. It lives with the actions because taking an answer in needs the same facts as showing the item.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.urls import reverse

from annotation import answers, questions
from annotation.models import Answer, Assignment, Review
from curation.models import Asset, Flag, Prompt, PromptMedia, Rendition, Sample, SampleMedia
from curation.models.assets import Placement


@dataclass(frozen=True)
class Medium:
    """One picture or video as shown: its address and its shape in pixels of what is sent."""

    address: str
    storage_name: str
    size: int
    kind: str
    mime: str
    width: int
    height: int
    duration_us: int | None = None
    fps: float | None = None
    frames: int | None = None
    # Pixels of the rendition over pixels shown: 1 unless the batch shows pictures in one size.
    scale: float = 1.0

    @property
    def shape(self) -> answers.MediaShape:
        return answers.MediaShape(self.width, self.height, self.duration_us)


@dataclass(frozen=True)
class Content:
    """Everything about some assignments that a page shows, read in a fixed number of queries."""

    samples: dict[int, Sample]
    media: dict[int, list[Medium]]
    inputs: dict[int, list[tuple[PromptMedia, Medium]]]
    unsafe: frozenset[int] = frozenset()
    answers: Mapping[int, Answer] = field(default_factory=dict)
    notes: Mapping[int, str] = field(default_factory=dict)


def content(assignments: Sequence[Assignment]) -> Content:
    """Everything. Costs seven queries, however many assignments."""
    read = things(assignments)
    unsafe = Flag.objects.living().filter(sample__in=read.samples, kind=Flag.Kind.UNSAFE)
    current = Answer.objects.current().filter(assignment__in=[one.pk for one in assignments])
    returned = Review.objects.filter(answer__in=current, outcome=Review.Outcome.RETURNED)
    return replace(
        read,
        unsafe=frozenset(unsafe.values_list("sample_id", flat=True)),
        answers={row.assignment_id: row for row in current},
        notes=dict(returned.values_list("answer__assignment_id", "note")),
    )


def things(assignments: Sequence[Assignment]) -> Content:
    """What is judged, without what was said of it: samples, their media and the prompts' media, in four queries."""
    sample_ids = {sample for one in assignments for sample in one.presentation["order"]}
    prompt_ids = {one.item.prompt_id for one in assignments}
    placed = list(SampleMedia.objects.filter(sample__in=sample_ids, role="").select_related("asset"))
    asked = list(PromptMedia.objects.filter(prompt__in=prompt_ids).select_related("asset"))
    renditions = _renditions([*placed, *asked])
    media: dict[int, list[Medium]] = defaultdict(list)
    for placement in placed:
        media[placement.sample_id] += _media(placement, renditions)
    inputs: dict[int, list[tuple[PromptMedia, Medium]]] = defaultdict(list)
    for given in asked:
        inputs[given.prompt_id] += [(given, medium) for medium in _media(given, renditions)]
    return Content(samples=Sample.objects.in_bulk(sample_ids), media=dict(media), inputs=dict(inputs))


def _renditions(placements: Iterable[Placement]) -> dict[int, Rendition]:
    rows = Rendition.objects.filter(asset__in={one.asset_id for one in placements if one.asset_id})
    return {row.asset_id: row for row in rows.order_by("recipe_version")}


def _media(placement: Placement, renditions: dict[int, Rendition]) -> list[Medium]:
    asset = placement.asset
    if asset is None or asset.kind == Asset.Kind.FILE or asset.pk not in renditions:
        return []
    rendition = renditions[asset.pk]
    return [
        Medium(
            str(placement.address),
            rendition.storage_name,
            rendition.size,
            asset.kind,
            rendition.mime,
            rendition.width,
            rendition.height,
            asset.duration_us,
            asset.fps,
            asset.frames,
        )
    ]


# -- for the browser --------------------------------------------------------------------------------------------------


def item_views(assignments: Sequence[Assignment]) -> list[dict[str, Any]]:
    """The items as the page of `annotate` reads them (see docs/annotate.md, "What the browser gets")."""
    read = content(assignments)
    return [_item_view(one, read) for one in assignments]


def _item_view(assignment: Assignment, read: Content) -> dict[str, Any]:
    order = assignment.presentation["order"]
    answer = read.answers.get(assignment.pk)
    return {
        "assignment": assignment.pk,
        "lease_until": assignment.lease_until.isoformat(),
        "lease_seconds": assignment.batch.lease_seconds,
        "prompt": _prompt_view(assignment.item.prompt, read),
        "samples": [
            {
                "place": place,
                "text": read.samples[sample].text,
                "is_unsafe": sample in read.unsafe,
                "media": [
                    _medium_view(medium, _address(assignment, place, index, medium))
                    for index, medium in enumerate(shown_media(assignment, read)[place])
                ],
            }
            for place, sample in enumerate(order)
        ],
        "draft": _draft_view(assignment),
        "answer": None if answer is None or answer.payload is None else {"id": answer.pk, **answer.payload},
        "note": read.notes.get(assignment.pk, ""),
    }


def shown_media(assignment: Assignment, read: Content) -> list[list[Medium]]:
    """The media by place, in the size they are sent."""
    media = [read.media.get(sample, []) for sample in assignment.presentation["order"]]
    if not assignment.batch.normalise_resolution:
        return media
    sides = [max(one.width, one.height) for row in media for one in row if one.kind == Asset.Kind.IMAGE]
    return [[_fitted(one, min(sides)) if one.kind == Asset.Kind.IMAGE else one for one in row] for row in media]


def _fitted(medium: Medium, side: int) -> Medium:
    """The picture with its long side at most this; nothing is ever enlarged."""
    scale = max(medium.width, medium.height) / side
    if scale <= 1:
        return medium
    size = max(1, round(medium.width / scale)), max(1, round(medium.height / scale))
    return replace(medium, width=size[0], height=size[1], scale=scale)


def _address(assignment: Assignment, place: int, index: int, medium: Medium) -> str:
    if assignment.batch.normalise_resolution and medium.kind == Asset.Kind.IMAGE:
        # One form of address for all, so that it does not tell which picture was made smaller.
        return reverse(
            "annotate_media", args=[assignment.batch.project.slug, assignment.batch_id, assignment.pk, place, index]
        )
    return reverse("media", args=[medium.address])


def _medium_view(medium: Medium, url: str) -> dict[str, Any]:
    is_video = medium.kind == Asset.Kind.VIDEO
    return {
        "url": url,
        "kind": medium.kind,
        "mime": medium.mime,
        "width": medium.width,
        "height": medium.height,
        "duration_us": medium.duration_us if is_video else None,
        "fps": medium.fps if is_video else None,
        "frames": medium.frames if is_video else None,
        "poster": reverse("media_poster", args=[medium.address]) if is_video else None,
    }


def _prompt_view(prompt: Prompt, read: Content) -> dict[str, Any]:
    return {
        "text": prompt.text,
        "turns": prompt.turns,
        "locale": prompt.locale,
        "media": [
            {
                **_medium_view(medium, reverse("media", args=[medium.address])),
                "role": placement.role,
                "position": placement.position,
            }
            for placement, medium in read.inputs.get(prompt.pk, [])
        ],
    }


def _draft_view(assignment: Assignment) -> dict[str, Any] | None:
    """The machine's proposal by places as shown; None where there is none or it is withheld on purpose."""
    draft = assignment.item.draft
    if draft is None or not assignment.presentation["draft"]:
        return None
    asked = questions.parse(assignment.batch.questions)
    return answers.reorder(draft, asked, to_shown(assignment))


def to_shown(assignment: Assignment) -> list[int]:
    """For each place in `Item.sample_ids`, the place it is shown at."""
    order = assignment.presentation["order"]
    return [order.index(sample) for sample in assignment.item.sample_ids]


def to_stored(assignment: Assignment) -> list[int]:
    """For each place as shown, its place in `Item.sample_ids`."""
    return [assignment.item.sample_ids.index(sample) for sample in assignment.presentation["order"]]


# -- for taking answers in --------------------------------------------------------------------------------------------


def facts(assignment: Assignment) -> answers.Shown:
    """What an answer to this item may refer to."""
    return facts_of(assignment, things([assignment]))


def facts_of(assignment: Assignment, read: Content) -> answers.Shown:
    order = assignment.presentation["order"]
    inputs: dict[str, list[answers.MediaShape]] = defaultdict(list)
    for placement, medium in read.inputs.get(assignment.item.prompt_id, []):
        inputs[placement.role].append(medium.shape)
    return answers.Shown(
        media=[[medium.shape for medium in row] for row in shown_media(assignment, read)],
        texts=[read.samples[sample].text for sample in order],
        prompt=assignment.item.prompt.text,
        inputs=inputs,
    )


def in_rendition(assignment: Assignment, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer with its marks in pixels of the rendition, where the batch showed pictures smaller than they are."""
    if not assignment.batch.normalise_resolution:
        return answer
    media = shown_media(assignment, things([assignment]))
    moved = {key: _enlarged(said, media) if "marks" in said else said for key, said in answer["questions"].items()}
    return {**answer, "questions": moved}


def _enlarged(said: dict[str, Any], media: list[list[Medium]]) -> dict[str, Any]:
    marks = []
    for mark in said["marks"]:
        if mark["target"] == "media" and "points" in mark:
            scale = media[mark["place"]][mark["media"]].scale
            mark = {**mark, "points": [[x * scale, y * scale] for x, y in mark["points"]]}
        marks.append(mark)
    return {**said, "marks": marks}
