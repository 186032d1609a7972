"""Pictures called good or bad, for Diffusion-KTO: `image`, `caption` and `label`, as its script reads them.

What the reader demands (jacklishufan/diffusion-kto, `train_kto_sd_v1.5.py`, read): `label` is 0 or 1, captions are in
`caption`, and both labels occur, because it draws both classes equally often.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from curation.exports.columns import FLOAT64, IMAGE, INT64, STRING, Columns
from curation.exports.conversations import write_splits
from curation.exports.formats import Format, Label, Proof, Row, Written, config_of
from curation.exports.labels import LABELS, is_good, label_obstacle, share_of
from curation.exports.media import MediaReader, Stored, stored_media
from curation.exports.rows import ExportCandidate, ExportSource
from curation.exports.shards import ShardWriter

COLUMNS: Columns = {
    "image": IMAGE,
    "caption": STRING,
    "label": INT64,
    "share": FLOAT64,
    "sample_id": STRING,
    "sha256": STRING,
}


def columns(config: str, task: str) -> Columns:
    return COLUMNS


def refusal(task: str) -> str | None:
    if task == "text-to-image":
        return None
    other = "trl-kto" if task in ("text", "understanding") else "canonical, whose config ratings has the labels"
    return (
        f"The format diffusion-kto cannot carry a project of the task {task}: its row is a picture and a caption. "
        f"Use {other}."
    )


def write(source: ExportSource, root: Path) -> Written:
    """Writes the config `diffusion-kto`, one row a labelled picture."""
    media = MediaReader(source.open_media)
    rule = source.option("diffusion-kto", LABELS)
    left_out: Counter[str] = Counter()

    def fill(split: str, shard: ShardWriter) -> None:
        for candidate in source.candidates(split):
            if reason := label_obstacle(candidate, rule) or _obstacle(candidate):
                left_out[reason] += 1
            else:
                shard.add(_row(candidate, rule, media), media.take_bytes())

    return Written(
        [config_of("diffusion-kto", COLUMNS, write_splits(source, root, "diffusion-kto", COLUMNS, fill))], left_out
    )


def _obstacle(candidate: ExportCandidate) -> str | None:
    subject = candidate.subject
    if [item.kind for item in subject.sample.media] != ["image"]:
        return "an answer that is not exactly one picture"
    return "a prompt with inputs: the row has a caption only" if subject.prompt.inputs else None


def _row(candidate: ExportCandidate, rule: str, media: MediaReader) -> Row:
    picture = candidate.subject.sample.media[0]
    return {
        "image": media.struct(picture),
        "caption": candidate.subject.prompt.text,
        "label": int(bool(is_good(candidate, rule))),
        "share": share_of(candidate),
        "sample_id": candidate.subject.sample.id,
        "sha256": picture.sha256,
    }


def media_of(config: str, row: Row) -> Iterator[Stored]:
    yield from stored_media("image", [row["image"]], [row["sha256"]])


def verdict(config: str, row: Row) -> Label | None:
    if row["share"] not in (0.0, 1.0):
        return None
    return Label(row["sample_id"], (row["sha256"],), bool(row["label"]))


DIFFUSION_KTO = Format(
    name="diffusion-kto",
    label="Diffusion-KTO",
    purpose="Single pictures called good or bad, with their captions.",
    configs=("diffusion-kto",),
    columns=columns,
    refusal=refusal,
    write=write,
    proof=Proof("contract", "github.com/jacklishufan/diffusion-kto, train_kto_sd_v1.5.py"),
    ties="Rows are single pictures: a picture whose pairs agree gets a label, whatever else tied.",
    options=(LABELS,),
    media_of=media_of,
    verdict=verdict,
    is_by_pair=False,
    counts_pairs=False,
    snippet="""\
# The script cannot name a config and reads the default one: export this format alone, or first.
accelerate launch train_kto_sd_v1.5.py --dataset_name {place} --policy gt_label
""",
)
