"""Facets: the ways to narrow a list, with counts where counting is cheap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

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
    for name in ("after", "before", "part", *changes):
        changed.pop(name, None)
    for name, value in changes.items():
        if value:
            changed[name] = value
    return f"?{changed.urlencode()}"


def newest(rows: QuerySet, columns: list[str]) -> tuple[list[tuple], bool]:  # type: ignore[type-arg]
    """These columns of the newest rows, and whether that is all of them. Costs one query of bounded size."""
    found = list(rows.order_by("-pk").values_list(*columns)[: COUNTED_ROWS + 1])
    return found[:COUNTED_ROWS], len(found) <= COUNTED_ROWS
