"""What a version read, row by row, and finding it again: the recorded evidence and what became of it since."""

from dataclasses import dataclass, replace

import polars as pl

from curation.recipes.frames import Evidence
from curation.recipes.tables import EVIDENCE, row_digests

_STATEMENT = ["judgement_id", "position"]
_ROW = ["kind", "id", "position", "prompt_id"]


def record(evidence: Evidence) -> pl.DataFrame:
    """A row of `tables.EVIDENCE` for each row of evidence, sorted by kind, id and position.

    A prompt's digest covers its input media, a sample's what is seen of it, a score's its spread where that was read.
    Retraction is no part of a digest: it
    is looked for by itself.
    """
    parts = [
        _recorded("prompt", _prompts(evidence), "prompt_id"),
        _recorded("sample", evidence.samples, "sample_id"),
        _with_spreads(_recorded("score", evidence.scores.drop("retracted"), *_STATEMENT), evidence.spreads),
        _recorded("comparison", evidence.comparisons.drop("retracted"), *_STATEMENT, prompt="left_prompt_id"),
        _recorded("branch", evidence.branches, "sample_id"),
        _recorded("prompt_link", evidence.prompt_links, "link_id"),
        _recorded("split", evidence.assigned, "prompt_id").with_columns(evidence.assigned["split"]),
    ]
    table = pl.concat(parts).select(pl.col(name).cast(dtype) for name, dtype in EVIDENCE.items())
    return table.sort("kind", "id", "position")


def _with_spreads(recorded: pl.DataFrame, spreads: pl.DataFrame) -> pl.DataFrame:
    """Digests that change with the spread too, for the scores that have one; the others keep theirs."""
    if not spreads.height:
        return recorded
    stated = spreads.select(id="judgement_id", position="position", spread=row_digests(spreads.select("spread")))
    both = recorded.join(stated, on=["id", "position"], how="left", maintain_order="left")
    mixed = pl.when(pl.col("spread").is_null()).then("digest").otherwise(pl.col("digest") ^ pl.col("spread"))
    return both.with_columns(digest=mixed).drop("spread")


def _prompts(evidence: Evidence) -> pl.DataFrame:
    media = evidence.prompt_media.sort("prompt_id", "role", "media_digest")
    files = media.group_by("prompt_id", maintain_order=True).agg(files=pl.col("media_digest").str.join(","))
    return evidence.prompts.join(files, on="prompt_id", how="left").sort("prompt_id")


def _recorded(
    kind: str, rows: pl.DataFrame, key: str, position: str | None = None, *, prompt: str = "prompt_id"
) -> pl.DataFrame:
    place = pl.col(position).cast(pl.Int32) if position else pl.lit(0, dtype=pl.Int32)
    return rows.select(
        kind=pl.lit(kind),
        id=pl.col(key),
        position=place,
        prompt_id=pl.col(prompt),
        digest=row_digests(rows),
        split=pl.lit(None, dtype=pl.String),
    )


@dataclass(frozen=True)
class Found:
    """The recorded evidence as it is today.

    Args:
        evidence: what is still there, with everything decided that was decided then: nothing is retracted, quarantined
            or flagged in it, so that running the recipe on it answers what it answered then.
        gone: kind, id, position, prompt_id of recorded rows that exist no more or were withdrawn since.
        changed: the same of rows whose content is another than the one that was read.
    """

    evidence: Evidence
    gone: pl.DataFrame
    changed: pl.DataFrame


