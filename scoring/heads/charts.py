"""The learning curve of a head as a chart: accuracy by labels, with intervals. Vega-Lite, in Altair. Plain code.

Colours are left to the page, which knows the theme.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from curation.examination.charts import Chart

HEIGHT = 220
# What the axis and its title need below.
AXIS = 56


@dataclass(frozen=True)
class Words:
    """The words of the chart, in the reader's language."""

    labels: str
    accuracy: str
    interval: str
    what: str


def learning_curve(points: Sequence[Mapping[str, Any]], words: Words, *, best: float | None) -> Chart | None:
    """A line through the points with their intervals; half of the answers, and the best single score, as lines across.

    Args:
        points: of a report's curve, as JSON: labels, and accuracy with value, low and high.
        best: accuracy of the best single score, 0 to 1; None where there is none.

    Returns:
        None where fewer than two points have an accuracy.
    """
    rows = [_row(point, words) for point in points if point["accuracy"]]
    if len(rows) < 2:
        return None
    x = alt.X("labels:Q", title=words.labels, scale=alt.Scale(zero=False, nice=True), axis=alt.Axis(tickCount=6))
    y = alt.Y("value:Q", title=words.accuracy, scale=alt.Scale(zero=False, nice=True, padding=8))
    tooltip = [alt.Tooltip("labels:Q", title=words.labels), *(alt.Tooltip(f"{name}:N") for name in _told(words))]
    base = alt.Chart(alt.InlineData(values=rows))  # type: ignore[arg-type]  # a list of rows is what it takes
    layers = [
        _across(50.0, [2, 3]),
        *([_across(100 * best, [6, 4])] if best is not None else []),
        base.mark_rule(strokeWidth=2, opacity=0.6).encode(x, alt.Y("low:Q", title=words.accuracy), alt.Y2("high:Q")),
        base.mark_line(strokeWidth=2).encode(x, y),
        base.mark_point(filled=True, size=80, opacity=1).encode(x, y, tooltip=tooltip),
    ]
    whole = alt.layer(*layers).properties(width="container", height=HEIGHT, description=words.what)
    return Chart(whole.to_dict(), HEIGHT + AXIS)


def _told(words: Words) -> tuple[str, str]:
    return words.accuracy, words.interval


def _row(point: Mapping[str, Any], words: Words) -> dict[str, object]:
    said = point["accuracy"]
    low = said["value"] if said["low"] is None else said["low"]
    high = said["value"] if said["high"] is None else said["high"]
    return {
        "labels": round(point["labels"]),
        "value": 100 * said["value"],
        "low": 100 * low,
        "high": 100 * high,
        words.accuracy: f"{100 * said['value']:.1f} %",
        words.interval: f"{100 * low:.1f} – {100 * high:.1f} %",
    }


def _across(at: float, dash: list[int]) -> alt.Chart:
    data = alt.InlineData(values=[{"at": at}])  # type: ignore[list-item]
    return alt.Chart(data).mark_rule(strokeDash=dash, opacity=0.6).encode(alt.Y("at:Q"))
