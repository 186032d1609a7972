"""The colours of the design system can be read: contrast by WCAG 2.2, both themes, from the style sheet itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CSS = Path(__file__).resolve().parents[1] / "static" / "css" / "tokens.css"

# Text on ground needs 4.5 to 1; the edge of a field or a mark that carries meaning needs 3 to 1.
TEXT = [
    ("ink", "ground"),
    ("ink", "panel"),
    ("ink", "sunk"),
    ("soft", "ground"),
    ("soft", "panel"),
    ("soft", "sunk"),
    ("soft-on-wash", "funnel-from"),
    ("soft-on-wash", "sunk"),
    ("accent", "panel"),
    ("accent", "ground"),
    ("accent", "wash"),
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("good", "panel"),
    ("good", "good-wash"),
    ("bad", "panel"),
    ("bad", "bad-wash"),
]
EDGES = [("edge", "panel"), ("edge", "ground"), ("accent", "track")]


def _tokens(theme: str) -> dict[str, str]:
    block = re.search(rf'\[data-bs-theme="{theme}"\] {{\n  color-scheme.*?}}', CSS.read_text(), re.S)
    assert block, f"tokens.css has no block for the {theme} theme"
    return dict(re.findall(r"--pw-([a-z-]+): (#[0-9a-f]{6});", block[0]))


def _luminance(colour: str) -> float:
    """Relative luminance of an sRGB colour, 0 to 1 (WCAG 2.2, "relative luminance")."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), TEXT)
def test_text_can_be_read_on_its_ground(theme, text, ground) -> None:
    tokens = _tokens(theme)

    assert _contrast(tokens[text], tokens[ground]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("edge", "ground"), EDGES)
def test_edges_of_fields_and_bars_can_be_seen(theme, edge, ground) -> None:
    tokens = _tokens(theme)

    assert _contrast(tokens[edge], tokens[ground]) >= 3


def test_black_on_white_has_the_contrast_everybody_knows() -> None:
    assert _contrast("#000000", "#ffffff") == pytest.approx(21)
