"""The funnel of a recipe as a page shows it: steps with their share, reasons in words, dropped things with pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from curation.models import Prompt, Sample
from curation.recipe_words import reason_name, step_name, unit_name
from curation.views.pictures import Picture, first_pictures


@dataclass(frozen=True)
class Side:
    """A sample as one side of an example."""

    sample: Sample
    picture: Picture | None

    @property
    def caption(self) -> str:
        return str(self.sample.generator)


@dataclass(frozen=True)
class Example:
    """Something a step dropped, or a pair that was kept. `sides` holds one or two samples, or none for a prompt."""

    prompt: Prompt | None
    sides: list[Side]
    row: dict[str, Any]

    @property
    def is_decided(self) -> bool:
        """Whether the first side is the chosen one; before a verdict the two are merely two."""
        return "chosen_id" in self.row


@dataclass(frozen=True)
class Reason:
    words: str
    count: int
    examples: list[Example] = field(default_factory=list)


@dataclass(frozen=True)
class Line:
    """A step: what entered and what was kept, in `unit`; `share` is kept over entered, in per cent."""

    name: str
    unit: str
    entered: int
    kept: int
    reasons: list[Reason]

    @property
    def share(self) -> float:
        return 100 * self.kept / self.entered if self.entered else 0.0

    @property
    def has_examples(self) -> bool:
        return any(reason.examples for reason in self.reasons)


def lines(funnel: Sequence[dict[str, Any]]) -> list[Line]:
    """The steps of a stored or fresh funnel. Costs four queries, whatever its length."""
    shown = examples([row for step in funnel for row in step.get("examples", [])])
    by_row = {id(row): example for row, example in shown}
    return [_line(step, by_row) for step in funnel]


def _line(step: dict[str, Any], by_row: dict[int, Example]) -> Line:
    reasons = []
    for code, count in step["reasons"].items():
        of_reason = [row for row in step.get("examples", []) if row["reason"] == code]
        found = [by_row[id(row)] for row in of_reason if id(row) in by_row]
        reasons.append(Reason(reason_name(code), count, found))
    return Line(step_name(step["step"]), unit_name(step["unit"]), step["entered"], step["kept"], reasons)


def examples(rows: Iterable[dict[str, Any]]) -> list[tuple[dict[str, Any], Example]]:
    """Rows of ids with their prompt, samples and pictures; rows that name neither, or what is gone, are left out."""
    rows = list(rows)
    sample_ids = sorted({pk for row in rows for pk in _sample_ids(row)})
    samples = {s.pk: s for s in Sample.objects.filter(pk__in=sample_ids).select_related("generator")}
    prompts = Prompt.objects.in_bulk({row["prompt_id"] for row in rows if row.get("prompt_id")})
    pictures = first_pictures(sample_ids) if sample_ids else {}
    found = []
    for row in rows:
        sides = [Side(samples[pk], pictures.get(pk)) for pk in _sample_ids(row) if pk in samples]
        prompt = prompts.get(row.get("prompt_id"))
        if prompt is not None and len(sides) == len(_sample_ids(row)):
            found.append((row, Example(prompt, sides, row)))
    return found


def _sample_ids(row: dict[str, Any]) -> list[int]:
    for names in (("chosen_id", "rejected_id"), ("a", "b"), ("sample_id",)):
        if names[0] in row:
            return [row[name] for name in names]
    return []
