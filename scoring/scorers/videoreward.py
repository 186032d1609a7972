"""VideoReward: visual quality, motion quality and faithfulness of a video, read at three special tokens of a Qwen2-VL.

Source: Liu et al. 2025, "Improving Video Generation with Human Feedback" (VideoAlign). One question is asked in three
sections, each with a token of its own; one linear layer turns the states of the three into numbers, which are brought
to mean 0 and deviation 1 over the authors' data. The prompt stands in the last section alone: attention is causal, so
that the other two numbers do not depend on it, and a video without a prompt has them as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from scoring import weights
from scoring.scorers.base import (
    Decoded,
    Item,
    Json,
    Outcome,
    Reading,
    Result,
    ScorerUnavailable,
)
from scoring.scorers.device import device, dtype_of, memory_watched
from scoring.scorers.picture_processor import number
from scoring.scorers.reward_token_heads import LinearHead
from scoring.scorers.reward_token_model import Asked, RewardFiles, find_base, load_reward_model
from scoring.scorers.reward_token_scorer import RewardTokenScorer
from scoring.scorers.reward_token_state import Adapter
from scoring.scorers.reward_token_views import FLOATS, SMALLEST_FRAME, EvenFrames, Sight
from scoring.scorers.reward_token_words import PROMPT, VIDEO, Wording, Words

CONFIGURATION = "model_config.json"
CHECKPOINTS, WEIGHTS = "checkpoint-*", ("model.safetensors", "model.pth")
PATTERNS = (CONFIGURATION, *(f"{CHECKPOINTS}/{name}" for name in WEIGHTS))
TEMPLATE = "videoreward_template.txt"
DIMENSIONS = ("VQ", "MQ", "TA")
MARKS = tuple(f"<|{dimension}_reward|>" for dimension in DIMENSIONS)
CRITERIA = ("videoreward_visual", "videoreward_motion", "videoreward_alignment")
OVERALL = "videoreward"
OWN_TEMPLATE = (
    "Above is a video made by a machine. Rate three things, each for itself.\n"
    "How good do its pictures look? <|VQ_reward|>\n"
    "How good is what moves: smooth, natural, enough of it? <|MQ_reward|>\n"
    "It was made from a description: {prompt}\n"
    "How well does the video show it? <|TA_reward|>\n"
)


@dataclass(frozen=True)
class Stated:
    """What the checkpoint's `model_config.json` decides.

    Attributes:
        frames: which frames are looked at.
        largest: area of a frame in pixels, at most.
        adapter: how its adapters are scaled; None where it has none.
        norms: mean and deviation of each dimension; empty where the raw numbers are the scores.
    """

    frames: EvenFrames
    largest: int
    adapter: Adapter | None
    norms: Mapping[str, tuple[float, float]]


class VideoReward(RewardTokenScorer):
    """The mean over a sample's videos, dimension by dimension."""

    @cached_property
    def _folder(self) -> Path:
        return weights.folder_of(self._source, (*PATTERNS, TEMPLATE))

    @cached_property
    def _files(self) -> RewardFiles:
        return find_base(self._base, self._folder, [weights.weights_file(last_checkpoint(self._folder), WEIGHTS)])

    @cached_property
    def _stated(self) -> Stated:
        return read_configuration(self._folder / CONFIGURATION)

    @cached_property
    def _sight(self) -> Sight:
        return self._files.sight(Sight(smallest=SMALLEST_FRAME, largest=self._stated.largest, resample=FLOATS))

    @cached_property
    def _wording(self) -> Wording:
        (found,) = self._words_of(self._folder, [TEMPLATE], [OWN_TEMPLATE], MARKS)
        if found.text.index(PROMPT) < max(found.text.index(mark) for mark in MARKS[:2]):
            raise ScorerUnavailable(f"In {TEMPLATE} the prompt must come after {MARKS[0]} and {MARKS[1]}.")
        return found

    def load(self) -> None:
        words = Words(self._files.base, MARKS)
        self._template = words.asked(self._wording.text, [VIDEO])
        self._model = load_reward_model(
            self._files,
            words=words,
            head=LinearHead,
            head_name="rm_head",
            sight=self._sight,
            device=device(),
            dtype=dtype_of(self._precision),
            adapter=self._stated.adapter,
        )

    @cached_property
    def _digests(self) -> dict[str, Json]:
        return {**self._files.digests, "configuration": weights.file_digest(self._folder / CONFIGURATION)}

    def identity_parts(self) -> dict[str, Json]:
        norms: Json = {dimension: list(norm) for dimension, norm in self._stated.norms.items()}
        return {
            **self._digests,
            "preprocessing": self._sight.words,
            "positions": self._files.positions,
            "scale": norms or "raw",
            "template": self._wording.text,
            "template_origin": self._wording.origin,
            "decoding": self._stated.frames.words,
            "precision": self._precision,
        }

    def prepare(self, item: Item, decoded: Decoded) -> tuple[Asked, ...]:
        asked = []
        for frames in decoded.chosen_frames(self._stated.frames):
            view = self._model.sight.frames([frame.image for frame in frames])
            question = self._template.question(item.prompt_text, [view.tokens], (self._model.image, self._model.video))
            asked.append(Asked(self._model.checked(question), (view,)))
        return tuple(asked)

    def score(self, items: Sequence[Item], prepared: Sequence[tuple[Asked, ...]]) -> list[Outcome]:
        with memory_watched():
            states = self._model.states([asked for several in prepared for asked in several])  # (videos, 3, width)
            raw = iter(self._model.head(states).double().cpu().tolist())
        return [
            self._reading(item, several, [next(raw) for _asked in several])
            for item, several in zip(items, prepared, strict=True)
        ]

    def _reading(self, item: Item, asked: Sequence[Asked], raw: Sequence[Sequence[float]]) -> Reading:
        """Of one sample's videos, each with its three raw numbers."""
        means, deviations = zip(*(self._stated.norms.get(one, (0.0, 1.0)) for one in DIMENSIONS), strict=True)
        scores = (np.array(raw) - means) / deviations  # (videos, 3)
        results = {criterion: _result(scores[:, place]) for place, criterion in enumerate(CRITERIA)}
        results[OVERALL] = _result(scores.sum(axis=1))
        if not item.prompt_text.strip():
            del results[CRITERIA[2]], results[OVERALL]
        detail: dict[str, Json] = {
            "raw": [list(row) for row in raw],
            "frames": [len(view.pixels) for one in asked for view in one.views],
            "template": self._wording.origin,
        }
        return Reading(results, detail)


