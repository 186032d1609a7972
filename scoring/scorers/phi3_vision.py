"""Phi-3.5-vision up to the state of its last token, put together from transformers' Phi-3 and CLIP.

The model brings code of its own, which is not run here; this is the same arithmetic (Abdin et al. 2024, Phi-3). A
picture is scaled so that at most so many squares of the tower's side cover it, padded with white above and below to
whole squares, and seen square by square and once as a whole. Of each square's patches four neighbours are joined into
one token; a token ends every row, another one parts the squares from the whole, and two linear layers carry all over.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

import scoring.torch_setup  # noqa: F401 - before anything that imports torchvision

# isort: split
from transformers import AutoTokenizer, CLIPVisionConfig, CLIPVisionModel, Phi3Config, Phi3Model

from scoring import weights
from scoring.scorers.base import ScorerUnavailable
from scoring.scorers.device import bytes_of
from scoring.scorers.fitted import State, fill, fitted, misfit, under
from scoring.scorers.several import PICTURES_AT_ONCE, pixels

MOST_SQUARES = 16
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
LAYER = -2  # of the tower; its last layer is not used
HEAD_WIDTH = 64  # of every CLIP
VISION = "model.vision_embed_tokens."
TOWER = f"{VISION}img_processor.vision_model."
PROJECTION = f"{VISION}img_projection."
# Beside what is built here: words that the model would say next, and a second name of its embeddings.
UNUSED = ("lm_head.", f"{VISION}wte.")
CONFIG_NAMES = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "hidden_act",
    "max_position_embeddings",
    "original_max_position_embeddings",
    "rms_norm_eps",
    "rope_theta",
    "sliding_window",
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
)
SENTINEL = "\ue000"

Square = NDArray[np.uint8]


@dataclass(frozen=True)
class Seen:
    """A caption and its picture: tokens before and after it, and the scaled picture (H, W, 3), whole squares."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    picture: Square
    tokens: int


