"""Readers of pairs: which of two samples is better, in labelled lines, in a sentence, or inside `<answer>`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from scoring.judges.base import Malformed, Mode, Preference, Reply, Template, Verdict
from scoring.judges.readers.base import (
    LABELS,
    NOUN,
    Option,
    Reader,
    exact_number,
    flag_option,
    labelled,
    labels,
    noun,
    number_option,
    plain_lines,
    reasoning,
    shortened,
    spoken,
    without,
)
from scoring.judges.readers.outcomes import LEFT, RIGHT, TIE, allowed, label_outcome, only_one, sentence_outcome

TIES = Option("flag", True, "Whether a tie is among the answers to choose from.")
BOTH_BAD = Option("flag", False, "Whether “both bad” is among the answers to choose from.")
_PAIRS = frozenset({Mode.PAIR, Mode.LISTENER})
_STRENGTH = re.compile(r"(?P<outcome>[^,]+),\s*(?:by|strength)?\s*(?P<strength>[0-9]+)\s*\.?", re.IGNORECASE)


# -- a labelled line for each criterion -------------------------------------------------------------------------------


def read_verdicts(template: Template, reply: Reply, n: int) -> Verdict:
    """A line `Verdict: Image 1` (or `Tie`, or `Both bad`) for each criterion, with its strength where one is asked.

    Raises:
        Malformed: a criterion without a line, a line that names no outcome, or two lines that contradict each other.
    """
    answer = spoken(reply)
    preferences: dict[str, Preference] = {}
    taken: list[int] = []
    for criterion in template.criteria:
        label = labels(template, "Verdict")[criterion.key]
        found = labelled(answer.said, label)
        if not found:
            raise Malformed(f"there is no line “{label}: …” in the answer")
        read = [_preference(template, rest) for _number, rest in found]
        only_one([preference.outcome for preference in read], f"“{label}”")
        preferences[criterion.key] = read[-1]
        taken += [number for number, _rest in found]
    return Verdict(preferences=preferences, reasoning=reasoning(answer.thought, without(answer.said, taken)))


def _preference(template: Template, rest: str) -> Preference:
    steps = int(number_option(template, "strengths", 0))
    match = _STRENGTH.fullmatch(rest) if steps else None
    outcome = label_outcome(
        match["outcome"] if match else rest,
        noun(template),
        ties=flag_option(template, "ties", True),
        both_bad=flag_option(template, "both_bad", False),
    )
    if not steps or outcome not in (LEFT, RIGHT):
        return Preference(outcome)
    if match is None or not 1 <= int(match["strength"]) <= steps:
        raise Malformed(f"“{shortened(rest)}” does not say by how much, from 1 to {steps}")
    return Preference(outcome, float(match["strength"]))


def form_verdicts(template: Template, n: int) -> str:
    name, steps = noun(template), int(number_option(template, "strengths", 0))
    by = f", <1 to {steps}>" if steps else ""
    choices = [f"{name} 1{by}", f"{name} 2{by}"]
    choices += ["Tie"] if flag_option(template, "ties", True) else []
    choices += ["Both bad"] if flag_option(template, "both_bad", False) else []
    lines = [f"{label}: {' | '.join(choices)}" for label in labels(template, "Verdict").values()]
    ending = "this line" if len(lines) == 1 else "these lines"
    much = f" The number says by how much it is better: 1 is a little, {steps} is by far." if steps else ""
    return f"End with {ending}, exactly in this form, with one of the answers between the bars:\n" + "\n".join(
        [*lines, *([much.strip()] if much else [])]
    )


VERDICT_LINES = Reader(
    "verdict-lines",
    "a line “Verdict: Image 1” for each criterion",
    read_verdicts,
    form_verdicts,
    _PAIRS,
    {
        "noun": NOUN,
        "labels": LABELS,
        "ties": TIES,
        "both_bad": BOTH_BAD,
        "strengths": Option("number", 0, "In how many steps it is said by how much one is better; 0 for not at all."),
    },
)


# -- a sentence at the end --------------------------------------------------------------------------------------------


def read_sentence(template: Template, reply: Reply, n: int) -> Verdict:
    """The last line is one sentence: “Image 1 is better (than Image 2).” or “Both images are equally good.”

    Words such as “Conclusion:” may stand before it. The same sentence in a line of its own further up must not say
    otherwise; a remark inside the reasoning (“in colour, Image 2 is better, but …”) is no verdict.

    Raises:
        Malformed: the last line is no such sentence, or another line says the opposite.
    """
    answer = spoken(reply)
    name = noun(template)
    lines = plain_lines(answer.said)
    outcomes = {number: sentence_outcome(line, name) for number, line in enumerate(lines)}
    verdicts = {number: outcome for number, outcome in outcomes.items() if outcome}
    if len(lines) - 1 not in verdicts:
        raise Malformed(f"the answer ends with “{shortened(lines[-1])}”, which names no better {name.lower()}")
    outcome = only_one(list(verdicts.values()), "the answer")
    text = reasoning(answer.thought, without(answer.said, list(verdicts)))
    return _alone(template, outcome, text)


def _alone(template: Template, outcome: str, text: str) -> Verdict:
    checked = allowed(outcome, ties=flag_option(template, "ties", True), both_bad=False)
    return Verdict(preferences={template.criteria[0].key: Preference(checked)}, reasoning=text)


def _sentences(template: Template) -> str:
    name = noun(template)
    tie = f" | Both {name.lower()}s are equally good" if flag_option(template, "ties", True) else ""
    return f"{name} 1 is better | {name} 2 is better{tie}"


def form_sentence(template: Template, n: int) -> str:
    return f"End with one of these sentences, alone in the last line:\n{_sentences(template)}"


BETTER_SENTENCE = Reader(
    "better-sentence",
    "the last line “Image 1 is better”",
    read_sentence,
    form_sentence,
    _PAIRS,
    {"noun": NOUN, "ties": TIES},
)


# -- thought and answer in tags ---------------------------------------------------------------------------------------

_ANSWER = re.compile(r"<answer>(?P<inside>.*?)</answer>", re.IGNORECASE | re.DOTALL)


def read_tagged(template: Template, reply: Reply, n: int) -> Verdict:
    """`<think>…</think><answer>Image 1 is better</answer>`, nothing after it.

    Raises:
        Malformed: no thought, no answer or several, something behind it, or an answer that is no such sentence.
    """
    answer = spoken(reply)
    if not answer.thought:
        raise Malformed("there is no <think>…</think> before the answer")
    match = _ANSWER.fullmatch(answer.said)
    if match is None or "<answer>" in match["inside"].lower():
        raise Malformed("after the thought there is not exactly one <answer>…</answer>")
    outcome = sentence_outcome(match["inside"], noun(template))
    if outcome is None:
        raise Malformed(f"“{shortened(match['inside'])}” names no better {noun(template).lower()}")
    return _alone(template, outcome, answer.thought)


def form_tagged(template: Template, n: int) -> str:
    return (
        "Put your reasoning between <think> and </think>, and after it one of these sentences between <answer> and "
        f"</answer>:\n{_sentences(template)}"
    )


THINK_ANSWER = Reader(
    "think-answer",
    "a thought in <think>, then <answer>Image 1 is better</answer>",
    read_tagged,
    form_tagged,
    frozenset({Mode.PAIR}),
    {"noun": NOUN, "ties": TIES},
)


# -- two numbers for each criterion -----------------------------------------------------------------------------------


def read_scores(template: Template, reply: Reply, n: int) -> Verdict:
    """For each criterion its heading, then `Image 1: x` and `Image 2: y`; one criterion needs no heading.

    The higher number is better, equal numbers are a tie, the strength is their distance. With `sum`, the two must
    add up to it.

    Raises:
        Malformed: a number is missing, stands twice, is outside [low, high], or the sum is another one.
    """
    answer = spoken(reply)
    blocks, taken = _blocks(template, answer.said)
    preferences, scores = {}, {}
    for criterion in template.criteria:
        left, right = _two(template, labels(template, "")[criterion.key], blocks.get(criterion.key, {}))
        outcome = TIE if left == right else LEFT if left > right else RIGHT
        preferences[criterion.key] = Preference(outcome, abs(left - right))
        scores[criterion.key] = [left, right]
    rest = reasoning(answer.thought, without(answer.said, taken))
    return Verdict(preferences=preferences, reasoning=rest, detail={"scores": scores})


def _blocks(template: Template, text: str) -> tuple[dict[str, dict[str, float]], list[int]]:
    """The numbers by criterion and side, and the lines they stand in."""
    named = {label.lower(): key for key, label in labels(template, "").items()}
    line_of_side = re.compile(
        rf"(?:edited )?{re.escape(noun(template))} ([12])(?: score)?\s*[:=]\s*(.*)", re.IGNORECASE
    )
    low, high = number_option(template, "low", -1e6), number_option(template, "high", 1e6)
    current = template.criteria[0].key if len(template.criteria) == 1 else ""
    blocks: dict[str, dict[str, float]] = {}
    taken: list[int] = []
    for number, line in enumerate(plain_lines(text)):
        heading = re.sub(r"\s*\([^)]*\)", "", line).removesuffix(":").strip().lower()
        match = line_of_side.fullmatch(line)
        if heading in named and heading:
            current = named[heading]
        elif match is None or not current:
            continue
        else:
            side = blocks.setdefault(current, {})
            if match[1] in side:
                raise Malformed(f"{noun(template)} {match[1]} has two scores on {current}")
            side[match[1]] = exact_number(match[2], f"{noun(template)} {match[1]}", low=low, high=high)
        taken.append(number)
    return blocks, taken


def _two(template: Template, label: str, found: Mapping[str, float]) -> tuple[float, float]:
    where = f" under “{label}”" if label else ""
    for side in ("1", "2"):
        if side not in found:
            raise Malformed(f"there is no score of {noun(template)} {side}{where}")
    total = number_option(template, "sum", 0)
    if total and abs(found["1"] + found["2"] - total) > number_option(template, "tolerance", 0.01):
        raise Malformed(f"the two scores{where} add up to {found['1'] + found['2']:g}, not to {total:g}")
    return found["1"], found["2"]


def form_scores(template: Template, n: int) -> str:
    sides = [f"{noun(template)} {side}: <number>" for side in (1, 2)]
    blocks = ["\n".join([f"{label}:", *sides] if label else sides) for label in labels(template, "").values()]
    total = number_option(template, "sum", 0)
    adding = f", the two numbers adding up to {total:g}" if total else ""
    return f"End with these lines, exactly in this form{adding}:\n" + "\n".join(blocks)


PAIR_SCORES = Reader(
    "pair-scores",
    "“Image 1: 0.4” and “Image 2: 0.6” for each criterion",
    read_scores,
    form_scores,
    frozenset({Mode.PAIR}),
    {
        "noun": NOUN,
        "labels": LABELS,
        "sum": Option("number", 0, "What the two numbers add up to; 0 where they need not."),
        "tolerance": Option("number", 0.01, "How far the sum may be off."),
        "low": Option("number", -1e6, "Lowest number."),
        "high": Option("number", 1e6, "Highest number."),
    },
)
