"""Prompts taken apart: what each asks for as yes/no questions, what all of them cover, and how one may be changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management import call_command

from config.demo.scenes import COUNTING, PLACES, SCENES, Scene
from config.demo.telling import Say, step

TAXONOMY = Path(__file__).parent / "places.yaml"
# Contrasts are made of so many prompts, one of each operator in turn.
_ORIGINALS = 6


def tell(say: Say, slug: str, folder: Path) -> None:
    with step(say, "What the prompts ask for, question by question"):
        call_command("constraints", slug, str(write_constraints(folder / "constraints.jsonl")))
    with step(say, "What the prompts cover, and what they miss"):
        call_command("coverage", slug, f"--taxonomy={TAXONOMY}")
    with step(say, "Contrast prompts: another count, another colour"):
        call_command("contrast", slug, "--operator=count,colour", f"--tag={COUNTING}", f"--limit={_ORIGINALS}")


def write_constraints(path: Path) -> Path:
    """A row a scene: its questions, of which some make no sense unless another is answered yes."""
    with path.open("w", encoding="utf-8") as file:
        for scene in SCENES:
            row = {"prompt_key": scene.key, "constraints": list(constraints(scene))}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return path


def constraints(scene: Scene) -> Iterator[dict[str, Any]]:
    if scene.things:
        things, needs = scene.things, ["there"]
        yield _question("there", "object", f"Is there at least one {things.kind}?")
        yield _question("number", "count", f"Are there exactly {things.count}?", needs=needs)
        yield _question("colour", "colour", f"Is every {things.kind} {things.colour}?", needs=needs)
    if scene.words:
        yield _question("there", "object", f"Is there a {scene.sign}?")
        yield _question("colour", "colour", f"Is the {scene.sign} {scene.sign_colour}?", needs=["there"])
        yield _question("words", "text", f'Does it read "{scene.words}", letter by letter?', needs=["there"], weight=2)
    yield _question("place", "scene", f"Is it {PLACES[scene.place]}?")


def _question(key: str, kind: str, text: str, **more: Any) -> dict[str, Any]:
    return {"key": key, "kind": kind, "question": text, **more}
