"""A frozen version as the plain rows that writers take: ids resolved in batches, people made pseudonyms.

The version's Parquet says which pairs there are; the database says what their samples look like and what was
said of them up to the moment the version was frozen. What must not leave (withdrawn rows, deleted samples,
media that are not here) is decided once, before the first row, and counted by reason.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, TypeVar

from django.db.models import Prefetch

from curation.actions import media
from curation.errors import Refused
from curation.exports.privacy import Pseudonyms, day_of, without_traces
from curation.exports.rows import (
    ExportCandidate,
    ExportFlag,
    ExportGenerator,
    ExportMark,
    ExportMedia,
    ExportNote,
    ExportOpinion,
    ExportPair,
    ExportPrompt,
    ExportRater,
    ExportSample,
    ExportScore,
    ExportSubject,
    ExportVote,
    Json,
)
from curation.media import heatmaps
from curation.models import (
    Comparison,
    DatasetVersion,
    Flag,
    Judgement,
    Mark,
    Note,
    Prompt,
    PromptMedia,
    Rater,
    RaterStanding,
    Rendition,
    Sample,
    SampleMedia,
    Score,
)

PERSONAL = (Rater.Kind.PERSON, Rater.Kind.BEHAVIOUR)

T = TypeVar("T")
Statement = tuple[int, int]  # judgement and position


@dataclass(frozen=True)
class Options:
    """What the person who exports decides: about people's data, and within formats."""

    with_notes: bool = False
    with_annotators: bool = True
    # Choices within formats, `chosen-rejected.sizes` -> `keep`.
    formats: Mapping[str, str] = field(default_factory=dict)


