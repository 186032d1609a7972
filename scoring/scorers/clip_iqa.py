"""CLIP-IQA: whether a picture looks more like “Good photo.” or like “Bad photo.”, whatever it shows.

Source: Wang, Chan and Loy, "Exploring CLIP for Assessing the Look and Feel of Images", AAAI 2023. Three things go by
this name, and this is the first of them, as the packages piq and torchmetrics have it: OpenAI's ResNet-50 CLIP without
the position embedding of its last layer, on the picture's own size, with one pair of opposite words for each number.
Others average several pairs under one name (pyiqa's `clipiqa`), or read words that were trained (CLIP-IQA+); their
numbers are of other scales.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from scoring import embeddings
from scoring.embeddings import Vector
from scoring.scorers.base import (
    Decoded,
    Item,
    Json,
    Outcome,
    Place,
    Reading,
    Result,
    ScorerFacts,
    ScorerUnavailable,
)
from scoring.scorers.clip_encoder import ClipEncoder
from scoring.scorers.clip_iqa_pairs import chosen, criterion_of
from scoring.scorers.clip_model import ClipWeights
from scoring.scorers.clip_scorer import ClipScorer, Looks, pictures_of
from scoring.scorers.clip_views import FRAMES, Crop, Look, View, Viewer
from scoring.scorers.device import memory_watched
from scoring.scorers.places import each_shown, over_picture

# The network halves a picture five times: of fewer pixels nothing is left.
LEAST = 32
MOST_TILES = 16


class AnySizeEncoder(ClipEncoder):
    """Sees each picture alone, at its own size, without knowing where in it anything is."""

    apart = {"pooling": "without position embedding"}

    @torch.inference_mode()
    def of_views(self, views: Sequence[View]) -> torch.Tensor:
        """(n, d), float32, rows of length 1, out of n arrays (H, W, 3) uint8 of any sizes; raises OutOfMemory."""
        with memory_watched():
            found = torch.cat([pooled(self.model.visual, self.model.pixels([view])) for view in views])
        return torch.nn.functional.normalize(found.float(), dim=-1)


class ClipIqa(ClipScorer):
    """Several pairs cost no more than one: each picture is embedded once. Pictures alone; the prompt is not read."""

    encoder_class = AnySizeEncoder

    def __init__(
        self, facts: ScorerFacts, *, source: str, pairs: str, own: str, tiles: str, longest_side: str, precision: str
    ) -> None:
        self._pairs = {criterion_of(name): words for name, words in chosen(pairs, own).items()}
        # Only the criteria that are asked about become criteria of the project.
        asked = tuple(output for output in facts.outputs if output.criterion in self._pairs)
        super().__init__(replace(facts, outputs=asked), source=source, precision=precision)
        self._tiles = _whole(tiles, "tiles", most=MOST_TILES)
        self._longest = _whole(longest_side, "longest_side")

    def found_weights(self) -> ClipWeights:
        found = super().found_weights()
        if not isinstance(found.config["vision_cfg"].get("layers"), list | tuple):
            raise ScorerUnavailable(
                f"The weights {found.path} are a CLIP that sees patches; CLIP-IQA takes one that is a ResNet, OpenAI's "
                "RN50, because no other sees pictures of every size."
            )
        return found

    @property
    def sees(self) -> str:
        size = f"longer side at most {self._longest}" if self._longest else "its own size"
        return f"on white, {size}, white around what is under {LEAST} pixels, CLIP normalisation"

    def load(self) -> None:
        super().load()
        look = partial(view_of, longest=self._longest)
        self.viewer = TiledViewer(self.encoder.digest, self.sees, LEAST, look, embeddings.folder(), self._tiles)

    def identity_parts(self) -> dict[str, Json]:
        return {
            **super().identity_parts(),
            "scale": "softmax of exp(logit_scale of the weights) * cosine over each pair, the first of it",
            "template": {criterion: list(pair) for criterion, pair in self._pairs.items()},
            "pooling": AnySizeEncoder.apart["pooling"],
            "tiles": self._tiles,
        }

    def score(self, items: Sequence[Item], prepared: Sequence[Looks]) -> list[Outcome]:
        embedded = self.encoder.embed_looks([look for looks in prepared for look in looks])  # (P, d)
        words = self.encoder.embed_texts([text for pair in self._pairs.values() for text in pair])  # (2 pairs, d)
        scale = self.encoder.model.logit_scale
        return [
            self._reading(item, shares(rows, words, scale))
            for item, rows in zip(items, pictures_of(prepared, embedded), strict=True)
        ]

    def _reading(self, item: Item, found: NDArray[np.float64]) -> Reading:
        """Of the shares of an item's pictures, frames and tiles, in this order, (looks, pairs)."""
        tiled = tiled_pictures(item, self._tiles)
        cut = len(found) - len(tiled) * self._tiles**2
        whole = dict(zip(self._pairs, found[:cut].T.tolist(), strict=True))
        grids = np.split(found[cut:], len(tiled)) if tiled else []
        each = [place for criterion, values in whole.items() for place in each_shown(item, criterion, values, FRAMES)]
        maps = [place for index, grid in zip(tiled, grids, strict=True) for place in self._heatmaps(index, grid)]
        return Reading(
            {criterion: _result(values) for criterion, values in whole.items()},
            {"values": whole, "words": {criterion: list(pair) for criterion, pair in self._pairs.items()}},
            (*each, *maps),
        )

    def _heatmaps(self, index: int, found: NDArray[np.float64]) -> list[Place]:
        """Of the tiles of one picture, (tiles², pairs), row by row."""
        return [
            over_picture(criterion, found[:, place].reshape(self._tiles, self._tiles).tolist(), index)
            for place, criterion in enumerate(self._pairs)
        ]


