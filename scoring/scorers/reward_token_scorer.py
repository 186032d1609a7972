"""What the scorers that read a special token have in common: their files, the model while it is loaded, its length."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from scoring import weights
from scoring.scorers.base import Json, Scorer, ScorerFacts
from scoring.scorers.device import bytes_of
from scoring.scorers.reward_token_model import Asked, RewardFiles, RewardTokenModel
from scoring.scorers.reward_token_words import Wording, wording


class RewardTokenScorer(Scorer[tuple[Asked, ...]]):
    """Runs on a GPU where there is one, on the CPU otherwise. `load` sets `_model`."""

    _model: RewardTokenModel

    def __init__(self, facts: ScorerFacts, *, source: str, base: str, wording: str, precision: str) -> None:
        super().__init__(facts)
        self._source = source
        self._base = base
        self._worded = wording
        self._precision = precision

    @cached_property
    def _files(self) -> RewardFiles:
        raise NotImplementedError

    def _words_of(self, folder: Path, files: Sequence[str], own: Sequence[str], marks: Sequence[str]) -> list[Wording]:
        """What is asked, file by file: as it lies where the setting says or beside the weights, else in `own` words."""
        folders = [weights.folder_of(self._worded, list(files))] if self._worded else [folder]
        return [wording(folders, file, words, list(marks)) for file, words in zip(files, own, strict=True)]

    def bytes_held(self) -> int:
        return sum(bytes_of(module) for module in self._model.modules)

    @cached_property
    def _digests(self) -> dict[str, Json]:
        return self._files.digests

    def length(self, prepared: tuple[Asked, ...]) -> int:
        return max((len(asked.question.tokens) for asked in prepared), default=0)
