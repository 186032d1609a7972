"""The rows behind the service, asked from a few threads of their own, so that calls hold no connections."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from curation.models import Project, Prompt, Sample
from scoring.actions import items
from scoring.actions.serving import prompts, rewards, tokens
from scoring.actions.serving.keeping import fresh_connections
from scoring.scorers.base import Item, Json, ScorerFacts
from scoring.service.desk import Holder, Plan, Shown, Stored
from scoring.service.refusals import CallRefused
from scoring.service.wire import PlanSent

T = TypeVar("T")

# Connections to the database, whatever the number of calls.
THREADS = 4


class Rows:
    """The desk of the service over the database.

    Args:
        given: rewards the service was started with, by name.
        facts: of the scorers that are held for a project, by its id.
        threads: that ask the database; 0 asks in the caller's.
    """

    def __init__(
        self,
        given: Mapping[str, rewards.Given],
        facts: Callable[[int], Mapping[str, ScorerFacts]],
        *,
        threads: int = THREADS,
    ) -> None:
        self._given = given
        self._pools = prompts.Pools()
        self._facts = facts
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="rows") if threads else None

    def holder(self, token: str) -> Holder | None:
        return self._ask(lambda: _holder(token))

    def stored(self, holder: Holder, *, samples: Sequence[int], prompts: Sequence[int]) -> Stored:
        return self._ask(lambda: stored(holder.project_id, samples, prompts))

    def siblings(
        self, holder: Holder, *, prompts: Collection[int], without: Collection[int], most: int
    ) -> Sequence[Item]:
        return self._ask(lambda: siblings(holder.project_id, prompts, without, most))

    def plan(self, holder: Holder, sent: PlanSent) -> Plan:
        facts = self._facts(holder.project_id)
        return self._ask(lambda: rewards.plan(project=_project(holder), sent=sent, given=self._given, facts=facts))

    def prompts(self, holder: Holder, query: Mapping[str, str]) -> Mapping[str, Json]:
        asked = prompts.wanted(query)
        return self._ask(lambda: self._pools.page(project=_project(holder), asked=asked))

    def media(self, holder: Holder, sha256: str) -> Shown | None:
        return self._ask(lambda: self._pools.media(project=_project(holder), sha256=sha256))

    def _ask(self, question: Callable[[], T]) -> T:
        if self._threads is None:
            return question()
        return self._threads.submit(_asked, question).result()


def _asked(question: Callable[[], T]) -> T:
    with fresh_connections():
        return question()


def _holder(text: str) -> Holder | None:
    token = tokens.living(text)
    if token is None:
        return None
    return Holder(token.pk, token.name, token.project_id, token.project.slug)


def _project(holder: Holder) -> Project:
    return Project.objects.get(pk=holder.project_id)


def stored(project_id: int, samples: Sequence[int], prompts: Sequence[int]) -> Stored:
    """Samples and prompts of one project by id; ids of another project are as unknown as those of none."""
    own = Sample.objects.filter(project=project_id, pk__in=samples).present()
    kinds = dict(own.values_list("pk", "generator__kind"))
    found = {item.sample_id: item for item in items.items(sorted(kinds))}
    known = Prompt.objects.filter(project=project_id, pk__in=prompts).values_list("pk", flat=True)
    return Stored(found, kinds, items.asked(list(known)) if prompts else {})


def siblings(project_id: int, prompts: Collection[int], without: Collection[int], most: int) -> Sequence[Item]:
    """The rest of these groups; counted before any file is fetched."""
    others = Sample.objects.filter(project=project_id, prompt__in=prompts).present().exclude(pk__in=without)
    ids = list(others.order_by("prompt_id", "pk").values_list("pk", flat=True)[: most + 1])
    if len(ids) > most:
        words = f"The rest of their groups is more than the {most} samples that may be in hand with these."
        raise CallRefused(413, f"{words} Name fewer prompts a call, or start the service with a larger --queue.")
    return list(items.items(ids))
