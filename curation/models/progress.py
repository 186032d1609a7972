"""How far a project is: the counts behind the overview. Each costs one query, whatever the number of rows."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from curation.models.datasets import DatasetVersion
from curation.models.evidence import Flag, Request
from curation.models.jobs import Job, State
from curation.models.people import Project
from curation.models.prompts import Sample

_COUNTS = """
SELECT
    (SELECT count(*) FROM curation_prompt WHERE project_id = %(project)s),
    (SELECT count(*) FROM curation_prompt p WHERE p.project_id = %(project)s
        AND EXISTS (SELECT 1 FROM curation_sample s WHERE s.prompt_id = p.id)),
    (SELECT count(*) FROM curation_sample WHERE project_id = %(project)s),
    (SELECT count(*) FROM curation_sample WHERE project_id = %(project)s AND media_state = 'absent'),
    (SELECT count(*) FROM curation_sample s WHERE s.project_id = %(project)s
        AND EXISTS (SELECT 1 FROM curation_score r WHERE r.sample_id = s.id AND NOT r.is_retracted))
"""

# A pair counts as judged by people when at least one person compared it; scripted raters are no people.
_PAIRS = """
SELECT count(*), count(*) FILTER (WHERE by_people), count(*) FILTER (WHERE by_scripts AND NOT by_people)
FROM (
    SELECT bool_or(r.kind = 'person') AS by_people, bool_or(r.kind = 'scripted') AS by_scripts
    FROM curation_judgement j
    JOIN curation_comparison c ON c.judgement_id = j.id
    JOIN curation_rater r ON r.id = c.rater_id
    WHERE j.project_id = %(project)s AND NOT c.is_retracted
    GROUP BY c.pair_low, c.pair_high
) pairs
"""

_JUDGED_PROMPTS = """
SELECT count(DISTINCT c.left_prompt_id)
FROM curation_judgement j JOIN curation_comparison c ON c.judgement_id = j.id
WHERE j.project_id = %(project)s AND NOT c.is_retracted
"""


@dataclass(frozen=True)
class Counts:
    """What has come in and what was said about it."""

    prompts: int
    prompts_with_samples: int
    samples: int
    samples_absent: int
    samples_scored: int
    pairs_judged: int
    pairs_judged_by_people: int
    pairs_judged_by_scripts: int
    prompts_judged: int


def counts(project: Project) -> Counts:
    """The counts of the funnel. Costs three queries."""
    parameters = {"project": project.pk}
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, parameters)
        rows = cursor.fetchone()
        cursor.execute(_PAIRS, parameters)
        pairs = cursor.fetchone()
        cursor.execute(_JUDGED_PROMPTS, parameters)
        judged = cursor.fetchone()
    return Counts(*rows, *pairs, *judged)


def newest_version(project: Project) -> DatasetVersion | None:
    """The version frozen last, of whichever dataset."""
    versions = DatasetVersion.objects.filter(dataset__project=project).frozen()
    return versions.select_related("dataset").order_by("-frozen_at", "-pk").first()


@dataclass(frozen=True)
class Wants:
    """What waits for a person."""

    requests: int
    unsafe: int
    broken: int
    absent: int
    failed_jobs: int
    jobs_with_failures: int


def wants(project: Project, absent: int) -> Wants:
    """What waits for a person in this project. Costs three queries."""
    flagged = Sample.objects.filter(project=project, flags__is_retracted=False)
    jobs = Job.objects.filter(project=project)
    return Wants(
        requests=Request.objects.filter(project=project, audience=Request.Audience.PEOPLE).open().count(),
        unsafe=flagged.filter(flags__kind=Flag.Kind.UNSAFE).distinct().count(),
        broken=flagged.filter(flags__kind=Flag.Kind.BROKEN).distinct().count(),
        absent=absent,
        failed_jobs=jobs.filter(state=State.FAILED).count(),
        jobs_with_failures=jobs.filter(failed__gt=0).count(),
    )