def find_again(recorded: pl.DataFrame, today: Evidence, withdrawn_acts: pl.Series) -> Found:
    """Looks up the recorded rows in the evidence of today; rows that came since are left out.

    Args:
        withdrawn_acts: judgement ids that were retracted for good (a correction superseded is none).
    """
    evidence = _as_it_was(recorded, today)
    now = record(evidence).select("kind", "id", "position", digest_now="digest")
    both = recorded.filter(pl.col("kind") != "split").join(now, on=["kind", "id", "position"], how="left")
    is_statement = pl.col("kind").is_in(["score", "comparison"])
    is_withdrawn = is_statement & pl.col("id").is_in(withdrawn_acts.implode())
    is_gone = pl.col("digest_now").is_null() | is_withdrawn
    return Found(
        evidence=evidence,
        gone=both.filter(is_gone).select(_ROW),
        changed=both.filter(~is_gone, pl.col("digest") != pl.col("digest_now")).select(_ROW),
    )


def _as_it_was(recorded: pl.DataFrame, today: Evidence) -> Evidence:
    def ids(kind: str, name: str) -> pl.DataFrame:
        return recorded.filter(pl.col("kind") == kind).select(pl.col("id").alias(name))

    def statements(kind: str) -> pl.DataFrame:
        return recorded.filter(pl.col("kind") == kind).select(pl.col("id").alias("judgement_id"), "position")

    scores = today.scores.join(statements("score"), on=_STATEMENT, how="semi")
    comparisons = today.comparisons.join(statements("comparison"), on=_STATEMENT, how="semi")
    used = pl.concat([scores["criterion_id"], comparisons["criterion_id"]]).unique()
    acts = pl.concat([scores["judgement_id"], comparisons["judgement_id"]]).unique()
    never = pl.lit(None, dtype=today.raters.schema["quarantined_since"])
    prompts = ids("prompt", "prompt_id")
    return replace(
        today,
        prompts=today.prompts.join(prompts, on="prompt_id", how="semi"),
        prompt_media=today.prompt_media.join(prompts, on="prompt_id", how="semi"),
        samples=today.samples.join(ids("sample", "sample_id"), on="sample_id", how="semi"),
        flags=today.flags.clear(),
        raters=today.raters.with_columns(quarantined_since=never),
        members=today.members.clear(),
        criteria=today.criteria.filter(pl.col("criterion_id").is_in(used.implode())),
        judgements=today.judgements.filter(pl.col("judgement_id").is_in(acts.implode())),
        links=today.links.clear(),
        contradicted=today.contradicted.clear(),
        scores=scores.with_columns(retracted=pl.lit(False)),
        comparisons=comparisons.with_columns(retracted=pl.lit(False)),
        assigned=recorded.filter(pl.col("kind") == "split").select("prompt_id", "split"),
        branches=today.branches.join(ids("branch", "sample_id"), on="sample_id", how="semi"),
        prompt_links=today.prompt_links.join(ids("prompt_link", "link_id"), on="link_id", how="semi"),
        barred=today.barred.clear(),
        failing=today.failing.clear(),
    ).sorted()


@dataclass(frozen=True)
class Difference:
    """How a rebuilt table of pairs differs from the frozen one.

    Args:
        withdrawn: pair_id and reason of frozen pairs that rest on something gone.
        unexplained: pair_ids that differ although nothing behind their prompt is gone.
    """

    withdrawn: pl.DataFrame
    unexplained: list[str]


def compare(
    frozen: pl.DataFrame, rebuilt: pl.DataFrame, splits: pl.DataFrame, found: Found, *, is_learnt: bool = False
) -> Difference:
    """Tells pairs that fell with what was withdrawn from pairs that differ for no such reason.

    Args:
        frozen, rebuilt: tables of pairs.
        splits: the frozen splits; prompts of one component share their fate, since one may name the other's split.
        is_learnt: the recipe learns from all its evidence (`Recipe.learns`), so anything that is gone explains
            another number, and with it another choice, under any prompt.
    """
    touched = _rests_on_gone(frozen, found)
    affected = _with_neighbours(found.gone["prompt_id"].unique(), splits, frozen)
    calm = ~_either("prompt_id", affected)
    is_explained = is_learnt and found.gone.height > 0
    now = rebuilt.join(frozen.select("pair_id"), on="pair_id", how="anti").filter(calm)["pair_id"].to_list()
    differing = _differing(frozen.filter(calm), rebuilt)
    vanished = frozen.filter(~calm).join(rebuilt.select("pair_id"), on="pair_id", how="anti").select("pair_id")
    fallen = vanished.join(touched, on="pair_id", how="anti").with_columns(reason=pl.lit("no_longer_follows"))
    unexplained = [] if is_explained else sorted({*now, *differing})
    return Difference(withdrawn=pl.concat([touched, fallen]).sort("pair_id"), unexplained=unexplained)


