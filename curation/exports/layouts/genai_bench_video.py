"""GenAI-Bench's JSON for videos: two videos of one prompt and how people voted, ties and both bad included."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from curation.exports.columns import STRING, Columns
from curation.exports.files import Layout, media_file, read_json_list
from curation.exports.formats import Format, Proof, Recalled, RecalledVerdict, Row, Written
from curation.exports.genai_bench import VOTES, bench_obstacle
from curation.exports.layouts.common import write_pairs
from curation.exports.rows import ExportPair, ExportSource
from curation.exports.sides import draw_sides

NAME = "genai-bench-video"

COLUMNS: Columns = {
    "id": STRING,
    "prompt": STRING,
    "video_left": STRING,
    "video_right": STRING,
    "vote_type": STRING,
    "left_model": STRING,
    "right_model": STRING,
}


def refusal(task: str) -> str | None:
    if task == "text-to-video":
        return None
    use = {"text-to-image": "genai-bench", "understanding": "vl-rewardbench", "text": "rewardbench2"}
    return (
        f"The format {NAME} cannot carry a project of the task {task}: it compares two videos made for one prompt. "
        f"Use {use.get(task, 'canonical')}."
    )


def write(source: ExportSource, root: Path) -> Written:
    """Writes `SPLIT.json` with the videos in `media`."""
    layout = Layout(source, root, NAME, COLUMNS)
    return write_pairs(
        source,
        layout,
        records=lambda split: layout.json_list(split, f"{split}.json"),
        why_not=lambda pair: bench_obstacle(pair, "video"),
        row=lambda pair: _row(pair, source.context.side_seed, layout),
    )


def _row(pair: ExportPair, side_seed: int, layout: Layout) -> Row:
    sided = draw_sides(pair, side_seed)
    return {
        "id": pair.pair_id,
        "prompt": pair.prompt.text,
        "video_left": layout.medium(sided.a.sample.media[0]),
        "video_right": layout.medium(sided.b.sample.media[0]),
        "vote_type": VOTES[sided.preference(pair.preference)],
        "left_model": sided.a.sample.generator.name,
        "right_model": sided.b.sample.generator.name,
    }


def read_back(root: Path, config: str, split: str) -> Iterator[Recalled]:
    folder = root / config
    for row in read_json_list(folder / f"{split}.json"):
        left, right = (media_file(folder, row[f"video_{name}"]) for name in ("left", "right"))
        sides = {"leftvote": (left, right), "rightvote": (right, left)}.get(row["vote_type"])
        claims = (RecalledVerdict(row["id"], (sides[0],), (sides[1],)),) if sides else ()
        yield Recalled((left, right), claims)


GENAI_BENCH_VIDEO = Format(
    name=NAME,
    label="GenAI-Bench layout: videos",
    purpose="A benchmark of judges: two videos with how people voted, in the JSON of GenAI-Bench.",
    configs=(NAME,),
    columns=lambda config, task: COLUMNS,
    refusal=refusal,
    write=write,
    read_back=read_back,
    ties="Ties are `tievote`, both bad is `bothbad_vote`: the benchmark counts them.",
    proof=Proof("contract", "the readers of GenAI-Bench in UnifiedReward ff6f520, benchmark_evaluation"),
    snippet="""\
import json

bench = json.load(open("{place}/genai-bench-video/{split}.json"))
""",
)
