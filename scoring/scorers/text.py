"""Comparing texts: one stated normalisation, words in any script, edit distance, quoted phrases."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

APOSTROPHES = "'’ʼ"
# Scripts written without spaces, where every character counts as a word: first and last code points.
IDEOGRAPHS = (
    (0x3041, 0x30FF),  # kana
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)

PAIRS = (("“", "”"), ("„", "“"), ("„", "”"), ("«", "»"), ("»", "«"), ("「", "」"), ("『", "』"))
QUOTED = (
    *(re.compile(f"{start}([^{start}{end}]*){end}") for start, end in PAIRS),
    # After a digit a straight double quote means inches.
    re.compile(r'(?<!\d)"([^"]*)"'),
    # A single quote is an apostrophe as often as not: it opens after a space or bracket, closes before a space or
    # punctuation, and one letter between two of them is an elision (rock 'n' roll).
    re.compile(r"(?<![^\s(\[:])['‘]([^'‘’\n]{2,}(?:['’]\w[^'‘’\n]*)*)['’](?=[\s.,;:!?)\]]|$)"),
)


def comparable(text: str) -> str:
    """The form in which texts are compared: compatibility forms unified (NFKC), case folded, words only, one space.

    Apostrophes are dropped, since recognisers and writers disagree about which one it is.

    >>> comparable("  Grand—OPENING, 50% off! Don’t miss it ")
    'grand opening 50 off dont miss it'
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(words("".join(character for character in folded if character not in APOSTROPHES)))


def words(text: str) -> list[str]:
    """The words of a text in order, in any script.

    A word is a run of letters, digits and combining marks (Unicode categories L, N, M), with apostrophes inside it; a
    Han or kana character is a word of its own. Scripts without spaces other than these (Thai, Khmer) are not divided.

    >>> words("Don't stop, 東京 2024")
    ["Don't", 'stop', '東', '京', '2024']
    """
    return "".join(_with_borders(text)).split("\n")[1:]


def _with_borders(text: str) -> Iterator[str]:
    """The characters of words, with a line feed before each word."""
    before = ""
    for place, character in enumerate(text):
        kind = _kind(character)
        if character in APOSTROPHES and before == "letter" and _kind(text[place + 1 : place + 2]) == "letter":
            kind = "letter"
        if kind == "ideograph" or (kind == "letter" and before != "letter"):
            yield "\n"
        if kind:
            yield character
        before = kind


def _kind(character: str) -> str:
    """`letter` for what words are made of, `ideograph` for a word by itself, empty for anything else."""
    if not character or unicodedata.category(character)[0] not in "LNM":
        return ""
    if any(first <= ord(character) <= last for first, last in IDEOGRAPHS):
        return "ideograph"
    return "letter"


def quoted(text: str) -> list[str]:
    """The phrases a text puts in quotation marks, in order, straight or curly, double, angled, corner or single.

    Empty and blank quotes are skipped; a quote inside a quote belongs to the outer one.

    >>> quoted('A sign that says "OPEN" beside one with “Closed today”')
    ['OPEN', 'Closed today']
    """
    found = [(match.start(), match.end(), match[1]) for pattern in QUOTED for match in pattern.finditer(text)]
    phrases: list[str] = []
    reached = 0
    for start, end, phrase in sorted(found, key=lambda span: (span[0], -span[1])):
        if start >= reached:
            reached = end
            phrases.append(phrase.strip())
    return [phrase for phrase in phrases if comparable(phrase)]


def edit_distance(left: Sequence[str] | str, right: Sequence[str] | str) -> int:
    """Levenshtein's distance: the fewest insertions, deletions and substitutions that turn one into the other.

    Time is the product of the lengths; memory one row.

    Source: Wagner and Fischer, "The string-to-string correction problem", JACM 21(1), 1974.

    >>> edit_distance("kitten", "sitting")
    3
    """
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, start=1):
        diagonal, row[0] = row[0], i
        for j, b in enumerate(right, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (a != b))
    return row[-1]


def edit_similarity(left: str, right: str) -> float:
    """1 − edit distance / length of the longer text; 1 for two empty texts.

    >>> edit_similarity("open", "opan")
    0.75
    """
    longer = max(len(left), len(right))
    return 1.0 if longer == 0 else 1.0 - edit_distance(left, right) / longer


def recall(expected: Sequence[str], found: Sequence[str]) -> float:
    """Share of the expected words that were found, each found word used once.

    Raises:
        ValueError: nothing is expected (0 / 0 has no answer).

    >>> recall(["fresh", "bread", "bread"], ["bread", "fresh", "daily"])
    0.6666666666666666
    """
    if not expected:
        raise ValueError("recall of no expected words is not defined")
    shared = Counter(expected) & Counter(found)
    return shared.total() / len(expected)
