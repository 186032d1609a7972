"""Pictures that differ in one corner alone, and stand-in judges that look there before they judge."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import numpy as np
from PIL import Image

from curation.models import Project, Sample
from tests import factories
from tests.scoring.judges.server import Seen

SIZE = (400, 200)
# The lower right corner, in thousandths and in pixels.
CORNER, PIXELS = [750, 500, 1000, 1000], (300, 100, 400, 200)


def flawed(corner: int, seed: int = 0) -> Image.Image:
    """A grey picture whose corner has a light of its own; the whole is as light as any other, and no two are alike."""
    rest = round((128 * 80_000 - corner * 10_000) / 70_000)
    picture = Image.new("RGB", SIZE, (rest, rest, rest))
    picture.paste((corner, corner, corner), PIXELS)
    picture.putpixel((seed % 200, 0), (rest, rest, (rest + 1) % 256))
    return picture


def bytes_of(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def pair(project: Project, light: int = 220, dark: int = 40) -> list[Sample]:
    """Two samples of a prompt: a light corner and a dark one."""
    prompt = factories.prompt(project)
    found = []
    for place, corner in enumerate((light, dark)):
        sample = factories.sample(prompt, f"painter-{place}", key=f"p{prompt.pk}-{place}-{corner}")
        content = bytes_of(flawed(corner, seed=sample.pk))
        factories.place(sample, factories.stored(content, f"corner-{sample.pk}.png"))
        found.append(sample)
    return found


def call(tool: str = "crop", **arguments: object) -> str:
    return f"```tool\n{json.dumps({'tool': tool, **arguments})}\n```"


def corner_of(number: int) -> str:
    return f"Let me see the corner of {number}.\n{call(image=number, box=CORNER)}"


def light(picture: Image.Image) -> float:
    return float(np.asarray(picture.convert("L"), np.float64).mean())


def searching(seen: Seen) -> str:
    """Looks at the corner of both, then prefers the lighter corner, by the pixels it was sent."""
    if seen.turns < 2:
        return corner_of(seen.turns + 1)
    first, second = (light(picture) for picture in seen.pictures[-2:])
    return f"The corners have {first:.0f} and {second:.0f}.\nVerdict: Image {2 if second > first else 1}"


def saying_in_turn(*replies: str) -> Callable[[Seen], str]:
    """The same replies in every conversation, the last one for ever."""
    return lambda seen: replies[min(seen.turns, len(replies) - 1)]
