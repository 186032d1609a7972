"""Where a model runs, in which precision, and what it means that its memory is full. For workers only."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import torch

from scoring.scorers.base import OutOfMemory, ScorerUnavailable

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def dtype_of(precision: str) -> torch.dtype:
    """The type of a precision named in a setting.

    Raises:
        ScorerUnavailable: there is no such precision, or it cannot be used on this machine.
    """
    if precision not in PRECISIONS:
        raise ScorerUnavailable(f"Precision “{precision}” is unknown; there are {', '.join(PRECISIONS)}.")
    if precision == "float16" and not torch.cuda.is_available():
        raise ScorerUnavailable("Precision “float16” needs a GPU; on a processor take float32 or bfloat16.")
    return PRECISIONS[precision]


def device() -> torch.device:
    """The GPU of this process, or the processor. Float32 stays float32: TensorFloat-32 is switched off."""
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def memory_watched() -> Iterator[None]:
    """Turns a full memory, of the GPU or of the processor, into `OutOfMemory`, and gives back what is cached.

    The engine then halves the batch and goes on. What did not fit hangs on the error: its traceback leads to the frames
    that hold every tensor of the failed pass, so they are emptied first, or the half would find no more room.
    """
    full: str | None = None
    try:
        yield
    except RuntimeError as error:  # torch.OutOfMemoryError is one; a processor's allocator raises the plain kind
        if not _is_memory(error):
            raise
        full = str(error).splitlines()[0]
        traceback.clear_frames(error.__traceback__)
    if full is not None:
        give_back()
        raise OutOfMemory(full)


def _is_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def bytes_of(model: torch.nn.Module) -> int:
    """Memory that a model's parameters and buffers take."""
    tensors = [*model.parameters(), *model.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def memory_total() -> int:
    """Bytes of the memory in which models are kept: the GPU's, or this machine's."""
    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[1])
    return int(psutil.virtual_memory().total)


def memory_held() -> int:
    """Bytes of that memory which this process holds, what is cached for later not counted."""
    if torch.cuda.is_available():
        return int(torch.cuda.memory_allocated())
    return int(psutil.Process().memory_info().rss)


def give_back() -> None:
    """Returns memory of models that are gone to the device, where it is kept for the next one."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def described() -> str:
    """The device in words: the card's name, or the processor with its threads."""
    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    return f"processor, {torch.get_num_threads()} threads"
