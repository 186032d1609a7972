"""What members of ensembles said, and what ensembles made of it, as polars frames read by COPY.

A project is read in windows of whole prompts. Their bounds are fixed numbers, so that a derived judgement never lies in
two of them, however many prompts come later.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl
from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from curation.models.criteria import CriterionVersion
from curation.models.evidence_frames import read_frame
from curation.models.judgements import Judgement
from curation.models.people import Project
from curation.models.raters import Rater, RaterStanding
from curation.models.score_columns import ScoreColumn
from curation.rewards.opinions import SCORE_STATEMENTS, VOTE_STATEMENTS
from curation.rewards.plan import Plan

PROMPTS_A_WINDOW = 2048


@dataclass(frozen=True)
class Window:
    """Prompts `first` to `last`, and how many samples they have."""

    first: int
    last: int
    samples: int


EVERYTHING = Window(0, 2**62, 0)


def windows(project: Project) -> list[Window]:
    """All windows of a project that hold a sample. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT prompt_id / %s AS number, count(*) FROM curation_sample WHERE project_id = %s "
            "GROUP BY 1 ORDER BY 1",
            [PROMPTS_A_WINDOW, project.pk],
        )
        return [
            Window(number * PROMPTS_A_WINDOW, (number + 1) * PROMPTS_A_WINDOW - 1, count)
            for number, count in cursor.fetchall()
        ]


def first_prompts(project: Project, most: int) -> Window:
    """The window that a preview looks at: so many prompts, the newest, that have samples."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(id), max(id) FROM "
            "(SELECT id FROM curation_prompt WHERE project_id = %s ORDER BY id DESC LIMIT %s) few",
            [project.pk, most],
        )
        first, last = cursor.fetchone()
    return Window(first or 0, last or 0, 0)


# -- what members said ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reading:
    """Whose statements on what are read: raters and criterion versions; the pairing of the two is made in the frame.

    Attributes:
        quarantined: raters out of standing, and since when their acts do not count.
    """

    project: Project
    rater_ids: Sequence[int]
    criterion_ids: Sequence[int]
    quarantined: dict[int, datetime] = field(default_factory=dict)


def reading(project: Project, raters: Collection[int], criteria: Collection[int]) -> Reading:
    """The reading of these members as they stand today. One query."""
    newest: dict[int, RaterStanding] = {}
    for standing in RaterStanding.objects.filter(project=project, rater__in=raters).order_by("id"):
        newest[standing.rater_id] = standing
    out = {pk: one.since for pk, one in newest.items() if one.state == RaterStanding.State.QUARANTINED}
    return Reading(project, sorted(raters), sorted(criteria), out)


# Only labels count, of raters in good standing, which no listener contradicts. A template is how a judge was asked, not
# what it was asked for: only principles and profiles part opinions.
_COUNTED = """
    JOIN curation_judgement j ON j.id = e.judgement_id AND j.purpose = 'label'
    LEFT JOIN curation_judgingcontext x ON x.id = j.context_id AND x.kind IN ('principle', 'profile')
    WHERE s.project_id = %(project)s AND s.prompt_id BETWEEN %(first)s AND %(last)s
      AND NOT EXISTS (
          SELECT 1 FROM unnest(%(out)s::bigint[], %(since)s::timestamptz[]) AS q(rater, since)
          WHERE q.rater = e.rater_id AND j.at >= q.since)
      AND NOT EXISTS (
          SELECT 1 FROM curation_judgementlink l JOIN curation_judgement k ON k.id = l.judgement_id
          WHERE l.source_id = j.id AND l.kind = 'contradicts' AND k.retracted_at IS NULL)
"""
# Each sample's evidence is looked up by the sample. `OFFSET 0` keeps the planner from scanning all evidence instead,
# once a window, and `+ 0` from walking all that a rater ever said, which it takes for nothing while the rater is new.
_MEMBERS = """
    e.rater_id + 0 = ANY(%(raters)s) AND e.criterion_version_id + 0 = ANY(%(criteria)s)
    AND NOT e.is_retracted OFFSET 0
"""

_SCORES = f"""
SELECT e.judgement_id, e.rater_id, e.criterion_version_id, s.id, s.prompt_id, x.id, e.occasion, e.value,
       e.prompt_id = s.prompt_id, g.kind
