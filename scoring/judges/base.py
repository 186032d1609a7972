"""What a judge is: a template in one of the modes, asked of a backend, and an answer parsed strictly or not at all.

    subjects + template + context  --questions.render-->  Question  --Backend.ask-->  Reply  --parsing.parse-->  Verdict

A malformed reply raises `Malformed` and becomes a counted failure; it is never a score, never a tie, never "the first".
Nothing here imports Django, Celery or torch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Protocol

from scoring.scorers.base import Json, MediaFile, Result


class Mode(StrEnum):
    """What is asked about: one sample, two, or several; and in which form the answer comes."""

    POINTS = "points"  # one sample: a number per criterion
    PAIR = "pair"  # two samples: left, right or tie per criterion
    LIST = "list"  # n samples: an order, ties allowed
    CHECKLIST = "checklist"  # one sample: weighted yes/no questions
    LISTENER = "listener"  # no sample: reads the reasoning of another verdict and says what follows from it


class Malformed(ValueError):
    """The reply does not have the form that was asked for. The sentence says what is missing."""


class Refusal(RuntimeError):
    """The backend will not answer this question, now or later (unknown model, bad request, wrong key)."""


class Passing(RuntimeError):
    """The backend could not answer, but may later: overloaded, limited, away. `retry_after` in seconds or None."""

    def __init__(self, words: str, retry_after: float | None = None) -> None:
        super().__init__(words)
        self.retry_after = retry_after


@dataclass(frozen=True)
class Decoding:
    """How the answer is drawn. All of it is part of the rater's identity.

    Attributes:
        temperature: 0 is greedy; stated explicitly in every request.
        max_tokens: the longest answer.
        top_logprobs: for how many candidates of each answered token the log-probability is asked; 0 for none.
        seed: sent where the temperature is above 0; repeat k uses seed + k.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 2048
    top_logprobs: int = 0
    seed: int = 0


@dataclass(frozen=True)
class PictureForm:
    """How a picture travels: `png` keeps every pixel; `jpeg` changes scores and is named in the identity.

    Attributes:
        longest_side: pictures larger than this are scaled down (Pillow bicubic); 0 leaves them.
        frames: how many evenly spaced frames stand for a video.
    """

    format: str = "png"
    quality: int = 95
    longest_side: int = 0
    frames: int = 8


@dataclass(frozen=True)
class Part:
    """A piece of a question: words, or one medium."""

    text: str = ""
    media: MediaFile | None = None


