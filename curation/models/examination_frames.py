"""What an examination reads, by COPY into polars frames: people's votes, and what machines say of the same samples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl
from django.db import connection

from curation.examination import frames
from curation.examination.frames import Column, Evidence
from curation.models.criteria import CriterionVersion
from curation.models.evidence_frames import read_frame, snapshot
from curation.models.judgements import JudgingContext
from curation.models.people import Project
from curation.models.raters import Rater
from curation.models.score_columns import of_project

# Votes of people for these purposes are asked about. What a click suggests is no vote.
PURPOSES = ("label", "audit", "control")

# Parts the items of an array in a CSV field: a control character no tag may hold.
_SEPARATOR = "\x1f"

# The newest word on a rater holds.
_QUARANTINED = """
    SELECT rater_id, since FROM (
        SELECT DISTINCT ON (rater_id) rater_id, state, since FROM curation_raterstanding
        WHERE project_id = %(project)s ORDER BY rater_id, id DESC
    ) newest WHERE state = 'quarantined'
"""

# A template is how a judge was asked, not what it was asked for: only principles and profiles part verdicts.
_CONTEXT = """
    CASE WHEN x.kind IN ('principle', 'profile')
         THEN x.name || CASE WHEN x.number > 1 THEN ' v' || x.number ELSE '' END END
"""

# A vote that began as a machine's draft says something of the draft; blind controls are there to be asked about.
_VOTES = f"""
SELECT e.judgement_id, e.rater_id, e.left_sample_id, e.right_sample_id, e.left_prompt_id, e.outcome, e.strength,
       e.is_implied, {_CONTEXT},
       CASE WHEN e.is_retracted THEN 'retracted'
            WHEN j.purpose <> ALL(%(purposes)s) THEN 'purpose'
            WHEN q.rater_id IS NOT NULL THEN 'quarantined'
            WHEN e.left_prompt_id <> e.right_prompt_id THEN 'two-prompts'
            WHEN EXISTS (SELECT 1 FROM curation_judgementlink l
                         WHERE l.judgement_id = j.id AND l.kind = 'drafted-from') THEN 'drafted' END
FROM curation_judgement j
JOIN curation_comparison e ON e.judgement_id = j.id
JOIN curation_rater r ON r.id = j.rater_id
LEFT JOIN ({_QUARANTINED}) q ON q.rater_id = j.rater_id AND q.since <= j.at
LEFT JOIN curation_judgingcontext x ON x.id = j.context_id
WHERE j.project_id = %(project)s AND r.kind = %(kind)s AND e.criterion_version_id = ANY(%(criteria)s)
"""  # noqa: S608  # only constants above

_COUNTED = """
    j.project_id = %(project)s AND j.purpose = ANY(%(purposes)s) AND NOT e.is_retracted AND q.rater_id IS NULL
"""

_RATINGS = f"""
SELECT j.rater_id, e.criterion_version_id, e.sample_id, e.prompt_id, e.value, {_CONTEXT}
FROM curation_judgement j
JOIN curation_score e ON e.judgement_id = j.id
JOIN curation_rater r ON r.id = j.rater_id
LEFT JOIN ({_QUARANTINED}) q ON q.rater_id = j.rater_id AND q.since <= j.at
LEFT JOIN curation_judgingcontext x ON x.id = j.context_id
WHERE {_COUNTED} AND r.kind = %(kind)s AND e.criterion_version_id = ANY(%(criteria)s)
    AND e.sample_id = ANY(%(samples)s)
"""  # noqa: S608  # only constants above

# What was derived from a rater's own answers (the mean of both orders) stands for them.
_UNDERIVED = """
    NOT EXISTS (SELECT 1 FROM curation_judgementlink l JOIN curation_judgement d ON d.id = l.judgement_id
                WHERE l.source_id = j.id AND l.kind = 'derived-from' AND d.rater_id = j.rater_id
                    AND d.retracted_at IS NULL)
