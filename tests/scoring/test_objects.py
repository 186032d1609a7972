"""`object_checks`: detectors against transformers' own processors and readers of boxes, and the numbers end to end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from scoring.catalogue import build
from scoring.engine import Pace
from scoring.scorers import detectors, objects
from scoring.scorers.base import ItemError, NotApplicable, Reading, Scorer, ScorerUnavailable
from scoring.scorers.object_rules import Detection
from scoring.scorers.open_detectors import detector_in
from tests.scoring import detector_weights, making

# Confidences and boxes in shares of the picture: rounding of float32 in another order; measured below 4e-6.
TOLERANCE = 1e-5
FOUND = list[tuple[float, ...]]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, tuple[Path, Any]]:
    found: dict[str, tuple[Path, Any]] = {}
    for kind in detector_weights.CLOSED:
        folder = tmp_path_factory.mktemp(kind)
        found[kind] = (folder, detector_weights.make_closed(kind, folder))
    for kind in ("owlv2", "owlvit"):
        folder = tmp_path_factory.mktemp(kind)
        found[kind] = (folder, detector_weights.make_open(kind, folder))
    return found


def pictures() -> list[Image.Image]:
    return [
        making.scene(200, 150, 1),
        making.scene(150, 200, 2),
        making.scene(170, 100, 3),
        making.noise(97, 130, 4),
        making.scene(600, 120, 5),  # the longer side rules
        making.scene(96, 96, 6),
        making.scene(40, 30, 7),
    ]


def numbers_of(detections: list[Detection], size: tuple[int, int]) -> np.ndarray:
    """(n, 5): confidence and the box in shares, in the order of the network's queries."""
    wide = np.array([*size, *size])
    return np.array([(one.score, *(np.array(one.box) / wide)) for one in detections])


def ours_of(folder: Path, shown: list[Image.Image], names: list[str]) -> list[list[Detection]]:
    detector, _found = detector_in(str(folder))
    detector.load(torch.device("cpu"), torch.float32)
    return detector.detect([detector.view(one) for one in shown], [names] * len(shown))


def theirs_of(model: Any, processor: Any, shown: list[Image.Image]) -> list[list[Detection]]:
    """One picture at a time, through transformers alone."""
    found = []
    for one in shown:
        inputs = processor(images=one, return_tensors="pt")
        with torch.inference_mode():
            said = model(**inputs)
        (read,) = processor.post_process_object_detection(said, threshold=-1.0, target_sizes=[one.size[::-1]])
        found.append(
            [
                Detection(model.config.id2label.get(int(label), ""), float(score), tuple(box.tolist()))
                for score, label, box in zip(read["scores"], read["labels"], read["boxes"], strict=True)
            ]
        )
    return found


@pytest.mark.parity
@pytest.mark.parametrize("kind", detector_weights.CLOSED)
def test_boxes_equal_transformers_on_the_same_weights(kind: str, made: Any, agreement) -> None:
    folder, (model, processor) = made[kind]

    ours = ours_of(folder, pictures(), list(detector_weights.NAMES.values()))

    theirs = theirs_of(model, processor, pictures())
    assert [len(one) for one in ours] == [len(one) for one in theirs]
    assert [sorted(one.name for one in each) for each in ours] == [sorted(one.name for one in each) for each in theirs]
    sizes = [one.size for one in pictures()]
    left, right = (
        np.concatenate([numbers_of(one, size) for one, size in zip(side, sizes, strict=True)])
        for side in (ours, theirs)
    )
    agreement("object_checks", "transformers", f"tiny {kind}", left, right, tolerance=TOLERANCE)


@pytest.mark.parity
@pytest.mark.parametrize("kind", ["owlv2", "owlvit"])
def test_boxes_of_named_things_equal_transformers(kind: str, made: Any, agreement) -> None:
    folder, (model, processor, tokenizer) = made[kind]
    names = ["cat", "dog", "a very long name " * 10]
    texts = [f"a photo of a {name}" for name in names]
    asked = tokenizer(texts, padding="max_length", max_length=16, truncation=True, return_tensors="pt")
    theirs = []
    for one in pictures():
        with torch.inference_mode():
            said = model(**processor(images=one, return_tensors="pt"), **asked)
        (read,) = processor.post_process_object_detection(said, threshold=-1.0, target_sizes=[one.size[::-1]])
        theirs.append(
            [
                Detection(names[label], float(score), tuple(box.tolist()))
                for score, label, box in zip(read["scores"], read["labels"], read["boxes"], strict=True)
            ]
        )

    ours = ours_of(folder, pictures(), names)

    sizes = [one.size for one in pictures()]
    left, right = (
        np.concatenate([numbers_of(one, size) for one, size in zip(side, sizes, strict=True)])
        for side in (ours, theirs)
    )
    agreement("object_checks", "transformers", f"tiny {kind}", left, right, tolerance=TOLERANCE)


