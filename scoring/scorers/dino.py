"""DINO similarity: how much a picture looks like the reference pictures of its prompt.

The cosine between the embeddings of two pictures by a self-supervised vision transformer, as DreamBooth measures
whether a generated subject is the one it was shown (Ruiz et al. 2023, section 4: CLS token of the last layer of
DINO ViT-S/16, plain cosine). Others average the patches, leave the last layer norm out or map the cosine to 0 to 1;
those are other scales under the same name. Source of the models: Caron et al. 2021 (DINO), Oquab et al. 2023 (DINOv2).

Where it is asked for, a picture has a heatmap beside its number: for each of its patches the largest cosine to any
patch of any reference, both after the last norm, as correspondences are looked for in such features (Amir et al. 2022,
"Deep ViT Features as Dense Visual Descriptors"; there keys of a middle layer). It tells where the subject is, and which
parts of it look like nothing in the references.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from scoring import embeddings, weights
from scoring.embeddings import Vector, frame_key, picture_key
from scoring.scorers import picture_processor, pretrained
from scoring.scorers.base import (
    Decoded,
    Item,
    Json,
    MediaFile,
    NothingToJudge,
    Outcome,
    Place,
    Reading,
    Result,
    Scorer,
    ScorerFacts,
    ScorerUnavailable,
    digest_of,
)
from scoring.scorers.device import bytes_of, device, dtype_of, memory_watched
from scoring.scorers.picture_processor import Crop, PictureProcessor
from scoring.scorers.places import bounded, box_within, indices, over_picture

# isort: split
from transformers import Dinov2Model, ViTModel  # after pretrained, which makes it importable

FRAMES = 8
# Raised whenever the code could make another embedding of the same content; old ones are then no longer found.
VERSION = "1"
PICTURES_AT_ONCE = 128
CLS, PATCHES, NONE = "cls", "patches", "none"
# What a folder may hold beside the encoder.
SPARE = ("pooler.", "classifier.", "vit.pooler.")


@dataclass
class Look:
    """One picture or frame as the model is going to see it, or has seen it.

    Attributes:
        key: under which its embedding is remembered; empty when it is not.
        crop: the preprocessed pixels, until they are embedded.
        vector: (d,), float32, of length 1, once it is known.
        patches: (patches, d), float32, each of length 1, once they are known and where a heatmap is asked for.
        corners: what of the picture the patches lie over, in its pixels; empty for all of it.
    """

    key: bytes = b""
    crop: Crop | None = None
    vector: Vector | None = None
    patches: Vector | None = None
    corners: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Compared:
    """The sample's pictures and frames, and the prompt's references, each at least one."""

    pictures: tuple[Look, ...]
    frames: tuple[Look, ...]
    references: tuple[Look, ...]

    @property
    def shown(self) -> tuple[Look, ...]:
        return (*self.pictures, *self.frames)


class DinoSimilarity(Scorer[Compared]):
    """Runs on a GPU where there is one, on the CPU otherwise."""

    def __init__(
        self, facts: ScorerFacts, *, source: str, role: str, pooling: str, precision: str, heatmap: str = NONE
    ) -> None:
        super().__init__(facts)
        self._source = source
        self._role = role
        self._pooling = pooling
        self._precision = precision
        self._has_heatmap = heatmap == PATCHES

    @cached_property
    def _found(self) -> pretrained.Folder:
        found = pretrained.find(self._source)
        if found.model_type not in ("vit", "dinov2"):
            raise ScorerUnavailable(
                f"{found.folder} holds a model of type “{found.model_type}”; this scorer takes “vit” (DINO) and "
                "“dinov2”."
            )
        return found

    @cached_property
    def _processor(self) -> PictureProcessor:
        processor = picture_processor.read(self._found.folder)
        stated, shape = self._found.stated, processor.shape
        side, patch = int(stated.get("image_size", 224)), int(stated.get("patch_size", 16))
        fits = shape == (side, side) if self._found.model_type == "vit" else shape[0] % patch == shape[1] % patch == 0
        if not fits:
            raise ScorerUnavailable(
                f"The processor in {self._found.folder} makes {shape} pixels, which do not fit the model "
                f"({side} pixels in patches of {patch})."
            )
        return processor

    def load(self) -> None:
        self._store = embeddings.of(self._encoder_digest)
        self._device, self._dtype = device(), dtype_of(self._precision)
        is_dino = self._found.model_type == "vit"
        self._model = pretrained.load(
            self._found,
            ViTModel if is_dino else Dinov2Model,
            device=self._device,
            dtype=self._dtype,
            spare=SPARE,
            **({"add_pooling_layer": False} if is_dino else {}),
        )

    def bytes_held(self) -> int:
        return bytes_of(self._model)

    @property
    def _encoder_digest(self) -> str:
        """Of whatever an embedding depends on, under which it is remembered."""
        parts = self.identity_parts()
        named = ("weights", "architecture", "activation", "epsilon", "preprocessing", "pooling", "precision")
        return digest_of(
            {"encoder": "DINO", "version": VERSION, "alone": self.is_alone, **{name: parts[name] for name in named}}
        )

    @cached_property
    def _weights_digest(self) -> str:
        return weights.file_digest(self._found.path)

    def identity_parts(self) -> dict[str, Json]:
        stated = self._found.stated
        return {
            "weights": self._weights_digest,
            "architecture": self._found.model_type,
            "activation": str(stated.get("hidden_act", "gelu")),
            "epsilon": float(stated.get("layer_norm_eps", 1e-12 if self._found.model_type == "vit" else 1e-6)),
            "preprocessing": self._processor.words,
            "scale": "cosine",
            "pooling": "CLS after the last norm" if self._pooling == CLS else "mean of the patches after the last norm",
            "template": f"references in the role {self._role}",
            "decoding": f"{FRAMES} evenly spaced frames of a video, mean over all pairs",
            "precision": self._precision,
            # Only where it is on: a sample that was scored without one is then scored again.
            **({"heatmap": "largest cosine of a patch to the references' patches"} if self._has_heatmap else {}),
        }

    # -- looking ------------------------------------------------------------------------------------------------------

    def prepare(self, item: Item, decoded: Decoded) -> Compared:
        references = [Look(_picture_key(file)) for file in item.roles.get(self._role, ()) if file.kind == "image"]
        if not references:
            raise NothingToJudge(f"the prompt has no picture in the role {self._role}")
        pictures = [Look(_picture_key(file)) for file in item.media if file.kind == "image"]
        frames = [Look(key) for file in item.media if file.kind == "video" for key in _frame_keys(file)]
        # Patches are not remembered, so that what needs them is always looked at.
        self._recall([] if self._has_heatmap else [*references, *pictures])
        self._recall(frames)
        self._fill(references, lambda: decoded.role_pictures(self._role))
        self._fill(pictures, decoded.pictures)
        self._fill(frames, lambda: [frame.image for frames in decoded.frames(FRAMES) for frame in frames])
        return Compared(tuple(pictures), tuple(frames), tuple(references))

    def _recall(self, looks: Sequence[Look]) -> None:
        known = self._store.get([look.key for look in looks if look.key])
        for look in looks:
            look.vector = known.get(look.key)

    def _fill(self, looks: Sequence[Look], decode: Callable[[], list[Image.Image]]) -> None:
        """Pixels where an embedding is not known; nothing is decoded where all are."""
        if all(look.vector is not None for look in looks):
            return
        for look, picture in zip(looks, decode(), strict=True):
            if look.vector is None:
                look.crop = self._processor.crop_of(picture)
                look.corners = _corners(self._processor.seen_of(picture.size), picture.size)

    # -- comparing ----------------------------------------------------------------------------------------------------

    def score(self, items: Sequence[Item], prepared: Sequence[Compared]) -> list[Outcome]:
        with memory_watched():
            self._embed_all([look for one in prepared for look in (*one.shown, *one.references)])
        return [
            replace(reading(_vectors(one.shown) @ _vectors(one.references).T), places=self._heatmaps(item, one))
            for item, one in zip(items, prepared, strict=True)
        ]

    def _heatmaps(self, item: Item, compared: Compared) -> tuple[Place, ...]:
        """One for each picture of the sample, where they are asked for."""
        if not self._has_heatmap:
            return ()
        references = np.concatenate([look.patches for look in compared.references if look.patches is not None])
        rows, columns = (side // self._patch for side in self._processor.shape)
        return bounded(
            [
                over_picture(
                    "dino_similarity", closest(look.patches, references, (rows, columns)), index, corners=look.corners
                )
                for index, look in zip(indices(item, "image"), compared.pictures, strict=True)
                if look.patches is not None
            ]
        )

    @cached_property
    def _patch(self) -> int:
        return int(self._found.stated.get("patch_size", 16))

    def _embed_all(self, looks: Sequence[Look]) -> None:
        """Notes every embedding that is missing on its look; one picture (a reference of many samples) is made once."""
        new: dict[bytes, list[Look]] = {}
        for look in looks:
            if look.crop is not None:
                new.setdefault(look.key or look.crop.tobytes(), []).append(look)
        groups, at_once = list(new.values()), 1 if self.is_alone else PICTURES_AT_ONCE
        for start in range(0, len(groups), at_once):
            part = groups[start : start + at_once]
            made, patches = self._embed([group[0].crop for group in part if group[0].crop is not None])
            self._store.put({group[0].key: row for group, row in zip(part, made, strict=True) if group[0].key})
            for place, (group, row) in enumerate(zip(part, made, strict=True)):
                for look in group:
                    look.vector, look.crop = row, None
                    look.patches = patches[place] if patches is not None else None

    @torch.inference_mode()
    def _embed(self, crops: Sequence[Crop]) -> tuple[Vector, Vector | None]:
        """(n, d), float32, rows of length 1; and (n, patches, d) of the same kind where heatmaps are asked for."""
        pixels = self._processor.pixels(crops, self._device).to(self._dtype)
        tokens = self._model(pixels).last_hidden_state
        return _of_length_one(self._pooled(tokens)), _of_length_one(tokens[:, 1:]) if self._has_heatmap else None

    def _pooled(self, tokens: torch.Tensor) -> torch.Tensor:
        """(n, 1 + patches, d) becomes (n, d)."""
        return tokens[:, 0] if self._pooling == CLS else tokens[:, 1:].mean(dim=1)


def reading(cosines: NDArray[np.float64]) -> Reading:
    """The mean over pictures and references, with its spread.

    Args:
        cosines: (pictures or frames, references), -1 to 1 but for rounding.
    """
    bounded = np.clip(cosines, -1.0, 1.0)  # NaN stays NaN
    spread = float(bounded.std()) if bounded.size > 1 else None
    return Reading({"dino_similarity": Result(float(bounded.mean()), spread)}, {"cosines": bounded.tolist()})


def closest(patches: Vector, references: Vector, shape: tuple[int, int]) -> list[list[float]]:
    """For each patch of a picture the largest cosine to any patch of the references.

    Args:
        patches: (rows · columns, d), float32, of length 1, from left to right and from top to bottom.
        references: (n, d), of the same kind, n ≥ 1.
        shape: rows and columns.

    Returns:
        Rows of cosines, -1 to 1.

    >>> closest(np.eye(2, dtype=np.float32), np.array([[1.0, 0.0]], np.float32), (1, 2))
    [[1.0, 0.0]]
    """
    best = np.clip((patches @ references.T).max(axis=1), -1.0, 1.0).astype(np.float64)
    return [[float(value) for value in row] for row in best.reshape(shape)]


def _corners(seen: tuple[float, float, float, float], size: tuple[int, int]) -> tuple[tuple[float, float], ...]:
    """Two corners of what a crop shows, cut to the picture by what rounding adds; none where that is all of it."""
    left, top, right, bottom = seen
    is_whole = max(abs(left), abs(top), abs(right - size[0]), abs(bottom - size[1])) < 1e-6
    return () if is_whole else box_within([(left, top), (right, bottom)], size)


def _of_length_one(tokens: torch.Tensor) -> Vector:
    return np.asarray(torch.nn.functional.normalize(tokens.float(), dim=-1).cpu().numpy(), dtype=np.float32)


def _vectors(looks: Sequence[Look]) -> NDArray[np.float64]:
    """(n, d), in float64, of length 1 in it too."""
    found = np.stack([look.vector for look in looks if look.vector is not None]).astype(np.float64)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def _picture_key(file: MediaFile) -> bytes:
    return picture_key(file.digest) if file.digest else b""


def _frame_keys(file: MediaFile) -> list[bytes]:
    return [frame_key(file.digest, place, FRAMES) if file.digest else b"" for place in range(FRAMES)]
