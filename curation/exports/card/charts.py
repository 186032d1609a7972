"""The card's charts as PNG.

They are drawn from numbers alone, with a font that the drawing library brings, so the same numbers are the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert

from curation.exports.card.words import percent
from curation.exports.insight import Agreement, Insight, Margins, Sides
from curation.exports.shards import WrittenFile

FOLDER = "assets"
WIDTH = 760
ROW = 26
MOST_GENERATORS = 12
# The drawing library carries it; a font of the machine would make other bytes elsewhere.
FONT = "Liberation Sans"
# Told apart without colour too: by their order, and by lightness.
INK, SOFT, GRID = "#1f2933", "#52606d", "#e4e7eb"
CHOSEN, REJECTED = "#1b6ca8", "#d9a441"
BASIS_COLOURS = {
    "people": "#1b6ca8",
    "both": "#5fa8d3",
    "machines": "#d9a441",
    "behaviour": "#9aa5b1",
    "construction": "#7b8794",
}
BASIS_WORDS = {
    "people": "people",
    "both": "people and machines",
    "machines": "machines alone",
    "behaviour": "behaviour alone",
    "construction": "how their samples were made",
}
# An axis of whole numbers: 1,000 as 1k.
WHOLE = alt.Axis(format="~s", tickMinStep=1, tickCount=8)
UNIT_WORDS = {
    "score": "points of the score",
    "win_rate": "win rate",
    "strength": "strength by consensus, logits",
    "vote_share": "share of the votes",
    "groups": "share of the groups",
}

Row = dict[str, Any]


@dataclass(frozen=True)
class CardChart:
    """A picture of the card. `says` is what it shows, for whoever cannot see it."""

    name: str
    title: str
    says: str
    spec: str = field(repr=False)

    @property
    def path(self) -> str:
        return f"{FOLDER}/{self.name}.png"

    @property
    def markdown(self) -> str:
        return f"![{self.says}]({self.path})"


def charts_of(insight: Insight | None) -> tuple[CardChart, ...]:
    """The charts there are numbers for, in the order of the card."""
    if insight is None:
        return ()
    found = [
        _basis(insight),
        _agreement(insight.agreement),
        *map(_margins, insight.margins),
        _generators(insight.sides),
    ]
    return tuple(chart for chart in found if chart is not None)


def write_charts(folder: Path, insight: Insight | None) -> list[WrittenFile]:
    """Draws the charts into `assets/` of an export and says which files it wrote."""
    written = []
    for chart in charts_of(insight):
        target = folder / chart.path
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(png_of(chart.spec))
        written.append(WrittenFile(chart.path, 0, target.stat().st_size))
    return written


@cache
def png_of(spec: str) -> bytes:
    """A Vega-Lite definition as a picture, at twice its size for sharp screens."""
    return vl_convert.vegalite_to_png(json.loads(spec), scale=2, vl_version="6.4")


def _margins(margins: Margins) -> CardChart | None:
    if len(margins.bins) < 2:
        return None
    unit = UNIT_WORDS.get(margins.unit, margins.unit)
    rows: list[Row] = [{"low": one.low, "high": one.high, "pairs": one.count} for one in margins.bins]
    bars = (
        _chart(rows)
        .mark_bar(color=CHOSEN, binSpacing=1)
        .encode(
            x=alt.X("low:Q", bin="binned", title=f"margin, {unit}", axis=alt.Axis(format=".3~g", tickCount=10)),
            x2="high:Q",
            y=alt.Y("pairs:Q", title="pairs", axis=WHOLE),
        )
    )
    median = _chart([{"at": margins.median}]).mark_rule(color=INK, strokeDash=[4, 3], size=1.5).encode(x="at:Q")
    total, widest = sum(one.count for one in margins.bins), max(margins.bins, key=lambda one: one.count)
    says = (
        f"Margins of {total:,} pairs in {unit}: the median is {margins.median:.3g}, and the fullest bar, "
        f"{widest.low:.3g} to {widest.high:.3g}, holds {widest.count:,}."
    )
    title = f"How far chosen and rejected lie apart (dashed: the median, {margins.median:.3g})"
    return _card_chart(f"margins-{_slug(margins.unit)}", title, says, alt.layer(bars, median), height=170)


def _basis(insight: Insight) -> CardChart | None:
    present = [(key, insight.basis[key]) for key in BASIS_WORDS if insight.basis.get(key)]
    return _shares("basis", "What the pairs rest on", [(BASIS_WORDS[key], count) for key, count in present])


def _agreement(agreement: Agreement | None) -> CardChart | None:
    if agreement is None or not agreement.votes:
        return None
    return _shares("agreement", "How far the votes on a pair agree", list(agreement.by_share.items()))


def _shares(name: str, title: str, counts: Sequence[tuple[str, int]]) -> CardChart | None:
    total = sum(number for _words, number in counts)
    if len(counts) < 2:
        return None  # one bar says no more than the sentence above it
    rows = [
        {"what": words, "pairs": number, "says": f"{number:,} ({percent(number / total)})"} for words, number in counts
    ]
    y = alt.Y("what:N", sort=None, title=None, axis=alt.Axis(ticks=False, domain=False, labelLimit=260))
    bars = (
        _chart(rows)
        .mark_bar(color=CHOSEN, height={"band": 0.7})
        .encode(x=alt.X("pairs:Q", title="pairs", axis=WHOLE), y=y)
    )
    words = _chart(rows).mark_text(align="left", dx=5, color=SOFT).encode(x="pairs:Q", y=y, text="says:N")
    says = f"{title}: " + ", ".join(f"{row['what']} {row['says']}" for row in rows) + "."
    return _card_chart(name, title, says, alt.layer(bars, words), height=ROW * len(rows))


def _generators(sides: Sequence[Sides]) -> CardChart | None:
    shown = sorted(sides, key=lambda one: (-one.share, one.generator))[:MOST_GENERATORS]
    if len(shown) < 2:
        return None
    order = [one.generator for one in shown]
    rows = [
        {"generator": one.generator, "side": side, "pairs": count, "place": place}
        for one in shown
        for place, (side, count) in enumerate((("chosen", one.chosen), ("rejected", one.rejected)))
    ]
    y = alt.Y("generator:N", sort=order, title=None, axis=alt.Axis(ticks=False, domain=False, labelLimit=260))
    colour = alt.Color(
        "side:N",
        scale=alt.Scale(domain=["chosen", "rejected"], range=[CHOSEN, REJECTED]),
        legend=alt.Legend(title=None, orient="top"),
    )
    bars = (
        _chart(rows)
        .mark_bar(height={"band": 0.7})
        .encode(x=alt.X("pairs:Q", title="times in a pair", axis=WHOLE), y=y, color=colour, order="place:O")
    )
    says = "How often samples were chosen: " + ", ".join(f"{one.generator} {percent(one.share)}" for one in shown) + "."
    return _card_chart("generators", "Chosen and rejected, by generator", says, bars, height=ROW * len(shown))


def _chart(rows: Sequence[Row]) -> alt.Chart:
    return alt.Chart(alt.Data(values=list(rows)))


def _card_chart(
    name: str, title: str, says: str, chart: alt.Chart | alt.LayerChart | alt.FacetChart, *, height: int
) -> CardChart:
    drawn = (
        chart.properties(
            width=WIDTH,
            height=height,
            background="white",
            padding=14,
            autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
        )
        .properties(title=alt.TitleParams(title, anchor="start", frame="group", fontSize=15, color=INK, offset=12))
        .configure(font=FONT)
        .configure_view(stroke=None)
        .configure_axis(
            gridColor=GRID,
            domainColor=SOFT,
            tickColor=SOFT,
            labelColor=SOFT,
            titleColor=SOFT,
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
        )
        .configure_legend(labelColor=SOFT, labelFontSize=12)
        .configure_text(fontSize=12)
    )
    says = says.replace("[", "(").replace("]", ")").replace("\n", " ").replace("<", "")
    return CardChart(name, title, says, json.dumps(drawn.to_dict(), sort_keys=True))


def _slug(text: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in text.lower())