def _result(values: np.ndarray) -> Result:
    """The mean over a sample's videos, with their deviation where there are several."""
    return Result(float(values.mean()), float(values.std()) if len(values) > 1 else None)


def last_checkpoint(folder: Path) -> Path:
    """The folder of the checkpoint with the highest number, as its authors choose it; ScorerUnavailable without one."""
    found = [path for path in folder.glob(CHECKPOINTS) if path.name.removeprefix(CHECKPOINTS[:-1]).isdecimal()]
    if not found:
        raise ScorerUnavailable(f"The folder {folder} holds no checkpoint-NUMBER with the weights.")
    return max(found, key=lambda path: int(path.name.removeprefix(CHECKPOINTS[:-1])))


def read_configuration(path: Path) -> Stated:
    """What a checkpoint states of itself.

    Raises:
        ScorerUnavailable: unreadable, or it asks for something that is not done here.
    """
    whole = weights.read_json(path)
    try:
        return _stated_by(whole)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ScorerUnavailable(f"{path} asks for something that is not known here: {error}.") from error


def _stated_by(whole: Mapping[str, Any]) -> Stated:
    data, model = whole["data_config"], whole["model_config"]
    for table, name, known in (
        (data, "sample_type", "uniform"),
        (data, "eval_dim", list(DIMENSIONS)),
        (model, "output_dim", 1),
        (model, "use_special_tokens", True),
    ):
        if table.get(name, known) != known:
            raise ValueError(f"{name} is {table[name]}")
    frames = EvenFrames(count=int(data["num_frames"])) if data.get("num_frames") else EvenFrames(number(data["fps"]))
    norms = whole.get("inference_config") or {}
    return Stated(
        frames=frames,
        largest=int(number(data["max_frame_pixels"])),
        adapter=_adapter(whole.get("peft_lora_config") or {}),
        norms={one: (number(norms[f"{one}_mean"]), number(norms[f"{one}_std"])) for one in DIMENSIONS if norms},
    )


def _adapter(stated: Mapping[str, Any]) -> Adapter | None:
    if not stated.get("lora_enable", False):
        return None
    return Adapter(number(stated["lora_alpha"]), int(number(stated["lora_r"])), bool(stated.get("use_rslora", False)))
