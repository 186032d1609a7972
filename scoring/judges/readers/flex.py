"""Reader of UnifiedReward-Flex: categories chosen by the model, each with scores that add up to 10, as JSON.

Protocol: CodeGoat24/UnifiedReward, UnifiedReward-Flex: `{"categories": [{"name", "dims": [{"name", "score_1",
"score_2"}], "cat_winner"}], "reason", "winner"}`.
"""

from __future__ import annotations

from collections.abc import Mapping

from scoring.judges.base import Malformed, Mode, Preference, Reply, Template, Verdict
from scoring.judges.readers.base import NOUN, Option, Reader, flag_option, noun, reasoning, shortened, within
from scoring.judges.readers.json_answers import json_answer
from scoring.judges.readers.outcomes import LEFT, RIGHT, TIE, label_outcome
from scoring.scorers.base import Json

TOTAL = 10.0


def read_flex(template: Template, reply: Reply, n: int) -> Verdict:
    """The final winner of a JSON answer whose scores and winners do not contradict each other.

    Within each dimension score_1 + score_2 = 10; a category's winner has the higher sum of its dimensions (either,
    or a tie, where the sums are equal); the final winner wins at least one category unless all are tied. The
    categories are kept in `detail["categories"]`.

    Raises:
        Malformed: broken JSON, a missing part, another sum, or a winner that the scores contradict.
    """
    found = json_answer(reply)
    fields = _object(found.value, "the answer")
    categories = [_category(template, one) for one in _list(fields, "categories", "the answer")]
    winner = _winner(template, fields, "winner", "the answer")
    winners = {str(category["winner"]) for category in categories}
    if flag_option(template, "consistent", True) and winner not in winners and winners != {TIE}:
        raise Malformed(f"the answer's winner is {winner}, which wins no category")
    text = reasoning(found.thought, _reasons(fields))
    preferences = {template.criteria[0].key: Preference(winner)}
    return Verdict(preferences=preferences, reasoning=text, detail={"categories": categories})


def _category(template: Template, value: Json) -> dict[str, Json]:
    fields = _object(value, "a category")
    name = _name(fields, "a category")
    dimensions = [_dimension(one, name) for one in _list(fields, "dims", f"“{name}”")]
    sums = [sum(float(one[key]) for one in dimensions) for key in ("score_1", "score_2")]
    winner = _winner(template, fields, "cat_winner", f"“{name}”")
    better = TIE if abs(sums[0] - sums[1]) < 1e-6 else LEFT if sums[0] > sums[1] else RIGHT
    if flag_option(template, "consistent", True) and better not in (TIE, winner):
        raise Malformed(f"“{name}” names {winner} the winner, but its scores are {sums[0]:g} to {sums[1]:g}")
    rows: list[Json] = [[one["name"], one["score_1"], one["score_2"]] for one in dimensions]
    return {"name": name, "winner": winner, "scores": sums, "dimensions": rows}


def _dimension(value: Json, category: str) -> dict[str, str | float]:
    fields = _object(value, f"a part of “{category}”")
    name = _name(fields, f"a part of “{category}”")
    first, second = (_score(fields, key, name) for key in ("score_1", "score_2"))
    if abs(first + second - TOTAL) > 1e-6:
        raise Malformed(f"the scores of “{name}” add up to {first + second:g}, not to {TOTAL:g}")
    return {"name": name, "score_1": first, "score_2": second}


def _score(fields: Mapping[str, Json], key: str, name: str) -> float:
    value = fields.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Malformed(f"{key} of “{name}” is {shortened(str(value))}, which is not a number")
    return within(float(value), f"{key} of “{name}”", low=0, high=TOTAL)


def _winner(template: Template, fields: Mapping[str, Json], key: str, what: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str):
        raise Malformed(f"{what} has no {key}")
    return label_outcome(value, noun(template), ties=flag_option(template, "ties", True), both_bad=False)


def _object(value: Json, what: str) -> Mapping[str, Json]:
    if not isinstance(value, Mapping):
        raise Malformed(f"{what} is no JSON object")
    return value


def _list(fields: Mapping[str, Json], key: str, what: str) -> list[Json]:
    value = fields.get(key)
    if not isinstance(value, list) or not value:
        raise Malformed(f"{what} has no list of {key}")
    return value


def _name(fields: Mapping[str, Json], what: str) -> str:
    value = fields.get("name")
    if not isinstance(value, str) or not value.strip():
        raise Malformed(f"{what} has no name")
    return value.strip()


def _reasons(fields: Mapping[str, Json]) -> str:
    """What a listener may read: the reasons of parts, categories and the whole, without scores and winners."""
    said: list[str] = []
    categories = fields["categories"]
    for category in categories if isinstance(categories, list) else []:
        said += [f"{category['name']}:", *_reasons_of_parts(category), str(category.get("cat_reason", ""))]
    said.append(str(fields.get("reason", "")))
    return "\n".join(line for line in said if line)


def _reasons_of_parts(category: Mapping[str, Json]) -> list[str]:
    dims = category["dims"]
    return [
        f"{one['name']}: (1) {one.get('reason_1', '')} (2) {one.get('reason_2', '')}"
        for one in (dims if isinstance(dims, list) else [])
        if isinstance(one, Mapping)
    ]


def form_flex(template: Template, n: int) -> str:
    name = noun(template)
    return (
        "Answer with one JSON object and nothing else, of this form, score_1 and score_2 adding up to 10:\n"
        '{"categories": [{"name": "<category>", "dims": [{"name": "<what is compared>", "reason_1": "<evidence>", '
        '"reason_2": "<evidence>", "score_1": <0-10>, "score_2": <0-10>}], "cat_reason": "<why>", '
        f'"cat_winner": "{name} 1 | {name} 2"}}], "reason": "<the whole>", "winner": "{name} 1 | {name} 2"}}'
    )


FLEX_JSON = Reader(
    "flex-json",
    "JSON of categories with scores that add up to 10, and a winner",
    read_flex,
    form_flex,
    frozenset({Mode.PAIR}),
    {
        "noun": NOUN,
        "ties": Option("flag", True, "Whether a tie is among the answers to choose from."),
        "consistent": Option("flag", True, "Whether winners that their scores contradict are refused."),
    },
)
