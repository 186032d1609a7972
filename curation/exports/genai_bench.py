"""GenAI-Bench's columns for pictures: two pictures of one prompt and how people voted, ties and both bad included."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from curation.exports.columns import IMAGE, STRING, Columns
from curation.exports.conversations import write_splits
from curation.exports.formats import Format, Proof, Row, Verdict, Written, config_of
from curation.exports.media import MediaReader, Stored, stored_media
from curation.exports.rows import ExportPair, ExportSource
from curation.exports.shards import ShardWriter
from curation.exports.sides import draw_sides

NAME = "genai-bench"
VOTES = {"a": "leftvote", "b": "rightvote", "tie": "tievote", "both_bad": "bothbad_vote"}

COLUMNS: Columns = {
    "prompt": STRING,
    "left_image": IMAGE,
    "right_image": IMAGE,
    "vote_type": STRING,
    "left_model": STRING,
    "right_model": STRING,
    # Ours; readers ignore what they do not name.
    "pair_id": STRING,
    "left_sha256": STRING,
    "right_sha256": STRING,
    "basis": STRING,
}


def refusal(task: str) -> str | None:
    if task == "text-to-image":
        return None
    use = {"text-to-video": "genai-bench-video", "understanding": "vl-rewardbench", "text": "rewardbench2"}
    return (
        f"The format {NAME} cannot carry a project of the task {task}: it compares two pictures made for one prompt. "
        f"Use {use.get(task, 'canonical')}."
    )


def write(source: ExportSource, root: Path) -> Written:
    """Writes the config `genai-bench`, one row a pair, decided or not."""
    media = MediaReader(source.open_media)
    left_out: Counter[str] = Counter()

    def fill(split: str, shard: ShardWriter) -> None:
        for pair in source.pairs(split):
            if reason := bench_obstacle(pair, "image"):
                left_out[reason] += 1
            else:
                shard.add(_row(pair, source.context.side_seed, media), media.take_bytes())

    return Written([config_of(NAME, COLUMNS, write_splits(source, root, NAME, COLUMNS, fill))], left_out)


def bench_obstacle(pair: ExportPair, kind: str) -> str | None:
    """Why a pair is not two media of a kind made for one prompt, or None."""
    if pair.first.prompt.id != pair.second.prompt.id:
        return "two prompts in one pair: the row has one"
    if any([item.kind for item in side.sample.media] != [kind] for side in (pair.first, pair.second)):
        return f"an answer that is not exactly one {kind}"
    return "a prompt with inputs: the row has words only" if pair.prompt.inputs else None


def _row(pair: ExportPair, side_seed: int, media: MediaReader) -> Row:
    sided = draw_sides(pair, side_seed)
    row: Row = {"prompt": pair.prompt.text, "vote_type": VOTES[sided.preference(pair.preference)]}
    for name, side in (("left", sided.a), ("right", sided.b)):
        picture = side.sample.media[0]
        row |= {
            f"{name}_image": media.struct(picture),
            f"{name}_model": side.sample.generator.name,
            f"{name}_sha256": picture.sha256,
        }
    return row | {"pair_id": pair.pair_id, "basis": pair.basis}


def media_of(config: str, row: Row) -> Iterator[Stored]:
    for name in ("left", "right"):
        yield from stored_media(f"{name}_image", [row[f"{name}_image"]], [row[f"{name}_sha256"]])


def verdict(config: str, row: Row) -> Verdict | None:
    sides = {"leftvote": ("left", "right"), "rightvote": ("right", "left")}.get(row["vote_type"])
    if sides is None:
        return None
    winner, loser = sides
    return Verdict(row["pair_id"], (row[f"{winner}_sha256"],), (row[f"{loser}_sha256"],))


GENAI_BENCH = Format(
    name=NAME,
    label="GenAI-Bench layout: pictures",
    purpose="A benchmark of judges: two pictures with how people voted, in the columns of GenAI-Bench.",
    configs=(NAME,),
    columns=lambda config, task: COLUMNS,
    refusal=refusal,
    write=write,
    media_of=media_of,
    verdict=verdict,
    ties="Ties are `tievote`, both bad is `bothbad_vote`: the benchmark counts them.",
    proof=Proof("contract", "the readers of GenAI-Bench in UnifiedReward ff6f520, benchmark_evaluation"),
    snippet="""\
from datasets import load_dataset

bench = load_dataset("{place}", "genai-bench", split="{split}")
# right = sum(judge(row["prompt"], row["left_image"], row["right_image"]) == row["vote_type"] for row in bench)
""",
)
