"""Tar archives for diffusers' ORPO script on SDXL: the winner is always jpg_0.

Its reader compares the label with the number 0, but webdataset decodes `.txt` to a string, so the label never swaps and
jpg_0 always wins. The archives say the same by both ways: the winner lies in jpg_0 and its label is 1.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from curation.exports.columns import BINARY, STRING, Columns
from curation.exports.files import Layout, read_tar
from curation.exports.formats import Format, MediaFile, Proof, Recalled, RecalledVerdict, Written
from curation.exports.jpeg import as_jpeg
from curation.exports.layouts.common import PICTURES, as_decoded, medium_of, obstacle, other_format, refused
from curation.exports.rows import ExportMedia, ExportSource

NAME = "orpo-tar"

COLUMNS: Columns = {
    "__key__": STRING,
    "jpg_0.jpg": BINARY,
    "jpg_1.jpg": BINARY,
    "label_0.txt": STRING,
    "label_1.txt": STRING,
    "original_prompt.txt": STRING,
    "renditions.txt": STRING,
}


def refusal(task: str) -> str | None:
    if task in PICTURES:
        return None
    return refused(NAME, task, because="compares two pictures made for one caption", use=other_format(task))


def write(source: ExportSource, root: Path) -> Written:
    """Writes `SPLIT-00000-of-0000N.tar`; the key of a sample is its `pair_id`."""
    layout = Layout(source, root, NAME, COLUMNS)
    left_out: Counter[str] = Counter()
    for split in source.context.splits:
        with layout.tar(split) as shards:
            for pair in source.pairs(split):
                reason = obstacle(pair, "image")
                if reason:
                    left_out[reason] += 1
                    continue
                media = [medium_of(pair.chosen), medium_of(pair.rejected)]
                jpegs = [_jpeg(layout, item) for item in media]
                members = {
                    "jpg_0.jpg": jpegs[0],
                    "jpg_1.jpg": jpegs[1],
                    "label_0.txt": b"1",
                    "label_1.txt": b"0",
                    "original_prompt.txt": pair.prompt.text.encode(),
                    "renditions.txt": _digests(media, jpegs),
                }
                shards.add(pair.pair_id, members)
    return Written([layout.written()], left_out)


def _jpeg(layout: Layout, item: ExportMedia) -> bytes:
    content = as_decoded(layout.media, item)
    return content if item.mime == "image/jpeg" else as_jpeg(content)


def _digests(media: list[ExportMedia], jpegs: list[bytes]) -> bytes:
    """A line a picture: the digest of the rendition it came from, and its own."""
    pairs = zip(media, jpegs, strict=True)
    return "\n".join(f"{item.sha256} {hashlib.sha256(jpeg).hexdigest()}" for item, jpeg in pairs).encode()


def read_back(root: Path, config: str, split: str) -> Iterator[Recalled]:
    for key, members in read_tar(root / config, split):
        stated = [line.split(" ") for line in members["renditions.txt"].decode().splitlines()]
        files = tuple(
            MediaFile(f"{key}.jpg_{place}.jpg", members[f"jpg_{place}.jpg"], stated[place][1]) for place in (0, 1)
        )
        yield Recalled(files, (RecalledVerdict(key, (stated[0][0],), (stated[1][0],)),))


ORPO_TAR = Format(
    name=NAME,
    label="Diffusion-ORPO tar",
    purpose="Archives for diffusers' ORPO script on SDXL, the winner first.",
    configs=(NAME,),
    columns=lambda config, task: COLUMNS,
    refusal=refusal,
    write=write,
    read_back=read_back,
    proof=Proof("package", "webdataset, with the stages of diffusers' train_diffusion_orpo_sdxl_lora_wds.py"),
    snippet="""\
# diffusers, examples/research_projects/diffusion_orpo; it takes the number of rows by hand
accelerate launch train_diffusion_orpo_sdxl_lora_wds.py \\
  --dataset_path "{place}/orpo-tar/{split}-00000-of-00001.tar" --num_train_examples 1000 \\
  --pretrained_model_name_or_path your-model --output_dir out
""",
)
