"""Pairs and rankings with pictures as research groups publish them: Pick-a-Pic, ImageReward, HPDv2, HPDv3.

Source of every column and winner convention: the readers of the trainers that were published with each set;
see docs/import.md for the table.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping

from curation.formats import fields
from curation.formats.base import Recognition, RecordFormat, embedded, scoped_key, sure
from curation.formats.fields import RowRefused, shown
from curation.formats.glance import Glance
from curation.formats.media_paths import MediaFolder
from curation.formats.ours import check_ranking
from curation.formats.records import Record
from curation.formats.rows import Json, JudgementRow, Refusal, Row, SampleRow

JSON = {".json", ".jsonl"}


class PickAPic(RecordFormat):
    """Pick-a-Pic v1 and v2: one row is one user's verdict on two pictures.

    `label_0` is 1 when the first picture won, 0 when it lost and 0.5 for a tie; `label_1` is its complement.
    """

    name = "pickapic"
    title = "Pick-a-Pic v1/v2 (Parquet)"
    rows_per_record = 3
    columns = (
        "caption", "jpg_0", "jpg_1", "label_0", "label_1", "has_label", "model_0", "model_1", "image_0_uid",
        "image_1_uid", "image_0_url", "image_1_url", "ranking_id", "user_id", "created_at",
    )  # fmt: skip

    def recognise(self, glance: Glance) -> Recognition | None:
        wanted = ("caption", "jpg_0", "jpg_1", "label_0")
        return sure(glance, {".parquet"}, *wanted, why="columns caption, jpg_0, jpg_1 and label_0", confidence=0.98)

    def rows(self, record: Record, media: MediaFolder) -> Iterator[Row | Refusal]:
        values = record.values
        keys = [self._key(values, side) for side in (0, 1)]
        for side in (0, 1):
            yield self._sample(values, side, keys[side], record.where, media)
        if values.get("has_label") is False:
            return
        ranking = fields.label(values, "ranking_id")
        yield JudgementRow(
            kind="compare",
            rater=f"pickapic-user-{fields.label(values, 'user_id') or 'unknown'}",
            left=keys[0],
            right=keys[1],
            outcome=self._outcome(values),
            key=f"pickapic:{ranking}" if ranking else "",
            at=fields.moment(values, "created_at"),
            where=record.where,
        )

    def _key(self, values: Mapping[str, object], side: int) -> str:
        return scoped_key("pickapic", fields.text(values, f"image_{side}_uid"))

    def _sample(self, values: Mapping[str, object], side: int, key: str, where: str, media: MediaFolder) -> SampleRow:
        uid = fields.text(values, f"image_{side}_uid")
        url = values.get(f"image_{side}_url")
        picture = values.get(f"jpg_{side}")
        return SampleRow(
            prompt=fields.text(values, "caption", longest=None),
            sample_key=key,
            generator=fields.optional_text(values, f"model_{side}") or "unknown",
            media=(embedded(f"{uid}.jpg" if picture is None else picture, media, f"jpg_{side}", f"{uid}.jpg"),),
            meta={"url": url} if isinstance(url, str) and url else {},
            where=where,
        )

    def _outcome(self, values: Mapping[str, object]) -> str:
        first, second = fields.number(values, "label_0"), fields.number(values, "label_1")
        if first not in {0.0, 0.5, 1.0} or (second is not None and second != 1.0 - first):
            raise RowRefused(f"label_0 is {shown(first)} and label_1 {shown(second)}; 1 and 0, 0 and 1 or 0.5 each")
        return {1.0: "left", 0.0: "right", 0.5: "tie"}[first]


class ImageReward(RecordFormat):
    """ImageReward and the rank evaluation of HPSv3: `ranking` gives each picture a rank.

    Lower is better, equal ranks tie, and ranks need not be dense.
    """

    name = "imagereward"
    title = "ImageReward (JSON)"
    rows_per_record = 5

    def recognise(self, glance: Glance) -> Recognition | None:
        return sure(glance, JSON, "prompt", "generations", "ranking", why="fields generations and ranking")

    def rows(self, record: Record, media: MediaFolder) -> Iterator[Row | Refusal]:
        values = record.values
        ranks = fields.integers(values, "ranking")
        group = fields.label(values, "id")
        keys = yield from _pictures(record, media, self.name, "generations", prompt_key=group)
        check_ranking(keys, ranks)
        yield JudgementRow(
            kind="rank",
            rater="imagereward-annotators",
            samples=keys,
            ranks=ranks,
            key=_act_key(self.name, group),
            where=record.where,
        )


def _pictures(
    record: Record, media: MediaFolder, scope: str, field: str, *, prompt_key: str = "", ranks: tuple[int, ...] = ()
) -> Generator[SampleRow, None, tuple[str, ...]]:
    """Yields one sample a file name in the field and returns their keys."""
    names = fields.texts(record.values, field, longest=500)
    prompt = fields.text(record.values, "prompt", longest=None)
    keys = []
    for position, name in enumerate(names):
        keys.append(scoped_key(scope, name))
        meta: dict[str, Json] = {"rank": ranks[position]} if len(ranks) == len(names) else {}
        yield SampleRow(
            prompt=prompt,
            prompt_key=scoped_key(scope, prompt_key) if prompt_key else "",
            sample_key=keys[-1],
            media=media.refs([name]),
            meta=meta,
            where=record.where,
        )
    return tuple(keys)


def _act_key(scope: str, *parts: str) -> str:
    """A judgement's key of at most 100 characters, or empty when a part is missing."""
    key = ":".join((scope, *parts))
    return key if all(parts) and len(key) <= 100 else ""


