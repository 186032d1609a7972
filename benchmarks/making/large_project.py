"""A project of any size, written by the database itself: nobody waits for a million rows made in Python.

Eight samples a prompt by four generators, three raters' scores of each, comparisons of one sample in five, flags,
open requests, finished jobs and dataset versions. Some of it is placed where a list has to look longest: one
generator, one tag and the samples without a score are among the oldest rows, which the lists reach last.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection, transaction  # connects when it is first used, after the benchmark's settings
from django.utils import timezone

SAMPLES_A_PROMPT = 8
# The oldest samples: made by a generator of their own, without a score, their files absent.
OLDEST = 400
SCORES_A_PASS = 8192
COMPARED_ONE_IN = 5
SHARED_PICTURES = 1000
DATASETS, VERSIONS_A_DATASET = 20, 20

PROMPTS = """
INSERT INTO curation_prompt (project_id, identity, key, text, locale, licence, tags, facts, meta, created_at)
SELECT %(project)s, encode(sha256(('prompt ' || %(project)s || ' ' || n)::bytea), 'hex'), 'p' || n,
    'a ' || (ARRAY['red', 'blue', 'green', 'wooden', 'golden'])[1 + n %% 5] || ' '
    || (ARRAY['boat', 'house', 'fox', 'clock', 'bridge', 'lantern', 'kite'])[1 + n %% 7]
    || ' beside a quiet lake in the evening light, painted with a fine brush, number ' || n
    || CASE WHEN n <= %(few)s THEN ' with a heliotrope' ELSE '' END,
    CASE WHEN n %% 50 = 0 THEN 'de' ELSE 'en' END, '',
    ARRAY['topic ' || n %% 12, CASE WHEN n <= %(few)s THEN 'first batch' ELSE 'later batches' END],
    '{}', '{}', now()
FROM generate_series(1, %(prompts)s) n
"""

SAMPLES = """
INSERT INTO curation_sample (project_id, prompt_id, generator_id, identity, key, text, media_state, seed, settings,
    round, licence, tags, meta, created_at)
SELECT %(project)s, %(first_prompt)s + (n - 1) / 8,
    CASE WHEN n <= %(oldest)s THEN %(rare)s ELSE (%(generators)s::bigint[])[1 + n %% 4] END,
    encode(sha256(('sample ' || %(project)s || ' ' || n)::bytea), 'hex'), 's' || n,
    CASE WHEN n %% 40 = 0 THEN 'a caption of the quiet picture, number ' || n END,
    CASE WHEN n <= %(oldest)s THEN 'absent' ELSE 'present' END, n, '{}', (n / 4) %% 3, '', '{}', '{}', now()
FROM generate_series(1, %(samples)s) n
"""

ASSETS = """
INSERT INTO curation_asset (sha256, kind, mime, size, storage_name, width, height, created_at)
SELECT encode(sha256(('asset ' || %(project)s || ' ' || n)::bytea), 'hex'), 'image', 'image/webp', 100000,
    'assets/' || n, 1024, 1024, now()
FROM generate_series(0, %(pictures)s - 1) n;
INSERT INTO curation_rendition (asset_id, recipe_version, sha256, mime, size, storage_name, is_original,
    is_transparent, width, height, fingerprint, thumbnail_sizes)
SELECT id, 1, sha256, mime, size, storage_name, true, false, width, height, '', '[288, 576]'
FROM curation_asset WHERE id NOT IN (SELECT asset_id FROM curation_rendition)
"""

MEDIA = """
INSERT INTO curation_samplemedia (address, sample_id, role, position, asset_id, absent_name)
SELECT gen_random_uuid(), s.id, '', 0,
    CASE WHEN s.media_state = 'present' THEN %(first_asset)s + s.id %% %(pictures)s END,
    CASE WHEN s.media_state = 'present' THEN '' ELSE s.key || '.webp' END
FROM curation_sample s WHERE s.project_id = %(project)s
"""

JUDGEMENTS = """
INSERT INTO curation_judgement (project_id, rater_id, act, purpose, at, client_key, batch_key, retraction, created_at)
SELECT %(project)s, %(rater)s, %(act)s, 'label', now(), '', '', '', now() FROM generate_series(1, %(number)s)
RETURNING id
"""

# A rater's passes over all samples but the oldest; the values of one rater are the higher, the older the sample.
SCORES = """
INSERT INTO curation_score (judgement_id, position, rater_id, is_retracted, sample_id, prompt_id,
    criterion_version_id, occasion, value)
SELECT %(first_judgement)s + place / %(pass)s, place %% %(pass)s, %(rater)s, false, id, prompt_id, %(criterion)s, 0,
    CASE WHEN %(is_by_age)s THEN -place ELSE random() END
