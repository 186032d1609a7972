"""TRL's unpaired format: a question, one answer, and whether it is good. For KTO and its relatives.

What the reader demands (TRL 1.16, `kto_trainer.py`, run): `label` is a bool; both labels occur; pairs of a vision set
are not unpaired by the trainer itself, so the rows come unpaired. The rules on `images` are those of `trl`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from curation.exports.columns import BOOL, FLOAT64, IMAGE, STRING, Columns, ListOf
from curation.exports.conversations import (
    MESSAGES,
    answer,
    answer_obstacle,
    conversation,
    images,
    question_obstacle,
    text_refusal,
    write_splits,
)
from curation.exports.formats import Format, Label, Proof, Row, Written, config_of
from curation.exports.labels import LABELS, is_good, label_obstacle, share_of
from curation.exports.media import MediaReader, Stored, stored_media
from curation.exports.rows import ExportCandidate, ExportSource
from curation.exports.shards import ShardWriter

TEXT: Columns = {
    "prompt": MESSAGES,
    "completion": MESSAGES,
    "label": BOOL,
    "share": FLOAT64,  # of its pairs that it won
    "sample_id": STRING,
}
VISION: Columns = {**TEXT, "images": ListOf(IMAGE), "images_sha256": ListOf(STRING)}


def refusal(task: str) -> str | None:
    if task == "text-to-image":
        return (
            "The format trl-kto cannot carry a project of the task text-to-image: its answers are words. "
            "Use diffusion-kto for pictures with a label."
        )
    return text_refusal("trl-kto", task)


def columns(config: str, task: str) -> Columns:
    return VISION if task == "understanding" else TEXT


def write(source: ExportSource, root: Path) -> Written:
    """Writes the config `trl-kto`, one row a labelled candidate."""
    features = columns("trl-kto", source.context.task)
    media = MediaReader(source.open_media)
    rule = source.option("trl-kto", LABELS)
    left_out: Counter[str] = Counter()

    def fill(split: str, shard: ShardWriter) -> None:
        for candidate in source.candidates(split):
            if reason := _obstacle(candidate, rule, with_images="images" in features):
                left_out[reason] += 1
            else:
                shard.add(_row(candidate, rule, features, media), media.take_bytes())

    return Written([config_of("trl-kto", features, write_splits(source, root, "trl-kto", features, fill))], left_out)


def _obstacle(candidate: ExportCandidate, rule: str, *, with_images: bool) -> str | None:
    return (
        label_obstacle(candidate, rule)
        or answer_obstacle(candidate.subject)
        or question_obstacle(candidate.subject.prompt, with_images=with_images)
    )


def _row(candidate: ExportCandidate, rule: str, features: Columns, media: MediaReader) -> Row:
    subject = candidate.subject
    row: Row = {
        "prompt": conversation(subject.prompt),
        "completion": answer(subject),
        "label": is_good(candidate, rule),
        "share": share_of(candidate),
        "sample_id": subject.sample.id,
    }
    return row | images(subject.prompt, media) if "images" in features else row


def media_of(config: str, row: Row) -> Iterator[Stored]:
    if "images" in row:
        yield from stored_media("images", row["images"], row["images_sha256"])


def verdict(config: str, row: Row) -> Label | None:
    """The label where every pair of the answer agrees on it; a majority is nobody's plain word."""
    if row["share"] not in (0.0, 1.0):
        return None
    return Label(row["sample_id"], (row["completion"][-1]["content"],), row["label"])


TRL_KTO = Format(
    name="trl-kto",
    label="TRL: KTO",
    purpose="Single answers called good or bad, text and vision, for KTO of TRL.",
    configs=("trl-kto",),
    columns=columns,
    refusal=refusal,
    write=write,
    proof=Proof("package", "trl.KTOTrainer"),
    ties="Rows are single answers: an answer whose pairs agree gets a label, whatever else tied.",
    options=(LABELS,),
    media_of=media_of,
    verdict=verdict,
    is_by_pair=False,
    counts_pairs=False,
    snippet="""\
from datasets import load_dataset
from trl import KTOConfig, KTOTrainer

train = load_dataset("{place}", "trl-kto", split="{split}")
trainer = KTOTrainer(model="your-model", args=KTOConfig(output_dir="out"), train_dataset=train)
trainer.train()
""",
)
