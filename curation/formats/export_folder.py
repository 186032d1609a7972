"""A folder that Pairwright exported, or the same on the Hub: prompts, samples and judgements come back as they left.

Read from the configs `ratings` (every candidate with its scores and the numbers for its parts) and `votes` (every
comparison) of the format `canonical`; docs/exports.md describes them. Samples keep the identities they had, so the same
recipe makes the same pairs. People come back as raters with the pseudonym they left under.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl

from curation.formats import fields
from curation.formats.base import Recognition
from curation.formats.fields import RowRefused, shown
from curation.formats.glance import Glance
from curation.formats.limits import KEY_LENGTH
from curation.formats.preferences import PickAPic
from curation.formats.records import Record, records
from curation.formats.rows import Json, JudgementRow, MediaRef, PromptRow, Refusal, Row, SampleRow

MANIFEST = "manifest.json"
SCHEMA = "pairwright-export/1"
CANONICAL = "pairwright-canonical/1"
UNNAMED = "people without a name"
# Of an act that is one ranking; larger ones come back as single comparisons.
LARGEST_RANKING = 25

# What a number for a part has; one of a heatmap that is a picture of its own cannot come back, for it did not leave.
_OF_A_PART = ("target", "shape", "media_index", "input_role", "points", "start", "end", "grid", "text", "value")

_HEX = re.compile(r"[0-9a-f]{64}")
_FILE_KEY = 100


class ExportFolder:
    """An export folder of ours: `canonical` whole, or the pairs of `pickapic` where it holds nothing else."""

    name = "pairwright-export"
    title = "Pairwright export (folder, or hub:owner/name)"

    def recognise(self, glance: Glance) -> Recognition | None:
        manifest = manifest_of(glance.path)
        if manifest is None:
            return None
        return Recognition(1.0, f"an export of {manifest['dataset']}@{manifest['version']}")

    def read(self, path: Path, media_root: Path, workspace: Path) -> Iterator[Row | Refusal]:
        manifest = manifest_of(path) or {}
        configs = manifest.get("configs", {})
        if "ratings" in configs:
            yield from _Canonical(path).rows()
        elif "pickapic" in configs:
            # The `*_unique` splits repeat rows of the others.
            for file in sorted((path / "pickapic").glob("*.parquet")):
                if "_unique-" not in file.name:
                    yield from PickAPic().read(file, media_root, workspace)
        else:
            held = ", ".join(manifest.get("formats", []))
            yield Refusal(MANIFEST, f"this export holds {held}; only canonical and pickapic can be imported again")

    def estimate(self, path: Path) -> int | None:
        configs = (manifest_of(path) or {}).get("configs", {})
        rows = {name: sum(split["rows"] for split in splits.values()) for name, splits in configs.items()}
        return 3 * rows.get("ratings", rows.get("pickapic", 0)) + rows.get("votes", 0)


def manifest_of(path: Path) -> dict[str, Any] | None:
    """The manifest of an export folder; None for anything else."""
    try:
        manifest = json.loads((path / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    is_ours = isinstance(manifest, dict) and manifest.get("schema") == SCHEMA
    return manifest if is_ours and {"dataset", "version", "configs"} <= manifest.keys() else None


class _Canonical:
    """One reading of a canonical export: candidates first, then what was said about them."""

    def __init__(self, path: Path) -> None:
        self.ratings = sorted((path / "ratings").glob("*.parquet"))
        self.votes = sorted((path / "votes").glob("*.parquet"))
        self.names = _rater_names(self.ratings, self.votes)
        self.asked: set[str] = set()
        self.met: set[str] = set()

    def rows(self) -> Iterator[Row | Refusal]:
        for file in self.ratings:
            for record in records(file):
                yield from self._candidate(record) if isinstance(record, Record) else [record]
        yield from self._rankings()
        for file in self.votes:
            for record in records(file):
                yield from self._vote(record) if isinstance(record, Record) else [record]

    # -- candidates --------------------------------------------------------------------------

    def _candidate(self, record: Record) -> Iterator[Row | Refusal]:
        try:
            if record.values.get("schema_version") != CANONICAL:
                raise RowRefused(f"schema_version is {shown(record.values.get('schema_version'))}, not {CANONICAL}")
            yield from self._question(record)
            yield from self._answer(record)
        except RowRefused as error:
            yield Refusal(record.where, str(error))

    def _question(self, record: Record) -> Iterator[PromptRow]:
        """The prompt, once: with its licence, which a sample's row cannot carry."""
        values = record.values
        identity = identity_in(values, "prompt_id")
        if identity not in self.asked:
            self.asked.add(identity)
            yield PromptRow(
                **_asked(values),
                identity=identity,
                licence=fields.optional_text(values, "prompt_license", longest=100),
                where=record.where,
            )

    def _answer(self, record: Record) -> Iterator[Row]:
        values = record.values
        identity, under = identity_in(values, "id"), identity_in(values, "prompt_id")
        made_for = identity_in(values, "sample_prompt_id")
        if identity not in self.met:
            self.met.add(identity)
            yield _sample(values, identity, made_for, under, record.where)
        if made_for == under:
            yield from self._scores(values, identity, record.where)

    def _scores(self, values: Mapping[str, object], identity: str, where: str) -> Iterator[JudgementRow]:
        parts = _parts(values)
        for score in fields.listing(values, "scores"):
            if isinstance(score, dict):
                yield JudgementRow(
                    kind="rate",
                    **self._who(score, "rater"),
                    sample=identity,
                    value=fields.number(score, "value"),
                    criterion=fields.text(score, "name", longest=120),
                    context=fields.optional_text(score, "context", longest=None),
                    key=_key(values, fields.text(score, "statement")),
                    marks=tuple(parts.pop(_act_and_criterion(score, "name"), ())),
                    where=where,
                )

    # -- comparisons -------------------------------------------------------------------------

    def _vote(self, record: Record) -> Iterator[JudgementRow | Refusal]:
        try:
            values = record.values
            if values.get("is_implied") is True:
                return  # read with the rest of its ranking
            _refuse_apart(values)
            yield JudgementRow(
                kind="compare",
                **self._said(values),
                left=identity_in(values, "left_id"),
                right=identity_in(values, "right_id"),
                outcome=fields.text(values, "outcome").replace("_", "-"),
                strength=fields.number(values, "strength"),
                confidence=fields.number(values, "confidence"),
                key=_key(values, fields.text(values, "statement")),
                where=record.where,
            )
        except RowRefused as error:
            yield Refusal(record.where, str(error))

    def _rankings(self) -> Iterator[JudgementRow | Refusal]:
        """Comparisons that were read off one ranking become that ranking again: one act, not many."""
        if not self.votes:
            return
        implied = (
            pl.scan_parquet(self.votes).filter(pl.col("is_implied")).sort("act", "criterion", "statement").collect()
        )
        for (act, criterion), rows in groupby(
            implied.iter_rows(named=True), key=lambda row: (row["act"], row["criterion"])
        ):
            yield from self._ranking(f"act {act}", criterion, list(rows))

    def _ranking(self, where: str, criterion: str, rows: list[dict[str, Any]]) -> Iterator[JudgementRow | Refusal]:
        try:
            for row in rows:
                _refuse_apart(row)
            samples, ranks = ranks_of([(row["left_id"], row["right_id"], row["outcome"]) for row in rows])
            yield JudgementRow(
                kind="rank",
                **self._said(rows[0]),
                samples=samples,
                ranks=ranks,
                key=_key(rows[0], f"{rows[0]['act']}:{criterion}"),
                where=where,
            )
        except RowRefused as error:
            yield Refusal(where, str(error))

    def _said(self, values: Mapping[str, object]) -> dict[str, Any]:
        return {
            **self._who(values, "annotator"),
            "criterion": fields.text(values, "criterion", longest=120),
            "purpose": fields.text(values, "purpose"),
            "context": fields.optional_text(values, "context", longest=None),
            "seconds": fields.number(values, "seconds"),
            "at": fields.moment(values, "created_at"),
        }

    def _who(self, values: Mapping[str, object], name: str) -> dict[str, Any]:
        kind = fields.text(values, "rater_kind")
        rater = fields.optional_text(values, name) or UNNAMED
        said = {"rater": self.names.get((kind, rater), rater), "rater_kind": kind}
        return {**said, "purpose": "behaviour"} if kind == "behaviour" else said


