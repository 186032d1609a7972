"""Finding faces and telling whether two are of one person, by the two small models of OpenCV's own zoo.

YuNet finds faces with five points each (Wu et al. 2023, YuNet: A Tiny Millisecond-level Face Detector); SFace makes 128
numbers of a face that was turned upright by those points (Zhong et al. 2021, SFace). Both are run by onnxruntime, what
goes in and comes out as OpenCV's FaceDetectorYN and FaceRecognizerSF have it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from scoring import weights
from scoring.scorers.base import ScorerUnavailable

DETECTOR_FILE = "face_detection_yunet_2023mar.onnx"
RECOGNISER_FILE = "face_recognition_sface_2021dec.onnx"
# The detector was made for faces of 10 to 300 pixels.
LONGEST_SIDE = 640
STRIDES = (8, 16, 32)
OUTPUTS = [f"{part}_{stride}" for part in ("cls", "obj", "bbox", "kps") for stride in STRIDES]
OVERLAP = 0.3
MOST_FACES = 100
SIDE = 112
# Where eyes, nose and corners of the mouth lie in the 112 × 112 pixels that the recogniser was trained on.
UPRIGHT = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]])

Numbers = NDArray[np.float32]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Face:
    """One face.

    Attributes:
        box: left, upper, right and lower edge in pixels of the picture it was found in, within it.
        confidence: the detector's, 0 to 1.
        vector: (128,), float32, of length 1.
    """

    box: tuple[float, float, float, float]
    confidence: float
    vector: Numbers

    @property
    def area(self) -> float:
        left, upper, right, lower = self.box
        return (right - left) * (lower - upper)


class FaceReader:
    """Both models; several threads may ask it at once."""

    def __init__(self, detector: Path, recogniser: Path, *, confidence: float) -> None:
        """
        Args:
            confidence: below it, nothing counts as a face; 0 to 1.

        Raises:
            ScorerUnavailable: a file is no such model.
        """
        self._confidence = confidence
        self._detector = _session(detector, wanted=OUTPUTS)
        self._recogniser = _session(recogniser, wanted=[])
        self._names = (self._detector.get_inputs()[0].name, self._recogniser.get_inputs()[0].name)

    def faces(self, picture: Image.Image) -> list[Face]:
        """Every face of a picture of mode RGB, the largest first.

        Raises:
            ValueError: a model answers with numbers that are none.
        """
        scale = max(1.0, max(picture.size) / LONGEST_SIDE)
        seen = _seen(picture, scale)
        found = [self._face(seen, row, scale, picture.size) for row in self.found(seen)]
        return sorted((face for face in found if face.area > 0), key=lambda face: -face.area)

    def found(self, seen: Pixels) -> Numbers:
        """The detector's faces: (H, W, 3) uint8, blue first, become (n, 15) float32.

        A row has left and upper edge, width and height, five points (x, y) and the confidence, in pixels of `seen`.
        """
        padded = _padded(seen)
        parts = self._detector.run(OUTPUTS, {self._names[0]: _planes(padded)})
        rows = np.concatenate([decoded(parts[place::3], padded.shape, stride) for place, stride in enumerate(STRIDES)])
        rows = rows[rows[:, 14] >= self._confidence]
        if not np.isfinite(rows).all():
            raise ValueError("the detector of faces gave a place that is none")
        boxes, confidences = rows[:, :4].astype(int).tolist(), rows[:, 14].tolist()
        kept = cv2.dnn.NMSBoxes(boxes, confidences, self._confidence, OVERLAP, 1.0, MOST_FACES)
        return rows[np.asarray(kept, int).reshape(-1)]

    def vector(self, seen: Pixels, row: Numbers) -> Numbers:
        """The embedding of a face that `found` returned: (128,), of length 1."""
        way = upright(row[4:14].reshape(5, 2))
        turned: Any = cv2.warpAffine(seen, way, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
        made = self._recogniser.run(None, {self._names[1]: _planes(turned[:, :, ::-1])})[0].reshape(-1)
        length = float(np.linalg.norm(made))
        if not np.isfinite(length) or length == 0:
            raise ValueError("the model for faces gave no numbers for a face")
        vector: Numbers = made / length
        return vector

    def _face(self, seen: Pixels, row: Numbers, scale: float, size: tuple[int, int]) -> Face:
        left, upper, width, height = (float(edge) * scale for edge in row[:4])
        return Face(_inside((left, upper, left + width, upper + height), size), float(row[14]), self.vector(seen, row))


def decoded(parts: Sequence[Numbers], shape: tuple[int, ...], stride: int) -> Numbers:
    """Faces from one of the detector's three grids, one a cell.

    Args:
        parts: class and object confidences (1, n, 1), boxes (1, n, 4) as middle in cells from the cell's corner and
            logarithm of the size in cells, points (1, n, 10) in cells from the cell's corner; row by row.
        shape: of the pixels, divisible by the stride.

    Returns:
        (n, 15), float32, as in `FaceReader.found`; the confidence is the geometric mean of both, each held to 0 to 1.
    """
    classes, objects, boxes, points = (part.reshape(-1, part.shape[-1]) for part in parts)
    rows, columns = shape[0] // stride, shape[1] // stride
    corners = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2)  # (n, 2): x, y
    size = np.exp(boxes[:, 2:]) * stride
    place = (corners + boxes[:, :2]) * stride - size / 2
    confidence = np.sqrt(classes.clip(0, 1) * objects.clip(0, 1))
    return np.hstack([place, size, (points + np.tile(corners, 5)) * stride, confidence]).astype(np.float32)


def upright(points: Numbers) -> NDArray[np.float64]:
    """The similarity (turn, one scale, shift; no mirror) that brings five points closest to `UPRIGHT` by squares.

    Args:
        points: (5, 2), x and y, not all in one place.

    Returns:
        (2, 3), float64. Source: Umeyama 1991, Least-squares estimation of transformation parameters.
    """
    given, wanted = points.astype(float), UPRIGHT
    middle, target = given.mean(axis=0), wanted.mean(axis=0)
    left, sizes, right = np.linalg.svd((wanted - target).T @ (given - middle) / len(given))
    signs = np.array([1.0, np.sign(np.linalg.det(left) * np.linalg.det(right))])
    turn = left @ np.diag(signs) @ right * (sizes @ signs) / (given - middle).var(axis=0).sum()
    return np.hstack([turn, (target - turn @ middle)[:, None]])


def digest(detector: Path, recogniser: Path) -> str:
    """What the numbers depend on: SHA-256 (hex) of both files, joined."""
    return f"{weights.file_digest(detector)}+{weights.file_digest(recogniser)}"


def _session(path: Path, *, wanted: Sequence[str]) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "0"))
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises whatever its reader stumbles over
        raise ScorerUnavailable(f"The model {path} cannot be read ({type(error).__name__}). Fetch it again.") from error
    missing = sorted(set(wanted) - {output.name for output in session.get_outputs()})
    if missing or len(session.get_inputs()) != 1:
        raise ScorerUnavailable(f"{path} is another model: it lacks {', '.join(missing[:3]) or 'a single input'}.")
    return session


def _seen(picture: Image.Image, scale: float) -> Pixels:
    """What is looked at: (H, W, 3) uint8, blue first, longer side at most 640."""
    width, height = (max(1, round(side / scale)) for side in picture.size)
    fitted = picture if scale == 1 else picture.resize((width, height), Image.Resampling.BICUBIC)
    return np.ascontiguousarray(np.asarray(fitted)[:, :, ::-1])


def _padded(seen: Pixels) -> Pixels:
    """Black at the right and below, up to whole cells of the coarsest grid."""
    height, width = (-side % STRIDES[-1] for side in seen.shape[:2])
    return np.pad(seen, ((0, height), (0, width), (0, 0)))


def _planes(pixels: Pixels) -> Numbers:
    """(H, W, 3) uint8 becomes (1, 3, H, W) float32, still from 0 to 255: both models normalise by themselves."""
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None].astype(np.float32))


def _inside(box: tuple[float, float, float, float], size: tuple[int, int]) -> tuple[float, float, float, float]:
    """The box cut at the picture's edges: the detector also finds faces that are half outside."""
    left, upper, right, lower = box
    across, down = (float(side) for side in size)
    return (
        min(max(left, 0.0), across),
        min(max(upper, 0.0), down),
        min(max(right, 0.0), across),
        min(max(lower, 0.0), down),
    )
