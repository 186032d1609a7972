"""Keyset paging: a page is found by the last row of the page before, so the millionth is as near as the first."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from curation.errors import Refused

PAGE_SIZE = 60

Row = TypeVar("Row")
Other = TypeVar("Other")


@dataclass(frozen=True)
class Key:
    """One column of the order. Together the columns must tell every row from every other."""

    field: str
    descending: bool = False


@dataclass(frozen=True)
class Reach:
    """How far one page looks. A list narrowed by what no index knows could read every row to find the next match.

    `rows` are what the page walks along: rows in the order of the keys, before they are narrowed one by one. The
    keys are called `fields` there.
    """

    rows: QuerySet[Any]
    fields: tuple[str, ...]
    most: int


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Rows in order, and the cursors of the neighbours; an empty cursor where there is no neighbour.

    `looked_at` is 0 where the page is full or the list is at its end. Else the page found less than it has room for
    among that many rows, those of the empty pages before it included, and the cursor leads to where it stopped.
    """

    rows: list[Row]
    previous_cursor: str
    next_cursor: str
    looked_at: int = 0
    is_backward: bool = False

    def __iter__(self) -> Any:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def with_rows(self, rows: list[Other]) -> Page[Other]:
        """The same page of other rows: of what belongs to the rows that were found."""
        return Page(rows, self.previous_cursor, self.next_cursor, self.looked_at, self.is_backward)


def keyset(
    rows: QuerySet[Any],
    keys: Sequence[Key],
    params: Mapping[str, str],
    size: int = PAGE_SIZE,
    reach: Reach | None = None,
) -> Page[Any]:
    """The page that `params` asks for with `after` or `before`. Costs one query, of `size` + 1 rows.

    Args:
        rows: A queryset that has the key fields as columns or annotations; its order is replaced.
        keys: The order, the last one unique (usually the primary key).
        params: The query string.
        size: Rows a page.
        reach: Where to stop looking, for rows that are narrowed one by one. Costs a second query, of one index.

    Raises:
        Refused: the cursor is not one of ours.
    """
    before = params.get("before", "")
    cursor = before or params.get("after", "")
    is_backward = bool(before)
    place = _decode(cursor, len(keys)) if cursor else None
    edge = _edge(reach, keys, place, is_backward) if reach else None
    rows = _placed(rows, keys, place, is_backward)
    if edge:
        rows = rows.filter(_up_to(keys, edge, is_backward))
    found = list(rows[: size + 1])
    has_more = len(found) > size
    found = found[:size]
    if is_backward:
        found.reverse()
    first, last = (_encode(keys, found[0]), _encode(keys, found[-1])) if found else ("", "")
    stopped = _cursor(edge) if edge and not has_more else ""
    # Ahead: the next match, or where the looking stopped. Behind: where this page came from.
    ahead = stopped or (has_more and (first if is_backward else last)) or ""
    behind = (cursor and (last if is_backward else first)) or ""
    return Page(
        rows=found,
        previous_cursor=ahead if is_backward else behind,
        next_cursor=behind if is_backward else ahead,
        looked_at=_looked_at(reach, params) if stopped else 0,
        is_backward=is_backward,
    )


def _placed(
    rows: QuerySet[Any], keys: Sequence[Key], place: Sequence[object] | None, is_backward: bool
) -> QuerySet[Any]:
    """The rows beyond a place, in the order in which the page walks."""
    rows = rows.order_by(*(_order(key, is_backward) for key in keys))
    return rows.filter(_beyond(keys, place, is_backward)) if place else rows


def _edge(
    reach: Reach, keys: Sequence[Key], place: Sequence[object] | None, is_backward: bool
) -> Sequence[object] | None:
    """The last row within reach; None where the list ends before. Costs one query."""
    own = [Key(field, key.descending) for field, key in zip(reach.fields, keys, strict=True)]
    walked = _placed(reach.rows, own, place, is_backward).values_list(*reach.fields)
    last_and_next = list(walked[reach.most - 1 : reach.most + 1])
    return last_and_next[0] if len(last_and_next) == 2 else None


def _looked_at(reach: Reach | None, params: Mapping[str, str]) -> int:
    before = params.get("looked", "")
    earlier = int(before) if before.isdecimal() and len(before) < 12 else 0
    return earlier + (reach.most if reach else 0)


def _order(key: Key, is_backward: bool) -> str:
    return f"-{key.field}" if key.descending != is_backward else key.field


def _beyond(keys: Sequence[Key], values: Sequence[object], is_backward: bool, *, inclusive: bool = False) -> Q:
    """Rows after these values: the first column that differs decides. `inclusive`: the row with them as well."""
    beyond, same = Q(), Q()
    for place, (key, value) in enumerate(zip(keys, values, strict=True), 1):
        comparison = "lt" if key.descending != is_backward else "gt"
        is_last = place == len(keys)
        beyond |= same & Q(**{f"{key.field}__{comparison}{'e' if inclusive and is_last else ''}": value})
        same &= Q(**{key.field: value})
    if len(keys) == 1:
        return beyond
    first, first_down = keys[0], keys[0].descending != is_backward
    # Repeats what the rest implies, so that the database starts its index scan at the right place.
    return Q(**{f"{first.field}__{'lte' if first_down else 'gte'}": values[0]}) & beyond


def _up_to(keys: Sequence[Key], values: Sequence[object], is_backward: bool) -> Q:
    """Rows not after these values: those before them when one walks the other way, and the row with them."""
    return _beyond(keys, values, not is_backward, inclusive=True)


def _encode(keys: Sequence[Key], row: Any) -> str:
    return _cursor([row[key.field] if isinstance(row, dict) else getattr(row, key.field) for key in keys])


def _cursor(values: Sequence[object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(list(values)).encode()).decode().rstrip("=")


def _decode(cursor: str, length: int) -> list[object]:
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        values = None
    if not isinstance(values, list) or len(values) != length or not all(_is_plain(value) for value in values):
        raise Refused(_("The address of this page of the list is damaged. Open the list again."))
    return values


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)
