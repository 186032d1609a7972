"""A judge that reads texts, at the border where a model would be, and what tests of judging say again and again."""

from __future__ import annotations

import io
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from curation.models import Comparison, Job, Project, Sample, Score
from scoring.actions.judging import working
from scoring.actions.judging.judges import NewJudge, add
from scoring.judges.base import Passing, Question, Refusal, Reply
from scoring.models import Judge
from tests import factories

ENDPOINTS = """
endpoints:
  here:
    url: http://127.0.0.1:9/v1
    requests_at_once: 4
    supports_logprobs: true
"""
_ANSWER = re.compile(r"<answer-(\d+)-\w+>\n(.*?)\n</answer-", re.DOTALL)


@dataclass
class ReadingModel:
    """Prefers the longer text, and the first one of two equally long. Texts that begin with `bad`, `no` or `away` make
    it answer in no form, refuse, or be away. `say` answers in its place.

    `asked` holds every question's answers in the order shown; `most` how many were under way at once.
    """

    at_once: int = 4
    cost: float = 0.0
    name: str = "reader"
    seconds: float = 0.0
    say: Callable[[Question, list[str]], str] | None = None
    asked: list[tuple[str, ...]] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    most: int = 0
    _under_way: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def identity(self) -> dict:
        return {"backend": "test", "model": self.name}

    def ready(self) -> None:
        pass

    def ask(self, question: Question) -> Reply:
        texts = [text for _number, text in _ANSWER.findall("".join(part.text for part in question.parts))]
        with self._lock:
            self.asked.append(tuple(texts))
            self.questions.append(question)
            self._under_way += 1
            self.most = max(self.most, self._under_way)
        try:
            time.sleep(self.seconds)
            return Reply(
                self._reply(question, texts), model=self.name, prompt_tokens=10, answer_tokens=5, cost=self.cost
            )
        finally:
            with self._lock:
                self._under_way -= 1

    def _reply(self, question: Question, texts: list[str]) -> str:
        if any(text.startswith("no") for text in texts):
            raise Refusal(f"will not look at {texts[0]!r}")
        if any(text.startswith("away") for text in texts):
            raise Passing("the model is away")
        if any(text.startswith("bad") for text in texts):
            return "I like them all."
        if self.say is not None:
            return self.say(question, texts)
        best = max(range(len(texts)), key=lambda place: len(texts[place]))
        return f"One is longer.\nVerdict: Answer {best + 1}"


def write_endpoints(folder: Path, text: str = ENDPOINTS) -> Path:
    path = folder / "endpoints.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def judge(project: Project, name: str = "longest", template: str = "text-pair", **fields) -> Judge:
    fields = {"endpoint": "here", "model": "reader", **fields}
    return add(project=project, judge=NewJudge(name=name, template=template, **fields), by=None)


def group(project: Project, *words: str, **fields) -> list[Sample]:
    """One prompt with one text answer for each word."""
    prompt = factories.prompt(project)
    return [factories.sample(prompt, text=word, **fields) for word in words]


def work_through(job: Job, most: int = 500) -> Job:
    """Steps as one worker takes them, until nothing is left to do."""
    for _step in range(most):
        if not working.step(job.pk):
            break
    job.refresh_from_db()
    return job


def said(project: Project) -> set[tuple[str, str, str]]:
    """Living comparisons: left text, right text, outcome."""
    rows = Comparison.objects.living().filter(judgement__project=project)
    return set(rows.values_list("left_sample__text", "right_sample__text", "outcome"))


def points(project: Project) -> set[tuple[str, str, float]]:
    rows = Score.objects.living().filter(judgement__project=project)
    return set(rows.values_list("sample__text", "criterion_version__criterion__key", "value"))


# -- pictures of a brightness, for the server of the tests, whose model prefers brighter ones ------------------------


def grey_bytes(level: int, size: tuple[int, int] = (24, 16), seed: int = 0) -> bytes:
    """A PNG of one grey level; another seed makes other bytes of the same light."""
    picture = Image.new("RGB", size, (level, level, level))
    picture.putpixel((0, 0), (level, level, (level + seed) % 256))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def greys(project: Project, *levels: int, **prompt_fields) -> list[Sample]:
    """One prompt with a stored picture for each grey level, by a generator of its own each."""
    prompt = factories.prompt(project, **prompt_fields)
    found = []
    for place, level in enumerate(levels):
        sample = factories.sample(prompt, f"painter-{place}", key=f"p{prompt.pk}-{place}-{level}")
        factories.place(sample, factories.stored(grey_bytes(level, seed=sample.pk), f"grey-{sample.pk}.png"))
        found.append(sample)
    return found
