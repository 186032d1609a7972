"""VideoDPO's folders: `dpo_data.json` with the chosen and the rejected video, and the YAML that names the folders.

Its reader keeps the last two parts of a path and joins them to the folder; `score` drives how often a pair is repeated,
(0.72 / score) to a power, so it is never 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from curation.exports.columns import FLOAT64, STRING, Columns
from curation.exports.files import Layout, Records, media_file, read_json_list
from curation.exports.formats import Format, Proof, Recalled, RecalledVerdict, Row, Written
from curation.exports.layouts.common import VIDEOS, medium_of, obstacle, other_format, refused, write_pairs
from curation.exports.rows import ExportPair, ExportSource

NAME, RECORDS = "videodpo", "dpo_data.json"
LEAST_SCORE = 0.01

COLUMNS: Columns = {
    "caption": STRING,
    "chosen": STRING,
    "rejected": STRING,
    "score": FLOAT64,
    "pair_id": STRING,
}


def refusal(task: str) -> str | None:
    if task == "text-to-video":
        return None
    if task in VIDEOS:
        return refused(
            NAME, task, because="knows a caption and no picture to start from", use="videoalign, or canonical"
        )
    return refused(NAME, task, because="compares two videos made for one caption", use=other_format(task))


def write(source: ExportSource, root: Path) -> Written:
    """Writes `SPLIT/dpo_data.json` with its videos in folders beside it, and `SPLIT.yaml`."""
    split = ""
    layout = Layout(source, root, NAME, COLUMNS)

    def records(name: str) -> Records:
        nonlocal split
        split = name
        layout.write_yaml(f"{name}.yaml", {"META": [name]})
        return layout.json_list(name, f"{name}/{RECORDS}")

    return write_pairs(
        source,
        layout,
        records=records,
        why_not=lambda pair: obstacle(pair, "video"),
        row=lambda pair: _row(pair, layout, split),
    )


def _row(pair: ExportPair, layout: Layout, split: str) -> Row:
    """Videos lie exactly one folder deep: two parts are all the reader keeps of a path."""
    sides = {"chosen": medium_of(pair.chosen), "rejected": medium_of(pair.rejected)}
    names = {
        side: layout.medium_as(item, f"{split}/{item.sha256[:2]}/{item.path}").removeprefix(f"{split}/")
        for side, item in sides.items()
    }
    return {
        "caption": pair.prompt.text,
        **names,
        "score": 1.0 if pair.confidence is None else max(pair.confidence, LEAST_SCORE),
        "pair_id": pair.pair_id,
    }


def read_back(root: Path, config: str, split: str) -> Iterator[Recalled]:
    folder = root / config / split
    for row in read_json_list(folder / RECORDS):
        chosen, rejected = (media_file(folder, row[name]) for name in ("chosen", "rejected"))
        yield Recalled((chosen, rejected), (RecalledVerdict(row["pair_id"], (chosen,), (rejected,)),))


VIDEODPO = Format(
    name=NAME,
    label="VideoDPO",
    purpose="Pairs of videos with a weight, for VideoDPO.",
    configs=(NAME,),
    columns=lambda config, task: COLUMNS,
    refusal=refusal,
    write=write,
    read_back=read_back,
    proof=Proof("contract", "UnifiedReward ff6f520, VideoDPO/data/video_data.py"),
    snippet="""\
# VideoDPO: start inside the folder, {split}.yaml names the data
cd {place}/videodpo
""",
)
