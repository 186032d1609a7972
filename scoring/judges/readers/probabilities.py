"""Readers of probabilities: yes or no, one of two samples, the expected value of a digit."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from scoring.judges.base import Malformed, Mode, Preference, Reply, Template, Verdict
from scoring.judges.readers.base import (
    LABELS,
    Option,
    Reader,
    flag_option,
    labels,
    noun,
    number_option,
    spoken,
    text_option,
    texts_option,
)
from scoring.judges.readers.outcomes import LEFT, RIGHT, TIE
from scoring.judges.readers.points import scale
from scoring.judges.readers.tokens import COVERAGE, Place, first_place, mass, place_after, require_coverage
from scoring.scorers.base import Json, Result

SHARE, FIRST_TOKEN = "share", "first-token"
EXPECTATION, SOFT_MAXIMUM = "expectation", "soft-maximum"
YES, NO = ("yes",), ("no",)


# -- yes or no --------------------------------------------------------------------------------------------------------


def yes_share(place: Place, yes: tuple[str, ...], no: tuple[str, ...], least: float) -> tuple[float, float, float]:
    """Probability of yes among yes and no, and the two masses it comes from; `Malformed` below the coverage."""
    for_yes, for_no = mass(place, yes), mass(place, no)
    require_coverage(for_yes + for_no, least, "“yes” and “no”")
    return for_yes / (for_yes + for_no), for_yes, for_no


def read_yes(template: Template, reply: Reply, n: int) -> Verdict:
    """Probability of “yes” at the first token, on the criterion's scale.

    Rule `share`: p = P(yes) / (P(yes) + P(no)); rule `first-token`: p = P(yes). Value: low + p · (high − low). Spread:
    the standard deviation of the answer itself, √(p (1 − p)) on the same scale.

    Raises:
        Malformed: no log-probabilities, or yes and no together hold less than `coverage`.
    """
    place = first_place(reply)
    yes, no = (tuple(texts_option(template, name, words)) for name, words in (("yes", YES), ("no", NO)))
    share, for_yes, for_no = yes_share(place, yes, no, number_option(template, "coverage", 0.5))
    chance = share if text_option(template, "rule", SHARE) == SHARE else min(for_yes, 1.0)
    criterion = template.criteria[0]
    low, high = scale(criterion)
    spread = math.sqrt(chance * (1 - chance)) * (high - low)
    chances: dict[str, Json] = {"yes": for_yes, "no": for_no}
    return Verdict(
        scores={criterion.key: Result(low + chance * (high - low), spread)},
        detail={"distribution": {criterion.key: chances}},
    )


def form_yes(template: Template, n: int) -> str:
    return "Answer with one word, yes or no."


YES_PROBABILITY = Reader(
    "yes-probability",
    "the probability of “yes” at the first token",
    read_yes,
    form_yes,
    frozenset({Mode.POINTS}),
    {
        "yes": Option("texts", YES, "Tokens that mean yes; case and space aside."),
        "no": Option("texts", NO, "Tokens that mean no."),
        "rule": Option("text", SHARE, "share: yes / (yes + no); first-token: yes alone."),
        "coverage": COVERAGE,
    },
    from_tokens=True,
)


# -- one of two -------------------------------------------------------------------------------------------------------


def read_choice(template: Template, reply: Reply, n: int) -> Verdict:
    """Probability that the first sample is named at the first token: P(1) / (P(1) + P(2)).

    A probability within `tie_within` of one half is a tie.

    Raises:
        Malformed: no log-probabilities, or the two names together hold less than `coverage`.
    """
    place = first_place(reply)
    left, right = mass(place, ["1"]), mass(place, ["2"])
    require_coverage(left + right, number_option(template, "coverage", 0.5), "“1” and “2”")
    chance = left / (left + right)
    is_tie = abs(chance - 0.5) <= number_option(template, "tie_within", 0.0)
    outcome = TIE if is_tie else LEFT if chance > 0.5 else RIGHT
    key = template.criteria[0].key
    return Verdict(
        preferences={key: Preference(outcome, probability=chance)},
        detail={"distribution": {key: {"1": left, "2": right}}},
    )


def form_choice(template: Template, n: int) -> str:
    return f"Answer with one digit and nothing else: 1 if {noun(template)} 1 is better, 2 if {noun(template)} 2 is."


PAIR_PROBABILITY = Reader(
    "pair-probability",
    "the probabilities of “1” and “2” at the first token",
    read_choice,
    form_choice,
    frozenset({Mode.PAIR, Mode.LISTENER}),
    {
        "noun": Option("text", "", "What a sample is called."),
        "tie_within": Option("number", 0.0, "How near to one half counts as a tie."),
        "coverage": COVERAGE,
    },
    from_tokens=True,
)


# -- a digit ----------------------------------------------------------------------------------------------------------


def read_digits(template: Template, reply: Reply, n: int) -> Verdict:
    """Expected value of the digit answered, for each criterion at its label (the first token where there is none).

    With q the probabilities of the scale's digits, renormalised to 1: value = Σ k · q_k, spread = √(Σ k² q_k −
    value²). Rule `soft-maximum` (VideoScore2): value = k* · q_k* for the likeliest digit k*; the spread is the same.
    With `at_temperature`, q is what was drawn from, q_k^(1/T) renormalised for the decoding's temperature T > 0.
    `detail["said"]` has the words that stand there.

    Raises:
        Malformed: no log-probabilities, a number of several tokens, or the digits hold less than `coverage`.
    """
    scores: dict[str, Result] = {}
    distribution: dict[str, Json] = {}
    said: dict[str, Json] = {}
    alone = len(template.criteria) == 1
    for criterion in template.criteria:
        label = labels(template, text_option(template, "after"))[criterion.key]
        place = first_place(reply) if alone and not label else place_after(reply, label)
        _refuse_long_number(reply, place)
        chances = _digits(template, place)
        scores[criterion.key] = _result(template, chances)
        distribution[criterion.key] = {str(digit): chance for digit, chance in chances.items()}
        said[criterion.key] = place.token.text.strip()
    detail: dict[str, Json] = {"distribution": distribution, "said": said}
    return Verdict(scores=scores, reasoning=_reasoning(template, reply), detail=detail)


def _reasoning(template: Template, reply: Reply) -> str:
    """What was said before the first number, where something was asked to be said."""
    if len(template.criteria) == 1 and not labels(template, text_option(template, "after"))[template.criteria[0].key]:
        return ""
    first = labels(template, text_option(template, "after"))[template.criteria[0].key]
    said = spoken(reply).said
    match = re.search(rf"{re.escape(first)}\s*(?:\([^)]*\))?\s*:", said, re.IGNORECASE)
    return said[: match.start()].strip() if match else said


def _refuse_long_number(reply: Reply, place: Place) -> None:
    after = "".join(token.text for token in reply.tokens[place.position + 1 :])
    if re.match(r"[0-9]|\.[0-9]", after):
        raise Malformed("the number spans several tokens; take a scale of single digits")


def _digits(template: Template, place: Place) -> dict[int, float]:
    """Probabilities of the scale's whole numbers, renormalised to 1."""
    low, high = int(number_option(template, "lowest", 1)), int(number_option(template, "highest", 5))
    raw = {digit: mass(place, [str(digit)]) for digit in range(low, high + 1)}
    covered = sum(raw.values())
    require_coverage(covered, number_option(template, "coverage", 0.5), f"the numbers {low} to {high}")
    return _drawn_from(template, {digit: chance / covered for digit, chance in raw.items()})


