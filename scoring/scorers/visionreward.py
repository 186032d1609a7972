"""VisionReward: a checklist of yes-or-no questions about a picture or a video, each with its weight.

Every question is asked alone, greedily; yes is +1 and no is −1. A picture's score is the sum with the agreement with
the prompt as one more member, which VQAScore measures; a video's is the mean. A question without an answer is the
sample's failure: the released code takes it for a “no”.

The released models are CogVLM2, which transformers does not run without code of theirs, and such code is refused here:
serve them at an address that speaks OpenAI's protocol and name the endpoint. Any other model that sees can be asked
the same questions; its weights are then not the ones that the coefficients were fitted to, and its rater says so.

Source: as `scoring/scorers/weighted_checklist.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from scoring.catalogue import build
from scoring.decoding import DecodedMedia
from scoring.judges.base import Decoding, Malformed, Part, PictureForm, Question, Reply
from scoring.judges.readers.base import shortened, spoken
from scoring.judges.readers.probabilities import NO, YES, yes_share
from scoring.judges.readers.tokens import first_place
from scoring.scorers.base import (
    Decoded,
    Item,
    ItemError,
    Json,
    MediaFile,
    NotApplicable,
    Outcome,
    Reading,
    Result,
    Scorer,
    ScorerFacts,
)
from scoring.scorers.weighted_checklist import (
    IMAGE_QUESTIONS,
    IMAGE_WEIGHTS,
    PROMPT,
    VIDEO_QUESTIONS,
    VIDEO_WEIGHTS,
    Checklist,
    Contribution,
    contributions,
    folder_with,
    of_images,
    of_videos,
    spread,
    total,
)
from scoring.scorers.written import Speaker, Written
from scoring.weight_sources import places

WORD, PROBABILITY = "word", "probability"
LEAST_COVERAGE = 0.5
MOST_FRAMES = 24
# Enough for a yes with its full stop; whoever says more has not answered.
ANSWER_TOKENS, RIVALS = 8, 20
_WORD = re.compile(r"(?P<word>yes|no)\s*\.?", re.IGNORECASE)
WHERE = (
    "THUDM/VisionReward-Image and THUDM/VisionReward-Video, CogVLM2 with code of their own, which is refused here: "
    "serve them elsewhere and name the endpoint"
)


class VisionReward(Written):
    """Asks a model in this process, on a GPU where there is one, or at an address."""

    files: tuple[str, str]

    def __init__(self, facts: ScorerFacts, speaker: Speaker, *, checklist: str, answers: str) -> None:
        super().__init__(facts, speaker)
        self._given = checklist
        self._answers = answers
        rivals = RIVALS if answers == PROBABILITY else 0
        self._decoding = Decoding(temperature=0.0, max_tokens=ANSWER_TOKENS, top_logprobs=rivals)

    @cached_property
    def checklist(self) -> Checklist:
        given = Path(self._given).expanduser() if self._given else None
        folders = [given] if given else [*self._speaker.folders, places.here.wordings]
        return self.read_checklist(folder_with(self.files, folders))

    def read_checklist(self, folder: Path) -> Checklist:
        raise NotImplementedError

    def load(self) -> None:
        self._backend  # noqa: B018 - as are missing weights, before the questions
        self.checklist  # noqa: B018 - missing questions are said before gigabytes are read
        if self._answers == PROBABILITY:
            self.require_probabilities()
        super().load()

    def identity_parts(self) -> dict[str, Json]:
        return {
            **self.model_parts([]),
            "template": {"checklist": self.checklist.digest, "questions": len(self.checklist.questions)},
            "scale": f"yes +1, no −1, by {self._answers}, over {self.checklist.divisor}",
            "preprocessing": asdict(PictureForm(frames=MOST_FRAMES)),
            "decoding": asdict(self._decoding),
        }

    def question(self, media: MediaFile, words: str, pictures: PictureForm) -> Question:
        return Question("", (Part(media=media), Part(text=words)), self._decoding, pictures)

    def called(self, asked: Sequence[Question], place: int) -> str:
        return f"question {place + 1} of {len(asked)}, “{shortened(self.checklist.questions[place])}”"

    def read(self, item: Item, asked: Sequence[Question], replies: Sequence[Reply]) -> Reading:
        answers = [self._answer(asked, reply, place) for place, reply in enumerate(replies)]
        found = contributions(self.checklist, answers)
        deviation = spread(self.checklist, found) if self._answers == PROBABILITY else None
        value = total(self.checklist, found)
        return Reading({self.facts.outputs[0].criterion: Result(value, deviation)}, self._explained(found))

    def _answer(self, asked: Sequence[Question], reply: Reply, place: int) -> float:
        """+1 for yes and −1 for no, or what lies between them by the probabilities of the first token."""
        try:
            if self._answers == PROBABILITY:
                return 2 * yes_share(first_place(reply), YES, NO, LEAST_COVERAGE)[0] - 1
            return _said(reply)
        except Malformed as error:
            raise Malformed(f"{self.called(asked, place)}: {error}") from error

    def _explained(self, found: Sequence[Contribution]) -> dict[str, Json]:
        items: list[Json] = [
            {
                "question": one.question,
                "answer": one.answer,
                "weight": one.weight,
                "contribution": one.value,
                **({} if one.masked_by is None else {"masked_by": one.masked_by + 1}),
            }
            for one in found
        ]
        return {"items": items, "intercept": self.checklist.intercept, "divisor": self.checklist.divisor}


def _said(reply: Reply) -> float:
    word = spoken(reply).said
    match = _WORD.fullmatch(word)
    if match is None:
        raise Malformed(f"“{shortened(word)}” is neither yes nor no")
    return 1.0 if match["word"].lower() == "yes" else -1.0


class VisionRewardVideo(VisionReward):
    """29 questions with the prompt in them; the mean of answer times weight."""

    files = (VIDEO_QUESTIONS, VIDEO_WEIGHTS)

    def __init__(
        self,
        facts: ScorerFacts,
        *,
        source: str,
        endpoint: str,
        model: str,
        checklist: str,
        answers: str,
        precision: str,
    ) -> None:
        speaker = Speaker(source, endpoint, model, precision, whose="VisionReward", where=WHERE)
        super().__init__(facts, speaker, checklist=checklist, answers=answers)

    def read_checklist(self, folder: Path) -> Checklist:
        return of_videos(folder)

    def prepare(self, item: Item, decoded: Decoded) -> tuple[Question, ...]:
        film = _only(item)
        # One a second, counted as the released code does: the first at 0, the last next to the end.
        pictures = PictureForm(frames=min(round(film.duration_us / 1_000_000) + 1, MOST_FRAMES))
        prompt = item.prompt_text.strip().replace("<|", "< |").replace("|>", "| >")
        asked = [words.replace(PROMPT, prompt) for words in self.checklist.questions]
        return tuple(self.question(film, words, pictures) for words in asked)


class VisionRewardImage(VisionReward):
    """30 questions, three of which silence others, and VQAScore as one more member where it is named.

    Without VQAScore the published total, which is on another scale, is left out, and the sum of the questions alone
    is a criterion of its own.
    """

    files = (IMAGE_QUESTIONS, IMAGE_WEIGHTS)

    def __init__(
        self,
        facts: ScorerFacts,
        *,
        source: str,
        endpoint: str,
        model: str,
        checklist: str,
        answers: str,
        alignment_source: str,
        alignment_vision: str,
        precision: str,
    ) -> None:
        speaker = Speaker(source, endpoint, model, precision, whose="VisionReward", where=WHERE)
        super().__init__(facts, speaker, checklist=checklist, answers=answers)
        vision = {"vision": alignment_vision} if alignment_vision else {}
        self._member: Scorer[Any] | None = None
        if alignment_source:
            self._member = build("vqascore", {"source": alignment_source, **vision})

    def read_checklist(self, folder: Path) -> Checklist:
        return of_images(folder)

    def load(self) -> None:
        super().load()
        if self._member is not None:
            self._member.ready()

    def bytes_held(self) -> int:
        return super().bytes_held() + (self._member.bytes_held() if self._member is not None else 0)

    def identity_parts(self) -> dict[str, Json]:
        member = self._member.identity() if self._member is not None else "none"
        return {**super().identity_parts(), "alignment": member}

    def prepare(self, item: Item, decoded: Decoded) -> tuple[Question, ...]:
        picture = _only(item)
        return tuple(self.question(picture, words, PictureForm()) for words in self.checklist.questions)

    def score(self, items: Sequence[Item], prepared: Sequence[tuple[Question, ...]]) -> list[Outcome]:
        said = super().score(items, prepared)
        if self._member is None:
            return said
        return [self._aligned(item, one) for item, one in zip(items, said, strict=True)]

    def _aligned(self, item: Item, said: Outcome) -> Outcome:
        """The sum of the questions with the agreement with the prompt added: the published total."""
        if not isinstance(said, Reading):
            return said
        agreement = self._agreement(item)
        if not isinstance(agreement, Reading):
            return ItemError(f"VQAScore: {agreement.reason}")
        value, weight = agreement.results["vqascore"].value, self.checklist.alignment or 0.0
        questions = said.results[self.facts.outputs[0].criterion]
        whole = replace(questions, value=questions.value + weight * value)
        explained: dict[str, Json] = {
            "question": "VQAScore",
            "answer": value,
            "weight": weight,
            "contribution": weight * value,
        }
        detail: dict[str, Json] = {**said.detail, "alignment": {**explained, **agreement.detail}}
        return Reading({**said.results, self.facts.outputs[1].criterion: whole}, detail)

    def _agreement(self, item: Item) -> Reading | ItemError | NotApplicable:
        assert self._member is not None
        try:
            prepared = self._member.prepare(item, DecodedMedia(item))
        except (ValueError, OSError) as error:
            return ItemError(str(error))
        return self._member.score([item], [prepared])[0]


def _only(item: Item) -> MediaFile:
    if len(item.media) != 1:
        raise ValueError(f"the sample has {len(item.media)} media; VisionReward is asked about one")
    return item.media[0]