FROM (SELECT id, prompt_id, row_number() OVER (ORDER BY id) - 1 AS place
      FROM curation_sample WHERE project_id = %(project)s AND id >= %(first_scored)s) numbered
"""

COMPARISONS = """
INSERT INTO curation_comparison (judgement_id, position, rater_id, is_retracted, left_sample_id, right_sample_id,
    left_prompt_id, right_prompt_id, criterion_version_id, occasion, outcome, is_implied)
SELECT %(first_judgement)s + place, 0, %(rater)s, false, id, id + 1, prompt_id, prompt_id, %(criterion)s, 0,
    CASE WHEN place %% 7 = 0 THEN 'tie' WHEN place %% 3 = 0 THEN 'right' ELSE 'left' END, false
FROM (SELECT id, prompt_id, row_number() OVER (ORDER BY id) - 1 AS place FROM curation_sample
      WHERE project_id = %(project)s AND (id - %(first_sample)s) %% %(one_in)s = 0
          AND (id - %(first_sample)s) %% 8 < 7 AND id >= %(first_scored)s) numbered
WHERE place < %(number)s
"""

FLAGS = """
INSERT INTO curation_flag (judgement_id, position, rater_id, is_retracted, sample_id, kind, text)
SELECT %(first_judgement)s, place, %(rater)s, false, %(first_sample)s + place * %(step)s,
    CASE WHEN place %% 2 = 0 THEN 'unsafe' ELSE 'broken' END, ''
FROM generate_series(0, %(number)s - 1) place
"""

REQUESTS = """
INSERT INTO curation_request (project_id, audience, prompt_id, because, priority, state, created_at)
SELECT %(project)s, 'people', id, 'the raters disagree', 0, 'open', now()
FROM curation_prompt WHERE project_id = %(project)s ORDER BY id LIMIT %(number)s
"""

JOBS = """
INSERT INTO curation_job (project_id, kind, title, state, queue, owner, total, done, skipped, failed,
    cancel_requested, params, result, error, environment, attempts, created_at, started_at, finished_at)
SELECT %(project)s, (ARRAY['import', 'score', 'build', 'export'])[1 + n %% 4], 'work number ' || n,
    CASE WHEN n = 1 THEN 'failed' ELSE 'done' END, 'cpu', '', 100, 100, 0, 0,
    false, '{}', '{}', CASE WHEN n = 1 THEN 'the disk is full' ELSE '' END, '{}', 1, now(), now(), now()
FROM generate_series(1, %(number)s) n
"""


@dataclass(frozen=True)
class Made:
    """What the addresses of the pages need."""

    slug: str
    project_id: int
    reader_id: int
    generator_id: int
    rare_generator_id: int
    column: str  # a score in no order, as addresses name it
    column_by_age: str  # a score that is the higher, the older the sample
    prompt_id: int
    sample_id: int


def make(samples: int, slug: str) -> Made:
    """Writes a project with this many samples; foreign keys are not checked row by row, as in a restore."""
    from curation.actions import criteria, projects, raters
    from curation.models import Generator, Membership, Prompt, Sample, User

    project = projects.create(name=slug, slug=slug, task="text-to-image", by=None)
    reader = User.objects.create_user(username=f"reader-of-{slug}")
    Membership.objects.create(project=project, user=reader, role="curator")
    makers = [Generator.objects.create(project=project, name=f"painter {number}") for number in range(4)]
    rare = Generator.objects.create(project=project, name="the first painter", kind="real")
    overall = criteria.ensure(project=project, key="overall")
    sharpness = criteria.ensure(project=project, key="sharpness", wording=criteria.Wording(name="Sharpness"))
    machines = [
        raters.machine(kind="model", name=f"model {number} of {slug}", identity={"of": slug, "number": number})
        for number in range(3)
    ]
    person = raters.named(project=project, name="rater-01")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("SELECT setseed(0.5)")
        _rows(cursor, project.pk, samples, [maker.pk for maker in makers], rare.pk)
        _scores(cursor, project.pk, samples, [(machine.pk, overall.pk) for machine in machines[:2]], by_age=False)
        _scores(cursor, project.pk, samples, [(machines[2].pk, sharpness.pk)], by_age=True)
        _opinions(cursor, project.pk, samples, person.pk, overall.pk)
    _versions(project)
    return Made(
        slug=slug,
        project_id=project.pk,
        reader_id=reader.pk,
        generator_id=makers[1].pk,
        rare_generator_id=rare.pk,
        column=f"{machines[0].pk}.{overall.pk}",
        column_by_age=f"{machines[2].pk}.{sharpness.pk}",
        prompt_id=Prompt.objects.filter(project=project).latest("pk").pk - 3,
        sample_id=Sample.objects.filter(project=project).latest("pk").pk - samples // 2,
    )


def settle() -> None:
    """What the server does by itself within minutes: statistics, and the map of pages that are visible to all."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")


