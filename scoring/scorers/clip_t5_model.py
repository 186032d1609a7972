"""CLIP-FlanT5: a CLIP tower sees a picture, two linear layers carry it over, a Flan-T5 reads it among the words.

Source: Lin, Pathak, Li, Li, Xia, Neubig, Zhang and Ramanan, "Evaluating Text-to-Visual Generation with Image-to-Text
Generation", ECCV 2024. Both language and picture towers are transformers' own classes; the released table of tensors
holds all three parts, laid out as LLaVA's first code did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from tokenizers import Tokenizer

from scoring import weights
from scoring.scorers.base import ScorerUnavailable
from scoring.scorers.clip_views import crop_for
from scoring.scorers.fitted import State, fill, fitted, misfit, read_all, tensor_files, under
from scoring.scorers.several import Crop, in_parts, pixels

# isort: split
from transformers import CLIPVisionConfig, CLIPVisionModel, T5Config, T5ForConditionalGeneration

FILES = ("model.safetensors", "pytorch_model.bin")
CONFIG, TOKENIZER, PROCESSOR = "config.json", "tokenizer.json", "preprocessor_config.json"
TEMPLATE = "vqascore_template.txt"
PATTERNS = (CONFIG, TOKENIZER, TEMPLATE, "*.safetensors", "*.index.json", "pytorch_model*.bin")
IMAGE = "<image>"
# Where the picture stands among the tokens; no word has this number.
PLACEHOLDER = -200
LONGEST = 2048
# The layer before the last, without its first token: LLaVA's choice.
LAYER = -2
# A picture is padded to a square first; beyond this side it is made smaller before, to bound the memory.
LONGEST_SIDE = 4096
# Names under which T5 holds its embeddings a second time.
SAME_AS_SHARED = ("embed_tokens.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight")


@dataclass(frozen=True)
class ClipT5Files:
    """What CLIP-FlanT5 is read from.

    Attributes:
        paths: files with tensors.
        stated: the source's `config.json`.
        vision: `config.json` of the picture tower, whose tensors are among those of `paths`.
        processor: `preprocessor_config.json` of the picture tower.
        tokenizer: `tokenizer.json` of Flan-T5.
    """

    folder: Path
    paths: tuple[Path, ...]
    stated: Mapping[str, Any]
    vision: Mapping[str, Any]
    processor: Mapping[str, Any]
    tokenizer: Path

    @property
    def mean(self) -> tuple[float, ...]:
        return tuple(map(float, self.processor["image_mean"]))

    @property
    def std(self) -> tuple[float, ...]:
        return tuple(map(float, self.processor["image_std"]))

    @property
    def image_size(self) -> int:
        return int(self.vision["image_size"])


def find_files(source: str, *, vision: str, tokenizer: str) -> ClipT5Files:
    """Locates the files without loading them; the tokenizer may lie beside the weights.

    Raises:
        ScorerUnavailable: one is not here, or asks for another architecture or preprocessing than CLIP-FlanT5's.
    """
    folder = weights.folder_of(source, PATTERNS)
    paths = tuple(tensor_files(folder, FILES))
    stated = weights.read_json(folder / CONFIG)
    _check_architecture(stated, folder / CONFIG)
    tower = weights.folder_of(vision, (CONFIG, PROCESSOR))
    processor = weights.read_json(tower / PROCESSOR)
    seen = _vision_config(weights.read_json(tower / CONFIG), tower / CONFIG)
    _check_processor(processor, seen, tower / PROCESSOR)
    words = folder if (folder / TOKENIZER).is_file() else weights.folder_of(tokenizer, (TOKENIZER,))
    if not (words / TOKENIZER).is_file():
        raise ScorerUnavailable(f"The folder {words} has no {TOKENIZER}: give Flan-T5's as the setting “tokenizer”.")
    return ClipT5Files(folder, paths, stated, seen, processor, words / TOKENIZER)


class ClipT5:
    """Pictures are seen once, then asked about as often as one likes."""

    def __init__(self, files: ClipT5Files, *, device: torch.device, dtype: torch.dtype) -> None:
        """Builds all three parts with every tensor of the files.

        Raises:
            ScorerUnavailable: tensors are missing, left over or of another shape, or the tokenizer is not the model's.
        """
        origin = files.paths[0]
        self._tokenizer = _tokenizer(files.tokenizer, words=int(files.stated["vocab_size"]))
        # The last layer has a few more rows than there are words; the original takes them out of the choice.
        self._words = self._tokenizer.get_vocab_size()
        vision, projector, language = split(read_all(files.paths), origin=origin)
        self.files, self.device, self._dtype = files, device, dtype
        self._language = fitted(T5ForConditionalGeneration, _t5_config(files.stated), language, origin=origin)
        self._vision = fitted(CLIPVisionModel, CLIPVisionConfig(**files.vision), vision, origin=origin)
        self._projector = fill(_projector(files), projector, origin=origin)
        for part in self.modules:
            part.to(device=device, dtype=dtype)

    @property
    def modules(self) -> tuple[torch.nn.Module, ...]:
        return (self._vision, self._projector, self._language)

    # -- words ---

    def tokens(self, text: str) -> list[int]:
        """A text as numbers, with the end of a sequence after it."""
        ids: list[int] = self._tokenizer.encode(text).ids
        return ids

    def question(self, before: str, after: str) -> tuple[list[int], int]:
        """A question around a picture, at most 2048 tokens with the picture as one, and how many were cut."""
        found = [*self.tokens(before), PLACEHOLDER, *self.tokens(after)]
        return found[:LONGEST], max(0, len(found) - LONGEST)

    # -- pictures ---

    def crop(self, picture: Image.Image) -> Crop:
        """The tower's view of a picture: padded to a square in the mean colour, then resized."""
        return crop_for(squared(picture, self.files.mean), self.files.image_size)

    @torch.inference_mode()
    def see(self, crops: Sequence[Crop]) -> torch.Tensor:
        """n ≥ 1 pictures (S, S, 3) uint8, as the language model reads them: (n, patches, d)."""
        return in_parts(len(crops), lambda which: self._projector(self._features(crops[which])))

    def _features(self, crops: Sequence[Crop]) -> torch.Tensor:
        seen = pixels(crops, mean=self.files.mean, std=self.files.std, device=self.device).to(self._dtype)
        states = self._vision(pixel_values=seen, output_hidden_states=True).hidden_states
        features: torch.Tensor = states[LAYER][:, 1:]  # (n, patches, w), without CLS
        return features

    # -- answers ---

    @torch.inference_mode()
    def answer(
        self, seen: torch.Tensor, places: Sequence[int], questions: Sequence[Sequence[int]], label: Sequence[int]
    ) -> torch.Tensor:
        """Log-probabilities of each token of one answer to n ≥ 1 questions, each given those before it.

        Args:
            seen: what `see` gave, (pictures, patches, d).
            places: n numbers, which picture each question is about.
            questions: n token lists, each with one `PLACEHOLDER`.
            label: the answer's tokens, T ≥ 1, with the end of the sequence.

        Returns:
            (n, T), float32, at most 0.
        """
        return in_parts(
            len(questions),
            lambda which: self._answer([seen[place] for place in places[which]], questions[which], label),
        )

    def _answer(
        self, pictures: Sequence[torch.Tensor], questions: Sequence[Sequence[int]], label: Sequence[int]
    ) -> torch.Tensor:
        rows = [self._read(ids, picture) for picture, ids in zip(pictures, questions, strict=True)]
        embedded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)  # (n, L, d)
        lengths = torch.tensor([[len(row)] for row in rows])
        mask = (torch.arange(embedded.shape[1]) < lengths).long().to(self.device)
        wanted = torch.tensor([label] * len(rows), device=self.device)  # (n, T)
        logits = self._language(inputs_embeds=embedded, attention_mask=mask, labels=wanted).logits
        logits = logits[..., : self._words]  # (n, T, V)
        return logits.float().log_softmax(dim=-1).gather(-1, wanted[..., None]).squeeze(-1)

    def _read(self, ids: Sequence[int], picture: torch.Tensor) -> torch.Tensor:
        """A question with its picture in place: (tokens − 1 + patches, d)."""
        at = list(ids).index(PLACEHOLDER)
        embed = self._language.get_input_embeddings()
        before, after = (torch.tensor(part, dtype=torch.long, device=self.device) for part in (ids[:at], ids[at + 1 :]))
        return torch.cat([embed(before), picture, embed(after)])


