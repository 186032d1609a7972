"""Make `import torchvision` work beside a build of torch without CUDA.

The torchvision of the package index is compiled for CUDA. Beside a CPU build of torch its
compiled operators do not load, and its Python code then fails while it describes `nms` to the
compiler, because nothing has declared that operator. Declaring the missing names is enough for
everything we use (transforms and models); a call of `nms` itself still says that it has no
kernel.

Import this module before anything that imports torchvision, open_clip or timm.
"""

import importlib.util
from contextlib import suppress
from pathlib import Path

import torch

_SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_OPERATORS = ("nms", "qnms")


def _load_compiled_operators() -> None:
    """Load what torchvision brings, as its own import will: declaring first would clash with it."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return
    for library in Path(spec.origin).parent.glob("_C.*"):
        with suppress(OSError):
            torch.ops.load_library(str(library))


def _declare_missing_operators() -> torch.library.Library | None:
    """Declare what no compiled library has; declaring a name twice would raise."""
    missing = [name for name in _OPERATORS if not hasattr(torch.ops.torchvision, name)]
    if not missing:
        return None
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in missing:
        library.define(name + _SIGNATURE)
    return library


_load_compiled_operators()
# A declaration lives as long as its library object.
_declarations = _declare_missing_operators()
