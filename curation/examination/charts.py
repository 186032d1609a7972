"""Accuracies as charts: a dot on a line with its interval, people and machines apart. Vega-Lite, written in Altair.

Colours are left to the page, which knows the theme: a chart names its kinds, and the page gives the range. Plain code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import altair as alt

Json: TypeAlias = dict[str, object]

ROW = 30  # pixels a machine
LINE = 18  # pixels a machine within a slice
# What the axis and its title need below the rows.
AXIS = 56
# And a legend above them.
LEGEND = 20
# Machines that can be told apart by shape and colour in one picture.
MOST = 4
SHAPES = ("circle", "square", "triangle-up", "cross")
_PEOPLE_SHAPE = "diamond"


@dataclass(frozen=True)
class Dot:
    """One accuracy, in per cent.

    Args:
        row: what stands at its left; group: the machine, or people.
        low, high: the interval; the value itself where there is none.
        note: what it rests on, in words.
    """

    row: str
    group: str
    value: float
    low: float
    high: float
    note: str


@dataclass(frozen=True)
class Words:
    """The words of a chart, in the reader's language; `has_chance` where a half is what guessing gets."""

    axis: str
    value: str
    interval: str
    rests_on: str
    people: str
    what: str
    has_chance: bool = True


@dataclass(frozen=True)
class Chart:
    """A definition for vega-embed, and the height it takes in pixels."""

    spec: Json
    height: int


def by_machine(dots: Sequence[Dot], words: Words) -> Chart:
    """One row a machine, and the line of people drawn through all of them where it is known."""
    y = alt.Y("row:N", sort=None, title=None, axis=alt.Axis(grid=False))
    shape = alt.Shape(
        "group:N", scale=alt.Scale(range=[_PEOPLE_SHAPE, "circle"], domain=[words.people, "·"]), legend=None
    )
    color = alt.Color("group:N", scale=alt.Scale(domain=["·", words.people]), legend=None)
    data = [_values(dot, words, group=words.people if dot.group == words.people else "·") for dot in dots]
    layers = [*_chance(words), *_of_people(dots, words), *_dots(data, y, color, shape, words)]
    height = ROW * len(dots)
    return _chart(layers, height, words)


def by_slice(dots: Sequence[Dot], words: Words) -> Chart:
    """One row a slice, and in it a line for people and for each machine."""
    groups = list(dict.fromkeys(dot.group for dot in dots))
    machines = [group for group in groups if group != words.people]
    order = [*machines, *([words.people] if words.people in groups else [])]
    shapes = [*SHAPES[: len(machines)], _PEOPLE_SHAPE]
    y = alt.Y("row:N", sort=None, title=None, axis=alt.Axis(tickBand="extent", grid=True))
    offset = alt.YOffset("group:N", sort=order)
    legend = alt.Legend(title=None, orient="top", labelLimit=260)
    color = alt.Color("group:N", scale=alt.Scale(domain=order), legend=legend)
    shape = alt.Shape("group:N", scale=alt.Scale(domain=order, range=shapes[: len(order)]), legend=legend)
    data = [_values(dot, words, group=dot.group) for dot in dots]
    layers = [*_chance(words), *(layer.encode(offset) for layer in _dots(data, y, color, shape, words))]
    rows = len(dict.fromkeys(dot.row for dot in dots))
    return _chart(layers, max(LINE * len(order), 24) * rows, words, extra=LEGEND)


def _chart(layers: Sequence[alt.Chart], height: int, words: Words, extra: int = 0) -> Chart:
    whole = alt.layer(*layers).properties(width="container", height=height, description=words.what)
    return Chart(whole.to_dict(), height + AXIS + extra)


def _values(dot: Dot, words: Words, group: str) -> Json:
    return {
        "row": dot.row,
        "group": group,
        "value": dot.value,
        "low": dot.low,
        "high": dot.high,
        words.value: f"{dot.value:.1f} %",
        words.interval: f"{dot.low:.1f} – {dot.high:.1f} %",
        words.rests_on: dot.note,
    }


def _dots(data: list[Json], y: alt.Y, color: alt.Color, shape: alt.Shape, words: Words) -> list[alt.Chart]:
    axis = alt.Axis(tickCount=8)
    x = alt.X("value:Q", title=words.axis, axis=axis, scale=alt.Scale(zero=False, nice=True, padding=12))
    tooltip = [alt.Tooltip(f"{name}:N") for name in ("row", words.value, words.interval, words.rests_on)]
    base = alt.Chart(alt.InlineData(values=data))  # type: ignore[arg-type]  # a list of rows is what it takes
    line = base.mark_rule(strokeWidth=2).encode(
        y,
        alt.X("low:Q", title=words.axis, axis=axis, scale=alt.Scale(zero=False)),
        alt.X2("high:Q"),
        color,
        tooltip=tooltip,
    )
    dot = base.mark_point(filled=True, size=90, opacity=1).encode(y, x, color, shape, tooltip=tooltip)
    return [line, dot]


def _chance(words: Words) -> list[alt.Chart]:
    """Half of the votes: what guessing between two gets."""
    if not words.has_chance:
        return []
    data = alt.InlineData(values=[{"at": 50}])  # type: ignore[list-item]
    return [alt.Chart(data).mark_rule(strokeDash=[2, 3], opacity=0.6).encode(alt.X("at:Q"))]


def _of_people(dots: Sequence[Dot], words: Words) -> list[alt.Chart]:
    found = [dot for dot in dots if dot.group == words.people]
    if not found:
        return []
    data = alt.InlineData(values=[{"at": found[0].value}])  # type: ignore[list-item]
    return [alt.Chart(data).mark_rule(strokeDash=[6, 4], opacity=0.6).encode(alt.X("at:Q"))]