class Phi3Vision:
    """All parts of the model with every tensor of a table."""

    def __init__(self, folder: Path, state: Mapping[str, torch.Tensor], *, device: torch.device, dtype: torch.dtype):
        """
        Args:
            folder: holds `config.json` and the tokenizer.
            state: tensors under the names they were published with.

        Raises:
            ScorerUnavailable: tensors are missing, left over or of another shape, or there is no tokenizer.
        """
        origin = folder / "config.json"
        stated = weights.read_json(origin)
        parts = _apart(state, origin)
        self._words = _tokenizer(folder)
        self._language = fitted(Phi3Model, _language_config(stated, origin), parts["language"], origin=origin)
        self._tower = fitted(CLIPVisionModel, _tower_config(parts["tower"], origin), parts["tower"], origin=origin)
        self.width = int(self._language.config.hidden_size)
        joined = 4 * int(self._tower.config.hidden_size)
        self._carry = fill(
            torch.nn.Sequential(
                torch.nn.Linear(joined, self.width), torch.nn.GELU(), torch.nn.Linear(self.width, self.width)
            ),
            parts["projection"],
            origin=origin,
        )
        self._row_end = _separator(parts["rest"], "sub_GN", joined, origin).to(device=device, dtype=dtype)
        self._parting = _separator(parts["rest"], "glb_GN", joined, origin).to(device=device, dtype=dtype)
        self._device, self._dtype = device, dtype
        for module in self.modules:
            module.to(device=device, dtype=dtype)

    @property
    def modules(self) -> tuple[torch.nn.Module, ...]:
        return (self._language, self._tower, self._carry)

    @property
    def bytes_held(self) -> int:
        return sum(bytes_of(module) for module in self.modules)

    @property
    def side(self) -> int:
        """Pixels of a square."""
        return int(self._tower.config.image_size)

    # -- what goes in ---

    def seen(self, picture: Image.Image, caption: str) -> Seen:
        """A picture with its caption.

        Raises:
            ValueError: together they have more tokens than the model reads.
        """
        scaled = squared(picture, side=self.side, most=MOST_SQUARES)
        start, end = _frame(self._words)
        before, after = (
            self._words(text)["input_ids"] for text in (start, f"\n{_harmless(caption, self._words)}{end}")
        )
        tokens = len(before) + len(after) + self._count(scaled)
        longest = int(self._language.config.max_position_embeddings)
        if tokens > longest:
            raise ValueError(f"picture and caption have {tokens} tokens, more than the {longest} the model reads")
        return Seen(tuple(before), tuple(after), scaled, tokens)

    def _count(self, scaled: Square) -> int:
        """Tokens of a picture."""
        rows, columns = (length // self.side for length in scaled.shape[:2])
        across = self._across
        return rows * across * (columns * across + 1) + 1 + across * (across + 1)

    @property
    def _across(self) -> int:
        """Joined patches in a row of a square."""
        return self.side // int(self._tower.config.patch_size) // 2

    # -- what comes out ---

    @torch.inference_mode()
    def states(self, all_seen: Sequence[Seen]) -> list[torch.Tensor]:
        """For each, the states of all its tokens after the last norm: (T, d), float32, on the device.

        Rows beyond the length that the model was first trained on count positions in another way, and would take
        shorter ones of their batch with them: they go apart.
        """
        limit = int(self._language.config.original_max_position_embeddings)
        found: dict[int, torch.Tensor] = {}
        for is_long in (False, True):
            places = [place for place, seen in enumerate(all_seen) if (seen.tokens > limit) == is_long]
            if places:
                found |= dict(zip(places, self._read([all_seen[place] for place in places]), strict=True))
        return [found[place] for place in range(len(all_seen))]

    def _read(self, all_seen: Sequence[Seen]) -> list[torch.Tensor]:
        rows = [self._embedded(seen) for seen in all_seen]
        lengths = torch.tensor([len(row) for row in rows], device=self._device)
        embedded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)  # (n, T, d)
        mask = torch.arange(embedded.shape[1], device=self._device) < lengths[:, None]
        states = self._language(inputs_embeds=embedded, attention_mask=mask.long(), use_cache=False).last_hidden_state
        return [row[:length].float() for row, length in zip(states, lengths.tolist(), strict=True)]

    def _embedded(self, seen: Seen) -> torch.Tensor:
        look_up = self._language.embed_tokens
        before, after = (
            look_up(torch.tensor(ids, dtype=torch.long, device=self._device)) for ids in (seen.before, seen.after)
        )
        return torch.cat([before, self._picture(seen.picture), after])

    def _picture(self, scaled: Square) -> torch.Tensor:
        """(tokens of the picture, d): its squares row by row, the parting token, the whole."""
        rows, columns = (length // self.side for length in scaled.shape[:2])
        whole = pixels([scaled], mean=MEAN, std=STD, device=self._device)  # (1, 3, H, W)
        glance = torch.nn.functional.interpolate(whole, size=(self.side, self.side), mode="bicubic")
        squares = whole.reshape(3, rows, self.side, columns, self.side).permute(1, 3, 0, 2, 4).flatten(0, 1)
        features = self._features(torch.cat([glance, squares]))  # (1 + rows · columns, patches, w)
        return self._carry(
            torch.cat([self._laid_out(features[1:], rows, columns), self._parting, self._laid_out(features[:1], 1, 1)])
        )

    def _features(self, squares: torch.Tensor) -> torch.Tensor:
        """(n, 3, S, S) become (n, patches, w), without CLS."""
        parts = squares.to(self._dtype).split(PICTURES_AT_ONCE)
        found = [self._tower(pixel_values=part, output_hidden_states=True).hidden_states[LAYER] for part in parts]
        return torch.cat(found)[:, 1:]

    def _laid_out(self, features: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
        """Squares (rows · columns, patches, w) as one plane of joined patches, each row with its end: (tokens, 4 w)."""
        across, width = self._across, features.shape[-1]
        plane = features.reshape(rows, columns, across, 2, across, 2, width)
        plane = plane.permute(0, 2, 1, 4, 3, 5, 6).reshape(rows * across, columns * across, 4 * width)
        ends = self._row_end.expand(len(plane), 1, -1)
        return torch.cat([plane, ends], dim=1).flatten(0, 1)


def squared(picture: Image.Image, *, side: int, most: int) -> Square:
    """A picture scaled to so many squares as `most` allows, white above and below: (rows · side, columns · side, 3).

    The longer side becomes as many squares as possible, the shorter one follows and is padded to whole squares.
    """
    is_high = picture.width < picture.height
    turned = picture.transpose(Image.Transpose.TRANSPOSE) if is_high else picture
    ratio = turned.width / turned.height
    scale = 1
    while scale * math.ceil(scale / ratio) <= most:
        scale += 1
    width = (scale - 1) * side
    height = max(1, int(width / ratio))
    canvas = Image.new("RGB", (width, -(-height // side) * side), "white")
    scaled = turned.resize((width, height), Image.Resampling.BILINEAR)
    canvas.paste(scaled, (0, (canvas.height - height) // 2))
    return np.asarray(canvas.transpose(Image.Transpose.TRANSPOSE) if is_high else canvas)


# -- words ------------------------------------------------------------------------------------------------------------


def _tokenizer(folder: Path) -> Any:
    try:
        words = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, ImportError, KeyError, AttributeError) as error:
        raise ScorerUnavailable(f"The folder {folder} holds no tokenizer: {error}") from error
    if getattr(words, "chat_template", None) is None or words.eos_token is None:
        raise ScorerUnavailable(f"The tokenizer in {folder} has no chat template or no end of a text.")
    return words


def _frame(words: Any) -> tuple[str, str]:
    """What stands before the picture in a person's turn, and what ends a caption: the cue for an answer is left out."""
    turn = [{"role": "user", "content": SENTINEL}]
    said = str(words.apply_chat_template(turn, tokenize=False, add_generation_prompt=True))
    return said.partition(SENTINEL)[0], str(words.eos_token)


def _harmless(caption: str, words: Any) -> str:
    """A caption in which no mark of the model is spelled: a space parts the letters of those that are."""
    for mark in words.get_added_vocab():
        caption = caption.replace(mark, f"{mark[0]} {mark[1:]}")
    return caption


# -- tensors ----------------------------------------------------------------------------------------------------------


def _apart(state: Mapping[str, torch.Tensor], origin: Path) -> dict[str, State]:
    """The tensors by part; ScorerUnavailable names those that no part wants."""
    wanted = {name: tensor for name, tensor in state.items() if not name.startswith(UNUSED)}
    parts = {"tower": under(wanted, TOWER), "projection": under(wanted, PROJECTION)}
    counters = "embeddings.position_ids"
    parts["tower"] = {name: one for name, one in parts["tower"].items() if name != counters}
    language = {name: one for name, one in wanted.items() if not name.startswith(VISION)}
    parts["language"] = under(language, "model.")
    parts["rest"] = {
        name.removeprefix(VISION): one for name, one in wanted.items() if name in (f"{VISION}sub_GN", f"{VISION}glb_GN")
    }
    homeless = sorted(name for name in wanted if not name.startswith("model."))
    if homeless:
        raise misfit(origin, f"nobody wants {homeless[0]}")
    return parts


def _separator(rest: Mapping[str, torch.Tensor], name: str, width: int, origin: Path) -> torch.Tensor:
    """(1, width)."""
    if name not in rest or rest[name].numel() != width:
        raise misfit(origin, f"{VISION}{name} is missing or has another shape")
    return rest[name].reshape(1, width)


def _language_config(stated: Mapping[str, Any], origin: Path) -> Phi3Config:
    own = {name: stated[name] for name in CONFIG_NAMES if stated.get(name) is not None}
    missing = [name for name in CONFIG_NAMES[:5] if not isinstance(own.get(name), int)]
    if missing:
        raise ScorerUnavailable(f"{origin} states no {missing[0]}, so it describes no Phi-3.5-vision.")
    scaling = stated.get("rope_scaling")
    if isinstance(scaling, Mapping):
        own["rope_scaling"] = {
            "rope_type": "longrope",
            "short_factor": scaling["short_factor"],
            "long_factor": scaling["long_factor"],
            "original_max_position_embeddings": own.get("original_max_position_embeddings"),
            "rope_theta": own.get("rope_theta", 10000.0),
        }
    return Phi3Config(**own)


def _tower_config(tower: Mapping[str, torch.Tensor], origin: Path) -> CLIPVisionConfig:
    """The tower's sizes, which the configuration does not state, from its tensors; CLIP's heads are 64 wide."""
    try:
        patches = tower["embeddings.position_embedding.weight"]
        patch = int(tower["embeddings.patch_embedding.weight"].shape[-1])
        inner = tower["encoder.layers.0.mlp.fc1.weight"]
    except KeyError as error:
        raise misfit(origin, f"{TOWER}{error.args[0]} is missing") from error
    layers = {name.split(".")[2] for name in tower if name.startswith("encoder.layers.")}
    return CLIPVisionConfig(
        hidden_size=patches.shape[1],
        intermediate_size=inner.shape[0],
        num_hidden_layers=len(layers),
        num_attention_heads=patches.shape[1] // HEAD_WIDTH,
        image_size=math.isqrt(len(patches) - 1) * patch,
        patch_size=patch,
        hidden_act="quick_gelu",
    )
