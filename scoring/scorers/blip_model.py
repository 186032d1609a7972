"""BLIP as a reward: a tower that sees, a text encoder that looks at what was seen, and a head of one number.

ImageReward and CycleReward have it so, with heads of their own (`BlipKind`).

Source: Li, Li, Xiong and Hoi, "BLIP: Bootstrapping Language-Image Pre-training", ICML 2022; Xu, Liu, Wu et al.,
"ImageReward: Learning and Evaluating Human Preferences for Text-to-Image Generation", NeurIPS 2023. Both towers are
transformers' own BLIP classes; the released file names its tensors as BLIP's first code did.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from scoring import weights
from scoring.scorers.base import ScorerUnavailable
from scoring.scorers.clip_model import MEAN, STD
from scoring.scorers.fitted import State, fill, fitted, misfit, under
from scoring.scorers.several import Crop, in_parts, pixels

# isort: split
from transformers import BertTokenizer, BlipTextConfig, BlipTextModel, BlipVisionConfig, BlipVisionModel

CONFIG, VOCABULARY = "med_config.json", "vocab.txt"
# BERT's vocabulary, to which BLIP adds a start of a written text and a start of a read one; neither is used here.
ADDED_TOKENS = ("[DEC]", "[ENC]")
# The picture tower is timm's, with timm's epsilon; transformers' own default is 1e-5.
VISION_EPSILON = 1e-6
HEAD_WIDTH = 64
# A buffer that only counts, and two projections that BLIP was pre-trained with and no reward ever calls.
UNUSED = ("blip.text_encoder.embeddings.position_ids", "blip.vision_proj.", "blip.text_proj.")
# The text encoder of every BLIP, where no file says otherwise: BERT's, with two words more.
BERT = {
    "vocab_size": 30524,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
}


@dataclass(frozen=True)
class BlipKind:
    """What tells one reward on BLIP from another.

    Attributes:
        of: whose weights they are, in words.
        files: names of the published tensors, safetensors first.
        places: where the linear layers of the head stand in the published list.
        is_bent: GELU between them; otherwise only dropouts, which do nothing once it is trained.
        longest: tokens that are read, marks included.
        has_config: `med_config.json` lies beside the weights; otherwise it may, and `BERT` stands where it does not.
    """

    of: str
    files: tuple[str, ...]
    places: tuple[int, ...]
    is_bent: bool
    longest: int
    has_config: bool

    @property
    def patterns(self) -> tuple[str, ...]:
        return (*self.files, CONFIG, VOCABULARY)


@dataclass(frozen=True)
class BlipFiles:
    """What a reward is read from: tensors, configuration of the text encoder (None: `BERT`), words of BERT."""

    path: Path
    config: Path | None
    vocabulary: Path

    def digests(self) -> dict[str, str]:
        """SHA-256 (hex) of each of them, for the identity of a rater."""
        return {
            "weights": weights.file_digest(self.path),
            "configuration": weights.file_digest(self.config) if self.config else "BERT's",
            "vocabulary": weights.file_digest(self.vocabulary),
        }


def find_files(source: str, tokenizer: str, kind: BlipKind) -> BlipFiles:
    """Locates the files without loading them; the words may lie beside the weights, else where `tokenizer` says.

    Raises:
        ScorerUnavailable: one of them is not here; says what to give.
    """
    folder = weights.folder_of(source, kind.patterns)
    path = weights.weights_file(folder, kind.files)
    has_config = (folder / CONFIG).is_file()
    if kind.has_config and not has_config:
        raise ScorerUnavailable(f"The folder {folder} has no {CONFIG}, which {kind.of}'s weights come with.")
    words = folder if (folder / VOCABULARY).is_file() else weights.folder_of(tokenizer, (VOCABULARY,))
    if not (words / VOCABULARY).is_file():
        raise ScorerUnavailable(f"The folder {words} has no {VOCABULARY}: give BERT's as the setting “tokenizer”.")
    return BlipFiles(path, folder / CONFIG if has_config else None, words / VOCABULARY)


class BlipReward:
    """The network: pictures are seen once, then read under as many texts as one likes."""

    def __init__(self, files: BlipFiles, kind: BlipKind, *, device: torch.device, dtype: torch.dtype) -> None:
        """Builds both towers and the head with every tensor of the file.

        Raises:
            ScorerUnavailable: tensors are missing, left over or of another shape, or the words are not the model's.
        """
        self._kind = kind
        parts = split(weights.read_tensors(files.path), kind, origin=files.path)
        text_config = _text_config(files.config, seen_width=parts.width)
        self.device, self._dtype, self.image_size = device, dtype, parts.image_size
        self._vision = fitted(BlipVisionModel, parts.vision_config(), parts.vision, origin=files.path)
        self._text = fitted(BlipTextModel, text_config, parts.text, origin=files.path, add_pooling_layer=False)
        self._head = _head(parts.head, kind, width=text_config.hidden_size, origin=files.path)
        self._tokenizer = _tokenizer(files.vocabulary, words=text_config.vocab_size)
        for tower in (self._vision, self._text):
            tower.to(device=device, dtype=dtype)
        self._head.to(device)  # stays in float32, as in the original

    @property
    def modules(self) -> tuple[torch.nn.Module, ...]:
        return (self._vision, self._text, self._head)

    def tokens(self, text: str) -> tuple[list[int], int]:
        """A text as numbers between BERT's two marks, at most the kind's longest, and how many were cut."""
        found: list[int] = self._tokenizer(text)["input_ids"]
        cut = max(0, len(found) - self._kind.longest)
        return (found[: self._kind.longest - 1] + found[-1:] if cut else found), cut

    @torch.inference_mode()
    def see(self, crops: Sequence[Crop]) -> torch.Tensor:
        """What the picture tower makes of n ≥ 1 pictures (S, S, 3) uint8: (n, patches + 1, width)."""

        def part(which: slice) -> torch.Tensor:
            seen = pixels(crops[which], mean=MEAN, std=STD, device=self.device)
            return self._vision(pixel_values=seen.to(self._dtype)).last_hidden_state

        return in_parts(len(crops), part)

    @torch.inference_mode()
    def rewards(self, seen: torch.Tensor, places: Sequence[int], texts: Sequence[Sequence[int]]) -> torch.Tensor:
        """The head's bare number for n ≥ 1 pairs of a picture and a text.

        Args:
            seen: what `see` gave, (pictures, patches + 1, width).
            places: n numbers, which picture each pair has.
            texts: n token lists.

        Returns:
            (n,), float32, on the model's device, before normalisation.
        """
        length = max(len(text) for text in texts)
        ids = torch.zeros((len(texts), length), dtype=torch.long)
        for row, text in enumerate(texts):
            ids[row, : len(text)] = torch.tensor(text)
        mask = torch.arange(length) < torch.tensor([[len(text)] for text in texts])  # (n, length)
        place = torch.tensor(places, device=self.device)
        ids, mask = ids.to(self.device), mask.long().to(self.device)
        return in_parts(len(texts), lambda which: self._read(seen[place[which]], ids[which], mask[which]))

    def _read(self, seen: torch.Tensor, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        said = self._text(input_ids=ids, attention_mask=mask, encoder_hidden_states=seen, is_decoder=False)
        first: torch.Tensor = said.last_hidden_state[:, 0]  # (n, d), the state of CLS
        scores: torch.Tensor = self._head(first.float()).squeeze(-1)
        return scores


# -- reading the released layout --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Parts:
    """The tensors by part, under transformers' names."""

    vision: State
    text: State
    head: State

    @property
    def width(self) -> int:
        return int(self.vision["embeddings.position_embedding"].shape[-1])

    @property
    def image_size(self) -> int:
        side = round((self.vision["embeddings.position_embedding"].shape[1] - 1) ** 0.5)
        return side * int(self.vision["embeddings.patch_embedding.weight"].shape[-1])

    def vision_config(self) -> BlipVisionConfig:
        """The picture tower's sizes, which stand in its tensors; heads of 64, as every BLIP has them."""
        layers = {name.split(".")[2] for name in self.vision if name.startswith("encoder.layers.")}
        return BlipVisionConfig(
            hidden_size=self.width,
            intermediate_size=self.vision["encoder.layers.0.mlp.fc1.weight"].shape[0],
            num_hidden_layers=len(layers),
            num_attention_heads=self.width // HEAD_WIDTH,
            image_size=self.image_size,
            patch_size=self.vision["embeddings.patch_embedding.weight"].shape[-1],
            layer_norm_eps=VISION_EPSILON,
        )


