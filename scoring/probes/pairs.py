"""A suite for whoever compares two at a time: which comparisons there are, in a fixed order, and each as two items.

Of each prompt two samples take part, its first and its last: all pairs of three would cost three times the questions
and say the same. Whatever stands in for an answer, and whatever is done to one, is put beside the first; copies changed
on the surface are put beside the other sample as well, to see whether its order turns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scoring.probes.kinds import BESIDE, EVERY, PROBES, Family, Probe
from scoring.probes.suite import Case, Groups, Maker, derangement, kind_of, places_of
from scoring.scorers.base import Item, Needs


@dataclass(frozen=True)
class Comparison(Case):
    """One comparison: an input, and the sample it is put beside.

    Attributes:
        original: number of the sample the input is made of; with a wrong prompt a sample of another prompt.
        against: number of the sample beside it.
        mirrors: position of the comparison that this one is, seen from its other side; it is not asked. None for all
            that are asked. So each of the two samples has a row of its own, to be shown beside what was held against
            it.
    """

    against: int
    mirrors: int | None = None


def comparisons(groups: Groups, needs: Needs, seed: int) -> list[Comparison]:
    """Every comparison of a suite over these originals, prompt by prompt.

    Args:
        groups: at least one, each with at least two samples.
        needs: of the judge; one that reads neither prompt nor facts is not asked about a wrong prompt.
        seed: of the exchange of prompts.
    """
    firsts = _firsts(groups)
    foreign = _foreign(groups, firsts, seed) if len(groups) > 1 and (needs.prompt_text or needs.facts) else {}
    found: list[Comparison] = []
    for group, items in enumerate(groups):
        for probe, original, against in _of_prompt(items, firsts[group], foreign.get(group, ()), needs):
            mirrors = len(found) - 1 if probe == "genuine" and against == firsts[group] else None
            found.append(Comparison(len(found), probe, group, original, against, mirrors))
    return found


def _firsts(groups: Groups) -> list[int]:
    """The number of the first sample of each prompt."""
    firsts = [0]
    for group in groups[:-1]:
        firsts.append(firsts[-1] + len(group))
    return firsts


def _foreign(groups: Groups, firsts: Sequence[int], seed: int) -> Mapping[int, tuple[int, int]]:
    """For each prompt the first and the last sample of another one."""
    others = derangement(len(groups), seed)
    return {other: (firsts[group], firsts[group] + len(groups[group]) - 1) for group, other in enumerate(others)}


def _of_prompt(
    items: Sequence[Item], first: int, foreign: Sequence[int], needs: Needs
) -> Iterator[tuple[str, int, int]]:
    """Probe, original and the sample beside it."""
    last = first + len(items) - 1
    yield "genuine", first, last
    yield "genuine", last, first
    pair = (items[0], items[-1])
    kinds = [kind_of(item, needs) for item in pair]
    for probe in PROBES.values():
        if probe.family in (Family.GENUINE, Family.PROMPT) or 0 not in places_of(probe, pair, kinds):
            continue
        yield probe.key, first, first
        yield from _beside(probe, first, last)
    yield from (("wrong_prompt", number, first) for number in foreign)


def _beside(probe: Probe, first: int, last: int) -> Iterator[tuple[str, int, int]]:
    if probe.key in BESIDE:
        yield BESIDE[probe.key].key, first, last
        yield BESIDE[probe.key].key, last, first


class PairMaker:
    """Makes both items of a comparison. A sample as it is is made once, so that it has the same bytes everywhere.

    Args:
        groups: the originals, prompt by prompt.
        needs: of the judge.
        folder: where pictures and films are written; emptied by whoever gave it.
    """

    def __init__(self, groups: Groups, needs: Needs, folder: Path) -> None:
        self._maker = Maker(groups, needs, folder, seed=0)
        self._genuine: dict[int, Item] = {}

    def pair(self, case: Comparison) -> tuple[Item, Item]:
        """The input and what is put beside it, under one prompt.

        Raises:
            ValueError: an original cannot be decoded.
        """
        against = self._as_it_is(case.against)
        return self._input(case, against), replace(against, sample_id=-(2 * case.position + 2))

    def _as_it_is(self, original: int) -> Item:
        if original not in self._genuine:
            # Below 0, so that its files have names of their own beside those of the comparisons.
            self._genuine[original] = self._maker.made(Case(-(original + 1), "genuine", 0, original))
        return self._genuine[original]

    def _input(self, case: Comparison, against: Item) -> Item:
        if case.probe in ("genuine", "wrong_prompt"):
            made = self._as_it_is(case.original)
        else:
            made = self._maker.made(Case(case.position, _change(case.probe), case.group, case.original))
        # The prompt is that of the sample beside it, media of its roles included: one question has one prompt.
        return replace(
            made,
            sample_id=-(2 * case.position + 1),
            prompt_id=against.prompt_id,
            prompt_text=against.prompt_text,
            turns=against.turns,
            facts=against.facts,
            roles=against.roles,
            reference_texts=against.reference_texts,
        )


def _change(probe: str) -> str:
    """The probe that makes an input: a copy beside another sample is the copy itself."""
    return probe.removesuffix("_beside") if EVERY[probe].family == Family.BESIDE else probe
