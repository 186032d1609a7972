"""The tools there are, which templates may offer them, and how a judge is told of them.

Nothing here opens a picture: the pages of the site read this file as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from scoring.judges.base import Mode, Subject, Template
from scoring.scorers.base import Json

CROP, ZOOM, FRAME, CALCULATE = "crop", "zoom", "frame", "calculate"
PICTURES, VIDEOS, EVERYTHING = ("image", "edit", "video"), ("video",), ("image", "edit", "video", "text")
# Coordinates are thousandths of width and height, so that nobody needs to know at which size a picture was sent.
SCALE = 1000
MOST_TIMES = 16


@dataclass(frozen=True)
class Tool:
    """One tool.

    Attributes:
        media: the media of the templates that may offer it.
        about: what a judge is told it does.
        example: arguments beside the picture or video and its moment.
    """

    media: tuple[str, ...]
    about: str
    example: Mapping[str, Json]

    @property
    def looks(self) -> bool:
        """Whether it shows a picture, so that there must be something to look at."""
        return self.media != EVERYTHING


TOOLS: Mapping[str, Tool] = {
    CROP: Tool(
        PICTURES,
        "shows the part within a box alone, as sharp as the original is. The box is left, top, right, bottom.",
        {"box": [250, 100, 500, 400]},
    ),
    ZOOM: Tool(
        PICTURES,
        f"enlarges what is around a point, from the left and from the top, up to {MOST_TIMES} times.",
        {"at": [600, 350], "times": 4},
    ),
    FRAME: Tool(VIDEOS, "shows the whole frame of one moment, in seconds from the beginning.", {}),
    CALCULATE: Tool(
        EVERYTHING,
        "works out an expression of numbers, + - * / // % ** and brackets.",
        {"expression": "(12 + 7) * 3 / 4"},
    ),
}


def problems(template: Template) -> Iterator[str]:
    """What is wrong with the tools that a template offers, in words."""
    stated = template.tools.names
    for name in stated:
        if name not in TOOLS:
            yield f"There is no tool “{name}”; there are {', '.join(TOOLS)}."
        elif template.media not in TOOLS[name].media:
            yield f"The tool “{name}” is for {', '.join(TOOLS[name].media)}, not for {template.media}."
        elif TOOLS[name].looks and template.mode == Mode.LISTENER:
            yield f"The tool “{name}” looks at samples, and a listener is shown none."
    if len(set(stated)) < len(stated):
        yield "A tool is named twice."


def told(template: Template, subjects: Sequence[Subject]) -> str:
    """The placeholder `{tools}`: which there are, how one is called, and how often; of videos how long they are."""
    offered = [f"- {name} {TOOLS[name].about}\n  {_call(template, name)}" for name in template.tools.names]
    many = template.tools.steps
    calls = "one call" if many == 1 else f"{many} calls"
    return "\n".join([
        "Before you judge you may use these tools:",
        *offered,
        *_places(template),
        *_lengths(template, subjects),
        "To use one, say what you want to find out and end your answer with one call between such marks, and nothing "
        "after it:",
        "```tool",
        _call(template, template.tools.names[0]),
        "```",
        f"You then get what you asked for and go on. There are {calls} at most; one that cannot be carried out counts. "
        "An answer with a call holds no verdict. When you have seen enough, answer without a call.",
    ])  # fmt: skip


def _lengths(template: Template, subjects: Sequence[Subject]) -> list[str]:
    """How long each video is: the moments that can be asked for."""
    if template.media != "video":
        return []
    lengths = [f"{file.duration_us / 1e6:.3f}" for subject in subjects for file in subject.media]
    return [f"The videos last {', '.join(lengths)} seconds, in this order."]


def _call(template: Template, name: str) -> str:
    about: dict[str, Json] = {}
    if TOOLS[name].looks:
        about = {"video": 1, "second": 1.5} if template.media == "video" else {"image": 1}
    return json.dumps({"tool": name, **about, **TOOLS[name].example})


def _places(template: Template) -> list[str]:
    """How pictures and places in them are named."""
    if not any(TOOLS[name].looks for name in template.tools.names):
        return []
    kind = "video" if template.media == "video" else "image"
    lines = [
        f"“{kind}” is the number it is shown under; one that stands alone is number 1. Where several stand under one "
        "number, “part” says which of them."
    ]
    if template.media == "edit":
        lines.append('The source image is "image": "source".')
    if {CROP, ZOOM} & set(template.tools.names):
        lines.append(
            f"Places are thousandths of the width and of the height, from the upper left corner: 0 to {SCALE}."
        )
    return lines
