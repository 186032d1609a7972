"""A small project with batches in it, as the tests of this room need it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from annotation.actions import batches
from annotation.actions.choosing import Filter, Plan
from annotation.models import Batch
from curation.models import CriterionVersion, Project, Prompt, Sample, User
from tests import factories


@dataclass
class World:
    project: Project
    admin: User
    overall: CriterionVersion
    prompts: list[Prompt] = field(default_factory=list)
    samples: list[list[Sample]] = field(default_factory=list)


def world(prompts: int = 3, samples: int = 4, slug: str = "boats") -> World:
    """Prompts with samples of as many generators; every sample has content of its own."""
    project = factories.project(slug, name=slug.capitalize())
    made = World(project, factories.member(project, "admin"), factories.overall(project))
    for number in range(prompts):
        prompt = factories.prompt(
            project, f"{slug} number {number}", key=f"{slug}-p{number}", tags=[f"tag{number % 2}"]
        )
        made.prompts.append(prompt)
        made.samples.append([sample(prompt, place) for place in range(samples)])
    return made


def sample(prompt: Prompt, place: int, **fields: Any) -> Sample:
    fields.setdefault("key", f"{prompt.key}-s{place}")
    row = factories.sample(prompt, f"painter-{place}", **fields)
    factories.place(row)
    return row


def compare(of: World, **fields: Any) -> dict[str, Any]:
    question = {
        "key": "overall",
        "kind": "compare",
        "text": "Which would you rather get?",
        "name": "Overall",
        "criterion": of.overall.pk,
    }
    return question | fields


def batch(
    of: World, *, questions: Sequence[dict[str, Any]] | None = None, is_open: bool = False, seed: int = 7, **plan: Any
) -> Batch:
    """A drawn batch, one comparison a prompt where nothing else is said."""
    settings = plan.pop("settings", {})
    kind = plan.pop("kind", Batch.Kind.LABEL)
    plan = {"filter": Filter(**plan.pop("narrowed", {})), **plan}
    made, _chosen = batches.create(
        project=of.project,
        name="first look",
        kind=kind,
        questions=questions or [compare(of)],
        plan=Plan(**plan),
        seed=seed,
        settings=settings,
        by=of.admin,
    )
    return batches.open_batch(batch=made, by=of.admin) if is_open else made