# -- mistakes that must be seen ---------------------------------------------------------------------------------------


def disagreement(kind: str, made: Any) -> float:
    folder, (model, processor) = made[kind]
    ours = ours_of(folder, pictures(), list(detector_weights.NAMES.values()))
    theirs = theirs_of(model, processor, pictures())
    worst = 0.0
    for one, other, picture in zip(ours, theirs, pictures(), strict=True):
        left, right = numbers_of(one, picture.size), numbers_of(other, picture.size)
        worst = max(worst, float(np.abs(left - right).max()) if left.shape == right.shape else np.inf)
    return worst


def test_without_a_mistake_there_is_no_disagreement(made: Any) -> None:
    assert disagreement("detr", made) < TOLERANCE


@pytest.mark.parametrize(
    "wrong",
    [
        {"resample": Image.Resampling.BICUBIC},
        {"mean": (0.5, 0.5, 0.5)},
        {"std": (0.5, 0.5, 0.5)},
        {"exact": (96, 96)},
        {"longest": 1333},
        {"multiple": 16},
    ],
)
def test_a_wrong_preprocessing_is_caught(wrong: dict[str, Any], made: Any, monkeypatch) -> None:
    processor = detectors.DetectorProcessor
    monkeypatch.setattr(detectors, "DetectorProcessor", lambda **stated: processor(**{**stated, **wrong}))

    assert disagreement("detr", made) > 100 * TOLERANCE


def test_a_sigmoid_in_place_of_the_softmax_is_caught(made: Any, monkeypatch) -> None:
    kin = detectors.Kin(detectors.KIN["detr"].model_class, has_nothing=False)
    monkeypatch.setitem(detectors.KIN, "detr", kin)

    assert disagreement("detr", made) > 100 * TOLERANCE


def test_boxes_in_shares_of_the_scaled_picture_are_caught(made: Any, monkeypatch) -> None:
    view = detectors.DetectorProcessor.view
    monkeypatch.setattr(
        detectors.DetectorProcessor,
        "view",
        lambda self, picture: detectors.View(view(self, picture).pixels, view(self, picture).pixels.shape[1::-1]),
    )

    assert disagreement("detr", made) > 100 * TOLERANCE


def test_corners_of_boxes_by_hand() -> None:
    boxes = torch.tensor([[0.5, 0.5, 0.5, 1.0], [0.25, 0.75, 0.5, 0.5]])

    assert detectors.in_pixels(boxes, 200, 100).tolist() == [[50, 0, 150, 100], [0, 50, 100, 100]]


@pytest.mark.parametrize(
    ("size", "fitted"),
    [((640, 480), (1066, 800)), ((480, 640), (800, 1066)), ((2000, 500), (1333, 333)), ((800, 900), (800, 900))],
)
def test_sides_are_rounded_as_transformers_does(size: tuple[int, int], fitted: tuple[int, int]) -> None:
    theirs = detector_weights.DetrImageProcessorPil()(images=Image.new("RGB", size), return_tensors="np")
    processor = detectors._processor({"size": 800, "max_size": 1333}, 1, False)

    assert processor.fitted(*size) == fitted == theirs["pixel_values"].shape[:1:-1]


def test_a_strip_keeps_sides_the_network_can_halve() -> None:
    processor = detectors._processor({}, 1, False)

    assert processor.fitted(1, 5000) == (32, 1333)
    assert detectors._processor({}, 16, False).fitted(5000, 1) == (1328, 32)


# -- the numbers ------------------------------------------------------------------------------------------------------


def scorer(folder: Path, **settings: str) -> Scorer[Any]:
    scorer = build("object_checks", {"source": str(folder), **settings})
    scorer.ready()
    return scorer


