"""Writing down what an ensemble says of a window: only what is missing, and in place of what no longer holds.

Statements of one ensemble that rest on the same acts of its members are one judgement, linked to those acts. So a
retraction of an act takes with it exactly what was derived from it, and a million scores cost as many judgements as
their members' forward passes did.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from curation.actions import judgements
from curation.errors import Conflict
from curation.models import CriterionVersion, Job, Judgement, JudgementLink, Project, Rater, ensemble_frames
from curation.models.ensemble_frames import Reading, Window
from curation.rewards.combining import BOTH_BAD, HIGH, LOW
from curation.rewards.opinions import Opinions, Panel, opinions, split_sources
from curation.rewards.plan import Plan

# Members' acts may be retracted between reading and writing; the window is then read again.
MOST_TRIES = 5


@dataclass(frozen=True)
class Ensemble:
    """An ensemble that is ready to speak: its rater, its panel, whom it reads, and what it speaks under."""

    project: Project
    rater: Rater
    panel: Panel
    reading: Reading
    criterion: CriterionVersion

    @property
    def form(self) -> str:
        return self.panel.plan.form


@dataclass(frozen=True)
class Outcome:
    """What came of a window: what the ensemble makes of it, and how much of that was written, stood, or fell."""

    made: Opinions
    written: int
    kept: int
    replaced: int
    withdrawn: int


def look(ensemble: Ensemble, window: Window) -> Opinions:
    """What the ensemble would say of a window, with nothing written."""
    return opinions(ensemble.panel, ensemble_frames.statements(ensemble.form, ensemble.reading, window))


def derive(ensemble: Ensemble, window: Window, job: Job | None) -> Outcome:
    """Brings what the ensemble says of a window in line with what its members say, in one transaction.

    Raises:
        Conflict: members' acts were retracted again and again meanwhile.
    """
    for _attempt in range(MOST_TRIES):
        with transaction.atomic():
            Rater.objects.select_for_update(no_key=True).get(pk=ensemble.rater.pk)
            outcome = _derive(ensemble, window, job)
        if outcome is not None:
            return outcome
    raise Conflict(_("Members of “%(name)s” are being retracted. Run it again.") % {"name": ensemble.rater.name})


def _derive(ensemble: Ensemble, window: Window, job: Job | None) -> Outcome | None:
    made, keys = look(ensemble, window), ensemble.panel.keys
    standing = ensemble_frames.derived(ensemble.form, ensemble.rater, ensemble.project, window)
    both = standing.join(made.derived.select(*keys, now="sources"), on=keys, how="left")
    stale = both.filter(pl.col("sources").ne_missing(pl.col("now")))["judgement_id"].unique()
    living = standing.filter(~pl.col("judgement_id").is_in(stale.implode()))
    new = made.derived.join(living, on=keys, how="anti").sort(keys)
    if not _hold(new):
        return None
    replaced, withdrawn = _retract_stale(ensemble, standing, stale, new)
    _write(ensemble, new, job)
    _link_successors(ensemble, window, new)
    return Outcome(made, new.height, living.height, replaced, withdrawn)


def _hold(new: pl.DataFrame) -> bool:
    """Locks the members' acts until all is written. False when one of them was retracted meanwhile."""
    wanted = sorted({act for acts in split_sources(new["sources"].unique().to_list()) for act in acts})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM curation_judgement WHERE id = ANY(%s) AND retracted_at IS NULL ORDER BY id FOR SHARE",
            [wanted],
        )
        return len(cursor.fetchall()) == len(wanted)


def _retract_stale(ensemble: Ensemble, standing: pl.DataFrame, stale: pl.Series, new: pl.DataFrame) -> tuple[int, int]:
    """Retracts judgements that no longer follow: superseded where something takes their place, else withdrawn."""
    fallen = standing.filter(pl.col("judgement_id").is_in(stale.implode()))
    followed = set(fallen.join(new, on=ensemble.panel.keys, how="semi")["judgement_id"].to_list())
    alone = set(stale.to_list()) - followed
    for acts, reason in ((followed, Judgement.Retraction.SUPERSEDED), (alone, Judgement.Retraction.MEMBER_RETRACTED)):
        if acts:
            judgements.retract(judgements=[Judgement(pk=act) for act in sorted(acts)], reason=reason, by=None)
    return len(followed), len(alone)


def _link_successors(ensemble: Ensemble, window: Window, new: pl.DataFrame) -> None:
    """Says which new judgement takes the place of one that fell; the first of several, since one is enough to find."""
    old = ensemble_frames.replaceable(ensemble.form, ensemble.rater, ensemble.project, window)
    if not old.height or not new.height:
        return
    now = ensemble_frames.derived(ensemble.form, ensemble.rater, ensemble.project, window)
    keys = ensemble.panel.keys
    pairs = (
        old.join(now.select(*keys, new_id="judgement_id"), on=keys).group_by("judgement_id").agg(pl.col("new_id").min())
    )
    JudgementLink.objects.bulk_create(
        [
            JudgementLink(judgement_id=new_id, source_id=old_id, kind=JudgementLink.Kind.SUPERSEDES)
            for old_id, new_id in pairs.sort("judgement_id").iter_rows()
        ],
        batch_size=5000,
    )


