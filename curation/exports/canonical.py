"""Our own format: every pair and every candidate with all that is known of them. See docs/exports.md.

Configs `pairs` (one row a judged pair, sides A and B by a seeded coin), `ratings` (one row a candidate) and `votes`
(one row a comparison of two candidates, as each rater gave it, the pairs a recipe left out included).
Nothing a reader iterates over is null: lists are empty, words are empty, numbers say null only where the
column's description says what that means.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

from curation.exports.canonical_columns import PAIRS, RATINGS, SCHEMA_VERSION, VOTES
from curation.exports.columns import Columns
from curation.exports.formats import Format, Proof, Row, Verdict, Written, config_of, content_words
from curation.exports.media import MediaReader, Stored, stored_media
from curation.exports.rows import (
    TASK_CODES,
    ExportCandidate,
    ExportContext,
    ExportFlag,
    ExportMark,
    ExportMedia,
    ExportNote,
    ExportOpinion,
    ExportPair,
    ExportPrompt,
    ExportSample,
    ExportScore,
    ExportSource,
    ExportSubject,
    ExportVote,
)
from curation.exports.shards import ShardWriter
from curation.exports.sides import Side, Sided, draw_sides

LABELS = {"a": (1.0, 0.0), "b": (0.0, 1.0), "tie": (0.5, 0.5), "both_bad": (None, None)}


def write(source: ExportSource, root: Path) -> Written:
    """Writes the configs, split by split. Memory: one row group and one picture."""
    media = MediaReader(source.open_media)
    pairs, ratings, votes = [], [], []
    for split in source.context.splits:
        with ShardWriter(root, "pairs", split, PAIRS) as shard:
            for pair in source.pairs(split):
                shard.add(_pair_row(pair, source.context, media), media.take_bytes())
        pairs.append(shard)
        with ShardWriter(root, "ratings", split, RATINGS) as shard:
            for candidate in source.candidates(split):
                row = _rating_row(candidate, source.context, media)
                shard.add(row, media.take_bytes() + candidate.subject.grid_bytes)
        ratings.append(shard)
        with ShardWriter(root, "votes", split, VOTES) as shard:
            for opinion in source.opinions(split):
                shard.add(_opinion_row(opinion, source.context), 0)
        votes.append(shard)
    configs = [("pairs", PAIRS, pairs), ("ratings", RATINGS, ratings), ("votes", VOTES, votes)]
    return Written([config_of(*config) for config in configs], Counter())


def _pair_row(pair: ExportPair, context: ExportContext, media: MediaReader) -> Row:
    sided = draw_sides(pair, context.side_seed)
    preference = sided.preference(pair.preference)
    label_a, label_b = LABELS[preference]
    row: Row = {
        "schema_version": SCHEMA_VERSION,
        "pair_id": pair.pair_id,
        "group_id": pair.group_id,
        "task": TASK_CODES[context.task],
        **_question(pair.prompt, media),
    }
    for side, subject in (("a", sided.a), ("b", sided.b)):
        answer = {**_answer(subject, media), **_other_question(subject, pair.prompt, media)}
        row |= {f"{side}_{name}": value for name, value in answer.items()}
    return row | {
        "preference": preference,
        "label_a": label_a,
        "label_b": label_b,
        "criterion": pair.criterion,
        **_vote_counts(sided),
        "confidence": pair.confidence,
        "strength": pair.margin,
        "basis": pair.basis,
        "provisional": pair.basis in ("machines", "behaviour"),
        "dims": _dimensions(sided),
        "reason_a": _reason(sided.a),
        "reason_b": _reason(sided.b),
        "votes": [_vote(vote, sided) for vote in pair.votes],
        "notes": [_note(note) for note in pair.notes],
        "evidence": list(pair.evidence),
        "nsfw": sided.a.is_unsafe or sided.b.is_unsafe,
        "license": _licences(pair),
        "source": context.project,
        "extra": _json(dict(pair.extra)),
        "created_at": pair.created_at,
    }


def _rating_row(candidate: ExportCandidate, context: ExportContext, media: MediaReader) -> Row:
    answer = _answer(candidate.subject, media, has_grids=True)
    return {
        "schema_version": SCHEMA_VERSION,
        "task": TASK_CODES[context.task],
        **{name: value for name, value in answer.items() if name not in ("prompt_id", "prompt", "tags")},
        "answer_tags": answer["tags"],
        **_question(candidate.subject.prompt, media),
        "label": candidate.label,
        "times_chosen": candidate.times_chosen,
        "times_rejected": candidate.times_rejected,
        "source": context.project,
    }


def _opinion_row(opinion: ExportOpinion, context: ExportContext) -> Row:
    return {
        "schema_version": SCHEMA_VERSION,
        "statement": opinion.statement,
        "act": opinion.act,
        "pair_id": opinion.pair_id,
        "left_id": opinion.left[0],
        "left_prompt_id": opinion.left[1],
        "right_id": opinion.right[0],
        "right_prompt_id": opinion.right[1],
        "outcome": opinion.outcome,
        "criterion": opinion.criterion,
        "criterion_version": opinion.criterion_version,
        "strength": opinion.strength,
        "confidence": opinion.confidence,
        "annotator": opinion.rater.id,
        "rater_kind": opinion.rater.kind,
        "seconds": opinion.seconds,
        "purpose": opinion.purpose,
        "context": opinion.context,
        "occasion": opinion.occasion,
        "is_implied": opinion.is_implied,
        "kept_apart": opinion.is_apart,
        "created_at": opinion.at,
        "source": context.project,
    }


def _question(prompt: ExportPrompt, media: MediaReader) -> Row:
    return {
        "prompt_id": prompt.id,
        "prompt_key": prompt.key,
        "prompt": prompt.text,
        "messages": _messages(prompt),
        "locale": prompt.locale,
        "tags": list(prompt.tags),
        "facts": _json(dict(prompt.facts)),
        "prompt_license": prompt.licence,
        **_inputs(prompt.inputs, media),
    }


def _other_question(subject: ExportSubject, asked: ExportPrompt, media: MediaReader) -> Row:
    """The whole question of a side judged under another prompt than the row's."""
    if subject.prompt.id == asked.id:
        return {"prompt_messages": [], "input_images": [], "input_videos": [], "inputs": []}
    return {"prompt_messages": _messages(subject.prompt), **_inputs(subject.prompt.inputs, media)}


