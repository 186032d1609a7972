"""Draws the demonstration's files: pictures, `samples.jsonl` and `judgements.jsonl`, as a user would bring them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from config.demo.painters import PAINTERS, draw
from config.demo.raters import Drawn, judge
from config.demo.scenes import SCENES

_SEED = 20_260
# Each format of file takes its own way through the import.
_FORMATS = {"atelier": "png", "sketchbook": "webp", "hasty": "jpg", "foggy": "jpg", "glitch": "png"}
_SAVING: dict[str, dict[str, Any]] = {
    "png": {},
    "webp": {"quality": 92, "method": 2},
    "jpg": {"quality": 92, "subsampling": 0},
}


@dataclass(frozen=True)
class Order:
    """One picture to be drawn."""

    folder: str
    scene: int
    painter: int
    seed: int

    @property
    def key(self) -> str:
        return f"{SCENES[self.scene].key}--{PAINTERS[self.painter].name}-{self.seed}"


@dataclass(frozen=True)
class Drawing:
    prompts: int
    samples: int
    generators: int
    judgements: int


def draw_files(folder: Path) -> Drawing:
    """Writes `samples/` and `judgements/` into the folder; what is there already is drawn over with the same bytes."""
    pictures, verdicts = folder / "samples", folder / "judgements"
    for part in (pictures, verdicts):
        part.mkdir(parents=True, exist_ok=True)
    orders = _orders(pictures)
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        flaws = list(pool.map(_draw, orders, chunksize=8))
    _write_lines(pictures / "samples.jsonl", (_row(order) for order in orders))
    judgements = list(judge(_groups(orders, flaws), _SEED))
    _write_lines(verdicts / "judgements.jsonl", judgements)
    return Drawing(len(SCENES), len(orders), len(PAINTERS), len(judgements))


def _orders(folder: Path) -> list[Order]:
    """One picture by every painter for every scene, and a second one by the painter whose turn it is."""
    orders = []
    for scene in range(len(SCENES)):
        turns = [*range(len(PAINTERS)), scene % len(PAINTERS)]
        orders += [Order(str(folder), scene, painter, _SEED + 10 * scene + n) for n, painter in enumerate(turns)]
    return orders


def _file_name(order: Order) -> str:
    painter = PAINTERS[order.painter]
    return f"{painter.name}/{SCENES[order.scene].key}-{order.seed}.{_FORMATS[painter.name]}"


def _draw(order: Order) -> tuple[str, ...]:
    painting = draw(PAINTERS[order.painter], SCENES[order.scene], order.seed)
    path = Path(order.folder) / _file_name(order)
    path.parent.mkdir(parents=True, exist_ok=True)
    painting.image.save(path, **_SAVING[path.suffix[1:]])
    return painting.flaws


def _row(order: Order) -> dict[str, Any]:
    scene, painter = SCENES[order.scene], PAINTERS[order.painter]
    chances = {name: value for name, value in asdict(painter).items() if isinstance(value, float) and value}
    return {
        "prompt": scene.prompt,
        "prompt_key": scene.key,
        "sample_key": order.key,
        "generator": painter.name,
        "revision": painter.revision,
        "media": [_file_name(order)],
        "seed": order.seed,
        "settings": chances,
        "tags": scene.tags,
        "licence": "CC0-1.0",
        "facts": scene.facts,
    }


def _groups(orders: list[Order], flaws: list[tuple[str, ...]]) -> list[list[Drawn]]:
    groups: dict[int, list[Drawn]] = {}
    for order, mistakes in zip(orders, flaws, strict=True):
        groups.setdefault(order.scene, []).append(Drawn(order.key, mistakes))
    return list(groups.values())


def _write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
