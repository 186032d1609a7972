"""A judge in this process: any vision-language model that transformers runs, from a folder or a pinned commit.

Safetensors only, no code from the repository, greedy or drawn with a seed; the log-probabilities of answered tokens
are those of the model itself, before temperature and top-p. Whatever decoding a repository states as its default
(penalties, top-k) is left out: a judge decodes as its template says. For workers only.
"""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from PIL import Image

import scoring.torch_setup  # noqa: F401 - declares the operators without which transformers cannot load processors

# isort: split
from jinja2 import TemplateError
from transformers import (
    AutoImageProcessor,
    AutoModelForImageTextToText,
    AutoProcessor,
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
)

from scoring import weights
from scoring.judges.base import Decoding, Part, PictureForm, Question, Refusal, Reply, Token
from scoring.judges.pictures import pictures_of
from scoring.scorers.base import Json, OutOfMemory, ScorerUnavailable
from scoring.scorers.device import bytes_of, device, dtype_of, memory_watched

PATTERNS = ("*.json", "*.safetensors", "*.jinja", "merges.txt", "vocab.txt", "*.model")
# What a judgement depends on beside the weights; the index of shards and a readme are no part of it.
PROCESSING = ("*config.json", "tokenizer.json", "*.jinja", "merges.txt", "vocab.*", "*.model", "chat_template.json")


