"""Pairs with scores and test sets: EditReward, VideoAlign, GenAI-Bench, VL-RewardBench.

Source of every column and winner convention: the readers published with each set; see docs/import.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from curation.formats import fields
from curation.formats.base import Recognition, RecordFormat, embedded, scoped_key, sure
from curation.formats.fields import RowRefused, shown
from curation.formats.glance import Glance
from curation.formats.media_paths import MediaFolder
from curation.formats.ours import check_ranking
from curation.formats.preferences import JSON, share, winner_first_payload
from curation.formats.records import Record
from curation.formats.rows import Json, JudgementRow, MediaRef, Refusal, Row, SampleRow

TABLES = {".json", ".jsonl", ".parquet"}


class EditReward(RecordFormat):
    """EditReward: two edits of one source, each with scores on two dimensions of 1 to 4.

    `path1` is the winner, unless `tie_case` is set or the scores of both sides are equal. `overall` counts as a
    rating only on its own scale, the sum of both dimensions (2 to 8); other numbers found there are outputs of
    models and stay in the sample's meta.
    """

    name = "editreward"
    title = "EditReward (JSON)"
    rows_per_record = 5
    dimensions = {"dim1": "instruction_following", "dim2": "visual_quality", "overall": "overall"}
    rater = "editreward-annotators"

    def recognise(self, glance: Glance) -> Recognition | None:
        return sure(glance, JSON, "prompt", "path_src", "path1", "path2", why="fields path_src, path1 and path2")

    def rows(self, record: Record, media: MediaFolder) -> Iterator[Row | Refusal]:
        values = record.values
        source = media.refs([fields.text(values, "path_src", longest=500)], "path_src")
        sides = [self._sample(record, side, source, media) for side in (1, 2)]
        yield from sides
        keys = [sample.sample_key for sample in sides]
        if keys[0] == keys[1]:
            raise RowRefused("path1 and path2 are the same picture")
        yield JudgementRow(
            kind="compare",
            rater=self.rater,
            left=keys[0],
            right=keys[1],
            outcome="tie" if self._is_tie(values) else "left",
            confidence=share(values, "confidence"),
            payload=winner_first_payload(values),
            where=record.where,
        )
        for side, key in zip((1, 2), keys, strict=True):
            yield from self._ratings(values, side, key, record.where)

    def _sample(self, record: Record, side: int, source: tuple[MediaRef, ...], media: MediaFolder) -> SampleRow:
        values = record.values
        name = fields.text(values, f"path{side}", longest=500)
        overall = self._score(values, side, "overall")
        meta: dict[str, Json] = (
            {} if overall is None or self._is_rating("overall", overall) else {"overall_score": overall}
        )
        return SampleRow(
            prompt=fields.text(values, "prompt", longest=None),
            sample_key=scoped_key(self.name, name),
            generator=fields.optional_text(values, f"model{side}") or "unknown",
            media=media.refs([name], f"path{side}"),
            roles={"source": source},
            meta=meta,
            where=record.where,
        )

    def _is_tie(self, values: Mapping[str, object]) -> bool:
        if values.get("tie_case"):
            return True
        pairs = [(self._score(values, 1, dim), self._score(values, 2, dim)) for dim in self.dimensions]
        said = [pair for pair in pairs if None not in pair]
        return bool(said) and all(first == second for first, second in said)

    def _ratings(self, values: Mapping[str, object], side: int, key: str, where: str) -> Iterator[JudgementRow]:
        for dimension, criterion in self.dimensions.items():
            value = self._score(values, side, dimension)
            if value is not None and self._is_rating(dimension, value):
                yield JudgementRow(
                    kind="rate", rater=self.rater, sample=key, criterion=criterion, value=value, where=where
                )

    def _score(self, values: Mapping[str, object], side: int, dimension: str) -> float | None:
        """The score; the list `dim_score` of files written for two heads holds both dimensions."""
        both = values.get(f"model{side}_dim_score")
        if isinstance(both, list) and dimension in {"dim1", "dim2"}:
            index = 0 if dimension == "dim1" else 1
            return fields.number({dimension: both[index]}, dimension) if index < len(both) else None
        return fields.number(values, f"model{side}_{dimension}_score")

    def _is_rating(self, dimension: str, value: float) -> bool:
        return dimension != "overall" or 2 <= value <= 8


class VideoAlign(RecordFormat):
    """VideoAlign and VideoGen-RewardBench: A, B or same on visual quality, motion quality and text alignment.

    Anything else in a verdict means that it was not given and is refused on its own; the rest of the row stands.
    """

    name = "videoalign"
    title = "VideoAlign (CSV)"
    rows_per_record = 5
    dimensions = ("VQ", "MQ", "TA", "Overall")
    outcomes = {"A": "left", "B": "right", "same": "tie"}

    def recognise(self, glance: Glance) -> Recognition | None:
        return sure(glance, {".csv"}, "path_A", "path_B", "prompt", why="columns path_A and path_B")

    def rows(self, record: Record, media: MediaFolder) -> Iterator[Row | Refusal]:
        sides = [self._sample(record, side, media) for side in "AB"]
        yield from sides
        if sides[0].sample_key == sides[1].sample_key:
            raise RowRefused("path_A and path_B are the same video")
        for dimension in self.dimensions:
            yield from self._verdict(record, dimension, sides)
            yield from self._ratings(record, dimension, sides)

    def _sample(self, record: Record, side: str, media: MediaFolder) -> SampleRow:
        values = record.values
        name = fields.text(values, f"path_{side}", longest=500)
        given = {"fps": parsed(values, f"fps_{side}"), "num_frames": parsed(values, f"num_frames_{side}")}
        return SampleRow(
            prompt=fields.text(values, "prompt", longest=None),
            sample_key=scoped_key(self.name, name),
            generator=fields.optional_text(values, f"{side}_model") or "unknown",
            media=media.refs([name], f"path_{side}"),
            meta={key: value for key, value in given.items() if value is not None},
            where=record.where,
        )

    def _verdict(self, record: Record, dimension: str, sides: list[SampleRow]) -> Iterator[Row | Refusal]:
        said = record.values.get(dimension)
        if said is None:
            return
        if said not in self.outcomes:
            yield Refusal(f"{record.where} {dimension}", f"{dimension} is {shown(said)}; it must be A, B or same")
            return
        yield JudgementRow(
            kind="compare",
            rater="videoalign-annotators",
            left=sides[0].sample_key,
            right=sides[1].sample_key,
            criterion=criterion_key(dimension),
            outcome=self.outcomes[str(said)],
            where=record.where,
        )

    def _ratings(self, record: Record, dimension: str, sides: list[SampleRow]) -> Iterator[JudgementRow]:
        for letter, sample in zip("AB", sides, strict=True):
            value = parsed(record.values, f"MOS_{letter}_{dimension}")
            if value is not None:
                yield JudgementRow(
                    kind="rate",
                    rater="videoalign-annotators",
                    sample=sample.sample_key,
                    criterion=criterion_key(dimension),
                    value=value,
                    where=record.where,
                )


def criterion_key(dimension: str) -> str:
    return "overall" if dimension == "Overall" else dimension


def parsed(values: Mapping[str, object], name: str) -> float | None:
    """A number that a CSV cell spells."""
    value = values.get(name)
    if value is None:
        return None
    try:
        return fields.finite(float(str(value)), name)
    except ValueError as error:
        raise RowRefused(f"{name} must be a number, not {shown(value)}") from error


class GenAiBench(RecordFormat):
    """GenAI-Bench (pictures, edits, videos) and the parquet of EditReward's own bench: one vote on left and right.

    `bothbad_vote` is not a tie: neither side may be chosen.
    """

    name = "genai_bench"
    title = "GenAI-Bench (JSON or Parquet)"
    rows_per_record = 3
    outcomes = {
        "leftvote": "left", "rightvote": "right", "tievote": "tie", "tie": "tie", "bothbad_vote": "both-bad",
    }  # fmt: skip
    # The first name that a row has counts.
    prompt_names = ("instruct_prompt", "instruction", "prompt")
    side_names = ("{}_output_image", "{}_image", "{}_video", "image_{}", "video_{}")

    def recognise(self, glance: Glance) -> Recognition | None:
        if self._present(glance.names, "left") and self._present(glance.names, "right"):
            return sure(glance, TABLES, "vote_type", why="a vote_type on left and right")
        return None

    def _present(self, names: Mapping[str, object] | frozenset[str], side: str) -> str:
        return next((name for pattern in self.side_names if (name := pattern.format(side)) in names), "")

    def rows(self, record: Record, media: MediaFolder) -> Iterator[Row | Refusal]:
        samples = [self._sample(record, side, media) for side in ("left", "right")]
        yield from samples
        left, right = (sample.sample_key for sample in samples)
        if left == right:
            raise RowRefused("left and right are the same file")
        vote = fields.text(record.values, "vote_type")
        if vote not in self.outcomes:
            raise RowRefused(f"vote_type is {shown(vote)}; it must be one of {', '.join(self.outcomes)}")
        rater = "genai-bench-annotators"
        yield JudgementRow(
            kind="compare", rater=rater, left=left, right=right, outcome=self.outcomes[vote], where=record.where
        )
        for side, sample in zip(("left", "right"), samples, strict=True):
            yield from self._ratings(record, side, sample)

    def _ratings(self, record: Record, side: str, sample: SampleRow) -> Iterator[JudgementRow]:
        for name in sorted(record.values):
            value = record.values[name]
            if name.startswith(f"{side}_") and name.endswith("_score") and value is not None:
                yield JudgementRow(
                    kind="rate",
                    rater="genai-bench-annotators",
                    sample=sample.sample_key,
                    criterion=name.removeprefix(f"{side}_").removesuffix("_score"),
                    value=fields.number(record.values, name),
                    where=record.where,
                )

    def _sample(self, record: Record, side: str, media: MediaFolder) -> SampleRow:
        values = record.values
        column = self._present(values, side)
        if not column:
            raise RowRefused(f"nothing on the {side}: no {side}_image, {side}_video or {side}_output_image")
        file = embedded(values[column], media, column, f"{record.where}-{side}")
        prompt_name = next((name for name in self.prompt_names if values.get(name)), "prompt")
        given = {name: values[name] for name in ("source_prompt", "target_prompt") if values.get(name)}
        return SampleRow(
            prompt=fields.text(values, prompt_name, longest=None),
            sample_key=scoped_key(self.name, _name_of(file)),
            generator=fields.optional_text(values, f"{side}_model") or "unknown",
            media=(file,),
            roles=self._roles(record, media),
            prompt_meta={name: fields.storable(value, name) for name, value in given.items()},
            where=record.where,
        )

    def _roles(self, record: Record, media: MediaFolder) -> dict[str, tuple[MediaRef, ...]]:
        source = record.values.get("source_image")
        if source is None:
            return {}
        return {"source": (embedded(source, media, "source_image", f"{record.where}-source"),)}


def _name_of(file: MediaRef) -> str:
    """A file's name, or a digest of its bytes: embedded pictures are often all called the same."""
    return file.name if file.data is None else hashlib.sha256(file.data).hexdigest()[:32]


