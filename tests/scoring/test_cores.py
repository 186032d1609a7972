"""A worker of several processes gives each its share of the cores."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from config import celery
from scoring import workers
from scoring.actions import working


@pytest.mark.parametrize(
    ("pool", "processes", "threads"), [("prefork", 2, "4"), ("prefork", 8, "1"), ("prefork", 20, "1"), ("solo", 8, "8")]
)
def test_each_process_of_a_worker_gets_its_share(pool: str, processes: int, threads: str, monkeypatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "")  # so that it is put back as it was
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(os, "cpu_count", lambda: 8)

    celery._share_the_cores(sender=SimpleNamespace(pool_cls=pool, concurrency=processes))

    assert os.environ["OMP_NUM_THREADS"] == threads


def test_what_an_administrator_set_is_kept(monkeypatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")

    celery._share_the_cores(sender=SimpleNamespace(pool_cls="prefork", concurrency=1))

    assert os.environ["OMP_NUM_THREADS"] == "3"


def test_on_a_processor_decoding_and_model_take_turns_with_that_share(monkeypatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")

    assert (working.pace("gpu").threads, working.pace("gpu").ahead) == (3, 0)


def test_beside_a_gpu_pictures_are_decoded_ahead(monkeypatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")

    assert working.pace("gpu").ahead > working.pace("gpu").batch_size
    assert working.pace("gpu").threads >= 2
    assert working.pace("cpu").ahead == 0


@pytest.mark.parametrize(
    ("visible", "count", "pool"),
    [
        ("0", 16, ["--pool", "solo"]),
        ("", 2, ["--concurrency", "2"]),
        ("-1", 64, ["--concurrency", "4"]),
    ],
)
def test_models_run_in_one_process_on_a_gpu_and_in_a_few_without(visible, count, pool, monkeypatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setattr(os, "cpu_count", lambda: count)

    assert workers.command("gpu")[-2:] == pool
