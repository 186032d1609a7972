"""A folder of pictures: one folder a generator; the prompt in a `.txt` beside each picture, or in a table."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from curation.formats import fields
from curation.formats.base import Recognition, scoped_key
from curation.formats.fields import INT64, RowRefused
from curation.formats.glance import PROMPT_TABLES, Glance
from curation.formats.limits import RECORD_BYTES
from curation.formats.media_paths import MediaFolder, is_media
from curation.formats.records import records
from curation.formats.rows import Refusal, Row, SampleRow

# `cat_42`, `cat-42`: the prompt's name and the seed.
NAME_AND_SEED = re.compile(r"(?P<name>.+?)[-_](?:seed)?(?P<seed>\d{1,18})")
NAME_COLUMNS = ("prompt_key", "key", "name", "id", "file", "file_name", "image")
NOTES = frozenset({"readme", "readme.md", "readme.txt", "licence", "license", "license.txt", "licence.txt"})


@dataclass(frozen=True)
class Asked:
    """A line of the prompt table."""

    text: str
    tags: tuple[str, ...]
    locale: str


class Folder:
    """`GENERATOR/NAME.png` with `GENERATOR/NAME.txt`, or with `prompts.csv|tsv|jsonl` at the top.

    Pictures at the top belong to a generator named like the folder. With a table, `GENERATOR/KEY/ANY.png` and
    `GENERATOR/KEY_42.png` (seed 42) are samples of the prompt KEY too.
    """

    name = "folder"
    title = "Folder of pictures or videos, one folder a generator"

    def recognise(self, glance: Glance) -> Recognition | None:
        if not glance.path.is_dir():
            return None
        if any((glance.path / table).is_file() for table in PROMPT_TABLES):
            return Recognition(0.9, "a folder with a table of prompts")
        if any(is_media(name) for _folder, _folders, names in os.walk(glance.path) for name in names):
            return Recognition(0.5, "a folder with pictures or videos")
        return None

    def read(self, path: Path, media_root: Path, workspace: Path) -> Iterator[Row | Refusal]:
        media = MediaFolder(path)
        table: dict[str, Asked] = {}
        yield from _read_table(path, table)
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if not _is_hidden(name))
            neighbours = set(names)
            pictured = {os.path.splitext(name)[0] for name in names if is_media(name)}
            for name in sorted(names):
                if not _is_hidden(name):
                    yield from _file(path, Path(folder, name), neighbours, pictured, table, media)

    def estimate(self, path: Path) -> int | None:
        return sum(is_media(name) for _folder, _folders, names in os.walk(path) for name in names)


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in {"__MACOSX", "Thumbs.db", "desktop.ini"}


def _read_table(path: Path, table: dict[str, Asked]) -> Iterator[Refusal]:
    """Fills the table, by the prompt's key or file name without its suffix."""
    for name in PROMPT_TABLES:
        if not (path / name).is_file():
            continue
        for record in records(path / name):
            if isinstance(record, Refusal):
                yield record
                continue
            try:
                key, asked = _asked(record.values)
                if table.setdefault(key, asked) != asked:
                    raise RowRefused(f"{key!r} is given twice, with different prompts")
            except RowRefused as error:
                yield Refusal(record.where, str(error))


def _asked(values: Mapping[str, object]) -> tuple[str, Asked]:
    column = next((name for name in NAME_COLUMNS if values.get(name) is not None), "key")
    key = fields.label(values, column)
    if not key:
        raise RowRefused(f"no name for the prompt; use one of the columns {', '.join(NAME_COLUMNS)}")
    tags = values.get("tags")
    return os.path.splitext(key)[0] if is_media(key) else key, Asked(
        text=fields.text(values, "prompt" if "prompt" in values else "caption", longest=None),
        tags=fields.texts({"tags": tags.split(";") if isinstance(tags, str) else tags}, "tags", longest=100),
        locale=fields.optional_text(values, "locale", "en", longest=20),
    )


def _file(
    root: Path, path: Path, neighbours: set[str], pictured: set[str], table: Mapping[str, Asked], media: MediaFolder
) -> Iterator[Row | Refusal]:
    where = path.relative_to(root).as_posix()
    if not is_media(path.name):
        if not _is_expected(root, path, pictured):
            yield Refusal(where, "neither a picture nor a video, and no prompt of one")
        return
    try:
        yield _sample(root, path, where, neighbours, table, media)
    except RowRefused as error:
        yield Refusal(where, str(error))


def _is_expected(root: Path, path: Path, pictured: set[str]) -> bool:
    if path.parent == root and path.name.lower() in PROMPT_TABLES:
        return True
    if path.name.lower() in NOTES:
        return True
    return path.suffix.lower() == ".txt" and path.stem in pictured


def _sample(
    root: Path, path: Path, where: str, neighbours: set[str], table: Mapping[str, Asked], media: MediaFolder
) -> SampleRow:
    parts = path.relative_to(root).parts
    generator = parts[0] if len(parts) > 1 else root.name
    key, seed = _key_and_seed(parts, table)
    if key:
        asked = table[key]
    elif f"{path.stem}.txt" in neighbours:
        asked = Asked(_text_beside(path), (), "en")
    else:
        raise RowRefused(f"no prompt: there is no {path.stem}.txt beside it, and no table at the top names it")
    return SampleRow(
        prompt=asked.text,
        prompt_key=key,
        sample_key=scoped_key("folder", where),
        generator=fields.text({"generator": generator}, "generator"),
        media=(media.ref(where),),
        seed=seed,
        tags=asked.tags,
        locale=asked.locale,
        where=where,
    )


def _key_and_seed(parts: tuple[str, ...], table: Mapping[str, Asked]) -> tuple[str, int | None]:
    """The table's key a file belongs to, or nothing: by its path, its name, its folder, or its name before a seed."""
    whole = os.path.splitext("/".join(parts))[0]
    stem = os.path.splitext(parts[-1])[0]
    for name in (whole, stem, *parts[-2:-1]):
        if name in table:
            return name, _number(stem) if name != stem else None
    found = NAME_AND_SEED.fullmatch(stem)
    if found and found["name"] in table:
        return found["name"], _number(found["seed"])
    return "", None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 and int(text) <= INT64[1] else None


def _text_beside(path: Path) -> str:
    beside = path.with_suffix(".txt")
    with beside.open("rb") as stream:
        data = stream.read(RECORD_BYTES + 1)
    if len(data) > RECORD_BYTES:
        raise RowRefused(f"{beside.name} is longer than {RECORD_BYTES} bytes")
    try:
        return fields.text({"prompt": data.decode("utf-8-sig").strip()}, "prompt", longest=None)
    except UnicodeDecodeError as error:
        raise RowRefused(f"{beside.name} holds bad UTF-8 at byte {error.start + 1}") from error
