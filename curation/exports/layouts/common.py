"""What the layouts of pairs share: which pairs they can carry, and the walk over them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from curation.exports.files import Layout, Records
from curation.exports.formats import Row, Written
from curation.exports.media import MediaReader
from curation.exports.rows import ExportMedia, ExportPair, ExportSource, ExportSubject, Preference

Kind = Literal["image", "video"]

TIE = "a tie or both bad: the reader would train it as a win"

# Tasks whose answer is one picture, or one video, made for a prompt.
PICTURES = ("text-to-image",)
EDITS = ("image-editing", "inpainting", "subject-driven")
VIDEOS = ("text-to-video", "image-to-video")


def refused(name: str, task: str, *, because: str, use: str) -> str:
    """The sentence of a refusal. `because` completes "it ...", `use` names a format that can carry the task."""
    return f"The format {name} cannot carry a project of the task {task}: it {because}. Use {use}."


def other_format(task: str) -> str:
    """A format that carries the task where one for another kind of answer does not."""
    if task in ("text", "understanding"):
        return "trl for text answers, or canonical"
    if task in EDITS:
        return "editreward for edits, or canonical"
    if task in VIDEOS:
        return "videodpo or videoalign for videos, or canonical"
    if task in PICTURES:
        return "pickapic for pictures, or canonical"
    return "canonical"


def obstacle(pair: ExportPair, kind: Kind, *, with_ties: bool = False, with_inputs: bool = False) -> str | None:
    """Why a pair cannot be two media of one kind under one prompt; None where it can."""
    if not pair.is_decided and not (with_ties and pair.preference == "tie"):
        return "both bad: the reader knows no such answer" if with_ties else TIE
    if pair.first.prompt.id != pair.second.prompt.id:
        return "two prompts in one pair: the reader knows one"
    if any([item.kind for item in side.sample.media] != [kind] for side in (pair.first, pair.second)):
        return f"an answer that is not exactly one {kind}"
    if pair.prompt.inputs and not with_inputs:
        return "a prompt with inputs: the reader knows its words only"
    if medium_of(pair.first).sha256 == medium_of(pair.second).sha256:
        return f"the same {kind} on both sides"
    return None


def medium_of(subject: ExportSubject) -> ExportMedia:
    """The one medium of an answer, once `obstacle` has seen it."""
    return subject.sample.media[0]


def write_pairs(
    source: ExportSource,
    layout: Layout,
    *,
    records: Callable[[str], Records],
    why_not: Callable[[ExportPair], str | None],
    row: Callable[[ExportPair], Row],
) -> Written:
    """One record a pair that can be carried, by `pair_id`; the others are counted by reason.

    Args:
        records: opens the records of a split.
        why_not: the reason why a pair cannot be a record, or None.
        row: writes the media of a pair and gives its record.
    """
    left_out: Counter[str] = Counter()
    for split in source.context.splits:
        with records(split) as opened:
            for pair in source.pairs(split):
                reason = why_not(pair)
                if reason:
                    left_out[reason] += 1
                else:
                    opened.add(row(pair))
    return Written([layout.written()], left_out, tuple(layout.extra))


def as_decoded(media: MediaReader, item: ExportMedia) -> bytes:
    """A rendition's bytes, taken off the weight of the row in hand: no Parquet row carries them."""
    content = media.read(item)
    media.take_bytes()
    return content


def split_folder(folder: Path, config: str, split: str) -> Path:
    return folder / config / split


def criteria_of(pair: ExportPair) -> dict[str, Counter[Preference]]:
    """Votes of the pair by criterion: `first`, `second`, `tie`, `both_bad`."""
    said: dict[str, Counter[Preference]] = {}
    for vote in pair.votes:
        said.setdefault(vote.criterion, Counter())[vote.outcome] += 1
    return said


def votes_for(pair: ExportPair) -> tuple[int, int]:
    """Votes for the chosen and for the rejected side, on the criterion the pair was decided by."""
    winner: Literal["first", "second"] = "second" if pair.preference == "second" else "first"
    said = Counter(vote.outcome for vote in pair.votes if not pair.criterion or vote.criterion == pair.criterion)
    return said[winner], said["second" if winner == "first" else "first"]
