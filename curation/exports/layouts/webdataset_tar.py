"""Pairs of any media as tar archives: `KEY.chosen.jpg`, `KEY.rejected.jpg`, the question's media and `KEY.json`.

webdataset and `load_dataset("webdataset")` take the words after the first dot as the field's name and decode by its
last extension. A sample of several media numbers them: `chosen_0.jpg`. `datasets` wants the same fields in every
sample, so an export whose pictures have several types is best read with webdataset itself.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from curation.exports.columns import STRING, Columns
from curation.exports.files import Layout, read_tar
from curation.exports.formats import Format, MediaFile, Proof, Recalled, RecalledVerdict, Written, content_words
from curation.exports.layouts.common import TIE, as_decoded
from curation.exports.rows import ExportMedia, ExportPair, ExportSource, ExportSubject

NAME = "webdataset"

COLUMNS: Columns = {"__key__": STRING, "chosen.*": STRING, "rejected.*": STRING, "input_*.*": STRING, "json": STRING}


def write(source: ExportSource, root: Path) -> Written:
    layout = Layout(source, root, NAME, COLUMNS)
    left_out: Counter[str] = Counter()
    for split in source.context.splits:
        with layout.tar(split) as shards:
            for pair in source.pairs(split):
                if pair.is_decided:
                    shards.add(pair.pair_id, _members(pair, layout))
                else:
                    left_out[TIE] += 1
    return Written([layout.written()], left_out)


def _members(pair: ExportPair, layout: Layout) -> dict[str, bytes]:
    members: dict[str, bytes] = {}
    digests: dict[str, str] = {}
    for side, subject in (("chosen", pair.chosen), ("rejected", pair.rejected)):
        for name, item in _named(side, subject.sample.media):
            members[name], digests[name] = as_decoded(layout.media, item), item.sha256
    for name, item in _named("input", pair.prompt.inputs, is_numbered=True):
        members[name], digests[name] = as_decoded(layout.media, item), item.sha256
    return members | {"json": _record(pair, digests)}


def _named(
    side: str, media: tuple[ExportMedia, ...], *, is_numbered: bool = False
) -> Iterator[tuple[str, ExportMedia]]:
    for place, item in enumerate(media):
        number = f"_{place}" if is_numbered or len(media) > 1 else ""
        yield f"{side}{number}{PurePosixPath(item.path).suffix}", item


def _record(pair: ExportPair, digests: dict[str, str]) -> bytes:
    """What is known of the pair beside its media; nothing in it is null."""
    record = {
        "pair_id": pair.pair_id,
        "prompt": pair.prompt.text,
        "messages": [{"role": role, "content": content} for role, content in pair.prompt.turns],
        "input_roles": [item.role for item in pair.prompt.inputs],
        **_side("chosen", pair.chosen),
        **_side("rejected", pair.rejected),
        "criterion": pair.criterion,
        "margin": pair.margin or 0.0,
        "confidence": 0.0 if pair.confidence is None else pair.confidence,
        "basis": pair.basis,
        "sha256": digests,
    }
    return json.dumps(record, ensure_ascii=False).encode()


def _side(side: str, subject: ExportSubject) -> dict[str, str]:
    return {
        f"{side}_id": subject.sample.id,
        f"{side}_model": subject.sample.generator.name,
        f"{side}_text": subject.sample.text or "",
    }


def read_back(root: Path, config: str, split: str) -> Iterator[Recalled]:
    for key, members in read_tar(root / config, split):
        record = json.loads(members.pop("json"))
        files = {name: MediaFile(f"{key}.{name}", content, record["sha256"][name]) for name, content in members.items()}

        def words(side: str, files: dict[str, MediaFile] = files, record: dict[str, str] = record) -> tuple[str, ...]:
            digests = [str(file.sha256) for name, file in files.items() if name.startswith(side)]
            return content_words(digests, record[f"{side}_text"])

        yield Recalled(tuple(files.values()), (RecalledVerdict(key, words("chosen"), words("rejected")),))


WEBDATASET = Format(
    name=NAME,
    label="WebDataset",
    purpose="Pairs of any media in tar archives that stream from anywhere.",
    configs=(NAME,),
    columns=lambda config, task: COLUMNS,
    refusal=lambda task: None,
    write=write,
    read_back=read_back,
    proof=Proof("package", 'webdataset.WebDataset and datasets.load_dataset("webdataset")'),
    snippet="""\
import glob
import webdataset

shards = sorted(glob.glob("{place}/webdataset/{split}-*.tar"))
pairs = webdataset.WebDataset(shards, shardshuffle=False).decode("pil")
""",
)
