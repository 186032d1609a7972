"""Items as thumbnails, for those who make batches: the samples side by side, without who made them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from annotation.forms.questions import letter
from annotation.models import Item
from curation.models import Prompt, Sample
from curation.views.pictures import Picture, first_pictures


@dataclass(frozen=True)
class Shown:
    """One sample of an item: its letter, its picture or its words."""

    letter: str
    sample_id: int
    picture: Picture | None
    text: str


@dataclass(frozen=True)
class Preview:
    item: Item
    prompt: Prompt
    samples: list[Shown]


def previews(items: Iterable[Item]) -> list[Preview]:
    """Costs five queries, however many items."""
    rows = list(items)
    ids = sorted({pk for item in rows for pk in item.sample_ids})
    prompts = Prompt.objects.in_bulk({item.prompt_id for item in rows})
    texts = dict(Sample.objects.filter(pk__in=ids).values_list("pk", "text"))
    pictures = first_pictures(ids)
    return [
        Preview(
            item,
            prompts[item.prompt_id],
            [
                Shown(letter(place), pk, pictures.get(pk), texts.get(pk) or "")
                for place, pk in enumerate(item.sample_ids)
            ],
        )
        for item in rows
    ]
