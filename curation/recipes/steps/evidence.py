"""First step: which statements count at all. Decided act by act, so that a ranking stays whole."""

from dataclasses import dataclass, replace

import polars as pl

from curation.recipes.frames import Evidence
from curation.recipes.funnel import Step, first_reason, step
from curation.recipes.model import EvidenceRule, Recipe
from curation.recipes.refusals import refuse_ensemble_beside_member, refuse_mixed_contexts

PEOPLE = ("person",)
# A kind of rater, and what all raters of this kind are called in a dataset.
BEHAVIOUR = "behaviour"
SCRIPTED = "scripted"
# What every person is called in a dataset.
A_PERSON = "people"


@dataclass(frozen=True)
class Read:
    """The evidence that counts.

    Args:
        evidence: as it was given, less what does not count.
        raters: rater_id, rater, revision, is_person, label, voice (what its votes weigh): those who are heard.
        criteria: criterion_id, criterion, higher_is_better: versions that mean what the newest one means.
        comparisons: those of `evidence` with act_size, the number of samples their act ordered (2 unless a ranking).
        considered: the candidates, before any filter; None while they are not chosen yet.
    """

    evidence: Evidence
    raters: pl.DataFrame
    criteria: pl.DataFrame
    comparisons: pl.DataFrame
    considered: pl.DataFrame | None = None

    def about(self, criterion: str, statements: pl.DataFrame) -> pl.DataFrame:
        """The statements on one criterion in their order, with higher_is_better and their rater's columns."""
        mine = self.criteria.filter(pl.col("criterion") == criterion).drop("criterion")
        acts = self.evidence.judgements.select("judgement_id", "rater_id").join(self.raters, on="rater_id")
        here = statements.filter(pl.col("criterion_id").is_in(mine["criterion_id"].implode()))
        here = here.join(mine, on="criterion_id", maintain_order="left")
        return here.join(acts, on="judgement_id", maintain_order="left")


def read(recipe: Recipe, evidence: Evidence) -> tuple[Read, Step]:
    """Leaves out what was retracted or contradicted, examined raters, fell under a quarantine or was not selected.

    Raises:
        Refused: an ensemble is selected beside one of its members, or statements made under different principles
            would be thrown together.
    """
    criteria = _current(evidence.criteria)
    every = _acts(evidence)
    acts = every.join(evidence.judgements, on="judgement_id").join(criteria, on="criterion_id")
    heard = _with_is_person(evidence.raters, recipe.evidence)
    acts = acts.join(heard, on="rater_id")
    marked = acts.with_columns(reason=first_reason(_rules(recipe, evidence)))
    kept = marked.filter(pl.col("reason").is_null())
    counted = replace(
        evidence,
        scores=_of_acts(evidence.scores, every, kept, "score"),
        comparisons=_of_acts(evidence.comparisons, every, kept, "comparison"),
    )
    raters = _with_labels(heard.join(kept.select("rater_id"), on="rater_id", how="semi"))
    raters = raters.with_columns(voice=_voice(recipe.evidence))
    asked = _asked_for(recipe, kept).join(raters.select("rater_id", "label"), on="rater_id")
    refuse_ensemble_beside_member(asked, evidence)
    refuse_mixed_contexts(asked)
    dropped = _dropped(evidence, marked.filter(pl.col("reason").is_not_null()))
    line = step("evidence", "statements", kept=counted.scores.height + counted.comparisons.height, dropped=dropped)
    return Read(
        evidence=counted,
        raters=raters.select("rater_id", "rater", "revision", "is_person", "label", "voice"),
        criteria=criteria.filter("is_current").drop("is_current"),
        comparisons=_with_act_sizes(counted.comparisons),
    ), line


_KEY = ["judgement_id", "position"]
_ACT = ["judgement_id", "criterion_id"]


def _acts(evidence: Evidence) -> pl.DataFrame:
    """Each act under each criterion once: there are far fewer of them than statements."""
    parts = []
    for kind, statements in (("score", evidence.scores), ("comparison", evidence.comparisons)):
        parts.append(statements.group_by(_ACT).agg(pl.col("retracted").any()).with_columns(kind=pl.lit(kind)))
    return pl.concat(parts).sort("kind", *_ACT)


def _of_acts(statements: pl.DataFrame, acts: pl.DataFrame, kept: pl.DataFrame, kind: str) -> pl.DataFrame:
    """The statements of the acts that count, in their order; the very frame where all do, which copies nothing."""
    staying = kept.filter(pl.col("kind") == kind)
    if staying.height == acts.filter(pl.col("kind") == kind).height:
        return statements
    return statements.join(staying, on=_ACT, how="semi", maintain_order="left")


def _dropped(evidence: Evidence, acts: pl.DataFrame) -> pl.DataFrame:
    parts = []
    for kind, statements in (("score", evidence.scores), ("comparison", evidence.comparisons)):
        mine = acts.filter(pl.col("kind") == kind).select(*_ACT, "reason", "kind")
        parts.append(statements.join(mine, on=_ACT).select("reason", "kind", *_KEY))
    return pl.concat(parts).sort("kind", *_KEY)


def _with_is_person(raters: pl.DataFrame, rule: EvidenceRule) -> pl.DataFrame:
    """Scripts are taken for people where the recipe says so; their label still names them as what they are."""
    kinds = (*PEOPLE, SCRIPTED) if rule.scripted_as_people else PEOPLE
    return raters.with_columns(is_person=pl.col("rater_kind").is_in(kinds))