# -- writing ----------------------------------------------------------------------------------------------------------


def _write(ensemble: Ensemble, new: pl.DataFrame, job: Job | None) -> None:
    """One judgement for each set of acts, its links and its statements, by COPY."""
    if not new.height:
        return
    acts = new.select("sources", "context_id").unique().sort("sources", "context_id")
    acts = acts.with_columns(judgement_id=pl.Series(_new_ids(acts.height), dtype=pl.Int64))
    rows = new.join(acts, on=["sources", "context_id"]).sort("judgement_id", *ensemble.panel.keys)
    rows = rows.with_columns(position=pl.int_range(pl.len()).over("judgement_id"))
    _copy_judgements(ensemble, rows, job)
    links = acts.select("judgement_id", source_id=pl.col("sources").str.split("-").cast(pl.List(pl.Int64)))
    kind = pl.lit(JudgementLink.Kind.DERIVED_FROM.value)
    _copy("curation_judgementlink", links.explode("source_id").with_columns(kind=kind))
    if ensemble.form == "scores":
        _copy("curation_score", _scores(ensemble, rows))
    else:
        _copy("curation_comparison", _comparisons(ensemble, rows))


def _new_ids(count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('curation_judgement', 'id')) FROM generate_series(1, %s)", [count]
        )
        return [row[0] for row in cursor.fetchall()]


def _copy_judgements(ensemble: Ensemble, rows: pl.DataFrame, job: Job | None) -> None:
    now, names = timezone.now(), member_names(ensemble.panel.plan)
    is_transformed = any(transform.steps for transform in ensemble.panel.transforms)
    each = rows.group_by("judgement_id", "context_id", maintain_order=True).agg("raw", "counted")
    columns = (
        "id, project_id, rater_id, act, purpose, context_id, at, client_key, job_id, batch_key, payload, retraction, "
        "created_at"
    )
    with connection.cursor() as cursor, cursor.copy(f"COPY curation_judgement ({columns}) FROM STDIN") as copy:
        for judgement_id, context_id, raw, counted in each.iter_rows():
            payload = _payload(names, raw, counted if is_transformed else None)
            copy.write_row(
                (
                    judgement_id,
                    ensemble.project.pk,
                    ensemble.rater.pk,
                    Judgement.Act.PASS.value,
                    Judgement.Purpose.LABEL.value,
                    context_id or None,
                    now,
                    "",
                    job.pk if job else None,
                    "",
                    payload,
                    "",
                    now,
                )
            )


def member_names(plan: Plan) -> list[str]:
    """What each opinion is called: the member and what it judged, or which of its repeats."""
    if plan.repeats:
        (member,) = plan.members
        return [f"{member.rater} · {member.criterion} · {number + 1}" for number in range(plan.repeats)]
    return [f"{member.rater} · {member.criterion}" for member in plan.members]


def _payload(names: Sequence[str], raw: Any, counted: Any) -> str:
    """Each member's number, by the position of the statement; transformed ones beside them where they differ."""
    said = {"members": names, "values": raw}
    return json.dumps(said | ({"counted": counted} if counted is not None else {}), allow_nan=False)


def _common(ensemble: Ensemble) -> list[pl.Expr]:
    return [
        pl.col("judgement_id"),
        pl.col("position"),
        pl.lit(ensemble.rater.pk).alias("rater_id"),
        pl.lit("f").alias("is_retracted"),
        pl.lit(ensemble.criterion.pk).alias("criterion_version_id"),
        pl.when(pl.col("context_id") > 0).then("context_id").alias("context_id"),
        pl.lit(0).alias("occasion"),
    ]


def _scores(ensemble: Ensemble, rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(*_common(ensemble), "sample_id", "prompt_id", "value", "spread")


def _comparisons(ensemble: Ensemble, rows: pl.DataFrame) -> pl.DataFrame:
    """The lower id on the left: nothing was shown to anybody. Confidence is the share of the weight behind it."""
    said = pl.col("verdict")
    sided = pl.when(said == LOW).then(pl.lit("left")).when(said == HIGH).then(pl.lit("right"))
    outcome = sided.when(said == BOTH_BAD).then(pl.lit("both-bad")).otherwise(pl.lit("tie"))
    return rows.select(
        *_common(ensemble),
        pl.col("low_id").alias("left_sample_id"),
        pl.col("high_id").alias("right_sample_id"),
        pl.col("prompt_id").alias("left_prompt_id"),
        pl.col("prompt_id").alias("right_prompt_id"),
        outcome.alias("outcome"),
        pl.col("share").alias("confidence"),
        pl.lit("f").alias("is_implied"),
    )


def _copy(table: str, rows: pl.DataFrame) -> None:
    """The rows of a frame into the columns of the same names; null is an empty field."""
    columns = ", ".join(rows.columns)
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN (FORMAT csv)") as copy:
        copy.write(rows.write_csv(include_header=False, float_precision=None))
