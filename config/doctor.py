"""What is missing or wrong with an installation, in words, each with its remedy."""

import importlib.metadata
import importlib.util
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from celery.exceptions import OperationalError
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from config import embedded
from config.celery import app

_LOCAL_HOSTS = {"localhost", "127.0.0.1", "[::1]", "testserver"}
_LEAST_FREE_BYTES = 5 * 2**30
_OLDEST_POSTGRESQL = 15
_WORKER_ANSWER_SECONDS = 2.0


class State(Enum):
    FINE = "ok"
    HINT = "note"
    BROKEN = "BROKEN"


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `remedy` is empty when nothing is to be done."""

    subject: str
    state: State
    words: str
    remedy: str = ""


def examine() -> Iterator[Finding]:
    """Look at everything in the order in which a newcomer would mend it."""
    checks: list[Callable[[], Finding]] = [
        _python, _data_folder, _disk, _secret, _database, _migrations, _queue,
        lambda: _workers("cpu"), lambda: _workers("gpu"),
        _storage, _torch, _ocr_weights, _chromium, _mail, _hosts,
    ]  # fmt: skip
    for check in checks:
        yield check()


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if (3, 11) <= sys.version_info[:2] < (3, 13):
        return Finding("Python", State.FINE, version)
    return Finding("Python", State.BROKEN, f"{version} is not supported.", "Use Python 3.11: make clean setup")


def _data_folder() -> Finding:
    return Finding("data folder", State.FINE, str(settings.DATA_DIR))


def _disk() -> Finding:
    free = shutil.disk_usage(settings.DATA_DIR).free
    words = f"{free / 2**30:.1f} GiB free"
    if free >= _LEAST_FREE_BYTES:
        return Finding("disk", State.FINE, words)
    return Finding("disk", State.HINT, words, "Free some space, or name a larger disk in PAIRWRIGHT_DATA.")


def _secret() -> Finding:
    path = Path(settings.DATA_DIR) / "secret_key"
    if not path.exists() or path.read_text(encoding="ascii").strip() != settings.SECRET_KEY:
        return Finding("secret", State.FINE, "given by PAIRWRIGHT_SECRET_KEY")
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        return Finding("secret", State.BROKEN, f"{path} can be read by others ({mode:o}).", f"chmod 600 {path}")
    return Finding("secret", State.FINE, f"made by this installation, in {path}")


def _database() -> Finding:
    where = "embedded" if settings.EMBEDDED_DATABASE else settings.DATABASES["default"]["HOST"] or "local socket"
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version")
            version = str(cursor.fetchone()[0])
    except (DatabaseError, embedded.ServiceError) as error:
        remedy = "Read the log in the data folder." if settings.EMBEDDED_DATABASE else "Check DATABASE_URL."
        return Finding("database", State.BROKEN, f"PostgreSQL ({where}) does not answer: {_first_line(error)}", remedy)
    if int(version.split(".")[0]) < _OLDEST_POSTGRESQL:
        remedy = f"Use PostgreSQL {_OLDEST_POSTGRESQL} or newer."
        return Finding("database", State.BROKEN, f"PostgreSQL {version} ({where}) is too old.", remedy)
    return Finding("database", State.FINE, f"PostgreSQL {version} ({where})")


def _migrations() -> Finding:
    try:
        executor = MigrationExecutor(connection)
    except (DatabaseError, embedded.ServiceError) as error:
        return Finding("migrations", State.BROKEN, f"cannot be read: {_first_line(error)}", "Mend the database first.")
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not missing:
        return Finding("migrations", State.FINE, "all applied")
    return Finding("migrations", State.BROKEN, f"{len(missing)} not applied", "python manage.py migrate")


def _queue() -> Finding:
    where = "embedded" if settings.EMBEDDED_QUEUE else "REDIS_URL"
    try:
        with app.connection_for_write() as queue:
            queue.ensure_connection(max_retries=1, timeout=5)
    except (OperationalError, OSError, embedded.ServiceError) as error:
        remedy = "Read redis/redis.log in the data folder." if settings.EMBEDDED_QUEUE else "Check REDIS_URL."
        return Finding("queue", State.BROKEN, f"Redis ({where}) does not answer: {_first_line(error)}", remedy)
    return Finding("queue", State.FINE, f"Redis answers ({where})")


def _workers(queue: str) -> Finding:
    subject = f"{queue} workers"
    remedy = f"`python manage.py up` starts one; alone: celery -A config worker -Q {queue}" + (
        " --pool solo" if queue == "gpu" else ""
    )
    try:
        answers = app.control.inspect(timeout=_WORKER_ANSWER_SECONDS).active_queues() or {}
    except (OperationalError, OSError, embedded.ServiceError):
        return Finding(subject, State.BROKEN, "cannot be asked", "Mend the queue first.")
    serving = sorted(name for name, queues in answers.items() if any(item["name"] == queue for item in queues))
    if serving:
        return Finding(subject, State.FINE, f"{len(serving)} answering: {', '.join(serving)}")
    return Finding(subject, State.HINT, "none answers; such jobs wait", remedy)


def _storage() -> Finding:
    where = f"S3 bucket {settings.S3_BUCKET}" if settings.S3_BUCKET else str(settings.MEDIA_ROOT)
    name, content = f".doctor/{uuid.uuid4().hex}", uuid.uuid4().bytes
    try:
        stored = default_storage.save(name, ContentFile(content))
        with default_storage.open(stored) as file:
            is_same = file.read() == content
        default_storage.delete(stored)
    except Exception as error:  # noqa: BLE001  # each storage has errors of its own, and all are told
        remedy = "Check the PAIRWRIGHT_S3_ settings." if settings.S3_BUCKET else f"Make {where} writable for this user."
        return Finding("storage", State.BROKEN, f"{where} cannot be used: {_first_line(error)}", remedy)
    if not is_same:
        remedy = "Check what stands between this machine and the storage."
        return Finding("storage", State.BROKEN, f"{where} gave back other bytes than it was given.", remedy)
    return Finding("storage", State.FINE, f"{where} can be written and read")


def _torch() -> Finding:
    code = (
        "import scoring.torch_setup, torch, torchvision, sys;"
        "cuda = torch.cuda.is_available();"
        "print(torch.__version__, torch.cuda.get_device_name(0) if cuda else 'CPU only', sep='|')"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=settings.BASE_DIR, capture_output=True, text=True)
    if said.returncode:
        return Finding("torch", State.BROKEN, f"does not load: {said.stderr.strip().splitlines()[-1]}", "make setup")
    version, device = said.stdout.strip().split("|")
    return Finding("torch", State.FINE, f"{version}, {device}")


def _ocr_weights() -> Finding:
    spec = importlib.util.find_spec("rapidocr")
    models = Path(spec.origin).parent / "models" if spec and spec.origin else None
    found = sorted(path.name for path in models.glob("*.onnx")) if models else []
    if not found:
        return Finding("text reading", State.BROKEN, "rapidocr has no weights in its wheel here", "make setup")
    version = importlib.metadata.version("rapidocr")
    return Finding("text reading", State.FINE, f"rapidocr {version} with {len(found)} networks")


def _chromium() -> Finding:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found:
        return Finding("Chromium", State.FINE, found)
    return Finding("Chromium", State.HINT, "absent; only the browser tests need it", "apt-get install chromium")


def _mail() -> Finding:
    if settings.EMAIL_HOST:
        return Finding("mail", State.FINE, f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}")
    words = "no server; letters such as password resets are written to the log of the web process"
    return Finding("mail", State.HINT, words, "Set PAIRWRIGHT_EMAIL_HOST.")


def _hosts() -> Finding:
    abroad = sorted(set(settings.ALLOWED_HOSTS) - _LOCAL_HOSTS)
    if not abroad:
        return Finding("addresses", State.FINE, "this machine only (PAIRWRIGHT_HOSTS names others)")
    if settings.HTTPS:
        return Finding("addresses", State.FINE, f"{', '.join(abroad)} over HTTPS")
    words = f"{', '.join(abroad)} without HTTPS: passwords and cookies travel in the clear"
    return Finding("addresses", State.HINT, words, "Put a proxy with HTTPS before it and set PAIRWRIGHT_HTTPS=1.")


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
