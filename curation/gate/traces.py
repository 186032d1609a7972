"""What in a text looks as if it named a person or a machine: addresses, numbers, names of users in paths.

Rules of thumb, and on the careful side: a warning that is mostly wrong is soon not read. What is reserved for examples
(example.org, 192.0.2.0/24) names nobody. Nothing here repeats what it found.
"""

from __future__ import annotations

import ipaddress
import re

EMAIL = "e-mail address"
TELEPHONE = "telephone number"
IP = "IP address"
USER_PATH = "path with a user's name"

# For polars, which knows no lookaround: every text that any rule below could match has one of these.
MAYBE = r"@|\d[\d\s().\-/]{5,}\d|:[0-9A-Fa-f]{0,4}:|/home/|[\\/]Users[\\/]"
MAYBE_PATH = r"[/\\]"

_EMAIL = re.compile(
    r"(?<![\w.+-])[A-Za-z0-9][A-Za-z0-9._%+-]*@((?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,24})(?![\w-])"
)
_RESERVED = re.compile(r"(?:^|\.)(?:example\.(?:com|net|org)|example|invalid|test|localhost|local)$", re.IGNORECASE)

# Country code first: +49 151 23456789, 0049-151-2345678. After zeros there must be groups, one of four digits or more.
_ABROAD = re.compile(
    r"(?<![\w+.])(?:\+|00(?=\d{1,3}[\s.\-/](?:\d{1,3}[\s.\-/])*\d{4}))"
    r"[1-9]\d{0,2}(?:[\s.\-/]?\(?\d{1,5}\)?){2,6}(?![\w.]*\d)"
)
# (555) 234-5678, 555-234-5678: with brackets or with the same mark twice; between mere spaces stand numbers in a row.
_AMERICAN = re.compile(
    r"(?<![\w.\-/])(?:1[\s.\-])?"
    r"(?:\([2-9]\d{2}\)\s?[2-9]\d{2}[\s.\-]\d{4}|[2-9]\d{2}([.\-])[2-9]\d{2}\1\d{4})"
    r"(?![\w\-/]|\.\d)"
)
# A leading zero and groups: 030/1234567, 0151 23456789, 020 7946 0958.
_NATIONAL = re.compile(r"(?<![\w.,\-/:])\(?0[1-9]\d{0,4}\)?(?:[\s\-/]{1,3}\d{2,9}){1,4}(?![\w\-/:]|[.,]\d)")
# After a word that announces one, any seven to fifteen digits.
_ANNOUNCED = re.compile(
    r"\b(?:tel|phone|telephone|mobile|whatsapp|fax|call me at|call me on)\b"
    r"[.:]?\s*(?:no\.?|number|is)?[.:\s]*(\+?[\d(][\d\s().\-/]{5,20}\d)",
    re.IGNORECASE,
)
_DATE = re.compile(r"(?<!\d)(?:\d{4}[.\-/]\d{1,2}[.\-/]\d{1,2}|\d{1,2}[.\-/]\d{1,2}[.\-/]\d{2,4})(?!\d)")

_IPV4 = re.compile(r"(?<![\w.\-])(?:\d{1,3}\.){3}\d{1,3}(?![\w\-]|\.\w)")
_NUMBERED = re.compile(r"(?:version|ver|release|build|chapter|section|firmware|v)\.?\s*$", re.IGNORECASE)
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{1,4}:[0-9A-Fa-f:]{3,34}(?![\w:.])")
_DOCUMENTATION = [
    ipaddress.ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
]

_USER = re.compile(r"(?:/home/|/Users/|[A-Za-z]:[\\/]+Users[\\/]+)([^/\\\s\"'`]+)")
_NOBODY = frozenset(
    {
        "user",
        "username",
        "users",
        "you",
        "me",
        "name",
        "yourname",
        "default",
        "public",
        "shared",
        "ubuntu",
        "admin",
        "runner",
        "guest",
        "all",
    }
)

_ROOTS = (
    "home|Users|root|mnt|media|data|opt|srv|tmp|var|usr|etc|work|workspace|scratch|gpfs|lustre|nfs|cluster|projects|"
    "private|Volumes|content|kaggle|storage|datasets|models|checkpoints"
)
_LOCAL = re.compile(
    rf"(?<![\w:/.\\])/(?:{_ROOTS})/[\w.\-]+"  # /mnt/disk
    r"|(?<![\w/])~/[\w.\-]+"  # ~/models
    r"|(?<![\w])[A-Za-z]:\\+[\w.\-]+"  # C:\models
    r"|(?<![\w\\])\\\\[\w.\-]+\\[\w.\-$]+"  # \\host\share
    r"|\bfile:/{1,3}[\w.\-]+"
)


def kinds_in(text: str) -> list[str]:
    """What kinds of personal data a text seems to hold, each once: some of the four names above."""
    found = [
        (EMAIL, _has_email(text)),
        (TELEPHONE, _has_telephone(text)),
        (IP, _has_ip(text)),
        (USER_PATH, _has_user(text)),
    ]
    return [kind for kind, is_there in found if is_there]


def names_a_local_path(text: str) -> bool:
    """Whether a text holds an absolute path of some machine; addresses on the web and names of models are none."""
    return _LOCAL.search(text) is not None


def _has_email(text: str) -> bool:
    return any(not _RESERVED.search(found.group(1)) for found in _EMAIL.finditer(text))


def _has_telephone(text: str) -> bool:
    text = _DATE.sub("·", text)
    fixed = [(_ABROAD, 8, 15), (_AMERICAN, 10, 11), (_NATIONAL, 9, 13)]
    if any(low <= _digits(found.group()) <= high for rule, low, high in fixed for found in rule.finditer(text)):
        return True
    return any(7 <= _digits(found.group(1)) <= 15 for found in _ANNOUNCED.finditer(text))


def _digits(text: str) -> int:
    return sum(letter.isdigit() for letter in text)


def _has_ip(text: str) -> bool:
    return any(
        _is_somebodys(found.group()) and not _NUMBERED.search(text[: found.start()]) for found in _IPV4.finditer(text)
    ) or any(_is_somebodys(found.group()) for found in _IPV6.finditer(text))


def _is_somebodys(written: str) -> bool:
    """Whether it is an address on the public net; four single digits and two words with a colon are rather not."""
    if re.fullmatch(r"\d(?:\.\d){3}", written) or (":" in written and len(re.findall(r"[0-9A-Fa-f]+", written)) < 3):
        return False
    try:
        address = ipaddress.ip_address(written)
    except ValueError:
        return False
    is_plain = address.is_global and not address.is_multicast
    return is_plain and not any(address in net for net in _DOCUMENTATION if net.version == address.version)


def _has_user(text: str) -> bool:
    return any(found.group(1).strip("<>{}[]$%").casefold() not in _NOBODY for found in _USER.finditer(text))
