"""How a person is called on pages that tell what others said."""

from __future__ import annotations

from curation.access import Right, may
from curation.models import Rater
from curation.views.doors import PageRequest


def who(request: PageRequest, rater: Rater) -> str:
    """The account behind a rater for those who manage the project; for everybody else the rater's pseudonym."""
    if rater.user is not None and may(request.role, Right.MANAGE):
        return f"{rater.user} · {rater.name}"
    return rater.name
