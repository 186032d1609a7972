"""Why a call, or one item of it, gets no answer."""

from __future__ import annotations


class CallRefused(Exception):
    """A whole call cannot be answered.

    Args:
        status: of HTTP.
        words: what is wrong and what would help, for whoever wrote the client.
        retry_after: seconds after which the same call may succeed; 0 where it never will.
    """

    def __init__(self, status: int, words: str, *, retry_after: int = 0) -> None:
        super().__init__(words)
        self.status = status
        self.retry_after = retry_after


class ItemRefused(Exception):
    """One item cannot be scored as it was sent; its neighbours can.

    Args:
        status: what the call would be answered with if this were all of it.
    """

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status