class HpdV2(RecordFormat):
    """Human Preference Dataset v2, training pairs and test rankings.

    Training: `file_path` names two pictures and `human_preference` has a 1 at the preferred one; the older layout
    gives its index as `pap_pref`. Test: `image_path` and `raw_annotations`, one ranking a user, lower is better;
    the pooled `rank` stays in the samples' meta, since the users' rankings already say it.
    """

    name = "hpdv2"
    title = "HPDv2 (JSON, train and test)"
    rows_per_record = 3

    def recognise(self, glance: Glance) -> Recognition | None:
        if glance.has("file_path") and (glance.has("human_preference") or glance.has("pap_pref")):
            return sure(glance, JSON, "prompt", why="fields file_path and human_preference")
        return sure(glance, JSON, "prompt", "image_path", "rank", why="fields image_path and rank")

    def rows(self, record: Record, media: MediaFolder) -> Iterator[Row | Refusal]:
        if "file_path" in record.values:
            yield from self._pair(record, media)
        else:
            yield from self._ranking(record, media)

    def _pair(self, record: Record, media: MediaFolder) -> Iterator[Row | Refusal]:
        keys = yield from _pictures(record, media, self.name, "file_path")
        if len(keys) != 2:
            raise RowRefused(f"file_path names {len(keys)} pictures; a preference is between two")
        yield JudgementRow(
            kind="compare",
            rater=f"hpdv2-{fields.label(record.values, 'user_hash') or 'annotators'}",
            left=keys[0],
            right=keys[1],
            outcome=self._outcome(record.values),
            where=record.where,
        )

    def _outcome(self, values: Mapping[str, object]) -> str:
        if "pap_pref" in values:
            winner = fields.integer(values, "pap_pref", (0, 1))
            return "left" if winner == 0 else "right"
        preference = fields.integers(values, "human_preference")
        if preference not in {(1, 0), (0, 1)}:
            raise RowRefused(f"human_preference is {shown(list(preference))}; it must be [1, 0] or [0, 1]")
        return "left" if preference == (1, 0) else "right"

    def _ranking(self, record: Record, media: MediaFolder) -> Iterator[Row | Refusal]:
        values = record.values
        pooled = fields.integers(values, "rank")
        keys = yield from _pictures(record, media, self.name, "image_path", ranks=pooled)
        votes = fields.listing(values, "raw_annotations") or fields.listing(values, "raw_annotation")
        for vote in votes or [{"rank": list(pooled)}]:
            if not isinstance(vote, dict):
                raise RowRefused(f"an annotation must be an object, not {shown(vote)}")
            ranks = fields.integers(vote, "rank")
            check_ranking(keys, ranks)
            rater = f"hpdv2-{fields.label(vote, 'user_hash') or 'annotators'}"
            yield JudgementRow(kind="rank", rater=rater, samples=keys, ranks=ranks, where=record.where)


class HpdV3(RecordFormat):
    """HPDv3 as HPSv3 reads it: `path1` is always the winner, so the sides say nothing about what was shown where.

    `choice_dist` counts the votes, sorted; `confidence` is the share of the larger count.
    """

    name = "hpdv3"
    title = "HPDv3 / HPSv3 (JSON)"
    rows_per_record = 3

    def recognise(self, glance: Glance) -> Recognition | None:
        if glance.has("path_src"):
            return None
        return sure(glance, JSON, "prompt", "path1", "path2", why="fields path1 and path2", confidence=0.9)

    def rows(self, record: Record, media: MediaFolder) -> Iterator[Row | Refusal]:
        values = record.values
        left, right = (_side(record, media, self.name, side) for side in (1, 2))
        yield left
        yield right
        if left.sample_key == right.sample_key:
            raise RowRefused("path1 and path2 are the same picture")
        yield JudgementRow(
            kind="compare",
            rater="hpdv3-annotators",
            left=left.sample_key,
            right=right.sample_key,
            outcome="left",
            confidence=share(values, "confidence"),
            payload=winner_first_payload(values),
            where=record.where,
        )


def _side(record: Record, media: MediaFolder, scope: str, side: int) -> SampleRow:
    name = fields.text(record.values, f"path{side}", longest=500)
    return SampleRow(
        prompt=fields.text(record.values, "prompt", longest=None),
        sample_key=scoped_key(scope, name),
        generator=fields.optional_text(record.values, f"model{side}") or "unknown",
        media=media.refs([name]),
        where=record.where,
    )


def share(values: Mapping[str, object], name: str) -> float | None:
    """A number between 0 and 1, or None."""
    found = fields.number(values, name)
    if found is not None and not 0 <= found <= 1:
        raise RowRefused(f"{name} is {found}; it must lie between 0 and 1")
    return found


def winner_first_payload(values: Mapping[str, object]) -> dict[str, Json]:
    """What a file that always puts the winner first leaves unsaid, written down with its vote counts."""
    payload: dict[str, Json] = {"sides": "winner first"}
    if values.get("choice_dist") is not None:
        payload["choice_dist"] = fields.storable(values["choice_dist"], "choice_dist")
    return payload
