"""Our own interchange format: `samples.jsonl` and `judgements.jsonl`, one object a line. See docs/import.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from curation.formats import fields
from curation.formats.base import Recognition
from curation.formats.fields import RowRefused, shown
from curation.formats.glance import Glance, look_at
from curation.formats.limits import KEY_LENGTH
from curation.formats.media_paths import MediaFolder
from curation.formats.records import Record, count_records, records
from curation.formats.rows import Json, JudgementRow, MediaRef, Refusal, Row, SampleRow
from curation.prompt_tools.rewrites import CONTRAST, RELATIONS

GENERATOR_KINDS = ("generated", "real", "reference")
ROLES = ("source", "mask", "reference", "control")
JUDGEMENT_KINDS = ("compare", "rank", "rate")
OUTCOMES = ("left", "right", "tie", "both-bad", "both_bad")
RATER_KINDS = ("person", "model", "rule", "head", "ensemble", "behaviour", "scripted")
PURPOSES = ("label", "gold", "repeat", "control", "audit", "qualification", "draft", "behaviour")
SAMPLE_FIELDS = frozenset(
    [
        "prompt",
        "prompt_key",
        "sample_key",
        "generator",
        "revision",
        "kind",
        "media",
        "text",
        "turns",
        "seed",
        "settings",
        "round",
        "parent",
        "branch",
        "tags",
        "locale",
        "licence",
        "roles",
        "facts",
        "meta",
        "rewrite_of",
        "relation",
        "operator",
    ]
)
JUDGEMENT_FIELDS = frozenset(
    [
        "kind",
        "rater",
        "rater_kind",
        "left",
        "right",
        "samples",
        "ranks",
        "sample",
        "criterion",
        "outcome",
        "strength",
        "confidence",
        "value",
        "key",
        "purpose",
        "context",
        "note",
        "marks",
        "seconds",
        "at",
        "payload",
        "under",
    ]
)


class OurFormat:
    """Samples and judgements in JSON Lines, or a folder that holds such files."""

    name = "pairwright"
    title = "Pairwright JSON Lines (samples.jsonl, judgements.jsonl)"

    def recognise(self, glance: Glance) -> Recognition | None:
        if glance.files and {file.name for file in glance.files} <= {"samples.jsonl", "judgements.jsonl"}:
            return Recognition(1.0, f"named {glance.files[0].name}")
        if glance.suffix != ".jsonl" or glance.first is None:
            return None
        first = set(glance.first)
        if "prompt" in first and first & {"media", "text"} and first <= SAMPLE_FIELDS:
            return Recognition(0.95, "lines with prompt and media or text")
        if {"kind", "rater"} <= first and glance.first["kind"] in JUDGEMENT_KINDS:
            return Recognition(0.95, "lines with kind and rater")
        return None

    def read(self, path: Path, media_root: Path, workspace: Path) -> Iterator[Row | Refusal]:
        media = MediaFolder(media_root)
        for file in look_at(path).files:
            for record in records(file):
                yield row_of(record, media) if isinstance(record, Record) else record

    def estimate(self, path: Path) -> int | None:
        return sum(count_records(file) for file in look_at(path).files)


def row_of(record: Record, media: MediaFolder) -> Row | Refusal:
    """A line as a sample or a judgement: `rater` tells them apart."""
    try:
        if "rater" in record.values and "prompt" not in record.values:
            return judgement_of(record.values, record.where)
        return sample_of(record.values, record.where, media)
    except RowRefused as error:
        return Refusal(record.where, str(error))


def sample_of(values: Mapping[str, object], where: str, media: MediaFolder) -> SampleRow:
    """A sample line.

    Raises:
        RowRefused: an unknown field, a field of the wrong type, no prompt, or neither media nor text.
    """
    _refuse_unknown(values, SAMPLE_FIELDS, "put what is your own into meta")
    files, origin = media.refs(values.get("media")), origin_of(values)
    text = values.get("text")
    if text is not None and not isinstance(text, str):
        raise RowRefused(f"text must be text, not {shown(text)}")
    if not files and text is None:
        raise RowRefused("there is neither media nor text, so nothing answers the prompt")
    return SampleRow(
        prompt=_prompt_text(values),
        prompt_key=_key(values, "prompt_key"),
        sample_key=_key(values, "sample_key"),
        generator=fields.optional_text(values, "generator") or "unknown",
        revision=fields.optional_text(values, "revision"),
        kind=fields.choice(values, "kind", GENERATOR_KINDS, "generated"),
        media=files,
        text=text,
        turns=turns_of(values),
        seed=fields.integer(values, "seed"),
        settings=fields.mapping(values, "settings"),
        round=fields.integer(values, "round", fields.SMALL) or 0,
        parent=_key(values, "parent") or None,
        branch=_branch(values),
        tags=fields.texts(values, "tags", longest=100),
        locale=fields.optional_text(values, "locale", "en", longest=20),
        licence=fields.optional_text(values, "licence", longest=100),
        roles=roles_of(values, media),
        facts=fields.mapping(values, "facts"),
        meta=fields.mapping(values, "meta"),
        rewrite_of=origin.key,
        relation=origin.relation,
        operator=origin.operator,
        where=where,
    )


def _prompt_text(values: Mapping[str, object]) -> str:
    """The prompt; a conversation may stand in for it, and its last turn is then the text."""
    if values.get("prompt") is None and (turns := turns_of(values)):
        last = turns[-1]
        return str(last["content"]) if isinstance(last, dict) else ""
    return fields.text(values, "prompt", longest=None)


class Origin(NamedTuple):
    """The key of another prompt, and what this one is of it; all empty where nothing is said."""

    key: str = ""
    relation: str = ""
    operator: str = ""


def origin_of(values: Mapping[str, object]) -> Origin:
    """What a row says in `rewrite_of`, `relation` and `operator`."""
    original = fields.optional_text(values, "rewrite_of", longest=KEY_LENGTH)
    operator = fields.optional_text(values, "operator", longest=80)
    if not original:
        if values.get("relation") or operator:
            raise RowRefused("relation and operator say how a prompt came from another; name it in rewrite_of")
        return Origin()
    relation = fields.choice(values, "relation", RELATIONS, RELATIONS[0])
    if relation == CONTRAST and not operator:
        raise RowRefused("a contrast names its operator, what was changed in the original")
    return Origin(original, relation, operator)


def _key(values: Mapping[str, object], name: str) -> str:
    return fields.optional_text(values, name, longest=KEY_LENGTH)


def _branch(values: Mapping[str, object]) -> int | None:
    branch = fields.integer(values, "branch", fields.INT32)
    if branch is not None and not values.get("parent"):
        raise RowRefused("branch says where a sample left its parent, but there is no parent")
    return branch


def turns_of(values: Mapping[str, object]) -> list[Json] | None:
    """A conversation: `[{"role": "user", "content": "..."}]`, or None."""
    if values.get("turns") is None:
        return None
    turns = fields.listing(values, "turns")
    for turn in turns:
        if not isinstance(turn, dict) or not isinstance(turn.get("role"), str) or "content" not in turn:
            raise RowRefused(f"a turn must have role and content, not {shown(turn)}")
    found = fields.storable(turns, "turns")
    if not isinstance(found, list) or not found:
        raise RowRefused("turns is empty")
    return found


def roles_of(values: Mapping[str, object], media: MediaFolder) -> dict[str, tuple[MediaRef, ...]]:
    roles = fields.mapping(values, "roles")
    if unknown := sorted(set(roles) - set(ROLES)):
        raise RowRefused(f"the role {unknown[0]!r} is unknown; the roles are {', '.join(ROLES)}")
    return {role: refs for role, names in roles.items() if (refs := media.refs(names, role))}


def judgement_of(values: Mapping[str, object], where: str) -> JudgementRow:
    """A judgement line.

    Raises:
        RowRefused: an unknown field, a field of the wrong type, or a field its kind needs is missing.
    """
    _refuse_unknown(values, JUDGEMENT_FIELDS, "put what is your own into payload")
    kind = fields.choice(values, "kind", JUDGEMENT_KINDS, "")
    rater_kind = fields.choice(values, "rater_kind", RATER_KINDS, "person")
    said = {"compare": _compared, "rank": _ranked, "rate": _rated}[kind](values)
    return JudgementRow(
        kind=kind,
        rater=fields.text(values, "rater"),
        rater_kind=rater_kind,
        criterion=fields.optional_text(values, "criterion", longest=120) or "overall",
        key=fields.optional_text(values, "key", longest=100),
        purpose=_purpose(values, rater_kind),
        context=fields.optional_text(values, "context", longest=None),
        note=fields.optional_text(values, "note", longest=None),
        marks=_marks(values),
        seconds=_not_negative(values, "seconds"),
        at=fields.moment(values, "at"),
        payload=fields.mapping(values, "payload"),
        under=_key(values, "under"),
        where=where,
        **said,  # type: ignore[arg-type]
    )


def _compared(values: Mapping[str, object]) -> dict[str, object]:
    confidence = fields.number(values, "confidence")
    if confidence is not None and not 0 <= confidence <= 1:
        raise RowRefused(f"confidence is {confidence}; it must lie between 0 and 1")
    left, right = fields.text(values, "left"), fields.text(values, "right")
    if left == right:
        raise RowRefused(f"left and right are the same sample {shown(left)}")
    return {
        "left": left,
        "right": right,
        "outcome": fields.choice(values, "outcome", OUTCOMES, "").replace("_", "-"),
        "strength": _not_negative(values, "strength"),
        "confidence": confidence,
    }


def _ranked(values: Mapping[str, object]) -> dict[str, object]:
    samples, ranks = fields.texts(values, "samples"), fields.integers(values, "ranks")
    check_ranking(samples, ranks)
    return {"samples": samples, "ranks": ranks}


def check_ranking(samples: tuple[str, ...], ranks: tuple[int, ...]) -> None:
    """Refuses a ranking that does not say one rank for each of at least two different samples."""
    if len(samples) != len(ranks):
        raise RowRefused(f"{len(samples)} samples but {len(ranks)} ranks")
    if len(samples) < 2:
        raise RowRefused("a ranking needs at least two samples")
    if len(set(samples)) < len(samples):
        raise RowRefused("a sample is named twice in one ranking")


def _rated(values: Mapping[str, object]) -> dict[str, object]:
    value = fields.number(values, "value")
    if value is None:
        raise RowRefused("value is missing")
    return {"sample": fields.text(values, "sample"), "value": value}


def _marks(values: Mapping[str, object]) -> tuple[dict[str, Json], ...]:
    found = fields.storable(fields.listing(values, "marks"), "marks")
    marks = found if isinstance(found, list) else []
    if any(not isinstance(mark, dict) for mark in marks):
        raise RowRefused("each mark must be an object")
    return tuple(mark for mark in marks if isinstance(mark, dict))


def _not_negative(values: Mapping[str, object], name: str) -> float | None:
    value = fields.number(values, name)
    if value is not None and value < 0:
        raise RowRefused(f"{name} is {value}; it cannot be negative")
    return value


def _purpose(values: Mapping[str, object], rater_kind: str) -> str:
    """What users do is kept apart from what raters say: neither may go by the other's purpose."""
    is_behaviour = rater_kind == "behaviour"
    purpose = fields.choice(values, "purpose", PURPOSES, "behaviour" if is_behaviour else "label")
    if is_behaviour != (purpose == "behaviour"):
        raise RowRefused(
            f"purpose is {shown(purpose)} and rater_kind is {shown(rater_kind)}; "
            "behaviour goes with behaviour and with nothing else"
        )
    return purpose


def _refuse_unknown(values: Mapping[str, object], known: frozenset[str], remedy: str) -> None:
    if unknown := sorted(set(values) - known):
        raise RowRefused(f"the field {unknown[0]!r} is unknown; {remedy}")
