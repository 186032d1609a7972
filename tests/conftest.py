"""What every test stands on: an isolated data folder, no network, and who passed for what."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import isolation

# Before pytest-django reads the settings.
isolation.set_environment()
isolation.block_network()

pytest_plugins = ["tests.capability_report", "tests.parity_report", "tests.trainer_report"]


def pytest_configure(config: pytest.Config) -> None:
    """Load the settings, so that pytest-django sets Django up with them."""
    from django.conf import settings

    if settings.DATA_DIR != isolation.SLOT:
        raise pytest.UsageError(
            f"The settings were read before the tests had a place of their own (they name {settings.DATA_DIR}). "
            "Unset DJANGO_SETTINGS_MODULE and leave --ds away."
        )
    if is_controller(config):
        # The workers inherit this environment; with the name in it pytest-django would read the
        # settings there before they have taken their slots.
        del os.environ["DJANGO_SETTINGS_MODULE"]
        # Threads of several processes on the same cores spend their time waiting for each other.
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // config.option.numprocesses)))


def is_controller(config: pytest.Config) -> bool:
    """Whether this process only hands tests out to the workers of xdist."""
    return bool(getattr(config.option, "numprocesses", None)) and not hasattr(config, "workerinput")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests last: whoever breaks a rule of the domain hears of it in the first minutes."""
    items.sort(key=lambda item: "tests/browser/" in item.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave no server behind."""
    from config import embedded

    embedded.stop()


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """Trade the safety of the disk for speed before the first test database is made."""
    import psycopg

    from config import embedded

    with psycopg.connect(embedded.postgres().url("postgres"), autocommit=True) as connection:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {name} = off")
        connection.execute("SELECT pg_reload_conf()")


@pytest.fixture(autouse=True)
def _plain_static_files(settings) -> None:
    """Pages in tests name static files as they are in the checkout; nothing is collected."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture(autouse=True)
def _quick_passwords(settings) -> None:
    """The real hash is slow on purpose; with it the accounts of the tests would take minutes."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _heartbeats_see_only_what_is_committed(request) -> Iterator[None]:
    """A heartbeat looks from a connection of its own: on a slow machine it would miss a test's uncommitted job."""
    mark = request.node.get_closest_marker("django_db")
    if (mark and mark.kwargs.get("transaction")) or "transactional_db" in request.fixturenames:
        yield
        return
    from curation.actions import jobs

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "HEARTBEAT_SECONDS", 3600.0)
        yield


@pytest.fixture(autouse=True)
def _media_of_its_own() -> Iterator[None]:
    """Each test leaves an empty media storage; it is the slot's, so that workers see it too."""
    yield
    shutil.rmtree(isolation.SLOT / "media", ignore_errors=True)


@pytest.fixture
def eager_tasks() -> Iterator[None]:
    """Run tasks where they are sent, for unit tests of what a task does.

    A test about jobs themselves (lost messages, killed workers) starts a real worker with
    `worker_environment` instead.
    """
    from config.celery import app

    app.conf.task_always_eager = True
    app.conf.task_eager_propagates = True
    yield
    app.conf.task_always_eager = False
    app.conf.task_eager_propagates = False


@pytest.fixture
def worker_environment(transactional_db) -> dict[str, str]:
    """The environment of another process that works on this test's database, queue and media.

    Start a worker with it:
    `subprocess.Popen([sys.executable, "-m", "celery", "-A", "config", "worker", ...], env=...)`.
    """
    from django.db import connection

    from config import embedded

    address = embedded.postgres()
    return {
        **os.environ,
        "DATABASE_URL": address.url(connection.settings_dict["NAME"]),
    }


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real sample sets; a test that needs it is skipped where it is absent."""
    folder = Path(os.environ.get("PAIRWRIGHT_SHARED") or Path(__file__).resolve().parents[2] / "shared")
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent (PAIRWRIGHT_SHARED names another place)")
    return folder