def _inputs(inputs: tuple[ExportMedia, ...], media: MediaReader) -> Row:
    return {
        "input_images": [media.struct(item) for item in inputs if item.kind == "image"],
        "input_videos": [media.struct(item) for item in inputs if item.kind == "video"],
        "inputs": [_medium(item) for item in inputs],
    }


def _messages(prompt: ExportPrompt) -> list[dict[str, str]]:
    return [{"role": role, "content": content} for role, content in prompt.turns]


def _answer(subject: ExportSubject, media: MediaReader, *, has_grids: bool = False) -> Row:
    """`has_grids`: with the cells of heatmaps, which a sample in many pairs must not bring into each of them."""
    sample = subject.sample
    images = [media.struct(item) for item in sample.media if item.kind == "image"]
    videos = [media.struct(item) for item in sample.media if item.kind == "video"]
    return {
        **_provenance(sample),
        "prompt_id": subject.prompt.id,
        "prompt": subject.prompt.text,
        "sample_prompt_id": sample.prompt.id,
        "sample_prompt": sample.prompt.text,
        "text": sample.text,
        "image": images[0] if images else None,
        "video": videos[0] if videos else None,
        "more_images": images[1:],
        "more_videos": videos[1:],
        "media": [_medium(item) for item in sample.media],
        **_first_medium(sample),
        "nsfw": subject.is_unsafe,
        "nsfw_score": next((score.value for score in subject.scores if score.criterion == "nsfw"), None),
        "rank": subject.rank,
        "scores": [_score(score) for score in subject.scores],
        "marks": [_mark(mark, has_grids) for mark in subject.marks],
        "notes": [_note(note) for note in subject.notes],
        "flags": [_said(flag, kind=flag.kind) for flag in subject.flags],
    }


