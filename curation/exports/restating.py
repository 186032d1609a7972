"""The words of an export written anew for another place: card, charts, manifest and checksums. The rows stay.

An export on the Hub says how it is loaded there, under which licence, and what the gate found on the day it left.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from curation.errors import Refused
from curation.exports import FORMATS
from curation.exports.card import card_text, write_charts
from curation.exports.card.charts import FOLDER as CHARTS
from curation.exports.checksums import CHECKSUMS, digest_of
from curation.exports.folder import CARD, MANIFEST
from curation.exports.formats import WrittenConfig, WrittenSplit
from curation.exports.rows import ExportContext
from curation.exports.shards import WrittenFile

Manifest = Mapping[str, Any]


def rows_of(manifest: Manifest, formats: Sequence[str]) -> dict[str, str]:
    """The files of the chosen formats with their digests, without the words that are written anew.

    Args:
        manifest: of an export, with `files`: each path with its SHA-256.
    """
    ours = {name for format_ in formats for name in FORMATS[format_].configs}
    others = {name for format_ in manifest["formats"] for name in FORMATS[format_].configs} - ours
    return {
        path: sha256
        for path, sha256 in manifest["files"].items()
        if path not in (CARD, MANIFEST, CHECKSUMS) and path.partition("/")[0] not in {*others, CHARTS}
    }


def configs_of(manifest: Manifest, formats: Sequence[str]) -> list[WrittenConfig]:
    """The configs of the chosen formats, in their order, as they were written.

    Raises:
        Refused: a format is not part of the export.
    """
    missing = [name for name in formats if name not in manifest["formats"]]
    if missing or not formats:
        raise Refused(f"The export has {', '.join(manifest['formats'])}. Choose among these.")
    names = [name for format_ in formats for name in FORMATS[format_].configs if name in manifest["configs"]]
    return [_config(name, manifest, formats) for name in names]


def _config(name: str, manifest: Manifest, formats: Sequence[str]) -> WrittenConfig:
    format_ = next(FORMATS[one] for one in formats if name in FORMATS[one].configs)
    layout = manifest.get("layouts", {}).get(name)
    splits = {
        split: WrittenSplit(
            tuple(WrittenFile(file["path"], file["rows"], file["bytes"]) for file in written["files"]),
            written["rows"],
            written["bytes"],
        )
        for split, written in manifest["configs"][name].items()
    }
    return WrittenConfig(
        name,
        format_.columns(name, manifest["task"]),
        splits,
        is_table=layout is None,
        media_files=layout["media_files"] if layout else 0,
        media_bytes=layout["media_bytes"] if layout else 0,
    )


def restate(
    folder: Path, manifest: Manifest, context: ExportContext, formats: Sequence[str], *, place: str, revision: str
) -> dict[str, str]:
    """Writes the words into a folder and gives every file of the whole with its SHA-256, the card first.

    Args:
        context: as it is today, with the licence it is given under and the report of the gate.
        place: `owner/name`; revision: the tag it will have there.

    Raises:
        Refused: rows of the version may not leave any more, so the export says too much.
    """
    if dict(context.splits) != dict(manifest["pairs"]):
        raise Refused(
            f"Some rows of {context.dataset}@{context.version} may not leave any more since this export was written. "
            "Export the version again, and publish that."
        )
    configs = configs_of(manifest, formats)
    left_out = {name: reasons for name, reasons in manifest["left_out"].items() if name in formats}
    card = card_text(context, [FORMATS[name] for name in formats], configs, left_out, place=place, revision=revision)
    (folder / CARD).write_text(card, "utf-8")
    charts = [file.path for file in write_charts(folder, context.insight)]
    (folder / MANIFEST).write_text(_manifest(manifest, configs, context, formats), "utf-8")
    written = {name: digest_of(folder / name) for name in (MANIFEST, *charts)}
    files = {**rows_of(manifest, formats), **written, CARD: digest_of(folder / CARD)}
    lines = [f"{sha256}  {path}\n" for path, sha256 in sorted(files.items())]
    (folder / CHECKSUMS).write_text("".join(lines), "utf-8")
    return {CARD: files.pop(CARD), **files, CHECKSUMS: digest_of(folder / CHECKSUMS)}


def _manifest(
    manifest: Manifest, configs: Sequence[WrittenConfig], context: ExportContext, formats: Sequence[str]
) -> str:
    """The export's own manifest for what is chosen of it, with the licence and the gate's report."""
    names = {config.name for config in configs}
    left_out = {name: why for name, why in manifest["left_out"].items() if name in ("everywhere", *formats)}
    stated = {
        **{key: value for key, value in manifest.items() if key not in ("files", "gate")},
        "formats": list(formats),
        "left_out": left_out,
        "configs": {name: splits for name, splits in manifest["configs"].items() if name in names},
        "layouts": {name: what for name, what in manifest.get("layouts", {}).items() if name in names},
        "licence": context.licence,
        **({"gate": context.gate.as_json()} if context.gate else {}),
    }
    return json.dumps(stated, indent=2, ensure_ascii=False) + "\n"
