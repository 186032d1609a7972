"""Likeness of faces, on a detector that takes bright patches for them; OpenCV's own classes are the other opinion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from scoring.catalogue import build
from scoring.scorers import faces
from scoring.scorers.base import NotApplicable, Reading, Result, ScorerUnavailable
from scoring.scorers.faces import DETECTOR_FILE, RECOGNISER_FILE, FaceReader
from tests.scoring import face_weights, making

GREEN, BLUE, RED = (0, 255, 0), (0, 0, 255), (255, 0, 0)
TOLERANCE = 1e-3  # cosines; OpenCV's network and onnxruntime sum in another order


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("faces")
    face_weights.make(folder)
    return folder


@pytest.fixture
def reader(folder) -> FaceReader:
    return FaceReader(folder / DETECTOR_FILE, folder / RECOGNISER_FILE, confidence=0.5)


@pytest.fixture
def scorer(folder) -> Any:
    return build("face_similarity", {"source": str(folder), "detector": str(folder), "confidence": "0.5"})


def portrait(*patches: tuple[int, int, int, tuple[int, int, int]], size=(320, 256), seed: int = 1) -> Image.Image:
    """A picture of smooth shapes, muted, with bright squares: left, upper, side, colour."""
    muted = np.asarray(making.scene(*size, seed=seed)).astype(int) // 3 + 60
    picture = Image.fromarray(muted.astype(np.uint8))
    for left, upper, side, colour in patches:
        ImageDraw.Draw(picture).rectangle((left, upper, left + side - 1, upper + side - 1), colour)
    return picture


def asked(shown: list[Image.Image], references: list[Image.Image], folder: Path, **fields: Any) -> Any:
    return making.item(
        *(making.saved(picture, folder) for picture in shown),
        roles={"reference": tuple(making.saved(picture, folder) for picture in references)},
        **fields,
    )


# -- against OpenCV ---------------------------------------------------------------------------------------------------


def theirs(folder: Path, picture: Image.Image) -> tuple[np.ndarray, list[np.ndarray]]:
    """Rows (n, 15) and vectors of OpenCV's FaceDetectorYN and FaceRecognizerSF."""
    pixels = np.ascontiguousarray(np.asarray(picture)[:, :, ::-1])
    detector = cv2.FaceDetectorYN.create(str(folder / DETECTOR_FILE), "", picture.size, 0.5, 0.3, 100)
    recogniser = cv2.FaceRecognizerSF.create(str(folder / RECOGNISER_FILE), "")
    rows = detector.detect(pixels)[1]
    return rows, [recogniser.feature(recogniser.alignCrop(pixels, row)).reshape(-1) for row in rows]


PICTURES = [
    portrait((64, 64, 32, GREEN), (160, 128, 32, GREEN), (32, 160, 16, BLUE), seed=2),
    portrait((32, 32, 64, GREEN), (200, 16, 24, RED), seed=3),
    # No side is a whole number of cells, so both pad.
    portrait((96, 32, 32, GREEN), (64, 144, 16, BLUE), (280, 200, 16, RED), size=(301, 227), seed=4),
]


@pytest.mark.parity
def test_vectors_are_those_of_opencv(folder, reader, agreement) -> None:
    ours, other = [], []
    for picture in PICTURES:
        seen = np.ascontiguousarray(np.asarray(picture)[:, :, ::-1])
        rows, vectors = theirs(folder, picture)
        for row, vector in zip(rows, vectors, strict=True):
            ours.append(reader.vector(seen, row))
            other.append(vector / np.linalg.norm(vector))

    agreement("face_similarity", "OpenCV FaceRecognizerSF", "tiny", ours, other, tolerance=TOLERANCE)


@pytest.mark.parity
def test_places_are_those_of_opencv(folder, reader, agreement) -> None:
    ours, other = [], []
    for picture in PICTURES:
        rows, _vectors = theirs(folder, picture)
        mine = reader.found(np.ascontiguousarray(np.asarray(picture)[:, :, ::-1]))
        assert len(mine) == len(rows) >= 2
        # Of equal confidence, either may come first.
        ours.append(mine[np.lexsort(mine.T)])
        other.append(rows[np.lexsort(rows.T)])

    agreement("face_similarity", "OpenCV FaceDetectorYN", "tiny", np.vstack(ours), np.vstack(other), tolerance=1e-3)


def test_five_points_are_turned_upright_without_a_mirror() -> None:
    """Shrunk, turned by a quarter and shifted: the way back is known by hand."""
    given = np.stack([-faces.UPRIGHT[:, 1], faces.UPRIGHT[:, 0]], axis=1) / 2 + 7

    found = faces.upright(given)

    assert np.allclose(given @ found[:, :2].T + found[:, 2], faces.UPRIGHT)
    assert np.linalg.det(found[:, :2]) == pytest.approx(4)
    mirrored = given * [-1, 1]
    assert np.linalg.det(faces.upright(mirrored)[:, :2]) > 0


# -- what the numbers mean --------------------------------------------------------------------------------------------


def test_the_same_face_is_alike_and_another_less(scorer, tmp_path) -> None:
    """In the sample that repeats the reference, the face is found again wherever it stands."""
    reference = portrait((64, 64, 32, GREEN), seed=2)
    same, other = reference, portrait((64, 64, 32, GREEN), seed=9)

    said = making.outcomes(scorer, [asked([same], [reference], tmp_path), asked([other], [reference], tmp_path)])

    assert said[0].results["face_similarity"].value == pytest.approx(1, abs=1e-6)
    assert said[1].results["face_similarity"].value < 0.999
    assert said[0].results["face_present"] == Result(1.0)


