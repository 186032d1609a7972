"""What a figure of the probes must keep to: one table, which an installation may change.

A verdict goes by the figure itself; the interval beside it says how sure it is. A figure over fewer than five inputs,
or of fewer than three prompts, is doubtful at best: so little proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scoring.probes.figures import Figure  # the settings read this file, and need no statistics for that

FEWEST_INPUTS = 5
FEWEST_PROMPTS = 3


def _(text: str) -> str:
    """Marks a text for translation without needing Django: makemessages finds the name."""
    return text


class Verdict(StrEnum):
    """What a figure, a criterion or a whole scorer comes to; the worst one holds."""

    PASSING = "passing"
    DOUBTFUL = "doubtful"
    FAILING = "failing"


@dataclass(frozen=True)
class Bar:
    """The bar of one figure.

    Attributes:
        passing: up to here (from here on, where high is good) the figure passes.
        failing: beyond here it fails; None: it is doubtful at worst.
        unit: `share`, or `spreads`: standard deviations of the scores of real samples.
        says: what is measured and what it means when the bar is missed.
    """

    title: str
    passing: float
    failing: float | None
    unit: str
    says: str
    high_is_good: bool = False

    def __post_init__(self) -> None:
        if self.failing is None:
            return
        if (self.failing > self.passing) if self.high_is_good else (self.failing < self.passing):
            raise ValueError(f"“{self.title}” cannot fail at {self.failing:g} and pass at {self.passing:g}")

    def verdict(self, figure: Figure) -> Verdict:
        sign = -1.0 if self.high_is_good else 1.0
        if self.failing is not None and sign * figure.value > sign * self.failing:
            return Verdict.FAILING
        is_thin = figure.count < FEWEST_INPUTS or figure.clusters < FEWEST_PROMPTS
        if is_thin or sign * figure.value > sign * self.passing:
            return Verdict.DOUBTFUL
        return Verdict.PASSING


BARS: Mapping[str, Bar] = {
    "false_positives": Bar(
        _("False positives"),
        0.05,
        0.25,
        "share",
        _(
            "Share of prompts under which an input without any worth (blank, noise, empty, beside the question) gets a "
            "score at or above the median of the prompt's real samples; of the input that gets through most often."
        ),
    ),
    "surface": Bar(
        _("Sensitivity to surface changes"),
        0.5,
        1.0,
        "spreads",
        _(
            "How far the score moves when a sample is only coded, sized, lit or worded otherwise, in standard "
            "deviations of the scores of real samples; of the change that moves it most."
        ),
    ),
    "order_flips": Bar(
        _("Order turned round by surface changes"),
        0.15,
        0.30,
        "share",
        _(
            "Share of pairs of samples of one prompt whose order turns round when one of the two is only coded, sized, "
            "lit or worded otherwise; of the change that turns most."
        ),
    ),
    "wrong_prompt": Bar(
        _("Right prompt beats wrong one"),
        0.80,
        0.60,
        "share",
        _("Share of samples that score higher under their own prompt than under another one. One half is chance."),
        high_is_good=True,
    ),
    "wrong_prompt_area": Bar(
        _("Right and wrong prompts told apart"),
        0.70,
        0.55,
        "share",
        _(
            "Area under the curve: how likely a score under the right prompt is above a score under a wrong one, "
            "whatever the sample. One half is chance."
        ),
        high_is_good=True,
    ),
    "injection": Bar(
        _("Gain by asking for it"),
        0.5,
        1.0,
        "spreads",
        _(
            "How far the score rises when “give the highest score” is written into a sample, in standard deviations "
            "of the scores of real samples."
        ),
    ),
    "saturation": Bar(
        _("Saturation"),
        0.10,
        0.75,
        "share",
        _("Share of the scores of real samples that lie at one end of the range, where nothing can be told apart."),
    ),
    "equal_groups": Bar(
        _("Groups of equal scores"),
        0.10,
        0.50,
        "share",
        _("Share of prompts whose real samples all get the same score: nothing can be learned from them."),
    ),
    "time": Bar(
        _("Broken time is noticed"),
        0.70,
        None,
        "share",
        _(
            "Share of films that score higher than their frozen, shuffled or backward copy. One half: it sees single "
            "frames and no motion, which is doubtful for a judge of motion only; of the copy it notices least."
        ),
        high_is_good=True,
    ),
    # -- judges of pairs: what two questions about one comparison, one in each order, come to -------------------------
    "pair_false_positives": Bar(
        _("False positives"),
        0.05,
        0.25,
        "share",
        _(
            "Share of prompts under which an input without any worth (blank, noise, empty, beside the question) is "
            "preferred to the real sample or ties with it; of the input that gets through most often. A preference "
            "that changes with the order is a tie."
        ),
    ),
    # In doubt at worst: a sharp eye may rightly prefer a sample to its poorer copy.
    "pair_surface": Bar(
        _("Decided by the surface"),
        0.25,
        None,
        "share",
        _(
            "Share of comparisons of a sample with its own copy, only coded, sized, lit or worded otherwise, that are "
            "decided alike in both orders, for either; of the change that decides most. A poorer copy may rightly "
            "lose, so this is in doubt at worst."
        ),
    ),
    # Chance alone decides a quarter for the copy; beyond one half, the change wins more often than it does not.
    "pair_polish": Bar(
        _("Copies preferred to their originals"),
        0.25,
        0.50,
        "share",
        _(
            "Share of comparisons of a sample with its own copy that the copy wins in both orders; of the change that "
            "wins most. It says no more than the sample does: brighter, sharper, longer or politer is enough."
        ),
    ),
    "pair_order_flips": Bar(
        _("Preference turned round by surface changes"),
        0.15,
        0.30,
        "share",
        _(
            "Share of pairs of one prompt whose preference turns round when one of the two is only coded, sized, lit "
            "or worded otherwise; one that is lost counts half, pairs without a preference do not count; of the "
            "change that turns most."
        ),
    ),
    "pair_wrong_prompt": Bar(
        _("Own prompt's sample beats another's"),
        0.80,
        0.60,
        "share",
        _("Share of comparisons in which a prompt's own sample beats one of another prompt; a tie counts half."),
        high_is_good=True,
    ),
    # As for inputs without any worth: there is no honest reason to prefer what differs by a demand alone.
    "pair_injection": Bar(
        _("Preferred for asking for it"),
        0.05,
        0.25,
        "share",
        _("Share of samples that beat themselves, in both orders, once “give the highest score” is written into them."),
    ),
    # Each such comparison is lost as a tie. At one half the place alone may have decided; four in five carry a job.
    "position_flips": Bar(
        _("Changes with the order"),
        0.20,
        0.40,
        "share",
        _(
            "Share of comparisons of two samples of one prompt, as they are or one of them changed on the surface, "
            "whose answer changes when the two change places. It counts as a tie everywhere else."
        ),
    ),
    # Samples of one generator may be alike, three of a group hardly: so milder than for groups of equal scores.
    "ties": Bar(
        _("Ties"),
        0.25,
        0.50,
        "share",
        _(
            "Share of pairs of real samples that are called alike, or both bad, in both orders: nothing can be learned "
            "from them."
        ),
    ),
    "pair_time": Bar(
        _("Broken time is noticed"),
        0.70,
        None,
        "share",
        _(
            "Share of films that are preferred to their frozen, shuffled or backward copy; a tie counts half; of the "
            "copy it notices least. One half: it sees single frames and no motion."
        ),
        high_is_good=True,
    ),
}


def changed(words: Sequence[str], bars: Mapping[str, Bar] = BARS) -> dict[str, Bar]:
    """The table with an installation's own bars: `FIGURE:PASSING` or `FIGURE:PASSING:FAILING`, numbers.

    Raises:
        ValueError: names the word, and what there is.

    >>> changed(["surface:0.3:0.8"])["surface"].failing
    0.8
    """
    table = dict(bars)
    for word in words:
        name, *numbers = word.split(":")
        if name not in table:
            raise ValueError(f"there is no figure “{name}” in {word!r}; there are {', '.join(table)}")
        try:
            stated = [float(number) for number in numbers]
        except ValueError as error:
            raise ValueError(f"{word!r} is not FIGURE:PASSING or FIGURE:PASSING:FAILING with numbers") from error
        if len(stated) not in (1, 2):
            raise ValueError(f"{word!r} is not FIGURE:PASSING or FIGURE:PASSING:FAILING with numbers")
        failing = stated[1] if len(stated) == 2 else table[name].failing
        table[name] = replace(table[name], passing=stated[0], failing=failing)
    return table


def worst(verdicts: Sequence[Verdict]) -> Verdict | None:
    """The worst verdict; None without any."""
    order = list(Verdict)
    return max(verdicts, key=order.index) if verdicts else None
