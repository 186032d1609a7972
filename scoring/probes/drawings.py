"""Originals that every installation has: eight prompts with three drawn pictures, films or written answers each.

The first of a prompt is what was asked for, the second has something beside it, the third is poorer: smaller, or short
of a part. They are drawings and no photographs: they tell whether a scorer is fooled, not how it does on a project's
own samples, which are taken where there are enough.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from scoring.probes import films
from scoring.probes.kinds import IMAGE, TEXT, VIDEO
from scoring.scorers.base import Item, Json, MediaFile

SIDE = 320
FILM_SIDE = 192
EACH = 3
Colour = tuple[int, int, int]

COLOURS: Mapping[str, Colour] = {
    "red": (205, 40, 35),
    "green": (40, 150, 70),
    "blue": (40, 70, 200),
    "yellow": (235, 205, 50),
    "orange": (235, 130, 35),
    "purple": (125, 55, 160),
    "white": (245, 245, 245),
    "black": (20, 20, 25),
}


@dataclass(frozen=True)
class Scene:
    """What one prompt of the drawn ones asks for: a shape in a colour on a ground, with a word below it."""

    shape: str
    colour: str
    ground: str
    word: str

    @property
    def prompt(self) -> str:
        return (
            f"{_a(self.colour)} {self.shape} on {_a(self.ground).lower()} ground, with the word “{self.word}” below it"
        )

    @property
    def film_prompt(self) -> str:
        return f"{_a(self.colour)} {self.shape} moves from left to right over {_a(self.ground).lower()} ground"


def _a(word: str) -> str:
    return f"{'An' if word[0] in 'aeiou' else 'A'} {word}"


SCENES = (
    Scene("circle", "red", "white", "OPEN"),
    Scene("square", "blue", "yellow", "HARBOUR"),
    Scene("triangle", "green", "black", "FOREST"),
    Scene("circle", "orange", "blue", "SUNRISE"),
    Scene("diamond", "purple", "white", "MARKET"),
    Scene("square", "red", "green", "GARDEN"),
    Scene("triangle", "yellow", "purple", "STATION"),
    Scene("diamond", "white", "orange", "BAKERY"),
)

# A question, its short answer, and three answers: whole, whole with something beside it, and short of a part.
QUESTIONS: tuple[tuple[str, str, tuple[str, str, str]], ...] = (
    (
        "Why does ice float on water?",
        "It is less dense",
        (
            "Ice floats because it is less dense than water: freezing holds the molecules further apart.",
            "Ice is less dense than water, since its molecules stand further apart, so it floats. Lakes freeze from "
            "the top for the same reason.",
            "Ice floats because it is cold.",
        ),
    ),
    (
        "How many legs does a spider have?",
        "Eight",
        (
            "A spider has eight legs, in four pairs.",
            "Spiders have eight legs. Insects, which they are often taken for, have six.",
            "A spider has several legs.",
        ),
    ),
    (
        "What is the capital of Portugal?",
        "Lisbon",
        (
            "The capital of Portugal is Lisbon.",
            "Lisbon, at the mouth of the Tagus, is the capital of Portugal.",
            "The capital of Portugal is a city by the sea.",
        ),
    ),
    (
        "How do I keep bread fresh for three days?",
        "Wrapped in cloth in a closed box",
        (
            "Keep bread wrapped in cloth inside a closed box, cut side down, and not in the refrigerator.",
            "Wrap bread in cloth and put it in a closed box with the cut side down. Freeze what three days are too "
            "few for, in slices.",
            "Keep bread in a box.",
        ),
    ),
    (
        "What causes the tides?",
        "The pull of the moon and the sun",
        (
            "Tides are caused by the pull of the moon, and less so of the sun, on the water of the earth.",
            "The moon pulls at the oceans and causes the tides; the sun adds to it, most at new and full moon.",
            "Tides are caused by the wind on the water.",
        ),
    ),
    (
        "Which planet is closest to the sun?",
        "Mercury",
        (
            "Mercury is the planet closest to the sun.",
            "The planet closest to the sun is Mercury; a year there takes 88 days.",
            "The planet closest to the sun is a small one.",
        ),
    ),
    (
        "How do I remove a splinter from a finger?",
        "With clean tweezers along the way it went in",
        (
            "Wash the finger, grip the splinter with clean tweezers and pull it out along the way it went in.",
            "Wash the finger first. Then pull the splinter with clean tweezers along the way it went in, and wash the "
            "finger again.",
            "Pull the splinter out of the finger.",
        ),
    ),
    (
        "Why is the sky blue?",
        "Air scatters blue light more than red",
        (
            "The sky is blue because air scatters the short waves of blue light more than those of red.",
            "Air scatters blue light more than red, so blue reaches us from the whole sky. At dusk the way is longer "
            "and the red is left.",
            "The sky is blue because it mirrors the sea.",
        ),
    ),
)


def groups(kind: str, folder: Path) -> list[list[Item]]:
    """The drawn originals, prompt by prompt; pictures and films are written into the folder.

    Args:
        kind: `image`, `video` or `text`.
    """
    if kind == TEXT:
        return [_answers(number) for number in range(len(QUESTIONS))]
    make = {IMAGE: _pictures, VIDEO: _films}[kind]
    return [make(number, scene, folder) for number, scene in enumerate(SCENES)]


def outline(kind: str) -> list[list[Item]]:
    """The same originals before they are drawn: for counting, their files lead nowhere."""
    if kind == TEXT:
        return groups(TEXT, Path())
    file = MediaFile(Path("/not drawn"), kind, SIDE, SIDE)
    roles = {"source": (file,), "reference": (file,), "control": (file,)} if kind == IMAGE else {}
    return [
        [
            Item(sample_id=number * EACH + place + 1, prompt_id=number + 1, media=(file,), roles=roles)
            for place in range(EACH)
        ]
        for number in range(len(SCENES))
    ]


def _answers(number: int) -> list[Item]:
    question, short, answers = QUESTIONS[number]
    facts: Mapping[str, Json] = {"answer": short, "format": {"max_words": 60}}
    return [
        Item(
            sample_id=number * EACH + place + 1,
            prompt_id=number + 1,
            prompt_text=question,
            facts=facts,
            text=answer,
            reference_texts=(short, answers[0]),
        )
        for place, answer in enumerate(answers)
    ]


def _pictures(number: int, scene: Scene, folder: Path) -> list[Item]:
    source = _saved(Image.new("RGB", (SIDE, SIDE), COLOURS[scene.ground]), folder / f"drawn-{number}-source.png")
    model = _saved(drawn(scene, 0), folder / f"drawn-{number}-reference.png")
    roles = {"source": (source,), "reference": (model,), "control": (source,)}
    return [
        Item(
            sample_id=number * EACH + place + 1,
            prompt_id=number + 1,
            prompt_text=scene.prompt,
            facts={"text": scene.word},
            media=(_saved(drawn(scene, place), folder / f"drawn-{number}-{place}.png"),),
            roles=roles,
        )
        for place in range(EACH)
    ]


def drawn(scene: Scene, place: int) -> Image.Image:
    """The sample of a prompt: 0 as asked for, 1 with a small shape beside it, 2 smaller and without the word."""
    picture = Image.new("RGB", (SIDE, SIDE), COLOURS[scene.ground])
    radius = 45 if place == 2 else 85
    _draw_shape(picture, scene.shape, (SIDE // 2, 125), radius, COLOURS[scene.colour])
    if place == 1:
        _draw_shape(picture, "circle", (40, 40), 22, COLOURS["black" if scene.ground != "black" else "white"])
    if place != 2:
        _write(picture, scene)
    return picture


def _draw_shape(picture: Image.Image, shape: str, middle: tuple[int, int], radius: int, colour: Colour) -> None:
    x, y = middle
    draw = ImageDraw.Draw(picture)
    if shape == "circle":
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), colour)
    elif shape == "square":
        draw.rectangle((x - radius, y - radius, x + radius, y + radius), colour)
    elif shape == "triangle":
        draw.polygon([(x, y - radius), (x + radius, y + radius), (x - radius, y + radius)], colour)
    else:
        draw.polygon([(x, y - radius), (x + radius, y), (x, y + radius), (x - radius, y)], colour)


def _write(picture: Image.Image, scene: Scene) -> None:
    ink = "black" if sum(COLOURS[scene.ground]) > 330 else "white"
    font = ImageFont.load_default(48)
    draw = ImageDraw.Draw(picture)
    draw.text(((SIDE - draw.textlength(scene.word, font=font)) / 2, 240), scene.word, fill=ink, font=font)


def _films(number: int, scene: Scene, folder: Path) -> list[Item]:
    found = []
    for place in range(EACH):
        path = folder / f"drawn-{number}-{place}.webm"
        frames = _frames(scene, place)
        films.filmed(frames, path)
        file = MediaFile(
            path, "video", FILM_SIDE, FILM_SIDE, duration_us=films.duration_us(frames), digest=digest_of(path)
        )
        found.append(
            Item(
                sample_id=number * EACH + place + 1,
                prompt_id=number + 1,
                prompt_text=scene.film_prompt,
                media=(file,),
            )
        )
    return found


def _frames(scene: Scene, place: int) -> list[Image.Image]:
    """The shape on its way; the third goes half of it with a smaller shape."""
    way = FILM_SIDE - 72 if place != 2 else (FILM_SIDE - 72) // 2
    frames = []
    for moment in range(films.FRAMES):
        frame = Image.new("RGB", (FILM_SIDE, FILM_SIDE), COLOURS[scene.ground])
        x = 36 + way * moment // (films.FRAMES - 1)
        _draw_shape(frame, scene.shape, (x, FILM_SIDE // 2), 30 if place != 2 else 17, COLOURS[scene.colour])
        if place == 1:
            _draw_shape(frame, "circle", (24, 24), 13, COLOURS["black" if scene.ground != "black" else "white"])
        frames.append(frame)
    return frames


def _saved(picture: Image.Image, path: Path) -> MediaFile:
    picture.save(path)
    return MediaFile(path, "image", picture.width, picture.height, digest=digest_of(path))


def digest_of(path: Path) -> str:
    """SHA-256 (hex) of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
