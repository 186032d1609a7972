"""Text and multimodal answers that are chosen or rejected: RewardBench, M-RewardBench, RewardBench 2, MM-RLHF.

Source of every column: the data cards and readers published with each set; see docs/import.md. All of them name the
better answer first, so the sides say nothing about what was shown where.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping

from curation.formats import fields
from curation.formats.base import Recognition, RecordFormat, scoped_key, sure
from curation.formats.fields import RowRefused, shown
from curation.formats.glance import Glance
from curation.formats.media_paths import MediaFolder, is_picture
from curation.formats.records import Record
from curation.formats.rows import Json, JudgementRow, MediaRef, Refusal, Row, SampleRow

TABLES = {".json", ".jsonl", ".parquet"}
WINNER_FIRST: dict[str, Json] = {"sides": "winner first"}
# Frames of a video folder that become the source of a prompt, evenly spread.
MOST_FRAMES = 10
_PLACEHOLDER = re.compile(r"<(?:image|video)>\s*")


class RewardBench(RecordFormat):
    """RewardBench and M-RewardBench: one chosen and one rejected answer; the latter in many languages.

    `language` becomes the prompt's locale. The translations of a prompt share its `id` in the source, so the key names
    both.
    """

    name = "reward_bench"
    title = "RewardBench, M-RewardBench (JSON or Parquet)"
    rows_per_record = 3

    def recognise(self, glance: Glance) -> Recognition | None:
        return sure(
            glance,
            TABLES,
            "prompt",
            "chosen",
            "rejected",
            "chosen_model",
            "rejected_model",
            why="fields chosen, rejected and their models",
        )

    def rows(self, record: Record, media: MediaFolder) -> Iterator[Row | Refusal]:
        values = record.values
        locale = fields.optional_text(values, "language", longest=20) or "en"
        item = fields.label(values, "id") or record.where
        keys = [scoped_key(self.name, locale, item, side) for side in ("chosen", "rejected")]
        for key, side in zip(keys, ("chosen", "rejected"), strict=True):
            yield self._sample(values, key, side, locale, item, record.where)
        yield JudgementRow(
            kind="compare",
            rater=f"{self.name}-annotators",
            left=keys[0],
            right=keys[1],
            outcome="left",
            payload=WINNER_FIRST,
            where=record.where,
        )

    def _sample(
        self, values: Mapping[str, object], key: str, side: str, locale: str, item: str, where: str
    ) -> SampleRow:
        return SampleRow(
            prompt=fields.text(values, "prompt", longest=None),
            prompt_key=scoped_key(self.name, locale, item),
            sample_key=key,
            generator=fields.optional_text(values, f"{side}_model") or "unknown",
            text=fields.text(values, side, longest=None),
            tags=_tags(values, "category", "subset", "source"),
            locale=locale,
            where=where,
        )


class RewardBench2(RecordFormat):
    """RewardBench 2: usually one right answer against three wrong ones; each right one stands above each wrong one.

    Nothing is said of two right answers, nor of two wrong ones. `models` names who wrote each, the right ones first.
    """

    name = "reward_bench_2"
    title = "RewardBench 2 (JSON or Parquet)"
    rows_per_record = 5

    def recognise(self, glance: Glance) -> Recognition | None:
        return sure(
            glance,
            TABLES,
            "prompt",
            "chosen",
            "rejected",
            "num_correct",
            "num_incorrect",
            why="fields num_correct and num_incorrect",
        )

    def rows(self, record: Record, media: MediaFolder) -> Iterator[Row | Refusal]:
        values = record.values
        item = fields.label(values, "id") or record.where
        right = fields.texts(values, "chosen", longest=None)
        wrong = fields.texts(values, "rejected", longest=None)
        if not right or not wrong:
            raise RowRefused(f"{len(right)} chosen and {len(wrong)} rejected answers; at least one of each is needed")
        self._check_counts(values, len(right), len(wrong))
        models = fields.texts(values, "models")
        keys = tuple(scoped_key(self.name, item, place + 1) for place in range(len(right) + len(wrong)))
        for place, (key, text) in enumerate(zip(keys, (*right, *wrong), strict=True)):
            yield SampleRow(
                prompt=fields.text(values, "prompt", longest=None),
                prompt_key=scoped_key(self.name, item),
                sample_key=key,
                generator=models[place] if place < len(models) else models[0] if len(models) == 1 else "unknown",
                text=text,
                tags=_tags(values, "subset"),
                where=record.where,
            )
        yield JudgementRow(
            kind="choose",
            rater=f"{self.name}-annotators",
            samples=keys,
            pairs=tuple((up, len(right) + down) for up in range(len(right)) for down in range(len(wrong))),
            payload=WINNER_FIRST,
            where=record.where,
        )

    def _check_counts(self, values: Mapping[str, object], right: int, wrong: int) -> None:
        for name, count in (("num_correct", right), ("num_incorrect", wrong)):
            stated = fields.integer(values, name)
            if stated is not None and stated != count:
                raise RowRefused(f"{name} is {shown(stated)}, but {count} answers are listed")


class MmRlhf(RecordFormat):
    """MM-RLHF: a question about pictures or a video, a chosen and a rejected answer, and why.

    A video is a folder of frames in order; ten of them, evenly spread, become the source of the prompt, as its own
    reader draws ten. `is_tie` makes the verdict a tie.
    """

    name = "mm_rlhf"
    title = "MM-RLHF (JSON Lines or Parquet)"
    rows_per_record = 3

    def recognise(self, glance: Glance) -> Recognition | None:
        if not (glance.has("image") or glance.has("video")) or glance.has("chosen_model", "rejected_model"):
            return None
        return sure(
            glance,
            TABLES,
            "prompt",
            "chosen",
            "rejected",
            why="chosen and rejected answers about an image or a video",
            confidence=0.9,
        )

    def rows(self, record: Record, media: MediaFolder) -> Iterator[Row | Refusal]:
        values = record.values
        item = fields.label(values, "id") or record.where
        source = self._source(values, media)
        keys = [scoped_key(self.name, item, side) for side in ("chosen", "rejected")]
        for key, side in zip(keys, ("chosen", "rejected"), strict=True):
            yield SampleRow(
                prompt=_PLACEHOLDER.sub("", fields.text(values, "prompt", longest=None)).strip(),
                prompt_key=scoped_key(self.name, item),
                sample_key=key,
                generator=fields.optional_text(values, f"{side}_model") or "unknown",
                text=fields.text(values, side, longest=None),
                roles={"source": source},
                tags=_tags(values, "category", "task"),
                where=record.where,
            )
        yield JudgementRow(
            kind="compare",
            rater=f"{self.name}-annotators",
            left=keys[0],
            right=keys[1],
            outcome="tie" if values.get("is_tie") else "left",
            note=self._reasons(values),
            payload=WINNER_FIRST,
            where=record.where,
        )

    def _source(self, values: Mapping[str, object], media: MediaFolder) -> tuple[MediaRef, ...]:
        if values.get("image"):
            return media.refs(values["image"], "image")
        video = media.ref(values.get("video"), "video")
        frames = _frames(video)
        if not frames:
            return (video,)
        spread = [frames[place * len(frames) // MOST_FRAMES] for place in range(MOST_FRAMES)]
        chosen = frames if len(frames) <= MOST_FRAMES else spread
        return media.refs([os.path.join(video.name, name) for name in chosen], "video")

    def _reasons(self, values: Mapping[str, object]) -> str:
        said = [(side, fields.optional_text(values, f"{side}_reason", longest=None)) for side in ("chosen", "rejected")]
        return "\n".join(f"{side}: {reason}" for side, reason in said if reason)


def _frames(video: MediaRef) -> list[str]:
    """The names of the pictures in a folder of frames, in their order; none where it is a file or absent."""
    if video.path is None or not os.path.isdir(video.path):
        return []
    return sorted(name for name in os.listdir(video.path) if is_picture(name))


def _tags(values: Mapping[str, object], *names: str) -> tuple[str, ...]:
    found = (fields.optional_text(values, name, longest=100) for name in names)
    return tuple(dict.fromkeys(tag for tag in found if tag))
