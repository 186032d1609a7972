"""What tests of scorers stand on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scoring import embeddings


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> Iterator[None]:
    """Embeddings of an earlier test, or of earlier code, would hide what a test looks for."""
    before = embeddings.folder()
    embeddings.keep_below(None)
    yield
    embeddings.keep_below(before)


@pytest.fixture
def no_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is rung, and a worker for `cpu` seems to answer: a test does the work itself."""
    monkeypatch.setattr("scoring.tasks.ring", lambda job: True)
    monkeypatch.setattr("scoring.workers.answering", lambda timeout_seconds=1.0: {"cpu": ["cpu@here"]})
