"""What the mathematics of consensus refuses."""

from curation.errors import PairwrightError, Refused


class NotConverged(PairwrightError):
    """An iteration did not come to rest: its numbers must not be used."""


class TooFewVotes(Refused):
    """Less evidence than the method needs to say anything."""
