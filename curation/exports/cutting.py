"""Where a shard or a row group ends: at a row whose own name and weight say so, not after a count.

A border that depends on the rows before it moves with every row that is added or removed, and all shards behind it are
new files. A border that depends on one row alone stays where it was.
"""

from __future__ import annotations

import hashlib

_RANGE = 1 << 64


class Cutter:
    """Decides before each row whether a new piece begins with it.

    Args:
        usual: bytes of a piece on average; a piece is cut at twice this in any case.
    """

    def __init__(self, usual: int) -> None:
        self._usual = usual
        self._held = 0

    def cuts_before(self, name: str, size: int) -> bool:
        """Takes the row. Its chance to begin a piece is its share of the usual size, drawn from its name."""
        drawn = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
        cuts = bool(self._held) and (self._held + size > 2 * self._usual or drawn * self._usual < size * _RANGE)
        self._held = size if cuts else self._held + size
        return cuts
