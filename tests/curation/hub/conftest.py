"""A Hub on the loopback for each test, and the real client allowed to speak to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import close_session, constants

from curation.hub.remote import Hub
from tests.curation.hub.stand_in import TOKEN, StandIn, serving


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StandIn]:
    """The tests forbid the client all network; here it may ask the stand-in. Large files go by LFS."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    close_session()
    with serving() as hub:
        yield hub
    close_session()


@pytest.fixture
def hub(stand_in: StandIn) -> Hub:
    return Hub(stand_in.address, TOKEN, answer_seconds=20)
