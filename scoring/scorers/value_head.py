"""Chat models with a value head: one linear layer on the state of a conversation's last token.

What a reward model of this kind needs is a chat model of transformers, the place where it is read (the last token that
is no padding), and the layer. The body runs in the precision that was asked for, the layer in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from scoring import weights
from scoring.scorers.base import Item, NothingToJudge, ScorerUnavailable
from scoring.scorers.chat_model import PATTERNS, ChatModel, Message, processor_of
from scoring.scorers.device import bytes_of, device, dtype_of
from scoring.scorers.fitted import digest_of_files, misfit

# Where a prompt's own pictures may stand, in the order in which they are shown.
ROLES = ("source", "mask", "reference", "control")
# Patches of this side cost about one token in the models of the day; only neighbours in a batch depend on it.
PATCH = 28


@dataclass(frozen=True)
class Chat:
    """A conversation to be judged, and about how many tokens it has."""

    messages: tuple[Message, ...]
    tokens: int

    @property
    def has_pictures(self) -> bool:
        return any(part["type"] == "image" for message in self.messages for part in message["content"])


class Backbone:
    """A chat model from a folder or a pinned commit; loaded when it is first asked for."""

    def __init__(self, source: str, *, precision: str) -> None:
        self._source = source
        self._precision = precision

    @cached_property
    def folder(self) -> Path:
        return weights.folder_of(self._source, PATTERNS)

    @cached_property
    def processor(self) -> Any:
        return processor_of(self.folder)

    @cached_property
    def model(self) -> ChatModel:
        return ChatModel(self.folder, self.processor, device=device(), dtype=dtype_of(self._precision))

    @cached_property
    def digest(self) -> str:
        return digest_of_files(sorted({file for pattern in PATTERNS for file in self.folder.glob(pattern)}))

    @property
    def bytes_held(self) -> int:
        return bytes_of(self.model.model) if "model" in vars(self) else 0

    @property
    def width(self) -> int:
        """Numbers in a state."""
        return int(self.model.model.config.get_text_config().hidden_size)

    def chat(self, messages: Sequence[Message]) -> Chat:
        """A conversation with its length.

        Raises:
            ValueError: its words alone are more than the model reads.
        """
        words = " ".join(part.get("text", "") for message in messages for part in message["content"])
        tokens = len(self.model.tokens(words))
        if tokens > self.model.longest:
            raise ValueError(
                f"the conversation has {tokens} tokens, more than the {self.model.longest} the model reads"
            )
        pictures = [part["image"] for message in messages for part in message["content"] if "image" in part]
        return Chat(tuple(messages), tokens + sum(picture.width * picture.height // PATCH**2 for picture in pictures))

    def states(self, chats: Sequence[Chat], template: str | None = None) -> torch.Tensor:
        """The state of each conversation's last token: (n, d), float32; those with and without pictures apart."""
        found = torch.empty(len(chats), self.width, device=device())
        for have in (True, False):
            places = [place for place, chat in enumerate(chats) if chat.has_pictures == have]
            if places:
                found[places] = self.model.last_states([chats[place].messages for place in places], template)
        return found


@dataclass(frozen=True)
class LinearHead:
    """weight (k, d) and bias (k,), float32."""

    weight: torch.Tensor
    bias: torch.Tensor | None

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """(n, d) become (n, k)."""
        there = (None if part is None else part.to(states.device) for part in (self.weight, self.bias))
        weight, bias = there
        assert weight is not None
        return torch.nn.functional.linear(states, weight, bias)


def linear_head(
    tensors: Mapping[str, torch.Tensor], *, weight: str, bias: str = "", shape: tuple[int, int], origin: Path
) -> LinearHead:
    """The head out of a file's tensors.

    Args:
        weight, bias: the tensors' names; no bias where its name is empty.
        shape: (k, d) that the weight must have.

    Raises:
        ScorerUnavailable: a tensor is missing or has another shape.
    """
    names = [name for name in (weight, bias) if name]
    missing = [name for name in names if name not in tensors]
    if missing:
        raise misfit(origin, f"{missing[0]} is missing")
    found = LinearHead(tensors[weight].float(), tensors[bias].float() if bias else None)
    if found.weight.shape != shape or (found.bias is not None and found.bias.shape != shape[:1]):
        raise misfit(origin, f"{weight} has the shape {tuple(found.weight.shape)}, not {shape}")
    return found


# -- conversations ----------------------------------------------------------------------------------------------------


def message(role: str, text: str, pictures: Sequence[Image.Image] = ()) -> Message:
    """One turn: its pictures, then its words."""
    shown = [{"type": "image", "image": picture} for picture in pictures]
    return {"role": role, "content": [*shown, {"type": "text", "text": text}]}


def asked(item: Item, pictures: Sequence[Image.Image]) -> list[Message]:
    """What was asked, as turns; the pictures stand in the first turn of the person who asks.

    Raises:
        NothingToJudge: nobody asks anything.
        ValueError: the conversation has a turn of an unknown role, or does not end with a question.
    """
    if item.turns is None:
        if not item.prompt_text.strip() and not pictures:
            raise NothingToJudge("the prompt has neither text nor a picture")
        return [message("user", item.prompt_text, pictures)]
    turns = [(str(turn.get("role", "")), str(turn.get("content", ""))) for turn in item.turns]
    strange = [role for role, _text in turns if role not in ("system", "user", "assistant")]
    if strange or not turns or turns[-1][0] != "user":
        raise ValueError(
            f"a turn of the conversation has the unknown role “{strange[0]}”"
            if strange
            else "the conversation does not end with a turn of the user"
        )
    first = next(place for place, (role, _text) in enumerate(turns) if role == "user")
    return [message(role, text, pictures if place == first else ()) for place, (role, text) in enumerate(turns)]


def pictures_of_prompt(item: Item, of_role: Callable[[str], list[Image.Image]]) -> list[Image.Image]:
    """The prompt's own pictures, role by role.

    Raises:
        NothingToJudge: the prompt has a video, of which such a model sees nothing.
    """
    if any(file.kind == "video" for role in ROLES for file in item.roles.get(role, ())):
        raise NothingToJudge("the prompt has a video, which this scorer cannot see")
    return [picture for role in ROLES if item.roles.get(role) for picture in of_role(role)]


def whole(stated: str, *, setting: str) -> int:
    """A number of pixels from a setting."""
    if not stated.isdecimal():
        raise ScorerUnavailable(f"The setting “{setting}” is a number of pixels, or 0 for no limit; not “{stated}”.")
    return int(stated)
