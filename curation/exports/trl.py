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

from curation.exports.columns import FLOAT64, IMAGE, STRING, Columns, ListOf, Struct
from curation.exports.formats import Format, Row, Verdict, Written, config_of
from curation.exports.media import MediaReader, Stored, stored_media
from curation.exports.rows import ExportPair, ExportPrompt, ExportSource, ExportSubject
from curation.exports.shards import ShardWriter

_MESSAGES = ListOf(Struct({"role": STRING, "content": STRING}))

TEXT: Columns = {
    "prompt": _MESSAGES,
    "chosen": _MESSAGES,
    "rejected": _MESSAGES,
    "margin": FLOAT64,
    "pair_id": STRING,
}
VISION: Columns = {**TEXT, "images": ListOf(IMAGE), "images_sha256": ListOf(STRING)}

# A probability of exactly 0 or 1 has no finite margin.
_SURE = 0.99


def refusal(task: str) -> str | None:
    if task in ("text", "understanding"):
        return None
    return (
        f"The format trl cannot carry a project of the task {task}: its two answers share one set of "
        "pictures, so it cannot say which picture is better. "
        + (
            "Use pickapic for a trainer of Diffusion-DPO, or canonical."
            if task == "text-to-image"
            else "Use canonical."
        )
    )


def columns(config: str, task: str) -> Columns:
    return VISION if task == "understanding" else TEXT


def write(source: ExportSource, root: Path) -> Written:
    """Writes the config `trl`: of text rows for a text project, of rows with `images` for understanding."""
    features = columns("trl", source.context.task)
    media = MediaReader(source.open_media)
    left_out: Counter[str] = Counter()
    shards = []
    for split in source.context.splits:
        with ShardWriter(root, "trl", split, features) as shard:
            for pair in source.pairs(split):
                reason = _obstacle(pair, features)
                if reason:
                    left_out[reason] += 1
                    continue
                shard.add(_row(pair, features, media), media.take_bytes())
        shards.append(shard)
    return Written([config_of("trl", features, shards)], left_out)


def _obstacle(pair: ExportPair, features: Columns) -> str | None:
    """Why a pair cannot be a row, or None."""
    if not pair.is_decided:
        return "a tie or both bad: trl knows winners only"
    if not (pair.chosen.sample.text and pair.rejected.sample.text):
        return "an answer without text"
    if pair.chosen.sample.media or pair.rejected.sample.media:
        return "an answer with pictures or videos of its own"
    if pair.chosen.prompt.id != pair.rejected.prompt.id:
        return "two prompts in one pair: trl shows both answers the same question"
    if any(item.kind == "video" for item in pair.prompt.inputs):
        return "a video in the question: trl reads pictures only"
    if pair.prompt.inputs and "images" not in features:
        return "pictures in the question of a text project"
    return None


def _row(pair: ExportPair, features: Columns, media: MediaReader) -> Row:
    row: Row = {
        "prompt": _conversation(pair.prompt),
        "chosen": _answer(pair.chosen),
        "rejected": _answer(pair.rejected),
        "margin": margin_of(pair),
        "pair_id": pair.pair_id,
    }
    if "images" in features:
        row["images"] = [media.struct(item) for item in pair.prompt.inputs]
        row["images_sha256"] = [item.sha256 for item in pair.prompt.inputs]
    return row


def _conversation(prompt: ExportPrompt) -> list[dict[str, str]]:
    if prompt.turns:
        return [{"role": role, "content": content} for role, content in prompt.turns]
    return [{"role": "user", "content": prompt.text}]


def _answer(subject: ExportSubject) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": subject.sample.text or ""}]


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
    label="TRL",
    purpose="DPO and reward models of TRL, text and vision, with an explicit prompt and a margin.",
    configs=("trl",),
    columns=columns,
    refusal=refusal,
    write=write,
    media_of=media_of,
    verdict=verdict,
    proved_by="contract",
    snippet="""\
from datasets import load_dataset
from trl import DPOConfig, DPOTrainer

train = load_dataset("{place}", "trl", split="{split}")
trainer = DPOTrainer(model="your-model", args=DPOConfig(output_dir="out"), train_dataset=train)
trainer.train()
""",
)
