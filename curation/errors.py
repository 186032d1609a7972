"""The errors a page or a command may show. Anything else is a defect and is logged, not shown."""


class PairwrightError(Exception):
    """A mistake we can explain: the message names the thing, the value and the remedy."""


class NotAllowed(PairwrightError):
    """The person is known but lacks the right."""


class Refused(PairwrightError):
    """The request contradicts the data or a rule of the domain."""


class Conflict(PairwrightError):
    """Somebody else changed the thing first; reload and try again."""


class Unavailable(PairwrightError):
    """Something outside is missing (storage, weights, a worker); the message says how to mend it."""
