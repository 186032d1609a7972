"""From the statements of an ensemble's members to its own: what it says of each subject, and on whose acts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from curation.recipes.signals import mean_by
from curation.rewards.combining import BOTH_BAD, combined, combined_verdicts, spread
from curation.rewards.numbers import Bools, Floats
from curation.rewards.plan import Plan
from curation.rewards.transforms import Transform

# A subject: a sample, or a couple of samples (low < high), under its own prompt and one principle (0: none).
SCORED = ["sample_id", "prompt_id", "context_id"]
VOTED = ["low_id", "high_id", "prompt_id", "context_id"]

# What members said. `value` of a vote: 1 for the lower id, 0 for the higher one, ½ a tie, −1 both bad.
SCORE_STATEMENTS = pl.Schema(
    {
        "judgement_id": pl.Int64,
        "rater_id": pl.Int64,
        "criterion_id": pl.Int64,  # of the criterion version
        "sample_id": pl.Int64,
        "prompt_id": pl.Int64,  # the sample's own
        "context_id": pl.Int64,
        "occasion": pl.Int64,
        "value": pl.Float64,
        "is_own": pl.Boolean,  # judged under its own prompt, not under another for contrast
        "kind": pl.String,  # of the sample: generated, real or reference
    }
)
VOTE_STATEMENTS = pl.Schema(
    {
        "judgement_id": pl.Int64,
        "rater_id": pl.Int64,
        "criterion_id": pl.Int64,
        "low_id": pl.Int64,
        "high_id": pl.Int64,
        "prompt_id": pl.Int64,
        "context_id": pl.Int64,
        "occasion": pl.Int64,
        "value": pl.Float64,
    }
)


@dataclass(frozen=True)
class Panel:
    """An ensemble whose members are found and whose reference sets are measured.

    Attributes:
        plan: as a person wrote it.
        columns: one row a (rater_id, criterion_id) that a member stands for, with `member`, its place in the plan.
        transforms: one a member.
        higher_is_better: of what comes out.
        routes: under the rule `route`, `prompt_id` and the one `member` asked of it; prompts that are absent, nobody.
    """

    plan: Plan
    columns: pl.DataFrame
    transforms: tuple[Transform, ...]
    higher_is_better: bool = True
    routes: pl.DataFrame | None = None

    @property
    def keys(self) -> list[str]:
        return SCORED if self.plan.form == "scores" else VOTED

    @property
    def weights(self) -> Floats:
        """float64 of shape (m,), m the number of opinions."""
        said = [member.weight for member in self.plan.members]
        return np.array([1.0] * self.plan.repeats if self.plan.repeats else said)


@dataclass(frozen=True)
class Opinions:
    """What an ensemble makes of a set of statements.

    Attributes:
        derived: one row a subject it speaks of, sorted by its keys: `value` and `spread` (scores), or `verdict` and
            `share` (votes); `raw` and `counted`, lists of m numbers, null where a member is silent: as stated, and as
            brought in; `sources`, the judgements it rests on, rising, as one text.
        matrix: float64 of shape (n, m), every subject of which any member spoke: the numbers brought in.
        incomplete: how many subjects it does not speak of because too few members did.
        silent: how many subjects lack each opinion, shape (m,).
    """

    derived: pl.DataFrame
    matrix: Floats
    incomplete: int
    silent: tuple[int, ...]


def opinions(panel: Panel, statements: pl.DataFrame) -> Opinions:
    """One opinion a subject.

    Args:
        statements: SCORE_STATEMENTS or VOTE_STATEMENTS, living and counting; other raters' are left out. Whole
            prompts: a transform may look at all samples of one.
    """
    said = statements.with_columns(pl.col("context_id").fill_null(0)).join(
        panel.columns, on=["rater_id", "criterion_id"]
    )
    if panel.routes is not None:
        said = said.join(panel.routes, on=["prompt_id", "member"], how="semi")
    own = _numbered(panel, said.filter("is_own") if panel.plan.form == "scores" else said)
    subjects = own.select(*panel.keys, *_kind_of(panel)).unique().sort(panel.keys).with_row_index("subject")
    own = own.join(subjects.select("subject", *panel.keys), on=panel.keys)
    raw = _matrix(panel, subjects.height, _voices(panel, own))
    contrasts = said.filter(~pl.col("is_own")) if panel.plan.form == "scores" else said.clear()
    counted = _brought_in(panel, subjects, raw, contrasts)
    is_whole = _is_whole(panel, counted)
    chosen = subjects.filter(pl.Series(is_whole))
    numbers = _said(panel, counted[is_whole])
    lists = {"raw": _lists(raw[is_whole]), "counted": _lists(counted[is_whole])}
    sources = _sources(panel, chosen, own, contrasts)
    derived = chosen.with_columns(**numbers, **lists).join(sources, on="subject").drop("subject").sort(panel.keys)
    silent = tuple(int(one) for one in np.isnan(counted).sum(axis=0))
    return Opinions(derived, counted, int((~is_whole).sum()), silent)


def _kind_of(panel: Panel) -> list[str]:
    return ["kind"] if panel.plan.form == "scores" else []


def _numbered(panel: Panel, own: pl.DataFrame) -> pl.DataFrame:
    """Each statement with the opinion it belongs to: its member, or which of the repeats it is."""
    if not panel.plan.repeats:
        return own
    repeat = pl.col("occasion").rank("dense").over(panel.keys).cast(pl.Int64) - 1
    return own.with_columns(member=repeat).filter(pl.col("member") < panel.plan.repeats)


def _voices(panel: Panel, own: pl.DataFrame) -> pl.DataFrame:
    """One voice a subject and opinion: the mean of all it said; both bad where more than half of that was."""
    by = ["subject", "member"]
    if panel.plan.form == "scores":
        return mean_by(own, by, "value")
    is_bad = pl.col("value") == BOTH_BAD
    bad = own.group_by(by).agg(bad=is_bad.mean())
    sided = mean_by(own.filter(~is_bad), by, "value")
    voices = bad.join(sided, on=by, how="left")
    return voices.with_columns(value=pl.when(pl.col("bad") > 0.5).then(BOTH_BAD).otherwise("value"))


def _matrix(panel: Panel, height: int, voices: pl.DataFrame) -> Floats:
    matrix = np.full((height, panel.plan.opinions), np.nan)
    matrix[voices["subject"].to_numpy(), voices["member"].to_numpy()] = voices["value"].to_numpy()
    return matrix


def _brought_in(panel: Panel, subjects: pl.DataFrame, raw: Floats, contrasts: pl.DataFrame) -> Floats:
    """Every column after its member's transform; the repeats of one share theirs."""
    if not any(transform.steps for transform in panel.transforms):
        return raw
    group = pl.struct("prompt_id", "context_id").rank("dense").cast(pl.Int64)
    frame = subjects.select("sample_id", "context_id", "kind", prompt_id=group)
    columns = []
    for place in range(raw.shape[1]):
        member = 0 if panel.plan.repeats else place
        transform = panel.transforms[member]
        own = frame.with_columns(value=pl.Series(raw[:, place], dtype=pl.Float64).fill_nan(None))
        if transform.contrast:
            own = _with_contrast(own, contrasts.filter(pl.col("member") == member), transform.contrast)
        made = transform.apply(own).frame["transformed"]
        columns.append(made.fill_null(np.nan).to_numpy().astype(np.float64))
    return np.stack(columns, axis=1) if columns else raw


