"""A fingerprint in 64 bytes: enough to dismiss two pictures that differ, and how bright the picture is."""

from __future__ import annotations

import numpy as np

from curation.media.fingerprint import SIDE, VERSION

COARSE_SIDE = 8
_CELLS = SIDE // COARSE_SIDE


def brightness_and_coarse(fingerprint: bytes) -> tuple[float, bytes] | None:
    """The mean grey level and the 8 x 8 means of each view.

    Args:
        fingerprint: as `curation.media.fingerprint` makes it: a version byte, then 64 x 64 bytes a view.

    Returns:
        Brightness, 0 (black) to 1 (white), the mean over all views; and 64 bytes a view. None for an empty fingerprint
        or one of another version, of which nothing is known.
    """
    if not fingerprint or fingerprint[0] != VERSION:
        return None
    views = np.frombuffer(fingerprint, np.uint8, offset=1).reshape(-1, COARSE_SIDE, _CELLS, COARSE_SIDE, _CELLS)
    means = views.mean((2, 4))
    return float(means.mean() / 255), np.rint(means).astype(np.uint8).tobytes()
