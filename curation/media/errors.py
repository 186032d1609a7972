"""Why a file was not taken."""

from curation.errors import Refused


class MediaRefused(Refused, ValueError):
    """One file cannot be taken: which, why, and what would help. The import notes it and goes on.

    The three parts are the exception's arguments, so that it survives the way back from a worker process.
    """

    def __init__(self, name: str, reason: str, remedy: str) -> None:
        super().__init__(name, reason, remedy)
        self.name = name
        self.reason = reason
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}. {self.remedy}."


class Damaged(ValueError):
    """Bytes that break the rules of their own format; turned into `MediaRefused` where the name is known."""
