"""Searching texts: every word of the search must begin a word of the text.

The configuration `simple` knows no language, so it stems nothing and drops no stop word.
"""

from __future__ import annotations

import re

from django.contrib.postgres.search import SearchQuery, SearchVector


def text_vector(field: str) -> SearchVector:
    """The words of a text, as the indexes hold them."""
    return SearchVector(field, config="simple")


# The expression of the indexes on texts; a search must use the very same one to be served by them.
TEXT_VECTOR = text_vector("text")


def prefix_query(words: str) -> SearchQuery | None:
    """The search for these words as beginnings; None when there is no word in them."""
    terms = [f"'{word}':*" for word in re.findall(r"\w+", words.lower())]
    return SearchQuery(" & ".join(terms), config="simple", search_type="raw") if terms else None
