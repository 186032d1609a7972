"""MPS: how much people would prefer a picture for its prompt, all things considered.

Source: Zhang, Wang, Wu, Li, Gao, Zhang and Wang, "Learning Multi-dimensional Human Preference for Text-to-Image
Generation", CVPR 2024. The paper has four dimensions; only the weights of the overall one were ever published.

The condition, a list of words about quality, is part of that model. Where it is not beside the weights
(`mps_condition.txt`), the words are our own, and every score says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from scoring import weights
from scoring.scorers.base import Decoded, Item, Json, Outcome, Scorer, ScorerFacts, ScorerUnavailable
from scoring.scorers.device import bytes_of, device, dtype_of, memory_watched
from scoring.scorers.mps_model import CONDITION, LENGTH, MpsFiles, MpsModel, find_files, processor_of, relevant
from scoring.scorers.several import FRAMES_IN_WORDS, Crop, distinct, mean_reading, shown
from scoring.scorers.unpinned import named

OWN_CONDITION = (
    "beauty, lighting, colours, sharpness, mood, craft, composition, faces, bodies, hands, objects, materials, detail, "
    "how many, which kind, where, lettering, everything asked for."
)
OWN, GIVEN, TRAINED = (
    "own wording, not the one the model was trained on",
    "given as a setting",
    "from the folder of the weights",
)


@dataclass(frozen=True)
class Asked:
    """A sample's pictures as the model sees them, and the prompt they are judged under."""

    crops: tuple[Crop, ...]
    text: str


class Mps(Scorer[Asked]):
    """Each prompt is weighed by itself, whatever else is in the batch. Runs on a GPU where there is one."""

    def __init__(self, facts: ScorerFacts, *, source: str, condition: str, threshold: str, precision: str) -> None:
        super().__init__(facts)
        self._source = source
        self._given = condition.strip()
        self._threshold = _share(threshold)
        self._precision = precision

    @cached_property
    def _files(self) -> MpsFiles:
        source = named(
            self._source,
            setting="source",
            whose="MPS (overall)",
            where="a whole pickled module on its authors' drive (repository Kwai-Kolors/MPS, MIT), and as safetensors "
            "in the port RE-N-Y/mpsv1 on the Hub",
        )
        return find_files(source)

    @cached_property
    def _condition(self) -> tuple[str, str]:
        """The words, and where they are from."""
        beside = self._files.folder / CONDITION
        if self._given:
            return self._given, GIVEN
        if beside.is_file():
            return beside.read_text(encoding="utf-8").strip(), TRAINED
        return OWN_CONDITION, OWN

    def load(self) -> None:
        condition, origin = self._condition
        self._model = MpsModel(self._files, device=device(), dtype=dtype_of(self._precision))
        count, cut = self._model.tokens(condition)
        if cut or not condition:
            raise ScorerUnavailable(
                f"The condition of MPS ({origin}) has {count} tokens; it must have some, and at most {LENGTH}."
            )
        self._wanted = self._model.say([condition]).tokens[0]  # (77, d)

    def bytes_held(self) -> int:
        return sum(bytes_of(module) for module in self._model.modules)

    @cached_property
    def _weights_digest(self) -> str:
        return weights.file_digest(self._files.path)

    def identity_parts(self) -> dict[str, Json]:
        condition, origin = self._condition
        return {
            "weights": self._weights_digest,
            "activation": str(self._files.vision.hidden_act),
            "preprocessing": processor_of(self._files.side).words,
            "scale": "exp(logit_scale of the weights) * cosine",
            "template": "{prompt}, read as transformers reads it, " + f"filled up to {LENGTH} tokens",
            "condition": condition,
            "condition_origin": origin,
            "threshold": self._threshold,
            "decoding": FRAMES_IN_WORDS,
            "precision": self._precision,
        }

    def prepare(self, item: Item, decoded: Decoded) -> Asked:
        return Asked(tuple(self._model.crop(picture) for picture in shown(decoded)), item.prompt_text)

    def score(self, items: Sequence[Item], prepared: Sequence[Asked]) -> list[Outcome]:
        pictures, places = distinct([crop for asked in prepared for crop in asked.crops])
        texts = list(dict.fromkeys(asked.text for asked in prepared))
        which = [texts.index(asked.text) for asked in prepared for _crop in asked.crops]
        with memory_watched():
            said = self._model.say(texts)
            heard = relevant(said.tokens, self._wanted, self._threshold)  # (texts, 77)
            found = self._model.cosines(self._model.see(pictures), places, said, which, heard)
        asked_of = dict(zip(texts, heard.sum(dim=-1).tolist(), strict=True))
        values = iter((self._model.logit_scale * found.double().cpu()).tolist())
        return [
            self._reading(item, asked, [next(values) for _crop in asked.crops], asked_of[asked.text])
            for item, asked in zip(items, prepared, strict=True)
        ]

    def _reading(self, item: Item, asked: Asked, values: Sequence[float], heard: int) -> Outcome:
        tokens, cut = self._model.tokens(asked.text)
        detail: dict[str, Json] = {
            "tokens": tokens,
            "tokens_cut": cut,
            "tokens_asked": heard,
            "condition": self._condition[1],
        }
        return mean_reading("mps", values, detail, item=item)


def _share(stated: str) -> float:
    try:
        value = float(stated)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise ScorerUnavailable(
            f"The threshold of MPS is a share of the most relevant token, at least 0 and below 1; not “{stated}”. Its "
            "authors' benchmarks have 0.3, the code of their model 0.01."
        )
    return value
