"""Fourth step: the recipe's pairing rule, its lines of the funnel, and what stands behind each couple."""

from collections.abc import Callable
from dataclasses import replace

import polars as pl

from curation.recipes.model import Pairing
from curation.recipes.signals import Heard
from curation.recipes.steps import (
    across,
    dominance,
    judged,
    made,
    ranked,
    rounds,
    siblings,
    two_stage,
    wrong_prompt,
)
from curation.recipes.steps.couples import BEHIND as BEHIND
from curation.recipes.steps.couples import Paired as Paired
from curation.recipes.steps.couples import Said
from curation.recipes.steps.evidence import Read

# Rules that make no pairs: what they keep are samples.
WITHOUT_PAIRS = frozenset({"none", "pareto"})


def make(rule: Pairing, samples: pl.DataFrame, heard: dict[str, Heard], read: Read) -> Paired:
    """Pairs by the rule named.

    Args:
        rule: none of `WITHOUT_PAIRS`.
        samples: the filtered candidates with order, sides, and their prompt's split.
        heard: what the rule's signals (`by`, `judge`, `group:0`, …) say of exactly these samples.
        read: the evidence that counts.
    """
    if not rule.siblings:
        return _RULES[rule.rule](rule, Said(samples, heard, read))
    grouped, families, line = siblings.grouped(samples, read.evidence.branches)
    paired = siblings.with_prompts(_RULES[rule.rule](rule, Said(grouped, heard, read)), families)
    return replace(paired, steps=[line, *paired.steps])


_RULES: dict[str, Callable[[Pairing, Said], Paired]] = {
    "two_stage": lambda rule, said: two_stage.make(rule, said.samples, said.heard["judge"], said.heard["by"]),
    "judged_pairs": lambda rule, said: judged.make(rule, said.samples, said.heard["by"]),
    "dominance": lambda rule, said: dominance.make(rule, said.samples, said.heard, said.read),
    "across_prompts": lambda rule, said: across.make(rule, said.samples, said.heard["by"]),
    "across_rounds": lambda rule, said: rounds.make(rule, said.samples, said.heard["by"]),
    "by_kind": lambda rule, said: made.by_kind(rule, said.samples),
    "corrupted": lambda rule, said: made.corrupted(
        rule, said.samples, said.read.evidence.branches, said.heard.get("by")
    ),
    "wrong_prompt": lambda rule, said: wrong_prompt.make(rule, said.samples, said.heard["by"]),
    **dict.fromkeys(ranked.RULES, lambda rule, said: ranked.make(rule, said.samples, said.heard["by"])),
}
