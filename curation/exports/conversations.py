"""Questions and answers as lists of messages, and why a pair or an answer is no conversation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from curation.exports.columns import STRING, Columns, ListOf, Struct
from curation.exports.formats import Row
from curation.exports.media import MediaReader
from curation.exports.rows import ExportPair, ExportPrompt, ExportSource, ExportSubject
from curation.exports.shards import ShardWriter

MESSAGES = ListOf(Struct({"role": STRING, "content": STRING}))

# Tasks whose answers are words.
WORDED = ("text", "understanding")


def text_refusal(name: str, task: str) -> str | None:
    """Why answers that are not words cannot be written so, and what can carry them."""
    if task in WORDED:
        return None
    return (
        f"The format {name} cannot carry a project of the task {task}: its two answers share one set of "
        "pictures, so it cannot say which picture is better. "
        + (
            "Use pickapic for a trainer of Diffusion-DPO, or canonical."
            if task == "text-to-image"
            else "Use canonical."
        )
    )


def conversation(prompt: ExportPrompt) -> list[dict[str, str]]:
    """The question as messages; the last one is the user's."""
    if prompt.turns:
        return [{"role": role, "content": content} for role, content in prompt.turns]
    return [{"role": "user", "content": prompt.text}]


def answer(subject: ExportSubject) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": subject.sample.text or ""}]


def question_obstacle(prompt: ExportPrompt, *, with_images: bool) -> str | None:
    """Why a question cannot be shown by a reader of text, or of text and pictures; None where it can."""
    if any(item.kind == "video" for item in prompt.inputs):
        return "a video in the question: the reader knows pictures only"
    if prompt.inputs and not with_images:
        return "pictures in the question of a text project"
    return None


def answer_obstacle(subject: ExportSubject) -> str | None:
    if not subject.sample.text:
        return "an answer without text"
    if subject.sample.media:
        return "an answer with pictures or videos of its own"
    return None


def answers_obstacle(pair: ExportPair) -> str | None:
    """Why two answers are no winner and loser in words under one question, or None."""
    if not pair.is_decided:
        return "a tie or both bad: the reader knows winners only"
    for subject in (pair.chosen, pair.rejected):
        if reason := answer_obstacle(subject):
            return reason
    if pair.chosen.prompt.id != pair.rejected.prompt.id:
        return "two prompts in one pair: the reader shows both answers the same question"
    if pair.chosen.sample.text == pair.rejected.sample.text:
        return "the same words on both sides"
    return None


def pair_obstacle(pair: ExportPair, *, with_images: bool) -> str | None:
    """As `answers_obstacle`, for a reader that shows at most pictures with the question."""
    return answers_obstacle(pair) or question_obstacle(pair.prompt, with_images=with_images)


def images(prompt: ExportPrompt, media: MediaReader) -> Row:
    """The question's pictures beside their digests; empty lists, never null."""
    return {
        "images": [media.struct(item) for item in prompt.inputs],
        "images_sha256": [item.sha256 for item in prompt.inputs],
    }


def write_splits(
    source: ExportSource,
    root: Path,
    config: str,
    columns: Columns,
    fill: Callable[[str, ShardWriter], None],
) -> list[ShardWriter]:
    """A Parquet writer a split, each filled by `fill(split, writer)`."""
    shards = []
    for split in source.context.splits:
        with ShardWriter(root, config, split, columns) as shard:
            fill(split, shard)
        shards.append(shard)
    return shards
