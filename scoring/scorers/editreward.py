"""EditReward: how well a picture was edited as instructed, by a Qwen-VL with two heads at a special token.

Source: Wu et al. 2025, "EditReward: A Human-Aligned Reward Model for Instruction-Guided Image Editing". The model sees
the source, then the edited picture, and is asked twice, under one rubric for each head: whether the instruction was
followed, and how good the picture is. Each head gives μ and log σ; the columns of both are pooled into one reward.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch

from scoring import weights
from scoring.scorers.base import (
    Decoded,
    Item,
    Json,
    NothingToJudge,
    Outcome,
    Reading,
    Result,
    ScorerFacts,
    ScorerUnavailable,
)
from scoring.scorers.device import device, dtype_of, memory_watched
from scoring.scorers.fitted import tensor_files
from scoring.scorers.reward_token_heads import estimates, ranking_heads, result_of
from scoring.scorers.reward_token_model import Asked, RewardFiles, find_base, load_reward_model
from scoring.scorers.reward_token_scorer import RewardTokenScorer
from scoring.scorers.reward_token_views import Sight
from scoring.scorers.reward_token_words import IMAGE, Wording, Words

FILES = ("model.safetensors", "model.pth")
PATTERNS = ("model*.safetensors", "model.safetensors.index.json", "model.pth")
MARK = "<|Reward|>"
TEMPLATES = ("editreward_following_template.txt", "editreward_quality_template.txt")
OWN_TEMPLATES = (
    "The first picture was edited after an instruction; the second is what came out. Was the instruction followed, "
    "wholly and without changing anything else?\nInstruction: {prompt}\nRating of the edit: <|Reward|>\n",
    "The first picture was edited after an instruction; the second is what came out. How good does it look: natural, "
    "without flaws, of one piece?\nInstruction: {prompt}\nRating of the edit: <|Reward|>\n",
)
CRITERIA = ("editreward_following", "editreward_quality")
MEAN, LOWEST, SUM = "mean", "min", "sum"
POOLINGS = (MEAN, LOWEST, SUM)


class EditReward(RewardTokenScorer):
    """Prepared: both questions about each picture in turn."""

    def __init__(
        self, facts: ScorerFacts, *, source: str, base: str, wording: str, pooling: str, precision: str
    ) -> None:
        super().__init__(facts, source=source, base=base, wording=wording, precision=precision)
        if pooling not in POOLINGS:
            raise ScorerUnavailable(f"The pooling “{pooling}” is unknown; there are {', '.join(POOLINGS)}.")
        self._pooling = pooling

    @cached_property
    def _files(self) -> RewardFiles:
        folder = weights.folder_of(self._source, (*PATTERNS, *TEMPLATES))
        return find_base(self._base, folder, tensor_files(folder, FILES))

    @cached_property
    def _wordings(self) -> list[Wording]:
        return self._words_of(self._files.tensors[0].parent, TEMPLATES, OWN_TEMPLATES, [MARK])

    def load(self) -> None:
        words = Words(self._files.base, [MARK])
        self._templates = [words.asked(one.text, [IMAGE, IMAGE]) for one in self._wordings]
        self._model = load_reward_model(
            self._files,
            words=words,
            head=ranking_heads,
            head_name="rm_heads",
            sight=self._files.sight(Sight()),
            device=device(),
            dtype=dtype_of(self._precision),
        )

    def identity_parts(self) -> dict[str, Json]:
        return {
            **self._digests,
            "preprocessing": self._files.sight(Sight()).words,
            "positions": self._files.positions,
            "scale": f"{self._pooling} over two heads",
            "template": [one.text for one in self._wordings],
            "template_origin": [one.origin for one in self._wordings],
            "precision": self._precision,
        }

    def prepare(self, item: Item, decoded: Decoded) -> tuple[Asked, ...]:
        sources = decoded.role_pictures("source")
        if len(sources) != 1:
            raise NothingToJudge(f"the prompt has {len(sources)} source pictures, and one is compared with")
        source = self._model.sight.picture(sources[0])
        asked = []
        for picture in decoded.pictures():
            views = (source, self._model.sight.picture(picture))
            sizes = [view.tokens for view in views]
            for template in self._templates:
                question = template.question(item.prompt_text, sizes, (self._model.image,))
                asked.append(Asked(self._model.checked(question), views))
        return tuple(asked)

    def score(self, items: Sequence[Item], prepared: Sequence[tuple[Asked, ...]]) -> list[Outcome]:
        with memory_watched():
            columns = self._columns([asked for several in prepared for asked in several])  # (pictures, heads, 2)
        counts = [len(several) // len(TEMPLATES) for several in prepared]
        return [self._reading(rows) for rows in columns.split(counts)]

    def _columns(self, asked: Sequence[Asked]) -> torch.Tensor:
        """μ and log σ of each head under its own question, (pictures, heads, 2) float32, on the CPU."""
        states = self._model.states(asked)[:, 0].reshape(-1, len(TEMPLATES), self._model.width)
        heads = [self._model.head[f"head_{place}"](states[:, place]) for place in range(len(TEMPLATES))]
        return torch.stack(heads, dim=1).cpu()

    def _reading(self, columns: torch.Tensor) -> Reading:
        """Of one sample's pictures, (pictures, heads, 2)."""
        results: dict[str, Result] = {"editreward": result_of(*estimates(pooled(columns, self._pooling)))}
        detail: dict[str, Json] = {"template": [one.origin for one in self._wordings]}
        for place, criterion in enumerate(CRITERIA):
            means, deviations = estimates(columns[:, place])
            results[criterion] = result_of(means, deviations)
            detail[criterion] = {"values": means, "deviations": deviations}
        return Reading(results, detail)


def pooled(columns: torch.Tensor, pooling: str) -> torch.Tensor:
    """The columns of several heads as those of one reward.

    Args:
        columns: μ and log σ, (n, heads, 2).
        pooling: MEAN, of both columns (so that σ is the geometric mean); LOWEST, the smallest of both columns, each for
            itself; SUM, of μ, with the σ of a sum of independent numbers.

    Returns:
        (n, 2).
    """
    if pooling == MEAN:
        return columns.mean(dim=1)
    if pooling == LOWEST:
        return columns.amin(dim=1)
    deviations = columns[..., 1].exp().square().sum(dim=1).sqrt()
    return torch.stack([columns[..., 0].sum(dim=1), deviations.log()], dim=-1)