FROM curation_sample s JOIN curation_generator g ON g.id = s.generator_id
CROSS JOIN LATERAL (SELECT * FROM curation_score e WHERE e.sample_id = s.id AND {_MEMBERS}) e {_COUNTED}
"""  # noqa: S608  # only constants above

_VOTES = f"""
SELECT e.judgement_id, e.rater_id, e.criterion_version_id, least(e.left_sample_id, e.right_sample_id),
       greatest(e.left_sample_id, e.right_sample_id), s.prompt_id, x.id, e.occasion,
       CASE e.outcome WHEN 'tie' THEN 0.5 WHEN 'both-bad' THEN -1
            ELSE ((e.outcome = 'left') = (e.left_sample_id < e.right_sample_id))::integer END
FROM curation_sample s
CROSS JOIN LATERAL (
    SELECT * FROM curation_comparison e
    WHERE e.left_sample_id = s.id AND e.left_prompt_id = s.prompt_id AND e.right_prompt_id = s.prompt_id AND {_MEMBERS}
) e {_COUNTED}
"""  # noqa: S608  # only constants above


def statements(form: str, what: Reading, window: Window) -> pl.DataFrame:
    """Living, counting statements on the samples of a window. One query."""
    select, schema = (_SCORES, SCORE_STATEMENTS) if form == "scores" else (_VOTES, VOTE_STATEMENTS)
    values = {
        "project": what.project.pk,
        "first": window.first,
        "last": window.last,
        "raters": list(what.rater_ids),
        "criteria": list(what.criterion_ids),
        "out": list(what.quarantined),
        "since": list(what.quarantined.values()),
    }
    return read_frame(select, schema, values)


_LABELS = {
    "tag": "SELECT p.id, t.label FROM curation_prompt p, unnest(p.tags) AS t(label) WHERE p.project_id = %(project)s",
    "locale": "SELECT p.id, p.locale FROM curation_prompt p WHERE p.project_id = %(project)s",
}
_ROUTES = pl.Schema({"prompt_id": pl.Int64, "label": pl.String})


def routes(project: Project, plan: Plan) -> pl.DataFrame:
    """`prompt_id` and the `member` that a plan's routes name for it; of several the first route counts. Two queries."""
    listed = [(label, place, route.to) for place, route in enumerate(plan.routes) for label in route.of]
    schema = {"label": pl.String, "place": pl.Int64, "member": pl.Int64}
    labels = read_frame(_LABELS[plan.by or "tag"], _ROUTES, {"project": project.pk})
    found = labels.join(pl.DataFrame(listed, schema=schema, orient="row"), on="label").sort("prompt_id", "place")
    first = found.group_by("prompt_id", maintain_order=True).first().select("prompt_id", "member")
    if plan.routes[-1].of:
        return first
    everyone = read_frame(
        "SELECT p.id FROM curation_prompt p WHERE p.project_id = %(project)s",
        pl.Schema({"prompt_id": pl.Int64}),
        {"project": project.pk},
    )
    rest = everyone.join(first, on="prompt_id", how="anti")
    return pl.concat([first, rest.with_columns(member=pl.lit(plan.routes[-1].to, pl.Int64))])


# -- what ensembles made of it ----------------------------------------------------------------------------------------

