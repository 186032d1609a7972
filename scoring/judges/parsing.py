"""From a reply to a verdict, strictly: the form the template asked for, or `Malformed` with a sentence.

A reply that is cut off, says two things, leaves something out or uses another scale is a counted failure. Nothing is
repaired or clipped, nothing wins because it stands first, and nothing but the model's own reply is ever read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from scoring.judges.base import Malformed, Mode, Reply, Template, Verdict
from scoring.judges.readers.base import Reader
from scoring.judges.readers.checklists import YES_NO_LINES
from scoring.judges.readers.flex import FLEX_JSON
from scoring.judges.readers.lists import ORDER_LINES
from scoring.judges.readers.pairs import BETTER_SENTENCE, PAIR_SCORES, THINK_ANSWER, VERDICT_LINES
from scoring.judges.readers.points import FINAL_SCORE, JSON_PARTS, SCORE_LINES
from scoring.judges.readers.probabilities import EXPECTED_DIGIT, PAIR_PROBABILITY, YES_PROBABILITY

READERS: Mapping[str, Reader] = {
    reader.name: reader
    for reader in (
        FINAL_SCORE,
        SCORE_LINES,
        JSON_PARTS,
        EXPECTED_DIGIT,
        YES_PROBABILITY,
        VERDICT_LINES,
        BETTER_SENTENCE,
        THINK_ANSWER,
        PAIR_SCORES,
        FLEX_JSON,
        PAIR_PROBABILITY,
        ORDER_LINES,
        YES_NO_LINES,
    )
}


def parse(template: Template, reply: Reply, n: int) -> Verdict:
    """What a reply says, read by the template's reader.

    Args:
        template: as it was asked; a checklist with its items in it (`questions.bound`).
        reply: whole; its log-probabilities too where the reader needs them.
        n: how many samples were asked about; for a listener, how many its reasoning is about.

    Returns:
        A verdict with an answer for every criterion of the template.

    Raises:
        Malformed: the reply is not in the form that was asked for.
        ValueError: the template itself cannot be read by its reader (`checking.check` would have said so).
    """
    if template.reader not in READERS:
        raise ValueError(f"there is no reader {template.reader}; there are {', '.join(READERS)}")
    reader = READERS[template.reader]
    if template.mode not in reader.modes:
        raise ValueError(f"the reader {reader.name} does not read answers of the mode {template.mode}")
    verdict = reader(template, reply, n)
    _check(template, verdict)
    return verdict


def _check(template: Template, verdict: Verdict) -> None:
    """A last look that does not rely on any reader: all criteria, finite numbers, within the stated scales."""
    answered = {Mode.POINTS: verdict.scores, Mode.CHECKLIST: verdict.scores, Mode.LIST: verdict.ranks}
    found = answered.get(template.mode, verdict.preferences)
    for criterion in template.criteria:
        if criterion.key not in found:
            raise Malformed(f"the answer says nothing about {criterion.title}")
        result = verdict.scores.get(criterion.key)
        if result is None or criterion.low is None or criterion.high is None:
            continue
        if not math.isfinite(result.value) or not criterion.low <= result.value <= criterion.high:
            raise Malformed(f"{criterion.title} is {result.value:g}, outside {criterion.low:g} to {criterion.high:g}")
