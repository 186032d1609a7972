"""MPS's network: CLIP's picture asks those words of the prompt that have to do with a condition. For workers only.

Source: Zhang, Wang, Wu, Li, Gao, Zhang and Wang, "Learning Multi-dimensional Human Preference for Text-to-Image
Generation", CVPR 2024, section 4, and the repository Kwai-Kolors/MPS. CLIP is transformers' own; on top of it are four
pairs of layers of the PaLM kind: several queries share one key and value, the attention and the gated feed-forward part
stand side by side, and the second layer of each pair turns its queries and keys by their position.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch.nn import functional

from scoring import weights
from scoring.scorers.base import ScorerUnavailable
from scoring.scorers.clip_model import MEAN, STD
from scoring.scorers.clip_words import transformers_words
from scoring.scorers.fitted import State, fill, fitted, misfit, under
from scoring.scorers.picture_processor import PictureProcessor
from scoring.scorers.several import Crop, in_parts, pixels

# isort: split
from transformers import CLIPConfig, CLIPModel, CLIPVisionConfig  # after clip_words, which makes it importable

FILES = (
    "MPS_overall_checkpoint.safetensors",
    "MPS_overall_checkpoint_diffsynth.safetensors",
    "model.safetensors",
    "MPS_overall_checkpoint.pth",
)
CONFIG, CONDITION = "config.json", "mps_condition.txt"
PATTERNS = (*FILES, CONFIG, CONDITION)
# A port that wraps the whole model once more puts this before every name.
OUTER = "mps."
# What follows from the architecture, and is written into files all the same.
COUNTED = (".position_ids", ".inv_freq", ".pos_emb")
LENGTH = 77
BASE = 10_000.0
TOWER_H = {
    "projection_dim": 1024,
    "vision_config": {
        "hidden_size": 1280,
        "intermediate_size": 5120,
        "num_hidden_layers": 32,
        "num_attention_heads": 16,
        "image_size": 224,
        "patch_size": 14,
        "hidden_act": "gelu",
    },
    "text_config": {
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "vocab_size": 49408,
        "max_position_embeddings": LENGTH,
        "hidden_act": "gelu",
        "bos_token_id": 49406,
        "eos_token_id": 49407,
    },
}


@dataclass(frozen=True)
class MpsFiles:
    """Weights on disk, and CLIP's configuration: what lies beside them, or that of a ViT-H/14."""

    folder: Path
    path: Path
    config: CLIPConfig

    @property
    def vision(self) -> CLIPVisionConfig:
        found = self.config.vision_config
        assert isinstance(found, CLIPVisionConfig)  # CLIPConfig makes one of whatever it is given
        return found

    @property
    def side(self) -> int:
        return int(str(self.vision.image_size))


def find_files(source: str) -> MpsFiles:
    """Locates the files without loading them.

    Raises:
        ScorerUnavailable: not here, or with the configuration of another model.
    """
    folder = weights.folder_of(source, PATTERNS)
    path, own = weights.weights_file(folder, FILES), folder / CONFIG
    stated = weights.read_json(own) if own.is_file() else {"model_type": "clip", **TOWER_H}
    if stated.get("model_type") != "clip":
        raise ScorerUnavailable(f"{own} describes a model of type “{stated.get('model_type')}”; MPS is built on clip.")
    return MpsFiles(folder, path, CLIPConfig.from_dict(dict(stated)))


@dataclass(frozen=True)
class Said:
    """What the text tower made of n texts: every token (n, 77, d), and the end mark (n, d), both projected."""

    tokens: torch.Tensor
    end: torch.Tensor


