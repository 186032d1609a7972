"""ImageReward's rankings: `train.json`, `valid.json`, `test.json` with pictures beside them.

Its reader (`train/src/rank_pair_dataset.py`) takes `prompt`, `generations` (paths) and `ranking`, where lower is better
and equal ranks are a tie it skips, and expands a group into all its pairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from curation.exports.columns import INT32, STRING, Columns, ListOf, Struct
from curation.exports.files import Layout, media_file, read_json_list
from curation.exports.formats import Format, Proof, Recalled, Row, Written
from curation.exports.layouts.common import PICTURES, medium_of, other_format, refused
from curation.exports.layouts.rankings import Ranking, claims, picture_obstacle, write_rankings
from curation.exports.rows import ExportSource

NAME = "imagereward"
FILES = {"validation": "valid"}  # the name its trainer reads

COLUMNS: Columns = {
    "id": STRING,
    "prompt": STRING,
    "generations": ListOf(STRING),
    "ranking": ListOf(INT32),
    "pairs": ListOf(Struct({"pair_id": STRING, "of": ListOf(INT32)})),
}


def refusal(task: str) -> str | None:
    if task in PICTURES:
        return None
    return refused(NAME, task, because="ranks pictures made for one prompt", use=other_format(task))


def _file(split: str) -> str:
    return f"{FILES.get(split, split)}.json"


def write(source: ExportSource, root: Path) -> Written:
    layout = Layout(source, root, NAME, COLUMNS)

    def row(ranking: Ranking, split: str) -> Row:
        return {
            "id": ranking.id,
            "prompt": ranking.prompt.text,
            "generations": [layout.medium(medium_of(subject), "images") for subject in ranking.subjects],
            "ranking": list(ranking.ranks),
            "pairs": ranking.pairs(),
        }

    left_out = write_rankings(
        source, records=lambda split: layout.json_list(split, _file(split)), why_not=picture_obstacle, row=row
    )
    return Written([layout.written()], left_out)


def read_back(root: Path, config: str, split: str) -> Iterator[Recalled]:
    folder = root / config
    for row in read_json_list(folder / _file(split)):
        files = [media_file(folder, name) for name in row["generations"]]
        yield Recalled(tuple(files), claims(row["pairs"], files, row["ranking"]))


IMAGEREWARD = Format(
    name=NAME,
    label="ImageReward",
    purpose="Groups of pictures with ranks, for training ImageReward.",
    ties="Equal ranks, which its reader skips.",
    configs=(NAME,),
    columns=lambda config, task: COLUMNS,
    refusal=refusal,
    write=write,
    read_back=read_back,
    is_by_pair=False,
    counts_pairs=False,
    proof=Proof("package", "hpsv2.src.training.data.ImageRewardDataset"),
    snippet="""\
# ImageReward/train, in src/config/config.yaml
# data_base: {place}/imagereward        (train.json, valid.json, test.json)
# image_base: {place}/imagereward
""",
)
