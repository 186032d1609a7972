"""Qwen-VL models whose state at a special token is read: files, tensors, and the one rule that nothing warns about.

**Positions.** The reference implementations of HPSv3, VideoReward and of EditReward on Qwen2.5-VL put the pictures'
embeddings among the words themselves and call the language model with them alone. It then counts positions along one
line, 0, 1, 2 …, on all three axes of its rotary embedding, and so the models were trained; the whole model, called
with ids and grids, would count pictures in rows and columns and give quite other scores. EditReward on Qwen3-VL does
call the whole model. The family of the configuration decides.

**Frequencies.** The authors bring the whole model to bfloat16, the frequencies of its rotary embeddings included, and
trained it so; 64 of them lose all but eight binary digits. They are rounded here too, in every precision.

Sources: Wang et al. 2024, Qwen2-VL; Ma et al. 2025, HPSv3; Liu et al. 2025, Improving Video Generation with Human
Feedback; Wu et al. 2025, EditReward.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

import scoring.torch_setup  # noqa: F401 - declares the operators without which transformers cannot be imported

# isort: split
from transformers import (
    Qwen2_5_VLConfig,
    Qwen2_5_VLModel,
    Qwen2VLConfig,
    Qwen2VLModel,
    Qwen3VLConfig,
    Qwen3VLModel,
)

from scoring import weights
from scoring.scorers.base import Json, ScorerUnavailable
from scoring.scorers.fitted import digest_of_files, fill, fitted, read_all
from scoring.scorers.picture_processor import FILE as PREPROCESSOR
from scoring.scorers.picture_processor import number, triple
from scoring.scorers.reward_token_state import Adapter, parts_of
from scoring.scorers.reward_token_views import BYTES, FRAMES_IN_A_PATCH, Sight, View
from scoring.scorers.reward_token_words import TOKEN_FILES, Question, Words

BASE_FILES = ("config.json", PREPROCESSOR, *TOKEN_FILES)
# So many patches at once keep the memory of the picture tower within bounds.
PATCHES_AT_ONCE = 1 << 14
EMBEDDINGS = "language_model.embed_tokens.weight"
NEEDS_KINDS = "mm_token_type_ids"


@dataclass(frozen=True)
class Family:
    """A family of models; `is_counted_along_a_line` is the rule of positions above."""

    configuration: Any
    model: Any
    is_counted_along_a_line: bool


FAMILIES: Mapping[str, Family] = {
    "qwen2_vl": Family(Qwen2VLConfig, Qwen2VLModel, is_counted_along_a_line=True),
    "qwen2_5_vl": Family(Qwen2_5_VLConfig, Qwen2_5_VLModel, is_counted_along_a_line=True),
    "qwen3_vl": Family(Qwen3VLConfig, Qwen3VLModel, is_counted_along_a_line=False),
}
LINE_IN_WORDS, GRID_IN_WORDS = "positions along one line", "positions in time, rows and columns"


@dataclass(frozen=True)
class RewardFiles:
    """A reward model on disk.

    Attributes:
        tensors: the files with its tensors.
        base: the folder with configuration and tokenizer of the model it was made from.
        stated: the base's `config.json`.
    """

    tensors: tuple[Path, ...]
    base: Path
    stated: Mapping[str, Any]

    @property
    def family(self) -> Family:
        return FAMILIES[str(self.stated["model_type"])]

    @property
    def digests(self) -> dict[str, Json]:
        """For the identity of a rater: the tensors, and everything beside them that has a say."""
        has_no_say = PREPROCESSOR if self.family.is_counted_along_a_line else ""
        names = [name for name in BASE_FILES if name != has_no_say]
        beside = sorted({file for name in names for file in self.base.glob(name)})
        return {"weights": digest_of_files(list(self.tensors)), "base": digest_of_files(beside)}

    @property
    def positions(self) -> str:
        """The rule of positions in words, with that of the frequencies."""
        rule = LINE_IN_WORDS if self.family.is_counted_along_a_line else GRID_IN_WORDS
        return f"{rule}, rotary frequencies rounded to bfloat16"

    def configuration(self) -> Any:
        """The base's configuration as transformers has it; ScorerUnavailable where it is none."""
        try:
            return self.family.configuration.from_dict(dict(self.stated))
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            raise ScorerUnavailable(f"{self.base / 'config.json'} is no configuration of its model: {error}") from error

    def sight(self, wanted: Sight) -> Sight:
        """How it sees pictures: as the reward model's authors have it, in the patches of this model.

        Counted in rows and columns, they leave pictures to the model's own processor.

        Raises:
            ScorerUnavailable: it cuts pictures in a way that is not known here.
        """
        tower = self.configuration().vision_config
        if tower.temporal_patch_size != FRAMES_IN_A_PATCH:
            raise ScorerUnavailable(f"{self.base} cuts videos into patches that are not two frames long.")
        found = replace(wanted, patch=int(tower.patch_size), merge=int(tower.spatial_merge_size))
        if self.family.is_counted_along_a_line:
            return found
        return _stated_sight(found, weights.read_json(self.base / PREPROCESSOR))


