"""What chance decides for a person: order, whether the next item is gold or a repeat, whether a draft is shown.

Plain code. Every draw is a keyed hash of who and what, so it can be told again from the seed of the batch, and it
depends on nothing that an answer could be guessed from: neither generator, nor score, nor the order of import.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Literal

Turn = Literal["label", "gold", "repeat"]

# A repeat comes when the first answer is no longer remembered.
LEAST_BETWEEN = 10


def share(seed: int, *what: object) -> float:
    """A number in [0, 1) that only the seed and what it is drawn for decide."""
    message = "/".join(str(part) for part in what).encode()
    digest = hmac.new(str(seed).encode(), message, hashlib.sha256).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def order(seed: int, item: int, rater: int, samples: Sequence[int]) -> list[int]:
    """The samples in the order this person sees them: every order is equally likely."""
    return sorted(samples, key=lambda sample: share(seed, "order", item, rater, sample))


def mirrored(shown: Sequence[int]) -> list[int]:
    """The order of a hidden repeat: what was left is right, what was first is last."""
    return list(reversed(shown))


def turn(seed: int, rater: int, number: int, *, gold_share: float, repeat_share: float) -> Turn:
    """Whether the person's item with this number is to be gold, a repeat, or one of the queue."""
    drawn = share(seed, "turn", rater, number)
    if drawn < gold_share:
        return "gold"
    return "repeat" if drawn < gold_share + repeat_share else "label"


def is_blind(seed: int, item: int, rater: int, control_share: float) -> bool:
    """Whether this person is asked without seeing the draft."""
    return share(seed, "control", item, rater) < control_share
