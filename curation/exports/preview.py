"""A dataset card as a page may show it: its YAML as text, its words as HTML that nobody's words can break."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token


def _picture(self: RendererHTML, tokens: Sequence[Token], place: int, options: Any, env: Any) -> str:
    """A picture of the card itself; of any other only its words, because nothing is fetched from anywhere."""
    token = tokens[place]
    address = env["pictures"].get(str(token.attrs.get("src", "")))
    words = escape(token.content)
    return f'<img src="{escape(address)}" alt="{words}">' if address else words


# Raw HTML stays text.
_MARKDOWN = MarkdownIt("js-default", {"html": False, "linkify": False})
_MARKDOWN.add_render_rule("image", _picture)


@dataclass(frozen=True)
class CardPreview:
    header: str
    html: str


def preview(card: str, pictures: Mapping[str, str] | None = None) -> CardPreview:
    """The two parts of a README.md; without front matter the header is empty.

    Args:
        pictures: addresses of the card's own pictures, by the path the card names them with.
    """
    header, body = "", card
    if card.startswith("---\n"):
        header, _rule, body = card[4:].partition("\n---\n")
    tokens = _MARKDOWN.parse(body)
    for token in tokens:
        # Alignment comes as an inline style, which the content security policy refuses.
        if "right" in str(token.attrs.pop("style", "")):
            token.attrs["class"] = "num"
    return CardPreview(header, _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {"pictures": pictures or {}}))
