"""Reader of lists: n samples in order, best first, ties allowed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from scoring.judges.base import Malformed, Mode, Reply, Template, Verdict
from scoring.judges.readers.base import (
    LABELS,
    NOUN,
    Option,
    Reader,
    flag_option,
    labelled,
    labels,
    noun,
    reasoning,
    shortened,
    spoken,
    without,
)


def read_order(template: Template, reply: Reply, n: int) -> Verdict:
    """A line `Ranking: 3 > 1 = 2` for each criterion, best first, every sample exactly once.

    Returns:
        Ranks in the order asked: 1 + how many are strictly better, so tied samples share the lower number.

    Raises:
        Malformed: no such line, a sample left out or named twice or unknown, or two lines that differ.
    """
    answer = spoken(reply)
    ranks: dict[str, Sequence[float]] = {}
    taken: list[int] = []
    for criterion in template.criteria:
        label = labels(template, "Ranking")[criterion.key]
        found = labelled(answer.said, label)
        if not found:
            raise Malformed(f"there is no line “{label}: …” in the answer")
        read = [_ranks(template, rest, n) for _number, rest in found]
        if any(one != read[0] for one in read):
            raise Malformed(f"“{label}” stands there with different orders")
        ranks[criterion.key] = read[0]
        taken += [number for number, _rest in found]
    return Verdict(ranks=ranks, reasoning=reasoning(answer.thought, without(answer.said, taken)))


def _ranks(template: Template, text: str, n: int) -> list[float]:
    groups = [[_number(template, one, n) for one in group.split("=")] for group in text.rstrip(" .").split(">")]
    named = [number for group in groups for number in group]
    missing = [number for number in range(1, n + 1) if number not in named]
    if missing or len(named) != n:
        what = f"leaves out {missing[0]}" if missing else "names one twice"
        raise Malformed(f"the order “{shortened(text)}” {what}; there are {n} to rank")
    if len(groups) < n and not flag_option(template, "ties", True):
        raise Malformed(f"the order “{shortened(text)}” has ties, which were not allowed")
    rank_of = {
        number: 1 + sum(len(g) for g in groups[:place]) for place, group in enumerate(groups) for number in group
    }
    return [float(rank_of[number]) for number in range(1, n + 1)]


def _number(template: Template, text: str, n: int) -> int:
    match = re.fullmatch(rf"\s*\[?(?:{re.escape(noun(template))}\s+)?([0-9]{{1,3}})\]?\s*", text, re.IGNORECASE)
    if match is None or not 1 <= int(match[1]) <= n:
        raise Malformed(f"“{shortened(text)}” in the order is none of 1 to {n}")
    return int(match[1])


def form_order(template: Template, n: int) -> str:
    ties = " (write = between two that are equally good)" if flag_option(template, "ties", True) else ""
    lines = "\n".join(f"{label}: <best> > <second> > …" for label in labels(template, "Ranking").values())
    return (
        f"End with the order from best to worst, every number from 1 to {n} exactly once{ties}, exactly in this "
        f"form:\n{lines}"
    )


ORDER_LINES = Reader(
    "order-lines",
    "a line “Ranking: 3 > 1 = 2” for each criterion",
    read_order,
    form_order,
    frozenset({Mode.LIST}),
    {"noun": NOUN, "labels": LABELS, "ties": Option("flag", True, "Whether samples may share a place.")},
)
