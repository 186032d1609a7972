"""Small pictures and files of every format, drawn for the tests."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from curation.formats import FORMATS, JudgementRow, PromptRow, Refusal, Row, SampleRow, chosen


def picture(colour: str | tuple[int, int, int] = "red", size: tuple[int, int] = (16, 12), kind: str = "PNG") -> bytes:
    """A plain picture; another colour is another file."""
    stream = io.BytesIO()
    Image.new("RGB", size, colour).save(stream, kind)
    return stream.getvalue()


def save_picture(path: Path, colour: str | tuple[int, int, int] = "red") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture(colour, kind="JPEG" if path.suffix == ".jpg" else "PNG"))
    return path


def save_lines(path: Path, rows: Iterable[Mapping[str, object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def save_json(path: Path, rows: list[Mapping[str, object]]) -> Path:
    path.write_text(json.dumps(rows, indent=1))
    return path


def save_parquet(path: Path, columns: Mapping[str, list[object]], schema: pa.Schema | None = None) -> Path:
    pq.write_table(pa.table(dict(columns), schema=schema), path)
    return path


class Read:
    """Everything a reader said of a path, by kind."""

    def __init__(self, path: Path, workspace: Path, name: str = "", media_root: Path | None = None) -> None:
        reader = FORMATS[name] if name else chosen(path)
        assert reader is not None, f"{path} is not recognised"
        self.format = reader.name
        root = media_root or (path if path.is_dir() else path.parent)
        self.rows: list[Row | Refusal] = list(reader.read(path, root, workspace))
        self.samples = [row for row in self.rows if isinstance(row, SampleRow)]
        self.prompts = [row for row in self.rows if isinstance(row, PromptRow)]
        self.judgements = [row for row in self.rows if isinstance(row, JudgementRow)]
        self.refusals = [row for row in self.rows if isinstance(row, Refusal)]

    @property
    def reasons(self) -> list[str]:
        return [f"{refusal.where}: {refusal.reason}" for refusal in self.refusals]