def _refuse_apart(values: Mapping[str, object]) -> None:
    if values.get("kept_apart") is True:
        raise RowRefused("its rater stood in quarantine, so no recipe read it; it is left out")
    if values.get("left_prompt_id") != values.get("right_prompt_id"):
        raise RowRefused("the two answer different prompts, which an import cannot say")


def ranks_of(outcomes: Sequence[tuple[str, str, str]]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The ranking that all of these comparisons were read off.

    Args:
        outcomes: left, right, and which of them won: `left`, `right` or `tie`.

    Returns:
        The samples in the order of their names, and a rank for each; 1 is best, equal ranks tie.

    Raises:
        RowRefused: no ranking implies exactly these, or it is longer than an import takes.

    >>> ranks_of([("a", "b", "left"), ("a", "c", "left"), ("b", "c", "tie")])
    (('a', 'b', 'c'), (1, 2, 2))
    """
    beaten: dict[str, int] = {}
    for left, right, outcome in outcomes:
        beaten.setdefault(left, 0)
        beaten.setdefault(right, 0)
        if outcome in ("left", "right"):
            beaten[right if outcome == "left" else left] += 1
    if len(beaten) > LARGEST_RANKING:
        raise RowRefused(f"a ranking of {len(beaten)} samples; at most {LARGEST_RANKING} are taken")
    ranks = {sample: 1 + better for sample, better in beaten.items()}
    expected = {"left": lambda a, b: a < b, "right": lambda a, b: a > b, "tie": lambda a, b: a == b}
    is_whole = len(outcomes) == len(beaten) * (len(beaten) - 1) // 2
    if not is_whole or any(not expected[word](ranks[left], ranks[right]) for left, right, word in outcomes):
        raise RowRefused("part of its ranking is not in this export, so the ranking cannot be told")
    samples = tuple(sorted(ranks))
    return samples, tuple(ranks[sample] for sample in samples)


# -- fields ---------------------------------------------------------------------------------------------------------


def identity_in(values: Mapping[str, object], name: str) -> str:
    """A digest that names a prompt or a sample.

    Raises:
        RowRefused: it is none.
    """
    identity = fields.text(values, name)
    if not _HEX.fullmatch(identity):
        raise RowRefused(f"{name} is {shown(identity)}, not 64 hexadecimal digits")
    return identity


def _key(values: Mapping[str, object], statement: str) -> str:
    """The same statement of the same project has the same name in every export, so it is imported once."""
    key = f"{fields.optional_text(values, 'source', longest=None)}:{statement}"
    return key if len(key) <= _FILE_KEY else hashlib.sha256(key.encode()).hexdigest()


def _asked(values: Mapping[str, object]) -> dict[str, Any]:
    turns: list[Json] = [
        {"role": str(turn["role"]), "content": str(turn["content"])}
        for turn in fields.listing(values, "messages")
        if isinstance(turn, dict)
    ]
    return {
        "prompt": fields.text(values, "prompt", longest=None),
        "prompt_key": fields.optional_text(values, "prompt_key", longest=KEY_LENGTH),
        "turns": turns or None,
        "tags": fields.texts(values, "tags", longest=100),
        "locale": fields.optional_text(values, "locale", "en", longest=20) or "en",
        "facts": _json(values, "facts"),
        "roles": _inputs(values),
    }


def _sample(values: Mapping[str, object], identity: str, made_for: str, under: str, where: str) -> SampleRow:
    asked = _asked(values) if made_for == under else {"prompt": fields.text(values, "sample_prompt", longest=None)}
    text = values.get("text")
    parent = fields.optional_text(values, "parent_id")
    return SampleRow(
        **{**asked, "tags": fields.texts(values, "answer_tags", longest=100)},
        identity=identity,
        prompt_identity=made_for,
        sample_key=fields.optional_text(values, "key", longest=KEY_LENGTH),
        generator=fields.optional_text(values, "model") or "unknown",
        revision=fields.optional_text(values, "model_revision"),
        kind=fields.choice(values, "model_kind", ("generated", "real", "reference"), "generated"),
        media=_media(values),
        text=text if isinstance(text, str) else None,
        seed=fields.integer(values, "seed"),
        settings=_json(values, "params"),
        round=fields.integer(values, "round", fields.SMALL) or 0,
        parent=parent or None,
        branch=fields.integer(values, "branch", fields.INT32) if parent else None,
        licence=fields.optional_text(values, "license", longest=100),
        where=where,
    )


def _parts(values: Mapping[str, object]) -> dict[tuple[str, str], list[dict[str, Json]]]:
    """Numbers for parts of an answer, by the act and the criterion of the number of the whole they stand beside."""
    found: dict[tuple[str, str], list[dict[str, Json]]] = {}
    for mark in fields.listing(values, "marks"):
        if isinstance(mark, dict) and mark.get("value") is not None:
            said = {name: fields.storable(mark[name], name) for name in _OF_A_PART if mark.get(name) not in (None, [])}
            found.setdefault(_act_and_criterion(mark, "criterion"), []).append(said)
    return found


def _act_and_criterion(said: Mapping[str, object], name: str) -> tuple[str, str]:
    return fields.text(said, "statement").partition(".")[0], fields.text(said, name, longest=120)


def _json(values: Mapping[str, object], name: str) -> dict[str, Json]:
    text = fields.optional_text(values, name, longest=None)
    try:
        return fields.mapping({name: json.loads(text)}, name) if text else {}
    except ValueError as error:
        raise RowRefused(f"{name} is no JSON object") from error


def _media(values: Mapping[str, object]) -> tuple[MediaRef, ...]:
    """The answer's media in order, each proved by the digest its row states."""
    held = {
        kind: [item for item in (values.get(kind), *fields.listing(values, f"more_{kind}s")) if item is not None]
        for kind in ("image", "video")
    }
    return tuple(_in_order(fields.listing(values, "media"), held))


def _inputs(values: Mapping[str, object]) -> dict[str, tuple[MediaRef, ...]]:
    stated = fields.listing(values, "inputs")
    held = {kind: fields.listing(values, f"input_{kind}s") for kind in ("image", "video")}
    roles: dict[str, tuple[MediaRef, ...]] = {}
    for item, ref in zip(stated, _in_order(stated, held), strict=True):
        role = fields.text(item, "role") if isinstance(item, dict) else ""
        roles[role] = (*roles.get(role, ()), ref)
    return roles


def _in_order(stated: Sequence[object], held: Mapping[str, list[object]]) -> Iterator[MediaRef]:
    waiting = {kind: iter(items) for kind, items in held.items()}
    for item in stated:
        if not isinstance(item, dict):
            raise RowRefused(f"a medium must be an object, not {shown(item)}")
        found = next(waiting.get(str(item.get("kind")), iter(())), None)
        content, name = (found.get("bytes"), found.get("path")) if isinstance(found, dict) else (None, None)
        if not isinstance(content, bytes):
            raise RowRefused(f"the {item.get('kind')} {shown(item.get('sha256'))} is named and not in the row")
        if hashlib.sha256(content).hexdigest() != item.get("sha256"):
            raise RowRefused(
                f"the {item.get('kind')} {shown(item.get('sha256'))} holds other bytes than its digest says"
            )
        yield MediaRef(path=None, data=content, name=str(name or item.get("sha256")))


def _rater_names(ratings: list[Path], votes: list[Path]) -> dict[tuple[str, str], str]:
    """Names without the revision that an export adds, where that leaves each its own: `ocr` for `ocr@1f3c…`."""
    found: set[tuple[str, str]] = set()
    if ratings:
        scores = pl.scan_parquet(ratings).select(pl.col("scores").explode()).drop_nulls().unnest("scores")
        found |= set(scores.select("rater_kind", "rater").unique().collect().iter_rows())
    if votes:
        found |= set(pl.scan_parquet(votes).select("rater_kind", "annotator").unique().collect().iter_rows())
    short = {(kind, name): re.sub(r"@[0-9a-f]{8}$", "", name) for kind, name in found if name}
    taken = [(kind, name) for (kind, _whole), name in short.items()]
    return {key: name if taken.count((key[0], name)) == 1 else key[1] for key, name in short.items()}
