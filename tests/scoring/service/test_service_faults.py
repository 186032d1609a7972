"""The thread that holds the models: what it keeps, and what it says when it cannot go on."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from scoring import resident
from scoring.catalogue import CATALOGUE
from scoring.engine import Pace
from scoring.judges.base import Passing
from scoring.scorers.base import Setting
from scoring.service.batcher import Batcher
from scoring.service.limits import Limits
from tests.scoring import fakes
from tests.scoring.service.asking import Client, Said, Serve, until

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_scorers")]


class Large(fakes.LengthScorer):
    """Weights of as many bytes as its setting says."""

    loaded: list[str] = []

    def __init__(self, facts, *, size: str) -> None:
        super().__init__(facts)
        self.size = int(size)

    def load(self) -> None:
        Large.loaded.append(self.name)

    def bytes_held(self) -> int:
        return self.size


class Panic(BaseException):
    """As libraries in Rust raise it."""


@pytest.fixture
def large(monkeypatch) -> list[str]:
    """The names of scorers as they are loaded."""
    Large.loaded.clear()
    for name in ("one", "two"):
        card = fakes.facts(name, path=f"{__name__}:Large", settings=(Setting("size", "700000", ""),))
        monkeypatch.setitem(CATALOGUE, name, card)
    return Large.loaded


def raising(error: BaseException) -> Callable[..., None]:
    def fail(*_arguments):
        raise error

    return fail


def started(*names: str) -> tuple[Batcher, list[str]]:
    """A batcher whose thread has ended, and what it reported."""
    said: list[str] = []
    batcher = Batcher({name: {} for name in names}, Limits(), on_failure=said.append)
    batcher.start()
    batcher._thread.join(20)
    assert not batcher._thread.is_alive()
    return batcher, said


# -- what stays in memory ---------------------------------------------------------------------------------------------


def test_scorers_are_loaded_once_whatever_a_worker_would_keep(monkeypatch, large: list[str], serve: Serve):
    monkeypatch.setattr(resident._residents, "_budget", lambda: 800_000)
    client = serve("one", "two")

    for _call in range(3):
        assert client.score({"text": "abc"}).status == 200

    assert large == ["one", "two"]


def test_scorers_that_do_not_fit_together_end_the_start(monkeypatch, large: list[str]):
    monkeypatch.setattr(resident.limit, "megabytes", 1)

    _batcher, (said,) = started("one", "two")

    assert said.startswith("The weights of one, two take")
    assert "PAIRWRIGHT_MODEL_MEMORY_MB" in said


# -- what ends the thread ---------------------------------------------------------------------------------------------


def test_what_nobody_foresaw_while_loading_is_reported(monkeypatch):
    monkeypatch.setattr(fakes.LengthScorer, "load", raising(RuntimeError("CUDA out of memory")))

    batcher, said = started("length")

    assert said == ["RuntimeError: CUDA out of memory"]
    assert not batcher.serves


def test_a_service_whose_thread_died_is_not_ready_and_leaves_no_call_waiting(monkeypatch, serve: Serve):
    client = serve()
    said: list[str] = []
    client.batcher._on_failure = said.append
    monkeypatch.setattr(fakes.LengthScorer, "score", raising(Panic("a panic")))

    first, later = client.score({"text": "a"}), client.score({"text": "b"})

    assert (first.status, later.status) == (503, 503)
    assert int(first.headers["Retry-After"]) >= 1
    assert said == ["the thread of the models died: Panic: a panic"]
    until(lambda: client.get("/ready").status == 503, "it is not ready")
    assert client.get("/metrics").body["ready"] is False


@pytest.mark.parametrize(("stated", "told"), [(None, "5"), (0.2, "1"), (16.4, "17")])
def test_an_address_that_is_busy_is_asked_again_when_it_says(monkeypatch, serve: Serve, stated, told: str):
    client = serve()
    with monkeypatch.context() as patch:
        patch.setattr(fakes.LengthScorer, "score", raising(Passing("“vlm” gave no answer: 429", stated)))
        said = client.score({"text": "a"})

    assert (said.status, said.headers["Retry-After"]) == (503, told)
    assert "“vlm” gave no answer" in said.body["error"]
    assert client.values("abc") == [3.0]


# -- a quick stop -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_quick_stop_tells_who_waits_and_ends_after_the_batch_at_hand(monkeypatch, serve: Serve):
    go, sizes = threading.Event(), []

    def score(self, items, prepared):
        sizes.append(len(items))
        assert go.wait(30)
        return plain(self, items, prepared)

    plain = fakes.LengthScorer.score
    monkeypatch.setattr(fakes.LengthScorer, "score", score)
    client = serve(items=200)
    client.batcher._speed = lambda _queue: Pace(batch_size=16, ahead=16)  # four batches a turn, as on a card
    calls = [_asked(client, 100), _asked(client, 100)]
    until(lambda: len(sizes) == 1 and client.batcher.in_hand == 200, "one batch is at work")

    client.batcher.drop()
    answers = [call() for call in calls]
    go.set()
    client.batcher._thread.join(20)

    assert [(said.status, "Retry-After" in said.headers) for said in answers] == [(503, True)] * 2
    assert len(sizes) == 1
    assert not client.batcher._thread.is_alive()
    assert client.score({"text": "a"}).status == 503


def _asked(client: Client, count: int) -> Callable[[], Said]:
    """A call in a thread of its own; what is given back waits for its answer."""
    said: list[Said] = []

    def ask() -> None:
        said.append(client.score(*({"text": f"{number}"} for number in range(count))))
        connection.close()  # of this thread

    thread = threading.Thread(target=ask)
    thread.start()

    def answer() -> Said:
        thread.join(20)
        return said[0]

    return answer
