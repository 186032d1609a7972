"""The chat models that LLaVA-Reward was trained on, each with its adapter merged and its own way to read a caption.

What the head reads is the state of the caption's last token. SkipCA, where it was trained, adds to it what it finds
among other states and brings it to length by a norm (Zhou et al. 2025, LLaVA-Reward). With Phi-3.5-vision it looks at
all states of the same sample. With Qwen2.5-VL the authors' code looks under the id of the end-of-text token, which only
padding has: a sample that is computed alone finds nothing there, and in a batch the longer ones find nothing either.
With LLaVA-1.6 it is not computed. What their code gives a sample alone is what every sample gets here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import torch
from PIL import Image

from scoring import weights
from scoring.scorers.base import ScorerUnavailable
from scoring.scorers.chat_model import PATTERNS
from scoring.scorers.device import device, dtype_of
from scoring.scorers.fitted import State, digest_of_files, misfit, read_all, tensor_files
from scoring.scorers.lora import Adapter, Sides, adapted
from scoring.scorers.phi3_vision import PROJECTION, Phi3Vision, Seen
from scoring.scorers.value_head import Backbone, Chat, message

SENTINEL = "\ue000"
PHI_NORM = 1e-5


@dataclass(frozen=True)
class Trained:
    """What an adapter's folder holds.

    Attributes:
        layers: sides of the adapted layers by the names they had when they were published.
        adapter: how they are scaled.
        rest: everything else that was trained, by its own name.
        is_skipping: whether SkipCA was.
        origin: the file of `rest`, for errors.
    """

    layers: Mapping[str, Sides]
    adapter: Adapter
    rest: State
    is_skipping: bool
    origin: Path

    def projector(self, part: str) -> State:
        """The trained tensors of a part of the model, without what stands before; empty where it was not trained."""
        return {name.split(f"{part}.", 1)[1]: one for name, one in self.rest.items() if f"{part}." in name}

    def tensor(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        """One tensor, float32; ScorerUnavailable where it is missing or has another shape."""
        found = next((one for own, one in self.rest.items() if own == name or own.endswith(f".{name}")), None)
        if found is None or tuple(found.shape) != shape:
            raise misfit(self.origin, f"{name} is missing or has another shape than {shape}")
        return found.float()


class Asked(Protocol):
    """A picture with its caption, as a body reads it."""

    @property
    def tokens(self) -> int: ...


class Body(Protocol):
    """A chat model with an adapter."""

    width: int

    @property
    def bytes_held(self) -> int: ...

    def asked(self, picture: Image.Image, caption: str) -> Asked: ...

    def states(self, asked: Sequence[Any]) -> torch.Tensor:
        """What the head reads: (n, d), float32."""


def digest_of(folder: Path) -> str:
    return digest_of_files(sorted({file for pattern in PATTERNS for file in folder.glob(pattern)}))


def body_of(source: str, trained: Trained, *, precision: str) -> Body:
    """The chat model of a folder with what was trained.

    Raises:
        ScorerUnavailable: it is of a kind that no adapter was made for, or something does not fit.
    """
    folder = weights.folder_of(source, PATTERNS)
    found = weights.read_json(folder / "config.json").get("model_type")
    if found == "phi3_v":
        return PhiBody(folder, trained, precision=precision)
    if found not in KINDS:
        raise ScorerUnavailable(
            f"The chat model {folder} is of the type “{found}”. Adapters were made for Phi-3.5-vision (phi3_v), "
            "Qwen2.5-VL (qwen2_5_vl) and LLaVA-1.6 (llava_next)."
        )
    return ChatBody(source, KINDS[found], trained, precision=precision)


def scaled(states: torch.Tensor, weight: torch.Tensor, epsilon: float) -> torch.Tensor:
    """Root-mean-square norm: (n, d) divided by the root of their mean square and multiplied by (d,)."""
    return states * torch.rsqrt(states.pow(2).mean(dim=-1, keepdim=True) + epsilon) * weight.to(states.device)


# -- models that transformers has -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """What differs from one to the other.

    Attributes:
        places: how names of trained layers began when they were published, and how they begin in transformers now.
        projector: the part of the model that was trained with the adapter, and where its tensors go.
        norm: the epsilon of SkipCA's norm; None where SkipCA is not computed.
        opening: the words of a turn before which everything is left out; empty for nothing.
        end: what ends the caption; empty for the tokenizer's end of a text.
        pixels: least and most pixels of a picture, where they differ from the processor's own.
    """

    places: Mapping[str, str]
    projector: tuple[str, str]
    norm: float | None = None
    opening: str = ""
    end: str = ""
    pixels: tuple[int, int] | None = None


KINDS = {
    "qwen2_5_vl": Kind(
        {"model.layers.": "model.language_model.layers.", "visual.": "model.visual."},
        ("merger", "model.visual.merger."),
        norm=1e-6,
        opening="<|im_start|>user",
        end="<|im_end|>",
        pixels=(256 * 28 * 28, 1280 * 28 * 28),
    ),
    "llava_next": Kind(
        {"language_model.model.": "model.language_model.", "multi_modal_projector.": "model.multi_modal_projector."},
        ("multi_modal_projector", "model.multi_modal_projector."),
    ),
}


class ChatBody:
    """Qwen2.5-VL or LLaVA-1.6."""

    def __init__(self, source: str, kind: Kind, trained: Trained, *, precision: str) -> None:
        self._body, self._kind = Backbone(source, precision=precision), kind
        if kind.pixels is not None:
            least, most = kind.pixels
            self._body.processor.image_processor.size = {"shortest_edge": least, "longest_edge": most}
        _merge(self._body.model.model, trained, kind)
        _project(self._body.model.model, trained, kind)
        self.width = self._body.width
        is_normed = trained.is_skipping and kind.norm is not None
        self._norm = trained.tensor("ca_layernorm.weight", (self.width,)) if is_normed else None

    @property
    def bytes_held(self) -> int:
        return self._body.bytes_held

    def asked(self, picture: Image.Image, caption: str) -> Chat:
        return self._body.chat([message("user", caption, [picture])])

    def states(self, asked: Sequence[Chat]) -> torch.Tensor:
        found = self._body.states(asked, self._template)
        return found if self._norm is None else scaled(found, self._norm, self._kind.norm or 0.0)

    @cached_property
    def _template(self) -> str:
        """The model's own template, without its opening words and without the cue for an answer."""
        processor = self._body.processor
        turn = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": SENTINEL}]}]
        said = str(processor.apply_chat_template(turn, tokenize=False, add_generation_prompt=False))
        before, separator, _after = said.partition(SENTINEL)
        opening = before.rfind(self._kind.opening)
        if not separator or opening < 0:
            raise ScorerUnavailable(f"The chat template of {self._body.folder} is not the one of its model.")
        return _written(before[opening:] if self._kind.opening else before, self._kind.end or self._end)

    @property
    def _end(self) -> str:
        return str(self._body.processor.tokenizer.eos_token)