class LocalBackend:
    """One model, one question at a time. Thread-safe: others wait."""

    at_once = 1

    def __init__(self, source: str, *, precision: str = "bfloat16") -> None:
        """
        Args:
            source: `OWNER/NAME@COMMIT` with all 40 digits, or a folder with config, processor and safetensors.
            precision: `float32`, `bfloat16` or `float16`.

        Raises:
            ScorerUnavailable: there is no such precision here.
        """
        self.source = source
        self._precision = precision
        self._dtype = dtype_of(precision)
        self._lock = threading.Lock()
        self._model: Any = None
        self._processor: Any = None

    @cached_property
    def _folder(self) -> Path:
        folder = weights.folder_of(self.source, PATTERNS)
        if not any(folder.glob("*.safetensors")):
            raise ScorerUnavailable(f"The folder {folder} holds no safetensors, and no other weights are read.")
        return folder

    @cached_property
    def _digests(self) -> dict[str, str]:
        folder = self._folder
        processing = {path for pattern in PROCESSING for path in folder.glob(pattern)}
        return {
            "weights": _digest_of(sorted(folder.glob("*.safetensors"))),
            "preprocessing": _digest_of(sorted(processing)),
        }

    def identity(self) -> dict[str, Json]:
        """Reads all weights once to digest them."""
        return {"backend": "transformers", "model": self.source, **self._digests, "precision": self._precision}

    def bytes_held(self) -> int:
        return 0 if self._model is None else bytes_of(self._model)

    def ready(self) -> None:
        with self._lock:
            if self._model is None:
                self._load()

    def _load(self) -> None:
        folder = str(self._folder)
        try:
            processor = AutoProcessor.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
            processor.image_processor = _pillow_processor(folder, processor.image_processor)
            with memory_watched():
                model = self._strictly_loaded(folder)
        except OutOfMemory as error:
            raise ScorerUnavailable(
                f"The model {self.source} does not fit into the memory of this machine in {self._precision}. Take a "
                "smaller one, a lower precision, or serve it elsewhere and name it as an endpoint."
            ) from error
        except (OSError, ValueError, KeyError, ImportError, AttributeError) as error:
            raise ScorerUnavailable(
                f"The folder {folder} is no vision-language model that transformers can run without code of its own "
                f"({str(error).splitlines()[0] if str(error) else type(error).__name__})."
            ) from error
        if not getattr(processor, "chat_template", None):
            raise ScorerUnavailable(f"The model {self.source} comes without a chat template, so it cannot be asked.")
        self._processor, self._model = processor, model

    def _strictly_loaded(self, folder: str) -> Any:
        of_any_kind: Any = AutoModelForImageTextToText
        model, found = of_any_kind.from_pretrained(
            folder,
            dtype=self._dtype,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
        )
        wrong = sorted({*found["missing_keys"], *(str(key) for key in found["mismatched_keys"])})
        if wrong:
            raise ScorerUnavailable(f"The weights {folder} do not fit their configuration: {wrong[0]} is missing.")
        stated = model.generation_config
        # An empty one, or the repository's penalties and top-k would creep into every answer.
        model.generation_config = GenerationConfig(
            bos_token_id=stated.bos_token_id, eos_token_id=stated.eos_token_id, pad_token_id=stated.pad_token_id
        )
        return model.eval().to(device())

    # -- one question -------------------------------------------------------------------------------------------------

    def ask(self, question: Question) -> Reply:
        """One answer.

        Raises:
            Refusal: the question is longer than the model's context, its memory is too small, or the model's chat
                template has no place for something.
            ValueError: a picture is missing or cannot be read.
        """
        self.ready()
        messages = self._messages(question)
        begun = time.monotonic()
        with self._lock:
            try:
                with memory_watched(), torch.inference_mode():
                    return self._answered(question, self._inputs(messages, question), begun)
            except OutOfMemory as error:
                raise Refusal(
                    "the question does not fit into the memory of this machine; make its pictures smaller "
                    "(longest_side, frames) or its answer shorter (max_tokens)"
                ) from error
            except TemplateError as error:
                raise Refusal(f"the model's chat template refuses the question: {error}") from error

    def _messages(self, question: Question) -> list[dict[str, Any]]:
        found = [self._message("system", [Part(question.system)], question.pictures)] if question.system else []
        found.append(self._message("user", question.parts, question.pictures))
        as_made = replace(question.pictures, longest_side=0)
        for turn in question.turns:
            found.append(self._message("assistant", [Part(turn.said)], as_made))
            found.append(self._message("user", turn.parts, as_made))
        return found

    def _message(self, role: str, parts: Sequence[Part], form: PictureForm) -> dict[str, Any]:
        return {"role": role, "content": [piece for part in parts for piece in self._content(part, form)]}

    def _content(self, part: Part, form: PictureForm) -> list[dict[str, Any]]:
        if part.media is None:
            return [{"type": "text", "text": self._harmless(part.text)}]
        pictures: list[Image.Image] = pictures_of(part.media, form)
        return [{"type": "image", "image": picture} for picture in pictures]

    def _harmless(self, text: str) -> str:
        """Text in which no control token of this model is spelt out: one would end the turn or ask for a picture."""
        while found := [word for word in self._control_words if word in text]:
            for word in found:
                text = text.replace(word, f"{word[0]} {word[1:]}")
        return text

    @cached_property
    def _control_words(self) -> tuple[str, ...]:
        own = [getattr(self._processor, name, None) for name in ("image_token", "video_token")]
        words = {*self._processor.tokenizer.all_special_tokens, *(word for word in own if isinstance(word, str))}
        return tuple(sorted((word for word in words if len(word) > 1), key=len, reverse=True))

    def _inputs(self, messages: Sequence[Mapping[str, Any]], question: Question) -> Any:
        inputs = self._processor.apply_chat_template(
            list(messages), tokenize=True, add_generation_prompt=True, return_dict=True, return_tensors="pt"
        )
        length = inputs["input_ids"].shape[1]
        most = getattr(self._model.config.get_text_config(), "max_position_embeddings", None)
        if most is not None and length + question.decoding.max_tokens > most:
            raise Refusal(
                f"the question has {length:,} tokens and its answer may have {question.decoding.max_tokens:,}; the "
                f"model takes {most:,} together"
            )
        return inputs.to(self._model.device, dtype=self._dtype)

    def _answered(self, question: Question, inputs: Any, begun: float) -> Reply:
        decoding = question.decoding
        recorder = _Recorder(decoding.top_logprobs)
        with _seeded(decoding.seed + question.repeat):
            output = self._model.generate(
                **inputs,
                **_drawn(decoding),
                max_new_tokens=decoding.max_tokens,
                logits_processor=LogitsProcessorList([recorder] if decoding.top_logprobs else []),
            )
        length = inputs["input_ids"].shape[1]
        ids = output[0, length:].tolist()
        ends = self._ends()
        is_whole = bool(ids) and ids[-1] in ends
        recorder.finish(output[0])
        said = ids[:-1] if is_whole else ids
        return Reply(
            text=self._processor.tokenizer.decode(said, skip_special_tokens=True),
            model=self.source,
            finish="stop" if is_whole else "length",
            prompt_tokens=length,
            answer_tokens=len(ids),
            seconds=time.monotonic() - begun,
            tokens=tuple(self._token(one, *row) for one, row in zip(said, recorder.rows, strict=False)),
        )

    def _ends(self) -> set[int]:
        stated = self._model.generation_config.eos_token_id
        return set(stated) if isinstance(stated, list) else {stated}

    def _token(self, token_id: int, logprob: float, rivals: Mapping[int, float]) -> Token:
        """Different tokens may read alike (halves of a character); their probabilities are added up."""
        said: dict[str, float] = {}
        for rival, chance in rivals.items():
            text = self._text(rival)
            said[text] = chance if text not in said else _log_sum(said[text], chance)
        return Token(self._text(token_id), logprob, said)

    def _text(self, token_id: int) -> str:
        text: str = self._processor.tokenizer.decode([token_id])
        return text


