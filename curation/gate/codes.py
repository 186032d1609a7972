"""The checks of the gate by name: what each is called, how grave it is, and what to do about it.

A code is written into manifests and waivers, so it never changes its meaning. docs/gate.md explains each.
"""

from __future__ import annotations

from dataclasses import dataclass

from curation.gate.report import Level


@dataclass(frozen=True)
class Check:
    """A kind of finding. `unit` is what it counts; one that is not waivable always stands in the way of publishing."""

    code: str
    level: Level
    title: str
    remedy: str
    unit: str = "pairs"
    is_waivable: bool = True


_ALL = [
    Check(
        "same-on-both-sides",
        "error",
        "The same on both sides",
        "Nobody can prefer one of two equal things. Delete one of the two samples, or filter near-duplicates in the "
        "recipe, and build the next version.",
    ),
    Check(
        "conflict",
        "error",
        "Chosen both ways",
        "Decide which way is right: let somebody judge the two again, or let the recipe keep one of them, and build "
        "the next version.",
    ),
    Check(
        "dead-media",
        "error",
        "Files that are gone",
        "Restore the files from a backup, or import their samples again.",
        unit="samples and prompts",
        is_waivable=False,
    ),
    Check(
        "benchmark-leakage",
        "error",
        "Items of a frozen benchmark",
        "Build the next version: recipes leave out what stands in a frozen benchmark by now. Exports of this one hold "
        "these rows back.",
        unit="pairs and samples",
        is_waivable=False,
    ),
    Check(
        "conflict-across-criteria",
        "warning",
        "Chosen both ways on different criteria",
        "Good data for a reward with several heads, a contradiction for a single one. Pair by one criterion, or by "
        "their total.",
    ),
    Check(
        "cycle",
        "warning",
        "Preferences that run in a circle",
        "Send the circle to people again, or pair by a score, which cannot run in circles.",
    ),
    Check(
        "prompts-across-splits",
        "warning",
        "Nearly the same prompt in two splits",
        "Build the next version under another name, so that all splits are drawn anew and what is alike stays "
        "together.",
        unit="prompts",
    ),
    Check(
        "media-absent",
        "warning",
        "Left out, because their files were never here",
        "Import the missing files; until then these pairs leave with no export.",
    ),
    Check(
        "broken-sample",
        "warning",
        "Samples flagged broken",
        "Build the next version: recipes leave out what is flagged broken.",
        unit="samples",
    ),
    Check(
        "no-licence",
        "warning",
        "No licence",
        "State a licence in the settings of the project, or with the prompts and samples when they are imported.",
        unit="prompts and samples",
    ),
    Check(
        "unsafe-content",
        "warning",
        "Unsafe content and no policy about it",
        "Build the next version, which leaves it out, or write `candidates: {unsafe: keep}` into the recipe and so "
        "decide to keep it.",
        unit="samples",
    ),
    Check(
        "single-rater",
        "warning",
        "Decided by one rater alone",
        "Ask a second rater, or raise `min_votes` in the recipe.",
    ),
    Check(
        "machine-only",
        "warning",
        "Labels by machines alone",
        "Let people judge some of these pairs, so that it is known how far the machines can be believed.",
    ),
    Check(
        "self-graded",
        "warning",
        "Judged by a relative of the generator",
        "A model favours its own kind. Add a rater of another family, or take this one out with `without_raters`.",
    ),
    Check(
        "cycle-graded",
        "warning",
        "Judged by going back from the output",
        "How well a model reads the prompt off an output says what that model can read, not how good the output is. "
        "Add a rater that looks at the output itself, or take this one out with `without_raters`.",
    ),
    Check(
        "own-labels",
        "warning",
        "Decided by a machine on prompts it was fitted on",
        "There it repeats the labels it learnt from, so it is no second opinion. Take it out with "
        "`without_raters`, or let it decide other prompts.",
    ),
    Check(
        "position-bias",
        "warning",
        "The chosen one stood on one side too often",
        "See under Quality who leans to a side, show pairs in both orders, and build the next version.",
    ),
    Check(
        "brightness-bias",
        "warning",
        "Chosen pictures are brighter or darker",
        "A model trained on this learns the brightness first. Balance the pairs, or look at what the raters reward.",
    ),
    Check(
        "length-bias",
        "warning",
        "Chosen answers are longer or shorter",
        "A model trained on this learns the length first. Balance the pairs by length, or use a loss that corrects "
        "for it.",
    ),
    Check(
        "collapsed-margins",
        "warning",
        "Margins that say nothing",
        "Raise `min_gap` in the recipe, or do not train with a margin on this version.",
    ),
    Check(
        "personal-data",
        "warning",
        "What looks like personal data",
        "Look at each; edit or delete what names a person, and build the next version.",
        unit="places",
    ),
    Check(
        "local-paths",
        "warning",
        "Settings that name local paths",
        "Import the settings again without them: paths tell of the machines and people behind the data.",
        unit="places",
    ),
]

CHECKS: dict[str, Check] = {check.code: check for check in _ALL}
