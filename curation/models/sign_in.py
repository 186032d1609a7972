"""Failed attempts to sign in, kept for an hour so that guessing becomes slow."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models

WINDOW = timedelta(minutes=15)
# The same name from the same address: somebody mistypes, or somebody guesses.
LIMIT_NAME_AND_ADDRESS = 8
# One name from everywhere, and one address for every name: high enough that a stranger cannot easily
# lock a person out, low enough that a list of passwords takes years.
LIMIT_NAME = 60
LIMIT_ADDRESS = 100


class SignInFailureQuerySet(models.QuerySet["SignInFailure"]):
    def is_too_many(self, *, name_digest: str, address_digest: str, now: datetime) -> bool:
        """Whether a further attempt must wait. Costs one query."""
        name, address = models.Q(name_digest=name_digest), models.Q(address_digest=address_digest)
        counts = self.filter(name | address, at__gt=now - WINDOW).aggregate(
            both=models.Count("id", filter=name & address),
            name=models.Count("id", filter=name),
            address=models.Count("id", filter=address),
        )
        return (
            counts["both"] >= LIMIT_NAME_AND_ADDRESS
            or counts["name"] >= LIMIT_NAME
            or counts["address"] >= LIMIT_ADDRESS
        )


class SignInFailure(models.Model):
    """One failed attempt. Names and addresses are keyed digests: a password typed as a name is not kept."""

    name_digest = models.CharField(max_length=64)
    address_digest = models.CharField(max_length=64)
    at = models.DateTimeField()

    objects = SignInFailureQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["name_digest", "at"], name="sign_in_failure_name"),
            models.Index(fields=["address_digest", "at"], name="sign_in_failure_address"),
        ]

    def __str__(self) -> str:
        return f"failed attempt at {self.at:%Y-%m-%d %H:%M}"
