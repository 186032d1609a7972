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


@dataclass(frozen=True)
class Key:
    """One column of the order. Together the columns must tell every row from every other."""

    field: str
    descending: bool = False


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Rows in order, and the cursors of the neighbours; an empty cursor where there is no neighbour."""

    rows: list[Row]
    previous_cursor: str
    next_cursor: str

    def __iter__(self) -> Any:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


def keyset(rows: QuerySet[Any], keys: Sequence[Key], params: Mapping[str, str], size: int = PAGE_SIZE) -> Page[Any]:
    """The page that `params` asks for with `after` or `before`. Costs one query, of `size` + 1 rows.

    Args:
        rows: A queryset that has the key fields as columns or annotations; its order is replaced.
        keys: The order, the last one unique (usually the primary key).
        params: The query string.
        size: Rows a page.

    Raises:
        Refused: the cursor is not one of ours.
    """
    before = params.get("before", "")
    cursor = before or params.get("after", "")
    is_backward = bool(before)
    rows = rows.order_by(*(_order(key, is_backward) for key in keys))
    if cursor:
        rows = rows.filter(_beyond(keys, _decode(cursor, len(keys)), is_backward))
    found = list(rows[: size + 1])
    has_more = len(found) > size
    found = found[:size]
    if is_backward:
        found.reverse()
    return Page(
        rows=found,
        previous_cursor=_encode(keys, found[0]) if found and (has_more if is_backward else cursor) else "",
        next_cursor=_encode(keys, found[-1]) if found and (is_backward or has_more) else "",
    )


def _order(key: Key, is_backward: bool) -> str:
    return f"-{key.field}" if key.descending != is_backward else key.field


def _beyond(keys: Sequence[Key], values: Sequence[object], is_backward: bool) -> Q:
    """Rows after these values: the first column that differs decides."""
    beyond, same = Q(), Q()
    for key, value in zip(keys, values, strict=True):
        is_down = key.descending != is_backward
        beyond |= same & Q(**{f"{key.field}__{'lt' if is_down else 'gt'}": value})
        same &= Q(**{key.field: value})
    first, first_down = keys[0], keys[0].descending != is_backward
    # Repeats what the rest implies, so that the database starts its index scan at the right place.
    return Q(**{f"{first.field}__{'lte' if first_down else 'gte'}": values[0]}) & beyond


def _encode(keys: Sequence[Key], row: Any) -> str:
    values = [row[key.field] if isinstance(row, dict) else getattr(row, key.field) for key in keys]
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


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
