"""Which module hears which source."""

from collections.abc import Callable, Mapping

import polars as pl

from curation.recipes.model import Signal
from curation.recipes.signals import consensus, facts, rewards, scores, votes
from curation.recipes.signals.heard import Heard
from curation.recipes.steps.evidence import Read

SOURCES: Mapping[str, Callable[[Signal, Read, pl.DataFrame], Heard]] = {
    "scores": scores.hear,
    "votes": votes.hear,
    "reward": rewards.hear,
    "consensus": consensus.hear,
    "fact": facts.hear,
}
# Those whose values come with a standard deviation: sample_id, spread.
SPREADS: Mapping[str, Callable[[Signal, Read, pl.DataFrame], pl.DataFrame]] = {
    "scores": scores.hear_spread,
    "consensus": consensus.hear_spread,
}


def hear(signal: Signal, read: Read, samples: pl.DataFrame) -> Heard:
    """What the signal says of these samples (sample_id, prompt_id), each under its own prompt.

    Raises:
        Refused: several raters on different scales, or revisions of one, answer where one was meant.
    """
    return SOURCES[signal.source](signal, read, samples)


def hear_spread(signal: Signal, read: Read, samples: pl.DataFrame) -> pl.DataFrame:
    """How uncertain the signal is of each of these samples: sample_id, spread; those it does not know are left out."""
    return SPREADS[signal.source](signal, read, samples)