"""

_SCORES = f"""
SELECT e.rater_id, e.criterion_version_id, e.sample_id, e.prompt_id, e.value, {_CONTEXT}
FROM curation_score e
JOIN curation_judgement j ON j.id = e.judgement_id
LEFT JOIN ({_QUARANTINED}) q ON q.rater_id = j.rater_id AND q.since <= j.at
LEFT JOIN curation_judgingcontext x ON x.id = j.context_id
WHERE {_COUNTED} AND e.rater_id = ANY(%(raters)s) AND e.criterion_version_id = ANY(%(criteria)s)
    AND e.sample_id = ANY(%(samples)s) AND {_UNDERIVED}
"""  # noqa: S608  # only constants above

_SAID = f"""
SELECT e.rater_id, e.criterion_version_id, e.left_sample_id, e.right_sample_id, e.left_prompt_id, e.outcome,
       {_CONTEXT}
FROM curation_comparison e
JOIN curation_judgement j ON j.id = e.judgement_id
LEFT JOIN ({_QUARANTINED}) q ON q.rater_id = j.rater_id AND q.since <= j.at
LEFT JOIN curation_judgingcontext x ON x.id = j.context_id
WHERE {_COUNTED} AND e.rater_id = ANY(%(raters)s) AND e.criterion_version_id = ANY(%(criteria)s)
    AND e.left_prompt_id = e.right_prompt_id AND e.pair_low = ANY(%(samples)s) AND {_UNDERIVED}
