"""Idefics2 with a linear layer on its last state in the place of a language head, as VideoScore was trained.

transformers has no such class; the authors' own is in their package mantis-vl (Apache-2.0), where the layer has a bias,
reads the state of the last token that is no padding, and its tensors are called `score.weight` and `score.bias` beside
those of the model under `model.`. Here transformers' `Idefics2Model` is that model.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image

import scoring.torch_setup  # noqa: F401 - declares the operators without which transformers cannot be imported

# isort: split
from transformers import AutoProcessor, Idefics2Config, Idefics2ImageProcessorPil, Idefics2Model, Idefics2Processor

from scoring import weights
from scoring.scorers.base import ScorerUnavailable
from scoring.scorers.fitted import fill, fitted, misfit, read_all, tensor_files, under

FILES = ("model.safetensors", "pytorch_model.bin")
PATTERNS = ("*.json", "*.model", "*.safetensors", "pytorch_model*.bin", "videoscore_template.txt")
IMAGE = "<image>"
# Without a stated limit, more words than any prompt has.
LONGEST = 32_768


def processor_of(folder: Path) -> Idefics2Processor:
    """What turns frames and words into the model's input, with Pillow.

    Raises:
        ScorerUnavailable: the folder holds none, or that of another model.
    """
    try:
        processor: Any = AutoProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        processor.image_processor = Idefics2ImageProcessorPil.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError) as error:
        raise ScorerUnavailable(f"The folder {folder} holds no processor of Idefics2: {error}") from error
    if not isinstance(processor, Idefics2Processor):
        raise ScorerUnavailable(f"The folder {folder} holds the processor {type(processor).__name__}, not Idefics2's.")
    return processor


def marks_of(processor: Idefics2Processor) -> list[str]:
    """The texts that are one token with a meaning of its own: ends, pictures, padding."""
    added = processor.tokenizer.added_tokens_decoder.values()
    return sorted({token.content for token in added if token.special and len(token.content) > 1})


class Idefics2Regression:
    """Reads words and frames and answers with a few numbers."""

    def __init__(
        self, folder: Path, processor: Idefics2Processor, *, outputs: int, device: torch.device, dtype: torch.dtype
    ) -> None:
        """Reads the model.

        Raises:
            ScorerUnavailable: another model, or tensors that do not fit it or do not make `outputs` numbers.
        """
        stated = weights.read_json(folder / "config.json")
        if stated.get("model_type") != "idefics2":
            raise ScorerUnavailable(f"The weights in {folder} are of “{stated.get('model_type')}”, not of Idefics2.")
        files = tensor_files(folder, FILES)
        state = read_all(files)
        head = under(state, "score.")
        shape = tuple(head["weight"].shape) if "weight" in head else ()
        config = Idefics2Config.from_dict(stated)
        wanted = (outputs, config.get_text_config().hidden_size)
        if shape != wanted:
            raise misfit(files[0], f"score.weight is {shape}, not {wanted}")
        body = fitted(Idefics2Model, config, under(state, "model."), origin=files[0])
        score = fill(torch.nn.Linear(shape[1], outputs), head, origin=files[0])
        self.modules = [body.to(device=device, dtype=dtype), score.to(device=device, dtype=dtype)]
        self._body, self._score = self.modules
        self._processor = processor
        self._device = device
        self._longest = int(getattr(config.get_text_config(), "max_position_embeddings", None) or LONGEST)

    @torch.inference_mode()
    def numbers(self, text: str, frames: Sequence[Image.Image]) -> list[float]:
        """The numbers of one video: (outputs,).

        Args:
            text: with `<image>` once for each frame, in order.

        Raises:
            ValueError: text and frames are more than the model reads.
        """
        fields = self._processor(text=text, images=list(frames), return_tensors="pt")
        length = fields["input_ids"].shape[1]
        if length > self._longest:
            raise ValueError(f"the frames with their question have {length} tokens, over the model's {self._longest}")
        found = self._body(**{name: field.to(self._device) for name, field in fields.items()}, use_cache=False)
        # One video at a time and no padding: the last state is the last token's.
        spoken: torch.Tensor = self._score(found.last_hidden_state[0, -1])  # (outputs,)
        return [float(number) for number in spoken.double().cpu()]