def squared(picture: Image.Image, mean: Sequence[float]) -> Image.Image:
    """A picture in the middle of a square of the mean colour, each channel int(mean · 255).

    Args:
        picture: mode RGB; made smaller first where its longer side is over 4096 pixels.
        mean: of red, green and blue, 0 to 1.
    """
    longest = max(picture.size)
    if longest > LONGEST_SIDE:
        size = [max(1, round(side * LONGEST_SIDE / longest)) for side in picture.size]
        picture = picture.resize((size[0], size[1]), Image.Resampling.BICUBIC)
    side = max(picture.size)
    if picture.size == (side, side):
        return picture
    square = Image.new("RGB", (side, side), tuple(int(part * 255) for part in mean))
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return square


# -- reading the released layout --------------------------------------------------------------------------------------


def split(state: Mapping[str, torch.Tensor], *, origin: Path) -> tuple[State, State, State]:
    """Sorts the tensors into those of the picture tower, the projector and the language model.

    Raises:
        ScorerUnavailable: a part is not there, or the embeddings of T5 are stated twice and differ.
    """
    vision = under(under(state, "vision_tower.vision_tower."), "vision_model.")
    vision.pop("embeddings.position_ids", None)  # a buffer that only counts
    projector = under(state, "mm_projector.")
    language = {
        name: tensor for name, tensor in state.items() if not name.startswith(("vision_tower.", "mm_projector."))
    }
    for part, found in (("vision_tower", vision), ("mm_projector", projector), ("lm_head.weight", language)):
        if not found or (part == "lm_head.weight" and part not in found):
            raise misfit(origin, f"there is no {part}")
    for name in SAME_AS_SHARED:
        again = language.pop(name, None)
        if again is not None and not torch.equal(again, language.get("shared.weight", again.new_empty(0))):
            raise misfit(origin, f"{name} is not shared.weight")
    return vision, projector, language


