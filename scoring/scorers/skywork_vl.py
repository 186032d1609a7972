"""Skywork-VL Reward: how good an answer about pictures or words is.

Qwen2.5-VL reads question and answer as one conversation; a linear layer on the state of its last token gives one number
without bounds (Wang et al. 2025, Skywork-VL Reward). The layer lies beside the model in `value_head.safetensors`, as
TRL's value heads were saved; its dropout does nothing once it is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from scoring import weights
from scoring.scorers.base import Decoded, Item, Json, Outcome, Reading, Result, Scorer, ScorerFacts
from scoring.scorers.device import memory_watched
from scoring.scorers.fitted import read_all, tensor_files
from scoring.scorers.unpinned import named
from scoring.scorers.value_head import (
    Backbone,
    Chat,
    asked,
    linear_head,
    message,
    pictures_of_prompt,
    whole,
)
from scoring.scorers.yes_token import smaller

HEAD_FILE = "value_head.safetensors"
WEIGHT, BIAS = "v_head.summary.weight", "v_head.summary.bias"


class SkyworkVl(Scorer[Chat]):
    """Runs on a GPU where there is one, on the CPU otherwise."""

    def __init__(self, facts: ScorerFacts, *, source: str, longest_side: str, precision: str) -> None:
        super().__init__(facts)
        self._source = source
        self._side = whole(longest_side, setting="longest_side")
        self._precision = precision

    @cached_property
    def _body(self) -> Backbone:
        source = named(
            self._source,
            setting="source",
            whose="Skywork-VL Reward",
            where="Skywork/Skywork-VL-Reward-7B on the Hub, value_head.safetensors among them",
        )
        return Backbone(source, precision=self._precision)

    def load(self) -> None:
        path = weights.weights_file(self._body.folder, [HEAD_FILE])
        tensors = read_all(tensor_files(self._body.folder, [path.name]))
        self._head = linear_head(tensors, weight=WEIGHT, bias=BIAS, shape=(1, self._body.width), origin=path)

    def bytes_held(self) -> int:
        return self._body.bytes_held

    def identity_parts(self) -> dict[str, Json]:
        side = f"longer side at most {self._side}, " if self._side else ""
        return {
            "weights": self._body.digest,
            "preprocessing": f"on white, {side}{type(self._body.processor.image_processor).__name__}",
            "scale": "linear layer on the last token, float32",
            "template": "the model's own, question and answer as turns",
            "precision": self._precision,
        }

    def length(self, prepared: Chat) -> int:
        return prepared.tokens

    def prepare(self, item: Item, decoded: Decoded) -> Chat:
        pictures = [smaller(picture, self._side) for picture in pictures_of_prompt(item, decoded.role_pictures)]
        return self._body.chat([*asked(item, pictures), message("assistant", item.text or "")])

    def score(self, items: Sequence[Item], prepared: Sequence[Chat]) -> list[Outcome]:
        with memory_watched():
            values = self._head(self._body.states(prepared)).squeeze(-1).tolist()
        return [Reading({"skywork_vl": Result(value)}) for value in values]