class VlRewardBench(RecordFormat):
    """VL-RewardBench: a question about a picture, two answers, and people's ranking of them.

    `human_ranking` has one rank an answer, lower is better: [0, 1] says that the first is better.
    """

    name = "vl_rewardbench"
    title = "VL-RewardBench (Parquet or JSON)"
    rows_per_record = 3

    def recognise(self, glance: Glance) -> Recognition | None:
        return sure(
            glance, TABLES, "query", "response", "human_ranking", why="fields query, response and human_ranking"
        )

    def rows(self, record: Record, media: MediaFolder) -> Iterator[Row | Refusal]:
        values = record.values
        item = fields.label(values, "id") or record.where
        answers = fields.texts(values, "response", longest=None)
        ranks = fields.integers(values, "human_ranking")
        keys = tuple(scoped_key(self.name, item, position + 1) for position in range(len(answers)))
        for key, position in zip(keys, range(len(answers)), strict=True):
            yield self._sample(record, item, key, position, media)
        check_ranking(keys, ranks)
        note = values.get("rationale")
        yield JudgementRow(
            kind="rank",
            rater="vl-rewardbench-annotators",
            samples=keys,
            ranks=ranks,
            note=note if isinstance(note, str) else "",
            where=record.where,
        )

    def _sample(self, record: Record, item: str, key: str, position: int, media: MediaFolder) -> SampleRow:
        values = record.values
        models = fields.texts(values, "models")
        truth = fields.optional_text(values, "ground_truth", longest=None)
        picture = values.get("image")
        roles: dict[str, tuple[MediaRef, ...]] = {}
        if picture is not None:
            roles["source"] = (embedded(picture, media, "image", f"{item}.png"),)
        return SampleRow(
            prompt=fields.text(values, "query", longest=None),
            prompt_key=scoped_key(self.name, item),
            sample_key=key,
            generator=models[position] if position < len(models) else "unknown",
            text=fields.texts(values, "response", longest=None)[position],
            roles=roles,
            facts={"answer": truth} if truth else {},
            tags=fields.texts(values, "query_source", longest=100) if values.get("query_source") else (),
            where=record.where,
        )
