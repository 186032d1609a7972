"""What each step of a recipe kept and dropped, and why: the funnel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

# Every reason a step may give; a test holds the pages' words against this list.
REASONS = frozenset(
    {
        # evidence
        "retracted",
        "other_purpose",
        "quarantined",
        "not_in_basis",
        "rater_not_selected",
        "fails_known_answers",
        "contradicted",
        "other_context",
        "other_meaning",
        "under_another_prompt",
        # frozen benchmarks
        "frozen_benchmark",
        # candidates
        "media_absent",
        "flagged_broken",
        "flagged_unsafe",
        "real_not_asked_for",
        "reference_not_asked_for",
        "generated_not_asked_for",
        "generator_not_selected",
        "round_not_selected",
        "tag_not_selected",
        "synthetic_not_asked_for",
        "locale_not_selected",
        # filters
        "no_value",
        "below_the_bar",
        "above_the_bar",
        "not_among_the_best",
        "no_spread",
        "too_uncertain",
        "outlier",
        "prompt_says_nothing",
        # near-duplicates and difficulty
        "near_duplicate",
        "near_duplicate_of_other_prompt",
        "other_bucket",
        # pairing
        "odd_one_out",
        "tie",
        "both_bad",
        "no_verdict",
        "judged_bad",
        "no_points",
        "nobody_chosen",
        "nobody_rejected",
        "gap_too_small",
        "too_few_votes",
        "share_too_small",
        "may_not_be_chosen",
        "no_parent",
        "not_siblings",
        "worse_in_a_group",
        "not_certain_enough",
        "better_in_no_group",
        "not_on_the_front",
        "dominated",
        "between_the_bars",
        "no_such_round",
        "other_operator",
        "no_original",
        "no_other_prompt",
        "same_content",
        # agreement and strength
        "too_few_voices",
        "no_agreement",
        "strong_band",
        "weak_band",
        "ambiguous_band",
        # caps, splits and balance
        "over_the_tag_cap",
        "over_the_generator_cap",
        "outside_the_balance",
        "over_its_share",
        "over_the_cap",
        "between_splits",
        "near_duplicate_elsewhere",
        "prompts_in_two_splits",
    }
)

# So many of what stays are kept as examples with each step.
FEW = 4


@dataclass(frozen=True)
class Step:
    """One line of the funnel.

    Args:
        key: what was done, such as `candidates` or `filter:sharp enough`.
        unit: what is counted: statements, samples, pairs or prompts.
        entered: how many came in.
        kept: how many went on.
        dropped: the others, with a column `reason` and the ids of what they are.
        few: some of those that went on, with the ids of what they are; None where the step does not say.
        figures: what the step measured on the way, by name: bands, histograms, accuracy on gold; JSON values.
    """

    key: str
    unit: str
    entered: int
    kept: int
    dropped: pl.DataFrame
    figures: Mapping[str, Any] = field(default_factory=dict)
    few: pl.DataFrame | None = None

    def __post_init__(self) -> None:
        unknown = set(self.dropped["reason"].unique()) - REASONS
        if unknown or self.entered != self.kept + self.dropped.height:
            raise AssertionError(f"step {self.key}: {self.entered} in, {self.kept} kept, reasons {unknown}")

    @property
    def reasons(self) -> dict[str, int]:
        """How many were dropped for each reason, the most frequent first."""
        counts = self.dropped.group_by("reason").len("n").sort(["n", "reason"], descending=[True, False])
        return dict(counts.select("reason", "n").iter_rows())

    def with_figures(self, **figures: Any) -> "Step":
        return replace(self, figures={**self.figures, **figures})

    def as_json(self) -> dict[str, Any]:
        line = {
            "step": self.key,
            "unit": self.unit,
            "entered": self.entered,
            "kept": self.kept,
            "reasons": self.reasons,
        }
        return {**line, "figures": dict(self.figures)} if self.figures else line


def sift(
    frame: pl.DataFrame, rules: Sequence[tuple[str, pl.Expr]], *, key: str, unit: str, ids: Sequence[str]
) -> tuple[pl.DataFrame, Step]:
    """Drops the rows that meet a condition; the first condition met is the reason.

    Args:
        frame: what comes in, a row a thing of `unit`.
        rules: reason and condition, in order of precedence; a null condition is not met.
        ids: the columns that say which row it was.
    """
    marked = frame.with_columns(reason=first_reason(rules))
    kept = marked.filter(pl.col("reason").is_null()).drop("reason")
    dropped = marked.filter(pl.col("reason").is_not_null()).select("reason", *ids)
    few = kept.head(FEW).select(ids)
    return kept, Step(key=key, unit=unit, entered=frame.height, kept=kept.height, dropped=dropped, few=few)


def first_reason(rules: Sequence[tuple[str, pl.Expr]]) -> pl.Expr:
    """The code of the first condition a row meets, null where it meets none."""
    return pl.coalesce(
        *[pl.when(condition).then(pl.lit(code)) for code, condition in rules], pl.lit(None, dtype=pl.String)
    )


def step(key: str, unit: str, *, kept: int, dropped: pl.DataFrame) -> Step:
    """A line of the funnel from what a rule already parted."""
    return Step(key=key, unit=unit, entered=kept + dropped.height, kept=kept, dropped=dropped)