@pytest.fixture
def drawn(monkeypatch, made: Any) -> Any:
    """The scorer with a detector that finds what a test says: its network's answers are fixed."""

    def seeing(*found: Detection, **settings: str) -> Scorer[Any]:
        one = scorer(made["detr"][0], **settings)
        detector = one._located[0]
        monkeypatch.setattr(detector, "_found_in", lambda views: [list(found) for _view in views])
        return one

    return seeing


def two_colours(folder: Path) -> Any:
    """Left half red, right half blue; 1000 pixels wide, so that the colour rule sees a smaller copy."""
    picture = Image.new("RGB", (1000, 400), "red")
    picture.paste("blue", (500, 0, 1000, 400))
    return making.saved(picture, folder)


def test_boxes_verdicts_and_colours_are_kept_in_pixels_of_the_rendition(drawn: Any, tmp_path: Path) -> None:
    facts = {
        "objects": [{"class": "Cat", "colour": "red", "left_of": "dog"}, {"class": "dog", "color": "green"}],
        "excluded": [{"class": "computer keyboard"}],
    }
    cat, dog = Detection("cat", 0.8, (100, 100, 300, 300)), Detection("dog", 0.7, (700, 100, 900, 300))
    faint = Detection("cat", 0.2, (0, 0, 50, 50))

    (said,) = making.outcomes(drawn(cat, dog, faint), [making.item(two_colours(tmp_path), facts=facts)])

    assert isinstance(said, Reading)
    assert said.results["objects_strict"].value == 0
    # two counts, the cat's colour and place, the dog's wrong colour, no keyboard
    assert said.results["objects_partial"].value == pytest.approx(5 / 6)
    assert [(one["what"], one["class"], one["holds"]) for one in said.detail["requirements"]] == [
        ("count", "cat", True),
        ("count", "dog", True),
        ("colour", "cat", True),
        ("position", "cat", True),
        ("colour", "dog", False),
        ("excluded", "computer keyboard", True),
    ]
    assert said.detail["boxes"] == [
        {"picture": 0, "class": "cat", "score": 0.8, "box": [100, 100, 300, 300], "colour": "red"},
        {"picture": 0, "class": "dog", "score": 0.7, "box": [700, 100, 900, 300], "colour": "blue"},
    ]
    json.dumps(said.detail, allow_nan=False)


def test_names_of_geneval_find_the_classes_of_coco(drawn: Any, tmp_path: Path) -> None:
    asked = making.item(two_colours(tmp_path), facts={"objects": [{"class": "computer keyboard"}]})

    (said,) = making.outcomes(drawn(Detection("keyboard", 0.8, (0, 0, 9, 9))), [asked])

    assert isinstance(said, Reading)
    assert said.results["objects_strict"].value == 1
    assert said.detail["boxes"][0]["class"] == "computer keyboard"


def test_several_pictures_give_the_mean_and_its_spread(made: Any, tmp_path: Path, monkeypatch) -> None:
    one = scorer(made["detr"][0])
    cat = Detection("cat", 0.8, (0, 0, 9, 9))
    # Of two shapes, so that they are looked at in two batches.
    monkeypatch.setattr(
        one._located[0], "_found_in", lambda views: [[cat] if view.size == (60, 40) else [] for view in views]
    )
    media = [making.saved(making.scene(*size), tmp_path) for size in [(60, 40), (40, 60), (60, 40), (40, 60)]]

    (said,) = making.outcomes(one, [making.item(*media, facts={"objects": [{"class": "cat"}]})])

    assert isinstance(said, Reading)
    assert (said.results["objects_strict"].value, said.results["objects_strict"].spread) == (0.5, 0.5)
    assert [(verdict["picture"], verdict["holds"]) for verdict in said.detail["requirements"]] == [
        (0, True),
        (1, False),
        (2, True),
        (3, False),
    ]


def test_settings_reach_the_rules(drawn: Any, tmp_path: Path) -> None:
    facts = {"objects": [{"class": "cat", "count": 2}]}
    cats = [Detection("cat", 0.6, (0, 0, 100, 100)), Detection("cat", 0.5, (10, 0, 110, 100))]
    asked = making.item(two_colours(tmp_path), facts=facts)

    def partial(**settings: str) -> float:
        (said,) = making.outcomes(drawn(*cats, **settings), [asked])
        assert isinstance(said, Reading)
        return said.results["objects_partial"].value

    assert partial() == 0
    assert partial(counting_threshold="0.4") == 1
    assert partial(counting_threshold="0.55") == 0.5
    assert partial(counting_threshold="0.4", overlap="0.5") == 0.5
    assert partial(counting_threshold="0.4", most="1") == 0.5


