"""Evidence that must not be thrown together: each refusal names what, and what to write instead."""

import polars as pl

from curation.errors import Refused
from curation.recipes.frames import Evidence


def refuse_ensemble_beside_member(asked: pl.DataFrame, evidence: Evidence) -> None:
    """Refuses an opinion beside one it was made of: the same opinion would count twice.

    Args:
        asked: the statements a recipe selects, with rater_id, label and judgement_id.
        evidence: its `members` and `links` say what was made of what.
    """
    raters = asked.select("rater_id", "label").unique()
    both = evidence.members.join(raters, on="rater_id").join(
        raters.select(member_id="rater_id", member="label"), on="member_id"
    )
    if both.height:
        whole, part = both.sort("label", "member").select("label", "member").row(0)
        raise Refused(
            f"The recipe selects the ensemble {whole!r} and its member {part!r}, so one opinion would count twice. "
            f"Name one of them under `raters`, or add {part!r} to `evidence: without_raters`."
        )
    acts = asked.select("judgement_id", "label").unique("judgement_id")
    derived = evidence.links.join(acts, on="judgement_id").join(
        acts.select(source_id="judgement_id", source="label"), on="source_id"
    )
    if derived.height:
        act, label, source = derived.sort("judgement_id", "source_id").select("judgement_id", "label", "source").row(0)
        raise Refused(
            f"The recipe selects judgement {act} of {label!r} and one of {source!r} that it was derived from "
            f"({derived.height} such cases). Name only one of the two under `raters`."
        )


def refuse_mixed_contexts(asked: pl.DataFrame) -> None:
    """Refuses statements made under different principles or profiles, which may contradict each other rightly."""
    contexts = asked.group_by("kind", "criterion").agg(pl.col("context").fill_null("").unique().sort())
    mixed = contexts.filter(pl.col("context").list.len() > 1).sort("kind", "criterion")
    if mixed.height:
        _, criterion, names = mixed.row(0)
        listed = ", ".join(repr(name) if name else "none" for name in names)
        raise Refused(
            f"Statements on {criterion!r} were made under different contexts ({listed}), and a pair may rightly "
            "flip between them. Name those you mean under `evidence: contexts`."
        )


def refuse_mixed_scales(statements: pl.DataFrame, criterion: str) -> None:
    """Refuses to average numbers of several raters that were not named: their scales need not agree.

    Args:
        statements: scores on one criterion, with label and is_person; all people count as one scale.
    """
    scale = pl.when("is_person").then(pl.lit("people")).otherwise("label")
    scales = statements.select(scale.unique().sort()).to_series().to_list()
    if len(scales) > 1:
        raise Refused(
            f"{criterion!r} is scored by {' and '.join(scales)}. Name one of them: "
            f"`{{scores: {criterion}, raters: [{scales[0] if scales[0] != 'people' else scales[1]}]}}`, several to "
            "use their mean, or set `evidence: basis`."
        )


def refuse_two_revisions(statements: pl.DataFrame, names: tuple[str, ...]) -> None:
    """Refuses a name that stands for two revisions of a machine: their numbers are not the same numbers."""
    plain = statements.filter(pl.col("rater").is_in([name for name in names if "@" not in name]), ~pl.col("is_person"))
    several = plain.group_by("rater").agg(pl.col("label").unique().sort()).filter(pl.col("label").list.len() > 1)
    if several.height:
        name, labels = several.sort("rater").row(0)
        raise Refused(f"{name!r} has several revisions here. Name one: {', '.join(labels)}.")