def find_base(source: str, folder: Path, tensors: Sequence[Path]) -> RewardFiles:
    """The files of a reward model, without loading them.

    Args:
        source: of the base's configuration and tokenizer; empty where they lie in `folder`, beside the weights.

    Raises:
        ScorerUnavailable: not here, or of a family that is not known.
    """
    base = weights.folder_of(source, BASE_FILES) if source else folder
    stated = weights.read_json(base / "config.json")
    if stated.get("model_type") not in FAMILIES:
        raise ScorerUnavailable(
            f"{base / 'config.json'} states the model “{stated.get('model_type')}”; known are {', '.join(FAMILIES)}."
        )
    return RewardFiles(tuple(tensors), base, stated)


def _stated_sight(found: Sight, stated: Mapping[str, Any]) -> Sight:
    """What the preprocessing of a Qwen3-VL says."""
    try:
        size = stated["size"]
        return replace(
            found,
            smallest=int(number(size["shortest_edge"])),
            largest=int(number(size["longest_edge"])),
            resample=BYTES,
            mean=triple(stated["image_mean"]),
            std=triple(stated["image_std"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ScorerUnavailable(f"{PREPROCESSOR} of the base does not say how pictures are seen: {error}.") from error


@dataclass(frozen=True)
class Asked:
    """One question with what it is asked about."""

    question: Question
    views: tuple[View, ...]


class RewardTokenModel:
    """The body in its precision and the head in float32, both on one device.

    Attributes:
        sight: how it sees pictures.
        width: numbers of a state.
        longest: tokens that it reads at most.
        image, video: the tokens that stand for a picture and a video.
    """

    def __init__(self, body: Any, head: Any, *, sight: Sight, is_counted_along_a_line: bool) -> None:
        self.body, self.head, self.sight = body, head, sight
        self.is_counted_along_a_line = is_counted_along_a_line
        config = body.config
        self.width = int(config.get_text_config().hidden_size)
        self.longest = int(config.get_text_config().max_position_embeddings)
        self.image, self.video = int(config.image_token_id), int(config.video_token_id)
        weight = next(iter(body.parameters()))
        self._device, self._dtype = weight.device, weight.dtype
        self._takes_kinds = NEEDS_KINDS in inspect.signature(body.forward).parameters

    @property
    def modules(self) -> tuple[torch.nn.Module, ...]:
        return self.body, self.head

    def checked(self, question: Question) -> Question:
        """The question; ValueError when it is longer than the model reads."""
        if len(question.tokens) > self.longest:
            raise ValueError(
                f"the question has {len(question.tokens)} tokens, more than the {self.longest} the model reads"
            )
        return question

    @torch.inference_mode()
    def states(self, asked: Sequence[Asked]) -> torch.Tensor:
        """The last states at the special tokens: (n, marks, width) float32, on the device.

        Shorter questions are filled up on the right, where causal attention never looks.
        """
        longest = max(len(one.question.tokens) for one in asked)
        ids = torch.zeros(len(asked), longest, dtype=torch.long)
        for row, one in enumerate(asked):
            ids[row, : len(one.question.tokens)] = torch.tensor(one.question.tokens)
        views = [view for one in asked for view in one.views]
        if self.is_counted_along_a_line:
            states = self._along_a_line(ids.to(self._device), views)
        else:
            lengths = torch.tensor([len(one.question.tokens) for one in asked])
            states = self._in_rows_and_columns(ids.to(self._device), views, lengths.to(self._device))
        marks = torch.tensor([one.question.marks for one in asked], device=self._device)  # (n, marks)
        rows = torch.arange(len(asked), device=self._device)[:, None]
        return states[rows, marks].float()

    def _along_a_line(self, ids: torch.Tensor, views: Sequence[View]) -> torch.Tensor:
        """States (n, T, width) of ids (n, T)."""
        embedded = self.body.get_input_embeddings()(ids)
        if views:
            embedded[(ids == self.image) | (ids == self.video)] = self._seen(views).to(embedded.dtype)
        places = torch.arange(ids.shape[1], device=self._device).expand(3, *ids.shape)
        said = self.body.language_model(inputs_embeds=embedded, position_ids=places, use_cache=False)
        states: torch.Tensor = said.last_hidden_state
        return states

    def _seen(self, views: Sequence[View]) -> torch.Tensor:
        """What the picture tower makes of views, in order: (their tokens, width). Equal views are looked at once."""
        places: dict[object, int] = {}
        order = [places.setdefault(view.key, len(places)) for view in views]
        different = [views[order.index(place)] for place in range(len(places))]
        tokens: list[torch.Tensor] = []
        for few in _in_few(different):
            patches = torch.cat([self.sight.patches(view, self._device) for view in few])
            grids = torch.tensor([view.grid for view in few], device=self._device)
            seen = self.body.visual(patches.to(self._dtype), grid_thw=grids)
            tokens += getattr(seen, "pooler_output", seen).split([view.tokens for view in few])
        return torch.cat([tokens[place] for place in order])

    def _in_rows_and_columns(self, ids: torch.Tensor, views: Sequence[View], lengths: torch.Tensor) -> torch.Tensor:
        """States (n, T, width) of ids (n, T) by the whole model, which counts positions itself."""
        patches = torch.cat([self.sight.patches(view, self._device) for view in views])
        grids = torch.tensor([view.grid for view in views], device=self._device)
        fields: dict[str, Any] = {
            "input_ids": ids,
            "attention_mask": (torch.arange(ids.shape[1], device=self._device) < lengths[:, None]).long(),
            "pixel_values": patches.to(self._dtype),
            "image_grid_thw": grids,
        }
        if self._takes_kinds:
            fields[NEEDS_KINDS] = (ids == self.image).int()
        states: torch.Tensor = self.body(**fields, use_cache=False).last_hidden_state
        return states


def load_reward_model(
    files: RewardFiles,
    *,
    words: Words,
    head: Callable[[int], torch.nn.Module],
    head_name: str,
    sight: Sight,
    device: torch.device,
    dtype: torch.dtype,
    adapter: Adapter | None = None,
) -> RewardTokenModel:
    """Reads a model.

    Args:
        head: makes the head for the width of a state.
        head_name: how the head's tensors are called in the file, such as `rm_head`.

    Raises:
        ScorerUnavailable: a tensor is missing, left over or of another shape, or the tokenizer is another model's.
    """
    origin = files.tensors[0]
    parts = parts_of(read_all(files.tensors), head=head_name, origin=origin, adapter=adapter)
    config = _configuration(files, parts.body.get(EMBEDDINGS), words)
    top = fill(head(config.get_text_config().hidden_size), parts.head, origin=origin)
    body = fitted(files.family.model, config, parts.body, origin=origin, dtype=dtype)
    return RewardTokenModel(
        frequencies_rounded(body).to(device),
        top.float().requires_grad_(False).to(device),
        sight=sight,
        is_counted_along_a_line=files.family.is_counted_along_a_line,
    )


def frequencies_rounded(body: torch.nn.Module) -> torch.nn.Module:
    """The model with the frequencies of all its rotary embeddings rounded to bfloat16, in the type they have."""
    for name, buffer in body.named_buffers():
        if name.endswith("inv_freq"):
            buffer.copy_(buffer.bfloat16())
    return body


def _configuration(files: RewardFiles, embeddings: torch.Tensor | None, words: Words) -> Any:
    """The base's configuration, with as many words as the reward model has."""
    if embeddings is None:
        raise ScorerUnavailable(f"The weights {files.tensors[0]} have no embeddings of words. Fetch them again.")
    if len(embeddings) != words.size:
        raise ScorerUnavailable(
            f"The weights {files.tensors[0]} know {len(embeddings)} tokens, but the tokenizer of {files.base} with the "
            f"special ones has {words.size}. Give the base that the model was made from."
        )
    config = files.configuration()
    config.get_text_config().vocab_size = len(embeddings)
    return config


def _in_few(views: Sequence[View]) -> list[list[View]]:
    """The views in their order, in groups of at most PATCHES_AT_ONCE patches, or of one."""
    groups: list[list[View]] = []
    room = 0
    for view in views:
        patches = view.tokens * view.merge**2
        if patches > room or not groups:
            groups.append([])
            room = PATCHES_AT_ONCE
        groups[-1].append(view)
        room -= patches
    return groups