_OWN_SCORES = pl.Schema(
    {"judgement_id": pl.Int64, "sample_id": pl.Int64, "prompt_id": pl.Int64, "context_id": pl.Int64}
)
_OWN_VOTES = pl.Schema(
    {
        "judgement_id": pl.Int64,
        "low_id": pl.Int64,
        "high_id": pl.Int64,
        "prompt_id": pl.Int64,
        "context_id": pl.Int64,
    }
)
_OWN = {
    "scores": (
        "SELECT e.judgement_id, s.id, s.prompt_id, coalesce(e.context_id, 0) FROM curation_sample s "
        "CROSS JOIN LATERAL (SELECT * FROM curation_score e WHERE e.sample_id = s.id {own}) e {of_window}",
        _OWN_SCORES,
    ),
    "votes": (
        "SELECT e.judgement_id, s.id, e.right_sample_id, s.prompt_id, coalesce(e.context_id, 0) FROM curation_sample s "
        "CROSS JOIN LATERAL (SELECT * FROM curation_comparison e WHERE e.left_sample_id = s.id {own}) e {of_window}",
        _OWN_VOTES,
    ),
}
_OF_WINDOW = "WHERE s.project_id = %(project)s AND s.prompt_id BETWEEN %(first)s AND %(last)s"
_LIVING = "AND e.rater_id + 0 = %(rater)s AND NOT e.is_retracted OFFSET 0"
_REPLACED = """
  AND e.rater_id + 0 = %(rater)s AND e.is_retracted AND EXISTS (
      SELECT 1 FROM curation_judgement j
      WHERE j.id = e.judgement_id AND j.retraction IN ('superseded', 'member-retracted'))
  AND NOT EXISTS (
      SELECT 1 FROM curation_judgementlink l WHERE l.source_id = e.judgement_id AND l.kind = 'supersedes') OFFSET 0
"""
_SOURCES = pl.Schema({"judgement_id": pl.Int64, "source_id": pl.Int64})


def derived(form: str, ensemble: Rater, project: Project, window: Window) -> pl.DataFrame:
    """The subjects an ensemble speaks of in a window, with `judgement_id` and `sources` as in `Opinions.derived`."""
    own = _own(form, ensemble, project, window, _LIVING)
    links = read_frame(
        "SELECT l.judgement_id, l.source_id FROM curation_judgementlink l "
        "WHERE l.kind = 'derived-from' AND l.judgement_id = ANY(%(acts)s)",
        _SOURCES,
        {"acts": own["judgement_id"].unique().to_list()},
    )
    text = links.sort("judgement_id", "source_id").group_by("judgement_id", maintain_order=True)
    return own.join(text.agg(sources=pl.col("source_id").cast(pl.String).str.join("-")), on="judgement_id", how="left")


def replaceable(form: str, ensemble: Rater, project: Project, window: Window) -> pl.DataFrame:
    """Subjects of an ensemble's judgements that fell with a member or were superseded, and have no successor yet."""
    return _own(form, ensemble, project, window, _REPLACED)


def _own(form: str, ensemble: Rater, project: Project, window: Window, which: str) -> pl.DataFrame:
    select, schema = _OWN[form]
    values = {"project": project.pk, "first": window.first, "last": window.last, "rater": ensemble.pk}
    return read_frame(select.format(own=which, of_window=_OF_WINDOW), schema, values)


# -- names ------------------------------------------------------------------------------------------------------------


def versions_of(meaning: int) -> list[int]:
    """Criterion versions that are mere rewordings of each other."""
    return list(CriterionVersion.objects.filter(meaning=meaning).values_list("pk", flat=True))


def heard_in(project: Project) -> QuerySet[Rater]:
    """Machines that have judged in a project, ensembles left out."""
    acts = Judgement.objects.filter(project=project, rater=OuterRef("pk"))
    return Rater.objects.machines().exclude(kind=Rater.Kind.ENSEMBLE).filter(Exists(acts)).order_by("name", "pk")


# A rater's newest acts tell what it compares by: comparisons have no index by rater.
_VOTED_BY = """
SELECT r.id, e.criterion_version_id
FROM unnest(%s::bigint[]) AS r(id)
CROSS JOIN LATERAL (
    SELECT j.id FROM curation_judgement j
    WHERE j.rater_id = r.id AND j.project_id = %s AND j.retracted_at IS NULL ORDER BY j.id DESC LIMIT 200
) newest
JOIN curation_comparison e ON e.judgement_id = newest.id
GROUP BY 1, 2
"""


def vote_columns(project: Project) -> list[ScoreColumn]:
    """Which machines compare samples of a project, and by what, as their newest acts show. Three queries."""
    raters = {rater.pk: rater for rater in heard_in(project)}
    with connection.cursor() as cursor:
        cursor.execute(_VOTED_BY, [list(raters), project.pk])
        pairs = cursor.fetchall()
    criteria = CriterionVersion.objects.select_related("criterion").in_bulk({criterion for _, criterion in pairs})
    columns = [ScoreColumn(raters[rater], criteria[criterion]) for rater, criterion in pairs]
    return sorted(columns, key=lambda column: column.label.lower())
