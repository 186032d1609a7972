"""An examination as plain values: for JSON, and as rows of one width for CSV and for the terminal. Plain code."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from curation.examination.best_of import BestOf
from curation.examination.correlations import Correlation
from curation.examination.frames import Column
from curation.examination.intervals import Estimate
from curation.examination.report import Examination, Tested
from curation.examination.slices import Line, Slices

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
Name: TypeAlias = Callable[[Column], str]

# The columns of a row. `part` is empty for all votes; else the kind of slice with `label` its name.
ROW = (
    "machine", "part", "label", "accuracy", "low", "high", "votes", "prompts", "people", "people_low", "people_high",
    "ties", "silent", "fitted", "against", "difference", "difference_low", "difference_high", "p_clustered",
    "only_this", "only_other", "p_mcnemar", "p_mcnemar_mid",
)  # fmt: skip
# The name of the line of people among machines.
PEOPLE = "a person beside the others"


def as_json(found: Examination, name: Name) -> dict[str, Json]:
    """Everything that was found, with machines by the names that `name` gives them."""
    return {
        "context": found.context,
        "contexts": dict(found.contexts),
        "people": {
            "votes": found.people.votes,
            "voices": found.people.voices,
            "persons": found.people.persons,
            "pairs": found.people.pairs,
            "prompts": found.people.prompts,
            "ties": found.people.ties,
            "both_bad": found.people.both_bad,
            "repeats": found.people.repeats,
            "left_out": dict(found.people.left_out),
        },
        "human": estimate(found.human),
        "human_best_of": _best_of(found.human_best_of),
        "against": None if found.against is None else name(found.against),
        "machines": [_tested(one, name) for one in found.machines],
        "silent": [name(column) for column in found.silent],
        "slices": {kind: _slices(parts, found, name) for kind, parts in found.slices.items()},
        "principles": [
            {
                "machine": name(one.column),
                "people_under": one.people_under,
                "accuracy": estimate(one.accuracy),
                "people": estimate(one.people),
            }
            for one in found.principles
        ],
        "flips": [
            {"first": name(one.first), "second": name(one.second), "pairs": one.pairs, "flipped": one.flipped}
            for one in found.flips
        ],
        "likeness": [
            {"first": name(one.first), "second": name(one.second), **_correlation(one.correlation)}
            for one in found.likeness
        ],
    }


def estimate(found: Estimate | None) -> Json:
    if found is None:
        return None
    return {
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "votes": found.votes,
        "prompts": found.prompts,
    }


def _best_of(found: BestOf | None) -> Json:
    if found is None:
        return None
    return {"hits": estimate(found.hits), "chance": found.chance, "samples": found.samples}


def _tested(one: Tested, name: Name) -> Json:
    versus: Json = None
    if one.versus is not None:
        apart, test = one.versus.difference, one.versus.mcnemar
        versus = {
            "votes": one.versus.votes,
            "difference": {"value": apart.value, "low": apart.low, "high": apart.high, "p": apart.p},
            "only_this": test.only_first,
            "only_other": test.only_second,
            "mcnemar": {"exact": test.exact, "mid": test.mid},
        }
    return {
        "machine": name(one.column),
        "key": one.column.key,
        "criterion": one.column.criterion,
        "source": one.column.source,
        "under": one.column.context,
        "accuracy": estimate(one.accuracy),
        "people": estimate(one.people),
        "ties": one.ties,
        "threshold": one.threshold,
        "silent": one.silent,
        "fitted": one.fitted,
        "is_unnamed": one.is_unnamed,
        "best_of": _best_of(one.best_of),
        "ratings": None if one.ratings is None else _correlation(one.ratings),
        "win_rates": None if one.win_rates is None else _correlation(one.win_rates),
        "versus": versus,
    }


def _correlation(found: Correlation) -> dict[str, Json]:
    def told(which: str) -> Json:
        each = found.pooled if which == "pooled" else found.within
        return {key: {"value": one.value, "low": one.low, "high": one.high} for key, one in each.items()}

    return {
        "pooled": told("pooled"),
        "within": told("within"),
        "samples": found.samples,
        "prompts": found.prompts,
        "prompts_within": found.prompts_within,
    }


def _slices(parts: Slices, found: Examination, name: Name) -> Json:
    return {
        "lines": [
            {
                "label": line.label,
                "votes": line.votes,
                "prompts": line.prompts,
                "people": estimate(line.people),
                "machines": {name(column): estimate(one) for column, one in line.machines.items()},
            }
            for line in parts.lines
        ],
        "mean": {name(one.column): parts.mean(one.column) for one in found.machines},
        "more": parts.more,
    }


# -- rows -------------------------------------------------------------------------------------------------------------

Cell: TypeAlias = int | float | str | None
Row: TypeAlias = dict[str, Cell]


def rows(found: Examination, name: Name) -> list[Row]:
    """The accuracies as rows of `ROW`: people first, then each machine over all votes, then by slices."""
    told = [_row(PEOPLE, found.human)] if found.human else []
    told += [_machine_row(one, found, name) for one in found.machines]
    for kind, parts in found.slices.items():
        for line in parts.lines:
            told += _line_rows(kind, line, name)
    return told


def _row(machine: str, found: Estimate | None, part: str = "", label: str = "") -> Row:
    row: Row = dict.fromkeys(ROW)
    row |= {"machine": machine, "part": part, "label": label}
    if found is not None:
        row |= {
            "accuracy": found.value,
            "low": found.low,
            "high": found.high,
            "votes": found.votes,
            "prompts": found.prompts,
        }
    return row


def _machine_row(one: Tested, found: Examination, name: Name) -> Row:
    row = _row(name(one.column), one.accuracy) | {"ties": one.ties, "silent": one.silent, "fitted": one.fitted}
    if one.people is not None:
        row |= {"people": one.people.value, "people_low": one.people.low, "people_high": one.people.high}
    if one.versus is not None and found.against is not None:
        apart, test = one.versus.difference, one.versus.mcnemar
        row |= {
            "against": name(found.against),
            "difference": apart.value,
            "difference_low": apart.low,
            "difference_high": apart.high,
            "p_clustered": apart.p,
            "only_this": test.only_first,
            "only_other": test.only_second,
            "p_mcnemar": test.exact,
            "p_mcnemar_mid": test.mid,
        }
    return row


def _line_rows(kind: str, line: Line, name: Name) -> list[Row]:
    told = [_row(PEOPLE, line.people, kind, line.label)] if line.people else []
    return told + [_row(name(column), one, kind, line.label) for column, one in line.machines.items() if one]
