"""What the reward models that read a special token are asked: the wording, and the words as numbers.

The wording that a model was trained on is part of that model and no part of this program. Whoever has it puts it as a
text file beside the weights, word for word, with `{prompt}` where the prompt stands and the special tokens where they
stand; without it our own wording is asked, and every score says so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import scoring.torch_setup  # noqa: F401 - declares the operators without which transformers cannot be imported

# isort: split
from transformers import AutoTokenizer

from scoring import weights
from scoring.scorers.base import ScorerUnavailable
from scoring.scorers.chat_model import ERRORS

PROMPT = "{prompt}"
OWN, TRAINED = "own wording, not the one the model was trained on", "from the folder of the weights"
IMAGE, VIDEO = "image", "video"
TOKEN_FILES = ("tokenizer*.json", "vocab.json", "merges.txt", "chat_template.*", "special_tokens_map.json")


@dataclass(frozen=True)
class Wording:
    """The text a model is asked, and where it is from (OWN or TRAINED)."""

    text: str
    origin: str


@dataclass(frozen=True)
class Question:
    """One question as numbers.

    Attributes:
        tokens: each picture's tokens included, as often as it has them.
        marks: places among them of the special tokens that are read, in the order of the model's marks.
    """

    tokens: tuple[int, ...]
    marks: tuple[int, ...]


def wording(folders: Sequence[Path], file: str, own: str, marks: Sequence[str]) -> Wording:
    """The wording in the first of the folders that has the file, or else our own.

    Raises:
        ScorerUnavailable: it is no text, or does not hold the prompt and each mark once.
    """
    found = next((folder / file for folder in folders if (folder / file).is_file()), None)
    try:
        text = own if found is None else found.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ScorerUnavailable(f"The wording {found} is no text in UTF-8.") from error
    for mark in (PROMPT, *marks):
        if text.count(mark) != 1:
            raise ScorerUnavailable(f"The wording {found or file} must hold {mark} once: “{text[:80]} …”.")
    return Wording(text, OWN if found is None else TRAINED)


class Words:
    """A tokenizer with the special tokens of a reward model, which stand after all its own.

    Only the wording may hold special tokens: what a prompt spells is read as plain text.
    """

    def __init__(self, folder: Path, marks: Sequence[str]) -> None:
        """Reads the tokenizer.

        Raises:
            ScorerUnavailable: there is none, or it does not say how a chat is written.
        """
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        except ERRORS as error:
            raise ScorerUnavailable(f"The folder {folder} holds no tokenizer: {error}") from error
        self._chat = _chat_template(folder) or getattr(self._tokenizer, "chat_template", None)
        if not self._chat:
            raise ScorerUnavailable(f"The folder {folder} has no chat template, so nobody knows how to ask its model.")
        self._numbers = {
            str(token.content): number
            for number, token in self._tokenizer.added_tokens_decoder.items()
            if token.special
        }
        new = [mark for mark in marks if mark not in self._numbers]
        known = len(self._tokenizer)
        self._numbers.update({mark: known + place for place, mark in enumerate(new)})
        self.size = known + len(new)
        self.marks = [self._numbers[mark] for mark in marks]

    def number(self, token: str) -> int:
        """The number of a special token; ScorerUnavailable when there is none."""
        if token not in self._numbers:
            raise ScorerUnavailable(f"The tokenizer knows no {token}, which the model's pictures stand for.")
        return self._numbers[token]

    def asked(self, text: str, shown: Sequence[str]) -> Template:
        """A wording after pictures and videos (IMAGE, VIDEO), as the turn of a chat that the model would answer."""
        content = [*({"type": kind} for kind in shown), {"type": "text", "text": text}]
        chat: str = self._tokenizer.apply_chat_template(
            [{"role": "user", "content": content}],
            chat_template=self._chat,
            tokenize=False,
            add_generation_prompt=True,
        )
        if chat.count(PROMPT) != 1:
            raise ScorerUnavailable("The chat template of this model does not show the text it is given once.")
        return Template(self, self._cut(chat))

    def _cut(self, chat: str) -> tuple[int | str | list[int], ...]:
        """Special tokens as numbers; between them text, already as numbers where no prompt comes in."""
        marks = "|".join(re.escape(one) for one in sorted(self._numbers, key=len, reverse=True))
        parts = [part for part in re.split(f"({marks})", chat) if part]
        return tuple(
            self._numbers[part] if part in self._numbers else part if PROMPT in part else self.plain(part)
            for part in parts
        )

    def plain(self, text: str) -> list[int]:
        """The tokens of a text without any meaning beyond it."""
        found: list[int] = self._tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        return found


@dataclass(frozen=True)
class Template:
    """A wording in its chat, which lacks only the prompt and the sizes of the pictures."""

    words: Words
    parts: tuple[int | str | list[int], ...]

    def question(self, prompt: str, sizes: Sequence[int], stands: Sequence[int]) -> Question:
        """The question about one prompt.

        Args:
            sizes: tokens of each picture, in order.
            stands: the tokens that stand for pictures, each to be repeated.

        Raises:
            ValueError: there are more or fewer places for pictures than pictures, or a mark is missing.
        """
        tokens: list[int] = []
        left = list(sizes)
        for part in self.parts:
            if isinstance(part, int):
                tokens += [part] * (left.pop(0) if part in stands and left else 1)
            else:
                tokens += self.words.plain(part.replace(PROMPT, prompt)) if isinstance(part, str) else part
        shown = sum(part in stands for part in self.parts if isinstance(part, int))
        marks = [place for mark in self.words.marks for place, token in enumerate(tokens) if token == mark]
        if shown != len(sizes) or len(marks) != len(self.words.marks):
            raise ValueError(f"the chat has {shown} places for {len(sizes)} pictures and {len(marks)} marks")
        return Question(tuple(tokens), tuple(marks))


def _chat_template(folder: Path) -> str | None:
    """The template of the model's processor, which knows pictures; that of its tokenizer may not."""
    if (folder / "chat_template.jinja").is_file():
        return (folder / "chat_template.jinja").read_text(encoding="utf-8")
    if (folder / "chat_template.json").is_file():
        stated = weights.read_json(folder / "chat_template.json").get("chat_template")
        return stated if isinstance(stated, str) else None
    return None