class MpsModel:
    """Pictures and texts go through CLIP once each; the layers on top read every pair of them.

    Attributes:
        logit_scale: exp of the weights' own logit scale, about 100.
    """

    def __init__(self, files: MpsFiles, *, device: torch.device, dtype: torch.dtype) -> None:
        """Builds both parts with every tensor of the file.

        Raises:
            ScorerUnavailable: the file is a whole pickled module, or tensors are missing, left over or misshapen.
        """
        state = named_alike(read(files.path))
        self.device, self._dtype = device, dtype
        self._clip = fitted(CLIPModel, files.config, under(state, "model."), origin=files.path)
        self.logit_scale = float(self._clip.logit_scale.detach().exp())
        self._fusion = fusion_of(under(state, "cross_model."), origin=files.path)
        surplus = sorted(name for name in state if not name.startswith(("model.", "cross_model.")))
        if surplus:
            raise misfit(files.path, f"MPS has no tensor {surplus[0]}")
        for part in self.modules:
            part.to(device=device, dtype=dtype)
        self._processor = processor_of(files.side)

    @property
    def modules(self) -> tuple[torch.nn.Module, ...]:
        return (self._clip, self._fusion)

    def crop(self, picture: Image.Image) -> Crop:
        return self._processor.crop_of(picture)

    def tokens(self, text: str) -> tuple[int, int]:
        """How many tokens a text has with its marks, and how many of them are cut."""
        count = transformers_words().count(text)
        return count, max(0, count - LENGTH)

    @torch.inference_mode()
    def see(self, crops: Sequence[Crop]) -> torch.Tensor:
        """Every place of n ≥ 1 pictures (S, S, 3) uint8, before CLIP's last norm, projected: (n, 1 + patches, d)."""

        def part(which: slice) -> torch.Tensor:
            seen = pixels(crops[which], mean=MEAN, std=STD, device=self.device).to(self._dtype)
            places: torch.Tensor = self._clip.vision_model(pixel_values=seen).last_hidden_state
            return self._clip.visual_projection(places)

        return in_parts(len(crops), part)

    @torch.inference_mode()
    def say(self, texts: Sequence[str]) -> Said:
        """Every token of n ≥ 1 texts; a short one goes on with end marks, which count as tokens here."""
        ids = transformers_words().ids(texts, LENGTH).to(self.device)
        tokens = in_parts(len(texts), lambda which: self._said(ids[which]))  # (n, 77, d)
        end = ids.argmax(dim=-1)  # the first of the highest number, the end mark
        return Said(tokens, tokens[torch.arange(len(texts), device=self.device), end])

    def _said(self, ids: torch.Tensor) -> torch.Tensor:
        hidden: torch.Tensor = self._clip.text_model(input_ids=ids).last_hidden_state
        return self._clip.text_projection(hidden)

    @torch.inference_mode()
    def cosines(
        self, seen: torch.Tensor, places: Sequence[int], said: Said, texts: Sequence[int], heard: torch.Tensor
    ) -> torch.Tensor:
        """How near each picture, once it has asked the words, is to its text.

        Args:
            seen: (pictures, 1 + patches, d), from `see`.
            places: n numbers, which picture each pair has.
            said: of all texts, from `say`.
            texts: n numbers, which text each pair has.
            heard: (texts, 77), which tokens of a text may be asked, from `relevant`.

        Returns:
            (n,), float32, -1 to 1.
        """
        picture, text = (torch.tensor(one, device=self.device) for one in (places, texts))

        def part(which: slice) -> torch.Tensor:
            chosen = text[which]
            mask = torch.zeros(heard[chosen].shape, dtype=seen.dtype, device=self.device)
            mask.masked_fill_(~heard[chosen], -torch.inf)
            asked = self._fusion(seen[picture[which]], said.tokens[chosen], mask[:, None, None, :])[:, 0]
            return functional.cosine_similarity(asked.float(), said.end[chosen].float(), dim=-1)

        return in_parts(len(places), part)


def relevant(said: torch.Tensor, condition: torch.Tensor, threshold: float) -> torch.Tensor:
    """Which tokens of each text have to do with the condition.

    The likeness of a token is its largest dot product with any token of the condition, divided by the largest of its
    own text. (The reference divides by the largest of the whole batch, so that its numbers depend on what else is in
    it; of one text at a time that is the same.)

    Args:
        said: (n, T, d), tokens of n texts.
        condition: (C, d), tokens of the condition.
        threshold: tokens at or below this share of the largest are not asked.

    Returns:
        (n, T), bool, on the same device; of every text at least one token.
    """
    alike = (said.float() @ condition.float().T).amax(dim=-1)  # (n, T)
    return alike / alike.amax(dim=-1, keepdim=True) > threshold


# -- the layers on top ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sizes:
    """Width of tokens, of a head, number of heads, width of the feed-forward part."""

    width: int
    head: int
    heads: int
    inner: int


class Gate(torch.nn.Module):
    """(…, 2 d) becomes (…, d): the first half times the SiLU of the second."""

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        values, gate = given.chunk(2, dim=-1)
        return values * functional.silu(gate)


def linear(given: int, out: int) -> torch.nn.Linear:
    return torch.nn.Linear(given, out, bias=False)


def attended(
    asked: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, mask: torch.Tensor | None = None
) -> torch.Tensor:
    """Attention of many heads over one common key and value.

    Args:
        asked: (n, heads, T, d).
        keys, values: (n, S, d).
        mask: (n, 1, 1, S), 0 or −∞, added to what is softmaxed.

    Returns:
        (n, T, heads · d).
    """
    shape = (-1, asked.shape[1], -1, -1)
    found = functional.scaled_dot_product_attention(
        asked, keys[:, None].expand(shape), values[:, None].expand(shape), attn_mask=mask
    )
    return found.transpose(1, 2).flatten(2)