def _provenance(sample: ExportSample) -> Row:
    generator = sample.generator
    return {
        "id": sample.id,
        "key": sample.key,
        "model": generator.name,
        "model_revision": generator.revision,
        "model_kind": generator.kind,
        "is_reference": generator.kind != "generated",
        "model_settings": _json(dict(generator.settings)),
        "params": _json(dict(sample.settings)),
        "seed": sample.seed,
        "round": sample.round,
        "parent_id": sample.parent_id,
        "branch": sample.branch,
        "tags": list(sample.tags),
        "license": sample.licence,
    }


def _first_medium(sample: ExportSample) -> Row:
    """The flat columns readers of public sets expect; the rest of the media is in `media`."""
    if not sample.media:
        return {"sha256": "", "mime": "", "width": 0, "height": 0, "fps": 0.0, "num_frames": 0}
    described = _medium(sample.media[0])
    return {name: described[name] for name in ("sha256", "mime", "width", "height", "fps", "num_frames")}


def _medium(item: ExportMedia) -> Row:
    return {
        "kind": item.kind,
        "role": item.role,
        "sha256": item.sha256,
        "mime": item.mime,
        "width": item.width,
        "height": item.height,
        "fps": item.fps,
        "num_frames": item.frames,
        "duration_us": item.duration_us,
    }


def _said(statement: ExportScore | ExportMark | ExportNote | ExportFlag, **what: object) -> Row:
    """A statement of a rater: what it says, whose it is, and its name in the evidence."""
    rater = statement.rater
    return {**what, "rater": rater.id, "rater_kind": rater.kind, "statement": statement.statement}


def _score(score: ExportScore) -> Row:
    return _said(
        score,
        name=score.criterion,
        version=score.criterion_version,
        value=score.value,
        spread=score.spread,
        min=score.low,
        max=score.high,
        unit=score.unit,
        context=score.context,
        occasion=score.occasion,
        was_read=score.was_read,
    )


def _note(note: ExportNote) -> Row:
    return _said(note, criterion=note.criterion, text=note.text)


def _mark(mark: ExportMark, has_grid: bool) -> Row:
    return _said(
        mark,
        target=mark.target,
        shape=mark.shape,
        error_type=mark.error_type,
        criterion=mark.criterion,
        media_index=mark.media_index,
        input_role=mark.input_role,
        points=[list(point) for point in mark.points],
        start=mark.start,
        end=mark.end,
        asset_sha256=mark.asset_sha256,
        text=mark.text,
        value=mark.value,
        unit=mark.unit,
        grid=[list(row) for row in mark.grid] if has_grid else [],
    )


def _vote(vote: ExportVote, sided: Sided) -> Row:
    return {
        "annotator": vote.rater.id,
        "rater_kind": vote.rater.kind,
        "criterion": vote.criterion,
        "criterion_version": vote.criterion_version,
        "preference": sided.preference(vote.outcome),
        "strength": vote.strength,
        "confidence": vote.confidence,
        "left_side": sided.side_of(vote.shown_left),
        "seconds": vote.seconds,
        "purpose": vote.purpose,
        "context": vote.context,
        "occasion": vote.occasion,
        "is_implied": vote.is_implied,
        "was_read": vote.was_read,
        "created_at": vote.at,
        "statement": vote.statement,
    }


def _vote_counts(sided: Sided) -> Row:
    """Votes on the criterion the pair was decided by; all votes where the recipe named none."""
    criterion = sided.pair.criterion
    said = Counter(
        sided.preference(vote.outcome) for vote in sided.pair.votes if not criterion or vote.criterion == criterion
    )
    return {
        "votes_a": said["a"],
        "votes_b": said["b"],
        "votes_tie": said["tie"],
        "votes_bad": said["both_bad"],
    }


def _dimensions(sided: Sided) -> list[Row]:
    """One entry a criterion: the majority of its votes, and mean scores of raters who scored both sides.

    `preference` is empty without a vote or without a majority; a score is null where nobody scored both.
    """
    votes: dict[str, Counter[str]] = {}
    for vote in sided.pair.votes:
        votes.setdefault(vote.criterion, Counter())[sided.preference(vote.outcome)] += 1
    scores = {side: _scores_by_rater(subject) for side, subject in (("a", sided.a), ("b", sided.b))}
    named = {criterion for criterion, _ in (*scores["a"], *scores["b"])} | set(votes)
    return [
        {
            "name": name,
            "preference": _majority(votes.get(name, Counter())),
            "score_a": _mean_of_shared(scores, name, "a"),
            "score_b": _mean_of_shared(scores, name, "b"),
        }
        for name in sorted(named)
    ]