def _rests_on_gone(frozen: pl.DataFrame, found: Found) -> pl.DataFrame:
    """pair_id and the first reason: a sample or prompt is gone, or a statement behind the pair was withdrawn."""
    prompts = found.gone.filter(pl.col("kind") == "prompt")["id"]
    lost = found.gone.filter(pl.col("kind") == "sample")["id"]
    gone = found.gone.filter(pl.col("kind").is_in(["score", "comparison"]))
    evidence = frozen.select("pair_id", "evidence").explode("evidence", empty_as_null=False).unnest("evidence")
    by_statement = evidence.join(gone, left_on=["kind", *_STATEMENT], right_on=["kind", "id", "position"], how="semi")
    reason = (
        pl.when(_either("prompt_id", prompts))
        .then(pl.lit("prompt_gone"))
        .when(pl.col("chosen_id").is_in(lost.implode()) | pl.col("rejected_id").is_in(lost.implode()))
        .then(pl.lit("sample_gone"))
        .when(pl.col("pair_id").is_in(by_statement["pair_id"].unique().implode()))
        .then(pl.lit("evidence_withdrawn"))
    )
    return frozen.select("pair_id", reason=reason).filter(pl.col("reason").is_not_null())


def _either(name: str, ids: pl.Series) -> pl.Expr:
    """Whether the chosen or the rejected side names one of these."""
    return pl.any_horizontal(*[pl.col(f"{side}_{name}").is_in(ids.implode()) for side in ("chosen", "rejected")])


def _with_neighbours(prompts: pl.Series, splits: pl.DataFrame, frozen: pl.DataFrame) -> pl.Series:
    """These prompts and all that share a component with one of them.

    Where pairs cross prompts, who is left over looks for another partner, so the prompts of all such pairs share
    their fate too.
    """
    crossing = frozen.filter(pl.col("chosen_prompt_id") != pl.col("rejected_prompt_id"))
    meeting = pl.concat([crossing["chosen_prompt_id"], crossing["rejected_prompt_id"]]).unique()
    if prompts.is_in(meeting.implode()).any():
        prompts = pl.concat([prompts, meeting]).unique()
    components = splits.filter(pl.col("prompt_id").is_in(prompts.implode()))["component"]
    neighbours = splits.filter(pl.col("component").is_in(components.implode()))["prompt_id"]
    return pl.concat([prompts, neighbours]).unique()


def _differing(frozen: pl.DataFrame, rebuilt: pl.DataFrame) -> list[str]:
    """Frozen pairs that the rebuilt table lacks or has with other values."""
    then = frozen.select("pair_id", then=_mixed(frozen))
    now = rebuilt.select("pair_id", now=_mixed(rebuilt))
    both = then.join(now, on="pair_id", how="left")
    return both.filter(pl.col("now").is_null() | (pl.col("then") != pl.col("now")))["pair_id"].to_list()


def _mixed(table: pl.DataFrame) -> pl.Series:
    """A number for each whole row, its lists included."""
    return row_digests(table.with_columns(_nested_as_text(table)))


def _nested_as_text(table: pl.DataFrame) -> list[pl.Series]:
    nested = [name for name, dtype in table.schema.items() if dtype.is_nested()]
    return [pl.Series(name, [repr(value) for value in table[name].to_list()], dtype=pl.String) for name in nested]
