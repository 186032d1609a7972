"""Readers of points: a number for each criterion, in lines or in JSON."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping

from scoring.judges.base import Malformed, Mode, Reply, Template, TemplateCriterion, Verdict
from scoring.judges.readers.base import (
    LABELS,
    NUMBER,
    Option,
    Reader,
    exact_number,
    labelled,
    labels,
    number_option,
    plain_lines,
    reasoning,
    shortened,
    spoken,
    text_option,
    texts_option,
    within,
    without,
)
from scoring.judges.readers.json_answers import json_answer
from scoring.scorers.base import Json, Result

FINAL = "Final Score"
# As many as a prompt of the longest kind has.
MOST_WORDS = 2_000
_MARK = re.compile(rf"(?P<name>[^:]{{1,200}}?)\s*:\s*(?P<value>{NUMBER})\s*")


def scale(criterion: TemplateCriterion) -> tuple[float, float]:
    """The ends of a criterion's scale, which every template of points states."""
    if criterion.low is None or criterion.high is None:
        raise ValueError(f"the criterion {criterion.key} has no scale; give it low and high")
    return criterion.low, criterion.high


# -- one score at the end ---------------------------------------------------------------------------------------------


def read_final(template: Template, reply: Reply, n: int) -> Verdict:
    """The last “Final Score: x”, wherever it stands in its line; the line ends with the number.

    Lines `name: number` before it (elements found, scores of parts) are kept as `detail["marks"]`.

    Raises:
        Malformed: no such score, more than a number behind it, or a number outside the scale.
    """
    answer = spoken(reply)
    criterion = template.criteria[0]
    label = labels(template, FINAL)[criterion.key]
    pattern = re.compile(rf"{re.escape(label)}\s*(?:\([^)]*\))?\s*:\s*(?P<rest>[^\n]*)", re.IGNORECASE)
    text = re.sub(r"[*`]", "", answer.said)
    found = list(pattern.finditer(text))
    if not found:
        raise Malformed(f"there is no “{label}: …” in the answer")
    low, high = scale(criterion)
    value = exact_number(found[-1]["rest"], f"“{label}”", low=low, high=high)
    rest = pattern.sub("", text).strip()
    return Verdict(
        scores={criterion.key: Result(value)}, reasoning=reasoning(answer.thought, rest), detail=_marks(rest)
    )


def _marks(text: str) -> dict[str, Json]:
    found = [_MARK.fullmatch(line) for line in plain_lines(text)]
    marks = [[match["name"], float(match["value"].replace("−", "-"))] for match in found if match]
    return {"marks": marks} if marks else {}


def form_final(template: Template, n: int) -> str:
    criterion = template.criteria[0]
    low, high = scale(criterion)
    label = labels(template, FINAL)[criterion.key]
    return f"End with one line of exactly this form, the number from {low:g} to {high:g}:\n{label}: <number>"


FINAL_SCORE = Reader(
    "final-score",
    "the last line “Final Score: 4”",
    read_final,
    form_final,
    frozenset({Mode.POINTS}),
    {"labels": LABELS},
)


# -- a line for each criterion ----------------------------------------------------------------------------------------


def read_lines(template: Template, reply: Reply, n: int) -> Verdict:
    """A line `Label: x` or `Label (1-5): x` for each criterion; where one stands twice, the last counts.

    With the option `words` there is one line more, `Word-wise Scores: [["red", 0.1], ["cat", 0.7]]`: what the judge
    says of single words, kept in order as `detail["words"]`; those in the prompt become numbers for its parts.

    Raises:
        Malformed: a criterion without a line, a line without a number, or a number outside its scale; words in another
            form.
    """
    answer = spoken(reply)
    scores: dict[str, Result] = {}
    words, taken = _words(answer.said, text_option(template, "words"))
    for criterion in template.criteria:
        label = labels(template, "Score")[criterion.key]
        found = labelled(answer.said, label)
        if not found:
            raise Malformed(f"there is no line “{label}: …” in the answer")
        low, high = scale(criterion)
        scores[criterion.key] = Result(exact_number(found[-1][1], f"“{label}”", low=low, high=high))
        taken += [number for number, _rest in found]
    said = reasoning(answer.thought, without(answer.said, taken))
    return Verdict(scores=scores, reasoning=said, detail={"words": words} if words else {})


def _words(text: str, label: str) -> tuple[list[Json], list[int]]:
    """The words with their numbers, and the lines they were read from; nothing where no label asks for them."""
    if not label:
        return [], []
    found = labelled(text, label)
    if not found:
        raise Malformed(f"there is no line “{label}: …” in the answer")
    try:
        stated = json.loads(found[-1][1])
    except ValueError as error:
        said = shortened(found[-1][1])
        raise Malformed(f"“{label}” is “{said}”, which is no list of words and numbers") from error
    if not isinstance(stated, list) or not 1 <= len(stated) <= MOST_WORDS:
        raise Malformed(f"“{label}” is no list of 1 to {MOST_WORDS} words")
    return [_word(one, label) for one in stated], [number for number, _rest in found]


def _word(stated: Json, label: str) -> Json:
    if isinstance(stated, list) and len(stated) == 2 and isinstance(stated[0], str):
        try:
            value = float(stated[1]) if isinstance(stated[1], str) else _number(stated[1], stated[0])
        except ValueError:
            value = math.nan
        if math.isfinite(value):
            return [stated[0], value]
    raise Malformed(f"“{label}” holds {shortened(str(stated))}, which is not a word and its number")


