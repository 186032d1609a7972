"""HPDv3 as HPSv3 trains on it: a JSON list where `path1` always wins.

Its reader (`hpsv3.dataset.pairwise_dataset`) asserts that both paths exist and otherwise takes a random other row, so
paths are relative to the folder of the export's format and training starts there; it sorts `choice_dist`, so the larger
count is always taken for `path1`. A pair whose rejected side has more votes would turn round and is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from curation.exports.columns import FLOAT64, STRING, Columns, ListOf
from curation.exports.files import Layout, media_file, read_json_list
from curation.exports.formats import Format, Proof, Recalled, RecalledVerdict, Row, Written
from curation.exports.layouts.common import (
    PICTURES,
    medium_of,
    obstacle,
    other_format,
    refused,
    votes_for,
    write_pairs,
)
from curation.exports.rows import ExportPair, ExportSource

NAME = "hpsv3"

COLUMNS: Columns = {
    "prompt": STRING,
    "path1": STRING,
    "path2": STRING,
    "confidence": FLOAT64,
    "choice_dist": ListOf(FLOAT64),
    "model1": STRING,
    "model2": STRING,
    "pair_id": STRING,
}


def refusal(task: str) -> str | None:
    if task in PICTURES:
        return None
    return refused(NAME, task, because="compares pictures made for one prompt", use=other_format(task))


def write(source: ExportSource, root: Path) -> Written:
    layout = Layout(source, root, NAME, COLUMNS)
    return write_pairs(
        source,
        layout,
        records=lambda split: layout.json_list(split, f"{split}.json"),
        why_not=_obstacle,
        row=lambda pair: _row(pair, layout),
    )


def _obstacle(pair: ExportPair) -> str | None:
    reason = obstacle(pair, "image")
    if reason is None and votes_for(pair)[1] > votes_for(pair)[0]:
        return (
            "more votes for the rejected picture than for the chosen: the reader takes the larger count for the winner"
        )
    return reason


def _row(pair: ExportPair, layout: Layout) -> Row:
    row: Row = {
        "prompt": pair.prompt.text,
        "path1": layout.medium(medium_of(pair.chosen), "images"),
        "path2": layout.medium(medium_of(pair.rejected), "images"),
        "choice_dist": choice_dist(pair),
        "model1": pair.chosen.sample.generator.name,
        "model2": pair.rejected.sample.generator.name,
        "pair_id": pair.pair_id,
    }
    # A null would be compared with a threshold and fail; where the key is absent, the reader takes the pair for sure.
    return row if pair.confidence is None else {**row, "confidence": pair.confidence}


def choice_dist(pair: ExportPair) -> list[float]:
    """Weight of the chosen and of the rejected side, larger first, for a soft label.

    Votes where there are any; else the confidence and the rest; else [1, 0], which the reader takes for no key at all.
    """
    chosen, rejected = votes_for(pair)
    if chosen + rejected:
        return [float(chosen), float(rejected)]
    if pair.confidence is not None:
        sure = max(pair.confidence, 0.5)
        return [sure, 1 - sure]
    return [1.0, 0.0]


def read_back(root: Path, config: str, split: str) -> Iterator[Recalled]:
    folder = root / config
    for row in read_json_list(folder / f"{split}.json"):
        chosen, rejected = (media_file(folder, row[name]) for name in ("path1", "path2"))
        yield Recalled((chosen, rejected), (RecalledVerdict(row["pair_id"], (chosen,), (rejected,)),))


HPSV3 = Format(
    name=NAME,
    label="HPDv3 / HPSv3",
    purpose="Pairs of pictures, the winner first, for training HPSv3.",
    configs=(NAME,),
    columns=lambda config, task: COLUMNS,
    refusal=refusal,
    write=write,
    read_back=read_back,
    proof=Proof("package", "hpsv3.dataset.pairwise_dataset.PairwiseOriginalDataset"),
    snippet="""\
# Start inside the folder: the paths are relative to it.
cd {place}/hpsv3
# config.yaml: train_json_list: [{split}.json], soft_label: true
""",
)
