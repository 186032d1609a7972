"""Reads the text in a picture and compares it with the text the prompt asks for."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import rapidocr
from numpy.typing import NDArray
from PIL import Image

from scoring.scorers.base import (
    Decoded,
    Item,
    Json,
    NothingToJudge,
    Place,
    Reading,
    Result,
    ScorerFacts,
    ScorerOfOne,
)
from scoring.scorers.places import LONGEST_LABEL, bounded, box_within, indices
from scoring.scorers.text import comparable, edit_similarity, quoted, recall

LONGEST_SIDE = 2000
# The detector enlarges the shorter side to 736 pixels: without this limit 3 × 2000 pixels would become 736 × 490,000.
WIDEST_ASPECT = 4
ORDERED_PHRASES = 4


class Ocr(ScorerOfOne):
    """PP-OCR through rapidocr, its weights inside the wheel. Reading happens in `prepare`, so no picture waits."""

    def __init__(self, facts: ScorerFacts) -> None:
        super().__init__(facts)
        # rapidocr keeps the size of the picture at hand on itself, so two threads must not use it together.
        self._one_at_a_time = threading.Lock()

    def load(self) -> None:
        threads = int(os.environ.get("OMP_NUM_THREADS", "-1"))  # torch reads the same name
        self._engine = rapidocr.RapidOCR(
            params={"Global.log_level": "error", "EngineConfig.onnxruntime.intra_op_num_threads": threads}
        )

    def identity_parts(self) -> dict[str, Json]:
        return {
            "weights": weights_digest(),
            "preprocessing": f"longer side at most {LONGEST_SIDE}, aspect at most {WIDEST_ASPECT} by white, BGR",
            "decoding": "boxes over 0.5, text over 0.5, top to bottom",
            "precision": "float32",
        }

    def prepare(self, item: Item, decoded: Decoded) -> Reading:
        expected = expected_phrases(item)
        pictures = decoded.pictures()
        read = [self._read(picture) for picture in pictures]
        lines = [line for each in read for line in each]
        found = compare(expected, [line.text for line in lines])
        boxes = [
            place
            for index, picture, each in zip(indices(item, "image"), pictures, read, strict=True)
            for place in boxes_of(each, index, picture.size)
        ]
        words = words_of(item.prompt_text, expected, [line.text for line in lines])
        return Reading(
            {
                "ocr_exact": Result(found.exact),
                "ocr_word_recall": Result(found.word_recall),
                "ocr_similarity": Result(found.similarity),
            },
            {"expected": expected, "read": [line.as_json() for line in lines]},
            bounded([*boxes, *words]),
        )

    def _read(self, picture: Image.Image) -> list[Line]:
        pixels = detector_input(picture)
        with self._one_at_a_time:
            answer: Any = self._engine(pixels)
        if answer.txts is None:
            return []
        scale = max(1.0, max(picture.size) / LONGEST_SIDE)
        return [
            Line(text, float(score), tuple((float(x) * scale, float(y) * scale) for x, y in box))
            for text, score, box in zip(answer.txts, answer.scores, answer.boxes, strict=True)
        ]


@dataclass(frozen=True)
class Line:
    """One line of text: what it says, the recogniser's confidence (0 to 1), four corners in pixels of the rendition."""

    text: str
    confidence: float
    corners: tuple[tuple[float, float], ...]

    def as_json(self) -> Mapping[str, Json]:
        corners = [[round(x, 1), round(y, 1)] for x, y in self.corners]
        return {"text": self.text, "confidence": round(self.confidence, 4), "corners": corners}


@dataclass(frozen=True)
class TextComparison:
    """How the text that was read agrees with the expected one; every number from 0 to 1."""

    exact: float
    word_recall: float
    similarity: float


