"""Several answers in one row: their words in a list, their media one after another, each with the place of its answer.

`datasets` has lists of pictures but no lists of lists of them that readers like, and a set or a turn-around has several
pictures an answer: `answer_images_of[i]` is the place of the answer that `answer_images[i]` belongs to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from curation.exports.columns import IMAGE, INT32, STRING, VIDEO, Columns, ListOf
from curation.exports.conversations import MESSAGES, WORDED, conversation
from curation.exports.formats import Row
from curation.exports.media import MediaReader, Stored, stored_media
from curation.exports.rows import ExportPrompt, ExportSubject

_KINDS = {"images": ("image", IMAGE), "videos": ("video", VIDEO)}
# Tasks whose question is words alone; the others may show pictures or videos.
_ASKED_IN_WORDS = ("text", "text-to-image", "text-to-video")


def question_columns(task: str) -> Columns:
    """`prompt` as messages; `images` and `videos` of the question where the task may have any.

    Readers take the mere presence of `images` for a vision set, so a set of words does not have it.
    """
    columns: Columns = {"prompt": MESSAGES, "prompt_id": STRING}
    return columns if task in _ASKED_IN_WORDS else columns | _media_columns("")


def answer_columns(task: str) -> Columns:
    """`texts` of every answer, empty where it has none; media where answers are not words alone."""
    media = (
        {} if task in WORDED else _media_columns("answer_") | {f"answer_{kind}_of": ListOf(INT32) for kind in _KINDS}
    )
    return {"sample_ids": ListOf(STRING), "texts": ListOf(STRING)} | media


def _media_columns(prefix: str) -> Columns:
    columns: Columns = {}
    for name, (_kind, feature) in _KINDS.items():
        columns |= {f"{prefix}{name}": ListOf(feature), f"{prefix}{name}_sha256": ListOf(STRING)}
    return columns


def question(prompt: ExportPrompt, columns: Columns, media: MediaReader) -> Row:
    """The question's part of a row with these columns.

    Raises:
        KeyError: never for a prompt that `asked_obstacle` lets through.
    """
    row: Row = {"prompt": conversation(prompt), "prompt_id": prompt.id}
    for name, (kind, _feature) in _KINDS.items():
        if name in columns:
            items = [item for item in prompt.inputs if item.kind == kind]
            row |= {name: [media.struct(item) for item in items], f"{name}_sha256": [item.sha256 for item in items]}
    return row


def asked_obstacle(prompt: ExportPrompt, columns: Columns) -> str | None:
    """Why a question does not fit into the columns, or None."""
    if prompt.inputs and "images" not in columns:
        return "pictures or videos in the question of a task that is asked in words"
    return None


def answers(subjects: Sequence[ExportSubject], columns: Columns, media: MediaReader) -> Row:
    """The answers' part of a row with these columns; what a column is missing for is the task's to say."""
    row: Row = {
        "sample_ids": [subject.sample.id for subject in subjects],
        "texts": [subject.sample.text or "" for subject in subjects],
    }
    for name, (kind, _feature) in _KINDS.items():
        if f"answer_{name}" in columns:
            placed = [
                (place, item)
                for place, subject in enumerate(subjects)
                for item in subject.sample.media
                if item.kind == kind
            ]
            row |= {
                f"answer_{name}": [media.struct(item) for _place, item in placed],
                f"answer_{name}_sha256": [item.sha256 for _place, item in placed],
                f"answer_{name}_of": [place for place, _item in placed],
            }
    return row


def words_at(row: Row, place: int) -> tuple[str, ...]:
    """The answer at a place by its content: digests of its media, then its words if it has any."""
    digests = [
        digest
        for name in _KINDS
        for digest, of in zip(row.get(f"answer_{name}_sha256", ()), row.get(f"answer_{name}_of", ()), strict=True)
        if of == place
    ]
    text = row["texts"][place]
    return (*digests, text) if text else tuple(digests)


def media_of(config: str, row: Row) -> Iterator[Stored]:
    """Every medium of a row with these columns, of the question and of the answers."""
    for prefix in ("", "answer_"):
        for name in _KINDS:
            if f"{prefix}{name}" in row:
                yield from stored_media(f"{prefix}{name}", row[f"{prefix}{name}"], row[f"{prefix}{name}_sha256"])