def _written(before: str, after: str) -> str:
    """A template of Jinja that puts what a person says between two texts."""
    words = "{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}"
    said = f"{{% for part in messages[0]['content'] %}}{words}{{% endfor %}}"
    return f"{{{{ {before!r} }}}}{said}{{{{ {after!r} }}}}"


def _merge(model: Any, trained: Trained, kind: Kind) -> None:
    """Adds the adapters to the layers they were trained on, in the model's precision."""
    layers = dict(model.named_modules())
    for name, sides in trained.layers.items():
        layer = layers.get(_renamed(name, kind))
        if layer is None:
            raise misfit(trained.origin, f"the model has no layer {name}")
        weight = layer.weight.detach().cpu()
        layer.weight.data.copy_(adapted(weight, sides, trained.adapter, f"{name} beside {trained.origin}"))


def _renamed(name: str, kind: Kind) -> str:
    for old, new in kind.places.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name


def _project(model: Any, trained: Trained, kind: Kind) -> None:
    """Puts the trained projector in its place, every tensor of it, or none where none was trained."""
    part, place = kind.projector
    found = trained.projector(part)
    wanted = {
        name.removeprefix(place): parameter for name, parameter in model.named_parameters() if name.startswith(place)
    }
    if not found:
        return
    if set(found) != set(wanted) or any(found[name].shape != wanted[name].shape for name in wanted):
        raise misfit(trained.origin, f"its {part} has other tensors than the model's")
    for name, parameter in wanted.items():
        parameter.data.copy_(found[name])


# -- Phi-3.5-vision ---------------------------------------------------------------------------------------------------


class PhiBody:
    """The authors' main one."""

    def __init__(self, folder: Path, trained: Trained, *, precision: str) -> None:
        state = read_all(tensor_files(folder, ["model.safetensors", "pytorch_model.bin"]))
        for name, sides in trained.layers.items():
            weight = state.get(f"{name}.weight")
            state[f"{name}.weight"] = adapted(weight, sides, trained.adapter, f"{name} beside {trained.origin}")
        state |= {f"{PROJECTION}{name}": one for name, one in trained.projector("img_projection").items()}
        self._model = Phi3Vision(folder, state, device=device(), dtype=dtype_of(precision))
        self.width = self._model.width
        self._skip = _Skip(trained, self.width) if trained.is_skipping else None

    @property
    def bytes_held(self) -> int:
        return self._model.bytes_held

    def asked(self, picture: Image.Image, caption: str) -> Seen:
        return self._model.seen(picture, caption)

    def states(self, asked: Sequence[Seen]) -> torch.Tensor:
        found = self._model.states(asked)
        return torch.stack([states[-1] if self._skip is None else self._skip(states) for states in found])


class _Skip:
    """SkipCA: one head of attention from the last token to all tokens of the sample, added, then normed."""

    def __init__(self, trained: Trained, width: int) -> None:
        self._query, self._key, self._value = (
            trained.tensor(f"W_{side}.weight", (width, width)).to(device()) for side in "qkv"
        )
        self._norm = trained.tensor("ca_layernorm.weight", (width,))

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """(T, d) become (d,)."""
        last = states[-1]
        # Only one token asks, so that keys and values of all the others need not be written out.
        scores = states @ (self._key.T @ (self._query @ last)) / math.sqrt(len(last))
        found = self._value @ (scores.softmax(dim=0) @ states)
        return scaled((last + found)[None], self._norm, PHI_NORM)[0]
