"""The columns of our own format; docs/exports.md says what each of them means."""

from __future__ import annotations

from curation.exports.columns import (
    BOOL,
    FLOAT32,
    FLOAT64,
    IMAGE,
    INT32,
    INT64,
    MOMENT,
    STRING,
    VIDEO,
    Columns,
    ListOf,
    Struct,
)

SCHEMA_VERSION = "pairwright-canonical/1"

MEDIUM = Struct(
    {
        "kind": STRING,
        "role": STRING,
        "sha256": STRING,
        "mime": STRING,
        "width": INT32,
        "height": INT32,
        "fps": FLOAT32,
        "num_frames": INT32,
        "duration_us": INT64,
    }
)
SCORE = Struct(
    {
        "name": STRING,
        "version": INT32,
        "value": FLOAT64,
        "spread": FLOAT64,
        "min": FLOAT64,
        "max": FLOAT64,
        "unit": STRING,
        "context": STRING,
        "occasion": INT32,
        "was_read": BOOL,
        "rater": STRING,
        "rater_kind": STRING,
        "statement": STRING,
    }
)
MARK = Struct(
    {
        "target": STRING,
        "shape": STRING,
        "error_type": STRING,
        "criterion": STRING,
        "media_index": INT32,
        "input_role": STRING,
        "points": ListOf(ListOf(FLOAT64)),
        "start": INT64,
        "end": INT64,
        "asset_sha256": STRING,
        "text": STRING,
        "value": FLOAT64,
        "unit": STRING,
        "grid": ListOf(ListOf(FLOAT64)),
        "rater": STRING,
        "rater_kind": STRING,
        "statement": STRING,
    }
)
NOTE = Struct({"criterion": STRING, "text": STRING, "rater": STRING, "rater_kind": STRING, "statement": STRING})
FLAG = Struct({"kind": STRING, "rater": STRING, "rater_kind": STRING, "statement": STRING})
MESSAGES = ListOf(Struct({"role": STRING, "content": STRING}))
DIMENSION = Struct({"name": STRING, "preference": STRING, "score_a": FLOAT32, "score_b": FLOAT32})
VOTE = Struct(
    {
        "annotator": STRING,
        "rater_kind": STRING,
        "criterion": STRING,
        "criterion_version": INT32,
        "preference": STRING,
        "strength": FLOAT32,
        "confidence": FLOAT32,
        "left_side": STRING,
        "seconds": FLOAT32,
        "purpose": STRING,
        "context": STRING,
        "occasion": INT32,
        "is_implied": BOOL,
        "was_read": BOOL,
        "created_at": MOMENT,
        "statement": STRING,
    }
)

QUESTION: Columns = {
    "prompt_id": STRING,
    "prompt_key": STRING,
    "prompt": STRING,
    "messages": MESSAGES,
    "locale": STRING,
    "tags": ListOf(STRING),
    "facts": STRING,
    "prompt_license": STRING,
    "input_images": ListOf(IMAGE),
    "input_videos": ListOf(VIDEO),
    "inputs": ListOf(MEDIUM),
}

ANSWER: Columns = {
    "id": STRING,
    "key": STRING,
    "model": STRING,
    "model_revision": STRING,
    "model_kind": STRING,
    "is_reference": BOOL,
    "model_settings": STRING,
    "params": STRING,
    "seed": INT64,
    "round": INT32,
    "parent_id": STRING,
    "branch": INT32,
    "tags": ListOf(STRING),
    "license": STRING,
    "prompt_id": STRING,
    "prompt": STRING,
    "sample_prompt_id": STRING,
    "sample_prompt": STRING,
    "text": STRING,
    "image": IMAGE,
    "video": VIDEO,
    "more_images": ListOf(IMAGE),
    "more_videos": ListOf(VIDEO),
    "media": ListOf(MEDIUM),
    "sha256": STRING,
    "mime": STRING,
    "width": INT32,
    "height": INT32,
    "fps": FLOAT32,
    "num_frames": INT32,
    "nsfw": BOOL,
    "nsfw_score": FLOAT32,
    "rank": INT32,
    "scores": ListOf(SCORE),
    "marks": ListOf(MARK),
    "notes": ListOf(NOTE),
    "flags": ListOf(FLAG),
}

# The inputs of a side's own prompt, where it is not the row's: empty lists otherwise.
OTHER_QUESTION: Columns = {
    "prompt_messages": MESSAGES,
    "input_images": ListOf(IMAGE),
    "input_videos": ListOf(VIDEO),
    "inputs": ListOf(MEDIUM),
}

PAIRS: Columns = {
    "schema_version": STRING,
    "pair_id": STRING,
    "group_id": STRING,
    "task": STRING,
    **QUESTION,
    **{f"{side}_{name}": feature for side in "ab" for name, feature in {**ANSWER, **OTHER_QUESTION}.items()},
    "preference": STRING,
    "label_a": FLOAT64,
    "label_b": FLOAT64,
    "criterion": STRING,
    "votes_a": INT32,
    "votes_b": INT32,
    "votes_tie": INT32,
    "votes_bad": INT32,
    "confidence": FLOAT32,
    "strength": FLOAT32,
    "basis": STRING,
    "provisional": BOOL,
    "dims": ListOf(DIMENSION),
    "reason_a": STRING,
    "reason_b": STRING,
    "votes": ListOf(VOTE),
    "notes": ListOf(NOTE),
    "evidence": ListOf(STRING),
    "nsfw": BOOL,
    "license": STRING,
    "source": STRING,
    "extra": STRING,
    "created_at": MOMENT,
}

# One row a comparison, as it was given: nothing aggregated.
VOTES: Columns = {
    "schema_version": STRING,
    "statement": STRING,
    "act": STRING,
    "pair_id": STRING,
    "left_id": STRING,
    "left_prompt_id": STRING,
    "right_id": STRING,
    "right_prompt_id": STRING,
    "outcome": STRING,
    "criterion": STRING,
    "criterion_version": INT32,
    "strength": FLOAT32,
    "confidence": FLOAT32,
    "annotator": STRING,
    "rater_kind": STRING,
    "seconds": FLOAT32,
    "purpose": STRING,
    "context": STRING,
    "occasion": INT32,
    "is_implied": BOOL,
    "kept_apart": BOOL,
    "created_at": MOMENT,
    "source": STRING,
}

RATINGS: Columns = {
    "schema_version": STRING,
    "task": STRING,
    **QUESTION,
    **{name: feature for name, feature in ANSWER.items() if name not in ("prompt_id", "prompt", "tags")},
    "answer_tags": ListOf(STRING),
    "label": BOOL,
    "times_chosen": INT32,
    "times_rejected": INT32,
    "source": STRING,
}
