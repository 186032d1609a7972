"""Two folders matched by name: `chosen/NAME.png`, `rejected/NAME.png`, a caption `NAME.txt` beside each.

What reads them: SimpleTuner's `flow_dpo` takes the chosen folder as the dataset and the rejected one as its
conditioning of the type `reference_strict`; it pairs by the same relative path, and the latents of a pair must have one
shape. Open requests of OneTrainer and kohya's scripts want nearly the same.

Here, and nowhere else, is a picture's size changed: the rejected one is brought to that of the chosen one where they
differ (`--option chosen-rejected.sizes=keep` leaves it). `pairs.jsonl` names the renditions both came from.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from PIL import Image

from curation.exports.columns import BOOL, STRING, Columns
from curation.exports.files import Layout, media_file, read_json_lines
from curation.exports.formats import Format, Option, Proof, Recalled, RecalledVerdict, Row, Written
from curation.exports.layouts.common import PICTURES, medium_of, obstacle, other_format, refused, write_pairs
from curation.exports.rows import ExportMedia, ExportPair, ExportSource

NAME = "chosen-rejected"
SIZES = Option("sizes", ("resize", "keep"), "resize the rejected picture to the size of the chosen one, or keep it")

COLUMNS: Columns = {
    "pair_id": STRING,
    "chosen": STRING,
    "rejected": STRING,
    "chosen_sha256": STRING,
    "rejected_sha256": STRING,
    "chosen_rendition_sha256": STRING,
    "rejected_rendition_sha256": STRING,
    "is_resized": BOOL,
}


def refusal(task: str) -> str | None:
    if task in PICTURES:
        return None
    return refused(NAME, task, because="pairs two pictures with one caption", use=other_format(task))


def write(source: ExportSource, root: Path) -> Written:
    """Writes `SPLIT/chosen`, `SPLIT/rejected` and `SPLIT/pairs.jsonl`; a folder for the first two digits of a name."""
    layout = Layout(source, root, NAME, COLUMNS)
    keeps = source.option(NAME, SIZES) == "keep"
    return write_pairs(
        source,
        layout,
        records=lambda split: layout.json_lines(split, f"{split}/pairs.jsonl"),
        why_not=lambda pair: obstacle(pair, "image"),
        row=lambda pair: _Pair(pair, layout, keeps).row(),
    )


class _Pair:
    """The four files of a pair. Both pictures have one name, so both have the chosen one's type."""

    def __init__(self, pair: ExportPair, layout: Layout, keeps_size: bool) -> None:
        self._pair, self._layout, self._keeps_size = pair, layout, keeps_size
        self._chosen, self._rejected = medium_of(pair.chosen), medium_of(pair.rejected)
        self._name = f"{pair.pair_id[:2]}/{pair.pair_id}"
        self._suffix = PurePosixPath(self._chosen.path).suffix

    def row(self) -> Row:
        split = self._pair.split
        chosen = self._layout.medium_as(self._chosen, f"{split}/chosen/{self._name}{self._suffix}")
        rejected, digest, is_resized = self._write_rejected(f"{split}/rejected/{self._name}{self._suffix}")
        for side in ("chosen", "rejected"):
            self._layout.made(f"{split}/{side}/{self._name}.txt", self._pair.prompt.text.encode())
        return {
            "pair_id": self._pair.pair_id,
            "chosen": chosen.removeprefix(f"{split}/"),
            "rejected": rejected.removeprefix(f"{split}/"),
            "chosen_sha256": self._chosen.sha256,
            "rejected_sha256": digest,
            "chosen_rendition_sha256": self._chosen.sha256,
            "rejected_rendition_sha256": self._rejected.sha256,
            "is_resized": is_resized,
        }

    def _write_rejected(self, name: str) -> tuple[str, str, bool]:
        """Path, digest and whether its pixels are others than the rendition's."""
        same_size = (self._rejected.width, self._rejected.height) == (self._chosen.width, self._chosen.height)
        if self._rejected.mime == self._chosen.mime and (same_size or self._keeps_size):
            return self._layout.medium_as(self._rejected, name), self._rejected.sha256, False
        content = self._layout.media.read(self._rejected)
        size = self._rejected if self._keeps_size else self._chosen
        made = resized(content, self._chosen, (size.width, size.height))
        return self._layout.made(name, made), hashlib.sha256(made).hexdigest(), not same_size and not self._keeps_size


def resized(content: bytes, like: ExportMedia, size: tuple[int, int]) -> bytes:
    """A picture in the size (width, height) and of the type of another, without metadata.

    Lanczos; JPEG of quality 95 with full colour resolution, PNG and WebP without loss.
    """
    with Image.open(io.BytesIO(content)) as picture:
        plain = picture.convert("RGBA" if like.mime != "image/jpeg" and "A" in picture.getbands() else "RGB")
    scaled = plain if plain.size == size else plain.resize(size, Image.Resampling.LANCZOS)
    target = io.BytesIO()
    if like.mime == "image/jpeg":
        scaled.save(target, "JPEG", quality=95, subsampling=0)
    elif like.mime == "image/webp":
        scaled.save(target, "WEBP", lossless=True)
    else:
        scaled.save(target, "PNG")
    return target.getvalue()


def read_back(root: Path, config: str, split: str) -> Iterator[Recalled]:
    """Pairs by name, as the trainers do; the record tells which renditions the files came from."""
    folder = root / config / split
    for row in read_json_lines(folder / "pairs.jsonl"):
        chosen = media_file(folder, row["chosen"], row["chosen_sha256"])
        rejected = media_file(folder, "rejected/" + row["chosen"].removeprefix("chosen/"), row["rejected_sha256"])
        words = (row["chosen_rendition_sha256"],), (row["rejected_rendition_sha256"],)
        yield Recalled((chosen, rejected), (RecalledVerdict(row["pair_id"], *words),))


CHOSEN_REJECTED = Format(
    name=NAME,
    label="Chosen and rejected folders",
    purpose="Two folders of pictures with the same names and captions, for flow-matching trainers such as SimpleTuner.",
    configs=(NAME,),
    columns=lambda config, task: COLUMNS,
    refusal=refusal,
    write=write,
    read_back=read_back,
    options=(SIZES,),
    proof=Proof("contract", "SimpleTuner 4.10.1, helpers/distillation/flow_dpo and get_conditioning_sample"),
    snippet="""\
# SimpleTuner, multidatabackend.json: the second dataset is the conditioning of the first
# {{"id": "chosen", "instance_data_dir": "{place}/chosen-rejected/{split}/chosen", "conditioning_data": "rejected"}}
# {{"id": "rejected", "dataset_type": "conditioning", "conditioning_type": "reference_strict",
#   "instance_data_dir": "{place}/chosen-rejected/{split}/rejected"}}
# config.json: "distillation_method": "flow_dpo"
""",
)
