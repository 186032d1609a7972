"""From values and verdicts to pairs: which sample is chosen, which rejected. Plain code in columns.

The rules know nothing of votes, scorers or files. They are given a table of candidates:

    prompt_id       int     whose answers compete; a pair crosses prompts only where the rule is about that
    sample_id       int     unique
    value           float   higher is better; null where nobody said (such a sample is in no ranking)
    order           uint64  a seeded hash of the sample's identity: breaks ties, never the row's position
    may_be_chosen   bool    false for what was judged bad, or is of a kind the recipe never chooses
    may_be_rejected bool

and return couples (prompt_id, chosen_id, rejected_id, gap, ...). The gap is the difference of the two values.
"""

from curation.pairing.drawing import Lists, draw_all, draw_disjoint, part
from curation.pairing.order import mix, seeded_order
from curation.pairing.ranked import (
    all_couples,
    best_against_rest,
    cap_per_prompt,
    every_couple,
    keep_best,
    sift_by_points,
    top_against_bottom,
)

__all__ = [
    "Lists",
    "all_couples",
    "best_against_rest",
    "cap_per_prompt",
    "draw_all",
    "draw_disjoint",
    "every_couple",
    "keep_best",
    "mix",
    "part",
    "seeded_order",
    "sift_by_points",
    "top_against_bottom",
]
