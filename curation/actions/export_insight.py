"""The numbers of what leaves of a version, for the card: margins, agreement, who is chosen; and what changed."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from curation.actions import version_files
from curation.exports.card.words import count
from curation.exports.insight import Agreement, Insight, Margins, Sides, bins_of
from curation.models import DatasetVersion, Generator, Sample

IDS = 10_000

# Share of a pair's votes for the chosen side, a tie counting half: words, and the bound they begin at.
AGREEMENT = (
    ("all votes with the winner", 1.0),
    ("three quarters or more", 0.75),
    ("more than half", 0.5000001),
    ("half or fewer", -1.0),
)
NO_VOTES = "never compared directly"


def insight_of(version: DatasetVersion, pairs: pl.DataFrame) -> Insight:
    """The numbers of the pairs that leave.

    Args:
        pairs: `pair_id, basis, chosen_id, rejected_id` of those that leave; see `export_source.Plan`.
    """
    columns = ["pair_id", "prompt_id", "margin", "margin_unit", "votes_chosen", "votes_rejected", "votes_tie"]
    told = version_files.scan(version, "pairs").select(columns)
    kept = told.join(pairs.lazy().select("pair_id"), on="pair_id", how="semi").collect()
    return Insight(
        prompts=kept["prompt_id"].n_unique(),
        margins=tuple(_margins(kept)),
        sides=_sides(pairs),
        agreement=_agreement(kept) if kept.height else None,
        basis=dict(pairs.group_by("basis").len("n").sort("basis").iter_rows()),
    )


def _margins(kept: pl.DataFrame) -> Iterator[Margins]:
    for (unit,), group in kept.drop_nulls("margin").sort("margin_unit").group_by("margin_unit", maintain_order=True):
        values = group["margin"]
        yield Margins(str(unit), bins_of(values.to_list()), float(values.median() or 0.0))  # type: ignore[arg-type]


def _sides(pairs: pl.DataFrame) -> tuple[Sides, ...]:
    """By generator and revision, as the card's table names them."""
    made_by = _generators(pl.concat([pairs["chosen_id"], pairs["rejected_id"]]).unique().to_list())
    counts: dict[str, list[int]] = {}
    for place, side in enumerate(("chosen_id", "rejected_id")):
        for sample, number in pairs.group_by(side).len("n").iter_rows():
            if sample in made_by:
                counts.setdefault(made_by[sample], [0, 0])[place] += number
    return tuple(Sides(name, *numbers) for name, numbers in sorted(counts.items()))


def _generators(ids: list[int]) -> dict[int, str]:
    made_by: dict[int, int] = {}
    for start in range(0, len(ids), IDS):
        part = Sample.objects.filter(pk__in=ids[start : start + IDS])
        made_by |= dict(part.values_list("pk", "generator_id"))
    rows = Generator.objects.filter(pk__in=set(made_by.values()))
    names = {row.pk: f"{row.name} {row.revision[:8]}".strip() for row in rows}
    return {sample: names[generator] for sample, generator in made_by.items()}


def _agreement(kept: pl.DataFrame) -> Agreement:
    votes = pl.col("votes_chosen") + pl.col("votes_rejected") + pl.col("votes_tie")
    counted = kept.with_columns(votes=votes).with_columns(
        share=(pl.col("votes_chosen") + pl.col("votes_tie") / 2) / pl.col("votes")
    )
    voted, several = counted.filter(pl.col("votes") > 0), counted.filter(pl.col("votes") >= 2)
    words = pl.lit(None, dtype=pl.String)
    for name, bound in reversed(AGREEMENT):
        words = pl.when(pl.col("share") >= bound).then(pl.lit(name)).otherwise(words)
    found = dict(voted.with_columns(words=words).group_by("words").len("n").iter_rows())
    by_share = {name: found[name] for name, _bound in AGREEMENT if name in found}
    unvoted = counted.height - voted.height
    return Agreement(
        votes=int(counted["votes"].sum()),
        by_share={**by_share, **({NO_VOTES: unvoted} if unvoted else {})},
        mean_share=float(several["share"].mean()) if several.height else None,  # type: ignore[arg-type]
        pairs_with_two=several.height,
    )


def changes_of(version: DatasetVersion, pairs: pl.DataFrame) -> tuple[str, ...]:
    """What came and went since the frozen version before it, in sentences; none for a first one.

    Args:
        pairs: those that leave.
    """
    before = (
        DatasetVersion.objects.frozen()
        .filter(dataset=version.dataset)
        .exclude(pk=version.pk)
        .filter(number__lte=version.number)
        .order_by("-number", "-minor")
    )
    earlier = next((one for one in before if (one.number, one.minor) < (version.number, version.minor)), None)
    if earlier is None:
        return (version.note,) if version.note else ()
    had = set(version_files.scan(earlier, "pairs").select("pair_id").collect()["pair_id"].to_list())
    has = set(pairs["pair_id"].to_list())
    sentence = (
        f"Against version {earlier.label}: {count(len(has - had), 'pair')} came, {count(len(had - has), 'pair')} went, "
        f"{count(len(has & had), 'pair')} stayed."
    )
    recipe = "" if earlier.recipe_id == version.recipe_id else "The recipe is another."
    return tuple(part for part in (version.note, sentence, recipe) if part)