@dataclass(frozen=True)
class Turn:
    """What a model said in the middle of its answer, and what it was given for that.

    Attributes:
        said: the reply, without a leading thought.
        parts: words, and a picture at the size in which it was made; it is not scaled again.
    """

    said: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Question:
    """Everything that is sent, in order. Two equal questions to one model need only be paid once.

    With each turn it is another question, with a reply, a digest and a price of its own.
    """

    system: str
    parts: tuple[Part, ...]
    decoding: Decoding
    pictures: PictureForm = PictureForm()
    # Repeat k of the same question is another question.
    repeat: int = 0
    # What came after the parts, where a judge uses tools.
    turns: tuple[Turn, ...] = ()

    def digest(self, model: Mapping[str, Json]) -> str:
        """SHA-256 (hex) of the question and the model's identity; media by the digest of their rendition.

        Raises:
            ValueError: a medium has no digest, so the question could be mistaken for another.
        """
        parts = [self._plain(part) for part in self.parts]
        said: list[object] = [dict(model), self.system, parts, asdict(self.decoding), asdict(self.pictures)]
        said.append(self.repeat)
        if self.turns:  # questions without any keep the digest they have always had
            said.append([[turn.said, [self._plain(part) for part in turn.parts]] for turn in self.turns])
        text = json.dumps(said, sort_keys=True, ensure_ascii=False, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @staticmethod
    def _plain(part: Part) -> list[str]:
        if part.media is None:
            return ["text", part.text]
        if not part.media.digest:
            raise ValueError(f"the file {part.media.path.name} has no digest")
        return [part.media.kind, part.media.digest]


@dataclass(frozen=True)
class Token:
    """One answered token with its log-probability, and those of its closest rivals by text."""

    text: str
    logprob: float
    rivals: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """What came back, whole.

    Attributes:
        model: the name the backend states for itself.
        finish: `stop`, `length` (cut off), or the backend's own word.
        tokens: with log-probabilities where they were asked for and given.
        attempts: how often it was sent, and the errors on the way in words.
    """

    text: str
    model: str = ""
    finish: str = "stop"
    prompt_tokens: int = 0
    answer_tokens: int = 0
    seconds: float = 0.0
    cost: float = 0.0
    tokens: tuple[Token, ...] = ()
    attempts: int = 1
    troubles: tuple[str, ...] = ()


class Backend(Protocol):
    """Who answers: an address that speaks OpenAI's protocol, or a model in this process."""

    # How many questions may be under way at once.
    at_once: int

    def identity(self) -> dict[str, Json]:
        """What tells this model from any other: name, revision, weights, precision. No keys, no addresses' secrets."""

    def ready(self) -> None:
        """Loads or reaches the model once. Raises `ScorerUnavailable` with a sentence a person can act on."""

    def ask(self, question: Question) -> Reply:
        """One answer. Thread-safe. Raises `Refusal` or `Passing`; its own retries are over when it does.

        Raises ValueError when a medium of the question is missing or cannot be read.
        """


@dataclass(frozen=True)
class Preference:
    """The outcome of two subjects in the order they were asked about.

    Attributes:
        outcome: `left`, `right`, `tie` or `both-bad`.
        strength: how much better, in the template's own steps; None where it does not say.
        probability: of the left one, 0 to 1, where it was read from token probabilities.
    """

    outcome: str
    strength: float | None = None
    probability: float | None = None


@dataclass(frozen=True)
class Answer:
    """One item of a checklist: question, weight, what was said, and the probability of yes where it was read.

    `is_void`: a question it needs was answered no, so that whatever was said of it counts for nothing.
    """

    key: str
    question: str
    weight: float
    yes: bool
    probability: float | None = None
    is_void: bool = False


@dataclass(frozen=True)
class Verdict:
    """What a reply says, by criterion key. Only the fields of its mode are filled.

    Attributes:
        scores: POINTS and CHECKLIST: a number, with its spread where one could be read.
        preferences: PAIR (and LISTENER): by criterion.
        ranks: LIST: by criterion, one rank a sample in the order asked, 1 is best, equal ranks are ties.
        answers: CHECKLIST: item by item; the total is in `scores`.
        reasoning: what was said before the verdict, without the verdict itself; what a listener is given to read.
        detail: what else explains it (distribution over digits, per-element marks), JSON only.
    """

    scores: Mapping[str, Result] = field(default_factory=dict)
    preferences: Mapping[str, Preference] = field(default_factory=dict)
    ranks: Mapping[str, Sequence[float]] = field(default_factory=dict)
    answers: tuple[Answer, ...] = ()
    reasoning: str = ""
    detail: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class TemplateCriterion:
    """One criterion that a template asks for; for POINTS and CHECKLIST with the scale its numbers are on."""

    key: str
    title: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Tools:
    """What a judge may use while it answers, and how much of it.

    Attributes:
        names: of `tools.catalogue.TOOLS`; empty for none.
        steps: the most calls in one answer; one that cannot be carried out counts as well.
        longest_side: pixels. What is larger is scaled down to it, and `zoom` enlarges up to it.
        pixels: the most of all pictures together that one answer may be shown for its calls.
    """

    names: tuple[str, ...] = ()
    steps: int = 4
    longest_side: int = 1024
    pixels: int = 4_194_304


@dataclass(frozen=True)
class Template:
    """A wording, and how its answers are read. Saved ones are never changed: another wording is another template.

    Attributes:
        name: `owner-words-mode`, such as `pair-critique`.
        version: counts wordings under one name.
        mode: see `Mode`.
        media: what the subjects are: `image`, `video`, `text` or `edit` (a source picture and its edits).
        system, body: the words; the body holds the placeholders of `questions.PLACEHOLDERS`.
        reader: which reader of `parsing.READERS` reads the answers, with `options` for it.
        criteria: what it answers about, in order.
        decoding, pictures: how it is meant to be asked.
        source: `own wording`, or the address, revision and SHA-256 of the wording a model was trained on.
        items: CHECKLIST: `{"key", "question", "weight"}`; empty where the prompt's facts bring them (`checklist`).
        tools: what the judge may look at or work out before its verdict.
    """

    name: str
    version: int
    mode: Mode
    media: str
    system: str
    body: str
    reader: str
    criteria: tuple[TemplateCriterion, ...]
    title: str = ""
    about: str = ""
    options: Mapping[str, Json] = field(default_factory=dict)
    decoding: Decoding = Decoding()
    pictures: PictureForm = PictureForm()
    source: str = "own wording"
    items: tuple[Mapping[str, Json], ...] = ()
    tools: Tools = Tools()

    def digest(self) -> str:
        """SHA-256 (hex) over everything an answer depends on; title and description left out."""
        # Templates without tools keep the digest that verdicts already stand on.
        unsaid = ("title", "about") if self.tools.names else ("title", "about", "tools")
        plain = {key: value for key, value in asdict(self).items() if key not in unsaid}
        text = json.dumps(plain, sort_keys=True, ensure_ascii=False, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Subject:
    """A sample under a prompt, as a template sees it: text of its own, media, and the prompt's media by role."""

    sample_id: int
    prompt_id: int
    prompt_text: str = ""
    media: tuple[MediaFile, ...] = ()
    roles: Mapping[str, tuple[MediaFile, ...]] = field(default_factory=dict)
    text: str | None = None
    facts: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Instruction:
    """What a judge is asked to judge by, beside the template: a principle or profile, and the guideline in force."""

    principle: str = ""
    guideline: str = ""
