"""Draws a scene as it was asked for. Plain code on Pillow and numpy; every picture follows from its seed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from config.demo.scenes import COLOURS, Scene, Things

SIDE = 512
_SCALE = 2  # drawn twice as large and reduced, so edges are smooth
_FULL = SIDE * _SCALE

Colour = tuple[int, int, int]
# Sky above, sky at the horizon, ground far, ground near.
_PLACES: dict[str, tuple[Colour, Colour, Colour, Colour]] = {
    "hills": ((128, 186, 226), (226, 238, 236), (146, 186, 120), (84, 138, 84)),
    "sea": ((92, 92, 150), (246, 178, 130), (120, 112, 150), (52, 66, 112)),
    "night": ((18, 24, 52), (58, 62, 108), (38, 42, 72), (22, 24, 44)),
    "desert": ((166, 198, 216), (250, 226, 186), (232, 190, 130), (204, 146, 92)),
    "snow": ((168, 194, 214), (236, 240, 242), (226, 234, 240), (246, 248, 250)),
    "lake": ((142, 188, 218), (240, 226, 214), (116, 150, 170), (72, 112, 140)),
}


@dataclass(frozen=True)
class Canvas:
    image: Image.Image
    draw: ImageDraw.ImageDraw
    random: np.random.Generator


def paint(scene: Scene, seed: int) -> Image.Image:
    """A 512 x 512 RGB picture of the scene; the same seed gives the same pixels."""
    random = np.random.default_rng(seed)
    image = _background(scene.place, random)
    canvas = Canvas(image, ImageDraw.Draw(image), random)
    _scenery(canvas, scene.place)
    if scene.things:
        _place_things(canvas, scene.things, scene.place)
    if scene.words:
        _sign(canvas, scene)
    return image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def _background(place: str, random: np.random.Generator) -> Image.Image:
    """Sky and ground as gradients, with a breath of grain so that no area is perfectly flat."""
    top, horizon, far, near = (np.array(colour, dtype=np.float64) for colour in _PLACES[place])
    half = int(_FULL * 0.62)
    sky = np.linspace(0, 1, half)[:, None] * (horizon - top) + top
    ground = np.linspace(0, 1, _FULL - half)[:, None] * (near - far) + far
    rows = np.concatenate([sky, ground])[:, None, :]
    grain = random.normal(0, 1.6, (_FULL, _FULL, 1))
    return Image.fromarray(np.clip(rows + grain, 0, 255).astype(np.uint8), "RGB")


def _scenery(canvas: Canvas, place: str) -> None:
    _SCENERY[place](canvas)


def _disc(canvas: Canvas, x: float, y: float, radius: float, colour: Colour) -> None:
    box = [(x - radius) * _FULL, (y - radius) * _FULL, (x + radius) * _FULL, (y + radius) * _FULL]
    canvas.draw.ellipse(box, fill=colour)


def _ridge(canvas: Canvas, base: float, height: float, colour: Colour, waves: float) -> None:
    """A line of hills: a sum of two sines with random phases, filled down to the bottom."""
    phase = canvas.random.uniform(0, 2 * math.pi, 2)
    x = np.linspace(0, 1, 160)
    y = base - height * (0.6 * np.sin(waves * x * 6 + phase[0]) + 0.4 * np.sin(waves * x * 13 + phase[1]))
    points = [(float(a) * _FULL, float(b) * _FULL) for a, b in zip(x, y, strict=True)]
    canvas.draw.polygon([*points, (_FULL, _FULL), (0, _FULL)], fill=colour)


def _hills(canvas: Canvas) -> None:
    _disc(canvas, 0.8, 0.16, 0.06, (252, 236, 178))
    _ridge(canvas, 0.60, 0.05, (150, 190, 140), 1.0)
    _ridge(canvas, 0.70, 0.05, (112, 164, 104), 0.8)
    _ridge(canvas, 0.84, 0.04, (84, 138, 84), 0.6)


def _sea(canvas: Canvas) -> None:
    _disc(canvas, 0.28, 0.60, 0.09, (255, 224, 170))
    canvas.draw.rectangle([0, 0.62 * _FULL, _FULL, _FULL], fill=(94, 96, 142))
    for row in range(26):
        y = 0.63 + row * 0.0145
        width = canvas.random.uniform(0.02, 0.10)
        x = canvas.random.uniform(0, 1)
        canvas.draw.line([x * _FULL, y * _FULL, (x + width) * _FULL, y * _FULL], fill=(150, 140, 168), width=4)


def _night(canvas: Canvas) -> None:
    for x, y in canvas.random.uniform(0, 1, (70, 2)):
        _disc(canvas, x, y * 0.55, 0.0022, (228, 228, 240))
    _disc(canvas, 0.82, 0.17, 0.055, (240, 236, 214))
    left = 0.0
    while left < 1.0:
        width, height = canvas.random.uniform(0.06, 0.13), canvas.random.uniform(0.10, 0.30)
        _house_block(canvas, left, 0.80 - height, left + width, 0.80)
        left += width
    canvas.draw.rectangle([0, 0.80 * _FULL, _FULL, _FULL], fill=(24, 26, 46))


def _house_block(canvas: Canvas, left: float, top: float, right: float, bottom: float) -> None:
    canvas.draw.rectangle([left * _FULL, top * _FULL, right * _FULL, bottom * _FULL], fill=(32, 36, 62))
    for x in np.arange(left + 0.012, right - 0.02, 0.026):
        for y in np.arange(top + 0.018, bottom - 0.02, 0.036):
            if canvas.random.random() < 0.4:
                canvas.draw.rectangle(
                    [x * _FULL, y * _FULL, (x + 0.012) * _FULL, (y + 0.017) * _FULL], fill=(246, 208, 130)
                )


def _desert(canvas: Canvas) -> None:
    _disc(canvas, 0.22, 0.20, 0.07, (255, 244, 210))
    _ridge(canvas, 0.62, 0.04, (226, 178, 120), 0.7)
    _ridge(canvas, 0.74, 0.05, (214, 160, 102), 0.5)
    _ridge(canvas, 0.88, 0.03, (198, 140, 86), 0.4)


def _mountains(canvas: Canvas, colour: Colour, cap: Colour) -> None:
    for x in (0.12, 0.42, 0.74, 1.0):
        height = canvas.random.uniform(0.22, 0.36)
        peak, base = (x, 0.62 - height), 0.63
        side = height * 0.72
        _polygon(canvas, [peak, (x - side, base), (x + side, base)], colour)
        _polygon(
            canvas, [peak, (x - side * 0.28, peak[1] + height * 0.28), (x + side * 0.28, peak[1] + height * 0.28)], cap
        )


def _polygon(canvas: Canvas, points: list[tuple[float, float]], colour: Colour) -> None:
    canvas.draw.polygon([(x * _FULL, y * _FULL) for x, y in points], fill=colour)


def _snow(canvas: Canvas) -> None:
    _mountains(canvas, (150, 172, 194), (240, 244, 248))
    _ridge(canvas, 0.68, 0.03, (232, 238, 244), 0.6)
    for x in canvas.random.uniform(0.02, 0.98, 9):
        _fir(canvas, x, canvas.random.uniform(0.66, 0.72), canvas.random.uniform(0.05, 0.09))
    _ridge(canvas, 0.80, 0.02, (246, 248, 250), 0.5)


def _fir(canvas: Canvas, x: float, base: float, height: float) -> None:
    for level in range(3):
        top = base - height * (1 - level * 0.22)
        half = height * (0.20 + 0.10 * level)
        _polygon(canvas, [(x, top), (x - half, top + height * 0.44), (x + half, top + height * 0.44)], (66, 104, 96))


def _lake(canvas: Canvas) -> None:
    _mountains(canvas, (126, 148, 172), (228, 232, 236))
    canvas.draw.rectangle([0, 0.63 * _FULL, _FULL, _FULL], fill=(104, 146, 170))
    for row in range(22):
        y, x = 0.65 + row * 0.016, canvas.random.uniform(0, 1)
        canvas.draw.line([x * _FULL, y * _FULL, (x + 0.08) * _FULL, y * _FULL], fill=(140, 176, 194), width=4)
    _polygon(canvas, [(0, 1), (0, 0.92), (0.35, 0.90), (0.7, 0.94), (1, 0.91), (1, 1)], (92, 132, 92))


_SCENERY: dict[str, Callable[[Canvas], None]] = {
    "hills": _hills,
    "sea": _sea,
    "night": _night,
    "desert": _desert,
    "snow": _snow,
    "lake": _lake,
}


# -- things -----------------------------------------------------------------------------------

_AIRBORNE = ("balloon", "kite", "lantern")


def _place_things(canvas: Canvas, things: Things, place: str) -> None:
    """Things side by side with room between them, so that they can be counted."""
    colour = COLOURS[things.colour]
    height = 0.34 if things.kind in _AIRBORNE else 0.74
    size = min(0.11, 0.40 / max(things.count, 1))
    for number in range(things.count):
        x = (number + 0.5) / things.count * 0.86 + 0.07 + canvas.random.uniform(-0.015, 0.015)
        y = height + canvas.random.uniform(-0.07, 0.07)
        _THINGS[things.kind](canvas, x, y, size, colour)


def _shade(colour: Colour, by: float) -> Colour:
    return (int(colour[0] * by), int(colour[1] * by), int(colour[2] * by))


def _balloon(canvas: Canvas, x: float, y: float, size: float, colour: Colour) -> None:
    canvas.draw.line([x * _FULL, y * _FULL, x * _FULL, (y + size * 2.4) * _FULL], fill=(90, 84, 80), width=4)
    canvas.draw.ellipse(
        [(x - size * 0.8) * _FULL, (y - size) * _FULL, (x + size * 0.8) * _FULL, (y + size) * _FULL], fill=colour
    )
    _disc(canvas, x - size * 0.28, y - size * 0.38, size * 0.16, _lighter(colour))


def _lighter(colour: Colour) -> Colour:
    return (min(colour[0] + 50, 255), min(colour[1] + 50, 255), min(colour[2] + 50, 255))


def _boat(canvas: Canvas, x: float, y: float, size: float, colour: Colour) -> None:
    _polygon(canvas, [(x, y - size * 1.7), (x, y), (x + size, y)], colour)
    _polygon(canvas, [(x - 0.008, y - size * 1.3), (x - 0.008, y), (x - size * 0.7, y)], _shade(colour, 0.86))
    hull = [
        (x - size, y + 0.01),
        (x + size * 1.1, y + 0.01),
        (x + size * 0.7, y + size * 0.45),
        (x - size * 0.6, y + size * 0.45),
    ]
    _polygon(canvas, hull, (96, 66, 52))


def _house(canvas: Canvas, x: float, y: float, size: float, colour: Colour) -> None:
    canvas.draw.rectangle(
        [(x - size) * _FULL, (y - size * 0.5) * _FULL, (x + size) * _FULL, (y + size) * _FULL], fill=colour
    )
    _polygon(
        canvas,
        [(x - size * 1.25, y - size * 0.5), (x + size * 1.25, y - size * 0.5), (x, y - size * 1.5)],
        (110, 66, 58),
    )
    canvas.draw.rectangle(
        [(x - size * 0.22) * _FULL, (y + size * 0.25) * _FULL, (x + size * 0.22) * _FULL, (y + size) * _FULL],
        fill=(84, 60, 52),
    )
    for side in (-0.6, 0.6):
        canvas.draw.rectangle(
            [
                (x + size * (side - 0.2)) * _FULL,
                (y - size * 0.15) * _FULL,
                (x + size * (side + 0.2)) * _FULL,
                (y + size * 0.25) * _FULL,
            ],
            fill=(250, 232, 176),
        )


def _kite(canvas: Canvas, x: float, y: float, size: float, colour: Colour) -> None:
    _polygon(canvas, [(x, y - size), (x + size * 0.7, y), (x, y + size * 1.2), (x - size * 0.7, y)], colour)
    _polygon(canvas, [(x, y - size), (x + size * 0.7, y), (x, y)], _shade(colour, 0.84))
    tail = [((x + 0.02 * math.sin(step)) * _FULL, (y + size * 1.2 + step * 0.014) * _FULL) for step in range(10)]
    canvas.draw.line(tail, fill=(70, 66, 66), width=5)


def _lantern(canvas: Canvas, x: float, y: float, size: float, colour: Colour) -> None:
    canvas.draw.rounded_rectangle(
        [(x - size * 0.6) * _FULL, (y - size * 0.8) * _FULL, (x + size * 0.6) * _FULL, (y + size * 0.8) * _FULL],
        radius=size * 0.4 * _FULL,
        fill=colour,
    )
    for band in (-0.8, 0.66):
        canvas.draw.rectangle(
            [
                (x - size * 0.34) * _FULL,
                (y + size * band) * _FULL,
                (x + size * 0.34) * _FULL,
                (y + size * (band + 0.14)) * _FULL,
            ],
            fill=(96, 58, 44),
        )
    _disc(canvas, x, y, size * 0.3, _lighter(colour))


def _tulip(canvas: Canvas, x: float, y: float, size: float, colour: Colour) -> None:
    canvas.draw.line([x * _FULL, y * _FULL, x * _FULL, (y + size * 2) * _FULL], fill=(62, 112, 70), width=12)
    _polygon(
        canvas, [(x, y + size * 1.7), (x + size * 0.8, y + size * 0.7), (x + 0.008, y + size * 1.5)], (76, 130, 80)
    )
    cup = [
        (x - size * 0.7, y - size),
        (x - size * 0.3, y - size * 0.5),
        (x, y - size * 1.1),
        (x + size * 0.3, y - size * 0.5),
        (x + size * 0.7, y - size),
        (x + size * 0.6, y + size * 0.1),
        (x, y + size * 0.45),
        (x - size * 0.6, y + size * 0.1),
    ]
    _polygon(canvas, cup, colour)


def _tent(canvas: Canvas, x: float, y: float, size: float, colour: Colour) -> None:
    _polygon(canvas, [(x, y - size), (x - size * 1.2, y + size * 0.7), (x + size * 1.2, y + size * 0.7)], colour)
    _polygon(
        canvas, [(x, y - size), (x - size * 0.3, y + size * 0.7), (x + size * 0.3, y + size * 0.7)], _shade(colour, 0.5)
    )


def _umbrella(canvas: Canvas, x: float, y: float, size: float, colour: Colour) -> None:
    canvas.draw.line([x * _FULL, (y - size) * _FULL, x * _FULL, (y + size) * _FULL], fill=(80, 66, 60), width=8)
    box = [(x - size * 1.2) * _FULL, (y - size * 1.4) * _FULL, (x + size * 1.2) * _FULL, (y + size * 0.6) * _FULL]
    canvas.draw.pieslice(box, 180, 360, fill=colour)
    canvas.draw.pieslice(
        [box[0] + size * 0.8 * _FULL, box[1], box[2] - size * 0.8 * _FULL, box[3]], 180, 360, fill=_shade(colour, 0.86)
    )


_THINGS: dict[str, Callable[[Canvas, float, float, float, Colour], None]] = {
    "balloon": _balloon,
    "sailing boat": _boat,
    "house": _house,
    "kite": _kite,
    "lantern": _lantern,
    "tulip": _tulip,
    "tent": _tent,
    "umbrella": _umbrella,
}


# -- signs ------------------------------------------------------------------------------------


def _sign(canvas: Canvas, scene: Scene) -> None:
    """The board that carries the words, with a soft shadow, its posts, and the words as large as fit."""
    box = _SIGN_BOXES[scene.sign]
    colour = COLOURS[scene.sign_colour]
    _shadow(canvas, box)
    if scene.sign in ("board", "banner"):
        for x in (box[0] + 0.05, box[2] - 0.07):
            canvas.draw.rectangle([x * _FULL, box[1] * _FULL, (x + 0.02) * _FULL, 0.97 * _FULL], fill=(98, 74, 58))
    edges = [edge * _FULL for edge in box]
    canvas.draw.rounded_rectangle(edges, radius=0.018 * _FULL, fill=colour, outline=_shade(colour, 0.7), width=10)
    light = sum(colour) > 480
    _write(canvas, scene.words, box, (48, 40, 36) if light else (250, 246, 236))


_SIGN_BOXES = {
    "board": (0.14, 0.38, 0.86, 0.64),
    "shop": (0.08, 0.30, 0.92, 0.56),
    "banner": (0.04, 0.34, 0.96, 0.54),
    "poster": (0.22, 0.16, 0.78, 0.86),
}


def _shadow(canvas: Canvas, box: tuple[float, float, float, float]) -> None:
    mask = Image.new("L", canvas.image.size, 0)
    edges = [(edge + 0.012) * _FULL for edge in box]
    ImageDraw.Draw(mask).rounded_rectangle(edges, radius=0.02 * _FULL, fill=110)
    canvas.image.paste((20, 20, 24), mask=mask.filter(ImageFilter.GaussianBlur(14)))


def _write(canvas: Canvas, words: str, box: tuple[float, float, float, float], colour: Colour) -> None:
    """Words centred in the box; on a tall one each word has its own line."""
    tall = box[3] - box[1] > box[2] - box[0]
    lines = words.split() if tall else [words]
    width, height = (box[2] - box[0]) * _FULL * 0.86, (box[3] - box[1]) * _FULL * 0.74 / len(lines)
    size = _largest_size(lines, width, height)
    font = ImageFont.load_default(size)
    middle = (box[0] + box[2]) / 2 * _FULL
    for number, line in enumerate(lines):
        y = (box[1] + (box[3] - box[1]) * (number + 0.5) / len(lines)) * _FULL
        canvas.draw.text((middle, y), line, font=font, fill=colour, anchor="mm", stroke_width=2, stroke_fill=colour)


def _largest_size(lines: list[str], width: float, height: float) -> int:
    probe = ImageFont.load_default(100)
    widest = max(probe.getlength(line) for line in lines)
    return int(min(width / widest * 100, height * 0.9))