def test_the_best_face_counts_for_the_largest_of_each_reference(scorer, reader, tmp_path) -> None:
    references = [portrait((64, 64, 32, GREEN), (200, 16, 16, BLUE), seed=2), portrait((96, 96, 32, GREEN), seed=5)]
    sample = portrait((160, 128, 32, GREEN), (32, 160, 16, BLUE), seed=7)

    (said,) = making.outcomes(scorer, [asked([sample], references, tmp_path)])

    wanted = [reader.faces(one)[0].vector for one in references]
    best = [max(float(vector @ face.vector) for face in reader.faces(sample)) for vector in wanted]
    assert said.results["face_similarity"].value == pytest.approx(np.mean(best), abs=1e-6)
    assert said.results["face_similarity"].spread == pytest.approx(np.std(best), abs=1e-6)
    assert len(said.places) == 2
    assert max(place.value for place in said.places) == pytest.approx(max(best), abs=1e-6)


def test_a_sample_without_a_face_gets_no_likeness(scorer, tmp_path) -> None:
    reference = portrait((64, 64, 32, GREEN))

    (said,) = making.outcomes(scorer, [asked([portrait()], [reference], tmp_path)])

    assert said.results == {"face_present": Result(0.0)}
    assert said.places == ()


def test_of_several_pictures_those_with_a_face_count(scorer, tmp_path) -> None:
    reference = portrait((64, 64, 32, GREEN))

    (said,) = making.outcomes(scorer, [asked([portrait(), reference], [reference], tmp_path)])

    assert said.results["face_present"] == Result(0.5)
    assert said.results["face_similarity"].value == pytest.approx(1, abs=1e-6)
    assert [place.media_index for place in said.places] == [1]


def test_a_video_is_seen_at_eight_moments(scorer, tmp_path) -> None:
    face, none = portrait((64, 64, 32, GREEN)), portrait()
    video = making.filmed([face] * 8 + [none] * 8, tmp_path)
    item = making.item(video, roles={"reference": (making.saved(face, tmp_path),)})

    (said,) = making.outcomes(scorer, [item])

    assert said.results["face_present"] == Result(0.5)
    assert said.results["face_similarity"].value > 0.9
    assert said.places == ()
    assert [bool(look["boxes"]) for look in said.detail["faces"]] == [True] * 4 + [False] * 4


def test_a_prompt_without_a_reference_or_without_a_face_in_it_is_not_applicable(scorer, tmp_path) -> None:
    face = portrait((64, 64, 32, GREEN))

    said = making.outcomes(scorer, [asked([face], [], tmp_path), asked([face], [portrait()], tmp_path)])

    assert said == [NotApplicable("no reference picture of the prompt shows a face")] * 2


def test_a_large_picture_is_seen_smaller_and_boxes_are_of_its_own_pixels(reader) -> None:
    small = portrait((64, 64, 32, GREEN), size=(640, 512))
    large = small.resize((1280, 1024), Image.Resampling.NEAREST)

    found, expected = ([face.box for face in reader.faces(one)] for one in (large, small))

    assert len(found) == len(expected) == 1
    # Edges are smoothed on the way down, which moves a box by a pixel or two.
    assert np.allclose(found, 2 * np.array(expected), atol=3)


def test_a_box_ends_at_the_edge_of_the_picture(reader) -> None:
    picture = portrait((0, 0, 32, GREEN))

    (face,) = reader.faces(picture)

    assert face.box[1] == 0.0
    assert face.area > 0


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (2000, 3)])
def test_strips_and_specks_have_no_face(reader, size) -> None:
    assert reader.faces(Image.new("RGB", size, "white")) == []


# -- files that are no such models ------------------------------------------------------------------------------------


def test_a_file_that_is_no_model_is_named(folder, tmp_path) -> None:
    for name in (DETECTOR_FILE, RECOGNISER_FILE):
        (tmp_path / name).write_bytes(b"version https://git-lfs.github.com/spec/v1")
    scorer = build("face_similarity", {"source": str(tmp_path), "detector": str(folder)})

    with pytest.raises(ScorerUnavailable, match=RECOGNISER_FILE):
        scorer.ready()


def test_another_model_in_the_place_of_the_detector_is_refused(folder, tmp_path) -> None:
    (tmp_path / DETECTOR_FILE).write_bytes((folder / RECOGNISER_FILE).read_bytes())
    scorer = build("face_similarity", {"source": str(folder), "detector": str(tmp_path)})

    with pytest.raises(ScorerUnavailable, match="another model: it lacks bbox_16"):
        scorer.ready()


@pytest.mark.parametrize("confidence", ["much", "0", "1.5", "nan"])
def test_a_confidence_that_is_no_share_is_refused(confidence) -> None:
    with pytest.raises(ScorerUnavailable, match="between 0 and 1"):
        build("face_similarity", {"confidence": confidence})


def test_other_weights_make_another_rater(folder, tmp_path) -> None:
    face_weights.make(tmp_path, seed=5)
    mine = build("face_similarity", {"source": str(folder), "detector": str(folder)})
    other = build("face_similarity", {"source": str(tmp_path), "detector": str(folder)})

    assert mine.identity_digest() != other.identity_digest()


def test_numbers_that_are_none_fail_the_item(scorer, tmp_path, monkeypatch) -> None:
    face = portrait((64, 64, 32, GREEN))
    monkeypatch.setattr(np.linalg, "norm", lambda _vector: float("nan"))

    (said,) = making.outcomes(scorer, [asked([face], [face], tmp_path)])

    assert not isinstance(said, Reading)
    assert "no numbers for a face" in said.reason
