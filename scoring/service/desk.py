"""What the service asks of whoever keeps the rows: tokens, samples, rewards and prompts. Plain code."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from curation.rewards.model import RewardRule
from curation.rewards.scale import Scale
from scoring.scorers.base import Item, Json
from scoring.service.wire import PlanSent


@dataclass(frozen=True)
class Holder:
    """Whose token a call carries: its name for the log, and the one project it is for."""

    token_id: int
    token_name: str
    project_id: int
    project: str


@dataclass(frozen=True)
class Stored:
    """Samples and prompts of the project as items, by id; what is not in it is absent.

    Attributes:
        samples: with their own prompts.
        kinds: of the samples' generators.
        prompts: what each of them brings to a sample.
    """

    samples: Mapping[int, Item]
    kinds: Mapping[int, str]
    prompts: Mapping[int, Item]


@dataclass(frozen=True)
class Plan:
    """A reward as it is served: its rule, what its members are measured in, and where it is written."""

    rule: RewardRule
    scales: Mapping[str, Scale]
    source: str


@dataclass(frozen=True)
class Shown:
    """A file on this machine as it is shown: upright, sRGB, 8 bit."""

    path: Path
    mime: str


class Desk(Protocol):
    """Every method may be called from any thread."""

    def holder(self, token: str) -> Holder | None:
        """Who holds a token; None for one that is unknown or revoked."""

    def stored(self, holder: Holder, *, samples: Sequence[int], prompts: Sequence[int]) -> Stored: ...

    def siblings(
        self, holder: Holder, *, prompts: Collection[int], without: Collection[int], most: int
    ) -> Sequence[Item]:
        """The present samples of these prompts but for those named, each under its own prompt.

        Raises:
            CallRefused: 413 where there are more than `most`.
        """

    def plan(self, holder: Holder, sent: PlanSent) -> Plan:
        """
        Raises:
            CallRefused: 404 where the project has no such reward; 409 or 422 where it cannot be computed live.
        """

    def prompts(self, holder: Holder, query: Mapping[str, str]) -> Mapping[str, Json]:
        """A page of the pool of prompts.

        Raises:
            CallRefused: the query is not understood, or the pool changed since the first page.
        """

    def media(self, holder: Holder, sha256: str) -> Shown | None:
        """A medium of one of the prompts that may leave; None where there is none with this digest."""