def form_lines(template: Template, n: int) -> str:
    named = labels(template, "Score")
    lines = [
        f"{named[criterion.key]} ({scale(criterion)[0]:g}-{scale(criterion)[1]:g}): <number>"
        for criterion in template.criteria
    ]
    words = text_option(template, "words")
    first = [f'{words}: [["<word>", <number>], ["<word>", <number>]]'] if words else []
    return "End with these lines, exactly in this form, a number in place of <number>:\n" + "\n".join([*first, *lines])


SCORE_LINES = Reader(
    "score-lines",
    "a line “Alignment (1-5): 4” for each criterion",
    read_lines,
    form_lines,
    frozenset({Mode.POINTS}),
    {
        "labels": LABELS,
        "words": Option("text", "", "The name of a line with a number for each word of the prompt; empty for none."),
    },
)


# -- parts in JSON ----------------------------------------------------------------------------------------------------


def _smallest(values: list[float]) -> float:
    return min(values)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


COMBINED = {"minimum": _smallest, "mean": _mean}


def read_parts(template: Template, reply: Reply, n: int) -> Verdict:
    """JSON with a list of part scores for each criterion: `{"reasoning": "…", "score": [20, 18]}`.

    A criterion is the smallest (or mean) of its parts, carried from the parts' scale to its own:
    low + (x − part_low) / (part_high − part_low) · (high − low). With `joint`, the criterion of that name is the
    geometric mean of the others. A bare list is enough where there is one criterion.

    Raises:
        Malformed: no JSON, a list of another length, something that is no number, or one outside the parts' scale.
    """
    found = json_answer(reply)
    joint = text_option(template, "joint")
    own = [criterion for criterion in template.criteria if criterion.key != joint]
    fields = found.value if isinstance(found.value, Mapping) else _bare(found.value, template, own)
    parts = {criterion.key: _parts(template, criterion, fields, alone=len(own) == 1) for criterion in own}
    scores = {criterion.key: _combined(template, criterion, parts[criterion.key]) for criterion in own}
    if joint:
        # Rounding must not carry a mean of tens over ten.
        mean = math.prod(scores.values()) ** (1 / len(scores))
        scores[joint] = min(max(mean, min(scores.values())), max(scores.values()))
    said = fields.get("reasoning", "")
    text = reasoning(found.thought, said if isinstance(said, str) else "")
    results = {key: Result(value) for key, value in scores.items()}
    return Verdict(scores=results, reasoning=text, detail={"parts": dict(parts)})


def _bare(value: Json, template: Template, own: list[TemplateCriterion]) -> dict[str, Json]:
    if isinstance(value, list) and len(own) == 1:
        return {text_option(template, "key", "score"): value}
    raise Malformed("the JSON is no object with a list of scores")


def _key(template: Template, criterion: TemplateCriterion, alone: bool) -> str:
    return text_option(template, "key", "score") if alone else criterion.key


def _parts(template: Template, criterion: TemplateCriterion, fields: Mapping[str, Json], *, alone: bool) -> list[float]:
    key = _key(template, criterion, alone)
    names = texts_option(template, "parts", ())
    value = fields.get(key)
    if not isinstance(value, list) or len(value) != len(names):
        raise Malformed(f"“{key}” is {shortened(str(value))}, not a list of {len(names)} scores ({', '.join(names)})")
    low, high = number_option(template, "part_low", 0), number_option(template, "part_high", 25)
    return [within(_number(one, name), f"“{name}”", low=low, high=high) for one, name in zip(value, names, strict=True)]


def _number(value: Json, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Malformed(f"“{name}” is {shortened(str(value))}, which is not a number")
    return float(value)


def _combined(template: Template, criterion: TemplateCriterion, parts: list[float]) -> float:
    low, high = scale(criterion)
    part_low, part_high = number_option(template, "part_low", 0), number_option(template, "part_high", 25)
    value = COMBINED[text_option(template, "combine", "minimum")](parts)
    return low + (value - part_low) / (part_high - part_low) * (high - low)


def form_parts(template: Template, n: int) -> str:
    joint = text_option(template, "joint")
    own = [criterion for criterion in template.criteria if criterion.key != joint]
    names = ", ".join(f"<{name}>" for name in texts_option(template, "parts", ()))
    fields = [f'"{_key(template, criterion, len(own) == 1)}": [{names}]' for criterion in own]
    low, high = number_option(template, "part_low", 0), number_option(template, "part_high", 25)
    said = ", ".join(['"reasoning": "<a few short sentences>"', *fields])
    return f"Answer with one JSON object and nothing else, each score from {low:g} to {high:g}:\n{{{said}}}"


JSON_PARTS = Reader(
    "json-parts",
    "JSON with a list of part scores for each criterion",
    read_parts,
    form_parts,
    frozenset({Mode.POINTS}),
    {
        "key": Option("text", "score", "The name of the list where there is one criterion; else the criterion's key."),
        "parts": Option("texts", (), "What the numbers of a list are, in order."),
        "part_low": Option("number", 0, "Lowest score of a part."),
        "part_high": Option("number", 25, "Highest score of a part."),
        "combine": Option("text", "minimum", "How parts make the criterion: minimum or mean."),
        "joint": Option("text", "", "The criterion that is the geometric mean of the others; empty for none."),
    },
)
