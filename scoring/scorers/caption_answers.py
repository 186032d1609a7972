"""What of the prompt can be answered from a description alone: the model describes, and then answers without looking.

First the model is asked to describe the picture or video; it is not told the prompt, so it cannot say what it is
expected to see. Then each question is put to it together with its own description and without the picture, and the
probability of yes over yes and no at its answer's first token is read. The score is the mean over the questions: those
of the prompt's fact `checklist`, or the one whether what was described is what the prompt asks for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from scoring import weights
from scoring.judges.base import Decoding, Malformed, Part, PictureForm, Question, Reply
from scoring.judges.questions import CHECKLIST_FACT
from scoring.judges.readers.base import shortened, spoken
from scoring.judges.readers.probabilities import NO, YES, yes_share
from scoring.judges.readers.tokens import first_place
from scoring.scorers.base import (
    Decoded,
    Item,
    ItemError,
    Json,
    Outcome,
    Reading,
    Result,
    ScorerFacts,
    ScorerUnavailable,
)
from scoring.scorers.kinship import CONFIG, family_of, name_of
from scoring.scorers.written import Speaker, Written, answers_to, whole

CRITERION = "caption_answers"
CAPTION, PROMPT, QUESTION = "{caption}", "{prompt}", "{question}"
ASKED = (
    f"Somebody described what they saw like this:\n\n“{CAPTION}”\n\nBy this description alone: {QUESTION} "
    "Answer with one word, Yes or No."
)
LEAST_COVERAGE = 0.5
ANSWER_TOKENS, RIVALS = 8, 20
MOST_QUESTIONS = 64
# Marks by which chat models tell who speaks; a description or a prompt must not write any.
_MARK = re.compile(r"<\||\|>")


class CaptionAnswers(Written):
    """Asks a model in this process, on a GPU where there is one, or at an address."""

    def __init__(
        self,
        facts: ScorerFacts,
        *,
        source: str,
        endpoint: str,
        model: str,
        description: str,
        question: str,
        most_tokens: str,
        precision: str,
    ) -> None:
        speaker = Speaker(source, endpoint, model, precision, whose="a chat model that sees", where="the Hub")
        super().__init__(facts, speaker)
        if not description.strip() or PROMPT in description:
            raise ScorerUnavailable(f"The description is asked for without {PROMPT}, or the model repeats the prompt.")
        if question.count(PROMPT) != 1:
            raise ScorerUnavailable(f"The question must hold {PROMPT} once, where the prompt is put in: “{question}”.")
        self._description = description
        self._question = question
        self._describing = Decoding(temperature=0.0, max_tokens=whole(most_tokens, "most_tokens", low=8, high=4096))
        self._answering = Decoding(temperature=0.0, max_tokens=ANSWER_TOKENS, top_logprobs=RIVALS)

    def load(self) -> None:
        self.require_probabilities()
        super().load()

    def family(self) -> str:
        if self._speaker.endpoint:
            return ""
        return family_of(weights.folder_of(self._speaker.source, [CONFIG]), self.facts.family)

    def models(self) -> tuple[str, ...]:
        return (name_of(self._speaker.model if self._speaker.endpoint else self._speaker.source),)

    def identity_parts(self) -> dict[str, Json]:
        return {
            **self.model_parts([]),
            "template": {"description": self._description, "question": self._question, "asked": ASKED},
            "scale": "P(yes) / (P(yes) + P(no)), mean over the questions",
            "preprocessing": asdict(PictureForm()),
            "decoding": [asdict(self._describing), asdict(self._answering)],
        }

    def prepare(self, item: Item, decoded: Decoded) -> tuple[Question, ...]:
        """The question for a description, and those that will be asked of it, their places for it still open."""
        if len(item.media) != 1:
            raise ValueError(f"the sample has {len(item.media)} media; {self.name} is asked about one")
        looking = (Part(media=item.media[0]), Part(text=self._description))
        asked = [Question("", (Part(text=words),), self._answering) for words in self._asked_about(item)]
        return (Question("", looking, self._describing, PictureForm()), *asked)

    def _asked_about(self, item: Item) -> list[str]:
        stated = item.facts.get(CHECKLIST_FACT)
        if stated is None:
            return [self._question.replace(PROMPT, item.prompt_text.strip())]
        found = (
            [_words_of(one) for one in stated] if isinstance(stated, Sequence) and not isinstance(stated, str) else []
        )
        if not 1 <= len(found) <= MOST_QUESTIONS or not all(found):
            raise ValueError(f"the prompt's fact “{CHECKLIST_FACT}” is no list of 1 to {MOST_QUESTIONS} questions")
        return found

    def score(self, items: Sequence[Item], prepared: Sequence[tuple[Question, ...]]) -> list[Outcome]:
        """Raises `Passing` where an address is away or overloaded: the part of the job is done again later."""
        described = [_described(reply) for reply in answers_to(self._backend, [asked[0] for asked in prepared])]
        then = [
            [_about(question, words.text) for question in asked[1:]] if isinstance(words, _Description) else []
            for asked, words in zip(prepared, described, strict=True)
        ]
        replies = iter(answers_to(self._backend, [question for questions in then for question in questions]))
        return [
            self._read(asked[1:], words, [next(replies) for _question in questions])
            for asked, words, questions in zip(prepared, described, then, strict=True)
        ]

    def _read(self, asked: Sequence[Question], said: _Description | str, replies: Sequence[Reply | str]) -> Outcome:
        if isinstance(said, str):
            return ItemError(f"the description: {said}")
        found: list[float] = []
        questions = [question.parts[0].text for question in asked]
        for place, reply in enumerate(replies):
            called = f"question {place + 1} of {len(questions)}, “{shortened(questions[place])}”"
            if isinstance(reply, str):
                return ItemError(f"{called}: {reply}")
            try:
                found.append(yes_share(first_place(reply), YES, NO, LEAST_COVERAGE)[0])
            except Malformed as error:
                return ItemError(f"{called}: {error}")
        answers: list[Json] = [
            {"question": question, "yes": value} for question, value in zip(questions, found, strict=True)
        ]
        spread = float(np.std(found)) if len(found) > 1 else None
        return Reading({CRITERION: Result(float(np.mean(found)), spread)}, {"caption": said.text, "items": answers})


@dataclass(frozen=True)
class _Description:
    text: str


def _described(reply: Reply | str) -> _Description | str:
    """What a model wrote of the picture, or why there is nothing, in words."""
    if isinstance(reply, str):
        return reply
    try:
        return _Description(spoken(reply).said)
    except Malformed as error:
        return str(error)


def _about(question: Question, caption: str) -> Question:
    """The question with the description before it; neither can pass for the other's place."""
    words = ASKED.replace(QUESTION, _plain(question.parts[0].text), 1)
    before, after = words.split(CAPTION, 1)
    return replace(question, parts=(Part(text=f"{before}{_plain(caption)}{after}"),))


def _plain(text: str) -> str:
    return _MARK.sub(lambda found: " ".join(found[0]), text)


def _words_of(one: Json) -> str:
    """A question of a checklist, which is a text or a map with one."""
    stated = one.get("question") if isinstance(one, Mapping) else one
    return stated.strip() if isinstance(stated, str) else ""
