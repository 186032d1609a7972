"""The probability that a chat model which sees answers “Yes” to a question about a picture and its prompt.

Any vision-language model that transformers knows as image-and-text-to-text, from a folder or a pinned commit. Three
rules turn the model's probabilities into one number, and the rule is part of the rater, for they differ widely:

    first-token   P(yes), the share of the first token of the affirmative answers among all tokens
    normalised    P(yes) / (P(yes) + P(no))
    geometric     exp of the mean log-probability of the answer's tokens and the end of the turn (VQAScore's rule)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from scoring import weights
from scoring.scorers.base import Decoded, Item, Json, Outcome, Scorer, ScorerFacts, ScorerUnavailable
from scoring.scorers.chat_model import PATTERNS, ChatModel, processor_of
from scoring.scorers.device import bytes_of, device, dtype_of, memory_watched
from scoring.scorers.fitted import digest_of_files
from scoring.scorers.kinship import family_of, name_of
from scoring.scorers.several import FRAMES_IN_WORDS, mean_reading, shown

FIRST, NORMALISED, GEOMETRIC = "first-token", "normalised", "geometric"
RULES = (FIRST, NORMALISED, GEOMETRIC)
PROMPT = "{prompt}"
# Patches of this side cost about one token in the models of the day; only neighbours in a batch depend on it.
PATCH = 28
WIDEST_ASPECT = 64


@dataclass(frozen=True)
class Asked:
    """A sample's pictures and the question about each of them."""

    pictures: tuple[Image.Image, ...]
    question: str
    tokens: int


class YesToken(Scorer[Asked]):
    """Runs on a GPU where there is one, on the CPU otherwise."""

    def __init__(
        self,
        facts: ScorerFacts,
        *,
        source: str,
        question: str,
        yes: str,
        no: str,
        rule: str,
        longest_side: str,
        precision: str,
    ) -> None:
        super().__init__(facts)
        if rule not in RULES:
            raise ScorerUnavailable(f"The rule “{rule}” is unknown; there are {', '.join(RULES)}.")
        if question.count(PROMPT) != 1:
            raise ScorerUnavailable(f"The question must hold {PROMPT} once, where the prompt is put in: “{question}”.")
        self._source = source
        self._question = question
        self._yes, self._no = (_answers(stated) for stated in (yes, no))
        self._rule = rule
        self._side = side_of(longest_side)
        self._precision = precision

    @cached_property
    def _folder(self) -> Path:
        if not self._source:
            raise ScorerUnavailable("Name a model in the setting “source”: OWNER/NAME@COMMIT on the Hub, or a folder.")
        return weights.folder_of(self._source, PATTERNS)

    @cached_property
    def _processor(self) -> Any:
        return processor_of(self._folder)

    def load(self) -> None:
        self._model = ChatModel(self._folder, self._processor, device=device(), dtype=dtype_of(self._precision))
        if self._rule == GEOMETRIC:
            self._label = [*self._model.tokens(self._yes[0]), self._model.end]
            return
        self._first = [self._model.first_tokens(answers) for answers in (self._yes, self._no)]
        if set(self._first[0]) & set(self._first[1]):
            raise ScorerUnavailable(
                f"“{'|'.join(self._yes)}” and “{'|'.join(self._no)}” begin with the same token of this model; "
                "give answers that differ in their first token, or take the rule “geometric”."
            )

    def bytes_held(self) -> int:
        return bytes_of(self._model.model)

    def family(self) -> str:
        return family_of(self._folder, self.facts.family)

    def models(self) -> tuple[str, ...]:
        return (name_of(self._source),)

    @cached_property
    def _weights_digest(self) -> str:
        files = {file for pattern in PATTERNS for file in self._folder.glob(pattern)}
        return digest_of_files(sorted(files))

    def identity_parts(self) -> dict[str, Json]:
        side = f"longer side at most {self._side}, " if self._side else ""
        return {
            "weights": self._weights_digest,
            "preprocessing": f"on white, {side}{type(self._processor.image_processor).__name__}",
            "scale": self._rule,
            "answers": {"yes": list(self._yes), "no": list(self._no)},
            "template": self._question,
            "decoding": FRAMES_IN_WORDS,
            "precision": self._precision,
        }

    def length(self, prepared: Asked) -> int:
        largest = max((picture.width * picture.height for picture in prepared.pictures), default=0)
        return prepared.tokens + largest // PATCH**2

    def prepare(self, item: Item, decoded: Decoded) -> Asked:
        question = self._question.replace(PROMPT, item.prompt_text)
        tokens = len(self._model.tokens(question))
        if tokens > self._model.longest:
            raise ValueError(f"the question has {tokens} tokens, more than the {self._model.longest} the model reads")
        return Asked(tuple(smaller(picture, self._side) for picture in shown(decoded)), question, tokens)

    def score(self, items: Sequence[Item], prepared: Sequence[Asked]) -> list[Outcome]:
        pictures = [picture for asked in prepared for picture in asked.pictures]
        questions = [asked.question for asked in prepared for _picture in asked.pictures]
        with memory_watched():
            judged = iter(self._judge(pictures, questions))
        return [
            self._reading(item, [next(judged) for _picture in asked.pictures])
            for item, asked in zip(items, prepared, strict=True)
        ]

    def _judge(self, pictures: Sequence[Image.Image], questions: Sequence[str]) -> list[tuple[float, Json]]:
        """For each picture its number, and the probabilities it comes from."""
        if self._rule == GEOMETRIC:
            found = self._model.answer(pictures, questions, self._label)
            values, each = geometric_mean(found).tolist(), found.exp().tolist()
            return [(value, {"tokens": row}) for value, row in zip(values, each, strict=True)]
        spoken = self._model.first(pictures, questions).exp()  # (n, V)
        yes, no = (spoken[:, places].sum(dim=-1).clamp(max=1.0) for places in self._first)
        values = (yes if self._rule == FIRST else normalised(yes, no)).tolist()
        rest = (1 - yes - no).clamp(min=0.0)
        return [
            (value, {"yes": float(yes[row]), "no": float(no[row]), "rest": float(rest[row])})
            for row, value in enumerate(values)
        ]

    def _reading(self, item: Item, judged: Sequence[tuple[float, Json]]) -> Outcome:
        values = [value for value, _probabilities in judged]
        detail: dict[str, Json] = {
            "rule": self._rule,
            "probabilities": [probabilities for _value, probabilities in judged],
        }
        if self._rule != GEOMETRIC:
            detail["deviation"] = [deviation(value) for value in values]
        return mean_reading("yes_token", values, detail, item=item)


