"""A chat model that sees, on transformers: what it would say next, as probabilities.

Weights are safetensors, code comes from transformers alone: a model that brings its own is refused.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from scoring.scorers import pretrained
from scoring.scorers.base import ScorerUnavailable
from scoring.scorers.fitted import misfit

# isort: split
from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoProcessor

PATTERNS = ("*.json", "*.safetensors", "*.jinja", "*.txt", "*.model")
# Without a stated limit, more words than any prompt has.
LONGEST = 32_768


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

    def first_tokens(self, answers: Sequence[str]) -> list[int]:
        """The first tokens of several answers, each once."""
        return list(dict.fromkeys(self.tokens(answer)[0] for answer in answers))

    @torch.inference_mode()
    def first(self, pictures: Sequence[Image.Image], questions: Sequence[str]) -> torch.Tensor:
        """Log-probabilities of the first token of an answer: (n, V), float64, on the CPU."""
        return self._spoken(pictures, questions, answer=())[:, 0]

    @torch.inference_mode()
    def answer(self, pictures: Sequence[Image.Image], questions: Sequence[str], label: Sequence[int]) -> torch.Tensor:
        """Log-probabilities of each token of one answer, T ≥ 1, given those before it: (n, T), float64, on the CPU."""
        spoken = self._spoken(pictures, questions, answer=label[:-1])  # (n, T, V)
        wanted = torch.tensor([list(label)] * len(questions))
        return spoken.gather(-1, wanted[..., None]).squeeze(-1)

    def _spoken(
        self, pictures: Sequence[Image.Image], questions: Sequence[str], *, answer: Sequence[int]
    ) -> torch.Tensor:
        """Log-probabilities of what follows each question, and each token of an answer after it: (n, T + 1, V)."""
        fields, lengths = self._asked(pictures, questions)
        fields = _continued(fields, lengths, answer)
        first = lengths - 1
        places = first[:, None] + torch.arange(len(answer) + 1)  # (n, T + 1)
        kept = torch.arange(int(first.min()), int(places.max()) + 1)
        options: dict[str, Any] = {"use_cache": False}
        if "logits_to_keep" in inspect.signature(self.model.forward).parameters:
            options["logits_to_keep"] = kept.to(self._device)
            places = places - kept[0]
        logits = self.model(**{name: field.to(self._device) for name, field in fields.items()}, **options).logits
        rows = torch.arange(len(places))[:, None]
        chosen: torch.Tensor = logits[rows.to(logits.device), places.to(logits.device)]
        return chosen.double().log_softmax(dim=-1).cpu()

    def _asked(
        self, pictures: Sequence[Image.Image], questions: Sequence[str]
    ) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """The model's input for each picture with its question, and how many tokens each has, (n,)."""
        chats = [
            [{"role": "user", "content": [{"type": "image", "image": picture}, {"type": "text", "text": question}]}]
            for picture, question in zip(pictures, questions, strict=True)
        ]
        fields = self._processor.apply_chat_template(
            chats,
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            # A prompt is text, whatever marks of the model it spells.
            sanitize_control_tokens=True,
            processor_kwargs={"padding": True},
        )
        found = {name: field for name, field in fields.items() if isinstance(field, torch.Tensor)}
        lengths = found["attention_mask"].sum(dim=-1)
        if int(lengths.max()) > self.longest:
            raise ValueError(
                f"a picture with its question has {int(lengths.max())} tokens, "
                f"more than the {self.longest} the model reads"
            )
        return found, lengths


def _continued(
    fields: dict[str, torch.Tensor], lengths: torch.Tensor, answer: Sequence[int]
) -> dict[str, torch.Tensor]:
    """The input with an answer after the last token of each row; other fields of a row's length get zeros there."""
    if not answer:
        return fields
    shape = fields["input_ids"].shape
    longer = {
        name: torch.nn.functional.pad(field, (0, len(answer))) if field.shape == shape else field
        for name, field in fields.items()
    }
    for row, length in enumerate(lengths.tolist()):
        longer["input_ids"][row, length : length + len(answer)] = torch.tensor(list(answer))
        longer["attention_mask"][row, length : length + len(answer)] = 1
    return longer
