"""Which machine to ask where: a table by tag or language, learnt from people's votes, and what it gains. Plain code.

The machine that is most accurate over all votes is the general one. A part of the votes gets a machine of its own where
that one is ahead of the general one by more than chance would make it: the interval of their difference, clustered by
families of prompts that belong together, lies above 0. Whether such a table is worth anything is asked of votes that it
was not made of: families are parted into five, and each part is judged by the table that the other four make.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curation.examination.credit import parts
from curation.examination.families import ALONE, Clusters, Families
from curation.examination.frames import Column
from curation.examination.intervals import Difference, Estimate, Floats, Ints

KINDS = ("tag", "locale")
# With fewer prompts that do not belong together a part has no machine of its own, whatever the numbers say.
LEAST_PROMPTS = 10
# The largest parts that are looked at.
MOST = 60
# A machine that judged less than this share of what the busiest one did is not the general one.
COVERAGE = 0.5

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Line:
    """One part of the votes.

    Args:
        label: the tag or language.
        prompts: with votes that count.
        best: the most accurate machine there, with its accuracy; general: the general one's accuracy there.
        ahead: accuracy of the best less that of the general one, on the votes that count for both.
        chosen: the machine the table names: the best where it is surely ahead, else the general one.
    """

    label: str
    prompts: int
    best: Column
    accuracy: Estimate
    general: Estimate | None
    ahead: Difference | None
    chosen: Column


@dataclass(frozen=True)
class Routing:
    """A table and its worth.

    Args:
        general: whoever is asked where no line says otherwise.
        lines: rarest part first: of a prompt with several tags the rarest one with a machine of its own counts.
        routed, single: accuracies on votes that neither was chosen by; None where there are too few prompts to tell.
        gain: their difference.
    """

    kind: str
    general: Column
    lines: list[Line]
    routed: Estimate | None
    single: Estimate | None
    gain: Difference | None


def routing(
    kind: str, labelled: pl.DataFrame, credit: dict[Column, Floats], prompt: Ints, families: Families = ALONE
) -> Routing | None:
    """The table that all votes make, and how one made of other votes does.

    Args:
        labelled: `voice`, `label`; a voice may have several.
        credit: by column, shape (voices,), 0 to 1; NaN where a voice does not count.
        prompt: shape (voices,), ids.
        families: which prompts belong together.

    Returns:
        None where no machine has a verdict on any vote.
    """
    clusters = Clusters.of(prompt, families)
    labels = _masks(labelled, clusters)
    table = _learnt(labels, credit, clusters, np.ones(len(prompt), bool))
    if table is None:
        return None
    general, lines = table
    routed, single = _on_other_votes(labels, credit, clusters)
    gain = clusters.difference(routed, single)
    return Routing(kind, general, lines, clusters.estimate(routed), clusters.estimate(single), gain)


def _masks(labelled: pl.DataFrame, clusters: Clusters) -> dict[str, Mask]:
    """The voices of each of the largest parts, the rarest part first."""
    known = labelled.filter(pl.col("label") != "")
    known = known.with_columns(prompt=pl.Series(clusters.one[known["voice"].to_numpy()]))
    sizes = known.group_by("label").agg(n=pl.col("prompt").n_unique()).filter(pl.col("n") >= LEAST_PROMPTS)
    largest = sizes.sort(["n", "label"], descending=[True, False]).head(MOST).sort("n", "label")
    masks = {}
    for label in largest["label"]:
        masks[label] = np.zeros(len(clusters.one), bool)
        masks[label][known.filter(pl.col("label") == label)["voice"].to_numpy()] = True
    return masks


def _learnt(
    labels: dict[str, Mask], credit: dict[Column, Floats], clusters: Clusters, seen: Mask
) -> tuple[Column, list[Line]] | None:
    """The table that the seen votes make."""
    general = _best(credit, seen, least=COVERAGE)
    if general is None:
        return None
    lines = [_line(label, mask & seen, credit, clusters, general) for label, mask in labels.items()]
    return general, [line for line in lines if line is not None]


def _best(credit: dict[Column, Floats], seen: Mask, *, least: float = 0.0) -> Column | None:
    """The most accurate machine of those that judged at least a share of what the busiest one did."""
    counts = {column: int((~np.isnan(one[seen])).sum()) for column, one in credit.items()}
    most = max(counts.values(), default=0)
    able = [column for column, count in counts.items() if count and count >= least * most]
    return min(able, key=lambda column: (-float(np.nanmean(credit[column][seen])), column), default=None)


def _line(label: str, here: Mask, credit: dict[Column, Floats], clusters: Clusters, general: Column) -> Line | None:
    best = _best(credit, here, least=COVERAGE)
    if best is None:
        return None
    mine, others = (np.where(here, credit[column], np.nan) for column in (best, general))
    accuracy = clusters.estimate(mine)
    if accuracy is None:
        return None
    ahead = clusters.difference(mine, others) if best != general else None
    is_surely_ahead = ahead is not None and ahead.low is not None and ahead.low > 0
    chosen = best if is_surely_ahead and (accuracy.families or 0) >= LEAST_PROMPTS else general
    return Line(label, accuracy.prompts, best, accuracy, clusters.estimate(others), ahead, chosen)


def _on_other_votes(labels: dict[str, Mask], credit: dict[Column, Floats], clusters: Clusters) -> tuple[Floats, Floats]:
    """Credits of the routed and of the single machine, each vote judged by what the other parts chose."""
    family = clusters.one
    routed, single = np.full(len(family), np.nan), np.full(len(family), np.nan)
    part = parts(family) if len(family) else family
    for number in np.unique(part):
        here = part == number
        table = _learnt(labels, credit, clusters, ~here)
        if table is None:
            continue
        general, lines = table
        single[here] = credit[general][here]
        routed[here] = _followed(labels, credit, general, lines)[here]
    return routed, single


def _followed(labels: dict[str, Mask], credit: dict[Column, Floats], general: Column, lines: list[Line]) -> Floats:
    """Each vote's credit under a table; where the machine named says nothing, the general one speaks."""
    found = np.full(len(credit[general]), np.nan)
    is_open = np.ones(len(found), bool)
    for line in lines:
        if line.chosen != general:
            here = labels[line.label] & is_open
            found[here] = credit[line.chosen][here]
            is_open &= ~here
    return np.where(np.isnan(found), credit[general], found)
