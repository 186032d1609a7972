"""Conversations for frameworks whose words hold a tag for each picture or video they show."""

from __future__ import annotations

import re
from collections.abc import Sequence

from curation.exports.conversations import answers_obstacle, conversation
from curation.exports.files import Layout
from curation.exports.rows import ExportMedia, ExportPair, ExportPrompt

TAGS = {"image": "<image>", "video": "<video>"}


def tags(items: Sequence[ExportMedia]) -> str:
    return "".join(TAGS[item.kind] for item in items)


def tagged_turns(prompt: ExportPrompt) -> list[dict[str, str]]:
    """The turns, with one tag a medium of the question before the first words of the user."""
    turns = conversation(prompt)
    first = next(turn for turn in turns if turn["role"] == "user")
    first["content"] = tags(prompt.inputs) + first["content"]
    return turns


def turns_obstacle(prompt: ExportPrompt) -> str | None:
    """Why turns cannot be read: a reader of tags counts them, and skips what does not alternate."""
    turns = conversation(prompt)
    if any(turn["role"] == "system" for turn in turns[1:]):
        return "instructions that do not come first"
    spoken = [turn["role"] for turn in turns if turn["role"] != "system"]
    if len(spoken) % 2 == 0 or spoken != [("user", "assistant")[place % 2] for place in range(len(spoken))]:
        return "turns that do not alternate between the user, who begins and ends, and the assistant"
    return tag_obstacle(*(turn["content"] for turn in turns))


def tag_obstacle(*texts: str | None) -> str | None:
    """Why words would be miscounted, or None."""
    if any(tag in text for tag in TAGS.values() for text in texts if text):
        return "words that the reader would take for a picture or a video"
    return None


def worded_obstacle(pair: ExportPair) -> str | None:
    """Why two answers in words cannot be a record, or None. Pictures and videos of the question are carried."""
    return (
        answers_obstacle(pair)
        or turns_obstacle(pair.prompt)
        or tag_obstacle(pair.chosen.sample.text, pair.rejected.sample.text)
    )


def files_of(layout: Layout, items: Sequence[ExportMedia], kind: str) -> list[str]:
    """The media of one kind as files of the layout, in the order of their tags."""
    return [layout.medium(item) for item in items if item.kind == kind]


def registered_name(dataset: str, what: str, split: str) -> str:
    """The name of a split in a framework's registry: letters, digits, dashes and underscores only."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", f"{dataset}-{what}-{split}")
