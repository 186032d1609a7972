"""UnifiedReward's folders for Diffusion-DPO: `dpo_data.json` beside the pictures it names, a folder a split.

Its reader (`DiffusionDPO/train.py`) takes `jpg_0`, `jpg_1` as paths inside the folder, swaps where `label_0` is 0 and
keeps jpg_0 first otherwise, so a tie would train as a win; scores are strings.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from curation.exports.columns import FLOAT64, INT32, STRING, Columns
from curation.exports.files import Layout, Records, media_file, read_json_list
from curation.exports.formats import Format, Proof, Recalled, RecalledVerdict, Row, Written
from curation.exports.layouts.common import PICTURES, medium_of, obstacle, other_format, refused, write_pairs
from curation.exports.rows import ExportPair, ExportSource
from curation.exports.sides import draw_sides

NAME, RECORDS = "diffusion-dpo", "dpo_data.json"

COLUMNS: Columns = {
    "id": STRING,
    "caption": STRING,
    "jpg_0": STRING,
    "jpg_1": STRING,
    "label_0": INT32,
    "chosen_score": STRING,
    "rejected_score": STRING,
    # Ours; the reader does not look.
    "pair_id": STRING,
    "margin": FLOAT64,
}


def refusal(task: str) -> str | None:
    if task in PICTURES:
        return None
    return refused(NAME, task, because="compares two pictures made for one caption", use=other_format(task))


def write(source: ExportSource, root: Path) -> Written:
    """Writes `diffusion-dpo/SPLIT/dpo_data.json` and the pictures in folders beside it."""
    split = ""
    layout = Layout(source, root, NAME, COLUMNS)

    def records(name: str) -> Records:
        nonlocal split
        split = name
        return layout.json_list(name, f"{name}/{RECORDS}")

    return write_pairs(
        source,
        layout,
        records=records,
        why_not=lambda pair: obstacle(pair, "image"),
        row=lambda pair: _row(pair, layout, split, source.context.side_seed),
    )


def _row(pair: ExportPair, layout: Layout, split: str, seed: int) -> Row:
    sided = draw_sides(pair, seed)
    names = [layout.medium(medium_of(side), f"{split}/images").removeprefix(f"{split}/") for side in (sided.a, sided.b)]
    return {
        "id": pair.pair_id,
        "caption": pair.prompt.text,
        "jpg_0": names[0],
        "jpg_1": names[1],
        "label_0": 1 if sided.preference(pair.preference) == "a" else 0,
        "chosen_score": _score(pair, "chosen_score"),
        "rejected_score": _score(pair, "rejected_score"),
        "pair_id": pair.pair_id,
        "margin": pair.margin,
    }


def _score(pair: ExportPair, name: str) -> str:
    value = pair.extra.get(name)
    return "" if value is None else str(value)


def read_back(root: Path, config: str, split: str) -> Iterator[Recalled]:
    folder = root / config / split
    for row in read_json_list(folder / RECORDS):
        files = [media_file(folder, row[name]) for name in ("jpg_0", "jpg_1")]
        winner, loser = reversed(files) if row["label_0"] == 0 else files
        yield Recalled(tuple(files), (RecalledVerdict(row["pair_id"], (winner,), (loser,)),))


DIFFUSION_DPO = Format(
    name=NAME,
    label="Diffusion-DPO folders",
    purpose="Pictures as files with dpo_data.json, as UnifiedReward's copy of Diffusion-DPO reads them.",
    configs=(NAME,),
    columns=lambda config, task: COLUMNS,
    refusal=refusal,
    write=write,
    read_back=read_back,
    proof=Proof("contract", "UnifiedReward ff6f520, DiffusionDPO/train.py"),
    snippet="""\
# UnifiedReward, DiffusionDPO
accelerate launch train.py --pretrained_model_name_or_path your-model \\
  --dataset_name {place}/diffusion-dpo/{split} --output_dir out
""",
)
