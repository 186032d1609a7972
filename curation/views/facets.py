"""Facets: the ways to narrow a list, with counts where counting is cheap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.functional import Promise

# Counts are made over this many newest rows; a longer list shows its choices without counts.
COUNTED_ROWS = 5_000


@dataclass(frozen=True)
class Choice:
    label: str | Promise
    url: str
    is_on: bool
    count: int | None = None


@dataclass(frozen=True)
class Facet:
    title: str | Promise
    choices: list[Choice]


def facet(
    params: QueryDict,
    name: str,
    title: str | Promise,
    options: Iterable[tuple[str, str | Promise]],
    counts: Counter[str] | None = None,
) -> Facet:
    """A facet for the parameter `name`. Taking a choice that is on takes it off; paging starts afresh."""
    chosen = params.get(name, "")
    choices = [
        Choice(
            label=label,
            url=address(params, **{name: "" if value == chosen else value}),
            is_on=value == chosen,
            count=counts[value] if counts is not None else None,
        )
        for value, label in options
    ]
    return Facet(title, choices)


def address(params: QueryDict, **changes: str) -> str:
    """The query string with these changes; an empty value takes the parameter away. Cursors do not survive."""
    changed = params.copy()
    for name in ("after", "before", "looked", "part", *changes):
        changed.pop(name, None)
    for name, value in changes.items():
        if value:
            changed[name] = value
    return f"?{changed.urlencode()}"


def newest(rows: QuerySet[Any], columns: list[str]) -> tuple[Counter[tuple[Any, ...]], bool]:
    """How often each combination of these columns is among the newest rows, and whether that is all rows.

    Costs one query of bounded size; the database counts, so five thousand rows never come here. A column that is an
    array counts by its values in order, as a tuple.
    """
    newest_rows = rows.order_by("-pk").values_list(*columns)[: COUNTED_ROWS + 1].query
    inner, parameters = newest_rows.sql_with_params()
    names = ", ".join(f"c{place}" for place in range(len(columns)))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {names}, count(*) FROM ({inner}) newest ({names}) GROUP BY {names} ORDER BY {names}",  # noqa: S608  # ours
            parameters,
        )
        counts = Counter({tuple(map(_hashable, row[:-1])): row[-1] for row in cursor.fetchall()})
    # One row more than is counted tells that there are more; which of the groups it is in does not matter then.
    return counts, counts.total() <= COUNTED_ROWS


def _hashable(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def tally(counts: Counter[tuple[Any, ...]], place: int) -> Counter[Any]:
    """How often each value of one column occurs."""
    own: Counter[Any] = Counter()
    for values, count in counts.items():
        own[values[place]] += count
    return own


def tally_each(counts: Counter[tuple[Any, ...]], place: int) -> Counter[Any]:
    """How often each entry of a column of arrays occurs."""
    own: Counter[Any] = Counter()
    for values, count in tally(counts, place).items():
        for entry in values:
            own[entry] += count
    return own
