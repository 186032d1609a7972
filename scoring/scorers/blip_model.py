"""BLIP as ImageReward has it: a tower that sees, a text encoder that looks at what was seen, and a head of one number.

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

import torch

from scoring import weights
from scoring.scorers.base import ScorerUnavailable
from scoring.scorers.clip_model import MEAN, STD
from scoring.scorers.fitted import State, fill, fitted, misfit, under
from scoring.scorers.several import Crop, in_parts, pixels

# isort: split
from transformers import BertTokenizer, BlipTextConfig, BlipTextModel, BlipVisionConfig, BlipVisionModel

FILES = ("ImageReward.safetensors", "model.safetensors", "ImageReward.pt")
CONFIG, VOCABULARY = "med_config.json", "vocab.txt"
PATTERNS = (*FILES, CONFIG, VOCABULARY)
# BERT's vocabulary, to which BLIP adds a start of a written text and a start of a read one; neither is used here.
ADDED_TOKENS = ("[DEC]", "[ENC]")
# The picture tower is timm's, with timm's epsilon; transformers' own default is 1e-5.
VISION_EPSILON = 1e-6
HEAD_WIDTH = 64
LONGEST = 35
# A buffer that only counts, and two projections that BLIP was pre-trained with and ImageReward never calls.
UNUSED = ("blip.text_encoder.embeddings.position_ids", "blip.vision_proj.", "blip.text_proj.")
# Between the linear layers of the head are dropouts, which do nothing here, and no activation.
HEAD_LAYERS = (0, 2, 4, 6, 7)


@dataclass(frozen=True)
class BlipFiles:
    """What ImageReward is read from: tensors, configuration of the text encoder, words of BERT."""

    path: Path
    config: Path
    vocabulary: Path


def find_files(source: str, tokenizer: str) -> BlipFiles:
    """Locates the files without loading them; the words may lie beside the weights, else where `tokenizer` says.

    Raises:
        ScorerUnavailable: one of them is not here; says what to give.
    """
    folder = weights.folder_of(source, PATTERNS)
    path = weights.weights_file(folder, FILES)
    if not (folder / CONFIG).is_file():
        raise ScorerUnavailable(f"The folder {folder} has no {CONFIG}, which ImageReward's weights come with.")
    words = folder if (folder / VOCABULARY).is_file() else weights.folder_of(tokenizer, (VOCABULARY,))
    if not (words / VOCABULARY).is_file():
        raise ScorerUnavailable(f"The folder {words} has no {VOCABULARY}: give BERT's as the setting “tokenizer”.")
    return BlipFiles(path, folder / CONFIG, words / VOCABULARY)


class BlipReward:
    """ImageReward's network: pictures are seen once, then read under as many texts as one likes."""

    def __init__(self, files: BlipFiles, *, device: torch.device, dtype: torch.dtype) -> None:
        """Builds both towers and the head with every tensor of the file.

        Raises:
            ScorerUnavailable: tensors are missing, left over or of another shape, or the words are not the model's.
        """
        parts = split(weights.read_tensors(files.path), origin=files.path)
        text_config = _text_config(files.config, seen_width=parts.width)
        self.device, self._dtype, self.image_size = device, dtype, parts.image_size
        self._vision = fitted(BlipVisionModel, parts.vision_config(), parts.vision, origin=files.path)
        self._text = fitted(BlipTextModel, text_config, parts.text, origin=files.path, add_pooling_layer=False)
        self._head = _head(parts.head, width=text_config.hidden_size, origin=files.path)
        self._tokenizer = _tokenizer(files.vocabulary, words=text_config.vocab_size)
        for tower in (self._vision, self._text):
            tower.to(device=device, dtype=dtype)
        self._head.to(device)  # stays in float32, as in the original

    @property
    def modules(self) -> tuple[torch.nn.Module, ...]:
        return (self._vision, self._text, self._head)

    def tokens(self, text: str) -> tuple[list[int], int]:
        """A text as numbers between BERT's two marks, at most 35 of them, and how many were cut."""
        found: list[int] = self._tokenizer(text)["input_ids"]
        cut = max(0, len(found) - LONGEST)
        return (found[: LONGEST - 1] + found[-1:] if cut else found), cut

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
    """ImageReward's tensors by part, under transformers' names."""

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


def split(state: Mapping[str, torch.Tensor], *, origin: Path) -> Parts:
    """Sorts the tensors of the released file into its three parts.

    Raises:
        ScorerUnavailable: a tensor that ImageReward does not have, or none of those that give the sizes.
    """
    used = {name: tensor for name, tensor in state.items() if not name.startswith(UNUSED)}
    prefixes = ("blip.visual_encoder.", "blip.text_encoder.", "mlp.layers.")
    strange = sorted(name for name in used if not name.startswith(prefixes))
    if strange:
        raise misfit(origin, f"ImageReward has no tensor {strange[0]}")
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


def _text_config(path: Path, *, seen_width: int) -> BlipTextConfig:
    """The text encoder's sizes; built as a decoder, the only kind that transformers gives eyes for the picture."""
    stated = weights.read_json(path)
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


def _head(state: State, *, width: int, origin: Path) -> torch.nn.Module:
    """The stack of linear layers width → 1024 → 128 → 64 → 16 → 1."""
    sizes = (width, 1024, 128, 64, 16, 1)
    layers = zip(HEAD_LAYERS, sizes, sizes[1:], strict=False)
    head = torch.nn.Sequential(OrderedDict((str(place), torch.nn.Linear(a, b)) for place, a, b in layers))
    return fill(head, state, origin=origin)


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
