"""`make parity`: scores full-size models both ways, prints a table and writes it to docs/parity.md.

Too slow and too large for the test suite, which does the same with tiny models. The weights are
random and never leave the temporary folder; what is compared is the architecture, the reading of
weights, the preprocessing and the arithmetic.
"""

import datetime
import platform
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import scoring.torch_setup  # noqa: F401 - before anything that imports torchvision

# isort: split
from open_clip.tokenizer import SimpleTokenizer
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel
from transformers.utils.logging import disable_progress_bar

from scoring.catalogue import build
from scoring.engine import Pace
from scoring.scorers.base import Reading
from tests.scoring import making

TABLE = Path(__file__).resolve().parents[2] / "docs" / "parity.md"
# float32 through 24 layers in two orders of summation; measured below 2e-6.
TOLERANCE = 1e-5
TEXTS = ["a red fox in the snow", "an open sign above a bakery", "three blue cups", "rain over a harbour at night"]


@dataclass(frozen=True)
class Case:
    """One architecture at full size."""

    scorer: str
    architecture: str
    against: str
    make: Callable[[Path], Any]


def clip(vision: dict[str, int], text: dict[str, int], projection: int) -> Callable[[Path], Any]:
    """Writes a CLIP of the given sizes, as transformers saves it, and returns transformers' model."""

    def write(folder: Path) -> Any:
        torch.manual_seed(11)
        size = {"vocab_size": 49408, "max_position_embeddings": 77, "eos_token_id": 49407, "pad_token_id": 49407}
        config = CLIPConfig(
            projection_dim=projection,
            vision_config={**vision, "image_size": 224, "hidden_act": "quick_gelu"},
            text_config={**text, **size, "bos_token_id": 49406, "hidden_act": "quick_gelu"},
        )
        model = CLIPModel(config).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                # Fresh weights give all pictures nearly one embedding; norms and biases vary as well.
                parameter.add_(torch.randn_like(parameter) * (0.04 if parameter.ndim > 1 else 0.1))
        model.save_pretrained(folder)
        processor().save_pretrained(folder)
        return model

    return write


def processor() -> Any:
    return CLIPImageProcessorPil(size={"shortest_edge": 224}, crop_size={"height": 224, "width": 224})


CASES = [
    Case(
        "clipscore",
        "CLIP ViT-B/32",
        "transformers",
        clip(
            {
                "hidden_size": 768,
                "intermediate_size": 3072,
                "num_hidden_layers": 12,
                "num_attention_heads": 12,
                "patch_size": 32,
            },
            {"hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 12, "num_attention_heads": 8},
            512,
        ),
    ),
    Case(
        "clipscore",
        "CLIP ViT-L/14",
        "transformers",
        clip(
            {
                "hidden_size": 1024,
                "intermediate_size": 4096,
                "num_hidden_layers": 24,
                "num_attention_heads": 16,
                "patch_size": 14,
            },
            {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12},
            768,
        ),
    ),
]


def compare(case: Case) -> tuple[int, float, float, float]:
    """Million parameters, the largest difference, the share in the same order, the spread of the scores."""
    shown = [making.scene(448, 320, seed) for seed in range(3)] + [making.noise(320, 448, 9)]
    pairs = [(picture, text) for picture in shown for text in TEXTS]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = case.make(folder)
        theirs = transformers_scores(model, pairs)
        ours = our_scores(case.scorer, folder, pairs)
    size = sum(parameter.numel() for parameter in model.parameters()) // 1_000_000
    same_order = float((np.argsort(ours) == np.argsort(theirs)).mean())
    return size, float(np.abs(ours - theirs).max()), same_order, float(np.std(theirs))


def our_scores(name: str, folder: Path, pairs: list[tuple[Any, str]]) -> np.ndarray:
    made = build(name, {"source": str(folder), "prefix": ""})
    made.ready()
    items = [making.item(making.saved(picture, folder), prompt_text=text) for picture, text in pairs]
    said = making.outcomes(made, items, Pace(batch_size=8, threads=2))
    return np.array([one.results[name].value for one in said if isinstance(one, Reading)])


def transformers_scores(model: Any, pairs: list[tuple[Any, str]]) -> np.ndarray:
    """2.5 · max(cos, 0), with transformers' model and its processor."""
    ids = SimpleTokenizer(context_length=77)([text for _picture, text in pairs])
    seen = processor()(images=[picture for picture, _text in pairs], return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        images = model.get_image_features(pixel_values=seen)
        words = model.get_text_features(input_ids=ids, attention_mask=torch.ones_like(ids))
    images, words = (getattr(found, "pooler_output", found) for found in (images, words))
    return 2.5 * torch.nn.functional.cosine_similarity(images, words).clamp(min=0).numpy()


def main() -> int:
    disable_progress_bar()
    rows, failed = [], 0
    for case in CASES:
        size, difference, same_order, spread = compare(case)
        is_same = difference < TOLERANCE and spread > 1e-3
        failed += not is_same
        rows.append(
            f"| {case.scorer} | {case.architecture} | {size} M | {case.against} | {difference:.1e} | {same_order:.0%}"
            f" | {spread:.3f} | {'same' if is_same else 'DIFFERENT'} |"
        )
        print(rows[-1], flush=True)
    TABLE.write_text(page(rows), encoding="utf-8")
    return 1 if failed else 0


def page(rows: list[str]) -> str:
    machine = (
        f"{platform.system()} {platform.machine()}, {torch.get_num_threads()} threads, "
        f"torch {torch.__version__}, Python {platform.python_version()}"
    )
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    words = (
        "Written by `make parity`: our scorer and an independent implementation on the same random weights, in\n"
        f"float32. Differences up to {TOLERANCE:.0e} are rounding.\n\n{today}, {machine}"
    )
    heading = [
        "| scorer | architecture | parameters | against | largest difference | same order | spread | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join(["# Parity at full size", "", words, "", *heading, *rows, ""])


if __name__ == "__main__":
    sys.exit(main())
