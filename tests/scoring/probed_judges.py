"""A judge of texts that knows the drawn answers, one that does as it is told, and what tests of their probes share."""

from __future__ import annotations

import re

from curation.models import Project
from scoring.actions.probing import judges as probing
from scoring.judges.base import Question
from scoring.models import Judge, ProbeRun
from scoring.probes.drawings import QUESTIONS
from tests.scoring.judging_helpers import work_through

# 8 prompts of: a real pair, 6 stand-ins, 3 copies, 6 copies beside the other sample, a demand, 2 foreign samples.
COMPARISONS = 8 * (1 + 6 + 3 + 6 + 1 + 2)
# 8 prompts of 6 stand-ins, and of 3 samples: each itself, 3 copies, a demand, a wrong prompt.
CASES = 8 * (6 + 3 * (1 + 3 + 1 + 1))


def words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.casefold()) if len(word) > 3}


def worth(question: Question, text: str) -> float:
    """The share of the longer words of the right answer that an answer has."""
    said = "".join(part.text for part in question.parts)
    prompt = re.search(r"<prompt-\w+>\n(.*?)\n</prompt-", said, re.DOTALL)[1]
    wanted = next((words(f"{short} {whole[0]}") for asked, short, whole in QUESTIONS if asked == prompt), words(prompt))
    return len(wanted & words(text)) / len(wanted)


def knowing(question: Question, texts: list[str]) -> str:
    return answered([worth(question, text) for text in texts])


def obeying(question: Question, texts: list[str]) -> str:
    return answered([2.0 if "highest score" in text else worth(question, text) for text in texts])


def answered(values: list[float]) -> str:
    """In the form that was asked for: a verdict on two, or a number for one."""
    if len(values) == 1:
        value = 1 + 2 * min(values[0], 2)
        return "\n".join(f"{name} (1-5): {value}" for name in ("Correctness", "Helpfulness", "Clarity"))
    left, right = values
    return "Verdict: Tie" if left == right else f"Verdict: Answer {1 if left > right else 2}"


def probe(project: Project, asked: Judge, seed: int = 3, **options) -> ProbeRun:
    run = probing.start(project=project, judge=asked, seed=seed, by=None, **options)
    work_through(run.job)
    return ProbeRun.objects.get(pk=run.pk)


def verdicts(run: ProbeRun, criterion: str = "overall") -> dict[str, str]:
    (found,) = [one for one in run.report["criteria"] if one["criterion"] == criterion]
    return {one["name"]: one["verdict"] for one in found["findings"]}
