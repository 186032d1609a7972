"""Drawing generators of honestly different quality: each spoils a scene with its own stated chances. Plain code."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from config.demo.drawing import paint
from config.demo.scenes import COLOURS, Scene


@dataclass(frozen=True)
class Painter:
    """A generator: the chance of each mistake, each drawn on its own for every picture."""

    name: str
    revision: str
    misspells: float = 0.0
    miscounts: float = 0.0
    miscolours: float = 0.0
    blurs: float = 0.0
    grains: float = 0.0
    breaks: float = 0.0
    fades: float = 0.0


PAINTERS = (
    Painter("atelier", "2", misspells=0.05, miscounts=0.05),
    Painter("sketchbook", "1", misspells=0.25, miscounts=0.2, grains=0.35),
    Painter("hasty", "1", misspells=0.45, miscounts=0.6, miscolours=0.5),
    Painter("foggy", "1", misspells=0.1, blurs=0.85, fades=0.6),
    Painter("glitch", "0.3", misspells=0.4, miscounts=0.3, grains=0.5, breaks=0.8),
)


@dataclass(frozen=True)
class Painting:
    image: Image.Image
    flaws: tuple[str, ...]


def draw(painter: Painter, scene: Scene, seed: int) -> Painting:
    """One picture and the mistakes that were made in it, in the order they were made."""
    random = np.random.default_rng([seed, *painter.name.encode()])
    flaws: list[str] = []
    scene = _wrong_content(painter, scene, random, flaws)
    image = paint(scene, seed)
    return Painting(_wrong_finish(painter, image, random, flaws), tuple(flaws))


def _wrong_content(painter: Painter, scene: Scene, random: np.random.Generator, flaws: list[str]) -> Scene:
    if scene.words and random.random() < painter.misspells:
        scene = replace(scene, words=_misspelt(scene.words, random))
        flaws.append("misspelt")
    if scene.things and random.random() < painter.miscounts:
        count = scene.things.count + int(random.choice([-1, 1, 2]))
        scene = replace(scene, things=replace(scene.things, count=max(count, 1)))
        flaws.append("miscounted")
    if random.random() < painter.miscolours:
        scene = _miscoloured(scene, random)
        flaws.append("miscoloured")
    return scene


def _misspelt(words: str, random: np.random.Generator) -> str:
    """Drops, doubles, swaps or replaces one letter; never gives the same words back."""
    places = [index for index, letter in enumerate(words) if letter != " "]
    at = int(random.choice(places[1:]))
    letter = words[at]
    other = "X" if letter != "X" else "K"
    before = words[at - 1]
    choices = [words[:at] + words[at + 1 :], words[:at] + letter + words[at:], words[:at] + other + words[at + 1 :]]
    if before not in (" ", letter):
        choices.append(words[: at - 1] + letter + before + words[at + 1 :])
    return str(random.choice(choices))


def _miscoloured(scene: Scene, random: np.random.Generator) -> Scene:
    if scene.things:
        return replace(scene, things=replace(scene.things, colour=_another(scene.things.colour, random)))
    return replace(scene, sign_colour=_another(scene.sign_colour, random))


def _another(colour: str, random: np.random.Generator) -> str:
    return str(random.choice([name for name in COLOURS if name != colour]))


def _wrong_finish(painter: Painter, image: Image.Image, random: np.random.Generator, flaws: list[str]) -> Image.Image:
    if random.random() < painter.fades:
        image = ImageEnhance.Contrast(image).enhance(float(random.uniform(0.45, 0.7)))
        flaws.append("faded")
    if random.random() < painter.blurs:
        image = image.filter(ImageFilter.GaussianBlur(float(random.uniform(1.6, 4.0))))
        flaws.append("blurred")
    if random.random() < painter.grains:
        image = _grainy(image, random)
        flaws.append("grainy")
    if random.random() < painter.breaks:
        image = _broken(image, random)
        flaws.append("broken")
    return image


def _grainy(image: Image.Image, random: np.random.Generator) -> Image.Image:
    pixels = np.asarray(image, dtype=np.float64)
    noise = random.normal(0, random.uniform(14, 26), pixels.shape)
    return Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8), "RGB")


def _broken(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """Shifts some bands sideways and swaps some blocks, as a damaged stream looks."""
    pixels = np.asarray(image).copy()
    for _ in range(int(random.integers(4, 9))):
        top, height = int(random.integers(0, 470)), int(random.integers(6, 34))
        pixels[top : top + height] = np.roll(pixels[top : top + height], int(random.integers(-80, 80)), axis=1)
    for _ in range(int(random.integers(2, 6))):
        (y, x), (v, u) = random.integers(0, 440, (2, 2))
        block = pixels[y : y + 56, x : x + 56].copy()
        pixels[v : v + 56, u : u + 56] = block[..., ::-1]
    return Image.fromarray(pixels, "RGB")
