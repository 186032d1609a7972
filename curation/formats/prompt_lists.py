"""Questions without answers: PartiPrompts, GenEval, texts to be rendered, and plain lists of prompts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from curation.formats import fields, strict_json
from curation.formats.base import Recognition, RecordFormat, scoped_key, sure
from curation.formats.fields import RowRefused, storable_text
from curation.formats.glance import Glance, look_at
from curation.formats.media_paths import MediaFolder
from curation.formats.ours import origin_of, roles_of
from curation.formats.preferences import JSON
from curation.formats.records import Record, count_records
from curation.formats.rows import Json, PromptRow, Refusal, Row

# Straight and typographic double quotes; single ones are apostrophes too often.
QUOTED = re.compile('["“”]([^"“”]+)["“”]')


def quoted_text(prompt: str) -> str:
    """The words between double quotes, in order, joined by a space; empty where nothing is quoted.

    >>> quoted_text('A shop with the signs "OPEN" and "24 hours".')
    'OPEN 24 hours'
    """
    return " ".join(found.strip() for found in QUOTED.findall(prompt) if found.strip())


class PartiPrompts(RecordFormat):
    """PartiPrompts: prompts with a category and a challenge, which become tags."""

    name = "partiprompts"
    title = "PartiPrompts (TSV)"

    def recognise(self, glance: Glance) -> Recognition | None:
        return sure(glance, {".tsv", ".csv"}, "Prompt", "Category", "Challenge", why="columns Category and Challenge")

    def rows(self, record: Record, media: MediaFolder) -> Iterator[Row | Refusal]:
        values = record.values
        tags = [fields.optional_text(values, name, longest=100) for name in ("Category", "Challenge")]
        note = fields.optional_text(values, "Note", longest=None)
        yield PromptRow(
            prompt=fields.text(values, "Prompt", longest=None),
            tags=tuple(dict.fromkeys(tag for tag in tags if tag)),
            meta={"note": note} if note else {},
            where=record.where,
        )


class GenEval(RecordFormat):
    """GenEval: prompts with the objects that must and must not be there, with counts, colours and positions."""

    name = "geneval"
    title = "GenEval (JSON Lines)"

    def recognise(self, glance: Glance) -> Recognition | None:
        return sure(glance, JSON, "prompt", "tag", "include", why="fields tag and include")

    def rows(self, record: Record, media: MediaFolder) -> Iterator[Row | Refusal]:
        values = record.values
        facts: dict[str, Json] = {"objects": _objects(values, "include")}
        if values.get("exclude"):
            facts["excluded"] = _objects(values, "exclude")
        yield PromptRow(
            prompt=fields.text(values, "prompt", longest=None),
            tags=(fields.text(values, "tag", longest=100),),
            facts=facts,
            where=record.where,
        )


def _objects(values: Mapping[str, object], name: str) -> list[Json]:
    found = fields.listing(values, name)
    for item in found:
        if not isinstance(item, dict) or not isinstance(item.get("class"), str):
            raise RowRefused(f"each of {name} must be an object with a class, not {fields.shown(item)}")
    stored = fields.storable(found, name)
    return stored if isinstance(stored, list) else []


class OcrPrompts:
    """A prompt a line, whose quoted words are to be rendered: they become the expected text."""

    name = "ocr_prompts"
    title = "Prompts with quoted text (a prompt a line)"

    def recognise(self, glance: Glance) -> Recognition | None:
        if glance.suffix != ".txt" or not glance.head:
            return None
        quoting = sum(bool(quoted_text(line)) for line in glance.head)
        if quoting * 2 < len(glance.head):
            return Recognition(0.4, "a text file, taken as a prompt a line")
        return Recognition(0.9, f"{quoting} of the first {len(glance.head)} lines quote a text")

    def read(self, path: Path, media_root: Path, workspace: Path) -> Iterator[Row | Refusal]:
        for file in look_at(path).files:
            for piece in strict_json.lines(file):
                yield self._row(piece, f"{file.name}:{piece.line}")

    def estimate(self, path: Path) -> int | None:
        return sum(count_records(file) for file in look_at(path).files)

    def _row(self, piece: strict_json.Piece, where: str) -> Row | Refusal:
        if piece.data is None:
            return Refusal(where, piece.problem)
        try:
            prompt = storable_text(piece.data.decode().strip(), "the prompt")
        except UnicodeDecodeError as error:
            return Refusal(where, f"bad UTF-8: byte 0x{piece.data[error.start]:02x} at position {error.start + 1}")
        except RowRefused as error:
            return Refusal(where, str(error))
        expected = quoted_text(prompt)
        return PromptRow(prompt=prompt, facts={"text": expected} if expected else {}, where=where)


class PromptList(RecordFormat):
    """Prompts alone, with any of prompt_key (or id), turns, tags, locale, licence, roles, facts and meta, and what they
    are of another prompt (rewrite_of, relation, operator)."""

    name = "prompts"
    title = "List of prompts (JSON, JSON Lines, CSV, TSV)"
    known = frozenset(
        ["prompt", "prompt_key", "id", "turns", "tags", "locale", "licence", "roles", "facts", "meta", "rewrite_of",
         "relation", "operator"]
    )  # fmt: skip

    def recognise(self, glance: Glance) -> Recognition | None:
        if glance.names <= self.known and glance.suffix in {".json", ".jsonl", ".csv", ".tsv"}:
            return sure(glance, {glance.suffix}, "prompt", why="nothing but prompts", confidence=0.8)
        return None

    def rows(self, record: Record, media: MediaFolder) -> Iterator[Row | Refusal]:
        values = record.values
        if unknown := sorted(set(values) - self.known):
            raise RowRefused(f"the field {unknown[0]!r} is unknown in a list of prompts")
        identifier = fields.label(values, "id")
        tags, origin = values.get("tags"), origin_of(values)
        yield PromptRow(
            prompt=fields.text(values, "prompt", longest=None),
            prompt_key=fields.optional_text(values, "prompt_key") or (identifier and scoped_key("prompts", identifier)),
            tags=fields.texts({"tags": tags.split(";") if isinstance(tags, str) else tags}, "tags", longest=100),
            locale=fields.optional_text(values, "locale", "en", longest=20),
            licence=fields.optional_text(values, "licence", longest=100),
            roles=roles_of(values, media),
            facts=fields.mapping(values, "facts"),
            meta=fields.mapping(values, "meta"),
            rewrite_of=origin.key,
            relation=origin.relation,
            operator=origin.operator,
            where=record.where,
        )
