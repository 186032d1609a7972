"""Which models a scorer asks, by name: what a generator is held against to see whether it judges itself."""

from __future__ import annotations

import json
from pathlib import Path

CONFIG = "config.json"


def name_of(source: str) -> str:
    """What a source of weights is called: `OWNER/NAME` on the Hub; of a folder or a bucket the last part alone.

    Where the files lie on a machine is nobody else's business, and is not kept.

    >>> name_of("Qwen/Qwen2-VL-2B-Instruct@895c3a49bc3fa70a340399125c650a463535e71c"), name_of("/srv/models/janus-pro/")
    ('Qwen/Qwen2-VL-2B-Instruct', 'janus-pro')
    """
    name, pinned, _commit = source.partition("@")
    return name if pinned and name.count("/") == 1 else source.rstrip("/").rpartition("/")[2]


def family_of(folder: Path, usual: str) -> str:
    """The family of the model in a folder: the usual one, or what its configuration calls it where it is another.

    Args:
        folder: with `config.json`, whose `model_type` is transformers' name of the architecture.
        usual: the family of the scorer's card, which is that of its default model.
    """
    file = folder / CONFIG
    stated = str(json.loads(file.read_text(encoding="utf-8")).get("model_type", "")) if file.is_file() else ""
    return usual if not stated or plain(stated) == plain(usual) else stated


def plain(name: str) -> str:
    """Letters and digits alone, in lower case.

    >>> plain("Qwen2.5-VL") == plain("qwen2_5_vl")
    True
    """
    return "".join(letter for letter in name.casefold() if letter.isalnum())
