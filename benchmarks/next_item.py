"""Whether the next item comes as fast from a batch of a million as from one of a thousand.

    python benchmarks/next_item.py [--items 1000000] [--requests 60]

Both batches ask two people per item and are half answered, in the order of the queue: 15 people answered, the first of
them two fifths of all items alone, and the sixteenth has only just come and stands at the beginning. Then all 16 take
turns in leasing what the page holds (the current item and two ahead) and answering one; only the lease is timed. The
small batch is measured in a database that has nothing else; then the large one is filled in.

The last line is one JSON object: `ratio` is the 95th percentile with the large batch over that with the small one
(target 1.5); `p99_ms` is of the large one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

PEOPLE = 16
OVERLAP = 2
HELD = 3
SMALL = 1000
PROMPTS = 1000
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

# The shares of the items, in the order of the queue: one of two opinions by the first person; both by the others.
FIRST = 0.4
OTHERS = 0.1


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="pairwright-bench-") as folder:
        _settle_django(Path(folder, "data"))
        try:
            report = compare(arguments.items, arguments.requests)
        finally:
            _stop_servers()
    print(json.dumps(report))


def compare(items: int, requests: int) -> dict[str, Any]:
    project = make_project()
    people = make_people(project)
    small = measure(fill(project, "small", SMALL, people), people, requests)
    print(f"{SMALL} items: 95th percentile {percentile(small, 95):.2f} ms", flush=True)
    began = time.perf_counter()
    batch = fill(project, "large", items, people)
    print(f"{items} items filled in {time.perf_counter() - began:.0f} s", flush=True)
    large = measure(batch, people, requests)
    print(f"{items} items: 95th percentile {percentile(large, 95):.2f} ms", flush=True)
    return {
        "benchmark": "next_item",
        "ratio": round(percentile(large, 95) / percentile(small, 95), 3),
        "target": 1.5,
        "p95_ms": round(percentile(large, 95), 2),
        "p99_ms": round(percentile(large, 99), 2),
        "small_p95_ms": round(percentile(small, 95), 2),
        "small_p99_ms": round(percentile(small, 99), 2),
        "median_ms": round(statistics.median(large), 2),
        "items": items,
        "people": PEOPLE,
        "answered_by_the_first": round(items * FIRST),
        "requests": len(large),
    }


def measure(batch: Any, people: list[Any], requests: int) -> list[float]:
    """Milliseconds of each lease; before each, one of the items in hand is answered."""
    from annotation.actions import answering, leasing

    times = []
    for turn in range(requests + 3):
        for user in people:
            began = time.perf_counter()
            leased = leasing.lease(batch=batch, user=user, want=HELD)
            seconds = time.perf_counter() - began
            assert len(leased.assignments) == HELD
            # The first turns fill the hands; afterwards each asks for one more, as the page does.
            if turn >= 3:
                times.append(seconds * 1000)
            answering.answer(
                batch=batch,
                user=user,
                assignment_id=leased.assignments[0].pk,
                client_key=str(uuid.uuid4()),
                payload={"questions": {"overall": {"outcome": "left"}}, "flags": []},
                seconds=1.0,
            )
    return times


def percentile(values: list[float], share: int) -> float:
    return statistics.quantiles(values, n=100)[share - 1]


# -- the batches ------------------------------------------------------------------------------------------------------


def make_project() -> Any:
    from curation.actions import criteria, projects
    from curation.identity import digest
    from curation.models import Generator, Prompt, Sample

    project = projects.create(name="Next", slug="next", task="text", by=None)
    criteria.ensure(project=project, key="overall")
    painter = Generator.objects.create(project=project, name="g")
    prompts = Prompt.objects.bulk_create(
        [Prompt(project=project, text=f"question {n}", identity=digest({"n": n})) for n in range(PROMPTS)]
    )
    Sample.objects.bulk_create(
        [
            Sample(
                project=project,
                prompt=prompt,
                generator=painter,
                text=f"answer {side} to {prompt.text}",
                media_state="none",
                identity=digest({"p": prompt.text, "s": side}),
            )
            for prompt in prompts
            for side in range(2)
        ]
    )
    return project


def make_people(project: Any) -> list[Any]:
    from curation.actions import raters
    from curation.models import Membership, User

    people = [User.objects.create_user(username=f"p{n}", email=f"p{n}@example.org") for n in range(PEOPLE)]
    for user in people:
        Membership.objects.create(project=project, user=user, role="annotator")
        raters.for_user(user)
    return people


def fill(project: Any, name: str, items: int, people: list[Any]) -> Any:
    """A batch of this size, half answered."""
    from django.db import connection
    from django.utils import timezone

    from annotation.actions import leasing
    from annotation.models import Batch, Participant
    from curation.actions import criteria, raters

    question = {
        "key": "overall",
        "kind": "compare",
        "text": "Which is better?",
        "criterion": criteria.ensure(project=project, key="overall").pk,
    }
    batch = Batch.objects.create(
        project=project,
        name=name,
        questions=[question],
        seed=1,
        overlap=OVERLAP,
        state=Batch.State.OPEN,
        opened_at=timezone.now(),
    )
    own = [raters.for_user(user).pk for user in people]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO annotation_item (batch_id, position, prompt_id, sample_ids, purpose, about)
            SELECT %s, n, sampled.prompt_id, sampled.ids, 'label', '{}'
            FROM generate_series(0, %s - 1) AS n
            JOIN (
                SELECT row_number() OVER (ORDER BY prompt_id) - 1 AS place, prompt_id, array_agg(id ORDER BY id) AS ids
                FROM curation_sample GROUP BY prompt_id
            ) AS sampled ON sampled.place = n %% %s
            ORDER BY n
            """,
            [batch.pk, items, PROMPTS],
        )
    leasing.add_slots(batch=batch)
    first, half = round(items * FIRST), round(items * (FIRST + OTHERS))
    with connection.cursor() as cursor:
        cursor.execute(
            ANSWERED,
            {
                "batch": batch.pk,
                "first_items": first,
                "half": half,
                "first": own[0],
                "others": own[1:-1],
            },
        )
        cursor.execute(
            """
            UPDATE annotation_slot SET state = 'done' FROM annotation_assignment done
            WHERE done.batch_id = %s AND done.slot_id = annotation_slot.id
            """,
            [batch.pk],
        )
        cursor.execute("SELECT max(rank) FROM annotation_slot WHERE batch_id = %s AND state = 'done'", [batch.pk])
        (last,) = cursor.fetchone()
        cursor.execute("VACUUM ANALYZE annotation_slot, annotation_assignment, annotation_item")
    for rater in own[:-1]:
        Participant.objects.create(batch=batch, rater_id=rater, cursor=last)
    return batch


