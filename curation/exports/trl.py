"""TRL's preference format with an explicit prompt, for text answers: DPO, and reward models with a margin.

What the reader demands (TRL 1.16, `dpo_trainer.py` and `reward_trainer.py`, read and run):
a text set must not even have a column `images`; where it has one, a row without pictures says `[]`, never
null; `prompt`, `chosen` and `rejected` are lists of messages and the answers hold assistant turns only.
Pictures belong to the question and are shared by both answers, so the format cannot say which of two
pictures is better.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from curation.exports.columns import FLOAT64, IMAGE, STRING, Columns, ListOf
from curation.exports.conversations import (
    MESSAGES,
    answer,
    conversation,
    images,
    pair_obstacle,
    text_refusal,
    write_splits,
)
from curation.exports.formats import Format, Proof, Row, Verdict, Written, config_of
from curation.exports.media import MediaReader, Stored, stored_media
from curation.exports.rows import ExportPair, ExportSource
from curation.exports.shards import ShardWriter

TEXT: Columns = {
    "prompt": MESSAGES,
    "chosen": MESSAGES,
    "rejected": MESSAGES,
    "margin": FLOAT64,
    # Ours; the trainers ignore what they do not name.
    "pair_id": STRING,
    "chosen_score": FLOAT64,  # null where votes alone decided
    "rejected_score": FLOAT64,
    "criterion": STRING,
    "basis": STRING,
    "source": STRING,
}
VISION: Columns = {**TEXT, "images": ListOf(IMAGE), "images_sha256": ListOf(STRING)}

# A probability of exactly 0 or 1 has no finite margin.
_SURE = 0.99


def refusal(task: str) -> str | None:
    return text_refusal("trl", task)


def columns(config: str, task: str) -> Columns:
    return VISION if task == "understanding" else TEXT


def write(source: ExportSource, root: Path) -> Written:
    """Writes the config `trl`: of text rows for a text project, of rows with `images` for understanding."""
    features = columns("trl", source.context.task)
    media = MediaReader(source.open_media)
    left_out: Counter[str] = Counter()

    def fill(split: str, shard: ShardWriter) -> None:
        for pair in source.pairs(split):
            if reason := pair_obstacle(pair, with_images="images" in features):
                left_out[reason] += 1
            else:
                row = _row(pair, features, media) | {"source": source.context.project}
                shard.add(row, media.take_bytes())

    return Written([config_of("trl", features, write_splits(source, root, "trl", features, fill))], left_out)


def _row(pair: ExportPair, features: Columns, media: MediaReader) -> Row:
    row: Row = {
        "prompt": conversation(pair.prompt),
        "chosen": answer(pair.chosen),
        "rejected": answer(pair.rejected),
        "margin": margin_of(pair),
        "pair_id": pair.pair_id,
        **{f"{side}_score": pair.extra.get(f"{side}_score") for side in ("chosen", "rejected")},
        "criterion": pair.criterion,
        "basis": pair.basis,
    }
    return row | images(pair.prompt, media) if "images" in features else row


def margin_of(pair: ExportPair) -> float:
    """How much better the chosen answer is, for `-log sigmoid(r_chosen - r_rejected - margin)`.

    The recipe's margin where there is one; else the log odds of the confidence, cut at 0.99 and at 0;
    else 0, which is the loss without a margin. Never null: the trainer would fail on it.

    """
    if pair.margin is not None:
        return pair.margin
    if pair.confidence is None:
        return 0.0
    sure = min(max(pair.confidence, 0.5), _SURE)
    return math.log(sure / (1 - sure))


def media_of(config: str, row: Row) -> Iterator[Stored]:
    if "images" in row:
        yield from stored_media("images", row["images"], row["images_sha256"])


def verdict(config: str, row: Row) -> Verdict | None:
    return Verdict(row["pair_id"], (row["chosen"][-1]["content"],), (row["rejected"][-1]["content"],))


TRL = Format(
    name="trl",
    label="TRL: DPO and reward models",
    purpose="DPO and reward models of TRL, text and vision, with an explicit prompt and a margin.",
    configs=("trl",),
    columns=columns,
    refusal=refusal,
    write=write,
    media_of=media_of,
    verdict=verdict,
    proof=Proof("package", "trl.DPOTrainer, trl.RewardTrainer"),
    snippet="""\
from datasets import load_dataset
from trl import DPOConfig, DPOTrainer

train = load_dataset("{place}", "trl", split="{split}")
trainer = DPOTrainer(model="your-model", args=DPOConfig(output_dir="out"), train_dataset=train)
trainer.train()
""",
)
