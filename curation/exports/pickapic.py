"""The columns of Pick-a-Pic v1, read by the Diffusion-DPO scripts and everything grown from them.

What those readers do (DiffusionDPO `train.py`, diffusers' `train_diffusion_dpo.py`, SPO, LPO; read and run):
- `io.BytesIO(row["jpg_0"])`: the columns must be raw `binary`, an `Image` column fails;
- `label_0 == 0` swaps, anything else keeps jpg_0 as the winner: a tie would train as a win, so none is written;
- diffusers reads the default config and the split `validation` unless told otherwise; SPO wants
  `validation_unique`;
- LPO removes `__index_level_0__` by name, so the column exists.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from curation.exports.columns import BINARY, BOOL, FLOAT64, INT64, STRING, Columns, Value
from curation.exports.formats import Format, Proof, Row, Verdict, Written, config_of
from curation.exports.jpeg import as_jpeg
from curation.exports.media import MediaReader, Stored
from curation.exports.rows import ExportMedia, ExportPair, ExportSource, ExportSubject
from curation.exports.shards import ShardWriter
from curation.exports.sides import draw_sides

COLUMNS: Columns = {
    "are_different": BOOL,
    "best_image_uid": STRING,
    "caption": STRING,
    "created_at": Value("timestamp[ns]"),
    "has_label": BOOL,
    "image_0_uid": STRING,
    "image_0_url": STRING,
    "image_1_uid": STRING,
    "image_1_url": STRING,
    "jpg_0": BINARY,
    "jpg_1": BINARY,
    "label_0": FLOAT64,
    "label_1": FLOAT64,
    "model_0": STRING,
    "model_1": STRING,
    "ranking_id": INT64,
    "user_id": INT64,
    "num_example_per_prompt": INT64,
    "__index_level_0__": INT64,
    # Ours; every reader ignores what it does not name.
    "pair_id": STRING,
    "jpg_0_sha256": STRING,
    "jpg_1_sha256": STRING,
    "rendition_0_sha256": STRING,
    "rendition_1_sha256": STRING,
}

UNIQUE = "_unique"


def columns(config: str, task: str) -> Columns:
    return COLUMNS


def refusal(task: str) -> str | None:
    if task == "text-to-image":
        return None
    if task in ("text", "understanding"):
        return (
            f"The format pickapic cannot carry a project of the task {task}: it compares two pictures "
            "made for one caption. Use trl for text answers, or canonical."
        )
    return (
        f"The format pickapic cannot carry a project of the task {task}: it knows a caption and one "
        "picture a side, no inputs and no videos. Use canonical."
    )


def write(source: ExportSource, root: Path) -> Written:
    """Writes the config `pickapic`; validation and test also as `*_unique`, one row a prompt."""
    writer = _Writer(MediaReader(source.open_media), source.context.side_seed)
    shards = []
    for split in source.context.splits:
        shards += writer.split(source, root, split)
    return Written([config_of("pickapic", COLUMNS, shards)], writer.left_out)


class _Writer:
    """Keeps what counts across rows: dense numbers for people and groups, and what was left out."""

    def __init__(self, media: MediaReader, side_seed: int) -> None:
        self.left_out: Counter[str] = Counter()
        self._media = media
        self._side_seed = side_seed
        self._people: dict[str, int] = {}
        self._ranking = 0

    def split(self, source: ExportSource, root: Path, split: str) -> list[ShardWriter]:
        with ShardWriter(root, "pickapic", split, COLUMNS) as shard:
            for number, pair in enumerate(self._carried(source, split, is_counted=True)):
                shard.add(self._row(pair, number), self._media.take_bytes())
        if split == "train":
            return [shard]
        with ShardWriter(root, "pickapic", split + UNIQUE, COLUMNS) as unique:
            firsts = (pair for pair in self._carried(source, split, is_counted=False) if pair.is_first_of_prompt)
            for number, pair in enumerate(firsts):
                unique.add(self._row(pair, number), self._media.take_bytes())
        return [shard, unique]

    def _carried(self, source: ExportSource, split: str, *, is_counted: bool) -> Iterator[ExportPair]:
        for pair in source.pairs(split):
            reason = _obstacle(pair)
            if reason is None:
                yield pair
            elif is_counted:
                self.left_out[reason] += 1

    def _row(self, pair: ExportPair, number: int) -> Row:
        sided = draw_sides(pair, self._side_seed)
        winner = sided.preference(pair.preference)
        jpegs = [self._jpeg(subject.sample.media[0]) for subject in (sided.a, sided.b)]
        digests = [hashlib.sha256(jpeg).hexdigest() for jpeg in jpegs]
        self._ranking += 1
        return {
            "are_different": digests[0] != digests[1],
            "best_image_uid": pair.chosen.sample.id,
            "caption": pair.prompt.text,
            "created_at": pair.created_at.replace(tzinfo=None) if pair.created_at else None,
            "has_label": True,
            **self._side(0, sided.a, jpegs[0], digests[0], is_winner=winner == "a"),
            **self._side(1, sided.b, jpegs[1], digests[1], is_winner=winner == "b"),
            "ranking_id": self._ranking - 1,
            "user_id": self._person(pair),
            "num_example_per_prompt": pair.pairs_of_prompt,
            "__index_level_0__": number,
            "pair_id": pair.pair_id,
        }

    def _side(self, place: int, subject: ExportSubject, jpeg: bytes, digest: str, *, is_winner: bool) -> Row:
        return {
            f"image_{place}_uid": subject.sample.id,
            f"image_{place}_url": "",
            f"jpg_{place}": jpeg,
            f"label_{place}": 1.0 if is_winner else 0.0,
            f"model_{place}": subject.sample.generator.name,
            f"jpg_{place}_sha256": digest,
            f"rendition_{place}_sha256": subject.sample.media[0].sha256,
        }

    def _jpeg(self, item: ExportMedia) -> bytes:
        content = self._media.read(item)
        return content if item.mime == "image/jpeg" else as_jpeg(content)

    def _person(self, pair: ExportPair) -> int:
        """A dense number for the one person behind a pair; 0 where several people or machines decided."""
        people = {vote.rater.id for vote in pair.votes if vote.rater.kind == "person" and vote.rater.id}
        if len(people) != 1:
            return 0
        return self._people.setdefault(people.pop(), len(self._people) + 1)


def _obstacle(pair: ExportPair) -> str | None:
    """Why a pair cannot be a row, or None."""
    if not pair.is_decided:
        return "a tie or both bad: a reader of Pick-a-Pic would train it as a win"
    if pair.first.prompt.id != pair.second.prompt.id:
        return "two prompts in one pair: pickapic has one caption"
    for subject in (pair.first, pair.second):
        if [item.kind for item in subject.sample.media] != ["image"]:
            return "an answer that is not exactly one picture"
    if pair.prompt.inputs:
        return "a prompt with inputs: pickapic has a caption only"
    return None


def media_of(config: str, row: Row) -> Iterator[Stored]:
    for place in (0, 1):
        yield Stored(f"jpg_{place}", row[f"jpg_{place}"], None, row[f"jpg_{place}_sha256"])


def verdict(config: str, row: Row) -> Verdict | None:
    """The winner as the readers find it: label_0 == 0 swaps, 1 keeps jpg_0 first. None for a tie, which must not be."""
    if row["label_0"] not in (0.0, 1.0):
        return None
    winner, loser = (1, 0) if row["label_0"] == 0 else (0, 1)
    return Verdict(row["pair_id"], (row[f"rendition_{winner}_sha256"],), (row[f"rendition_{loser}_sha256"],))


PICKAPIC = Format(
    name="pickapic",
    label="Pick-a-Pic / Diffusion-DPO",
    purpose="Two JPEGs and a winner in the columns of Pick-a-Pic v1, for Diffusion-DPO and its relatives.",
    configs=("pickapic",),
    columns=columns,
    refusal=refusal,
    write=write,
    media_of=media_of,
    verdict=verdict,
    proof=Proof("package", "datasets and a diffusion model of diffusers trained on the rows"),
    snippet="""\
# diffusers, examples/research_projects/diffusion_dpo
# The script cannot name a config and reads the default one:
# export this format alone, or first.
accelerate launch train_diffusion_dpo.py \\
  --pretrained_model_name_or_path your-model --dataset_name {place} \\
  --dataset_split_name {split} --output_dir out
""",
)
