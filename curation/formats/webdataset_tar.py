"""WebDataset shards: members of a tar that share a name up to the first dot are one sample."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from curation.formats import fields, strict_json
from curation.formats.base import Recognition, scoped_key
from curation.formats.fields import RowRefused
from curation.formats.glance import Glance, look_at
from curation.formats.limits import MEDIA_COUNT, MEMBER_BYTES, RECORD_BYTES, ArchiveLimits
from curation.formats.media_paths import MediaFolder, is_media
from curation.formats.ours import SAMPLE_FIELDS, sample_of
from curation.formats.rows import Json, JudgementRow, MediaRef, Refusal, Row, SampleRow
from curation.formats.unpacking import ArchiveRefused, member_problem, opened_tar

PROMPT_FIELDS = ("txt", "text", "caption", "prompt.txt", "original_prompt.txt", "caption.txt")
# Two pictures and a label, as DPO and ORPO trainers read them: the winner is the one whose label is 1.
LABELS = {"1": "left", "1.0": "left", "0": "right", "0.0": "right", "0.5": "tie"}


@dataclass
class Group:
    """The members of one sample: what follows the first dot, and the bytes."""

    key: str
    where: str
    members: dict[str, bytes] = field(default_factory=dict)
    problem: str = ""


class WebDataset:
    """A tar whose members are `KEY.jpg`, `KEY.txt`, `KEY.json`; also pairs, `KEY.jpg_0.jpg` and `KEY.jpg_1.jpg`."""

    name = "webdataset"
    title = "WebDataset (tar)"

    def recognise(self, glance: Glance) -> Recognition | None:
        if glance.suffix != ".tar" or not glance.members:
            return None
        keys: dict[str, set[str]] = {}
        for member in glance.members:
            key, extension = split_key(member)
            keys.setdefault(key, set()).add(extension)
        complete = [found for found in keys.values() if any(is_media(f"x.{e}") for e in found) and len(found) > 1]
        if not complete or any("/" in member.removeprefix("./") for member in glance.members):
            return None
        return Recognition(0.9, "flat members that share a name up to the first dot")

    def read(self, path: Path, media_root: Path, workspace: Path) -> Iterator[Row | Refusal]:
        for file in look_at(path).files:
            try:
                for group in groups(file):
                    yield from _rows_of(group)
            except ArchiveRefused as error:
                yield Refusal(file.name, str(error))

    def estimate(self, path: Path) -> int | None:
        return None  # only reading a tar to its end tells


def split_key(name: str) -> tuple[str, str]:
    """`a/b.jpg_0.jpg` is the key `a/b` and the extension `jpg_0.jpg`."""
    folder, _slash, base = name.removeprefix("./").rpartition("/")
    stem, _dot, extension = base.partition(".")
    return f"{folder}/{stem}" if folder else stem, extension.lower()


def groups(path: Path) -> Iterator[Group]:
    """Samples in the order of the tar, one in memory at a time.

    Raises:
        ArchiveRefused: the tar is half-written, or unpacks to more than the limits allow.
    """
    limits = ArchiveLimits()
    group: Group | None = None
    with opened_tar(path, limits) as archive:
        for member in archive:
            if member.isdir():
                continue
            key, extension = split_key(member.name)
            if group is None or key != group.key:
                if group is not None:
                    yield group
                group = Group(key, f"{path.name}/{key}")
            _add(group, archive, member, extension)
    if group is not None:
        yield group


def _add(group: Group, archive: tarfile.TarFile, member: tarfile.TarInfo, extension: str) -> None:
    limit = MEMBER_BYTES if is_media(f"x.{extension}") else RECORD_BYTES
    if problem := member_problem(member):
        group.problem = problem
    elif member.size > limit:
        group.problem = f"{member.name} has {member.size} bytes; at most {limit} are read"
    elif extension in group.members or len(group.members) >= MEDIA_COUNT:
        group.problem = f"{member.name} is there twice, or belongs to a sample of too many files"
    elif (stream := archive.extractfile(member)) is not None:
        group.members[extension] = stream.read()


def _rows_of(group: Group) -> Iterator[Row | Refusal]:
    try:
        if group.problem:
            raise RowRefused(group.problem)
        if any(extension.startswith("jpg_0") for extension in group.members):
            yield from _pair(group)
        else:
            yield _sample(group)
    except RowRefused as error:
        yield Refusal(group.where, str(error))


def _sample(group: Group) -> SampleRow:
    """One sample. The fields of `KEY.json` are ours; others go to its meta. Several pictures are ordered views."""
    said = _json_of(group)
    pictures = sorted(extension for extension in group.members if is_media(f"x.{extension}"))
    if not pictures:
        raise RowRefused(f"no picture or video among {', '.join(sorted(group.members)) or 'its members'}")
    prompt = _prompt(group, said)
    own = {name: value for name, value in said.items() if name in SAMPLE_FIELDS and name not in {"media", "roles"}}
    extra = {name: fields.storable(value, name) for name, value in said.items() if name not in SAMPLE_FIELDS}
    own |= {"prompt": prompt, "meta": {**fields.mapping(own, "meta"), **extra}, "text": own.get("text") or ""}
    own.setdefault("sample_key", scoped_key("webdataset", group.where))
    media = tuple(
        MediaRef(path=None, data=group.members[extension], name=f"{group.key}.{extension}") for extension in pictures
    )
    row = sample_of(own, group.where, MediaFolder(Path("/")))
    return _answered_by(row, media)


def _answered_by(row: SampleRow, media: tuple[MediaRef, ...]) -> SampleRow:
    return replace(row, media=media, text=row.text or None)


def _json_of(group: Group) -> dict[str, object]:
    if "json" not in group.members:
        return {}
    said = strict_json.parse(group.members["json"])
    if not isinstance(said, dict):
        raise RowRefused(f"{group.key}.json must hold an object")
    fields.storable(said)
    return said


def _prompt(group: Group, said: Mapping[str, object]) -> str:
    for extension in PROMPT_FIELDS:
        if extension in group.members:
            return _text(group, extension)
    for name in ("prompt", "caption"):
        if said.get(name):
            return fields.text(said, name, longest=None)
    raise RowRefused(f"no prompt: neither {group.key}.txt nor a prompt or caption in {group.key}.json")


def _text(group: Group, extension: str) -> str:
    try:
        return fields.storable_text(group.members[extension].decode().strip(), f"{group.key}.{extension}")
    except UnicodeDecodeError as error:
        raise RowRefused(f"{group.key}.{extension} holds bad UTF-8 at byte {error.start + 1}") from error


def _pair(group: Group) -> Iterator[Row]:
    keys = [scoped_key("webdataset", group.where, side) for side in (0, 1)]
    said = _json_of(group)
    prompt = _prompt(group, said)
    for side in (0, 1):
        extension = next((name for name in group.members if name.startswith(f"jpg_{side}")), "")
        if not extension:
            raise RowRefused(f"jpg_{side} is missing")
        file = MediaRef(path=None, data=group.members[extension], name=f"{group.key}.{extension}")
        meta: dict[str, Json] = {name: fields.storable(value, name) for name, value in said.items()}
        yield SampleRow(prompt=prompt, sample_key=keys[side], media=(file,), meta=meta, where=group.where)
    label = next((name for name in group.members if name.startswith("label_0")), "")
    if label:
        said_label = _text(group, label)
        if said_label not in LABELS:
            raise RowRefused(f"label_0 is {said_label[:40]!r}; it must be 1, 0 or 0.5")
        yield JudgementRow(
            kind="compare",
            rater="webdataset-annotators",
            left=keys[0],
            right=keys[1],
            outcome=LABELS[said_label],
            where=group.where,
        )