def _scores_by_rater(subject: ExportSubject) -> dict[tuple[str, str], float]:
    """The mean of what each rater said on each criterion, over repeats and contexts."""
    said: dict[tuple[str, str], list[float]] = {}
    for score in subject.scores:
        said.setdefault((score.criterion, score.rater.id), []).append(score.value)
    return {key: fmean(values) for key, values in said.items()}


def _mean_of_shared(scores: dict[str, dict[tuple[str, str], float]], name: str, side: Side) -> float | None:
    shared = [key for key in scores["a"].keys() & scores["b"].keys() if key[0] == name]
    return fmean(scores[side][key] for key in sorted(shared)) if shared else None


def _majority(votes: Counter[str]) -> str:
    ranked = votes.most_common(2)
    if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return ""
    return ranked[0][0]


def _reason(subject: ExportSubject) -> str:
    return "\n\n".join(note.text for note in subject.notes)


def _licences(pair: ExportPair) -> str:
    """What a row may be used under: every licence in it, because the narrowest decides."""
    found = [pair.first.sample.licence, pair.second.sample.licence, pair.prompt.licence]
    return " AND ".join(dict.fromkeys(licence for licence in found if licence))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def media_of(config: str, row: Row) -> Iterator[Stored]:
    """Every medium of a row that was read back, beside the digest the row itself states."""
    if config == "votes":
        return
    yield from _inputs_read("", row)
    if config == "ratings":
        yield from _answer_read("", row)
        return
    for side in ("a_", "b_"):
        yield from _inputs_read(side, row)
        yield from _answer_read(side, row)


def _inputs_read(prefix: str, row: Row) -> Iterator[Stored]:
    for kind in ("image", "video"):
        stated = [item["sha256"] for item in row[f"{prefix}inputs"] if item["kind"] == kind]
        yield from stored_media(f"{prefix}input_{kind}s", row[f"{prefix}input_{kind}s"], stated)


def _answer_read(prefix: str, row: Row) -> Iterator[Stored]:
    for kind in ("image", "video"):
        first = row[f"{prefix}{kind}"]
        found = ([first] if first else []) + row[f"{prefix}more_{kind}s"]
        stated = [item["sha256"] for item in row[f"{prefix}media"] if item["kind"] == kind]
        yield from stored_media(f"{prefix}{kind}", found, stated)


def verdict(config: str, row: Row) -> Verdict | None:
    """Whom the row calls the winner, by content; None for rows that decide nothing."""
    if config != "pairs" or row["preference"] not in ("a", "b"):
        return None
    winner, loser = ("a", "b") if row["preference"] == "a" else ("b", "a")
    return Verdict(row["pair_id"], _content(row, winner), _content(row, loser))


def _content(row: Row, side: str) -> tuple[str, ...]:
    return content_words([item["sha256"] for item in row[f"{side}_media"]], row[f"{side}_text"])


def columns(config: str, task: str) -> Columns:
    return {"pairs": PAIRS, "ratings": RATINGS, "votes": VOTES}[config]


def refusal(task: str) -> str | None:
    """Every task has a place here."""
    return None


CANONICAL = Format(
    name="canonical",
    label="Pairwright canonical",
    ties="Carried: `preference` is tie or both_bad.",
    purpose="Everything that is known: pairs with both sides, all scores, votes and marks, and every candidate.",
    configs=("pairs", "ratings", "votes"),
    columns=columns,
    refusal=refusal,
    write=write,
    media_of=media_of,
    verdict=verdict,
    proof=Proof("package", "datasets.load_dataset"),
    snippet="""\
from datasets import load_dataset

pairs = load_dataset("{place}", "pairs", split="{split}")
decided = pairs.filter(lambda preference: preference in ("a", "b"), input_columns="preference")
ratings = load_dataset("{place}", "ratings", split="{split}")
""",
)