def _drawn_from(template: Template, chances: Mapping[int, float]) -> dict[int, float]:
    """The probabilities as they are, or after the temperature of the decoding, renormalised to 1."""
    temperature = template.decoding.temperature
    if not flag_option(template, "at_temperature", False) or temperature == 0:
        return dict(chances)
    # Relative to the likeliest, so that no small temperature turns all of them into nothing.
    highest = max(chances.values())
    raised = {digit: (chance / highest) ** (1 / temperature) for digit, chance in chances.items()}
    return {digit: value / sum(raised.values()) for digit, value in raised.items()}


def _result(template: Template, chances: Mapping[int, float]) -> Result:
    mean = sum(digit * chance for digit, chance in chances.items())
    mean = min(max(mean, min(chances)), max(chances))  # rounding must not carry it over the scale
    variance = sum(chance * (digit - mean) ** 2 for digit, chance in chances.items())
    if text_option(template, "rule", EXPECTATION) == SOFT_MAXIMUM:
        likeliest = max(chances, key=lambda digit: chances[digit])
        return Result(likeliest * chances[likeliest], math.sqrt(variance))
    return Result(mean, math.sqrt(variance))


def form_digits(template: Template, n: int) -> str:
    low, high = int(number_option(template, "lowest", 1)), int(number_option(template, "highest", 5))
    named = labels(template, text_option(template, "after"))
    if list(named.values()) == [""]:
        return f"Answer with one digit from {low} to {high} and nothing else."
    lines = "\n".join(f"{label}: <digit>" for label in named.values())
    return f"End with these lines, exactly in this form, each with one digit from {low} to {high}:\n{lines}"


EXPECTED_DIGIT = Reader(
    "expected-digit",
    "the expected value of a digit, from the probabilities of all digits of the scale",
    read_digits,
    form_digits,
    frozenset({Mode.POINTS}),
    {
        "labels": LABELS,
        "after": Option("text", "", "The words before the digit where there is one criterion; empty: the first token."),
        "lowest": Option("number", 1, "Lowest digit of the scale."),
        "highest": Option("number", 5, "Highest digit of the scale."),
        "rule": Option(
            "text", EXPECTATION, "expectation: sum of digit times probability; soft-maximum: VideoScore2's."
        ),
        "at_temperature": Option("flag", False, "Whether probabilities are those after the decoding's temperature."),
        "coverage": COVERAGE,
    },
    from_tokens=True,
)
