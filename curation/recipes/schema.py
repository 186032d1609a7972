"""The JSON schema of a recipe, version 1 (draft 2020-12). The parser enforces it; editors may load it."""

from typing import Any

from curation.recipes.schema_pairing import KINDS, PAIRING

LARGEST_SEED = 2**53 - 1  # what every JSON reader keeps exactly

_NAMES = {"type": "array", "items": {"type": "string", "minLength": 1}, "uniqueItems": True, "minItems": 1}
_SEED = {"type": "integer", "minimum": 0, "maximum": LARGEST_SEED}


def _signal(source: str, says: str, **more: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "description": says,
        "additionalProperties": False,
        "required": [source],
        "properties": {
            source: {"type": "string", "minLength": 1},
            "raters": _NAMES,
            "basis": {"enum": ["people", "machines", "both"]},
            **more,
        },
    }


_CONSENSUS = {
    "type": "object",
    "description": "What all votes on this criterion add up to: strengths in logits, with their uncertainty.",
    "additionalProperties": False,
    "required": ["consensus"],
    "properties": {
        "consensus": {"type": "string", "minLength": 1},
        "basis": {"enum": ["people", "machines", "both"], "description": "both unless said otherwise."},
        "numbers": {**_NAMES, "description": "Other criteria whose scores of machines are weighed by people's votes."},
    },
}


def _only(source: str, value: dict[str, Any], says: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": says,
        "additionalProperties": False,
        "required": [source],
        "properties": {source: value},
    }


def _weights(names: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "minProperties": 1, **names}


