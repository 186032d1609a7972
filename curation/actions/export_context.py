"""What is true of a whole version, for the card: who judged, what was judged, what it was made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import polars as pl
from django.db.models import Count
from django.utils import translation

from curation.actions.export_insight import changes_of, insight_of
from curation.actions.export_rows import PERSONAL, RowBuilder
from curation.exports.recipe_in_words import words_of
from curation.exports.rows import (
    CriterionSummary,
    ExportContext,
    FunnelStep,
    GeneratorSummary,
    RaterSummary,
)
from curation.models import (
    CriterionVersion,
    DatasetVersion,
    Flag,
    Generator,
    Rater,
    Sample,
)
from curation.recipe_words import reason_name, step_name, unit_name
from curation.recipes.parse import parse
from curation.recipes.renaming import raters_named, renamed

IDS = 10_000


def context_of(
    version: DatasetVersion,
    pairs: pl.DataFrame,
    samples: pl.DataFrame,
    left_out: dict[str, int],
    builder: RowBuilder,
) -> ExportContext:
    """The version's context.

    Args:
        pairs, samples: what leaves; see `export_source.Plan`.
        left_out: pairs that do not leave, by reason.
    """
    project = version.dataset.project
    ids = samples["sample_id"].unique().to_list()
    return ExportContext(
        dataset=version.dataset.name,
        version=version.label,
        task=project.task,
        project=project.slug,
        digest=version.digest,
        side_seed=version.seed,
        splits=_splits(pairs, samples),
        description=version.dataset.description or project.description,
        licence=project.licence,
        code_version=version.code_version,
        created_on=version.frozen_at.date().isoformat() if version.frozen_at else "",
        **_recipe(version, builder),
        funnel=tuple(_funnel_step(step) for step in version.funnel),
        raters=_raters(version.manifest["raters"]),
        criteria=_criteria(version),
        generators=_generators(ids),
        samples=len(ids),
        licences=_licences(ids, project.licence),
        locales=_locales(ids),
        basis=dict(Counter(pairs["basis"].to_list())),
        unsafe_samples=_unsafe(ids),
        left_out=left_out,
        with_notes=builder.options.with_notes,
        with_annotators=builder.options.with_annotators,
        insight=insight_of(version, pairs),
        changes=changes_of(version, pairs),
    )


def _splits(pairs: pl.DataFrame, samples: pl.DataFrame) -> dict[str, int]:
    """Pairs by split, the usual ones first; a split with samples only counts 0."""
    counts = Counter(pairs["split"].to_list())
    names = {*counts, *samples["split"].unique().to_list()}
    usual = {"train": 0, "validation": 1, "test": 2}
    return {name: counts[name] for name in sorted(names, key=lambda name: (usual.get(name, 3), name))}


def _recipe(version: DatasetVersion, builder: RowBuilder) -> dict[str, Any]:
    """The recipe in words and as text; one that selects people by name is told in words only, with pseudonyms."""
    recipe = parse(version.recipe.text)
    named = raters_named(recipe)
    people = Rater.objects.filter(kind__in=PERSONAL, name__in=named, judgements__project=version.dataset.project)
    shown = {rater.name: builder.pseudonyms.of(str(rater.pk)) for rater in people.distinct()}
    if not shown:
        return {"recipe_yaml": version.recipe.text, "recipe_words": words_of(recipe)}
    if not builder.pseudonyms.are_kept:
        shown = dict.fromkeys(shown, "somebody")
    return {"recipe_yaml": "", "recipe_words": words_of(renamed(recipe, shown))}


def _funnel_step(step: dict[str, Any]) -> FunnelStep:
    """A line of the funnel in words; cards are in English whoever exports."""
    with translation.override("en"):
        reasons = ", ".join(f"{count:,} {reason_name(code)}" for code, count in step["reasons"].items())
        entered = f"{step['entered']:,} {unit_name(step['unit'])}"
        return FunnelStep(step_name(step["step"]), step["kept"], entered, reasons)


def _raters(heard: list[dict[str, Any]]) -> tuple[RaterSummary, ...]:
    """One line for all people, one for all behaviour, one for each machine and each scripted rater."""
    lines = [
        RaterSummary(
            kind=line["rater_kind"],
            name=f"{line['name']}@{line['revision'][:8]}" if line["revision"] else line["name"],
            judgements=line["judgements"],
            raters=line["raters"],
        )
        for line in heard
    ]
    return tuple(sorted(lines, key=lambda line: (line.kind not in PERSONAL, line.kind, line.name)))


def _criteria(version: DatasetVersion) -> tuple[CriterionSummary, ...]:
    """The newest version of each criterion the recipe names."""
    keys = {signal.criterion for signal in parse(version.recipe.text).signals()}
    rows = CriterionVersion.objects.filter(criterion__project=version.dataset.project, criterion__key__in=keys)
    newest = {row.criterion.key: row for row in rows.select_related("criterion").order_by("number")}
    return tuple(CriterionSummary(key, row.number, row.name, row.question) for key, row in sorted(newest.items()))


def _generators(ids: list[int]) -> tuple[GeneratorSummary, ...]:
    counts: Counter[int] = Counter()
    for part in _parts(ids):
        counts.update(dict(Sample.objects.filter(pk__in=part).values_list("generator").annotate(Count("pk"))))
    rows = Generator.objects.filter(pk__in=counts)
    return tuple(GeneratorSummary(row.name, row.revision, row.kind, counts[row.pk]) for row in rows)


def _licences(ids: list[int], by_default: str) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for part in _parts(ids):
        for licence, count in Sample.objects.filter(pk__in=part).values_list("licence").annotate(Count("pk")):
            counts[licence or by_default] += count
    return dict(sorted(counts.items()))


def _locales(ids: list[int]) -> tuple[str, ...]:
    found: set[str] = set()
    for part in _parts(ids):
        found |= set(Sample.objects.filter(pk__in=part).values_list("prompt__locale", flat=True).distinct())
    return tuple(sorted(found))


def _unsafe(ids: list[int]) -> int:
    unsafe = Flag.objects.filter(kind=Flag.Kind.UNSAFE, is_retracted=False)
    return sum(unsafe.filter(sample_id__in=part).values("sample_id").distinct().count() for part in _parts(ids))


def _parts(ids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), IDS):
        yield ids[start : start + IDS]
