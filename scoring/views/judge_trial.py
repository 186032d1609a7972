"""What a try of a judge found: each question with its samples, the verdict, and the whole reply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from curation.models import Job, Project, Sample
from curation.views.pictures import Picture, first_pictures
from scoring import words
from scoring.views import looks, verdict_words
from scoring.views.looks import Step
from scoring.views.verdict_words import Item, Said


@dataclass(frozen=True)
class Shown:
    """A sample as it was shown: its place in the question, and how it looks."""

    place: int
    sample: Sample | None
    picture: Picture | None

    @property
    def name(self) -> str:
        return f"{self.place} ({self.sample.generator})" if self.sample else str(self.place)


@dataclass(frozen=True)
class Answer:
    """One question of a try and what came of it."""

    shown: list[Shown]
    is_swapped: bool
    repeat: int
    said: list[Said]
    items: list[Item]
    reasoning: str
    fault: str
    reply: str
    seconds: str
    cost: float
    call: int | None
    steps: list[Step]


def shown(project: Project, trial: Job | None) -> dict[str, object]:
    """What a page needs to show a try; nothing where there is none. Five queries, more for answers with looks."""
    if trial is None:
        return {"trial_job": None}
    found = trial.result.get("trial") or []
    samples, pictures = seen({pk for one in found for pk in one.get("samples", ())})
    return {
        "trial_job": trial,
        "answers": [_answer(project, one, samples, pictures) for one in found],
        "took": words.duration(trial.result["seconds"]) if "seconds" in trial.result else "",
    }


def seen(sample_ids: set[int]) -> tuple[dict[int, Sample], dict[int, Picture]]:
    """Samples with who made them, and their first pictures. Four queries."""
    rows = Sample.objects.select_related("generator", "prompt").in_bulk(sample_ids)
    return rows, first_pictures(sorted(sample_ids))


def in_order(ids: Any, samples: Mapping[int, Sample], pictures: Mapping[int, Picture]) -> list[Shown]:
    return [Shown(place, samples.get(pk), pictures.get(pk)) for place, pk in enumerate(ids, start=1)]


def _answer(
    project: Project, one: Mapping[str, Any], samples: Mapping[int, Sample], pictures: Mapping[int, Picture]
) -> Answer:
    own = in_order(one.get("samples", ()), samples, pictures)
    verdict = one.get("verdict") or {}
    return Answer(
        shown=own,
        is_swapped=bool(one.get("swapped")),
        repeat=int(one.get("repeat", 0)) + 1,
        said=verdict_words.said(verdict, [each.name for each in own]),
        items=verdict_words.items(verdict),
        reasoning=verdict.get("reasoning", ""),
        fault=one.get("fault", ""),
        reply=one.get("reply", ""),
        seconds=words.duration(one["seconds"]) if "seconds" in one else "",
        cost=float(one.get("cost", 0)),
        call=one.get("call"),
        steps=looks.steps(project, one.get("trace") or ()),
    )
