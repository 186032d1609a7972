"""Names on the Hub: what may be one, said before anything is asked of it."""

from __future__ import annotations

import re

from curation.errors import Refused

_OWNER_AND_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_TOKEN = re.compile(r"hf_[A-Za-z0-9_]+")


def repository_name(text: str) -> str:
    """`owner/name`, checked by the Hub's rules.

    Raises:
        Refused: it cannot be a name there; says what one looks like.
    """
    name = text.strip().removeprefix("https://huggingface.co/").removeprefix("datasets/").strip("/")
    is_odd = "--" in name or ".." in name or name.endswith((".git", ".ipynb", "-", "."))
    if is_odd or not _OWNER_AND_NAME.fullmatch(name):
        raise Refused(
            f"“{text.strip()}” is no repository of the Hub. Write owner/name, such as ada/signs-and-scenes: letters, "
            "digits, single dots, hyphens and underscores."
        )
    return name


def tag_name(label: str) -> str:
    """The tag of a version: `v3` of 3, `v3.1` of 3.1."""
    return f"v{label}"


def without_tokens(text: str) -> str:
    """The same words with anything that looks like a token of the Hub struck out."""
    return _TOKEN.sub("hf_…", text)
