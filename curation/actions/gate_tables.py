"""A frozen version as the gate looks at it: what would leave, with the facts about it as they are today."""

from __future__ import annotations

from functools import partial

import polars as pl

from curation.actions import benchmarks, version_files
from curation.actions.export_source import ABSENT, Plan, plan_of
from curation.gate import tables
from curation.gate.tables import Examined
from curation.models import DatasetVersion, gate_frames
from curation.recipes.model import Recipe
from curation.recipes.parse import parse
from curation.storage import media_storage

# Files whose presence is asked for at a time.
_FILES_AT_ONCE = 200_000


def read(version: DatasetVersion, *, with_notes: bool) -> Examined:
    """Reads the tables of an examination; pictures that were never looked at are looked at first.

    Args:
        with_notes: whether what people wrote leaves too.
    """
    recipe, plan = parse(version.recipe.text), plan_of(version)
    pairs = _pairs(version, plan)
    places = plan.samples.select([pl.col(name).cast(dtype) for name, dtype in tables.PLACES.items()])
    sample_ids = _ids(places["sample_id"], pairs["chosen_id"], pairs["rejected_id"])
    prompt_ids = _ids(places["prompt_id"], pairs["chosen_prompt_id"], pairs["rejected_prompt_id"])
    details = partial(gate_frames.details, sample_ids)
    samples = pl.concat([pl.DataFrame(schema=tables.SAMPLES), *(tables.slim(part) for part in details())])
    voices, shown = _heard(version, recipe, pairs)
    leaked, has_benchmarks = _leaked(version)
    return Examined(
        version=str(version),
        version_digest=version.digest,
        pairs=pairs,
        absent=plan.held_back.filter(pl.col("reason") == ABSENT).select("pair_id"),
        places=places,
        samples=samples,
        prompts=gate_frames.prompts(prompt_ids),
        prompt_media=gate_frames.prompt_media(prompt_ids),
        generators=gate_frames.generators(samples["generator_id"].unique().to_list()),
        raters=gate_frames.raters(voices["rater_id"].unique().to_list()),
        fitted=gate_frames.fitted(voices["rater_id"].unique().to_list()),
        flags=gate_frames.flags(sample_ids),
        voices=voices,
        shown=shown,
        looks=gate_frames.looks(sample_ids),
        dead=_dead(sample_ids, prompt_ids),
        notes=gate_frames.notes(sample_ids, prompt_ids) if with_notes else pl.DataFrame(schema=tables.NOTES),
        leaked=leaked,
        has_benchmarks=has_benchmarks,
        keeps_unsafe=recipe.candidates.unsafe == "keep",
        near_duplicates=recipe.split.near_duplicates,
        licence=version.dataset.project.licence,
        details=details,
        fingerprints=gate_frames.fingerprints,
    )


def _ids(*columns: pl.Series) -> list[int]:
    return pl.concat([column.rename("id") for column in columns]).unique().sort().to_list()


def _pairs(version: DatasetVersion, plan: Plan) -> pl.DataFrame:
    named = [pl.col(name).cast(dtype) for name, dtype in tables.PAIRS.items()]
    leaving = plan.pairs.lazy().select("pair_id")
    return (
        version_files.scan(version, "pairs")
        .select(named)
        .join(leaving, on="pair_id", how="semi")
        .collect()
        .sort("pair_id")
    )


# -- who decided ------------------------------------------------------------------------------------------------------


def _heard(version: DatasetVersion, recipe: Recipe, pairs: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """VOICES and SHOWN: of the statements behind each pair those on what the recipe pairs by."""
    read = [part for signal in recipe.pairing_signals() for part in signal.reads()]
    scored = {part.criterion for part in read if part.source == "scores"}
    voted = {part.criterion for part in read if part.source == "votes"}
    numbered = pairs.select("pair_id", "chosen_id", "rejected_id").with_row_index("pair")
    statements = _statements(version, numbered)
    scores = _of_kind(statements, "score")
    comparisons = _of_kind(statements, "comparison")
    where = ["judgement_id", "position"]
    by_score = scores.join(gate_frames.scores(_ids(scores["judgement_id"]), scored), on=where)
    by_vote = comparisons.join(gate_frames.comparisons(_ids(comparisons["judgement_id"]), voted), on=where)
    voices = pl.concat([by_score.select("pair", "rater_id"), by_vote.select("pair", "rater_id")]).unique()
    return voices.sort("pair", "rater_id"), _shown(by_vote, numbered)


def _statements(version: DatasetVersion, numbered: pl.DataFrame) -> pl.DataFrame:
    """pair, kind, judgement_id, position."""
    listed = version_files.scan(version, "pairs").select("pair_id", "evidence").explode("evidence")
    flat = listed.drop_nulls().unnest("evidence").with_columns(pl.col("kind").cast(pl.Categorical))
    return flat.join(numbered.lazy().select("pair_id", "pair"), on="pair_id").drop("pair_id").collect()


def _of_kind(statements: pl.DataFrame, kind: str) -> pl.DataFrame:
    return statements.filter(pl.col("kind") == kind).select("pair", "judgement_id", "position")


def _shown(votes: pl.DataFrame, numbered: pl.DataFrame) -> pl.DataFrame:
    """The comparisons of exactly the pair's two that had a winner; a ranking shows no sides."""
    sided = votes.filter(~pl.col("is_implied"), pl.col("outcome").is_in(["left", "right"])).join(numbered, on="pair")
    chosen_left = (pl.col("left_id") == pl.col("chosen_id")) & (pl.col("right_id") == pl.col("rejected_id"))
    chosen_right = (pl.col("left_id") == pl.col("rejected_id")) & (pl.col("right_id") == pl.col("chosen_id"))
    return sided.filter(chosen_left | chosen_right).select("pair", "by_person", chosen_was_left=chosen_left)


# -- files and benchmarks ---------------------------------------------------------------------------------------------


def _dead(sample_ids: list[int], prompt_ids: list[int]) -> pl.DataFrame:
    files = gate_frames.files(sample_ids, prompt_ids)
    different = files.select("name", "size").unique("name").sort("name")
    missing: set[str] = set()
    for part in different.iter_slices(_FILES_AT_ONCE):
        missing |= media_storage().missing(dict(part.iter_rows()))
    return files.filter(pl.col("name").is_in(sorted(missing))).select(list(tables.DEAD)).sort("name")


def _leaked(version: DatasetVersion) -> tuple[pl.DataFrame, bool]:
    """LEAKED, and whether anything is frozen at all."""
    if not benchmarks.barred_frames().height:
        return pl.DataFrame(schema=tables.LEAKED), False
    ids = benchmarks.leaking(version)
    held = version_files.scan(version, "pairs").select("pair_id", "chosen_id", "rejected_id")
    sides = [pl.col(side).is_in(ids.implode()) for side in ("chosen_id", "rejected_id")]
    pairs = held.filter(sides[0] | sides[1]).collect()
    paired = _ids(pairs["chosen_id"], pairs["rejected_id"])
    alone = pl.DataFrame({"sample_id": [pk for pk in ids.unique().sort().to_list() if pk not in set(paired)]})
    parts = [pl.DataFrame(schema=tables.LEAKED), pairs.select("pair_id"), alone.cast(pl.Int64)]
    return pl.concat(parts, how="diagonal"), True
