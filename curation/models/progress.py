"""How far a project is: the counts behind the overview.

A small project is counted while its page is made. Counting a million samples takes seconds, so a large one is counted
by the timetable and the page shows what was counted last, with its time.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from curation.models.counts import ProjectCounts
from curation.models.datasets import DatasetVersion
from curation.models.evidence import Request
from curation.models.jobs import Job, State
from curation.models.people import Project

# With fewer prompts, samples and judgements than this a project is counted for every visit.
SMALL = 10_000
# Beyond this a count of what waits is "more than".
COUNTED = 10_000
# A project is counted again at most every so many times the seconds that counting takes.
REST = 20
# Rows that vanish leave no newer row behind, so after this time a project is counted whatever its newest rows say.
LONGEST_KEPT = timedelta(days=1)

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

_FLAGGED = """
SELECT count(DISTINCT f.sample_id) FILTER (WHERE f.kind = 'unsafe'),
    count(DISTINCT f.sample_id) FILTER (WHERE f.kind = 'broken')
FROM curation_flag f JOIN curation_sample s ON s.id = f.sample_id
WHERE s.project_id = %(project)s AND NOT f.is_retracted
"""

# Reads at most this many entries of each index.
_IS_LARGE = """
SELECT EXISTS (SELECT 1 FROM curation_sample WHERE project_id = %(project)s ORDER BY id OFFSET %(small)s)
    OR EXISTS (SELECT 1 FROM curation_prompt WHERE project_id = %(project)s ORDER BY id OFFSET %(small)s)
    OR EXISTS (SELECT 1 FROM curation_judgement WHERE project_id = %(project)s ORDER BY id DESC OFFSET %(small)s)
"""

# Each is one entry at the end of an index; the jobs of a project are few.
_MARKS = """
SELECT
    (SELECT max(id) FROM curation_prompt WHERE project_id = %(project)s),
    (SELECT max(id) FROM curation_sample WHERE project_id = %(project)s),
    (SELECT max(id) FROM curation_judgement WHERE project_id = %(project)s),
    (SELECT max(retracted_at)::text FROM curation_judgement
        WHERE project_id = %(project)s AND retracted_at IS NOT NULL),
    (SELECT max(finished_at)::text FROM curation_job WHERE project_id = %(project)s)
"""


@dataclass(frozen=True)
class Counts:
    """What has come in and what was said about it. Each is exact at the time of the count."""

    prompts: int
    prompts_with_samples: int
    samples: int
    samples_absent: int
    samples_scored: int
    pairs_judged: int
    pairs_judged_by_people: int
    pairs_judged_by_scripts: int
    prompts_judged: int
    samples_unsafe: int
    samples_broken: int

    def as_json(self) -> dict[str, int]:
        return asdict(self)


@dataclass(frozen=True)
class Known:
    """The counts that a page can show at once, and when they were made; None where that is just now."""

    counts: Counts
    counted_at: datetime | None


def counts(project: Project) -> Counts:
    """Counts everything now. Costs four queries that read every sample and every comparison."""
    rows = [_row(statement, project) for statement in (_COUNTS, _PAIRS, _JUDGED_PROMPTS, _FLAGGED)]
    return Counts(*(number for row in rows for number in row))


def known(project: Project) -> Known | None:
    """The counts without a wait: made now for a small project, else the kept ones; None where none are kept yet.

    Costs at most five queries, none of which reads more than `SMALL` rows of a kind.
    """
    if not is_large(project):
        return Known(counts(project), None)
    kept = ProjectCounts.objects.filter(project=project).defer("histograms").first()
    return Known(Counts(**kept.counts), kept.counted_at) if kept else None


def is_large(project: Project) -> bool:
    """Whether counting this project would keep a page waiting. Costs one query of bounded size."""
    return bool(_row(_IS_LARGE, project, small=SMALL)[0])


def marks(project: Project) -> list[Any]:
    """The newest prompt, sample, judgement, retraction and finished job. Costs one query of bounded size."""
    return list(_row(_MARKS, project))


def is_due(project: Project, now: datetime) -> bool:
    """Whether the timetable should count this project: it is large, it changed, and the last count is paid off."""
    if not is_large(project):
        return False
    kept = ProjectCounts.objects.filter(project=project).defer("histograms").first()
    if kept is None:
        return True
    age = now - kept.counted_at
    if age > LONGEST_KEPT:
        return True
    return age.total_seconds() >= REST * kept.seconds and kept.marks != marks(project)


def _row(statement: str, project: Project, **parameters: int) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"project": project.pk, **parameters})
        row: tuple[Any, ...] = cursor.fetchone()
    return row


def newest_version(project: Project) -> DatasetVersion | None:
    """The version frozen last, of whichever dataset."""
    versions = DatasetVersion.objects.filter(dataset__project=project).frozen()
    return versions.select_related("dataset").defer("manifest", "funnel").order_by("-frozen_at", "-pk").first()


@dataclass(frozen=True)
class Wants:
    """What waits for a person besides what is in the counts. None is counted further than `COUNTED` + 1."""

    requests: int
    failed_jobs: int
    jobs_with_failures: int


def wants(project: Project) -> Wants:
    """What waits for a person in this project. Costs three queries of bounded size."""
    jobs = Job.objects.filter(project=project)
    return Wants(
        requests=_counted(Request.objects.filter(project=project, audience=Request.Audience.PEOPLE).open()),
        failed_jobs=_counted(jobs.filter(state=State.FAILED)),
        jobs_with_failures=_counted(jobs.filter(failed__gt=0)),
    )


def _counted(rows: QuerySet[Any]) -> int:
    return rows.order_by()[: COUNTED + 1].count()