class Asking(torch.nn.Module):
    """The picture's places ask the words; beside it, a feed-forward part of the same normed places."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self._sizes = sizes
        self.norm = torch.nn.LayerNorm(sizes.width)
        self.to_q = linear(sizes.width, sizes.heads * sizes.head)
        self.to_kv = linear(sizes.width, 2 * sizes.head)
        self.to_out = linear(sizes.heads * sizes.head, sizes.width)
        self.ff = torch.nn.Sequential(linear(sizes.width, 2 * sizes.inner), Gate(), linear(sizes.inner, sizes.width))

    def forward(self, places: torch.Tensor, words: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        given = self.norm(places)
        keys, values = self.to_kv(words).chunk(2, dim=-1)
        asked = self.to_q(given).unflatten(-1, (self._sizes.heads, -1)).transpose(1, 2)
        return places + self.to_out(attended(asked, keys, values, mask)) + self.ff(given)


class Thinking(torch.nn.Module):
    """The picture's places look at each other, turned by their positions; beside it, a feed-forward part."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self._sizes = sizes
        self._split = (sizes.heads * sizes.head, sizes.head, sizes.head, 2 * sizes.inner)
        self.norm = torch.nn.LayerNorm(sizes.width)
        self.fused_attn_ff_proj = linear(sizes.width, sum(self._split))
        self.attn_out = linear(sizes.heads * sizes.head, sizes.width)
        self.ff_out = torch.nn.Sequential(Gate(), linear(sizes.inner, sizes.width))

    def forward(self, places: torch.Tensor) -> torch.Tensor:
        asked, keys, values, inner = self.fused_attn_ff_proj(self.norm(places)).split(self._split, dim=-1)
        angles = turns(places.shape[1], self._sizes.head, device=places.device)
        asked = turned(asked.unflatten(-1, (self._sizes.heads, -1)).transpose(1, 2), angles)
        return places + self.attn_out(attended(asked, turned(keys, angles), values)) + self.ff_out(inner)


class Fusion(torch.nn.Module):
    """Pairs of an asking and a thinking layer, one after the other."""

    def __init__(self, pairs: int, sizes: Sizes) -> None:
        super().__init__()
        made = (torch.nn.ModuleList([Asking(sizes), Thinking(sizes)]) for _pair in range(pairs))
        self.layers = torch.nn.ModuleList(made)

    def forward(self, places: torch.Tensor, words: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        for pair in self.layers:
            asking, thinking = pair.children()
            places = thinking(asking(places, words, mask))
        return places


def turns(length: int, width: int, *, device: torch.device) -> torch.Tensor:
    """Angles of rotary positions in radians, (length, width): position / 10000^(2 i / width), both halves alike.

    Source: Su, Lu, Pan, Murtadha, Wen and Liu, "RoFormer", 2021, section 3.2.
    """
    rates = BASE ** (-torch.arange(0, width, 2, device=device, dtype=torch.float32) / width)
    return torch.outer(torch.arange(length, device=device, dtype=torch.float32), rates).repeat(1, 2)


def turned(given: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
    """(…, T, d) with each half of d turned against the other by angles (T, d)."""
    first, second = given.chunk(2, dim=-1)
    across = torch.cat([-second, first], dim=-1)
    return given * angles.cos().to(given.dtype) + across * angles.sin().to(given.dtype)


# -- reading the released layouts -------------------------------------------------------------------------------------


def read(path: Path) -> State:
    """The file's tensors.

    Raises:
        ScorerUnavailable: damaged, or a whole pickled module, as its authors published it: says how to convert it.
    """
    try:
        return weights.read_tensors(path)
    except ScorerUnavailable as error:
        if path.suffix == ".safetensors":
            raise
        raise ScorerUnavailable(
            f"{error} The published file is a whole pickled module, which could run anything; docs/scorers.md, "
            f"section mps, has the four lines that make {FILES[0]} of it."
        ) from error


def named_alike(state: Mapping[str, torch.Tensor]) -> State:
    """The tensors under the authors' own names, without what a port put around them and what can be counted."""
    inner = under(state, OUTER) if state and all(name.startswith(OUTER) for name in state) else dict(state)
    return {name: tensor for name, tensor in inner.items() if not name.endswith(COUNTED)}


def fusion_of(state: Mapping[str, torch.Tensor], *, origin: Path) -> torch.nn.Module:
    """The layers on top, whose sizes stand in their tensors.

    Raises:
        ScorerUnavailable: tensors are missing, left over or of another shape.
    """
    plain = {name.replace(".fn.", ".", 1): tensor for name, tensor in state.items()}
    try:
        head = plain["layers.0.0.to_kv.weight"].shape[0] // 2
        asked, width = plain["layers.0.0.to_q.weight"].shape
        inner = plain["layers.0.0.ff.2.weight"].shape[1]
    except KeyError as error:
        raise misfit(origin, f"the layers that join picture and words lack {error.args[0]}") from error
    pairs = {name.split(".")[1] for name in plain}
    return fill(Fusion(len(pairs), Sizes(width, head, asked // head, inner)), plain, origin=origin)


def processor_of(side: int) -> PictureProcessor:
    """CLIP's processor as transformers has it, with which MPS was trained."""
    return PictureProcessor(size=side, crop=(side, side), resample=Image.Resampling.BICUBIC, mean=MEAN, std=STD)
