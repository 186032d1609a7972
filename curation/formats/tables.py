"""Samples in a table: CSV, TSV and Parquet with our field names or their usual synonyms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from curation.formats import fields, strict_json
from curation.formats.base import Recognition, RecordFormat, embedded
from curation.formats.fields import RowRefused
from curation.formats.glance import Glance
from curation.formats.media_paths import MediaFolder, is_media
from curation.formats.ours import JUDGEMENT_FIELDS, SAMPLE_FIELDS, judgement_of, sample_of
from curation.formats.records import Record
from curation.formats.rows import Json, MediaRef, Refusal, Row, SampleRow

SYNONYMS = {
    "prompt": ("prompt", "caption", "instruction", "question", "query"),
    "media": ("media", "image", "images", "video", "videos", "file_name", "file", "path", "image_path", "video_path"),
    "text": ("text", "response", "answer", "completion"),
    "generator": ("generator", "model", "model_name"),
    "prompt_key": ("prompt_key", "prompt_id"),
    "sample_key": ("sample_key", "sample_id", "id"),
    "licence": ("licence", "license"),
    "source": ("source", "source_image", "input_image"),
    "mask": ("mask", "mask_image"),
    "reference": ("reference", "reference_image"),
    "control": ("control", "control_image"),
}
ROLE_COLUMNS = ("source", "mask", "reference", "control")
NAMES = ("generator", "prompt_key", "sample_key")  # often numbers
NUMBERS = ("seed", "round", "branch")
OBJECTS = ("settings", "facts", "meta", "turns", "roles")


class Columns:
    """Which column of a table holds which of our fields."""

    def __init__(self, names: frozenset[str]) -> None:
        self.of = {
            field: found
            for field, synonyms in SYNONYMS.items()
            if (found := next((name for name in synonyms if name in names), ""))
        }
        if "prompt" not in self.of and "media" in self.of and "text" in names:
            self.of["prompt"] = self.of.pop("text")  # a picture and a text: the usual table of captions
        self.extra = names - set(self.of.values()) - SAMPLE_FIELDS

    @property
    def hold_samples(self) -> bool:
        return "prompt" in self.of and ("media" in self.of or "text" in self.of)


class SampleTable(RecordFormat):
    """What CSV and Parquet share: names are ours or synonyms, and any other column goes to the sample's meta."""

    suffixes: frozenset[str]

    def recognise(self, glance: Glance) -> Recognition | None:
        if glance.suffix not in self.suffixes:
            return None
        columns = Columns(glance.names)
        if columns.hold_samples:
            used = sorted(set(columns.of.values()))
            return Recognition(0.7, f"columns {', '.join(used)}")
        if glance.has("kind", "rater"):
            return Recognition(0.7, "columns kind and rater: judgements")
        return None

    def rows(self, record: Record, media: MediaFolder) -> Iterator[Row | Refusal]:
        if "rater" in record.values and "prompt" not in record.values:
            yield judgement_of(self.judgement_values(record.values), record.where)
            return
        columns = Columns(frozenset(record.values))
        yield self._sample(record, columns, media)

    def judgement_values(self, values: Mapping[str, object]) -> Mapping[str, object]:
        return {name: value for name, value in values.items() if value is not None}

    def sample_values(self, values: dict[str, object]) -> dict[str, object]:
        """The values as a JSON line would hold them."""
        return values

    def files(self, value: object, what: str, where: str, media: MediaFolder) -> tuple[MediaRef, ...]:
        raise NotImplementedError

    def _sample(self, record: Record, columns: Columns, media: MediaFolder) -> SampleRow:
        values = self.sample_values(dict(record.values))
        own = {name: values[name] for name in SAMPLE_FIELDS & values.keys() if values[name] is not None}
        for field, name in columns.of.items():
            if field in SAMPLE_FIELDS and values.get(name) is not None:
                own[field] = fields.label(values, name) if field in NAMES else values[name]
        if columns.of.get("prompt") == "text":
            own.pop("text", None)
        files = self.files(own.pop("media", None), "media", record.where, media)
        own["meta"] = {**fields.mapping(own, "meta"), **self._extra(values, columns)}
        row = sample_of({**own, "text": own.get("text", "" if files else None)}, record.where, media)
        roles = {
            role: self.files(values[column], role, record.where, media)
            for role in ROLE_COLUMNS
            if (column := columns.of.get(role)) and _is_file(values.get(column))
        }
        return _with(row, files, own.get("text") is None, {**row.roles, **roles})

    def _extra(self, values: Mapping[str, object], columns: Columns) -> dict[str, Json]:
        return {
            name: fields.storable(values[name], name)
            for name in sorted(columns.extra | {columns.of[role] for role in ROLE_COLUMNS if role in columns.of})
            if values.get(name) is not None and (name in columns.extra or not _is_file(values[name]))
        }


