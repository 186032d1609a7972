"""How a text becomes CLIP's tokens: two ways that differ on purpose, because the models were published with either.

Both split with CLIP's own table of 49,408 tokens, which open_clip's wheel brings. They differ in what they do before:

- open_clip repairs broken encodings, makes curly quotation marks straight (both ftfy) and undoes HTML entities, so that
  `&amp;` is one sign, `&`;
- transformers does none of it, and reads the names of its special tokens in a text as these tokens.

A scorer takes the way its reference took; the other would move the scores of such prompts.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

import torch

import scoring.torch_setup  # noqa: F401 - declares the operators without which open_clip cannot be imported

# isort: split
from open_clip.tokenizer import SimpleTokenizer
from transformers import CLIPTokenizer

# Start and end mark, as OpenAI named them; open_clip has the same tokens under other names.
START, END = "<|startoftext|>", "<|endoftext|>"


class Words(Protocol):
    """Turns texts into tokens. Too long a text is cut, and keeps its end mark."""

    name: str

    def ids(self, texts: Sequence[str], length: int) -> torch.Tensor:
        """(n, length), int64: start mark, tokens, end mark, then whatever the model does not look at."""

    def count(self, text: str) -> int:
        """Tokens of a text with its start and end mark, before any cut."""


class OpenClipWords:
    """As open_clip does it: for CLIP, HPSv2 and whatever was trained with open_clip."""

    name = "open_clip"

    def __init__(self) -> None:
        self._tokenizer = SimpleTokenizer()

    def ids(self, texts: Sequence[str], length: int) -> torch.Tensor:
        return self._tokenizer(list(texts), context_length=length)

    def count(self, text: str) -> int:
        return len(self._tokenizer.encode(text)) + 2


class TransformersWords:
    """As transformers does it: for PickScore, which was trained and published with its processor."""

    name = "transformers"

    def __init__(self) -> None:
        table = SimpleTokenizer()
        names = {table.sot_token_id: START, table.eot_token_id: END}
        vocabulary = {names.get(number, token): number for token, number in table.encoder.items()}
        self._tokenizer = CLIPTokenizer(vocab=vocabulary, merges=list(table.bpe_ranks))

    def ids(self, texts: Sequence[str], length: int) -> torch.Tensor:
        made = self._tokenizer(
            list(texts), padding="max_length", truncation=True, max_length=length, return_tensors="pt"
        )
        return made["input_ids"]

    def count(self, text: str) -> int:
        return len(self._tokenizer(text)["input_ids"])


@lru_cache(maxsize=1)
def open_clip_words() -> Words:
    return OpenClipWords()


@lru_cache(maxsize=1)
def transformers_words() -> Words:
    return TransformersWords()
