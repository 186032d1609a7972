"""The card's charts, audits and changes: drawn from numbers, the same bytes each time, claiming what was looked for."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace

import pytest
import yaml
from PIL import Image

from curation.exports.card import card_text
from curation.exports.card.charts import charts_of, png_of
from curation.exports.card.licences import COMMON, hub_keys, spdx_address
from curation.exports.checksums import digest_of
from curation.exports.insight import Agreement, Insight, Margins, Sides, bins_of
from curation.exports.writing import write_export
from curation.gate.report import Finding, GateReport, Waiver
from tests.curation.exports.making import Store, picture_pairs, source

INSIGHT = Insight(
    prompts=6,
    margins=(Margins("score", bins_of([0.1, 0.2, 0.2, 0.9]), 0.2),),
    sides=(Sides("painter-0 r1", 30, 2), Sides("painter-1 r1", 8, 12)),
    agreement=Agreement(9, {"all votes with the winner": 3, "more than half": 1}, 0.8333, 3),
    basis={"people": 4, "machines": 2},
)
FINDING = Finding(
    code="same-on-both-sides",
    level="error",
    title="The same on both sides",
    count=1,
    unit="pairs",
    words="One pair shows the same picture twice.",
    remedy="Delete one.",
    digest="ab" * 32,
)


def written(tmp_path, **context) -> str:
    store = Store()
    write_export(
        source(picture_pairs(store), store, **{"insight": INSIGHT, **context}), ["canonical"], tmp_path / "out"
    )
    return (tmp_path / "out" / "README.md").read_text()


def test_every_chart_of_the_card_lies_beside_it_and_says_what_it_shows(tmp_path):
    text = written(tmp_path)

    names = [chart.path for chart in charts_of(INSIGHT)]
    assert names == ["assets/basis.png", "assets/agreement.png", "assets/margins-score.png", "assets/generators.png"]
    for chart in charts_of(INSIGHT):
        assert f"![{chart.says}]({chart.path})" in text
        with Image.open(tmp_path / "out" / chart.path) as picture:
            assert picture.format == "PNG"
            assert picture.width > 800
    assert "How often samples were chosen: painter-0 r1 94%, painter-1 r1 40%." in text
    listed = (tmp_path / "out" / "checksums.sha256").read_text()
    assert all(f"{digest_of(tmp_path / 'out' / name)}  {name}" in listed for name in names)


def test_the_same_numbers_are_the_same_bytes(tmp_path):
    first = [png_of(chart.spec) for chart in charts_of(INSIGHT)]
    png_of.cache_clear()

    assert [png_of(chart.spec) for chart in charts_of(INSIGHT)] == first
    other = replace(INSIGHT, sides=(Sides("painter-0 r1", 29, 3), INSIGHT.sides[1]))
    assert png_of(charts_of(other)[-1].spec) != first[-1]


def test_a_chart_draws_what_its_numbers_say():
    """The bar of the one chosen 30 times is longer than that of the other: counted in the picture itself."""
    with Image.open(io.BytesIO(png_of(charts_of(INSIGHT)[-1].spec))) as picture:
        rgb = picture.convert("RGB")
    blue = [sum(rgb.getpixel((x, y)) == (0x1B, 0x6C, 0xA8) for x in range(rgb.width)) for y in range(rgb.height)]

    bars = [width for width, rows in Counter(blue).items() if width > 40 and rows > 10]  # the legend is smaller

    assert len(bars) == 2
    assert max(bars) / min(bars) == pytest.approx(30 / 8, rel=0.02)


def test_nothing_is_drawn_where_there_are_no_numbers(tmp_path):
    text = written(tmp_path, insight=None)

    assert "![" not in text
    assert not (tmp_path / "out" / "assets").exists()


@pytest.mark.parametrize("values", [[], [0.5, 0.5]])
def test_margins_that_do_not_differ_are_no_chart(values):
    assert charts_of(Insight(margins=(Margins("score", bins_of(values), 0.5),))) == ()


def test_bins_hold_every_value_once():
    values = [0.0, 0.05, 0.5, 0.999, 1.0, 1.0]

    bins = bins_of(values, number=10)

    assert sum(one.count for one in bins) == len(values)
    assert (bins[0].low, bins[-1].high, bins[-1].count) == (0.0, 1.0, 3)


def test_agreement_is_told_in_words(tmp_path):
    text = written(tmp_path)

    assert "9 votes compare the two sides of a pair directly. 3 pairs have two or more" in text
    assert "83% of the votes stand with the winner" in text


def test_a_generator_that_nearly_always_wins_is_a_warning(tmp_path):
    assert "Nearly one-sided: painter-0 r1 (94% chosen)" in written(tmp_path)


def test_findings_stand_in_the_card_with_who_accepted_them(tmp_path):
    waived = replace(FINDING, waiver=Waiver("the artist | asked for it", "ada", "2026-11-20"))
    report = GateReport(
        "signs@3", "ab" * 32, 6, 12, (waived,), ("same-on-both-sides", "conflict"), {"cycle": "no votes"}
    )

    text = written(tmp_path, gate=report)

    assert "| error, accepted | The same on both sides | 1 pairs | One pair shows the same picture twice. |" in text
    assert "- *The same on both sides* was accepted by ada on 2026-11-20: the artist \\| asked for it" in text
    assert "Looked for and not found: chosen both ways." in text
    assert "(no votes)" in text
    assert "have not been checked for personal data" in text


def test_personal_data_that_was_looked_for_is_not_called_unchecked(tmp_path):
    report = GateReport("signs@3", "ab" * 32, 6, 12, (), ("personal-data",))

    text = written(tmp_path, gate=report)

    assert "Examined before it left, and nothing was found." in text
    assert "have not been checked for personal data" not in text


def test_what_changed_since_the_version_before_is_told(tmp_path):
    assert "## What changed since the version before\n\n12 pairs came." in written(
        tmp_path, changes=("12 pairs came.",)
    )


def test_a_card_of_layouts_alone_names_no_configs_and_turns_the_viewer_off():
    context = source(picture_pairs(Store())).context

    text = card_text(context, [], [], {}, place="ada/signs", revision="v3")

    header = yaml.safe_load(text.split("---")[1])
    assert header["viewer"] is False
    assert "configs" not in header


def test_a_published_card_can_be_cited_at_its_tag():
    context = replace(source(picture_pairs(Store())).context, created_on="2026-11-20")

    text = card_text(context, [], [], {}, place="ada/signs", revision="v3")

    assert "@misc{signs-3," in text
    assert "year = {2026}" in text
    assert "datasets/ada/signs/tree/v3" in text


@pytest.mark.parametrize("licence", COMMON)
def test_common_licences_are_known_to_the_hub_by_id(licence):
    assert hub_keys(licence) == {"license": licence}


@pytest.mark.parametrize(
    ("licence", "name"),
    [
        ("cc-by-4.0", "CC-BY-4.0"),
        ("cc0-1.0", "CC0-1.0"),
        ("mit", "MIT"),
        ("apache-2.0", "Apache-2.0"),
        ("odbl", "ODbL-1.0"),
        ("bsd-3-clause", "BSD-3-Clause"),
        ("cdla-permissive-2.0", "CDLA-Permissive-2.0"),
    ],
)
def test_the_text_of_a_licence_is_addressed_by_its_spdx_name(licence, name):
    assert spdx_address(licence) == f"https://spdx.org/licenses/{name}.html"