def geometric_mean(log_probabilities: torch.Tensor) -> torch.Tensor:
    """exp of the mean over an answer's tokens: (n, T) log-probabilities, T ≥ 1, become (n,) in 0 to 1.

    >>> geometric_mean(torch.tensor([[0.25, 0.0625]]).log())
    tensor([0.1250])
    """
    return log_probabilities.mean(dim=-1).exp()


def normalised(yes: torch.Tensor, no: torch.Tensor) -> torch.Tensor:
    """yes / (yes + no), element by element; NaN where both are 0, which the engine refuses to store.

    >>> normalised(torch.tensor([0.3]), torch.tensor([0.1]))
    tensor([0.7500])
    """
    return yes / (yes + no)


def deviation(probability: float) -> float:
    """Of an answer that is yes (1) with this probability and no (0) otherwise: how sure the model is of itself.

    >>> deviation(0.5), deviation(1.0)
    (0.5, 0.0)
    """
    return (max(0.0, probability * (1 - probability))) ** 0.5


def smaller(picture: Image.Image, side: int) -> Image.Image:
    """A picture whose longer side is at most `side` pixels (0: any), and no strip.

    One that is over 64 times as long as wide is put in the middle of a white band: processors that scale the shorter
    side would make gigabytes of it, others refuse it.
    """
    longest = max(picture.size)
    if side and longest > side:
        width, height = (max(1, round(length * side / longest)) for length in picture.size)
        picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    narrow = -(-max(picture.size) // WIDEST_ASPECT)
    if min(picture.size) >= narrow:
        return picture
    band = Image.new("RGB", (max(picture.width, narrow), max(picture.height, narrow)), "white")
    band.paste(picture, ((band.width - picture.width) // 2, (band.height - picture.height) // 2))
    return band


def _answers(stated: str) -> tuple[str, ...]:
    answers = tuple(dict.fromkeys(answer.strip() for answer in stated.split("|") if answer.strip()))
    if not answers:
        raise ScorerUnavailable("Give at least one affirmative and one negative answer, several with | between them.")
    return answers


def side_of(stated: str) -> int:
    """The longest side that a setting states; ScorerUnavailable where it is no number."""
    if not stated.isdecimal():
        raise ScorerUnavailable(f"The setting “longest_side” is a number of pixels, or 0 for no limit; not “{stated}”.")
    return int(stated)