VISION_NAMES = {
    "cls_token": "embeddings.class_embedding",
    "pos_embed": "embeddings.position_embedding",
    "patch_embed.proj.": "embeddings.patch_embedding.",
    "norm.": "post_layernorm.",
}
IN_BLOCK = {
    "norm1.": "layer_norm1.",
    "norm2.": "layer_norm2.",
    "attn.qkv.": "self_attn.qkv.",
    "attn.proj.": "self_attn.projection.",
    "mlp.": "mlp.",
}
BLOCK = re.compile(r"blocks\.(\d+)\.(.+)")


def split(state: Mapping[str, torch.Tensor], kind: BlipKind, *, origin: Path) -> Parts:
    """Sorts the tensors of the released file into its three parts.

    Raises:
        ScorerUnavailable: a tensor that the kind does not have, or none of those that give the sizes.
    """
    used = {name: tensor for name, tensor in state.items() if not name.startswith(UNUSED)}
    prefixes = ("blip.visual_encoder.", "blip.text_encoder.", "mlp.layers.")
    strange = sorted(name for name in used if not name.startswith(prefixes))
    if strange:
        raise misfit(origin, f"{kind.of} has no tensor {strange[0]}")
    seen, text, head = (under(used, prefix) for prefix in prefixes)
    vision = {_vision_name(name, origin): tensor for name, tensor in seen.items()}
    for name in (
        "embeddings.position_embedding",
        "embeddings.patch_embedding.weight",
        "encoder.layers.0.mlp.fc1.weight",
    ):
        if name not in vision:
            raise misfit(origin, f"the picture tower's {name} is missing")
    return Parts(vision, text, head)


