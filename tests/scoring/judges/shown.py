"""Subjects for tests of judges: pictures of a stated brightness, videos, words. No database."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from PIL import Image

from scoring.judges import library
from scoring.judges.base import Mode, Reply, Subject, Template, Token
from scoring.scorers.base import MediaFile
from tests.scoring.making import filmed, saved

_ids = count(1)
CHECKLIST = [
    "Is there a cat?",
    {"question": "Is it black?", "weight": 3, "key": "black"},
    {"question": "Does it sleep?", "weight": 2},
]


def digested(file: MediaFile) -> MediaFile:
    return replace(file, digest=hashlib.sha256(file.path.read_bytes()).hexdigest())


def grey(level: int, folder: Path, size: tuple[int, int] = (24, 16)) -> MediaFile:
    """A picture of one grey level, 0 to 255."""
    return digested(saved(Image.new("RGB", size, (level, level, level)), folder))


def picture(level: int, folder: Path, **fields: Any) -> Subject:
    """A sample: a picture of a grey level, with a source under the prompt."""
    roles = {"source": (grey(128, folder),)}
    return subject(media=(grey(level, folder),), roles=roles, **fields)


def film(level: int, folder: Path, **fields: Any) -> Subject:
    frames = [Image.new("RGB", (32, 32), (level, level, level))] * 8
    return subject(media=(digested(filmed(frames, folder)),), **fields)


def subject(**fields: Any) -> Subject:
    usual = {"prompt_id": 1, "prompt_text": "a black cat asleep", "facts": {"checklist": CHECKLIST}}
    return Subject(**{"sample_id": next(_ids), **usual, **fields})


def subjects(template: Template, levels: Sequence[int], folder: Path, **fields: Any) -> list[Subject]:
    """As many samples as there are levels, of the kind a template asks about; a text has as many words as its level."""
    if template.media == "text":
        return [subject(text="word " * level, **fields) for level in levels]
    make = film if template.media == "video" else picture
    return [make(level, folder, **fields) for level in levels]


def template(name: str, **changes: Any) -> Template:
    """A built-in template with some fields changed."""
    return replace(library.builtin()[name], **changes)


def how_many(found: Template) -> int:
    return {Mode.PAIR: 2, Mode.LIST: 3, Mode.LISTENER: 0}.get(found.mode, 1)


def reply(text: str, **fields: Any) -> Reply:
    return Reply(text, **fields)


def tokens(*pieces: tuple[str, dict[str, float]]) -> tuple[Token, ...]:
    """Tokens with the probabilities of what could have stood there."""
    found = []
    for text, chances in pieces:
        logprobs = {name: math.log(chance) for name, chance in chances.items()}
        found.append(Token(text, logprobs.get(text, -0.001), logprobs))
    return tuple(found)
