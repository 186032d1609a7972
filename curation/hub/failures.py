"""What the Hub's refusals mean, in words that say what to do. No word of ours repeats a token."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from huggingface_hub.errors import (
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from curation.errors import Conflict, NotAllowed, PairwrightError, Refused, Unavailable
from curation.hub.names import without_tokens

# The Hub may answer otherwise in a moment.
PASSING = frozenset({408, 429, 500, 502, 503, 504})

NOTHING_IS_PUBLISHED = "Nothing of this version is visible there. Try again: what is up is not sent twice."


@contextmanager
def in_words(repository: str) -> Iterator[None]:
    """Turns what the Hub's client raises into errors a page may show.

    Raises:
        NotAllowed: 401 or 403; Conflict: 409 or 412; Refused: 400 and other refusals, or no such repository;
        Unavailable: the Hub cannot be reached, is too slow, or says to come back later.
    """
    try:
        yield
    except PairwrightError:
        raise
    except (HfHubHTTPError, httpx2.HTTPError, OfflineModeIsEnabled, RuntimeError, ValueError, OSError) as error:
        raise translated(error, repository) from error


def translated(error: BaseException, repository: str) -> PairwrightError:
    """The error that says the same in our words."""
    root = root_of(error)
    if isinstance(root, OfflineModeIsEnabled):
        return Unavailable("HF_HUB_OFFLINE is set here, so the Hub is never asked. Unset it for the workers.")
    if isinstance(root, RepositoryNotFoundError):
        return Refused(
            f"The Hub knows no data set {repository}, or the token may not see it. Check the name, and that the "
            "token belongs to its owner."
        )
    if isinstance(root, RevisionNotFoundError):
        return Refused(f"{repository} has no such revision on the Hub. Name a tag such as v3, or main.")
    if isinstance(root, HfHubHTTPError):
        return _by_status(root, repository)
    if isinstance(root, httpx2.TimeoutException):
        return Unavailable(f"The Hub did not answer in time. {NOTHING_IS_PUBLISHED}")
    if isinstance(root, (httpx2.HTTPError, ConnectionError)):
        return Unavailable(
            f"The Hub cannot be reached from here ({type(root).__name__}). Check the network, and HF_ENDPOINT if you "
            f"set it. {NOTHING_IS_PUBLISHED}"
        )
    return Unavailable(f"The Hub's client failed: {_first_line(root)} {NOTHING_IS_PUBLISHED}")


def root_of(error: BaseException) -> BaseException:
    """The cause below the client's own wrapping."""
    while isinstance(error, RuntimeError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def status_of(error: BaseException) -> int | None:
    """The status of the Hub's answer; None where there was none."""
    root = root_of(error)
    response = getattr(root, "response", None) if isinstance(root, HfHubHTTPError) else None
    return response.status_code if response is not None else None


def is_passing(error: BaseException) -> bool:
    """Whether asking again may help: the Hub is busy, or the connection broke."""
    return status_of(error) in PASSING or isinstance(root_of(error), (httpx2.TransportError, ConnectionError))


def _by_status(error: HfHubHTTPError, repository: str) -> PairwrightError:
    status = status_of(error)
    owner = repository.partition("/")[0]
    if status == 401:
        return NotAllowed(
            "The Hub does not accept the token (401): it was revoked, or mistyped. Make one at "
            "https://huggingface.co/settings/tokens and store it anew."
        )
    if status == 403:
        return NotAllowed(
            f"The token may not write to {repository} (403). Give it the right to write to {owner}, or choose another."
        )
    if status in (409, 412):
        return Conflict(stale_words(repository))
    if status in PASSING:
        return Unavailable(f"The Hub is busy ({status}). {NOTHING_IS_PUBLISHED}")
    return Refused(f"The Hub refused ({status}): {_first_line(error)} {NOTHING_IS_PUBLISHED}")


def stale_words(repository: str) -> str:
    return (
        f"Somebody committed to {repository} meanwhile. Nothing of this version was written. Look at what changed "
        "there, rehearse again, then publish on top of it."
    )


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in without_tokens(str(error)).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]