def _result(values: Sequence[float]) -> Result:
    return Result(float(np.mean(values)), float(np.std(values)) if len(values) > 1 else None)


def shares(pictures: Vector, words: Vector, scale: float) -> NDArray[np.float64]:
    """How much of each pair's attention the first words get: softmax of scale · cosine over the pair, in float64.

    Args:
        pictures: (n, d), rows of length 1.
        words: (2 pairs, d), rows of length 1; the better words and the worse ones in turn.
        scale: exp of the checkpoint's logit scale, 100 for OpenAI's weights.

    Returns:
        (n, pairs), 0 to 1; a half where both are as near.

    >>> shares(np.float32([[1, 0]]), np.float32([[0.6, 0.8], [0.6, -0.8]]), 100.0).tolist()
    [[0.5]]
    """
    cosines = pictures.astype(np.float64) @ words.astype(np.float64).T  # (n, 2 pairs)
    gap = scale * (cosines[:, 1::2] - cosines[:, 0::2])
    return np.asarray(torch.sigmoid(torch.from_numpy(-gap)).numpy(), dtype=np.float64)


def pooled(tower: torch.nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    """What a ResNet CLIP makes of a picture of any size: its attention pool without the position embedding.

    Args:
        tower: open_clip's `ModifiedResNet`.
        pixels: (n, 3, H, W), normalised, both sides at least 32.

    Returns:
        (n, d), not of length 1. The query is the mean over all places, which also see it.
    """
    grid = tower.stem(pixels)  # type: ignore[operator]
    for stage in (tower.layer1, tower.layer2, tower.layer3, tower.layer4):
        grid = stage(grid)  # type: ignore[operator]
    pool = tower.attnpool
    places = grid.flatten(2).transpose(1, 2)  # (n, H/32 · W/32, C)
    mean = places.mean(dim=1, keepdim=True)  # (n, 1, C)
    given = torch.cat([mean, places], dim=1)
    asked, keys, values = pool.q_proj(mean), pool.k_proj(given), pool.v_proj(given)  # type: ignore[operator, union-attr]
    heads = [part.unflatten(-1, (pool.num_heads, -1)).transpose(1, 2) for part in (asked, keys, values)]  # type: ignore[union-attr]
    seen = torch.nn.functional.scaled_dot_product_attention(*heads)  # (n, heads, 1, C / heads)
    embedded: torch.Tensor = pool.c_proj(seen.transpose(1, 2).flatten(2))[:, 0]  # type: ignore[operator, union-attr]
    return embedded


# -- what is seen -----------------------------------------------------------------------------------------------------


def view_of(picture: Image.Image, size: int, *, longest: int = 0) -> Crop:
    """A picture at its own size, (H, W, 3) uint8; where a side is under `size` pixels, in the middle of white.

    Args:
        longest: a longer side than this many pixels is made as short (bicubic); 0 for never.
    """
    if longest and max(picture.size) > longest:
        scale = longest / max(picture.size)
        width, height = (max(1, round(side * scale)) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    if min(picture.size) >= size:
        return np.asarray(picture)
    band = Image.new("RGB", (max(picture.width, size), max(picture.height, size)), "white")
    band.paste(picture, ((band.width - picture.width) // 2, (band.height - picture.height) // 2))
    return np.asarray(band)


def tiled_pictures(item: Item, tiles: int) -> list[int]:
    """Which of the sample's media are pictures large enough to be cut into tiles × tiles parts."""
    images = [(index, file) for index, file in enumerate(item.media) if file.kind == "image"]
    return [index for index, file in images if tiles and min(file.width, file.height) >= LEAST * tiles]


@dataclass(frozen=True)
class TiledViewer(Viewer):
    """Looks of the sample's pictures and frames, then of every tile of those pictures that are large enough."""

    tiles: int = 0

    def prepare(self, item: Item, decoded: Decoded) -> Looks:
        whole = super().prepare(item, decoded)
        tiled = tiled_pictures(item, self.tiles)
        if not tiled:
            return whole
        return (*whole, *decoded.derived(("CLIP tiles", self.encoder, self.tiles), lambda: self._cut(item, decoded)))

    def _cut(self, item: Item, decoded: Decoded) -> Looks:
        looks = {index: self._tile_looks(item.media[index].digest) for index in tiled_pictures(item, self.tiles)}
        every = [look for found in looks.values() for look in found]
        known = self._store().get([look.key for look in every if look.key])
        for look in every:
            look.embedding = known.get(look.key)
        if any(look.embedding is None for look in every):
            images = [index for index, file in enumerate(item.media) if file.kind == "image"]
            shown = dict(zip(images, decoded.pictures(), strict=True))
            for index, found in looks.items():
                self._fill(found, [self.view(tile, self.size) for tile in cut(shown[index], self.tiles)])
        return tuple(every)

    def _tile_looks(self, digest: str) -> Looks:
        return tuple(Look(_tile_key(digest, place, self.tiles)) for place in range(self.tiles**2))


def cut(picture: Image.Image, tiles: int) -> list[Image.Image]:
    """tiles² parts of a picture, row by row, as equal as whole pixels allow.

    >>> [part.size for part in cut(Image.new("RGB", (5, 4)), 2)]
    [(2, 2), (3, 2), (2, 2), (3, 2)]
    """
    across, down = ([side * part // tiles for part in range(tiles + 1)] for side in picture.size)
    return [
        picture.crop((across[column], down[row], across[column + 1], down[row + 1]))
        for row in range(tiles)
        for column in range(tiles)
    ]


def _tile_key(digest: str, place: int, tiles: int) -> bytes:
    return hashlib.sha256(f"{digest} tile {place} of {tiles} by {tiles}".encode()).digest() if digest else b""


def _whole(stated: str, setting: str, *, most: int = 1_000_000) -> int:
    if not stated.isdecimal() or int(stated) > most:
        raise ScorerUnavailable(f"The setting “{setting}” is a whole number from 0 to {most:,}; not “{stated}”.")
    return int(stated)
