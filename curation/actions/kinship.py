"""Which generators of a project a machine is no independent judge of: those of its family, and the model it asks."""

from __future__ import annotations

from collections.abc import Iterable

from curation.models import Generator, Project
from curation.rewards.agreement import independence, is_own_model


def relatives(project: Project, *, family: str, model_names: Iterable[str] = ()) -> list[Generator]:
    """In the order of their names. One query, and none for a machine of which nothing is known."""
    names = [name for name in model_names if name]
    if not family.strip() and not names:
        return []
    return [one for one in Generator.objects.filter(project=project) if is_kin(one, family=family, model_names=names)]


def is_kin(generator: Generator, *, family: str, model_names: Iterable[str]) -> bool:
    """Whether a machine of this family that asks these models judges its own kind in this generator's samples."""
    is_of_family = independence(family, generator.family) == "same family"
    return is_of_family or is_own_model(model_names, generator.name, generator.revision)
