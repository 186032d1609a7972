"""The kinds of steps a transform is made of: their options, what each computes, and what scale comes out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from curation.rewards import numbers
from curation.rewards.numbers import Bools, Floats, Ints
from curation.rewards.scale import Scale, zero_to_one

Option = bool | float | str | tuple[float, ...]
Options = Mapping[str, Option]


@dataclass(frozen=True)
class Column:
    """A column of values with what some steps ask beside them; every array of shape (n,).

    Attributes:
        values: float64, NaN where nothing was said.
        prompts: int64, the prompt of each value.
        is_reference: whether the sample is a real or reference one.
        contrasts: the same sample's value under another prompt, NaN where there is none; None when nobody read it.
    """

    values: Floats
    prompts: Ints
    is_reference: Bools
    contrasts: Floats | None = None


@dataclass(frozen=True)
class OptionRule:
    """One option of a step.

    Attributes:
        form: `number`, `numbers` (a rising list), `yes_no` or one of the words in `words`.
        default: None when it has to be given, unless `optional`.
        above: a number must be greater than this.
    """

    form: str = "number"
    default: Option | None = None
    optional: bool = False
    above: float | None = None
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kind:
    """What one kind of step does.

    Attributes:
        says: one sentence for the page and the schema.
        compute: the column and the options to new values of shape (n,).
        rescale: the scale before and the options to the scale after.
        options: by name.
        contradiction: a sentence when options that are each right are wrong together, else empty.
        looks_at_prompt: the result for a sample depends on the other samples of its prompt.
    """

    says: str
    compute: Callable[[Column, Options], Floats]
    rescale: Callable[[Scale, Options], Scale]
    options: Mapping[str, OptionRule] = field(default_factory=dict)
    contradiction: Callable[[Options], str] = lambda options: ""
    looks_at_prompt: bool = False


def number(options: Options, name: str) -> float:
    value = options[name]
    assert isinstance(value, int | float)  # kept by the reader
    return float(value)


def _number_or_none(options: Options, name: str) -> float | None:
    return number(options, name) if name in options else None


# -- against the other samples of the prompt --------------------------------------------------------------------------


def _unit_less(words: str) -> Callable[[Scale, Options], Scale]:
    return lambda scale, options: Scale(words, unit=words, higher_is_better=scale.higher_is_better)


def _difference(words: str) -> Callable[[Scale, Options], Scale]:
    def rescale(scale: Scale, options: Options) -> Scale:
        return replace(scale, label=f"{scale.label} less {words}", low=None, high=None)

    return rescale


def _zscore(column: Column, options: Options) -> Floats:
    if "deviation" in options:
        return numbers.zscore(column.values, mean=number(options, "mean"), deviation=number(options, "deviation"))
    return numbers.zscore_in_prompt(column.values, column.prompts)


def _zscore_contradiction(options: Options) -> str:
    if ("mean" in options) != ("deviation" in options):
        return "A z-score against stated numbers names both `mean` and `deviation`."
    return ""


def _contrast(column: Column, options: Options) -> Floats:
    if column.contrasts is None:
        return np.full(len(column.values), np.nan)
    return numbers.minus_contrast(column.values, column.contrasts)


# -- against stated numbers -------------------------------------------------------------------------------------------


def _bounded(column: Column, options: Options) -> Floats:
    return numbers.bounded(
        column.values, low=number(options, "low"), high=number(options, "high"), clip=bool(options["clip"])
    )


def _bounded_scale(scale: Scale, options: Options) -> Scale:
    is_turned = number(options, "low") > number(options, "high")
    made = zero_to_one(scale.label) if options["clip"] else Scale(f"bounded {scale.label}", unit="shares of a range")
    return replace(made, higher_is_better=scale.higher_is_better != is_turned)


def _linear_scale(scale: Scale, options: Options) -> Scale:
    times, plus = number(options, "times"), number(options, "plus")
    ends = [None if end is None else times * end + plus for end in (scale.low, scale.high)]
    low, high = ends if times > 0 else ends[::-1]
    unit = f"{times:g} × {scale.unit}" if scale.unit else ""
    label = f"{times:g} × {scale.label} + {plus:g}"
    return Scale(label, unit, low, high, scale.higher_is_better == (times > 0))


def _log_scale(scale: Scale, options: Options) -> Scale:
    unit = f"logarithm of {scale.unit}" if scale.unit else ""
    return Scale(f"logarithm of {scale.label}", unit, higher_is_better=scale.higher_is_better)


def _clip_scale(scale: Scale, options: Options) -> Scale:
    low, high = _number_or_none(options, "low"), _number_or_none(options, "high")
    return replace(scale, low=scale.low if low is None else low, high=scale.high if high is None else high)


def _passed_scale(scale: Scale, options: Options) -> Scale:
    """A bar says what is good: below a bar of `at_most` is 1, so from then on higher is better."""
    return replace(zero_to_one(scale.label), higher_is_better=scale.higher_is_better == ("at_least" in options))


def _tiers_scale(scale: Scale, options: Options) -> Scale:
    cuts = options["cuts"]
    assert isinstance(cuts, tuple)
    return Scale(scale.label, "tiers", 0.0, float(len(cuts)), scale.higher_is_better)


def _bar_contradiction(options: Options) -> str:
    return "" if ("at_least" in options) != ("at_most" in options) else "A threshold has one bar: at_least or at_most."


def _clip_contradiction(options: Options) -> str:
    low, high = _number_or_none(options, "low"), _number_or_none(options, "high")
    if low is None and high is None:
        return "clip names neither `low` nor `high`, so it would change nothing."
    return "low is above high." if low is not None and high is not None and low > high else ""


_BOUND = OptionRule(optional=True)

KINDS: Mapping[str, Kind] = {
    "centre": Kind(
        "minus the mean of the prompt's samples",
        lambda column, options: numbers.centre(column.values, column.prompts),
        _difference("the mean of its prompt"),
        looks_at_prompt=True,
    ),
    "zscore": Kind(
        "standard deviations from the mean, of the prompt or of a stated reference set",
        _zscore,
        _unit_less("standard deviations"),
        {
            "over": OptionRule("word", default="prompt", words=("prompt", "all", "anchors")),
            "mean": _BOUND,
            "deviation": OptionRule(optional=True, above=0.0),
        },
        _zscore_contradiction,
    ),
    "rank": Kind(
        "place among the prompt's samples, 1 for the lowest value",
        lambda column, options: numbers.rank_in_prompt(column.values, column.prompts),
        _unit_less("rank in the prompt"),
        looks_at_prompt=True,
    ),
    "percentile": Kind(
        "share of the prompt's samples below, between 0 and 1",
        lambda column, options: numbers.percentile_in_prompt(column.values, column.prompts),
        lambda scale, options: replace(zero_to_one(scale.label), higher_is_better=scale.higher_is_better),
        looks_at_prompt=True,
    ),
    "contrast": Kind(
        "minus the same sample's value under another prompt",
        _contrast,
        _difference("its value under another prompt"),
        {"take": OptionRule("word", default="mean", words=("mean", "highest"))},
    ),
    "reference": Kind(
        "minus the mean of the prompt's real and reference samples",
        lambda column, options: numbers.minus_reference(column.values, column.prompts, column.is_reference),
        _difference("the reference of its prompt"),
        looks_at_prompt=True,
    ),
    "bounded": Kind(
        "0 at `low`, 1 at `high`, straight between them; low above high turns the direction round",
        _bounded,
        _bounded_scale,
        {"low": OptionRule(), "high": OptionRule(), "clip": OptionRule("yes_no", default=True)},
        lambda options: "low and high are the same number." if options["low"] == options["high"] else "",
    ),
    "logistic": Kind(
        "between 0 and 1 along a logistic curve, ½ at `middle`",
        lambda column, options: numbers.logistic(
            column.values, middle=number(options, "middle"), width=number(options, "width")
        ),
        lambda scale, options: replace(zero_to_one(scale.label), higher_is_better=scale.higher_is_better),
        {"middle": OptionRule(), "width": OptionRule(above=0.0)},
    ),
    "log": Kind(
        "sign(x) · ln(1 + |x| / scale)",
        lambda column, options: numbers.signed_log(column.values, scale=number(options, "scale")),
        _log_scale,
        {"scale": OptionRule(default=1.0, above=0.0)},
    ),
    "linear": Kind(
        "times · x + plus; a negative factor turns the direction round",
        lambda column, options: numbers.linear(
            column.values, times=number(options, "times"), plus=number(options, "plus")
        ),
        _linear_scale,
        {"times": OptionRule(default=1.0), "plus": OptionRule(default=0.0)},
        lambda options: "times is 0, so every sample would get the same number." if options["times"] == 0 else "",
    ),
    "clip": Kind(
        "what lies beyond a bound becomes the bound",
        lambda column, options: numbers.clipped(
            column.values, low=_number_or_none(options, "low"), high=_number_or_none(options, "high")
        ),
        _clip_scale,
        {"low": _BOUND, "high": _BOUND},
        _clip_contradiction,
    ),
    "threshold": Kind(
        "1 where the bar is passed, else 0",
        lambda column, options: numbers.passed(
            column.values, at_least=_number_or_none(options, "at_least"), at_most=_number_or_none(options, "at_most")
        ),
        _passed_scale,
        {"at_least": _BOUND, "at_most": _BOUND},
        _bar_contradiction,
    ),
    "tiers": Kind(
        "how many of the rising cut points are reached",
        lambda column, options: numbers.tiers(column.values, cuts=np.array(options["cuts"], dtype=np.float64)),
        _tiers_scale,
        {"cuts": OptionRule("numbers")},
    ),
}