ANSWERED = """
    INSERT INTO annotation_assignment (item_id, batch_id, slot_id, rater_id, purpose, is_repeat, state, presentation,
                                       leased_at, lease_until, ended_at, skip_reason, skip_text)
    SELECT item.id, item.batch_id, slot.id,
           CASE WHEN item.position < %(first_items)s AND slot.number = 0 THEN %(first)s
                ELSE (%(others)s::bigint[])[1 + (item.position * 2 + slot.number) %% cardinality(%(others)s::bigint[])]
           END,
           'label', false, 'done', '{"order": [], "draft": false}', now() - interval '1 hour', now(), now(), '', ''
    FROM annotation_item item JOIN annotation_slot slot ON slot.item_id = item.id
    WHERE item.batch_id = %(batch)s AND item.position < %(half)s
"""


# -- a place of its own -----------------------------------------------------------------------------------------------


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=60, help="leases of each person")
    return parser.parse_args()


def _settle_django(data: Path) -> None:
    """Servers and storage of the benchmark's own, whatever the installation uses."""
    for name in ("DATABASE_URL", "REDIS_URL", "PAIRWRIGHT_S3_BUCKET"):
        os.environ.pop(name, None)
    os.environ.update(
        DJANGO_SETTINGS_MODULE="config.settings",
        PAIRWRIGHT_ENV_FILE="",
        PAIRWRIGHT_DATA=str(data),
        PAIRWRIGHT_LOG_LEVEL="WARNING",
    )
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def _stop_servers() -> None:
    from config import embedded

    embedded.stop()


if __name__ == "__main__":
    main()
