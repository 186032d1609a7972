"""Markdown that nobody's words can break: tables, lines, counts."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence


def table(heads: Sequence[str], rows: Iterable[Iterable[str]], right: Collection[int] = ()) -> str:
    """A table without the columns that are empty in every row; numbers, at the places `right`, to the right."""
    cells = [[inline(cell) for cell in row] for row in rows]
    filled = [place for place in range(len(heads)) if any(row[place] for row in cells)]
    rule = ["--:" if place in right else "---" for place in range(len(heads))]
    lines = [[line[place] for place in filled] for line in [list(heads), rule, *cells]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def inline(text: str) -> str:
    """Somebody's words on one line, unable to end a table cell or to open a tag."""
    return re.sub(r"\s+", " ", prose(text)).replace("|", "\\|").strip()


def prose(text: str) -> str:
    """Somebody's words, unable to open a tag."""
    return text.replace("<", "&lt;").strip()


def joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def fenced(text: str, language: str) -> str:
    """A block of code whose own fences cannot end it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, 1 + longest)
    return f"{fence}{language}\n{text.strip()}\n{fence}"


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def percent(share: float) -> str:
    return f"{share:.0%}"


def size(number: int) -> str:
    amount, unit = float(number), "B"
    for larger in ("kB", "MB", "GB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:,.0f} {unit}" if unit == "B" else f"{amount:,.1f} {unit}"
