"""One version into one folder: the formats, the card, the manifest, the checksums; then the folder's name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from curation.errors import Refused
from curation.exports import FORMATS
from curation.exports.card import card_text, write_charts
from curation.exports.checksums import digest_of, write_checksums
from curation.exports.folder import CARD, MANIFEST, SCHEMA, whole_or_nothing
from curation.exports.formats import Format, WrittenConfig
from curation.exports.rows import ExportSource
from curation.exports.shards import WrittenFile

R = TypeVar("R")


@dataclass(frozen=True)
class WrittenExport:
    """What lies in the folder now: the manifest is the same as `manifest.json`."""

    folder: Path
    manifest: dict[str, Any]


def chosen_formats(names: Sequence[str], task: str) -> list[Format]:
    """The formats by name, in order and once each.

    Raises:
        Refused: no name, an unknown one, or a format that cannot carry the project's task.
    """
    if not names:
        raise Refused(f"Name at least one format: {', '.join(FORMATS)}.")
    formats = []
    for name in dict.fromkeys(names):
        if name not in FORMATS:
            raise Refused(f"There is no format {name}. There are: {', '.join(FORMATS)}.")
        refusal = FORMATS[name].refusal(task)
        if refusal:
            raise Refused(refusal)
        formats.append(FORMATS[name])
    return formats


def refuse_options(formats: Sequence[Format], options: Mapping[str, str]) -> None:
    """Raises `Refused` for a choice that none of the formats offers."""
    offered = {f"{format_.name}.{option.name}": option for format_ in formats for option in format_.options}
    for name, value in options.items():
        if name not in offered:
            known = f"There are: {', '.join(offered)}." if offered else "These formats have none."
            raise Refused(f"There is no option {name}. {known}")
        if value not in offered[name].choices:
            raise Refused(f"The option {name} is {' or '.join(offered[name].choices)}, not {value}.")


def write_export(
    source: ExportSource,
    names: Sequence[str],
    destination: Path,
    *,
    report: Callable[[int], None] = lambda rows: None,
) -> WrittenExport:
    """Writes a version in the named formats; the first one's first config is what `load_dataset` reads by default.

    Args:
        report: called with the number of rows read so far, at least every hundred; may raise to stop.

    Raises:
        Refused: a format cannot carry the version, no pair could be written, media are gone or damaged,
            or the place holds something else.
        Conflict: another export is writing there.
    """
    formats = chosen_formats(names, source.context.task)
    refuse_options(formats, source.options)
    counted = _counting(source, report)
    with whole_or_nothing(destination, dataset=source.context.dataset) as folder:
        configs: list[WrittenConfig] = []
        extra: list[WrittenFile] = []
        left_out: dict[str, dict[str, int]] = {}
        for format_ in formats:
            written = format_.write(counted, folder)
            _refuse_empty(format_, written.configs, dict(written.left_out))
            configs += [config for config in written.configs if config.rows]
            extra += written.extra
            left_out[format_.name] = dict(sorted(written.left_out.items()))
        extra += write_charts(folder, source.context.insight)
        digests = {file.path: digest_of(folder / file.path) for file in [*_files(configs), *extra]}
        manifest = _manifest(source, formats, configs, left_out, digests)
        card = card_text(source.context, formats, configs, left_out, place=f"path/to/{destination.name}")
        (folder / CARD).write_text(card, "utf-8")
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", "utf-8")
        write_checksums(folder, digests)
    return WrittenExport(destination, manifest)


def _files(configs: list[WrittenConfig]) -> Iterator[WrittenFile]:
    for config in configs:
        for split in config.splits.values():
            yield from split.files


def _refuse_empty(format_: Format, configs: list[WrittenConfig], left_out: dict[str, int]) -> None:
    if any(config.rows for config in configs):
        return
    why = "; ".join(f"{count} because of {reason}" for reason, count in left_out.items())
    raise Refused(f"The format {format_.name} could write no row" + (f": {why}." if why else ": the version is empty."))


def _manifest(
    source: ExportSource,
    formats: list[Format],
    configs: list[WrittenConfig],
    left_out: dict[str, dict[str, int]],
    digests: dict[str, str],
) -> dict[str, Any]:
    """What is in the folder, by config and split. Holds no time and no host: the same export gives the same words."""
    context, options = source.context, source.options
    return {
        "schema": SCHEMA,
        "dataset": context.dataset,
        "version": context.version,
        "task": context.task,
        "digest": context.digest,
        "code_version": context.code_version,
        "formats": [format_.name for format_ in formats],
        "options": dict(sorted(options.items())),
        "pairs": dict(context.splits),
        "left_out": {"everywhere": dict(context.left_out), **left_out},
        "gate": context.gate.as_json() if context.gate else None,
        "configs": {config.name: _config_manifest(config, digests) for config in configs},
        "layouts": {
            config.name: {"media_files": config.media_files, "media_bytes": config.media_bytes}
            for config in configs
            if not config.is_table
        },
    }


def _config_manifest(config: WrittenConfig, digests: dict[str, str]) -> dict[str, Any]:
    return {
        split: {
            "rows": written.rows,
            "bytes": written.data_bytes,
            "files": [
                {"path": file.path, "rows": file.rows, "bytes": file.size, "sha256": digests[file.path]}
                for file in written.files
            ],
        }
        for split, written in config.splits.items()
    }


def _counting(source: ExportSource, report: Callable[[int], None]) -> ExportSource:
    """The same source, telling how many rows were read."""
    read = 0

    def told(rows: Iterator[R]) -> Iterator[R]:
        nonlocal read
        for row in rows:
            yield row
            read += 1
            if read % 100 == 0:
                report(read)
        report(read)

    return replace(
        source,
        pairs=lambda split: told(source.pairs(split)),
        candidates=lambda split: told(source.candidates(split)),
        groups=lambda split: told(source.groups(split)),
        traces=lambda split: told(source.traces(split)),
    )