def test_real_networks_judge_end_to_end(made: Any, tmp_path: Path) -> None:
    """What transformers finds alone, judged by the rules, is what the scorer says."""
    folder, (model, processor) = made["detr"]
    facts = {"objects": [{"class": "dog", "count": 6}]}
    items = [making.item(making.saved(one, tmp_path), facts=facts) for one in pictures()]

    said = making.outcomes(scorer(folder), items, Pace(batch_size=4))

    dogs = [
        [one for one in found if one.name == "dog" and one.score > 0.9]
        for found in theirs_of(model, processor, pictures())
    ]
    shares = [max(0.0, 1 - abs(6 - len(found)) / 6) for found in dogs]
    assert [one.results["objects_partial"].value for one in said] == pytest.approx(shares)
    assert len(set(shares)) > 2
    for one, found, picture in zip(said, dogs, pictures(), strict=True):
        ours = sorted(box["box"] for box in one.detail["boxes"])
        theirs = sorted(np.clip(dog.box, 0, [*picture.size, *picture.size]).tolist() for dog in found)
        assert np.array(ours) == pytest.approx(np.array(theirs), abs=0.01)


# -- what cannot be judged --------------------------------------------------------------------------------------------


def test_a_class_the_detector_does_not_know_is_not_judged(made: Any, tmp_path: Path) -> None:
    asked = making.item(making.saved(making.scene(), tmp_path), facts={"objects": [{"class": "dragon"}]})

    (closed,) = making.outcomes(scorer(made["detr"][0]), [asked])
    (opened,) = making.outcomes(scorer(made["owlv2"][0]), [asked])

    assert isinstance(closed, NotApplicable)
    assert "the detector knows no “dragon”" in closed.reason
    assert isinstance(opened, Reading)


def test_facts_that_cannot_be_read_are_that_items_failure(made: Any, tmp_path: Path) -> None:
    media = making.saved(making.scene(), tmp_path)
    asks = [making.item(media, facts={"objects": [{"class": "cat", "count": count}]}) for count in ("two", 1)]

    bad, good = making.outcomes(scorer(made["detr"][0]), asks)

    assert isinstance(bad, ItemError)
    assert "count of “cat” is 'two'" in bad.reason
    assert isinstance(good, Reading)


def test_wrong_settings_and_weights_are_refused_in_words(made: Any, tmp_path: Path) -> None:
    folder = made["detr"][0]
    for name, value, match in [
        ("threshold", "1.5", "“1.5”, not a number from 0 to 1"),
        ("margin", "wide", "“wide”, not a number"),
        ("overlap", "nan", "“nan”, not a number"),
        ("most", "0", "“0”, not a whole number"),
        ("counting", "roughly", "cannot be “roughly”"),
    ]:
        with pytest.raises(ScorerUnavailable, match=match):
            scorer(folder, **{name: value})
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "config.json").write_text('{"model_type": "mask2former"}')
    with pytest.raises(ScorerUnavailable, match=r"type “mask2former”; the detectors known here are detr, .*owlv2"):
        scorer(tmp_path)


def test_the_identity_follows_the_detector_and_every_number(made: Any) -> None:
    folder = made["detr"][0]
    changed = [
        {},
        {"threshold": "0.25"},
        {"counting_threshold": "0.8"},
        {"most": "8"},
        {"margin": "0.2"},
        {"overlap": "0.5"},
        {"counting": "at_least"},
        {"precision": "bfloat16"},
    ]

    digests = {scorer(folder, **settings).identity_digest() for settings in changed}
    digests |= {scorer(made[kind][0]).identity_digest() for kind in ("yolos", "owlv2")}

    assert len(digests) == len(changed) + 2


def test_a_small_copy_serves_for_colours() -> None:
    assert objects._small(Image.new("RGB", (4000, 1000))).shape == (128, 512, 3)
    assert objects._small(Image.new("RGB", (5000, 1))).shape == (1, 512, 3)
    assert objects._small(Image.new("RGB", (40, 30))).shape == (30, 40, 3)
