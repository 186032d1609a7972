"""A dataset card as a page may show it: its YAML as text, its words as HTML that nobody's words can break."""

from __future__ import annotations

from dataclasses import dataclass

from markdown_it import MarkdownIt

# Raw HTML stays text, and no picture is fetched from anywhere.
_MARKDOWN = MarkdownIt("js-default", {"html": False, "linkify": False}).disable("image")


@dataclass(frozen=True)
class CardPreview:
    header: str
    html: str


def preview(card: str) -> CardPreview:
    """The two parts of a README.md; without front matter the header is empty."""
    header, body = "", card
    if card.startswith("---\n"):
        header, _rule, body = card[4:].partition("\n---\n")
    tokens = _MARKDOWN.parse(body)
    for token in tokens:
        # Alignment comes as an inline style, which the content security policy refuses.
        if "right" in str(token.attrs.pop("style", "")):
            token.attrs["class"] = "num"
    return CardPreview(header, _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))
