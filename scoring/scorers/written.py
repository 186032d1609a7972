"""Scorers whose numbers are read from what a model writes, by a judge's own means: templates, backends, readers.

A judge asks one question about a sample and keeps what it is told. These scorers ask several, and only together do the
answers make their number: two questions K times over (EditScore), thirty questions with a weight each (VisionReward).
So a question is rendered by `scoring/judges/questions.py`, answered by a backend of `scoring/judges/`, in this process
or at an address, and read by a strict reader; what is left here is which questions, and what the answers amount to. An
answer that cannot be read is the sample's failure: it is never repaired, left out of a mean, or taken for a “no”.

See docs/decisions/0110-scorers-that-ask-use-a-judges-means.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

from scoring.judges import endpoints, library, parsing, questions, trained
from scoring.judges.adapted import AdaptedBackend
from scoring.judges.base import Backend, Decoding, Malformed, Question, Refusal, Reply, Subject, Template, Verdict
from scoring.judges.http import OpenAIBackend
from scoring.judges.local import LocalBackend
from scoring.scorers.base import (
    Decoded,
    Item,
    ItemError,
    Json,
    Outcome,
    Reading,
    Scorer,
    ScorerFacts,
    ScorerUnavailable,
)
from scoring.scorers.unpinned import named
from scoring.weight_sources import places

MOST_PASSES = 64
OWN_WORDING = "own wording, not the one the model was trained on"


@dataclass(frozen=True)
class Speaker:
    """Who answers.

    Attributes:
        source: the weights of a model in this process: `OWNER/NAME@COMMIT` or a folder.
        endpoint: a name in the file of endpoints; empty for a model in this process.
        model: what the endpoint calls the model.
        precision: of a model in this process.
        adapter: of a model in this process, merged into it; empty for none.
        whose, where: whose weights they are and where they are published, for whoever has to fetch them.
    """

    source: str
    endpoint: str
    model: str
    precision: str
    whose: str
    where: str
    adapter: str = ""

    def backend(self) -> Backend:
        """What answers, not loaded or reached yet.

        Raises:
            ScorerUnavailable: no weights are named, there is no such endpoint, or it costs money.
        """
        if self.endpoint:
            return OpenAIBackend(self._address(), self.model)
        source = named(self.source, setting="source", whose=self.whose, where=self.where)
        if self.adapter:
            return AdaptedBackend(source, self.adapter, precision=self.precision)
        return LocalBackend(source, precision=self.precision)

    def _address(self) -> endpoints.Endpoint:
        try:
            known = endpoints.load(places.here.endpoints or "")
        except ValueError as error:
            raise ScorerUnavailable(str(error)) from error
        if self.endpoint not in known:
            raise ScorerUnavailable(
                f"There is no endpoint “{self.endpoint}”. There are: {', '.join(sorted(known)) or 'none yet'}."
            )
        found = known[self.endpoint]
        if found.price_prompt or found.price_answer:
            raise ScorerUnavailable(
                f"The endpoint “{self.endpoint}” costs money, and a job of scorers has no budget. Serve the model "
                "yourself, or ask it as a judge."
            )
        return found

    @property
    def folders(self) -> list[Path]:
        """Where adapter and weights lie, as far as these are folders of this machine."""
        stated = [] if self.endpoint else [self.adapter, self.source]
        return [folder for one in stated if one and (folder := Path(one).expanduser()).is_dir()]


class Written(Scorer[tuple[Question, ...]]):
    """Base of scorers that ask. A subclass says what is asked (`prepare`) and what the answers amount to (`read`)."""

    def __init__(self, facts: ScorerFacts, speaker: Speaker) -> None:
        super().__init__(facts)
        self._speaker = speaker

    @cached_property
    def _backend(self) -> Backend:
        return self._speaker.backend()

    def load(self) -> None:
        self._backend.ready()

    def require_probabilities(self) -> None:
        """Refuses an address that is not known to give log-probabilities, before every sample fails for them.

        Raises:
            ScorerUnavailable: the endpoint's entry does not say `supports_logprobs`.
        """
        backend = self._backend
        if isinstance(backend, OpenAIBackend) and not backend.endpoint.supports_logprobs:
            raise ScorerUnavailable(
                f"“{self.name}” reads log-probabilities, and the endpoint “{backend.endpoint.name}” is not known to "
                "give them. Say supports_logprobs in its entry if it does."
            )

    def bytes_held(self) -> int:
        return self._backend.bytes_held() if isinstance(self._backend, LocalBackend) else 0

    def worded(self, name: str) -> Template:
        """A built-in template, in the words its model was trained on where these are here.

        Raises:
            ScorerUnavailable: what is here is another file than the one that is known.
        """
        template = library.builtin()[name]
        try:
            for folder in (*self._speaker.folders, places.here.wordings):
                found = trained.worded(template, folder)
                if found is not template:
                    return found
        except ValueError as error:
            raise ScorerUnavailable(str(error)) from error
        return template

    def model_parts(self, templates: Sequence[Template]) -> dict[str, Json]:
        """The parts of an identity that follow from who is asked, in which words and how."""
        return {
            "weights": self._backend.identity(),
            "template": [{"name": one.name, "digest": one.digest(), "source": one.source} for one in templates],
            "preprocessing": [asdict(one.pictures) for one in templates],
            "decoding": [asdict(one.decoding) for one in templates],
            "precision": self._speaker.precision if not self._speaker.endpoint else "as served",
        }

    # -- asking -------------------------------------------------------------------------------------------------------

    def prepare(self, item: Item, decoded: Decoded) -> tuple[Question, ...]:
        raise NotImplementedError

    def read(self, item: Item, asked: Sequence[Question], replies: Sequence[Reply]) -> Reading:
        """What the answers amount to, a reply for each question. Raises `Malformed` for one that cannot be read."""
        raise NotImplementedError

    def called(self, asked: Sequence[Question], place: int) -> str:
        """A question in words, for whoever reads why it has no answer."""
        return f"question {place + 1} of {len(asked)}"

    def score(self, items: Sequence[Item], prepared: Sequence[tuple[Question, ...]]) -> list[Outcome]:
        """Raises `Passing` where an address is away or overloaded: the part of the job is done again later."""
        every = [question for asked in prepared for question in asked]
        answers = iter(answers_to(self._backend, every))
        return [
            self._outcome(item, asked, [next(answers) for _question in asked])
            for item, asked in zip(items, prepared, strict=True)
        ]

    def _outcome(self, item: Item, asked: Sequence[Question], answers: Sequence[Reply | str]) -> Outcome:
        replies: list[Reply] = []
        for place, answer in enumerate(answers):
            if isinstance(answer, str):
                return ItemError(f"{self.called(asked, place)}: {answer}")
            replies.append(answer)
        try:
            return self.read(item, asked, replies)
        except Malformed as error:
            return ItemError(str(error))

    def verdict(self, template: Template, asked: Sequence[Question], replies: Sequence[Reply], place: int) -> Verdict:
        """One reply as its template's reader reads it; `Malformed` names the question."""
        try:
            return parsing.parse(template, replies[place], 1)
        except Malformed as error:
            raise Malformed(f"{self.called(asked, place)}: {error}") from error