def expected_phrases(item: Item) -> list[str]:
    """What the picture should say: the prompt's fact `text` (a phrase or a list), or else its quoted phrases.

    Raises:
        NothingToJudge: there is nothing to compare with; that is no zero.
        ValueError: the fact is neither a phrase nor a list of phrases.
    """
    stated = item.facts.get("text")
    if stated is None:
        phrases = quoted(item.prompt_text)
    elif isinstance(stated, str):
        phrases = [stated]
    elif isinstance(stated, list | tuple) and all(isinstance(phrase, str) for phrase in stated):
        phrases = [str(phrase) for phrase in stated]
    else:
        raise ValueError(f"the prompt's fact “text” must be a phrase or a list of phrases, not {stated!r}")
    phrases = [phrase for phrase in phrases if comparable(phrase)]
    if not phrases:
        raise NothingToJudge("the prompt asks for no text: it has no fact “text” and nothing in quotation marks")
    return phrases


def compare(expected: Sequence[str], lines: Sequence[str]) -> TextComparison:
    """Compares the expected phrases with the lines that were read, after `comparable` brought both to one form.

    `word_recall` counts words; `exact` and `similarity` leave spaces out, since recognisers lose them, and take up to
    four phrases in the order that fits best (with more: in the prompt's order). Text that nobody asked for lowers
    `exact` and `similarity`.

    Args:
        expected: at least one phrase with a word in it.
        lines: in reading order; empty when nothing was read, which gives three zeros.

    >>> compare(["Fresh bread"], ["FRESH", "bread."])
    TextComparison(exact=1.0, word_recall=1.0, similarity=1.0)
    """
    wanted = [comparable(phrase) for phrase in expected]
    read = comparable(" ".join(lines))
    orders = permutations(wanted) if len(wanted) <= ORDERED_PHRASES else [tuple(wanted)]
    squeezed = read.replace(" ", "")
    similarity = max(edit_similarity("".join(order).replace(" ", ""), squeezed) for order in orders)
    wanted_words = [word for phrase in wanted for word in phrase.split()]
    return TextComparison(float(similarity == 1.0), recall(wanted_words, read.split()), similarity)


def boxes_of(lines: Sequence[Line], index: int, size: tuple[int, int]) -> list[Place]:
    """Where each line stands in a picture of this width and height, with the recogniser's confidence, 0 to 1."""
    found = [(line, box_within(line.corners, size)) for line in lines]
    return [
        Place(
            "ocr_similarity",
            line.confidence,
            "box",
            media_index=index,
            points=corners,
            label=line.text[:LONGEST_LABEL].replace("\0", ""),
        )
        for line, corners in found
        if corners
    ]


def words_of(prompt: str, expected: Sequence[str], lines: Sequence[str]) -> list[Place]:
    """Each expected word where it stands in the prompt: 1 where it was read, 0 where it was not.

    A word that is read once and expected twice was read at its first place, as `recall` counts it. A phrase that does
    not stand in the prompt (a fact that says it otherwise) has no places; one that stands there twice has its first.
    """
    left = Counter(comparable(" ".join(lines)).split())
    places: list[Place] = []
    for phrase in expected:
        start = prompt.find(phrase)
        for piece in re.finditer(r"\S+", phrase):
            wanted = Counter(comparable(piece[0]).split())
            is_read = wanted <= left
            left -= wanted
            if start >= 0 and wanted:
                begin, end = start + piece.start(), start + piece.end()
                span = Place("ocr_word_recall", float(is_read), "span", "prompt", start=begin, end=end)
                places.append(replace(span, label=piece[0][:LONGEST_LABEL]))
    return places


def detector_input(picture: Image.Image) -> NDArray[np.uint8]:
    """What rapidocr is given: shape (H, W, 3), uint8, blue first; strips are widened with white at right or below."""
    width, height = picture.size
    shrink = min(1.0, LONGEST_SIDE / max(width, height))
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    fitted = picture if size == picture.size else picture.resize(size, Image.Resampling.BICUBIC)
    least = -(-max(size) // WIDEST_ASPECT)
    if min(size) < least:
        canvas = Image.new("RGB", (max(size[0], least), max(size[1], least)), "white")
        canvas.paste(fitted)
        fitted = canvas
    return np.ascontiguousarray(np.asarray(fitted)[:, :, ::-1])


def weights_digest() -> str:
    """SHA-256 over the weight files inside the wheel, in order of their names."""
    digest = hashlib.sha256()
    for path in sorted((Path(rapidocr.__file__).parent / "models").glob("*.onnx")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