def _with_contrast(own: pl.DataFrame, contrasts: pl.DataFrame, take: str) -> pl.DataFrame:
    by = ["sample_id", "context_id"]
    highest = contrasts.group_by(by).agg(pl.col("value").max())
    found = mean_by(contrasts, by, "value") if take == "mean" else highest
    return own.join(found.rename({"value": "contrast"}), on=by, how="left", maintain_order="left")


def _is_whole(panel: Panel, counted: Floats) -> Bools:
    present = (~np.isnan(counted)).sum(axis=1)
    least = panel.plan.least if panel.plan.missing == "renormalise" else panel.plan.opinions
    least = 1 if panel.plan.rule == "route" else least
    return np.asarray(present >= least)


def _said(panel: Panel, counted: Floats) -> dict[str, pl.Series]:
    """The ensemble's own numbers, with what it keeps of the disagreement."""
    if panel.plan.form == "scores":
        value = combined(counted, panel.weights, rule=panel.plan.rule, higher_is_better=panel.higher_is_better)
        # One member alone does not disagree with anybody: that is no spread of 0.
        apart = np.full(len(value), np.nan) if panel.plan.rule == "route" else spread(counted, panel.weights)
        return {"value": pl.Series(value), "spread": pl.Series(apart).fill_nan(None)}
    verdict, share = combined_verdicts(counted, panel.weights, rule=panel.plan.rule)
    return {"verdict": pl.Series(verdict), "share": pl.Series(share)}


def _lists(matrix: Floats) -> pl.Series:
    """Each row as a list, null for NaN."""
    columns = [pl.Series(str(place), column, dtype=pl.Float64).fill_nan(None) for place, column in enumerate(matrix.T)]
    return pl.DataFrame(columns).select(pl.concat_list(pl.all())).to_series()


# -- whose acts it rests on -------------------------------------------------------------------------------------------


def _sources(panel: Panel, chosen: pl.DataFrame, own: pl.DataFrame, contrasts: pl.DataFrame) -> pl.DataFrame:
    """`subject` and `sources`: of a member that looks at the whole prompt, its acts on all samples of it."""
    parts = [_sources_of(panel, chosen, own, contrasts, member) for member in range(len(panel.plan.members))]
    acts = pl.concat(parts).unique().sort("subject", "judgement_id")
    text = pl.col("judgement_id").cast(pl.String).str.join("-")
    return acts.group_by("subject", maintain_order=True).agg(sources=text)


def _sources_of(
    panel: Panel, chosen: pl.DataFrame, own: pl.DataFrame, contrasts: pl.DataFrame, member: int
) -> pl.DataFrame:
    transform = panel.transforms[member]
    mine = own if panel.plan.repeats else own.filter(pl.col("member") == member)
    by = ["prompt_id", "context_id"] if transform.looks_at_prompt else panel.keys
    found = [mine.select(*by, "judgement_id")]
    if transform.contrast:
        found.append(contrasts.filter(pl.col("member") == member).select(*by, "judgement_id"))
    acts = pl.concat(found).unique()
    return chosen.select("subject", *by).join(acts, on=by).select("subject", "judgement_id")


def split_sources(texts: Sequence[str]) -> list[list[int]]:
    """Judgement ids from texts as `Opinions.derived` has them."""
    return [[int(one) for one in text.split("-")] for text in texts]
