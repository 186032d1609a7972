"""The columns of VL-RewardBench: a question about a picture, two answers, and which people prefer.

`human_ranking` holds ranks: `[0, 1]` says that the first answer is better (its card, read). Sides are drawn by the
version's coin, so that a judge that always names the first gains nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from curation.exports.columns import IMAGE, INT64, STRING, Columns, ListOf
from curation.exports.conversations import pair_obstacle, write_splits
from curation.exports.formats import Format, Proof, Row, Verdict, Written, config_of
from curation.exports.media import MediaReader, Stored, stored_media
from curation.exports.rows import ExportPair, ExportSource
from curation.exports.shards import ShardWriter
from curation.exports.sides import draw_sides

NAME = "vl-rewardbench"

COLUMNS: Columns = {
    "id": STRING,
    "query": STRING,
    "response": ListOf(STRING),
    "image": IMAGE,
    "human_ranking": ListOf(INT64),
    "models": ListOf(STRING),
    "judge": STRING,
    "rationale": STRING,
    "query_source": STRING,
    "ground_truth": STRING,
    # Ours; readers ignore what they do not name.
    "image_sha256": STRING,
    "basis": STRING,
}


def refusal(task: str) -> str | None:
    if task == "understanding":
        return None
    use = "genai-bench" if task == "text-to-image" else "rewardbench2" if task == "text" else "canonical"
    return (
        f"The format {NAME} cannot carry a project of the task {task}: it compares answers in words about a picture. "
        f"Use {use}."
    )


def write(source: ExportSource, root: Path) -> Written:
    """Writes the config `vl-rewardbench`, one row a decided pair."""
    media = MediaReader(source.open_media)
    left_out: Counter[str] = Counter()

    def fill(split: str, shard: ShardWriter) -> None:
        for pair in source.pairs(split):
            if reason := _obstacle(pair):
                left_out[reason] += 1
            else:
                shard.add(_row(pair, source, media), media.take_bytes())

    return Written([config_of(NAME, COLUMNS, write_splits(source, root, NAME, COLUMNS, fill))], left_out)


def _obstacle(pair: ExportPair) -> str | None:
    if len(pair.prompt.turns) > 1:
        return "a question of several turns: the row has one"
    if len(pair.prompt.inputs) != 1:
        return "a question that does not show exactly one picture"
    return pair_obstacle(pair, with_images=True)


def _row(pair: ExportPair, source: ExportSource, media: MediaReader) -> Row:
    sided = draw_sides(pair, source.context.side_seed)
    picture = pair.prompt.inputs[0]
    first_won = sided.preference(pair.preference) == "a"
    return {
        "id": pair.pair_id,
        "query": pair.prompt.text,
        "response": [side.sample.text for side in (sided.a, sided.b)],
        "image": media.struct(picture),
        "human_ranking": [0, 1] if first_won else [1, 0],
        "models": [side.sample.generator.name for side in (sided.a, sided.b)],
        "judge": "",
        "rationale": "\n\n".join(note.text for note in pair.notes),
        "query_source": source.context.project,
        "ground_truth": "",
        "image_sha256": picture.sha256,
        "basis": pair.basis,
    }


def media_of(config: str, row: Row) -> Iterator[Stored]:
    yield from stored_media("image", [row["image"]], [row["image_sha256"]])


def verdict(config: str, row: Row) -> Verdict | None:
    winner = row["human_ranking"].index(0)
    return Verdict(row["id"], (row["response"][winner],), (row["response"][1 - winner],))


VL_REWARDBENCH = Format(
    name=NAME,
    label="VL-RewardBench layout",
    purpose="A benchmark of judges: answers about pictures with what people prefer, in the columns of VL-RewardBench.",
    configs=(NAME,),
    columns=lambda config, task: COLUMNS,
    refusal=refusal,
    write=write,
    media_of=media_of,
    verdict=verdict,
    proof=Proof("contract", "the card of MMInstruction/VL-RewardBench"),
    snippet="""\
from datasets import load_dataset

bench = load_dataset("{place}", "vl-rewardbench", split="{split}")
# right = sum(judge(row["query"], row["image"], row["response"]) == row["human_ranking"].index(0) for row in bench)
""",
)
