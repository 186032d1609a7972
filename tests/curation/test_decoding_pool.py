"""Processes that decode: their answers, their errors, their deaths."""

import os
import signal
import time

import pytest

from curation.decoding_pool import DecoderDied, DecodingPool
from curation.media.errors import MediaRefused
from curation.media.ingestion import ingest
from tests.curation.formats.drawn import picture


def test_calls_are_answered_in_other_processes() -> None:
    pool = DecodingPool(2)

    answers = {future.result() for future in [pool.submit(os.getpid) for _ in range(8)]}
    pool.close(wait=True)

    assert os.getpid() not in answers
    assert 1 <= len(answers) <= 2


def test_errors_come_back_as_they_were_raised() -> None:
    pool = DecodingPool(1)

    with pytest.raises(MediaRefused, match=r"x\.png"):
        pool.submit(ingest, b"not a picture", name="x.png").result()

    assert pool.submit(ingest, picture(), name="y.png").result().facts.width == 16
    pool.close(wait=True)


def test_a_crash_costs_only_its_own_call() -> None:
    pool = DecodingPool(2)
    crashing = pool.submit(os.abort)
    fine = [pool.submit(pow, 2, 10) for _ in range(5)]

    with pytest.raises(DecoderDied):
        crashing.result()

    assert [future.result() for future in fine] == [1024] * 5
    pool.close(wait=True)


def test_closing_at_once_waits_for_nothing_and_leaves_nothing() -> None:
    pool = DecodingPool(1)
    pid = pool.submit(os.getpid).result()
    slow = pool.submit(time.sleep, 600)
    while not slow.running():
        time.sleep(0.01)

    pool.close(wait=False)

    with pytest.raises(DecoderDied):
        slow.result(timeout=30)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