def _rows(cursor: Any, project: int, samples: int, generators: list[int], rare: int) -> None:
    oldest = _oldest(samples)
    prompts = -(-samples // SAMPLES_A_PROMPT)
    cursor.execute(PROMPTS, {"project": project, "prompts": prompts, "few": max(oldest // SAMPLES_A_PROMPT, 1)})
    cursor.execute(
        SAMPLES,
        {
            "project": project,
            "first_prompt": _first(cursor, "prompt", project),
            "samples": samples,
            "oldest": oldest,
            "rare": rare,
            "generators": generators,
        },
    )
    pictures = min(SHARED_PICTURES, samples)
    for statement in ASSETS.split(";"):
        cursor.execute(statement, {"project": project, "pictures": pictures})
    cursor.execute("SELECT max(id) - %s + 1 FROM curation_asset", [pictures])
    first_asset = cursor.fetchone()[0]
    cursor.execute(MEDIA, {"project": project, "first_asset": first_asset, "pictures": pictures})


def _oldest(samples: int) -> int:
    return min(OLDEST, samples // 10)


def _first(cursor: Any, table: str, project: int) -> int:
    cursor.execute(f"SELECT min(id) FROM curation_{table} WHERE project_id = %s", [project])
    return int(cursor.fetchone()[0])


def _scores(cursor: Any, project: int, samples: int, columns: list[tuple[int, int]], *, by_age: bool) -> None:
    first_scored = _first(cursor, "sample", project) + _oldest(samples)
    for rater, criterion in columns:
        first = _judgements(cursor, project, rater, "pass", -(-samples // SCORES_A_PASS))
        parameters = {
            "project": project,
            "rater": rater,
            "criterion": criterion,
            "first_judgement": first,
            "first_scored": first_scored,
            "pass": SCORES_A_PASS,
            "is_by_age": by_age,
        }
        cursor.execute(SCORES, parameters)


def _judgements(cursor: Any, project: int, rater: int, act: str, number: int) -> int:
    """The id of the first of `number` judgements; the others follow it without a gap."""
    cursor.execute(JUDGEMENTS, {"project": project, "rater": rater, "act": act, "number": number})
    return min(row[0] for row in cursor.fetchall())


def _opinions(cursor: Any, project: int, samples: int, person: int, criterion: int) -> None:
    first_sample, number = _first(cursor, "sample", project), max(samples // COMPARED_ONE_IN * 7 // 10, 1)
    shared = {"project": project, "rater": person, "criterion": criterion, "first_sample": first_sample}
    shared |= {"one_in": COMPARED_ONE_IN, "first_scored": first_sample + _oldest(samples)}
    compared = _judgements(cursor, project, person, "compare", number)
    cursor.execute(COMPARISONS, shared | {"first_judgement": compared, "number": number})
    flags = max(samples // 200, 2)
    flagged = _judgements(cursor, project, person, "flag", 1)
    cursor.execute(FLAGS, shared | {"first_judgement": flagged, "number": flags, "step": samples // flags // 3 or 1})
    cursor.execute(REQUESTS, {"project": project, "number": samples // 50})
    cursor.execute(JOBS, {"project": project, "number": max(samples // 200, 40)})


def _versions(project: Any) -> None:
    """Frozen versions as the list shows them; their files are not there, and the list does not ask for them."""
    from curation.models import Dataset, DatasetVersion, Recipe

    digest = "0" * 64
    recipe = Recipe.objects.create(project=project, name="plain", number=1, text="", digest=digest)
    counts = {
        "pairs": 1000,
        "samples": 2000,
        "pairs_by_split": {"train": 900, "test": 100},
        "pairs_by_basis": {"people": 400, "machines": 600},
    }
    # About as long as a real one: what each file holds, and what was read.
    manifest = {"counts": counts, "read": [{"table": f"table {n}", "digest": digest} for n in range(60)]}
    datasets = [Dataset(project=project, name=f"{project.slug}-{number}") for number in range(DATASETS)]
    Dataset.objects.bulk_create(datasets)
    DatasetVersion.objects.bulk_create(
        DatasetVersion(
            dataset=dataset,
            number=number,
            recipe=recipe,
            seed=1,
            frozen_at=timezone.now() - timedelta(days=number),
            digest=digest,
            pair_count=1000,
            pairs_name="pairs.parquet",
            evidence_name="evidence.parquet",
            manifest=manifest,
            funnel=[{"step": f"step {n}", "count": 1000 - n, "why": digest} for n in range(20)],
        )
        for dataset in datasets
        for number in range(1, VERSIONS_A_DATASET + 1)
    )