"""  # noqa: S608  # only constants above

_PROMPTS = """
SELECT p.id, array_to_string(p.tags, %(separator)s), p.locale
FROM curation_prompt p WHERE p.project_id = %(project)s AND p.id = ANY(%(prompts)s)
"""

_SAMPLES = """
SELECT s.id, g.name || CASE WHEN g.revision <> '' THEN ' ' || g.revision ELSE '' END
FROM curation_sample s JOIN curation_generator g ON g.id = s.generator_id
WHERE s.project_id = %(project)s AND s.id = ANY(%(samples)s)
"""

# Reads every comparison of machines in the project; there is no index by rater.
_COMPARED = """
SELECT DISTINCT j.rater_id, e.criterion_version_id
FROM curation_judgement j JOIN curation_comparison e ON e.judgement_id = j.id
WHERE j.project_id = %(project)s AND j.rater_id = ANY(%(raters)s) AND NOT e.is_retracted
"""

_CRITERIA_VOTED = """
SELECT c.key, count(*)
FROM curation_judgement j
JOIN curation_rater r ON r.id = j.rater_id
JOIN curation_comparison e ON e.judgement_id = j.id
JOIN curation_criterionversion v ON v.id = e.criterion_version_id
JOIN curation_criterion c ON c.id = v.criterion_id
WHERE j.project_id = %(project)s AND r.kind = %(kind)s AND NOT e.is_retracted
GROUP BY c.key
"""

_MACHINES_HERE = """
SELECT DISTINCT j.rater_id FROM curation_judgement j JOIN curation_rater r ON r.id = j.rater_id
WHERE j.project_id = %(project)s AND r.kind = ANY(%(kinds)s)
"""


@dataclass(frozen=True)
class Asked:
    """What is to be read: whose votes, under which criterion, and which machines under which criteria.

    Args:
        kind: `person`, or `scripted` for demonstrations.
        machines: (rater id, criterion key).
    """

    project: Project
    criterion: str
    kind: str
    machines: frozenset[tuple[int, str]]


def read(asked: Asked, fitted: dict[int, frames.Fitted]) -> Evidence:
    """People's votes under the criterion, and what the machines say of the samples in them.

    Costs seven queries, whatever the number of rows; all see one state of the database.
    """
    meant = _meant(asked.project)
    values: dict[str, Any] = {
        "project": asked.project.pk,
        "purposes": list(PURPOSES),
        "kind": asked.kind,
        "separator": _SEPARATOR,
        "criteria": _versions(meant, {asked.criterion}),
    }
    with snapshot():
        votes = read_frame(_VOTES, frames.VOTES, values)
        counted = votes.filter(pl.col("left_out").is_null())
        values["samples"] = pl.concat([counted["left_id"], counted["right_id"]]).unique().to_list()
        values["prompts"] = counted["prompt_id"].unique().to_list()
        ratings = read_frame(_RATINGS, frames.SCORES, values)
        values["raters"] = sorted({rater for rater, _criterion in asked.machines})
        values["criteria"] = _versions(meant, {criterion for _rater, criterion in asked.machines})
        read_all = Evidence(
            votes=votes,
            ratings=ratings,
            said=read_frame(_SAID, frames.SAID, values),
            scores=read_frame(_SCORES, frames.SCORES, values),
            prompts=read_frame(_PROMPTS, frames.PROMPTS, values),
            samples=read_frame(_SAMPLES, frames.SAMPLES, values),
            criteria=meant,
            fitted=fitted,
        )
    return _only(read_all, asked.machines)


def _meant(project: Project) -> pl.DataFrame:
    """The versions that mean what the newest of their criterion does. Costs one query."""
    rows = CriterionVersion.objects.filter(criterion__project=project).order_by("number")
    fields = list(rows.values_list("pk", "criterion__key", "higher_is_better", "meaning_id"))
    newest = {key: meaning or pk for pk, key, _is_up, meaning in fields}
    kept = [(pk, key, is_up) for pk, key, is_up, meaning in fields if (meaning or pk) == newest[key]]
    return pl.DataFrame(kept, schema=frames.CRITERIA, orient="row")


def _versions(meant: pl.DataFrame, keys: Iterable[str]) -> list[int]:
    return meant.filter(pl.col("criterion").is_in(list(keys)))["criterion_id"].to_list()


def _only(evidence: Evidence, machines: frozenset[tuple[int, str]]) -> Evidence:
    """Machines and criteria were read as two lists; this leaves the pairs that were asked for."""
    wanted = pl.DataFrame(list(machines), schema={"rater_id": pl.Int64, "criterion": pl.String}, orient="row")
    wanted = wanted.join(evidence.criteria, on="criterion").select("rater_id", "criterion_id")
    on = ["rater_id", "criterion_id"]
    return replace(
        evidence,
        said=evidence.said.join(wanted, on=on, how="semi"),
        scores=evidence.scores.join(wanted, on=on, how="semi"),
    )


# -- what there is to ask about ---------------------------------------------------------------------------------------


def criteria_voted(project: Project, kind: str) -> dict[str, int]:
    """How many living votes of people there are by criterion key. Costs one query that reads them all."""
    return dict(_rows(_CRITERIA_VOTED, {"project": project.pk, "kind": kind}))


def columns(project: Project, kinds: Sequence[str] = Rater.MACHINES) -> list[Column]:
    """Every (machine, criterion, way) with something said here, contexts left aside. Costs five queries."""
    values = {"project": project.pk, "kinds": list(kinds)}
    machines = {rater for (rater,) in _rows(_MACHINES_HERE, values)}
    scored = {
        Column(column.rater.pk, column.criterion.criterion.key, "scores")
        for column in of_project(project)
        if column.rater.pk in machines
    }
    compared = _rows(_COMPARED, {"project": project.pk, "raters": sorted(machines)})
    keys = dict(
        CriterionVersion.objects.filter(pk__in={criterion for _rater, criterion in compared}).values_list(
            "pk", "criterion__key"
        )
    )
    voted = {Column(rater, keys[criterion], "votes") for rater, criterion in compared}
    return sorted(scored | voted)


def context_name(context: JudgingContext) -> str:
    """What votes call a principle or profile: its name, with the number of a later wording."""
    return f"{context.name} v{context.number}" if context.number > 1 else context.name


def _rows(statement: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()
