"""What the set is, how it was made, who judged what, and what made the samples."""

from __future__ import annotations

from collections.abc import Mapping

from curation.exports.card.charts import BASIS_WORDS, CardChart
from curation.exports.card.words import count, fenced, inline, joined, percent, prose, table
from curation.exports.insight import Agreement
from curation.exports.rows import ExportContext, RaterSummary

KIND_WORDS = {
    "person": "people",
    "model": "model",
    "rule": "rule",
    "head": "head fitted in this project",
    "ensemble": "ensemble",
    "behaviour": "behaviour of users",
    "scripted": "scripted rater",
}
PERSONAL = ("person", "behaviour")


def lead(context: ExportContext) -> list[str]:
    total = sum(context.splits.values())
    if not total:
        return [
            prose(context.description),
            f"**{count(context.samples, 'sample')}** for the task *{context.task}*, no pairs.",
        ]
    splits = joined([f"{number:,} in `{split}`" for split, number in context.splits.items() if number])
    facts = [f"**{count(total, 'pair')}** for the task *{context.task}*{_of_prompts(context)}: {splits}."]
    basis = [
        f"{number:,} rest on {words}" for key, words in BASIS_WORDS.items() if (number := context.basis.get(key, 0))
    ]
    if basis:
        facts.append(f"{joined(basis)}.")
    if any(rater.kind == "scripted" for rater in context.raters):
        facts.append("**Scripted raters took part**: programs that follow a written rule, neither people nor models.")
    return [prose(context.description), " ".join(facts)]


def _of_prompts(context: ExportContext) -> str:
    prompts = context.insight.prompts if context.insight else 0
    return f", of {count(prompts, 'prompt')} and {count(context.samples, 'sample')}" if prompts else ""


def changes(context: ExportContext) -> list[str]:
    if not context.changes:
        return []
    return ["## What changed since the version before", *(prose(change) for change in context.changes)]


def making(context: ExportContext) -> list[str]:
    parts = []
    if context.recipe_words:
        parts.append("\n".join(f"{number}. {prose(step)}" for number, step in enumerate(context.recipe_words, 1)))
    if context.funnel:
        rows = [(step.name, f"{step.count:,}", step.unit, step.note) for step in context.funnel]
        parts += ["What was left after each step:", table(("step", "left", "of", ""), rows, right={1})]
    if context.recipe_yaml:
        parts += ["### The recipe itself", fenced(context.recipe_yaml, "yaml")]
    return ["## How it was made", *parts] if parts else []


def raters(context: ExportContext, charts: Mapping[str, CardChart]) -> list[str]:
    if not context.raters:
        return []
    rows = [
        (_rater_name(rater), KIND_WORDS.get(rater.kind, rater.kind), f"{rater.judgements:,}")
        for rater in context.raters
    ]
    parts = ["## Who judged", table(("rater", "kind", "judgements"), rows, right={2})]
    if any(rater.kind == "scripted" for rater in context.raters):
        parts.append(
            "A *scripted rater* is a program that follows a written rule. It serves demonstrations and tests; "
            "its verdicts are not human opinions and must not be used as such."
        )
    if any(rater.kind in PERSONAL for rater in context.raters):
        parts.append(_people_words(context))
    parts += [charts[name].markdown for name in ("basis",) if name in charts]
    return parts + agreement(context.insight.agreement if context.insight else None, charts)


def agreement(found: Agreement | None, charts: Mapping[str, CardChart]) -> list[str]:
    """How far the votes behind the pairs agree, in a sentence and a chart."""
    if found is None:
        return []
    if not found.votes:
        return ["No two samples of a pair were compared directly: the pairs follow from scores."]
    words = f"{count(found.votes, 'vote')} compare the two sides of a pair directly. "
    if found.mean_share is None:
        words += "No pair has two of them, so nothing can be said of how far they agree."
    else:
        words += (
            f"{count(found.pairs_with_two, 'pair')} {'has' if found.pairs_with_two == 1 else 'have'} two or more; "
            f"there, {percent(found.mean_share)} of the votes stand with the winner on average (a tie counts half)."
        )
    return ["### Agreement", words, *([charts["agreement"].markdown] if "agreement" in charts else [])]


def _rater_name(rater: RaterSummary) -> str:
    if rater.kind in PERSONAL:
        return f"{rater.raters:,} {'person' if rater.raters == 1 else 'people'}"
    return rater.name


def _people_words(context: ExportContext) -> str:
    if not context.with_annotators:
        return "No row says which person judged it."
    return (
        "People appear as pseudonyms that are the same within this export and different in every other; "
        "their moments are cut to the day."
    )


def judged(context: ExportContext, charts: Mapping[str, CardChart]) -> list[str]:
    parts: list[str] = []
    if context.criteria:
        rows = [(f"`{item.key}` v{item.version}", item.name, item.question) for item in context.criteria]
        parts += ["## What was judged", table(("criterion", "name", "question"), rows)]
    if context.generators or "generators" in charts:
        parts.append("## What made the samples")
    if context.generators:
        made = [(item.name, item.revision, item.kind, f"{item.samples:,}") for item in context.generators]
        parts += [table(("generator", "revision", "kind", "samples"), made, right={3})]
        if any(item.kind != "generated" for item in context.generators):
            parts.append(
                "Rows of the kind *real* or *reference* are anchors, not generations: `a_is_reference` and "
                "`b_is_reference` say so in every row of `pairs`, `is_reference` in `ratings`."
            )
    if "generators" in charts:
        parts += [charts["generators"].markdown, _generator_words(context)]
    return parts


def _generator_words(context: ExportContext) -> str:
    """One whose samples always win, or always lose, teaches a model to tell makers apart instead of quality."""
    sides = context.insight.sides if context.insight else ()
    certain = [one for one in sides if one.chosen + one.rejected >= 10 and not 0.1 <= one.share <= 0.9]
    if not certain:
        return ""
    named = joined([f"{inline(one.generator)} ({percent(one.share)} chosen)" for one in certain])
    return f"Nearly one-sided: {named}. A model may learn to tell these apart instead of what is good about them."
