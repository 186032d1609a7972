"""VisionReward's checklists: yes-or-no questions with a weight each, of which some silence others. Plain arithmetic.

An answer is +1 for yes and −1 for no, as the released code has it; the paper has 1 and 0, which is another scale. A
mask is a question such as “is there a face?”: where it is answered no, the questions about faces count 0, and the mask
itself counts nothing. The questions and weights are part of the model and not of this program: they are read from the
authors' own files.

Source: Xu et al., "VisionReward: Fine-Grained Multi-Dimensional Human Preference Learning for Image and Video
Generation", 2024; THUDM/VisionReward, `inference-image.py`, `inference-video.py`.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scoring.scorers.base import ScorerUnavailable

ADDRESS = "github.com/THUDM/VisionReward"
IMAGE_QUESTIONS, IMAGE_WEIGHTS = "VisionReward_image_qa_select.txt", "weight_select.json"
VIDEO_QUESTIONS, VIDEO_WEIGHTS = "VisionReward_video_qa_select.txt", "weight.json"
# Which question of a picture silences which, counted from 0: a body, a face, hands.
IMAGE_MASKS: Mapping[int, tuple[int, ...]] = {0: (22, 23, 24, 28, 29), 1: (25, 26), 2: (27,)}
IMAGE_COUNT, VIDEO_COUNT = 30, 29
PROMPT = "[[prompt]]"


@dataclass(frozen=True)
class Checklist:
    """Questions in order, and what each counts.

    Attributes:
        weights: one a question; those of masks are 0.
        masks: which question silences which, counted from 0.
        alignment: the weight of the agreement with the prompt that another model measures; None where there is none.
        intercept: what is added to the sum.
        divisor: what the sum is divided by: 1 for a sum, the number of questions for a mean.
        digest: SHA-256 (hex) over both files.
    """

    questions: tuple[str, ...]
    weights: tuple[float, ...]
    masks: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    alignment: float | None = None
    intercept: float = 0.0
    divisor: int = 1
    digest: str = ""


@dataclass(frozen=True)
class Contribution:
    """What one question adds to the score.

    Attributes:
        answer: −1 for no to +1 for yes.
        masked_by: the question, counted from 0, that silences it; None where none does.
        value: answer · weight / divisor, 0 for a mask and where it is silenced.
    """

    question: str
    answer: float
    weight: float
    value: float
    masked_by: int | None = None


def contributions(checklist: Checklist, answers: Sequence[float]) -> list[Contribution]:
    """What each question adds; with the intercept they add up to the score, the agreement with the prompt left out.

    Args:
        answers: (n,), −1 (no) to +1 (yes), one a question in order.

    >>> two = Checklist(("A face?", "A good face?"), (0.0, 0.5), {0: (1,)})
    >>> [one.value for one in contributions(two, [1, -1])], [one.value for one in contributions(two, [-1, -1])]
    ([0.0, -0.5], [-0.0, 0.0])
    """
    silent = {place: mask for mask, places in checklist.masks.items() if not answers[mask] > 0 for place in places}
    triples = zip(checklist.questions, checklist.weights, answers, strict=True)
    return [
        Contribution(
            question,
            answer,
            weight,
            0.0 if place in silent else answer * weight / checklist.divisor,
            silent.get(place),
        )
        for place, (question, weight, answer) in enumerate(triples)
    ]


def total(checklist: Checklist, found: Sequence[Contribution]) -> float:
    """The sum of the contributions and the intercept."""
    return math.fsum([*(one.value for one in found), checklist.intercept])


def spread(checklist: Checklist, found: Sequence[Contribution]) -> float:
    """Standard deviation of the total where each answer a is +1 with the probability (1 + a) / 2, all independent:
    √(Σ w² (1 − a²)) / divisor over the questions that are not silenced; masks are taken as they were answered."""
    heard = [one for one in found if one.masked_by is None]
    return math.sqrt(sum(one.weight**2 * max(1 - one.answer**2, 0.0) for one in heard)) / checklist.divisor


# -- files ------------------------------------------------------------------------------------------------------------


def of_images(folder: Path) -> Checklist:
    """The checklist for pictures: 30 questions, 3 of them masks, and 28 coefficients, that of the agreement first.

    Raises:
        ScorerUnavailable: a file is missing, or is not what was released.
    """
    questions = _questions(folder / IMAGE_QUESTIONS, IMAGE_COUNT)
    stated = _json(folder / IMAGE_WEIGHTS)
    if not isinstance(stated, Mapping):
        raise _unlike(folder / IMAGE_WEIGHTS, "an object with “coef” and “intercept”")
    weights = _numbers(stated.get("coef"), folder / IMAGE_WEIGHTS, IMAGE_COUNT - len(IMAGE_MASKS) + 1)
    (intercept,) = _numbers([stated.get("intercept")], folder / IMAGE_WEIGHTS, 1)
    left = iter(weights[1:])
    spaced = tuple(0.0 if place in IMAGE_MASKS else next(left) for place in range(IMAGE_COUNT))
    return Checklist(
        questions,
        spaced,
        IMAGE_MASKS,
        alignment=weights[0],
        intercept=intercept,
        digest=_digest(folder / IMAGE_QUESTIONS, folder / IMAGE_WEIGHTS),
    )


def of_videos(folder: Path) -> Checklist:
    """The checklist for videos: 29 questions with the prompt in each, and as many weights, of which the mean counts.

    Raises:
        ScorerUnavailable: a file is missing, or is not what was released.
    """
    questions = _questions(folder / VIDEO_QUESTIONS, VIDEO_COUNT)
    weights = _numbers(_json(folder / VIDEO_WEIGHTS), folder / VIDEO_WEIGHTS, VIDEO_COUNT)
    digest = _digest(folder / VIDEO_QUESTIONS, folder / VIDEO_WEIGHTS)
    return Checklist(questions, weights, divisor=VIDEO_COUNT, digest=digest)


def _questions(path: Path, count: int) -> tuple[str, ...]:
    lines = [line.strip() for line in path.read_text(encoding="utf-8").strip().splitlines()]
    if len(lines) != count or not all(lines):
        raise _unlike(path, f"{count} lines with a question each")
    return tuple(lines)


def _json(path: Path) -> object:
    try:
        found: object = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise _unlike(path, "JSON") from error
    return found


def _numbers(stated: object, path: Path, count: int) -> tuple[float, ...]:
    numbers = stated if isinstance(stated, list) else []
    is_good = all(isinstance(one, int | float) and not isinstance(one, bool) and math.isfinite(one) for one in numbers)
    if len(numbers) != count or not is_good:
        raise _unlike(path, f"{count} numbers")
    return tuple(float(one) for one in numbers)


def _unlike(path: Path, wanted: str) -> ScorerUnavailable:
    return ScorerUnavailable(f"The file {path} does not hold {wanted}. Fetch it again from {ADDRESS}.")


def _digest(*paths: Path) -> str:
    whole = hashlib.sha256()
    for path in paths:
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


def folder_with(names: Sequence[str], folders: Sequence[Path | None]) -> Path:
    """The first of the folders that holds all of these files.

    Raises:
        ScorerUnavailable: none does; says which files, where they are published and where to put them.
    """
    known = [folder for folder in folders if folder is not None]
    for folder in known:
        if all((folder / name).is_file() for name in names):
            return folder
    raise ScorerUnavailable(
        f"VisionReward's questions and weights are part of that model and not of this program: fetch "
        f"{' and '.join(names)} from {ADDRESS} and put them into one of {', '.join(map(str, known)) or 'no folder'}, "
        "or name their folder in the setting “checklist”. No other questions are asked in their place."
    )
