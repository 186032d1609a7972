"""`manage.py up`: the whole site in one foreground process."""

import os
import socket
import sys
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from config import embedded, env, running
from config.supervisor import Child, Supervisor
from scoring import machine

CARD = "CUDA_VISIBLE_DEVICES"


class Command(BaseCommand):
    help = (
        "Run web, workers and scheduler until Ctrl-C. Prepares the database and the static files first, "
        "starts the embedded servers where none are named, and stops them at the end."
    )

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--address", help="host:port to serve on (default: PAIRWRIGHT_ADDRESS)")

    def handle(self, *args: Any, **options: Any) -> None:
        address = options["address"] or env.text("PAIRWRIGHT_ADDRESS", "127.0.0.1:8000")
        _refuse_taken(address)
        try:
            with running.the_only_one(settings.DATA_DIR):
                self._prepare()
                self._supervise(address)
        except running.AlreadyRunningError as error:
            raise CommandError(str(error)) from error

    def _prepare(self) -> None:
        call_command("migrate", interactive=False, verbosity=0, stdout=self.stdout)
        call_command("collectstatic", interactive=False, verbosity=0, stdout=self.stdout)
        self._has_people = get_user_model().objects.exists()
        connections.close_all()

    def _supervise(self, address: str) -> None:
        supervisor = Supervisor(children(), {**os.environ, "PAIRWRIGHT_ADDRESS": address})
        try:
            supervisor.run(when_ready=lambda: self._announce(address))
        finally:
            stopped = embedded.stop_unless_used()
            if stopped:
                self.stdout.write(f"Stopped {' and '.join(stopped)}.")

    def _announce(self, address: str) -> bool:
        if not _is_served(address):
            return False
        self.stdout.write(f"Pairwright is at http://{address}/ and its data in {settings.DATA_DIR}. Ctrl-C stops it.")
        if not self._has_people:
            self.stdout.write("Nobody can sign in yet. Make an administrator: python manage.py createsuperuser")
        self.stdout.flush()
        return True


def children() -> list[Child]:
    """The processes of a site on one machine."""
    cpu_workers = env.integer("PAIRWRIGHT_CPU_WORKERS", os.cpu_count() or 1, low=1, high=1024)
    celery = [sys.executable, "-m", "celery", "-A", "config", "--quiet"]
    schedule = str(settings.DATA_DIR / "celerybeat-schedule")
    return [
        Child(name="web", command=[sys.executable, "-m", "gunicorn", "-c", "python:config.gunicorn_settings"]),
        Child(
            name="cpu worker",
            command=[*celery, "worker", "-Q", "cpu", "-n", "cpu@%h", "--concurrency", str(cpu_workers)],
        ),
        *_model_workers(celery),
        Child(name="scheduler", command=[*celery, "beat", "--pidfile=", "--schedule", schedule]),
    ]


def _model_workers(celery: list[str]) -> list[Child]:
    """One worker for each graphics card, which sees no other; without a card one worker of several processes."""
    worker = [*celery, "worker", "-Q", "gpu", *machine.model_pool()]
    cards = machine.gpus()
    if len(cards) < 2:
        return [Child(name="gpu worker", command=[*worker, "-n", "gpu@%h"])]
    return [
        Child(name=f"gpu worker {card}", command=[*worker, "-n", f"gpu-{card}@%h"], environment={CARD: card})
        for card in cards
    ]


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise CommandError(f"The address {address!r} is not host:port. Write for example 127.0.0.1:8000.")
    return host.strip("[]"), int(port)


def _refuse_taken(address: str) -> None:
    if _is_served(address):
        raise CommandError(
            f"Something already serves {address}. Choose another: python manage.py up --address HOST:PORT"
        )


def _is_served(address: str) -> bool:
    host, port = _split(address)
    try:
        socket.create_connection(("127.0.0.1" if host == "0.0.0.0" else host, port), timeout=1).close()  # noqa: S104
    except OSError:
        return False
    return True
