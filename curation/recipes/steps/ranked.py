"""Rules by one signal: it ranks the samples of a prompt, and the rule says which of them meet."""

from collections.abc import Callable

import polars as pl

from curation import pairing as rules
from curation.recipes.funnel import sift
from curation.recipes.model import Pairing
from curation.recipes.signals import Heard
from curation.recipes.steps.couples import Paired, all_comparisons, prompts_without, valued, wide_enough, with_scores


def make(rule: Pairing, samples: pl.DataFrame, heard: Heard) -> Paired:
    ranking, missing = sift(
        valued(samples, heard),
        [("no_value", pl.col("value").is_null())],
        key="ranked",
        unit="samples",
        ids=["prompt_id", "sample_id"],
    )
    couples = RULES[rule.rule](ranking, rule)
    prompts = prompts_without(ranking, couples)
    kept, gap = wide_enough(couples, rule.min_gap)
    return Paired(
        couples=with_scores(kept, heard, heard),
        behind=all_comparisons(kept, heard),
        steps=[missing, prompts, gap],
        margin_unit=heard.unit,
    )


RULES: dict[str, Callable[[pl.DataFrame, Pairing], pl.DataFrame]] = {
    "best_against_worst": lambda ranking, rule: rules.top_against_bottom(ranking, k=1),
    "top_against_bottom": lambda ranking, rule: rules.top_against_bottom(ranking, k=rule.k, match=rule.match),
    "best_against_rest": lambda ranking, rule: rules.best_against_rest(ranking),
    "margin": lambda ranking, rule: rules.all_couples(ranking),
}
