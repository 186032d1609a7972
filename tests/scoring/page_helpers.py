"""What tests of this room's pages share: visitors by role, addresses, and counted queries."""

from __future__ import annotations

from collections.abc import Callable

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from curation.models import Project
from tests import factories

ROLES = [("admin", 200), ("curator", 200), ("viewer", 200), ("annotator", 403), ("stranger", 404), ("nobody", 302)]


def visitors(project: Project) -> Callable[[str], Client]:
    """A browser of somebody with a role in the project; `stranger` has none, `nobody` is not signed in."""

    def as_role(role: str) -> Client:
        client = Client()
        if role == "stranger":
            client.force_login(factories.user())
        elif role != "nobody":
            client.force_login(factories.member(project, role))
        return client

    return as_role


def count_queries(client: Client, url: str) -> int:
    client.get(url)  # what is cached once a process does not count
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)
