"""What tests of the service stand on. Models are imported where they are used: this file is read before Django is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def fake_scorers(monkeypatch) -> Iterator[None]:
    from scoring import resident
    from scoring.catalogue import CATALOGUE
    from tests.scoring import fakes

    for name, facts in fakes.FAKES.items():
        monkeypatch.setitem(CATALOGUE, name, facts)
    resident.forget()
    yield
    resident.forget()


@pytest.fixture
def project():
    from tests import factories

    return factories.project(task="text")


@pytest.fixture
def serve(tmp_path: Path, project) -> Iterator:
    """Starts the service in this process, without sockets, for a token of the project."""
    from tests.scoring.service.asking import Serve

    started = Serve(tmp_path, project)
    yield started
    started.stop()
