"""HPDv2: pairs for training, rankings for testing, as HPSv2's `HPDDataset` and `RankingDataset` read them.

Training records hold exactly two paths, and `human_preference` with 1 for the preferred. Test records rank n pictures;
lower is better. The split `test` is written as rankings, all others as pairs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from curation.exports.columns import INT32, STRING, Columns, ListOf, Struct
from curation.exports.files import Layout, media_file, read_json_list
from curation.exports.formats import Format, Proof, Recalled, RecalledVerdict, Row, Written
from curation.exports.layouts.common import PICTURES, medium_of, obstacle, other_format, refused, write_pairs
from curation.exports.layouts.rankings import Ranking, claims, picture_obstacle, write_rankings
from curation.exports.rows import ExportPair, ExportSource
from curation.exports.sides import draw_sides

NAME, TEST = "hpdv2", "test"

COLUMNS: Columns = {
    "prompt": STRING,
    "file_path": ListOf(STRING),
    "human_preference": ListOf(INT32),
    "user_hash": STRING,
    "pair_id": STRING,
    "image_path": ListOf(STRING),
    "rank": ListOf(INT32),
    "raw_annotations": ListOf(Struct({"rank": ListOf(INT32), "user_hash": STRING})),
    "pairs": ListOf(Struct({"pair_id": STRING, "of": ListOf(INT32)})),
}


def refusal(task: str) -> str | None:
    if task in PICTURES:
        return None
    return refused(NAME, task, because="compares pictures made for one prompt", use=other_format(task))


def write(source: ExportSource, root: Path) -> Written:
    layout = Layout(source, root, NAME, COLUMNS)
    paired = write_pairs(
        _of_splits(source, tests=False),
        layout,
        records=lambda split: layout.json_list(split, f"{split}.json"),
        why_not=lambda pair: obstacle(pair, "image"),
        row=lambda pair: _pair(pair, layout, source.context.side_seed),
    )
    left_out: Counter[str] = paired.left_out + write_rankings(
        _of_splits(source, tests=True),
        records=lambda split: layout.json_list(split, f"{split}.json"),
        why_not=picture_obstacle,
        row=lambda ranking, split: _ranking(ranking, layout),
    )
    return Written([layout.written()], left_out)


def _of_splits(source: ExportSource, *, tests: bool) -> ExportSource:
    splits = {name: count for name, count in source.context.splits.items() if (name == TEST) is tests}
    return replace(source, context=replace(source.context, splits=splits))


def _pair(pair: ExportPair, layout: Layout, seed: int) -> Row:
    sided = draw_sides(pair, seed)
    winner = sided.preference(pair.preference)
    return {
        "prompt": pair.prompt.text,
        "file_path": [layout.medium(medium_of(side), "images") for side in (sided.a, sided.b)],
        "human_preference": [1, 0] if winner == "a" else [0, 1],
        "user_hash": _only_person(pair),
        "pair_id": pair.pair_id,
    }


def _only_person(pair: ExportPair) -> str:
    """The pseudonym of the one person behind a pair; empty where several people or machines decided."""
    people = {vote.rater.id for vote in pair.votes if vote.rater.kind == "person"}
    return people.pop() if len(people) == 1 else ""


def _ranking(ranking: Ranking, layout: Layout) -> Row:
    return {
        "prompt": ranking.prompt.text,
        "image_path": [layout.medium(medium_of(subject), "images") for subject in ranking.subjects],
        "rank": list(ranking.ranks),
        "raw_annotations": [],
        "pairs": ranking.pairs(),
    }


def read_back(root: Path, config: str, split: str) -> Iterator[Recalled]:
    folder = root / config
    for row in read_json_list(folder / f"{split}.json"):
        names = row["image_path"] if split == TEST else row["file_path"]
        files = [media_file(folder, name) for name in names]
        if split == TEST:
            yield Recalled(tuple(files), claims(row["pairs"], files, row["rank"]))
            continue
        winner = row["human_preference"].index(1)
        yield Recalled(tuple(files), (RecalledVerdict(row["pair_id"], (files[winner],), (files[1 - winner],)),))


HPDV2 = Format(
    name=NAME,
    label="HPDv2",
    purpose="Pairs of pictures for training HPSv2, rankings for its test.",
    configs=(NAME,),
    columns=lambda config, task: COLUMNS,
    refusal=refusal,
    write=write,
    read_back=read_back,
    is_by_pair=False,
    counts_pairs=False,
    proof=Proof("package", "hpsv2.src.training.data.HPDDataset and RankingDataset"),
    snippet="""\
# HPSv2, configs/controller.sh
# --train-data {place}/hpdv2/train.json --train-folder {place}/hpdv2 --dataset-type HPD
# --val-data {place}/hpdv2/test.json --val-folder {place}/hpdv2 (ranking)
""",
)
