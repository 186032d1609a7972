"""Licences a dataset may be published under: SPDX identifiers the Hub knows, and `other` with a name."""

from __future__ import annotations

import re

# Those that suit data, the most usual first; a form offers them.
COMMON: dict[str, str] = {
    "cc-by-4.0": "Creative Commons Attribution 4.0",
    "cc-by-sa-4.0": "Creative Commons Attribution ShareAlike 4.0",
    "cc0-1.0": "Creative Commons Zero 1.0",
    "cc-by-nc-4.0": "Creative Commons Attribution NonCommercial 4.0",
    "cc-by-nc-sa-4.0": "Creative Commons Attribution NonCommercial ShareAlike 4.0",
    "cc-by-nd-4.0": "Creative Commons Attribution NoDerivatives 4.0",
    "cc-by-nc-nd-4.0": "Creative Commons Attribution NonCommercial NoDerivatives 4.0",
    "odc-by": "Open Data Commons Attribution",
    "odbl": "Open Database License",
    "pddl": "Public Domain Dedication and License",
    "cdla-permissive-1.0": "Community Data License Agreement Permissive 1.0",
    "cdla-permissive-2.0": "Community Data License Agreement Permissive 2.0",
    "cdla-sharing-1.0": "Community Data License Agreement Sharing 1.0",
    "apache-2.0": "Apache License 2.0",
    "mit": "MIT License",
    "bsd-3-clause": "BSD 3-Clause",
    "openrail": "Open RAIL",
    "creativeml-openrail-m": "CreativeML Open RAIL-M",
}

# Others the Hub knows by id; anything else is `other` with its name.
KNOWN = frozenset(
    {
        *COMMON,
        *("bsd-2-clause", "unlicense", "gpl-3.0", "lgpl-3.0", "agpl-3.0", "cc-by-3.0", "cc-by-sa-3.0", "cc-by-nc-3.0"),
        *("cc-by-nc-sa-3.0", "openrail++", "bigscience-openrail-m", "unknown", "other"),
    }
)


def hub_keys(licence: str, link: str = "") -> dict[str, str]:
    """The card's keys of a licence; none for none.

    >>> hub_keys("CC-BY-4.0")
    {'license': 'cc-by-4.0'}
    >>> hub_keys("House Licence 2")
    {'license': 'other', 'license_name': 'house-licence-2'}
    """
    if not licence:
        return {}
    if licence.lower() in KNOWN:
        return {"license": licence.lower()}
    name = re.sub(r"[^a-z0-9.]+", "-", licence.lower()).strip("-")
    return {"license": "other", "license_name": name, **({"license_link": link} if link else {})}


def spdx_address(licence: str) -> str:
    """Where the text of a known licence stands; empty for one that is not in SPDX's list."""
    names = {"odc-by": "ODC-By-1.0", "odbl": "ODbL-1.0", "pddl": "PDDL-1.0", "mit": "MIT"}
    known = licence.lower()
    if known not in COMMON or "openrail" in known:
        return ""
    return f"https://spdx.org/licenses/{names.get(known, _spdx_case(known))}.html"


def _spdx_case(licence: str) -> str:
    """`CC-BY-4.0` of `cc-by-4.0`, `Apache-2.0` of `apache-2.0`."""
    head, _dash, rest = licence.partition("-")
    words = {"apache": "Apache", "cdla": "CDLA", "bsd": "BSD", "cc": "CC", "cc0": "CC0"}
    if head in ("cdla", "bsd"):
        return f"{words[head]}-" + "-".join(part.capitalize() for part in rest.split("-"))
    return f"{words.get(head, head)}-{rest.upper()}"
