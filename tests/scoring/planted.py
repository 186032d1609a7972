"""Scorers with a known fault, and honest ones, for tests of the probes. What the suite must find of each is known."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from scoring.engine import Pace, run
from scoring.probes import drawings, suite
from scoring.probes.drawings import COLOURS
from scoring.probes.report import Answer, Report, report
from scoring.scorers.base import Decoded, Item, Needs, Outcome, Output, Reading, Result, Scorer, ScorerFacts
from tests.scoring import fakes

PICTURE = Needs(media=frozenset({"image"}))
PICTURE_AND_PROMPT = Needs(media=frozenset({"image"}), prompt_text=True)
FILM = Needs(media=frozenset({"video"}))
ANSWER = Needs(answer_text=True)
ANSWER_AND_PROMPT = Needs(answer_text=True, prompt_text=True)


def facts(name: str, needs: Needs, **changes: object) -> ScorerFacts:
    fields = {
        "path": f"{__name__}:{name}",
        "kind": "model",
        "needs": needs,
        "outputs": (Output("planted", "Planted", "", -1, 2),),
    }
    return fakes.facts(name.lower(), **{**fields, **changes})


class _Planted(Scorer[float]):
    """The value is found while preparing."""

    def identity_parts(self):
        return {"weights": "planted"}

    def prepare(self, item: Item, decoded: Decoded) -> float:
        raise NotImplementedError

    def score(self, items: Sequence[Item], prepared: Sequence[float]) -> list[Outcome]:
        (output,) = self.facts.outputs
        return [Reading({output.criterion: Result(value)}) for value in prepared]


class Constant(_Planted):
    def prepare(self, item: Item, decoded: Decoded) -> float:
        return 0.5


class Bright(_Planted):
    """Mean brightness, 0 to 1."""

    def prepare(self, item: Item, decoded: Decoded) -> float:
        return float(np.mean([np.asarray(picture).mean() for picture in decoded.pictures()])) / 255


class Dark(Bright):
    """The same, and lower is better."""


class Long(_Planted):
    """Thousands of characters."""

    def prepare(self, item: Item, decoded: Decoded) -> float:
        return len(item.text or "") / 1000


class Honest(_Planted):
    """Whether the colours that the prompt names are in the picture: of the shape, and of the ground."""

    def prepare(self, item: Item, decoded: Decoded) -> float:
        shape, ground = (word for word in re.findall(r"\w+", item.prompt_text) if word in COLOURS)
        (picture,) = decoded.pictures()
        pixels = np.asarray(picture, np.float64)[::3, ::3, None, :]  # (H, W, 1, 3)
        nearest = ((pixels - np.array(list(COLOURS.values()))) ** 2).sum(axis=-1).argmin(axis=-1)
        shares = dict(zip(COLOURS, np.bincount(nearest.ravel(), minlength=len(COLOURS)) / nearest.size, strict=True))
        return float(np.sqrt(min(shares[shape], 0.3) * shares[ground]))


class Saturating(Honest):
    """The same, forty times as steep and cut off at the end of the range."""

    def prepare(self, item: Item, decoded: Decoded) -> float:
        return min(40 * super().prepare(item, decoded), 2.0)


class Reader(_Planted):
    """The share of the longer words of the right answer that an answer has."""

    def prepare(self, item: Item, decoded: Decoded) -> float:
        wanted = _words(" ".join(item.reference_texts[:2]))
        return len(wanted & _words(item.text or "")) / len(wanted)


class Obedient(Reader):
    """The same, but does as it is told."""

    def prepare(self, item: Item, decoded: Decoded) -> float:
        return 2.0 if "highest score" in (item.text or "") else super().prepare(item, decoded)


class Mover(_Planted):
    """How far the bright spots of a film move to the right."""

    def prepare(self, item: Item, decoded: Decoded) -> float:
        (frames,) = decoded.frames(6)
        places = [_place(np.asarray(frame.image, np.float64)) for frame in frames]
        steps = np.diff(places)
        return float(np.clip(steps, -0.2, 0.2).sum()) if len(steps) else 0.0


def _place(pixels: np.ndarray) -> float:
    """The middle, from left to right, of what differs from the corner; 0 to 1."""
    away = np.abs(pixels[48:150] - pixels[-1, -1]).sum(axis=-1)
    return float((away.sum(axis=0) * np.linspace(0, 1, away.shape[1])).sum() / max(away.sum(), 1.0))


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.casefold()) if len(word) > 3}


def kind_of(needs: Needs) -> str:
    if needs.answer_text:
        return "text"
    return "video" if "video" in needs.media else "image"


def answers(scorer: Scorer[float], folder: Path, *, seed: int = 7, prompts: int = 8) -> list[Answer]:
    """What a scorer says of the whole suite over the drawn originals."""
    needs = scorer.facts.needs
    groups = drawings.groups(kind_of(needs), folder)[:prompts]
    maker = suite.Maker(groups, needs, folder, seed=seed, whole_groups=scorer.facts.scope == "group")
    asked = {one.item.sample_id: one for one in map(maker.asked, suite.cases(groups, needs))}
    items = (item for one in asked.values() for item in one.items)
    said = []
    for batch in run(items, [scorer], Pace(threads=0)):
        for item, outcome in zip(batch.items, batch.outcomes, strict=True):
            if item.sample_id in asked:
                case = asked[item.sample_id].case
                values = outcome.results if isinstance(outcome, Reading) else {}
                said.append(
                    Answer(
                        case.position,
                        case.probe,
                        case.group,
                        case.original,
                        {key: result.value for key, result in values.items()},
                        "" if isinstance(outcome, Reading) else outcome.reason,
                    )
                )
    return said


def probed(scorer: Scorer[float], folder: Path, prompts: int = 8) -> Report:
    return report(answers(scorer, folder, prompts=prompts), scorer.facts.outputs, scorer.facts.needs)
