"""Whether the picture shows the person of the prompt's reference pictures.

For each reference its largest face; for each of those the most similar face of the sample. The number is the cosine of
their embeddings, as OpenCV's FaceRecognizerSF gives it: its documentation calls two faces one person's from 0.363 on
(LFW), lower on harder sets. Other packages use other models under the same name, whose cosines are other numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from scoring import weights
from scoring.scorers import faces
from scoring.scorers.base import (
    Decoded,
    Item,
    Json,
    NothingToJudge,
    Place,
    Reading,
    Result,
    ScorerFacts,
    ScorerOfOne,
    ScorerUnavailable,
)
from scoring.scorers.faces import DETECTOR_FILE, RECOGNISER_FILE, Face, FaceReader
from scoring.scorers.several import FRAMES, FRAMES_IN_WORDS


class FaceSimilarity(ScorerOfOne):
    """Runs on a processor, some milliseconds a picture; looking happens in `prepare`, so no picture waits."""

    def __init__(self, facts: ScorerFacts, *, source: str, detector: str, role: str, confidence: str) -> None:
        super().__init__(facts)
        self._source = source
        self._detector = detector
        self._role = role
        self._confidence = _share(confidence)

    @cached_property
    def _files(self) -> tuple[Path, Path]:
        return (
            weights.weights_file(weights.folder_of(self._detector, [DETECTOR_FILE]), [DETECTOR_FILE]),
            weights.weights_file(weights.folder_of(self._source, [RECOGNISER_FILE]), [RECOGNISER_FILE]),
        )

    def load(self) -> None:
        self._reader = FaceReader(*self._files, confidence=self._confidence)

    def identity_parts(self) -> dict[str, Json]:
        return {
            "weights": faces.digest(*self._files),
            "preprocessing": f"longer side at most {faces.LONGEST_SIDE}, blue first, five points to 112 × 112",
            "scale": "cosine, the best face of the sample for the largest of each reference, mean",
            "decoding": f"role {self._role}, faces over {self._confidence:g}; {FRAMES_IN_WORDS}",
            "precision": "float32",
        }

    def prepare(self, item: Item, decoded: Decoded) -> Reading:
        wanted = self._wanted(decoded)
        # Each frame of a video keeps the media it is of, so that a face can be shown where it was found.
        pictures = [(media, found, "") for media, found in zip(_media(item, "image"), decoded.pictures(), strict=True)]
        pictures += [
            (media, frame.image, f"{frame.time_us / 1e6:.2f} s")
            for media, frames in zip(_media(item, "video"), decoded.frames(FRAMES), strict=True)
            for frame in frames
        ]
        looks = [(media, when, self._reader.faces(picture)) for media, picture, when in pictures]
        return self._reading(wanted, looks)

    def _wanted(self, decoded: Decoded) -> list[Face]:
        """The largest face of each reference that has one."""
        found = [self._reader.faces(picture)[:1] for picture in decoded.role_pictures(self._role)]
        wanted = [face for some in found for face in some]
        if not wanted:
            raise NothingToJudge(f"no {self._role} picture of the prompt shows a face")
        return wanted

    def _reading(self, wanted: Sequence[Face], looks: Sequence[tuple[int, str, list[Face]]]) -> Reading:
        present = float(np.mean([bool(found) for _media_index, _when, found in looks]))
        best = [closest(wanted, found) for _media_index, _when, found in looks if found]
        results = {"face_present": Result(present)}
        if best:
            values = [float(cosine) for row in best for cosine in row]
            results["face_similarity"] = Result(float(np.mean(values)), _deviation(values))
        return Reading(
            results,
            {"faces": [_said(found, media, when) for media, when, found in looks], "references": len(wanted)},
            tuple(_place(face, wanted, media) for media, when, found in looks if not when for face in found),
        )


def closest(wanted: Sequence[Face], found: Sequence[Face]) -> list[float]:
    """For each wanted face the cosine of the most similar found one, -1 to 1; one face may serve several."""
    cosines = np.stack([face.vector for face in wanted]) @ np.stack([face.vector for face in found]).T
    return [float(cosine) for cosine in np.clip(cosines.max(axis=1), -1, 1)]


def _place(face: Face, wanted: Sequence[Face], media: int) -> Place:
    left, upper, right, lower = face.box
    value = max(closest([one], [face])[0] for one in wanted)
    points = ((left, upper), (right, lower))
    return Place("face_similarity", value, "box", media_index=media, points=points, label="face")


def _said(found: Sequence[Face], media: int, when: str) -> Json:
    return {
        "media": media,
        **({"at": when} if when else {}),
        "boxes": [[round(edge, 1) for edge in face.box] for face in found],
        "confidence": [round(face.confidence, 4) for face in found],
    }


def _media(item: Item, kind: str) -> list[int]:
    return [place for place, file in enumerate(item.media) if file.kind == kind]


def _deviation(values: Sequence[float]) -> float | None:
    return float(np.std(values)) if len(values) > 1 else None


def _share(stated: str) -> float:
    try:
        share = float(stated)
    except ValueError:
        share = -1.0
    if not 0 < share < 1:
        raise ScorerUnavailable(f"The setting “confidence” is a number between 0 and 1, not “{stated}”.")
    return share