def _vision_name(name: str, origin: Path) -> str:
    block = BLOCK.fullmatch(name)
    names, rest = (IN_BLOCK, block[2]) if block else (VISION_NAMES, name)
    for old, new in names.items():
        if rest.startswith(old):
            return f"encoder.layers.{block[1]}.{new}{rest.removeprefix(old)}" if block else rest.replace(old, new, 1)
    raise misfit(origin, f"a picture tower has no tensor {name}")


def _text_config(path: Path | None, *, seen_width: int) -> BlipTextConfig:
    """The text encoder's sizes; built as a decoder, the only kind that transformers gives eyes for the picture."""
    stated: Mapping[str, Any] = weights.read_json(path) if path else BERT
    names = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
    missing = [name for name in names if not isinstance(stated.get(name), int)]
    if missing:
        raise ScorerUnavailable(f"The configuration {path} states no {missing[0]}.")
    return BlipTextConfig(
        **{name: stated[name] for name in names},
        encoder_hidden_size=seen_width,
        max_position_embeddings=stated.get("max_position_embeddings", 512),
        hidden_act=stated.get("hidden_act", "gelu"),
        layer_norm_eps=stated.get("layer_norm_eps", 1e-12),
        bos_token_id=None,
        eos_token_id=None,
        sep_token_id=None,
        pad_token_id=0,
        is_decoder=True,
    )


def _head(state: State, kind: BlipKind, *, width: int, origin: Path) -> torch.nn.Module:
    """The stack of linear layers width → 1024 → 128 → 64 → 16 → 1, with what the kind has between them."""
    sizes = (width, 1024, 128, 64, 16, 1)
    layers: OrderedDict[str, torch.nn.Module] = OrderedDict()
    for place, given, out in zip(kind.places, sizes, sizes[1:], strict=False):
        if layers and kind.is_bent:
            layers[f"before {place}"] = torch.nn.GELU()
        layers[str(place)] = torch.nn.Linear(given, out)
    return fill(torch.nn.Sequential(layers), state, origin=origin)


def _tokenizer(path: Path, *, words: int) -> BertTokenizer:
    """BERT's uncased tokenizer with BLIP's two marks.

    Raises:
        ScorerUnavailable: the words are not as many as the model has embeddings.
    """
    with path.open(encoding="utf-8") as file:  # line ends only: some words are separators of other kinds
        lines = {line.rstrip("\n"): place for place, line in enumerate(file)}
    tokenizer = BertTokenizer(lines, do_lower_case=True)
    tokenizer.add_special_tokens({"bos_token": ADDED_TOKENS[0], "additional_special_tokens": [ADDED_TOKENS[1]]})
    if len(tokenizer) != words:
        raise ScorerUnavailable(
            f"The vocabulary {path} has {len(tokenizer)} words with BLIP's two marks, but the model has {words}. "
            "Give the one of BERT (uncased) as the setting “tokenizer”."
        )
    return tokenizer
