"""The pairing rules in the JSON schema of a recipe: one form a rule, with the keys it knows."""

from typing import Any

KINDS = {
    "type": "array",
    "items": {"enum": ["generated", "real", "reference"]},
    "uniqueItems": True,
    "minItems": 1,
}
_NAMES = {"type": "array", "items": {"type": "string", "minLength": 1}, "uniqueItems": True, "minItems": 1}
_ROUNDS = {"type": "array", "items": {"type": "integer", "minimum": 0}, "uniqueItems": True, "minItems": 1}
_SIGNAL = {"$ref": "#/$defs/signal"}
_VOTES = {"$ref": "#/$defs/signal/oneOf/1"}
_GAP = {"type": "number", "minimum": 0, "description": "The gap must be greater than this."}
_SIDES = {
    "chosen_kinds": KINDS,
    "rejected_kinds": KINDS,
    "chosen_rounds": {**_ROUNDS, "description": "Only samples of these rounds are chosen."},
    "rejected_rounds": {**_ROUNDS, "description": "Only samples of these rounds are rejected."},
}
_SIBLINGS = {
    "siblings": {
        "type": "boolean",
        "description": "Only samples of one parent that left it at the same point are paired.",
    }
}
_GROUPS = {
    "type": "array",
    "minItems": 2,
    "maxItems": 8,
    "description": "Three to five serve best: with more, hardly any pair is left.",
    "items": {
        "type": "object",
        "additionalProperties": False,
        "required": ["name", "by"],
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 80},
            "by": _SIGNAL,
            "tolerance": {
                "type": "number",
                "minimum": 0,
                "description": "Behind by up to this, in the unit of the signal, is not worse.",
            },
        },
    },
}


def _rule(name: str, says: str, *, required: list[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "description": says,
        "additionalProperties": False,
        "required": ["rule", *required],
        "properties": {"rule": {"const": name}, **_SIDES, **properties},
    }


PAIRING: dict[str, Any] = {
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
            **_SIBLINGS,
        ),
        _rule(
            "best_against_worst",
            "The best sample of a prompt against its worst.",
            required=["by"],
            by=_SIGNAL,
            min_gap=_GAP,
            **_SIBLINGS,
        ),
        _rule(
            "top_against_bottom",
            "The k best against the k worst: every couple, or best with worst, second with second worst.",
            required=["by", "k"],
            by=_SIGNAL,
            k={"type": "integer", "minimum": 1, "maximum": 100},
            match={"enum": ["all", "ranks"]},
            min_gap=_GAP,
            **_SIBLINGS,
        ),
        _rule(
            "best_against_rest",
            "The best sample of a prompt against each other one.",
            required=["by"],
            by=_SIGNAL,
            min_gap=_GAP,
            **_SIBLINGS,
        ),
        _rule(
            "margin",
            "Every couple whose gap is wide enough.",
            required=["by"],
            by=_SIGNAL,
            min_gap=_GAP,
            **_SIBLINGS,
        ),
        _rule(
            "judged_pairs",
            "Every pair that was compared, as the votes on it say.",
            required=["by"],
            by=_VOTES,
            min_votes={"type": "integer", "minimum": 1},
            min_share={"type": "number", "minimum": 0.5, "maximum": 1},
            **_SIBLINGS,
        ),
        _rule(
            "dominance",
            "Every couple in which the chosen one is worse in no group of criteria and better in at least one.",
            required=["groups"],
            groups=_GROUPS,
            by=_SIGNAL,
            min_gap=_GAP,
            certainty={
                "type": "number",
                "exclusiveMinimum": 0.5,
                "exclusiveMaximum": 1,
                "description": "Soft: in each group this probability of not being worse is enough, and needed.",
            },
            front={"type": "boolean", "description": "Only samples that nothing of their prompt dominates are chosen."},
            **_SIBLINGS,
        ),
        _rule(
            "pareto",
            "No pairs: the samples of each prompt that no other one dominates.",
            required=["groups"],
            groups=_GROUPS,
        ),
        _rule(
            "across_prompts",
            "What passed a bar against what failed one, over different prompts.",
            required=["by", "passes_at", "fails_at"],
            by=_SIGNAL,
            passes_at={"type": "number", "description": "This number or a better one has passed."},
            fails_at={"type": "number", "description": "This number or a worse one has failed."},
            within={"enum": ["anywhere", "locale", "tag"]},
            tag_prefix={"type": "string", "minLength": 1},
            pairs_per_sample={"type": "integer", "minimum": 1, "maximum": 100},
        ),
        _rule(
            "across_rounds",
            "The best of a round, or of all rounds so far, against the worst of an earlier one.",
            required=["by"],
            by=_SIGNAL,
            chosen={"enum": ["round", "so_far", "earlier"]},
            rejected={"enum": ["round", "previous", "first", "earlier"]},
            min_gap=_GAP,
        ),
        _rule(
            "by_kind",
            "Samples of some kinds against samples of others, without asking anybody: real against generated.",
            required=["chosen_kinds", "rejected_kinds"],
        ),
        _rule(
            "corrupted",
            "Each sample against the negatives that were made from it by a known operator.",
            required=[],
            operators=_NAMES,
            by=_SIGNAL,
            min_gap=_GAP,
        ),
        _rule(
            "wrong_prompt",
            "One sample under its own prompt against the same sample under another prompt it was judged under.",
            required=["by"],
            by=_SIGNAL,
            min_gap=_GAP,
            prompts={"enum": ["any", "contrasts"], "description": "contrasts: only those linked to the own prompt."},
        ),
        _rule("none", "No pairs: the samples that pass the filters are what is kept.", required=[]),
    ]
}