def _with_labels(raters: pl.DataFrame) -> pl.DataFrame:
    """What a rater is called in a dataset: machines by name, with the revision's first eight characters where a
    name stands for two; people, and what their behaviour says, never by name. A machine that is called as they are is
    named with its kind, so that nobody takes it for them.
    """
    called = pl.when(pl.col("rater").is_in([A_PERSON, BEHAVIOUR])).then(pl.format("{} ({})", "rater", "rater_kind"))
    name = called.otherwise("rater")
    revised = pl.col("rater").is_duplicated() & (pl.col("revision") != "")
    machine = pl.when(revised).then(name + "@" + pl.col("revision").str.slice(0, 8)).otherwise(name)
    person = pl.when(pl.col("rater_kind").is_in(PEOPLE)).then(pl.lit(A_PERSON))
    label = person.when(pl.col("rater_kind") == BEHAVIOUR)
    return raters.with_columns(label=label.then(pl.lit(BEHAVIOUR)).otherwise(machine))


def named(raters: tuple[str, ...]) -> pl.Expr:
    """Whether a rater is one of those named, by name or by `name@beginning of its revision`."""
    plain = pl.col("rater").is_in(list(raters))
    pointed = [name.rsplit("@", 1) for name in raters if "@" in name]
    exact = [(pl.col("rater") == name) & pl.col("revision").str.starts_with(start) for name, start in pointed]
    return pl.any_horizontal(plain, *exact)


def _voice(rule: EvidenceRule) -> pl.Expr:
    """What a rater's votes weigh: what is said of its name, else of its kind, else 1."""
    by_name = [pl.when(named((name,))).then(pl.lit(weight)) for name, weight in rule.rater_weights]
    by_kind = [pl.when(pl.col("rater_kind") == kind).then(pl.lit(weight)) for kind, weight in rule.kind_weights]
    return pl.coalesce(*by_name, *by_kind, pl.lit(1.0)).cast(pl.Float64)


def _with_act_sizes(comparisons: pl.DataFrame) -> pl.DataFrame:
    """How many samples the act ordered: a ranking of k implies k (k - 1) / 2 comparisons under a criterion."""
    implied = pl.col("is_implied").sum().over("judgement_id", "criterion_id").cast(pl.Float64)
    size = ((1 + (1 + 8 * implied).sqrt()) / 2).round().cast(pl.Int32)
    return comparisons.with_columns(act_size=pl.when("is_implied").then(size).otherwise(2))


def _current(criteria: pl.DataFrame) -> pl.DataFrame:
    """Marks the versions that mean the same as the newest one; rewordings do, other meanings do not."""
    newest = criteria.sort("number").group_by("criterion", maintain_order=True).agg(today=pl.col("meaning").last())
    marked = criteria.join(newest, on="criterion")
    return marked.select(
        "criterion_id", "criterion", "higher_is_better", is_current=pl.col("meaning") == pl.col("today")
    )


def _rules(recipe: Recipe, evidence: Evidence) -> list[tuple[str, pl.Expr]]:
    rule = recipe.evidence
    return [
        ("retracted", pl.col("retracted")),
        ("other_purpose", ~pl.col("purpose").is_in(list(rule.purposes))),
        ("quarantined", pl.col("at") >= pl.col("quarantined_since")),
        ("fails_known_answers", pl.col("rater_id").is_in(evidence.failing["rater_id"].implode())),
        ("contradicted", pl.col("judgement_id").is_in(evidence.contradicted["judgement_id"].implode())),
        ("not_in_basis", _outside(rule)),
        ("rater_not_selected", _not_selected(recipe)),
        ("other_context", _other_context(rule)),
        ("other_meaning", ~pl.col("is_current")),
    ]


def _outside(rule: EvidenceRule) -> pl.Expr:
    if rule.basis == "both":
        return pl.lit(False)
    return pl.col("is_person") if rule.basis == "machines" else ~pl.col("is_person")


def _not_selected(recipe: Recipe) -> pl.Expr:
    """Excluded by the recipe's own lists, or named by none of the signals that read the statement."""
    rule = recipe.evidence
    unwanted = named(rule.without_raters) if rule.without_raters else pl.lit(False)
    if rule.raters:
        unwanted = unwanted | ~named(rule.raters)
    for kind, criterion, names in _narrowed(recipe):
        unwanted = unwanted | ((pl.col("kind") == kind) & (pl.col("criterion") == criterion) & ~named(names))
    return unwanted


def _narrowed(recipe: Recipe) -> list[tuple[str, str, tuple[str, ...]]]:
    """Kind of statement and criterion for which every signal names its raters, with all their names."""
    asked: dict[tuple[str, str], list[tuple[str, ...]]] = {}
    for signal in recipe.signals():
        asked.setdefault((_KINDS[signal.source], signal.criterion), []).append(signal.raters)
    return [
        (kind, criterion, tuple(name for names in lists for name in names))
        for (kind, criterion), lists in sorted(asked.items())
        if all(lists)
    ]


_KINDS = {"scores": "score", "votes": "comparison"}


def _asked_for(recipe: Recipe, kept: pl.DataFrame) -> pl.DataFrame:
    """What the signals read, without the "both bad" said under criteria that no signal names."""
    wanted = sorted({(_KINDS[signal.source], signal.criterion) for signal in recipe.signals()})
    table = pl.DataFrame(wanted, schema={"kind": pl.String, "criterion": pl.String}, orient="row")
    return kept.join(table, on=["kind", "criterion"], how="semi")


def _other_context(rule: EvidenceRule) -> pl.Expr:
    if not rule.contexts:
        return pl.lit(False)
    return ~pl.col("context").is_in(list(rule.contexts)).fill_null(False)
