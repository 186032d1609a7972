"""Two recipes over the same evidence: their steps side by side, and the rows that only one of them makes or turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl
from django.utils.translation import gettext as _

from curation.actions import datasets
from curation.actions.previewing import SAMPLE_PROMPTS
from curation.models import Project, Prompt
from curation.recipes import model
from curation.recipes.run import Result, run
from curation.recipes.steps.pairs import WITHOUT_PAIRS

KINDS = ("only_first", "only_second", "turned")


@dataclass(frozen=True)
class Compared:
    """What two recipes make of the same prompts.

    Args:
        funnels: the steps of each, as `datasets.as_shown` tells them.
        kept: rows each of them keeps: pairs, or samples where one of the two makes no pairs.
        rows: kind (one of `KINDS`), prompt_id and chosen_id and rejected_id as the second has them where it has them,
            or sample_id; sorted by kind, prompt and samples.
        same: rows both have, the same way round.
        looked_at, prompts: of how many prompts.
    """

    funnels: tuple[list[dict[str, Any]], list[dict[str, Any]]]
    kept: tuple[int, int]
    rows: pl.DataFrame
    same: int
    looked_at: int
    prompts: int

    @property
    def counts(self) -> dict[str, int]:
        found = dict(self.rows.group_by("kind").len().iter_rows())
        return {kind: int(found.get(kind, 0)) for kind in KINDS}


def kind_words(kind: str) -> str:
    return {
        "only_first": _("only the first has it"),
        "only_second": _("only the second has it"),
        "turned": _("turned round"),
    }[kind]


def compare(
    *, project: Project, first: model.Recipe, second: model.Recipe, most_prompts: int | None = SAMPLE_PROMPTS
) -> Compared:
    """Runs both over the same prompts; over all of them where `most_prompts` is None.

    Raises:
        Refused: one of them would count one opinion twice, or mix scales or principles.
    """
    results = []
    looked_at = 0
    for rule in (first, second):
        evidence = datasets.read_for(project, rule, None, most_prompts=most_prompts)
        looked_at = evidence.prompts.height
        results.append(run(rule, evidence))
    is_of_samples = bool({first.pairing.rule, second.pairing.rule} & WITHOUT_PAIRS)
    tables = [_samples(result) if is_of_samples else _couples(result) for result in results]
    rows = _only_in_one(*tables) if is_of_samples else _differing(*tables)
    both = tables[0].height - rows.filter(pl.col("kind") != "only_second").height
    return Compared(
        funnels=(_shown(results[0]), _shown(results[1])),
        kept=(tables[0].height, tables[1].height),
        rows=rows,
        same=both,
        looked_at=looked_at,
        prompts=Prompt.objects.filter(project=project).count(),
    )


def _shown(result: Result) -> list[dict[str, Any]]:
    return [datasets.as_shown(step) for step in result.funnel]


def _samples(result: Result) -> pl.DataFrame:
    return result.samples.select("prompt_id", "sample_id")


def _couples(result: Result) -> pl.DataFrame:
    """Each couple under one prompt once, whichever side it was chosen from."""
    return result.pairs.select("prompt_id", "chosen_id", "rejected_id").with_columns(
        low=pl.min_horizontal("chosen_id", "rejected_id"), high=pl.max_horizontal("chosen_id", "rejected_id")
    )


def _only_in_one(first: pl.DataFrame, second: pl.DataFrame) -> pl.DataFrame:
    key = ["prompt_id", "sample_id"]
    parts = [
        first.join(second, on=key, how="anti").with_columns(kind=pl.lit("only_first")),
        second.join(first, on=key, how="anti").with_columns(kind=pl.lit("only_second")),
    ]
    return pl.concat(parts).sort("kind", *key)


def _differing(first: pl.DataFrame, second: pl.DataFrame) -> pl.DataFrame:
    key = ["prompt_id", "low", "high"]
    both = second.join(first.select(*key, before="chosen_id"), on=key)
    parts = [
        first.join(second, on=key, how="anti").with_columns(kind=pl.lit("only_first")),
        second.join(first, on=key, how="anti").with_columns(kind=pl.lit("only_second")),
        both.filter(pl.col("before") != pl.col("chosen_id")).drop("before").with_columns(kind=pl.lit("turned")),
    ]
    return pl.concat(parts).sort("kind", *key).drop("low", "high")