@dataclass
class RowBuilder:
    """Turns rows of a version's Parquet into export rows, a batch at a time.

    Costs about fifteen queries a batch, whatever its size.
    """

    version: DatasetVersion
    pseudonyms: Pseudonyms
    options: Options
    # Renditions of the batch in hand: the writer asks for their bytes while it writes the batch.
    _renditions: dict[str, Rendition] = field(default_factory=dict)

    def pairs(self, rows: Sequence[Mapping[str, Any]]) -> list[ExportPair]:
        """Export pairs for rows of `recipes.tables.PAIRS` that also carry `pairs_of_prompt` and `is_first`."""
        subjects = {(row[f"{side}_id"], row[f"{side}_prompt_id"]) for row in rows for side in ("chosen", "rejected")}
        built = self._subjects(subjects, _read(rows, "score"))
        votes = self._votes(rows, _read(rows, "comparison"))
        said = self._pair_notes({key[0] for vote in votes.values() for key in vote})
        return [self._pair(row, built, votes[row["pair_id"]], said) for row in rows]

    def candidates(self, rows: Sequence[Mapping[str, Any]]) -> list[ExportCandidate]:
        """Export candidates for rows of `recipes.tables.SAMPLES` that also carry how often they were on each side."""
        built = self._subjects({(row["sample_id"], row["prompt_id"]) for row in rows}, _read(rows, "score"))
        return [
            ExportCandidate(
                subject=built[row["sample_id"], row["prompt_id"]],
                split=row["split"],
                label={"chosen": True, "rejected": False}.get(row["role"]),
                times_chosen=row["times_chosen"],
                times_rejected=row["times_rejected"],
            )
            for row in rows
        ]

    def opinions(
        self, ids: Sequence[int], present: Collection[Statement], pair_ids: Mapping[frozenset[int], str]
    ) -> Iterator[ExportOpinion]:
        """Comparisons whose sample with the smaller id is one of these, between two subjects that are present."""
        between = Comparison.objects.filter(pair_low__in=ids).select_related(
            "left_sample", "right_sample", "left_prompt", "right_prompt"
        )
        since = self.quarantined_since()
        for one in self.said_by_then(between):
            left, right = (one.left_sample_id, one.left_prompt_id), (one.right_sample_id, one.right_prompt_id)
            if left in present and right in present:
                apart_since = since.get(one.rater_id)
                is_apart = apart_since is not None and one.judgement.at >= apart_since
                yield self._opinion(one, pair_ids.get(frozenset((left[0], right[0])), ""), is_apart)

    def quarantined_since(self) -> dict[int, datetime]:
        """Since when each rater stands in quarantine; recipes read nothing they said after it."""
        project = self.version.dataset.project_id
        newest = RaterStanding.objects.filter(project=project).order_by("rater_id", "-id").distinct("rater_id")
        return {row.rater_id: row.since for row in newest if row.state == RaterStanding.State.QUARANTINED}

    def _opinion(self, one: Comparison, pair_id: str, is_apart: bool) -> ExportOpinion:
        judgement = one.judgement
        return ExportOpinion(
            rater=self.rater(one.rater),
            statement=_name((one.judgement_id, one.position)),
            act=str(one.judgement_id),
            left=(one.left_sample.identity, one.left_prompt.identity),
            right=(one.right_sample.identity, one.right_prompt.identity),
            outcome=one.outcome.replace("-", "_"),
            criterion=one.criterion_version.criterion.key,
            criterion_version=one.criterion_version.number,
            pair_id=pair_id,
            strength=one.strength,
            confidence=one.confidence,
            seconds=judgement.seconds,
            at=day_of(judgement.at, one.rater.kind),
            purpose=judgement.purpose,
            context=one.context.name if one.context else "",
            occasion=one.occasion,
            is_implied=one.is_implied,
            is_apart=is_apart,
        )

    def open_media(self, sha256: str) -> BinaryIO:
        """The bytes of a rendition.

        Raises:
            FileNotFoundError: no rendition has this digest, or its file is gone.
        """
        rendition = self._renditions.get(sha256) or Rendition.objects.filter(sha256=sha256).first()
        if rendition is None:
            raise FileNotFoundError(sha256)
        return media.local_path(rendition=rendition).open("rb")

    # -- pairs -----------------------------------------------------------------------------------

    def _pair(
        self,
        row: Mapping[str, Any],
        built: Mapping[Statement, ExportSubject],
        votes: Mapping[Statement, ExportVote],
        said: Mapping[int, list[ExportNote]],
    ) -> ExportPair:
        chosen, rejected = (built[row[f"{side}_id"], row[f"{side}_prompt_id"]] for side in ("chosen", "rejected"))
        judgements = dict.fromkeys(judgement for judgement, _position in votes)
        return ExportPair(
            pair_id=row["pair_id"],
            split=row["split"],
            first=chosen,
            second=rejected,
            preference="first",
            basis=row["basis"],
            criterion=row["criterion"],
            margin=row["margin"],
            confidence=row["confidence"],
            evidence=tuple(_name((item["judgement_id"], item["position"])) for item in row["evidence"] or ()),
            votes=tuple(votes.values()),
            notes=tuple(note for judgement in judgements for note in said.get(judgement, [])),
            created_at=self.version.frozen_at,
            group_id=chosen.prompt.id,
            pairs_of_prompt=row["pairs_of_prompt"],
            is_first_of_prompt=row["is_first"],
            extra=_facts_of(row),
        )

    def _votes(self, rows: Sequence[Mapping[str, Any]], read: set[Statement]) -> dict[str, dict[Statement, ExportVote]]:
        """For each pair the comparisons of exactly its two subjects, by statement."""
        wanted: dict[tuple[Statement, Statement], str] = {}
        for row in rows:
            chosen, rejected = ((row[f"{side}_id"], row[f"{side}_prompt_id"]) for side in ("chosen", "rejected"))
            wanted[chosen, rejected] = row["pair_id"]
        samples = {sample for couple in wanted for sample, _prompt in couple}
        found: dict[str, dict[Statement, ExportVote]] = {row["pair_id"]: {} for row in rows}
        between = Comparison.objects.filter(pair_low__in=samples, pair_high__in=samples)
        for one in self.said_by_then(between, read):
            left, right = (one.left_sample_id, one.left_prompt_id), (one.right_sample_id, one.right_prompt_id)
            for couple, left_is in (((left, right), "first"), ((right, left), "second")):
                if couple in wanted:
                    key = (one.judgement_id, one.position)
                    found[wanted[couple]][key] = self._vote(one, left_is, key in read)
        return found

    def _vote(self, one: Comparison, left_is: Any, was_read: bool) -> ExportVote:
        right_is: Any = "second" if left_is == "first" else "first"
        outcome = {"left": left_is, "right": right_is, "tie": "tie", "both-bad": "both_bad"}[one.outcome]
        judgement = one.judgement
        return ExportVote(
            rater=self.rater(one.rater),
            criterion=one.criterion_version.criterion.key,
            criterion_version=one.criterion_version.number,
            outcome=outcome,
            shown_left=left_is,
            statement=_name((one.judgement_id, one.position)),
            strength=one.strength,
            confidence=one.confidence,
            seconds=judgement.seconds,
            at=day_of(judgement.at, one.rater.kind),
            purpose=judgement.purpose,
            context=one.context.name if one.context else "",
            occasion=one.occasion,
            is_implied=one.is_implied,
            was_read=was_read,
        )

    def _pair_notes(self, judgements: set[int]) -> dict[int, list[ExportNote]]:
        """Critiques written about a comparison itself, by judgement."""
        notes: dict[int, list[ExportNote]] = defaultdict(list)
        for row in self.said_by_then(Note.objects.filter(judgement_id__in=judgements, sample=None)):
            if self._may_show(row.rater):
                notes[row.judgement_id].append(self._note(row))
        return notes

    # -- subjects --------------------------------------------------------------------------------

    def _subjects(self, keys: set[Statement], read: set[Statement]) -> dict[Statement, ExportSubject]:
        """Subjects by sample and prompt id."""
        samples = self._samples({sample for sample, _prompt in keys})
        prompts = self._prompts({prompt for _sample, prompt in keys} | {row.prompt_id for row in samples.values()})
        built_samples = {pk: self._sample(row, prompts[row.prompt_id]) for pk, row in samples.items()}
        scores, marks, notes = self._scores(samples, read), self._marks(samples), self._notes(samples)
        flags = self._flags(samples)
        return {
            (sample, prompt): ExportSubject(
                sample=built_samples[sample],
                prompt=prompts[prompt],
                scores=tuple(scores[sample, prompt]),
                marks=tuple(marks[sample, prompt]),
                notes=tuple(notes[sample, prompt]),
                flags=tuple(flags[sample]),
            )
            for sample, prompt in keys
        }

    def _samples(self, ids: set[int]) -> dict[int, Sample]:
        shown = SampleMedia.objects.filter(role="").select_related("asset").prefetch_related("asset__renditions")
        rows = Sample.objects.filter(pk__in=ids).select_related("generator", "parent")
        return {row.pk: row for row in rows.prefetch_related(Prefetch("media", shown))}

    def _prompts(self, ids: set[int]) -> dict[int, ExportPrompt]:
        inputs = PromptMedia.objects.select_related("asset").prefetch_related("asset__renditions")
        rows = Prompt.objects.filter(pk__in=ids).prefetch_related(Prefetch("media", inputs))
        return {row.pk: self._prompt(row) for row in rows}

    def _prompt(self, row: Prompt) -> ExportPrompt:
        return ExportPrompt(
            id=row.identity,
            text=row.text,
            key=str(without_traces(row.key)),
            turns=tuple((str(turn["role"]), str(turn["content"])) for turn in row.turns or []),
            inputs=tuple(self._medium(place, role=place.role) for place in row.media.all()),
            locale=row.locale,
            tags=tuple(row.tags),
            facts=row.facts,
            licence=row.licence or self.version.dataset.project.licence,
        )

    def _sample(self, row: Sample, prompt: ExportPrompt) -> ExportSample:
        return ExportSample(
            id=row.identity,
            prompt=prompt,
            generator=ExportGenerator(
                name=str(without_traces(row.generator.name)),
                revision=str(without_traces(row.generator.revision)),
                kind=row.generator.kind,  # type: ignore[arg-type]  # the database knows the three kinds
                settings=_traceless(row.generator.settings),
            ),
            key=str(without_traces(row.key)),
            media=tuple(self._medium(place) for place in row.media.all()),
            text=row.text,
            seed=row.seed,
            settings=_traceless(row.settings),
            round=row.round,
            parent_id=row.parent.identity if row.parent else "",
            branch=row.branch,
            licence=row.licence or self.version.dataset.project.licence,
            tags=tuple(row.tags),
        )

    def _medium(self, place: SampleMedia | PromptMedia, role: str = "") -> ExportMedia:
        asset = place.asset
        rendition = max(asset.renditions.all(), key=lambda one: one.recipe_version) if asset else None
        if asset is None or rendition is None:
            raise Refused(f"The file {place.absent_name or place.address} is not here, so it cannot be exported.")
        self._renditions[rendition.sha256] = rendition
        return ExportMedia(
            sha256=rendition.sha256,
            mime=rendition.mime,
            kind=asset.kind,  # type: ignore[arg-type]  # side files have another role and are not asked for
            width=rendition.width,
            height=rendition.height,
            frames=asset.frames or 0,
            fps=asset.fps or 0.0,
            duration_us=asset.duration_us or 0,
            role=role,
        )

    # -- statements ------------------------------------------------------------------------------

    def said_by_then(self, rows: Any, read: Collection[Statement] = ()) -> list[Any]:
        """Living labels made before the version was frozen, and whatever the recipe read, in order of statements.

        What was retracted after it was read stays in the version, which is immutable; a withdrawal of consent
        takes the whole pair away before any row is built. The two are asked for apart, because the index on
        samples covers living statements only.
        """
        related = ["judgement", "rater", "criterion_version__criterion"]
        if rows.model in (Score, Comparison):
            related.append("context")
        rows = rows.select_related(*related)
        living = rows.filter(
            is_retracted=False,
            judgement__purpose__in=Judgement.COUNTED_PURPOSES,
            judgement__created_at__lte=self.version.frozen_at,
        )
        found = {(row.judgement_id, row.position): row for row in living}
        missing = set(read) - found.keys()
        if missing:
            retracted = rows.filter(judgement_id__in={judgement for judgement, _position in missing})
            found |= {key: row for row in retracted if (key := (row.judgement_id, row.position)) in missing}
        return [found[key] for key in sorted(found)]

    def _scores(self, samples: Mapping[int, Sample], read: set[Statement]) -> dict[Statement, list[ExportScore]]:
        found: dict[Statement, list[ExportScore]] = defaultdict(list)
        for row in self.said_by_then(Score.objects.filter(sample_id__in=samples), read):
            was_read = (row.judgement_id, row.position) in read
            found[row.sample_id, row.prompt_id].append(self._score(row, was_read))
        return found

    def _score(self, row: Score, was_read: bool) -> ExportScore:
        version = row.criterion_version
        return ExportScore(
            rater=self.rater(row.rater),
            criterion=version.criterion.key,
            criterion_version=version.number,
            value=row.value,
            statement=_name((row.judgement_id, row.position)),
            spread=row.spread,
            low=version.low,
            high=version.high,
            unit=version.unit,
            context=row.context.name if row.context else "",
            occasion=row.occasion,
            was_read=was_read,
            is_higher_better=version.higher_is_better,
        )

    def _marks(self, samples: Mapping[int, Sample]) -> dict[Statement, list[ExportMark]]:
        found: dict[Statement, list[ExportMark]] = defaultdict(list)
        for row in self.said_by_then(Mark.objects.filter(sample_id__in=samples)):
            if self._may_show(row.rater):
                found[row.sample_id, row.prompt_id].append(self._mark(row))
        return found

    def _mark(self, row: Mark) -> ExportMark:
        version = row.criterion_version
        heat = row.points if row.shape == Mark.Shape.HEATMAP and isinstance(row.points, dict) else {}
        has_cells = heatmaps.is_packed(heat)
        points = heatmaps.box_of(heat) if row.shape == Mark.Shape.HEATMAP else row.points or []
        return ExportMark(
            rater=self.rater(row.rater),
            target=row.target,
            shape=row.shape,
            statement=_name((row.judgement_id, row.position)),
            criterion=version.criterion.key if version else "",
            error_type=row.error_type,
            media_index=row.media_index,
            input_role=row.input_role,
            points=tuple((float(x), float(y)) for x, y in points),
            start=row.start,
            end=row.end,
            asset_sha256=str(heat.get("asset", "")),
            text=row.text,
            value=row.value,
            unit=version.unit if version and row.value is not None else "",
            grid=tuple(tuple(cells) for cells in heatmaps.unpacked(heat).tolist()) if has_cells else (),
        )

    def _notes(self, samples: Mapping[int, Sample]) -> dict[Statement, list[ExportNote]]:
        found: dict[Statement, list[ExportNote]] = defaultdict(list)
        for row in self.said_by_then(Note.objects.filter(sample_id__in=samples)):
            if self._may_show(row.rater):
                found[row.sample_id, row.prompt_id].append(self._note(row))
        return found

    def _note(self, row: Note) -> ExportNote:
        criterion = row.criterion_version.criterion.key if row.criterion_version else ""
        return ExportNote(self.rater(row.rater), criterion, row.text, _name((row.judgement_id, row.position)))

    def _flags(self, samples: Mapping[int, Sample]) -> dict[int, list[ExportFlag]]:
        """Living flags of today, not of the day of freezing: a warning that came later still warns."""
        found: dict[int, list[ExportFlag]] = defaultdict(list)
        rows = Flag.objects.filter(sample_id__in=samples, is_retracted=False).select_related("rater")
        for row in rows.order_by("judgement_id", "position"):
            name = _name((row.judgement_id, row.position))
            found[row.sample_id].append(ExportFlag(self.rater(row.rater), row.kind, name))
        return found

    def rater(self, rater: Rater) -> ExportRater:
        """Who said something, as everyone may read it: people under their pseudonym, machines by name."""
        return self.pseudonyms.rater(internal_id=str(rater.pk), kind=rater.kind, name=public_name(rater))

    def _may_show(self, rater: Rater) -> bool:
        """Words and marks of people leave only if somebody decided so."""
        return self.options.with_notes or rater.kind not in PERSONAL


def public_name(rater: Rater) -> str:
    """A machine's name with the start of its revision; never called for people's names in an export."""
    return f"{rater.name}@{rater.identity_digest[:8]}" if rater.identity_digest else rater.name


def in_batches(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    batch: list[T] = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _read(rows: Iterable[Mapping[str, Any]], kind: str) -> set[Statement]:
    """The statements of a kind that the recipe read for any of the rows."""
    return {
        (item["judgement_id"], item["position"])
        for row in rows
        for item in row["evidence"] or ()
        if item["kind"] == kind
    }


def _name(statement: Statement) -> str:
    judgement, position = statement
    return f"{judgement}.{position}"


def _traceless(settings: Mapping[str, Any]) -> dict[str, Json]:
    return {name: without_traces(value) for name, value in settings.items()}


def _facts_of(row: Mapping[str, Any]) -> dict[str, Json]:
    """What the recipe wrote beside the pair that has no column of its own."""
    return {name: row[name] for name in ("rule", "margin_unit", "chosen_score", "rejected_score")}