def answers_to(backend: Backend, every: Sequence[Question]) -> list[Reply | str]:
    """An answer to each question, as many at once as the backend takes; in words, why there is none.

    Raises:
        Passing: the backend is away or overloaded.
    """
    if backend.at_once == 1:
        return [_answer(backend, question) for question in every]
    with ThreadPoolExecutor(min(backend.at_once, max(len(every), 1)), thread_name_prefix="written") as pool:
        return list(pool.map(lambda question: _answer(backend, question), every))


def _answer(backend: Backend, question: Question) -> Reply | str:
    try:
        return backend.ask(question)
    except (Refusal, ValueError) as error:
        return str(error) or type(error).__name__


# -- what is asked ----------------------------------------------------------------------------------------------------


def subject_of(item: Item) -> Subject:
    """A sample as a template sees it."""
    return Subject(
        sample_id=item.sample_id,
        prompt_id=item.prompt_id,
        prompt_text=item.prompt_text,
        media=item.media,
        roles=item.roles,
        text=item.text,
        facts=item.facts,
    )


def rendered(template: Template, item: Item, passes: int) -> list[Question]:
    """The template's question about a sample, once for each pass; pass k is drawn with the template's seed + k."""
    first = questions.render(template, [subject_of(item)])
    return [replace(first, repeat=number) for number in range(passes)]


def whole(stated: str, setting: str, *, low: int, high: int) -> int:
    """A whole number of a setting; ScorerUnavailable names the setting and its range."""
    if not stated.strip().isdecimal() or not low <= int(stated) <= high:
        raise ScorerUnavailable(f"The setting “{setting}” is a whole number from {low} to {high}, not “{stated}”.")
    return int(stated)


def decoded_as(template: Template, change: Callable[[Decoding], Decoding]) -> Template:
    """The template, its decoding changed."""
    return replace(template, decoding=change(template.decoding))


def wording(template: Template) -> str:
    """Whose words a template is in, for the detail of every score."""
    return OWN_WORDING if template.source.startswith("own wording") else template.source
