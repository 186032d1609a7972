"""How often a rule that pauses people below a bar pauses somebody who deserves better. Plain code."""

from __future__ import annotations

import numpy as np

# A window of n answers has 2ⁿ states; beyond this the number is not worth its time.
WIDEST = 12


def pause_probability(*, accuracy: float, bar: float, window: int, answers: int) -> float | None:
    """The chance that a person is paused somewhere within a number of known answers.

    The rule looks after each known answer at the last `window` of them, once there are as many, and pauses below the
    bar. Looking again and again, it catches unlucky people too; this says how many.

    Args:
        accuracy: the person's true share of right answers, 0 to 1.
        bar: paused when the share of right ones in the window is below this, 0 to 1.
        window: known answers looked at, at least 1.
        answers: known answers in all, at least 0.

    Returns:
        Exact, from the Markov chain whose states are the last `window` answers; None for windows above 12.

    >>> round(pause_probability(accuracy=0.5, bar=0.5, window=2, answers=2), 3)
    0.25
    """
    if window > WIDEST:
        return None
    states = np.arange(2**window)
    rights = np.array([int(state).bit_count() for state in states])
    is_low = rights < bar * window - 1e-9
    chance = np.zeros(2**window)
    chance[0] = 1.0
    paused = 0.0
    for number in range(1, answers + 1):
        moved = np.zeros_like(chance)
        np.add.at(moved, (states << 1) % 2**window, chance * (1 - accuracy))
        np.add.at(moved, ((states << 1) | 1) % 2**window, chance * accuracy)
        if number >= window:
            paused += float(moved[is_low].sum())
            moved[is_low] = 0.0
        chance = moved
    return paused
