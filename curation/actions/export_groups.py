"""Samples of a prompt together, and judges' reasoned answers about them, for formats that need more than pairs."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from curation.actions import version_files
from curation.actions.export_rows import RowBuilder, Statement
from curation.exports.gathered import ExportEdge, ExportGroup, ExportLook, ExportTrace
from curation.exports.rows import ExportCandidate, ExportOpinion, ExportSubject
from curation.models import Comparison, DatasetVersion, Judgement, JudgementLink, Rater, Score

# Samples whose prompts are read together.
BATCH = 400

# Subjects as the evidence names them, to what leaves of them.
Known = Mapping[Statement, ExportSubject]
Couple = tuple[Statement, Statement]
# What most people said, `left`, `right` or `tie`, by the two subjects in the order named and by criterion.
People = Mapping[Couple, Mapping[str, str]]


def groups(
    version: DatasetVersion, samples: pl.DataFrame, pairs: pl.DataFrame, builder: RowBuilder
) -> Iterator[ExportGroup]:
    """The candidates of one split by prompt, in the order of prompts.

    Args:
        samples: sample_id, prompt_id, split, role, times_chosen, times_rejected of the split's candidates.
        pairs: pair_id, chosen_id, chosen_prompt_id, rejected_id, rejected_prompt_id of its pairs, by pair_id.

    Memory: the ids of the candidates and pairs, and one batch of prompts.
    """
    for rows in _batches(version, samples):
        within = pl.col("chosen_prompt_id").is_in(rows["prompt_id"].unique().implode())
        ends = pl.col("rejected_prompt_id") == pl.col("chosen_prompt_id")
        yield from _with_edges(_groups(rows, builder), rows, pairs.filter(within & ends))


def _with_edges(made: Sequence[ExportGroup], rows: pl.DataFrame, pairs: pl.DataFrame) -> Iterator[ExportGroup]:
    """The groups with the pairs of each, as far as both ends are candidates that leave."""
    keys = {key: subject.key for key, subject in _subjects(rows, made).items()}
    edges: dict[str, list[ExportEdge]] = defaultdict(list)
    for pair in pairs.iter_rows(named=True):
        ends = [keys.get((pair[f"{side}_id"], pair[f"{side}_prompt_id"])) for side in ("chosen", "rejected")]
        chosen, rejected = ends
        if chosen is not None and rejected is not None:
            edges[chosen[1]].append(ExportEdge(pair["pair_id"], chosen, rejected))
    for group in made:
        yield replace(group, edges=tuple(edges[group.prompt.id]))


def traces(version: DatasetVersion, samples: pl.DataFrame, builder: RowBuilder) -> Iterator[ExportTrace]:
    """What judges said of the candidates of one split in whole answers, all of a prompt in a row."""
    for rows in _batches(version, samples):
        made = _groups(rows, builder)
        answers: dict[str, list[ExportTrace]] = defaultdict(list)
        for trace in _answers(builder, _subjects(rows, made)):
            answers[trace.prompt.id].append(trace)
        for group in made:
            yield from (replace(trace, split=group.split) for trace in answers[group.prompt.id])


def _batches(version: DatasetVersion, samples: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Rows of whole prompts with the evidence behind them, about `BATCH` at a time."""
    ordered = samples.sort("prompt_id", "sample_id")
    evidence = version_files.scan(version, "samples").select("sample_id", "prompt_id", "evidence")
    sizes = ordered.group_by("prompt_id", maintain_order=True).len()
    parts = sizes.with_columns(part=(pl.col("len").cum_sum() - 1) // BATCH)
    for part in parts.partition_by("part", maintain_order=True):
        wanted = ordered.join(part.select("prompt_id"), on="prompt_id", how="semi", maintain_order="left")
        within = pl.col("prompt_id").is_in(part["prompt_id"].implode())
        read = evidence.filter(within).collect()
        yield wanted.join(read, on=["sample_id", "prompt_id"], how="left", maintain_order="left")


def _groups(rows: pl.DataFrame, builder: RowBuilder) -> list[ExportGroup]:
    dicts = rows.to_dicts()
    gathered: dict[int, list[ExportCandidate]] = defaultdict(list)
    for row, candidate in zip(dicts, builder.candidates(dicts), strict=True):
        gathered[row["prompt_id"]].append(candidate)
    present = frozenset((row["sample_id"], row["prompt_id"]) for row in dicts)
    said = _by_prompt(builder.opinions([row["sample_id"] for row in dicts], present, {}))
    return [
        ExportGroup(
            prompt=members[0].subject.prompt,
            split=members[0].split,
            candidates=tuple(members),
            opinions=tuple(said[members[0].subject.prompt.id]),
        )
        for members in gathered.values()
    ]


def _by_prompt(opinions: Iterable[ExportOpinion]) -> dict[str, list[ExportOpinion]]:
    """Opinions between two samples of one prompt, by its identity; others belong to no group."""
    found: dict[str, list[ExportOpinion]] = defaultdict(list)
    for opinion in opinions:
        if opinion.left[1] == opinion.right[1]:
            found[opinion.left[1]].append(opinion)
    return found


# -- answers of judges ---------------------------------------------------------------------------------------------


def _subjects(rows: pl.DataFrame, made: Sequence[ExportGroup]) -> Known:
    order = [candidate.subject for group in made for candidate in group.candidates]
    return dict(zip(rows.select("sample_id", "prompt_id").iter_rows(), order, strict=True))


def _answers(builder: RowBuilder, subjects: Known) -> list[ExportTrace]:
    """Every living answer of a judge that shows these subjects and no other, by act."""
    samples = {sample for sample, _prompt in subjects}
    compared = builder.said_by_then(Comparison.objects.filter(pair_low__in=samples, rater__kind=Rater.Kind.MODEL))
    scored = builder.said_by_then(
        Score.objects.filter(sample_id__in=samples, rater__kind=Rater.Kind.MODEL, judgement__payload__has_key="verdict")
    )
    acts: dict[int, list[Any]] = defaultdict(list)
    for row in [*compared, *scored]:
        acts[row.judgement_id].append(row)
    heard = _heard(list(acts))
    people = _people(builder, samples)
    traces = (_trace(builder, subjects, rows, heard, people) for _act, rows in sorted(acts.items()))
    return [trace for trace in traces if trace is not None]


def _heard(acts: Sequence[int]) -> Counter[tuple[int, str]]:
    """How many living readers of the reasons alone confirmed and contradicted each act."""
    rows = JudgementLink.objects.filter(source_id__in=acts, judgement__retracted_at=None)
    return Counter(rows.values_list("source_id", "kind"))


def _people(builder: RowBuilder, samples: Iterable[int]) -> People:
    """What most people said of two subjects, in both orders."""
    votes: dict[Couple, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    apart = builder.quarantined_since()
    between = Comparison.objects.filter(pair_low__in=list(samples), rater__kind=Rater.Kind.PERSON)
    for one in builder.said_by_then(between):
        if one.rater_id in apart and one.judgement.at >= apart[one.rater_id]:
            continue
        left, right = (one.left_sample_id, one.left_prompt_id), (one.right_sample_id, one.right_prompt_id)
        key = one.criterion_version.criterion.key
        votes[left, right][key][one.outcome] += 1
        votes[right, left][key][{"left": "right", "right": "left"}.get(one.outcome, one.outcome)] += 1
    return {
        couple: {key: outcome for key, counted in by_key.items() if (outcome := _majority(counted))}
        for couple, by_key in votes.items()
    }


def _majority(counted: Counter[str]) -> str:
    """What more than half of them said, unless it is that both are bad; empty where there is no such answer."""
    outcome, count = counted.most_common(1)[0]
    return outcome if 2 * count > counted.total() and outcome != "both-bad" else ""


def _trace(
    builder: RowBuilder,
    subjects: Known,
    rows: Sequence[Any],
    heard: Counter[tuple[int, str]],
    people: People,
) -> ExportTrace | None:
    judgement = rows[0].judgement
    verdict = (judgement.payload or {}).get("verdict")
    shown = _shown(judgement, rows)
    if not isinstance(verdict, dict) or any(key not in subjects for key in shown):
        return None
    ranks = {key: tuple(float(rank) for rank in said) for key, said in (verdict.get("ranks") or {}).items()}
    mode = "points" if isinstance(rows[0], Score) else "list" if ranks else "pair"
    is_pair = mode == "pair"
    return ExportTrace(
        id=str(judgement.pk),
        split="",
        rater=builder.rater(rows[0].rater),
        prompt=subjects[shown[0]].prompt,
        mode=mode,  # type: ignore[arg-type]
        subjects=tuple(subjects[key] for key in shown),
        outcomes={row.criterion_version.criterion.key: row.outcome for row in rows} if is_pair else {},
        ranks=ranks,
        scores={row.criterion_version.criterion.key: row.value for row in rows} if mode == "points" else {},
        distribution=_distribution(verdict),
        reasoning=str(verdict.get("reasoning") or ""),
        reply=str((judgement.payload or {}).get("reply") or ""),
        context=rows[0].context.name if rows[0].context else "",
        occasion=rows[0].occasion,
        confirmed=heard[judgement.pk, JudgementLink.Kind.CONFIRMS],
        contradicted=heard[judgement.pk, JudgementLink.Kind.CONTRADICTS],
        known=people.get((shown[0], shown[1]), {}) if is_pair else {},
        looks=tuple(_look(entry) for entry in (judgement.payload or {}).get("trace") or ()),
    )


def _look(entry: Mapping[str, Any]) -> ExportLook:
    """What a judge looked at, as its judgement keeps it."""
    moment = entry.get("time_us")
    return ExportLook(
        words=str(entry.get("words") or ""),
        tool=str(entry.get("tool") or ""),
        arguments=json.dumps(entry.get("arguments") or {}, ensure_ascii=False, sort_keys=True),
        place=str(entry.get("place") or ""),
        box=tuple(int(edge) for edge in entry.get("box") or ()),
        seconds=None if moment is None else moment / 1e6,
        told=str(entry.get("told") or ""),
        sha256=str((entry.get("picture") or {}).get("sha256") or ""),
    )


def _shown(judgement: Judgement, rows: Sequence[Any]) -> list[Statement]:
    """The subjects in the order they were shown in, without repetition."""
    named: dict[int, Statement] = {}
    for row in rows:
        if isinstance(row, Score):
            named[row.sample_id] = (row.sample_id, row.prompt_id)
        else:
            named[row.left_sample_id] = (row.left_sample_id, row.left_prompt_id)
            named[row.right_sample_id] = (row.right_sample_id, row.right_prompt_id)
    order = (judgement.presentation or {}).get("order") or []
    # A comparison names its sides as shown; a ranking's comparisons do not name the whole list in order.
    if len(named) > 2 and sorted(order) == sorted(named):
        return [named[pk] for pk in order]
    return list(named.values())


def _distribution(verdict: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Token probabilities by criterion, where the judge's reader kept them."""
    kept = (verdict.get("detail") or {}).get("distribution")
    if not isinstance(kept, dict):
        return {}
    return {
        str(key): {str(word): float(chance) for word, chance in chances.items()}
        for key, chances in kept.items()
        if isinstance(chances, dict)
    }
