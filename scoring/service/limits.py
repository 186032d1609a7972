"""How much one call, one token and all of them may ask for."""

from __future__ import annotations

from dataclasses import dataclass, field

from curation.media.limits import Limits as MediaLimits

MEBI = 2**20


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds on what clients send, all inclusive.

    Attributes:
        items: samples a call.
        files: pictures and videos of a call, counted at each sample: its own and those of its prompt's roles.
        body_bytes: bytes of a call's body. Bodies in hand are in memory, several times over while they are read.
        media: bytes, pixels and seconds of one picture or video, as imports have them.
        queued: samples of all calls together that wait or are being scored; beyond it a call is sent away.
        calls: calls at once, of all tokens.
        calls_a_token: calls at once, of one token.
        wait_seconds: how long a batch that is not full waits for others to join.
        deadline_seconds: how long a call may take from when its body is read.
        body_seconds: how long a client may take to send its body.
    """

    items: int = 256
    files: int = 1024
    body_bytes: int = 128 * MEBI
    media: MediaLimits = field(default_factory=MediaLimits)
    queued: int = 2048
    calls: int = 32
    calls_a_token: int = 16
    wait_seconds: float = 0.005
    deadline_seconds: float = 120.0
    body_seconds: float = 30.0

    def __post_init__(self) -> None:
        counts = (self.items, self.files, self.body_bytes, self.queued, self.calls, self.calls_a_token)
        if min(counts) < 1 or self.wait_seconds < 0 or min(self.deadline_seconds, self.body_seconds) <= 0:
            raise ValueError(f"limits are at least 1, waits above 0 seconds, not {self}")
        if self.items > self.queued:
            raise ValueError(f"a call may have {self.items} samples, but only {self.queued} may wait at all")