class _Recorder(LogitsProcessor):  # type: ignore[misc]
    """Writes down, for each answered token, its log-probability and those of the likeliest, and changes nothing.

    Only one step's logits are kept, so that a long answer of a large vocabulary takes no memory to speak of.
    """

    def __init__(self, rivals: int) -> None:
        self._rivals = rivals
        self._last: torch.Tensor | None = None  # (V,), float32, of the step whose token is not known yet
        self.rows: list[tuple[float, dict[int, float]]] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if self._last is not None:
            self._write(int(input_ids[0, -1]))
        self._last = torch.log_softmax(scores[0].float(), dim=-1)
        return scores

    def finish(self, ids: torch.Tensor) -> None:
        """Takes the last token from the finished answer."""
        if self._last is not None:
            self._write(int(ids[-1]))
            self._last = None

    def _write(self, token_id: int) -> None:
        assert self._last is not None
        best = torch.topk(self._last, min(self._rivals, self._last.numel()))
        rivals = dict(zip(best.indices.tolist(), best.values.tolist(), strict=True))
        self.rows.append((float(self._last[token_id]), rivals))


def _drawn(decoding: Decoding) -> dict[str, Any]:
    if decoding.temperature == 0:
        return {"do_sample": False}
    return {"do_sample": True, "temperature": decoding.temperature, "top_p": decoding.top_p, "top_k": 0}


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Chance from a seed, and the state of before given back."""
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def _pillow_processor(folder: str, found: Any) -> Any:
    """The same image processor on Pillow: the library's choice of backend would move pixels by what is installed."""
    try:
        return AutoImageProcessor.from_pretrained(folder, backend="pil", trust_remote_code=False, local_files_only=True)
    except (ValueError, ImportError):
        return found  # a model whose processor exists in one form only


def _digest_of(paths: Sequence[Path]) -> str:
    """SHA-256 (hex) over names and digests of files."""
    said = "\n".join(f"{path.name} {weights.file_digest(path)}" for path in paths)
    return hashlib.sha256(said.encode()).hexdigest()


def _log_sum(one: float, other: float) -> float:
    high, low = max(one, other), min(one, other)
    return high + math.log1p(math.exp(low - high))