def _is_file(value: object) -> bool:
    """Whether a cell holds pictures or their names; a column called `source` often says where a row comes from."""
    if isinstance(value, list):
        return bool(value) and all(_is_file(item) for item in value)
    return is_media(value.split(";")[0].strip()) if isinstance(value, str) else value is not None


def _with(
    row: SampleRow, files: tuple[MediaRef, ...], has_no_text: bool, roles: dict[str, tuple[MediaRef, ...]]
) -> SampleRow:
    return replace(row, media=files, text=None if has_no_text else row.text, roles=roles)


class CsvTable(SampleTable):
    """A CSV or TSV table in UTF-8. Several files or tags in one cell are parted by `;`, objects are JSON."""

    name = "csv"
    title = "CSV or TSV table"
    suffixes = frozenset({".csv", ".tsv"})

    def files(self, value: object, what: str, where: str, media: MediaFolder) -> tuple[MediaRef, ...]:
        return media.refs(_parted(value), what)

    def sample_values(self, values: dict[str, object]) -> dict[str, object]:
        for name in NUMBERS:
            if name in values:
                values[name] = _whole(values[name], name)
        for name in OBJECTS:
            if name in values:
                values[name] = strict_json.parse(str(values[name]).encode())
        if "tags" in values:
            values["tags"] = _parted(values["tags"])
        return values

    def judgement_values(self, values: Mapping[str, object]) -> Mapping[str, object]:
        found: dict[str, object] = {name: value for name, value in values.items() if name in JUDGEMENT_FIELDS}
        if unknown := sorted(set(values) - JUDGEMENT_FIELDS):
            raise RowRefused(f"the column {unknown[0]!r} is unknown in judgements")
        for name in {"strength", "confidence", "value", "seconds"} & found.keys():
            found[name] = _number(found[name], name)
        for name in {"marks", "payload"} & found.keys():
            found[name] = strict_json.parse(str(found[name]).encode())
        if "samples" in found:
            found["samples"] = _parted(found["samples"])
        if "ranks" in found:
            found["ranks"] = [_whole(rank, "ranks") for rank in _parted(found["ranks"])]
        return found


def _parted(value: object) -> list[str]:
    return [part.strip() for part in str(value or "").split(";") if part.strip()]


def _whole(value: object, name: str) -> int:
    try:
        return int(str(value))
    except ValueError as error:
        raise RowRefused(f"{name} must be a whole number, not {fields.shown(value)}") from error


def _number(value: object, name: str) -> float:
    try:
        return fields.finite(float(str(value)), name)
    except ValueError as error:
        raise RowRefused(f"{name} must be a number, not {fields.shown(value)}") from error


class ParquetTable(SampleTable):
    """Parquet with pictures inside: `datasets` image columns (`{bytes, path}`), raw binary, or file names."""

    name = "parquet"
    title = "Parquet table (image columns or raw binary)"
    suffixes = frozenset({".parquet"})

    def files(self, value: object, what: str, where: str, media: MediaFolder) -> tuple[MediaRef, ...]:
        if value is None:
            return ()
        items = value if isinstance(value, list) else [value]
        return tuple(embedded(item, media, what, f"{where}-{what}{index or ''}") for index, item in enumerate(items))
