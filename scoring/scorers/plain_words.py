"""A text as tokens that mean nothing but its words, and where in the text each of them stands."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer

# Half-open, in code points of the text.
Span = tuple[int, int]


@dataclass(frozen=True)
class Words:
    """Tokens of a text in order, and the span of each; None where the tokenizer cannot tell."""

    tokens: tuple[int, ...]
    spans: tuple[Span, ...] | None


class PlainWords:
    """Reads marks such as `<image>` or `<|im_end|>` in a text as the letters they are written with.

    Thread-safe: it works on a copy of the tokenizer, since asking the model's own for this changes it for all.
    """

    def __init__(self, tokenizer: Any) -> None:
        """
        Args:
            tokenizer: of transformers; one without a backend of the package tokenizers tells no spans.
        """
        self._own = tokenizer
        backend = getattr(tokenizer, "backend_tokenizer", None)
        self._plain = None if backend is None else _without_marks(backend)

    def __call__(self, text: str) -> Words:
        if self._plain is None:
            found = self._own(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
            return Words(tuple(found), None)
        encoding = self._plain.encode(text, add_special_tokens=False)
        return Words(tuple(encoding.ids), tuple((start, end) for start, end in encoding.offsets))


def _without_marks(backend: Tokenizer) -> Tokenizer:
    stated = json.loads(backend.to_str())
    return Tokenizer.from_str(json.dumps({**stated, "added_tokens": [], "truncation": None, "padding": None}))


def summed(values: list[float], spans: tuple[Span, ...]) -> list[tuple[Span, float]]:
    """One value for each span of at least a code point, in order; tokens that share code points add up.

    A letter beyond a tokenizer's alphabet is written with several tokens, all of which stand at that letter. A token
    of no letter (the mark of a word's begin) counts with what follows, the last ones with what stands before them.

    >>> summed([-1.0, -2.0, -0.5], ((0, 1), (0, 1), (1, 4)))
    [((0, 1), -3.0), ((1, 4), -0.5)]
    """
    found: list[tuple[Span, float]] = []
    waiting = 0.0
    for value, (start, end) in zip(values, spans, strict=True):
        if start == end:
            waiting += value
        elif found and start < found[-1][0][1]:
            (first, last), before = found[-1]
            found[-1] = ((first, max(last, end)), before + waiting + value)
            waiting = 0.0
        else:
            found.append(((start, end), waiting + value))
            waiting = 0.0
    if waiting and found:
        found[-1] = (found[-1][0], found[-1][1] + waiting)
    return found
