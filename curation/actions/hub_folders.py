"""Repositories of the Hub as folders on this machine, for an import."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from curation.hub.fetching import PREFIX, fetch, named_repository
from curation.hub.remote import Hub


def here(text: str) -> Path:
    """A path as it was given; of `hub:owner/name[@revision]` the folder it was brought to.

    Raises:
        Refused, Unavailable: see `hub.fetching.fetch`.
    """
    if not text.startswith(PREFIX):
        return Path(text)
    repository, revision = named_repository(text)
    root = Path(settings.SCRATCH_ROOT) / "hub"
    root.mkdir(parents=True, exist_ok=True)
    return fetch(Hub(settings.HUB_ENDPOINT, settings.HUB_TOKEN), repository, revision, root)
