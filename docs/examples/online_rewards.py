"""Pairwright's scores as reward functions of trainers that draw their own samples.

`text_reward` is what TRL's GRPOTrainer calls: prompts and completions in, a float for each completion out, None where
there is no number. `image_reward` is what DDPO- and ReFL-like loops call: pictures and their prompts in, floats out.

    pool = Dataset.from_list([as_row(prompt) for prompt in client.prompts(tag="arithmetic")])
    trainer = GRPOTrainer(model, reward_funcs=text_reward(client, "exact_match"), train_dataset=pool, args=...)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pairwright_client import Client

Rewards = list[float | None]


def as_row(prompt: dict[str, Any]) -> dict[str, Any]:
    """A prompt of the pool as a row of the training set; columns beside `prompt` come back to the reward function."""
    return {"prompt": prompt["text"], "pairwright_id": prompt["id"]}


def text_reward(client: Client, scorer: str, criterion: str | None = None) -> Callable[..., Rewards]:
    """A reward function of TRL for one scorer.

    Args:
        scorer: a name the service holds.
        criterion: which of its numbers; the first, if it has several and none is named.
    """

    def reward(prompts: Sequence[Any], completions: Sequence[Any], **columns: Any) -> Rewards:
        samples = _samples(prompts, completions, columns)
        return [_value(one, criterion) for one in client.score(samples, scorers=[scorer])]

    reward.__name__ = f"pairwright_{scorer}"
    return reward


def recipe_reward(client: Client, plan: Any) -> Callable[..., Rewards]:
    """A reward function of TRL for the reward of a recipe, or one the service was started with."""

    def reward(prompts: Sequence[Any], completions: Sequence[Any], **columns: Any) -> Rewards:
        return client.reward(_samples(prompts, completions, columns), plan)

    return reward


def _samples(prompts: Sequence[Any], completions: Sequence[Any], columns: dict[str, Any]) -> list[dict[str, Any]]:
    """Each completion under the prompt of the pool it answers, or under the words it was asked in."""
    ids = columns.get("pairwright_id") or [None] * len(prompts)
    return [
        {"text": _words(completion), "prompt": {"id": known} if known else {"text": _words(prompt)}}
        for prompt, completion, known in zip(prompts, completions, ids, strict=True)
    ]


def image_reward(client: Client, scorer: str, criterion: str | None = None) -> Callable[..., Rewards]:
    """A reward function over pictures of Pillow and the prompts they were made for."""

    def reward(images: Sequence[Any], prompts: Sequence[str], **_rest: Any) -> Rewards:
        samples = [{"media": [image], "prompt": prompt} for image, prompt in zip(images, prompts, strict=True)]
        return [_value(one, criterion) for one in client.score(samples, scorers=[scorer])]

    return reward


def _words(said: Any) -> str:
    """A text, or the last turn of a conversation."""
    return said if isinstance(said, str) else said[-1]["content"]


def _value(result: dict[str, Any], criterion: str | None) -> float | None:
    values = [score["value"] for score in result["scores"] if criterion in (None, score["criterion"])]
    return values[0] if values else None
