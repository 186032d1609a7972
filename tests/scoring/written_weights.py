"""What the scorers run on whose numbers are read from what a model writes, and VideoScore beside them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from PIL import Image
from safetensors.torch import save_file

from scoring.scorers import weighted_checklist
from scoring.weight_sources import places
from tests.scoring import language_weights, seeded
from tests.scoring.judges.server import MODEL, Rules, Server


def videoscore(folder: Path, name: str = "videoscore_tiny.npz") -> Path:
    """VideoScore's released layout: tensors, configurations, words, and the question it was asked."""
    stated, _scores = language_weights.fixture(name)
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in stated["files"].items():
        (folder / file).write_text(text, encoding="utf-8")
    (folder / "videoscore_template.txt").write_text(stated["question"], encoding="utf-8")
    save_file(language_weights.tensors(stated["shapes"]), folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def videos(name: str = "videoscore_tiny.npz") -> list[list[Image.Image]]:
    """The frames of each video that the original looked at."""
    return [seeded.frames(count, (size[0], size[1])) for count, size in language_weights.fixture(name)[0]["videos"]]


# -- models that write ------------------------------------------------------------------------------------------------


def image_checklist(folder: Path) -> Path:
    """Files of VisionReward's form for pictures, with questions and coefficients of our own."""
    questions = [f"Is point {number} of the picture right?" for number in range(1, 31)]
    coefficients = [2.0, *(0.01 * number for number in range(1, 28))]
    (folder / weighted_checklist.IMAGE_QUESTIONS).write_text("\n".join(questions) + "\n")
    (folder / weighted_checklist.IMAGE_WEIGHTS).write_text(json.dumps({"coef": coefficients, "intercept": 0.25}))
    return folder


def video_checklist(folder: Path) -> Path:
    """The same for videos."""
    questions = [f"Does the video show point {number} of “[[prompt]]”?" for number in range(1, 30)]
    (folder / weighted_checklist.VIDEO_QUESTIONS).write_text("\n".join(questions))
    (folder / weighted_checklist.VIDEO_WEIGHTS).write_text(json.dumps([0.02 * number for number in range(1, 30)]))
    return folder


@cache
def server() -> Server:
    """One model at an address of this machine for all tests of this process; it ends with it."""
    made = Server(Rules())
    made.start()
    return made


def served(folder: Path) -> dict[str, str]:
    """Settings that ask that model. Whoever calls it puts `places.here.endpoints` back."""
    file = folder / "endpoints.yaml"
    file.write_text(server().endpoints_text())
    places.here.endpoints = file
    return {"endpoint": "eye", "model": MODEL}


def settings_of(name: str, folder: Path) -> dict[str, str]:
    """Settings under which a scorer of this family runs, out of a folder."""
    if name == "videoscore":
        return {"source": str(videoscore(folder))}
    checklists = {"visionreward_image": image_checklist, "visionreward_video": video_checklist}
    stated = {"checklist": str(checklists[name](folder))} if name in checklists else {}
    return {**stated, **served(folder)}
