"""A chat model that sees, on transformers: what it would say next, as probabilities, and what it thinks at the end.

Weights are safetensors, code comes from transformers alone: a model that brings its own is refused.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from scoring.scorers import pretrained
from scoring.scorers.base import ScorerUnavailable
from scoring.scorers.fitted import misfit
from scoring.scorers.plain_words import PlainWords

# isort: split
from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoProcessor

PATTERNS = ("*.json", "*.safetensors", "*.jinja", "*.txt", "*.model")
# Without a stated limit, more words than any prompt has.
LONGEST = 32_768
TOKENS_AT_ONCE = 64


# One message of a conversation as transformers' templates read it.
Message = dict[str, Any]

ERRORS = (OSError, ValueError, RuntimeError, ImportError, KeyError, TypeError, AttributeError)


def processor_of(folder: Path) -> Any:
    """What turns pictures and words into a model's input, with Pillow where there is a choice.

    A resize on tensors gives other pixels than Pillow's, and which one is taken must not depend on what is installed.

    Raises:
        ScorerUnavailable: there is none, it brings its own code, or it does not say how to ask.
    """
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        processor = AutoProcessor.from_pretrained(folder, **options)
        if getattr(processor, "image_processor", None) is None:
            raise ValueError("it sees no pictures")
        with suppress(ImportError):  # not all have a twin on Pillow
            processor.image_processor = AutoImageProcessor.from_pretrained(folder, backend="pil", **options)
    except ERRORS as error:
        raise ScorerUnavailable(f"The folder {folder} holds no processor of pictures and words: {error}") from error
    if getattr(processor, "chat_template", None) is None:
        raise ScorerUnavailable(f"The folder {folder} has no chat template, so nobody knows how to ask its model.")
    return processor


class ChatModel:
    """Answers come as log-probabilities; nothing is sampled."""

    def __init__(self, folder: Path, processor: Any, *, device: torch.device, dtype: torch.dtype) -> None:
        """Reads the model.

        Raises:
            ScorerUnavailable: no such model, no safetensors, code of its own, or tensors that do not fit.
        """
        try:
            loaded: Any = AutoModelForImageTextToText.from_pretrained(
                folder,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                ignore_mismatched_sizes=True,  # not ignored: it names them below instead of pointing to a log
                dtype=dtype,
                output_loading_info=True,
            )
        except ERRORS as error:
            raise ScorerUnavailable(
                f"The folder {folder} holds no model that sees and chats, or not in safetensors: {error}"
            ) from error
        self.model, said = loaded
        wrong = sorted(str(name) for names in said.values() for name in names)
        if wrong:
            raise misfit(folder, ", ".join(wrong[: pretrained.SHOWN]))
        self._processor = processor
        self._device = device
        self.model.eval().to(device)
        # Causal attention never looks ahead: what stands to the right of a row changes nothing in it, whatever
        # positions the model counts. Padding to the left would move them.
        self._words = self._processor.tokenizer
        self._words.padding_side = "right"

    @property
    def longest(self) -> int:
        """How many tokens the model can read at most."""
        stated = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        return int(stated or LONGEST)

    @property
    def end(self) -> int:
        """The token that ends the model's turn."""
        if self._words.eos_token_id is None:
            raise ScorerUnavailable("This model's tokenizer states no end of a turn, which the rule needs.")
        return int(self._words.eos_token_id)

    def tokens(self, text: str) -> list[int]:
        found: list[int] = self._words(text, add_special_tokens=False)["input_ids"]
        return found

    @cached_property
    def plain(self) -> PlainWords:
        """What turns a text into tokens that are nothing but its words."""
        return PlainWords(self._words)

    def first_tokens(self, answers: Sequence[str]) -> list[int]:
        """The first tokens of several answers, each once."""
        return list(dict.fromkeys(self.tokens(answer)[0] for answer in answers))

    @torch.inference_mode()
    def first(self, pictures: Sequence[Image.Image], questions: Sequence[str]) -> torch.Tensor:
        """Log-probabilities of the first token of an answer: (n, V), float64, on the CPU."""
        logits, starts = self._spoken(pictures, questions, [()] * len(questions))
        return logits[torch.arange(len(starts)), starts].double().log_softmax(dim=-1).cpu()

    def answer(self, pictures: Sequence[Image.Image], questions: Sequence[str], label: Sequence[int]) -> torch.Tensor:
        """Log-probabilities of each token of one answer, T ≥ 1, given those before it: (n, T), float64, on the CPU."""
        return torch.stack(self.answers(pictures, questions, [label] * len(questions)))

    @torch.inference_mode()
    def answers(
        self, pictures: Sequence[Image.Image], questions: Sequence[str], labels: Sequence[Sequence[int]]
    ) -> list[torch.Tensor]:
        """Log-probabilities of each token of every row's own answer, given those before it.

        Args:
            labels: n answers of T_i ≥ 1 tokens each.

        Returns:
            n tensors (T_i,), float64, on the CPU.

        Raises:
            ValueError: a conversation and its answer have more tokens than the model reads.
        """
        logits, starts = self._spoken(pictures, questions, [label[:-1] for label in labels])
        return [
            _said_of(logits[row, start : start + len(label)], label)
            for row, (start, label) in enumerate(zip(starts.tolist(), labels, strict=True))
        ]

    @torch.inference_mode()
    def last_states(self, chats: Sequence[Sequence[Message]], template: str | None = None) -> torch.Tensor:
        """The state of each conversation's last token after the last layer's norm: (n, d), float32, on the device.

        Args:
            chats: all with pictures or all without.
            template: how a conversation becomes text, where the model's own is not meant.

        Raises:
            ValueError: a conversation has more tokens than the model reads.
        """
        fields, lengths = self._input(chats, chat_template=template, add_generation_prompt=False)
        there = {name: field.to(self._device) for name, field in fields.items()}
        states: torch.Tensor = self.model.model(**there, use_cache=False).last_hidden_state  # (n, T, d)
        return states[torch.arange(len(lengths)), (lengths - 1).to(states.device)].float()

    def _spoken(
        self, pictures: Sequence[Image.Image], questions: Sequence[str], answers: Sequence[Sequence[int]]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (n, K, V) of what follows, and where in K each row's answer begins, (n,).

        From there on are what follows the question and each token of the row's answer after it: T_i + 1 places.
        """
        fields, lengths = self._asked(pictures, questions)
        counts = torch.tensor([len(answer) for answer in answers])
        self._check(int((lengths + counts).max()))
        fields = _continued(fields, lengths, answers)
        first = int(lengths.min()) - 1
        kept = torch.arange(first, int((lengths + counts).max()))
        options: dict[str, Any] = {"use_cache": False}
        if "logits_to_keep" in inspect.signature(self.model.forward).parameters:
            options["logits_to_keep"] = kept.to(self._device)
        logits = self.model(**{name: field.to(self._device) for name, field in fields.items()}, **options).logits
        return logits, lengths - 1 - (first if "logits_to_keep" in options else 0)

    def _asked(
        self, pictures: Sequence[Image.Image], questions: Sequence[str]
    ) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """The model's input for each picture with its question, and how many tokens each has, (n,)."""
        chats = [
            [{"role": "user", "content": [{"type": "image", "image": picture}, {"type": "text", "text": question}]}]
            for picture, question in zip(pictures, questions, strict=True)
        ]
        return self._input(chats, add_generation_prompt=True)

    def _input(
        self, chats: Sequence[Sequence[Message]], **options: Any
    ) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """The model's input for conversations, and how many tokens each has, (n,)."""
        fields = self._processor.apply_chat_template(
            [list(chat) for chat in chats],
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            # A prompt is text, whatever marks of the model it spells.
            sanitize_control_tokens=True,
            processor_kwargs={"padding": True},
            **options,
        )
        found = {name: field for name, field in fields.items() if isinstance(field, torch.Tensor)}
        lengths = found["attention_mask"].sum(dim=-1)
        self._check(int(lengths.max()))
        return found, lengths

    def _check(self, tokens: int) -> None:
        if tokens > self.longest:
            raise ValueError(f"a conversation has {tokens} tokens, more than the {self.longest} the model reads")


def _continued(
    fields: dict[str, torch.Tensor], lengths: torch.Tensor, answers: Sequence[Sequence[int]]
) -> dict[str, torch.Tensor]:
    """The input with an answer after the last token of each row; other fields of a row's length get zeros there."""
    longest = max(len(answer) for answer in answers)
    if not longest:
        return fields
    shape = fields["input_ids"].shape
    longer = {
        name: torch.nn.functional.pad(field, (0, longest)) if field.shape == shape else field
        for name, field in fields.items()
    }
    for row, (length, answer) in enumerate(zip(lengths.tolist(), answers, strict=True)):
        longer["input_ids"][row, length : length + len(answer)] = torch.tensor(list(answer))
        longer["attention_mask"][row, length : length + len(answer)] = 1
    return longer


def _said_of(logits: torch.Tensor, label: Sequence[int]) -> torch.Tensor:
    """Log-probabilities of T tokens under logits (T, V): (T,), float64, on the CPU."""
    wanted = torch.tensor(list(label), device=logits.device)
    # A few at a time: in float64 a long text over a large vocabulary is half a gigabyte.
    parts = [
        some.double().log_softmax(dim=-1).gather(-1, these[:, None]).squeeze(-1)
        for some, these in zip(logits.split(TOKENS_AT_ONCE), wanted.split(TOKENS_AT_ONCE), strict=True)
    ]
    return torch.cat(parts).cpu()
