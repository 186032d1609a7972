"""The JSON schema of a recipe, version 1 (draft 2020-12). The parser enforces it; editors may load it."""

from typing import Any

LARGEST_SEED = 2**53 - 1  # what every JSON reader keeps exactly

_NAMES = {"type": "array", "items": {"type": "string", "minLength": 1}, "uniqueItems": True, "minItems": 1}
_KINDS = {
    "type": "array",
    "items": {"enum": ["generated", "real", "reference"]},
    "uniqueItems": True,
    "minItems": 1,
}
_SEED = {"type": "integer", "minimum": 0, "maximum": LARGEST_SEED}


def _signal(source: str, says: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": says,
        "additionalProperties": False,
        "required": [source],
        "properties": {source: {"type": "string", "minLength": 1}, "raters": _NAMES},
    }


def _rule(name: str, says: str, *, required: list[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "description": says,
        "additionalProperties": False,
        "required": ["rule", *required],
        "properties": {
            "rule": {"const": name},
            "chosen_kinds": _KINDS,
            "rejected_kinds": _KINDS,
            **properties,
        },
    }


_SIGNAL = {"$ref": "#/$defs/signal"}
_GAP = {"type": "number", "minimum": 0, "description": "The gap must be greater than this."}

RECIPE_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Pairwright recipe",
    "type": "object",
    "additionalProperties": False,
    "required": ["recipe", "title", "pairing"],
    "properties": {
        "recipe": {"const": 1, "description": "The version of this schema."},
        "title": {"type": "string", "minLength": 1, "maxLength": 200},
        "about": {"type": "string"},
        "seed": {**_SEED, "description": "Draws pairs and breaks ties. Another seed, another draw."},
        "evidence": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "basis": {"enum": ["people", "machines", "both"]},
                "purposes": {
                    "type": "array",
                    "items": {"enum": ["label", "audit", "behaviour"]},
                    "uniqueItems": True,
                    "minItems": 1,
                },
                "raters": _NAMES,
                "without_raters": _NAMES,
                "contexts": _NAMES,
            },
        },
        "candidates": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "kinds": _KINDS,
                "generators": _NAMES,
                "without_generators": _NAMES,
                "first_round": {"type": "integer", "minimum": 0},
                "last_round": {"type": "integer", "minimum": 0},
                "tags": _NAMES,
                "without_tags": _NAMES,
                "unsafe": {"enum": ["exclude", "keep"]},
            },
        },
        "filters": {"type": "array", "items": {"$ref": "#/$defs/filter"}},
        "pairing": {"$ref": "#/$defs/pairing"},
        "caps": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"pairs_per_prompt": {"type": "integer", "minimum": 1}},
        },
        "split": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "shares": {
                    "type": "object",
                    "minProperties": 1,
                    "propertyNames": {"pattern": "^[a-z][a-z0-9_]{0,39}$"},
                    "additionalProperties": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
                },
                "near_duplicates": {"type": "number", "minimum": 0.6, "maximum": 1},
                "seed": _SEED,
            },
        },
    },
    "$defs": {
        "signal": {
            "oneOf": [
                _signal(
                    "scores", "Numbers given to samples on this criterion; the mean where several raters are named."
                ),
                _signal(
                    "votes", "Comparisons on this criterion: a sample's share of wins, or a pair's share of votes."
                ),
            ]
        },
        "filter": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name", "by"],
            "anyOf": [{"required": ["at_least"]}, {"required": ["at_most"]}, {"required": ["keep_best"]}],
            "properties": {
                "name": {"type": "string", "minLength": 1, "maxLength": 80},
                "by": _SIGNAL,
                "at_least": {"type": "number"},
                "at_most": {"type": "number"},
                "keep_best": {"type": "integer", "minimum": 1, "description": "The best so many of each prompt."},
                "if_missing": {"enum": ["drop", "keep"]},
            },
        },
        "pairing": {
            "oneOf": [
                _rule(
                    "two_stage",
                    "A judge parts winners from losers; points take the best winner and the worst loser.",
                    required=["judge", "points"],
                    judge=_SIGNAL,
                    points=_SIGNAL,
                    draw={"enum": ["disjoint", "judged", "all"]},
                    min_gap=_GAP,
                    tie_within={"type": "number", "minimum": 0},
                ),
                _rule(
                    "best_against_worst",
                    "The best sample of a prompt against its worst.",
                    required=["by"],
                    by=_SIGNAL,
                    min_gap=_GAP,
                ),
                _rule(
                    "top_against_bottom",
                    "The k best against the k worst: every couple, or best with worst, second with second worst.",
                    required=["by", "k"],
                    by=_SIGNAL,
                    k={"type": "integer", "minimum": 1, "maximum": 100},
                    match={"enum": ["all", "ranks"]},
                    min_gap=_GAP,
                ),
                _rule(
                    "best_against_rest",
                    "The best sample of a prompt against each other one.",
                    required=["by"],
                    by=_SIGNAL,
                    min_gap=_GAP,
                ),
                _rule(
                    "margin",
                    "Every couple whose gap is wide enough.",
                    required=["by"],
                    by=_SIGNAL,
                    min_gap=_GAP,
                ),
                _rule(
                    "judged_pairs",
                    "Every pair that was compared, as the votes on it say.",
                    required=["by"],
                    by={"$ref": "#/$defs/signal/oneOf/1"},
                    min_votes={"type": "integer", "minimum": 1},
                    min_share={"type": "number", "minimum": 0.5, "maximum": 1},
                ),
                _rule("none", "No pairs: the samples that pass the filters are what is kept.", required=[]),
            ]
        },
    },
}
