"""LLaVA-Reward: how well a picture shows its caption, how good or how safe it is, by the adapter that is named.

Two scorers on one kind of weights. Where the head gives one number, that is the reward of a picture. Where it gives two
(general preference), they only mean something beside those of another picture: c₀ r₁ − c₁ r₀ over the temperature is
the log-odds that c beats r, which need not add up along a chain. The second scorer therefore looks at all samples of a
prompt and says how probable it is that a sample beats another one of them (Zhou et al. 2025, LLaVA-Reward).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from scoring.scorers.base import (
    Decoded,
    Item,
    Json,
    NotApplicable,
    Outcome,
    Reading,
    Result,
    Scorer,
    ScorerFacts,
    ScorerUnavailable,
)
from scoring.scorers.device import memory_watched
from scoring.scorers.llava_reward_bodies import Asked
from scoring.scorers.llava_reward_model import LlavaReward
from scoring.scorers.several import FRAMES_IN_WORDS, mean_reading, shown
from scoring.scorers.unpinned import named
from scoring.scorers.value_head import whole
from scoring.scorers.yes_token import smaller

Chats = tuple[Asked, ...]


class LlavaRewardScorer(Scorer[Chats]):
    """What both have in common: one conversation for each picture and frame."""

    def __init__(
        self, facts: ScorerFacts, *, source: str, adapter: str, base: str, longest_side: str, precision: str
    ) -> None:
        super().__init__(facts)
        self._source = source
        self._adapter = adapter
        self._base = base
        self._side = whole(longest_side, setting="longest_side")
        self._precision = precision

    @property
    def _model(self) -> LlavaReward:
        if "_found" not in vars(self):
            where = "smz8599/LLaVA-Reward on the Hub, a folder for each dimension and backbone"
            source = named(self._source, setting="source", whose="LLaVA-Reward", where=where)
            where = "the chat model that the adapter's folder is named after, such as Qwen/Qwen2.5-VL-7B-Instruct"
            base = named(self._base, setting="base", whose="the chat model of LLaVA-Reward", where=where)
            self._found = LlavaReward(source, self._adapter, base, precision=self._precision)
        return self._found

    def load(self) -> None:
        self._model.load()

    def bytes_held(self) -> int:
        return self._model.bytes_held

    def identity_parts(self) -> dict[str, Json]:
        side = f"longer side at most {self._side}, " if self._side else ""
        return {
            "weights": self._model.digest,
            "adapter": self._adapter,
            "preprocessing": f"on white, {side}the model's own on Pillow",
            "scale": self.scale,
            "template": "the model's own, the caption alone",
            "decoding": FRAMES_IN_WORDS,
            "precision": self._precision,
        }

    scale = ""

    def length(self, prepared: Chats) -> int:
        return max((chat.tokens for chat in prepared), default=0)

    def prepare(self, item: Item, decoded: Decoded) -> Chats:
        caption = item.prompt_text
        return tuple(self._model.asked(smaller(picture, self._side), caption) for picture in shown(decoded))

    def _rewards(self, prepared: Sequence[Chats]) -> list[torch.Tensor]:
        """For each item (its pictures, k), float32."""
        with memory_watched():
            found = self._model.rewards([chat for chats in prepared for chat in chats]).cpu()
        return list(found.split([len(chats) for chats in prepared]))


class LlavaRewardOne(LlavaRewardScorer):
    """Runs on a GPU where there is one, on the CPU otherwise."""

    scale = "value head, not divided by the temperature"

    def load(self) -> None:
        if self._model.stated.is_general:
            raise ScorerUnavailable(
                f"The adapter “{self._adapter}” compares pictures (general preference) and has no number for one "
                "alone. The scorer “llava_reward_pairs” reads it."
            )
        super().load()

    def score(self, items: Sequence[Item], prepared: Sequence[Chats]) -> list[Outcome]:
        rewards = self._rewards(prepared)
        return [mean_reading("llava_reward", values.squeeze(-1).tolist(), {}) for values in rewards]


class LlavaRewardPairs(LlavaRewardScorer):
    """All samples of a prompt at once; a sample of several pictures or frames stands for their mean."""

    scale = "mean probability of beating each other sample of the prompt"

    def score(self, items: Sequence[Item], prepared: Sequence[Chats]) -> list[Outcome]:
        if len(items) < 2:
            return [NotApplicable("the prompt has no other sample to compare with")] * len(items)
        rewards = np.stack([values.mean(dim=0).numpy() for values in self._rewards(prepared)]).astype(float)
        beats = probabilities(rewards, self._model.stated.temperature)
        np.fill_diagonal(beats, np.nan)
        return [
            Reading(
                {"llava_reward_pairs": Result(float(np.nanmean(row)))},
                {"head": rewards[place].tolist(), "beats": _others(row, items), "group": len(items)},
            )
            for place, row in enumerate(beats)
        ]


def probabilities(rewards: np.ndarray, temperature: float) -> np.ndarray:
    """How probable it is that each picture beats each other one.

    Args:
        rewards: (n, 1) of a Bradley-Terry head, or (n, 2) of a general-preference head.
        temperature: by which a difference is divided; over 0.

    Returns:
        (n, n), 0 to 1; the row's picture beats the column's. Rows and columns of a pair add up to 1.

    >>> probabilities(np.array([[0.2], [0.1]]), 0.1).round(3).tolist()
    [[0.5, 0.731], [0.269, 0.5]]
    >>> probabilities(np.array([[0.0, 1.0], [-0.2, 0.0]]), 0.1).round(3).tolist()
    [[0.5, 0.881], [0.119, 0.5]]
    """
    if rewards.shape[1] == 1:
        odds = rewards - rewards.T
    else:
        odds = np.outer(rewards[:, 0], rewards[:, 1]) - np.outer(rewards[:, 1], rewards[:, 0])
    return np.asarray(0.5 * (1 + np.tanh(odds / temperature / 2)))


def _others(row: np.ndarray, items: Sequence[Item]) -> dict[str, Json]:
    """By sample, how probable it is that this one beats it."""
    return {
        str(item.sample_id): round(float(value), 6)
        for item, value in zip(items, row, strict=True)
        if not np.isnan(value)
    }