def _check_architecture(stated: Mapping[str, Any], path: Path) -> None:
    wanted = {
        "model_type": "clip_t5",
        "mm_projector_type": "mlp2x_gelu",
        "mm_vision_select_layer": LAYER,
        "mm_vision_select_feature": "patch",
    }
    wrong = [name for name, value in wanted.items() if stated.get(name, value) != value]
    if wrong or "model_type" not in stated:
        raise ScorerUnavailable(f"{path} describes no CLIP-FlanT5: {', '.join(wrong) or 'no model_type'}.")
    missing = [name for name in ("d_model", "vocab_size", "num_layers") if not isinstance(stated.get(name), int)]
    if missing:
        raise ScorerUnavailable(f"{path} states no {missing[0]}.")


T5_NAMES = (
    "vocab_size",
    "d_model",
    "d_kv",
    "d_ff",
    "num_layers",
    "num_decoder_layers",
    "num_heads",
    "relative_attention_num_buckets",
    "relative_attention_max_distance",
    "layer_norm_epsilon",
    "feed_forward_proj",
    "tie_word_embeddings",
    "pad_token_id",
    "eos_token_id",
    "decoder_start_token_id",
)


def _t5_config(stated: Mapping[str, Any]) -> T5Config:
    return T5Config(**{"decoder_start_token_id": 0} | {name: stated[name] for name in T5_NAMES if name in stated})


def _vision_config(stated: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The picture tower's sizes, from a configuration of the tower alone or of a whole CLIP."""
    own = stated.get("vision_config", stated)
    names = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "image_size", "patch_size")
    missing = [name for name in names if not isinstance(own.get(name), int)]
    if missing:
        raise ScorerUnavailable(f"{path} states no {missing[0]} of a CLIP picture tower.")
    return {
        **{name: own[name] for name in names},
        "hidden_act": own.get("hidden_act", "quick_gelu"),
        "layer_norm_eps": own.get("layer_norm_eps", 1e-5),
    }


def _check_processor(processor: Mapping[str, Any], vision: Mapping[str, Any], path: Path) -> None:
    """Refuses a processor that differs from CLIP's, rather than scoring a little wrong."""
    size = processor.get("crop_size")
    side = size.get("height") if isinstance(size, Mapping) else size
    if side != vision["image_size"] or processor.get("resample", 3) != 3:
        raise ScorerUnavailable(f"{path} asks for another preprocessing than CLIP's.")
    for name in ("image_mean", "image_std"):
        stated = processor.get(name)
        if not isinstance(stated, list) or len(stated) != 3:
            raise ScorerUnavailable(f"{path} states no {name}.")


def _projector(files: ClipT5Files) -> torch.nn.Module:
    width, depth = int(files.vision["hidden_size"]), int(files.stated["d_model"])
    return torch.nn.Sequential(torch.nn.Linear(width, depth), torch.nn.GELU(), torch.nn.Linear(depth, depth))


def _tokenizer(path: Path, *, words: int) -> Tokenizer:
    """Flan-T5's tokenizer; ScorerUnavailable when it cannot be read or has more words than the model."""
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise ScorerUnavailable(f"The tokenizer {path} cannot be read ({error}).") from error
    if tokenizer.get_vocab_size() > words:
        raise ScorerUnavailable(
            f"The tokenizer {path} has {tokenizer.get_vocab_size()} words, but the model has {words}. "
            "Give the one of Flan-T5 as the setting “tokenizer”."
        )
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
