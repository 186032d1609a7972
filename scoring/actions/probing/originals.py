"""The samples that probes are made of: some of the project's own, chosen by a seed, or the drawings everybody has."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from django.utils.translation import gettext as _

from curation.errors import Refused
from curation.models import Project
from scoring.actions import choosing
from scoring.actions.items import items, items_as_named
from scoring.models import ProbeRun
from scoring.probes import drawings
from scoring.probes.kinds import IMAGE, TEXT, VIDEO
from scoring.scorers.base import Item, Needs

# Prompts in a suite, samples of each, and from how many prompts on a project's own samples are taken.
PROMPTS = 8
SAMPLES_EACH = 3
FEWEST_PROMPTS = 4
# Samples that are read to choose among, the newest ones.
SAMPLES_READ = 20_000


class Needy(Protocol):
    """A scorer's or a judge's card, as far as the choice goes."""

    @property
    def needs(self) -> Needs: ...


def choose(project: Project | None, card: Needy, seed: int, *, fewest_samples: int = 1) -> dict[str, Any]:
    """Which originals a run takes, as its row keeps it. Two queries.

    Prompts of two samples and more come first, for only they have an order; prompts of one wording count once, for a
    sample must not meet its own prompt as a wrong one.

    Args:
        fewest_samples: prompts of fewer are left out.
    """
    groups = _of_project(project, card.needs, seed, fewest_samples) if project is not None else []
    if len(groups) >= FEWEST_PROMPTS:
        return {"source": "project", "groups": groups}
    return {"source": "drawn", "kind": _drawn_kind(card.needs)}


def _of_project(project: Project, needs: Needs, seed: int, fewest_samples: int) -> list[list[int]]:
    rows = (
        choosing.fitting(choosing.chosen(project, {}), needs)
        .order_by("-pk")
        .values_list("pk", "prompt_id", "prompt__text")[:SAMPLES_READ]
    )
    by_prompt: dict[int, list[int]] = defaultdict(list)
    wording: dict[str, int] = {}
    for pk, prompt_id, text in rows:
        if wording.setdefault(text, prompt_id) == prompt_id:
            by_prompt[prompt_id].append(pk)
    drawn = random.Random(seed)  # noqa: S311 (a choice of samples, no secret)
    prompts = sorted(prompt for prompt, own in by_prompt.items() if len(own) >= fewest_samples)
    drawn.shuffle(prompts)
    prompts.sort(key=lambda prompt: len(by_prompt[prompt]) < 2)
    return [_some(drawn, sorted(by_prompt[prompt])) for prompt in sorted(prompts[:PROMPTS])]


def _some(drawn: random.Random, samples: list[int]) -> list[int]:
    return sorted(drawn.sample(samples, min(SAMPLES_EACH, len(samples))))


def _drawn_kind(needs: Needs) -> str:
    if needs.answer_text:
        return TEXT
    return VIDEO if needs.media == frozenset({VIDEO}) else IMAGE


def outline(chosen: Mapping[str, Any]) -> list[list[Item]]:
    """Chosen originals without their files, to count what would be asked. Seven queries, none for drawings."""
    if chosen["source"] == "drawn":
        return drawings.outline(chosen["kind"])
    found = {item.sample_id: item for item in items_as_named([pk for group in chosen["groups"] for pk in group])}
    return [[found[pk] for pk in group] for group in chosen["groups"]]


def load(run: ProbeRun, folder: Path) -> list[list[Item]]:
    """The originals of a run, prompt by prompt; drawings are written into the folder.

    Raises:
        Refused: a sample of the run is gone by now, so that the inputs would be others.
        Unavailable: this machine cannot read the storage.
    """
    if run.is_drawn:
        return drawings.groups(run.originals["kind"], folder)
    wanted = run.originals["groups"]
    found = {item.sample_id: item for item in items([pk for group in wanted for pk in group])}
    missing = [pk for group in wanted for pk in group if pk not in found]
    if missing:
        raise Refused(
            _("Sample %(number)d, which these probes are made of, is gone. Start the probes again.")
            % {"number": missing[0]}
        )
    return [[found[pk] for pk in group] for group in wanted]
