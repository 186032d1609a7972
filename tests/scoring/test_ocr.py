"""The real recogniser on pictures drawn here, and what protects it from hostile shapes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scoring.catalogue import build
from scoring.scorers import ocr
from scoring.scorers.base import NotApplicable, Reading
from tests.scoring import making


@pytest.mark.capability("C6")
def test_a_right_sign_reads_exactly_and_a_misspelt_one_by_its_letters(tmp_path: Path) -> None:
    prompt = 'A shop with the sign "FRESH BREAD" over the door'
    asked = [
        making.item(making.saved(making.sign(words), tmp_path), prompt_text=prompt)
        for words in ("FRESH\nBREAD", "FRESH\nBRAED", "")
    ]

    right, misspelt, blank = making.outcomes("ocr", asked)

    assert isinstance(right, Reading)
    assert {key: result.value for key, result in right.results.items()} == {
        "ocr_exact": 1.0,
        "ocr_word_recall": 1.0,
        "ocr_similarity": 1.0,
    }
    assert isinstance(misspelt, Reading)
    assert misspelt.results["ocr_exact"].value == 0.0
    assert misspelt.results["ocr_word_recall"].value == 0.5
    assert misspelt.results["ocr_similarity"].value == pytest.approx(0.8)  # two letters of ten changed places
    assert isinstance(blank, Reading)
    assert blank.results["ocr_similarity"].value == 0.0


def test_the_detail_says_what_was_read_and_where(tmp_path: Path) -> None:
    media = making.saved(making.sign("OPEN"), tmp_path)

    (said,) = making.outcomes("ocr", [making.item(media, facts={"text": "open"})])

    assert isinstance(said, Reading)
    assert said.detail["expected"] == ["open"]
    (line,) = said.detail["read"]  # type: ignore[misc]
    assert line["text"] == "OPEN"
    xs, ys = zip(*line["corners"], strict=True)
    assert 20 < min(xs) < max(xs) < 300
    assert 40 < min(ys) < max(ys) < 160


def test_a_prompt_without_words_to_show_is_not_applicable(tmp_path: Path) -> None:
    (said,) = making.outcomes("ocr", [making.item(making.saved(making.sign("OPEN"), tmp_path), prompt_text="a cat")])

    assert isinstance(said, NotApplicable)


def test_corners_refer_to_the_rendition_of_a_large_picture() -> None:
    scorer = build("ocr")
    scorer.ready()
    large = making.sign("OPEN", 1000, 500).resize((4000, 2000), Image.Resampling.BICUBIC)

    (line,) = scorer._read(large)  # type: ignore[attr-defined]

    assert line.text == "OPEN"
    assert max(x for x, _y in line.corners) > 600


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        ((640, 320), (320, 640, 3)),
        ((3, 2000), (2000, 500, 3)),
        ((2000, 3), (500, 2000, 3)),
        ((100_000, 2), (500, 2000, 3)),
        ((1, 1), (1, 1, 3)),
    ],
)
def test_what_the_detector_is_given_is_bounded(size: tuple[int, int], shape: tuple[int, ...]) -> None:
    pixels = ocr.detector_input(Image.new("RGB", size, (10, 20, 30)))

    assert pixels.shape == shape
    assert pixels[0, 0].tolist() == [30, 20, 10]


def test_the_identity_names_the_bytes_of_the_weights(tmp_path: Path, monkeypatch) -> None:
    before = build("ocr").identity_digest()
    models = tmp_path / "models"
    models.mkdir()
    (models / "other.onnx").write_bytes(b"other weights")
    monkeypatch.setattr(ocr.rapidocr, "__file__", str(tmp_path / "__init__.py"))

    assert build("ocr").identity_digest() != before


def test_reading_does_not_change_the_picture() -> None:
    picture = making.sign("OPEN")
    before = np.asarray(picture).copy()

    ocr.detector_input(picture)

    assert np.array_equal(np.asarray(picture), before)
