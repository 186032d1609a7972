"""Columns of an export, said once: the Arrow type, the `datasets` features and the card's YAML follow from them.

`datasets` reads features from the Parquet schema's metadata key `huggingface` or from the card; without
either, a picture loads as a plain struct and trainers fail. Its classes are not used to write, because the
web process would have to import them; `readback` proves that they agree.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import pyarrow as pa


@dataclass(frozen=True)
class Value:
    """A number, a string, a moment or raw bytes; `dtype` in the words of `datasets`."""

    dtype: str


@dataclass(frozen=True)
class Media:
    """Encoded bytes with a name; `kind` is `image` or `video`."""

    kind: str


@dataclass(frozen=True)
class ListOf:
    item: Feature


@dataclass(frozen=True)
class Struct:
    fields: Mapping[str, Feature]


Feature: TypeAlias = Value | Media | ListOf | Struct
Columns: TypeAlias = dict[str, Feature]

STRING, BOOL, BINARY = Value("string"), Value("bool"), Value("binary")
INT32, INT64, FLOAT32, FLOAT64 = Value("int32"), Value("int64"), Value("float32"), Value("float64")
MOMENT = Value("timestamp[us, tz=UTC]")
IMAGE, VIDEO = Media("image"), Media("video")

_ARROW = {
    "string": pa.string(),
    "bool": pa.bool_(),
    "binary": pa.binary(),
    "int8": pa.int8(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "timestamp[us, tz=UTC]": pa.timestamp("us", tz="UTC"),
    "timestamp[ns]": pa.timestamp("ns"),
}


def arrow_type(feature: Feature) -> pa.DataType:
    match feature:
        case Value(dtype):
            return _ARROW[dtype]
        case Media():
            return pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        case ListOf(item):
            return pa.list_(arrow_type(item))
        case Struct(fields):
            return pa.struct([(name, arrow_type(field)) for name, field in fields.items()])


def arrow_schema(columns: Columns) -> pa.Schema:
    """The schema with the metadata `datasets` reads its features from."""
    features = {name: features_json(feature) for name, feature in columns.items()}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    return pa.schema([(name, arrow_type(feature)) for name, feature in columns.items()], metadata=metadata)


def features_json(feature: Feature) -> Any:
    """The feature as `datasets.Features.to_dict` writes it."""
    match feature:
        case Value(dtype):
            return {"dtype": dtype, "_type": "Value"}
        case Media(kind):
            return {"_type": kind.capitalize()}
        case ListOf(item):
            return {"feature": features_json(item), "_type": "List"}
        case Struct(fields):
            return {name: features_json(field) for name, field in fields.items()}


def features_yaml(columns: Columns) -> list[dict[str, Any]]:
    """The columns as a card's `dataset_info.features` lists them."""
    return [{"name": name, **_yaml_body(feature)} for name, feature in columns.items()]


def _yaml_body(feature: Feature) -> dict[str, Any]:
    match feature:
        case Value(dtype):
            return {"dtype": dtype}
        case Media(kind):
            return {"dtype": kind}
        case ListOf(Value(dtype)):
            return {"list": dtype}
        case ListOf(Media(kind)):
            return {"list": kind}
        case ListOf(Struct(fields)):
            return {"list": features_yaml(dict(fields))}
        case ListOf(item):
            return {"list": _yaml_body(item)}
        case Struct(fields):
            return {"struct": features_yaml(dict(fields))}


def leaves(columns: Columns) -> Iterator[tuple[str, bool]]:
    """Every stored column by its Parquet path, and whether it holds media bytes.

    Raw `binary` counts as media: it is only ever used for encoded pictures.
    """
    for name, feature in columns.items():
        yield from _leaves(name, feature)


def _leaves(path: str, feature: Feature) -> Iterator[tuple[str, bool]]:
    match feature:
        case Value(dtype):
            yield path, dtype == "binary"
        case Media():
            yield f"{path}.bytes", True
            yield f"{path}.path", False
        case ListOf(item):
            yield from _leaves(f"{path}.list.element", item)
        case Struct(fields):
            for name, field in fields.items():
                yield from _leaves(f"{path}.{name}", field)
