"""A real worker, really killed in the middle of an import."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from django.utils import timezone
from PIL import Image

from curation import tasks
from curation.actions import importing
from curation.models import Asset, Job, Prompt, Sample
from tests import factories
from tests.curation.formats.drawn import save_lines

PICTURES = 260
SECONDS = 90


def _draw(folder: Path) -> Path:
    generator = np.random.default_rng(7)
    rows: list[dict[str, object]] = [{"prompt": "no answer"}]
    for number in range(PICTURES):
        noise = generator.integers(0, 255, (48, 48, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((512, 512)).save(folder / f"{number}.jpg", quality=90)
        rows.append({"prompt": f"prompt {number // 4}", "media": [f"{number}.jpg"], "sample_key": f"s{number}"})
    return save_lines(folder / "samples.jsonl", rows)


def _wait(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {SECONDS} s"
        time.sleep(0.02)


def _processes_of_session(session: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(int(entry.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for orphans in /proc")
def test_an_import_killed_in_a_worker_leaves_no_process_and_resumes_without_loss_or_doubles(
    tmp_path: Path, worker_environment: dict[str, str]
) -> None:
    project = factories.project()
    job = importing.create(project=project, options=importing.for_path(_draw(tmp_path)), by=None)
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "config", "worker", "-Q", "cpu", "-c", "1", "-l", "WARNING"],
        env=worker_environment,
        start_new_session=True,
    )
    try:
        tasks.run_import.apply_async(kwargs={"job_id": job.pk}, queue="cpu")
        _wait(lambda: Job.objects.get(pk=job.pk).result.get("rows_done", 0) > 0, "the first batch")
        # Only the worker and its child: the processes that decode must notice by themselves.
        for pid in _processes_of_session(worker.pid):
            if b"celery" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)
    finally:
        worker.kill()
        worker.wait()

    job.refresh_from_db()
    done = job.result["rows_done"]
    assert job.state == "running"
    assert 0 < done < PICTURES + 1
    assert Sample.objects.count() == done - 1
    _wait(lambda: not _processes_of_session(worker.pid), "the end of the decoding processes")

    assert importing.run(job=job) is None  # its owner was heard from a moment ago
    Job.objects.filter(pk=job.pk).update(heartbeat_at=timezone.now() - timedelta(minutes=2))
    resumed = importing.run(job=job)

    assert (resumed.state, resumed.done, resumed.failed, resumed.attempts) == ("done", PICTURES, 1, 2)
    assert Sample.objects.count() == Asset.objects.count() == PICTURES
    assert Prompt.objects.count() == PICTURES // 4
    assert [failure.what for failure in resumed.failures.all()] == ["samples.jsonl:1"]