_SIGNAL = {"$ref": "#/$defs/signal"}
_MEASURE = {"$ref": "#/$defs/measure"}
_WEIGHT = {"type": "number", "exclusiveMinimum": 0}
_COUNT = {"type": "integer", "minimum": 1}
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
RATER_KINDS = ["person", "model", "rule", "head", "ensemble", "behaviour", "scripted"]
FACTS = ["width", "height", "aspect", "duration", "fps", "frames", "media", "bytes", "characters", "words"]
BANDS = ["strong", "weak", "ambiguous"]

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
                "scripted_as_people": {
                    "type": "boolean",
                    "description": "Demonstrations: scripted raters stand in for people; pairs still name machines.",
                },
                "weights": {
                    "type": "object",
                    "description": "What a vote weighs: by its rater's name, else by the rater's kind, else 1.",
                    "additionalProperties": False,
                    "minProperties": 1,
                    "properties": {
                        "raters": _weights({"additionalProperties": _WEIGHT}),
                        "kinds": _weights(
                            {"additionalProperties": False, "properties": dict.fromkeys(RATER_KINDS, _WEIGHT)}
                        ),
                    },
                },
            },
        },
        "candidates": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "kinds": KINDS,
                "generators": _NAMES,
                "without_generators": _NAMES,
                "first_round": {"type": "integer", "minimum": 0},
                "last_round": {"type": "integer", "minimum": 0},
                "tags": _NAMES,
                "without_tags": _NAMES,
                "locales": _NAMES,
                "without_locales": _NAMES,
                "unsafe": {"enum": ["exclude", "keep"]},
                "under": {
                    "enum": ["own", "original"],
                    "description": "original: samples of rewrites compete under the prompt those come from.",
                },
            },
        },
        "filters": {"type": "array", "items": {"$ref": "#/$defs/filter"}},
        "near_duplicates": {
            "type": "object",
            "description": "Of samples that look the same one stays: the best by a signal, or the first by the seed.",
            "additionalProperties": False,
            "properties": {
                "within": {"enum": ["prompt", "all"]},
                "distance": {"type": "number", "exclusiveMinimum": 0, "maximum": 0.5},
                "keep_best_by": _SIGNAL,
            },
        },
        "difficulty": {"$ref": "#/$defs/difficulty"},
        "pairing": {"$ref": "#/$defs/pairing"},
        "agreement": {"type": "array", "items": {"$ref": "#/$defs/agreement"}},
        "gold": {**_SIGNAL, "description": "What pairs are checked against; it decides nothing."},
        "strength": {
            "type": "object",
            "description": "Bands of pairs by their gap, or by the winner's share of the votes.",
            "additionalProperties": False,
            "required": ["by", "ambiguous_below", "strong_from"],
            "properties": {
                "by": {"enum": ["gap", "vote_share"]},
                "ambiguous_below": {"type": "number"},
                "strong_from": {"type": "number"},
                "drop": {"type": "array", "items": {"enum": BANDS}, "uniqueItems": True, "minItems": 1},
            },
        },
        "caps": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "pairs_per_prompt": {"type": "integer", "minimum": 1},
                "pairs_per_tag": _COUNT,
                "pairs_per_chosen_generator": _COUNT,
                "pairs_per_rejected_generator": _COUNT,
                "pairs_per_generators": {**_COUNT, "description": "Of one generator chosen and one rejected."},
            },
        },
        "balance": {
            "type": "object",
            "description": "A subset with equal or given shares of values, or with at most so many rows of each.",
            "additionalProperties": False,
            "required": ["by"],
            "properties": {
                "by": {"enum": ["tag", "facet", "generator", "locale", "bucket", "band"]},
                "facet": {"type": "string", "minLength": 1, "description": "The facet of tags like `facet:value`."},
                "values": _NAMES,
                "shares": {"type": "object", "minProperties": 1, "additionalProperties": {**_SHARE, **_WEIGHT}},
                "at_most": _COUNT,
            },
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
                    "votes",
                    "Comparisons on this criterion: a sample's share of wins, or a pair's share of votes.",
                    soften={"enum": ["noise"], "description": "Votes that the rest contradicts count for less."},
                ),
                _only("reward", {"type": "object"}, "A total of several scores; the plan stands here, see rewards."),
                _CONSENSUS,
            ]
        },
        "measure": {
            "oneOf": [
                {"$ref": "#/$defs/signal/oneOf/0"},
                {"$ref": "#/$defs/signal/oneOf/1"},
                {"$ref": "#/$defs/signal/oneOf/2"},
                {"$ref": "#/$defs/signal/oneOf/3"},
                _only("fact", {"enum": FACTS}, "What is known of a sample without anybody's opinion."),
            ]
        },
        "filter": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name", "by"],
            "anyOf": [
                {"required": [bar]}
                for bar in (
                    "at_least",
                    "at_most",
                    "keep_best",
                    "spread_at_most",
                    "outliers_beyond",
                    "range_in_prompt_above",
                )
            ],
            "properties": {
                "name": {"type": "string", "minLength": 1, "maxLength": 80},
                "by": _MEASURE,
                "at_least": {"type": "number"},
                "at_most": {"type": "number"},
                "keep_best": {"type": "integer", "minimum": 1, "description": "The best so many of each prompt."},
                "spread_at_most": {
                    "type": "number",
                    "minimum": 0,
                    "description": "How uncertain the value may be: its standard deviation, in the score's own unit.",
                },
                "outliers_beyond": {
                    "type": "number",
                    "exclusiveMinimum": 0,
                    "description": "Robust standard deviations from the median of all samples; 3.5 is usual.",
                },
                "range_in_prompt_above": {
                    "type": "number",
                    "minimum": 0,
                    "description": "Samples of prompts whose highest and lowest value are further apart than this; 0 "
                    "leaves out prompts whose samples all have the same value.",
                },
                "if_missing": {"enum": ["drop", "keep"]},
            },
        },
        "difficulty": {
            "type": "object",
            "description": "Puts each prompt, or each sample, into exactly one band, the hardest first.",
            "additionalProperties": False,
            "required": ["by", "bands"],
            "properties": {
                "by": _SIGNAL,
                "of": {"enum": ["prompt", "sample"]},
                "measure": {"enum": ["mean", "variance", "pass_rate"]},
                "pass_at_least": {"type": "number"},
                "bands": {
                    "type": "array",
                    "minItems": 2,
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["name"],
                        "properties": {
                            "name": {"type": "string", "minLength": 1, "maxLength": 40},
                            "below": {"type": "number"},
                        },
                    },
                },
                "keep": _NAMES,
            },
        },
        "agreement": {
            "type": "object",
            "description": "Keeps the pairs on whose direction enough of some voices agree.",
            "additionalProperties": False,
            "required": ["name", "among"],
            "properties": {
                "name": {"type": "string", "minLength": 1, "maxLength": 80},
                "among": {"type": "array", "minItems": 1, "items": _SIGNAL},
                "at_least": {**_SHARE, "description": "Share of the voices that speak; a tie is half a voice."},
                "voices": {**_COUNT, "description": "How many must speak."},
            },
        },
        "pairing": PAIRING,
    },
}
