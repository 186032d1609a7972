"""From the answers of comparisons to their report: every figure of every criterion, and the comparisons behind it.

Each comparison is asked in both orders. What the two answers agree on is what it comes to; where they differ it is a
tie, as in a job of the judge (`scoring.judges.orders`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from scoring.probes import figures
from scoring.probes.bars import BARS, Bar
from scoring.probes.kinds import EVERY, Family
from scoring.probes.report import Broken, Finding, OnCriterion, Report, furthest, parts_of, worst_of
from scoring.scorers.base import Output


class Said(StrEnum):
    """One answer, seen from the input."""

    FOR = "for"
    AGAINST = "against"
    TIE = "tie"
    BAD = "bad"  # neither may be chosen


OTHER_SIDE: Mapping[Said, Said] = {Said.FOR: Said.AGAINST, Said.AGAINST: Said.FOR}
CREDIT: Mapping[Said, float] = {Said.FOR: 1.0, Said.AGAINST: 0.0}


def comes_to(both: tuple[Said, Said]) -> Said:
    """What two answers to one comparison come to.

    >>> comes_to((Said.FOR, Said.FOR)).value, comes_to((Said.FOR, Said.AGAINST)).value
    ('for', 'tie')
    """
    return both[0] if both[0] == both[1] else Said.TIE


@dataclass(frozen=True)
class Compared:
    """What a judge said of one comparison.

    Attributes:
        values: by criterion: the answer with the input shown first, and that with the input shown second; empty where
            there is none, and `reason` then says why.
    """

    position: int
    probe: str
    group: int
    original: int
    values: Mapping[str, tuple[Said, Said]] = field(default_factory=dict)
    reason: str = ""


def report(answers: Sequence[Compared], outputs: Sequence[Output], bars: Mapping[str, Bar] = BARS) -> Report:
    """Every figure of every criterion that was answered.

    Args:
        answers: of one suite, in any order; the two of a real pair, one for each side, are both among them.
    """
    ordered = sorted(answers, key=lambda one: one.position)
    unscored = Counter(answer.probe for answer in ordered if not answer.values)
    found = [_Criterion(ordered, output.criterion, bars).found() for output in outputs]
    criteria = tuple(one for one in found if one.genuine)
    reasons = [one.reason for one in ordered if one.probe == "genuine"]
    return Report(criteria, dict(sorted(unscored.items())), "" if criteria else next(iter(reasons), ""))


# -- one criterion ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Row:
    """A comparison that was answered, and where the sample that its input was put beside is shown."""

    answer: Compared
    both: tuple[Said, Said]
    against: int

    @property
    def said(self) -> Said:
        return comes_to(self.both)


@dataclass
class _Criterion:
    answers: Sequence[Compared]
    criterion: str
    bars: Mapping[str, Bar]

    def found(self) -> OnCriterion:
        return OnCriterion(
            criterion=self.criterion,
            genuine=len(self._pairs),
            spread=None,
            within=None,
            equal_pairs=None,
            is_deaf=not any(answer.probe == "wrong_prompt" for answer in self.answers),
            findings=tuple(self._findings()) if self._pairs else (),
        )

    @cached_property
    def _sides(self) -> Mapping[int, Sequence[Compared]]:
        """The rows of each prompt's real pair: its first sample, then its last."""
        sides: dict[int, list[Compared]] = defaultdict(list)
        for answer in self.answers:
            if answer.probe == "genuine":
                sides[answer.group].append(answer)
        return sides

    @cached_property
    def _pairs(self) -> list[_Row]:
        """Real pairs, each from the side of its first sample."""
        return [
            _Row(first, first.values[self.criterion], last.position)
            for first, last in self._sides.values()
            if self.criterion in first.values
        ]

    def _rows(self, family: Family) -> list[_Row]:
        return [
            _Row(answer, answer.values[self.criterion], self._against(answer))
            for answer in self.answers
            if EVERY[answer.probe].family == family and self.criterion in answer.values
        ]

    def _against(self, answer: Compared) -> int:
        """Everything is put beside the first sample of its prompt, but a copy of it beside the last one."""
        first, last = self._sides[answer.group]
        is_copy_of_first = EVERY[answer.probe].family == Family.BESIDE and answer.original == first.original
        return last.position if is_copy_of_first else first.position

    # -- figures ------------------------------------------------------------------------------------------------------

    def _findings(self) -> Iterator[Finding]:
        surface = self._rows(Family.SURFACE)
        yield from self._false_positives()
        yield from self._worst("pair_surface", surface, lambda row: float(row.said in CREDIT))
        yield from self._worst("pair_polish", surface, _is_won)
        yield from self._order_flips()
        yield from self._worst("pair_injection", self._rows(Family.INJECTION), _is_won)
        yield from self._worst("pair_wrong_prompt", self._rows(Family.PROMPT), _is_lost)
        yield from self._worst("pair_time", self._rows(Family.TIME), _is_lost)
        yield from self._position_flips()
        yield from self._plainly("ties", [(row, float(_is_even(row))) for row in self._pairs])

    def _false_positives(self) -> Iterator[Finding]:
        """What got no answer fooled nobody: it counts, with no credit. Both bad is no tie: it may not be chosen."""
        rows = self._rows(Family.DEGENERATE)
        said = self._said(rows, lambda row: float(row.said in (Said.FOR, Said.TIE)))
        for answer in self.answers:
            if EVERY[answer.probe].family == Family.DEGENERATE and self.criterion not in answer.values:
                said[answer.probe].append((0.0, answer.group))
        broken = [_broken(row, CREDIT.get(row.said, 0.5)) for row in rows if row.said in (Said.FOR, Said.TIE)]
        yield from self._of_parts("pair_false_positives", said, broken)

    def _order_flips(self) -> Iterator[Finding]:
        """Held against what the pair comes to as it is; a pair without a preference has none to turn."""
        rows, turned = [], {}
        for row in self._rows(Family.BESIDE):
            before = next((one for one in self._pairs if one.answer.group == row.answer.group), None)
            if before is None or before.said not in CREDIT:
                continue
            is_first = row.answer.original == before.answer.original
            expected = before.said if is_first else OTHER_SIDE[before.said]
            turned[row.answer.position] = abs(CREDIT.get(row.said, 0.5) - CREDIT[expected])
            rows.append(row)
        yield from self._worst("pair_order_flips", rows, lambda row: turned[row.answer.position])

    def _position_flips(self) -> Iterator[Finding]:
        """Over two samples of one prompt: a sample and its own copy may be alike, and then the place has to decide."""
        rows = [*self._pairs, *self._rows(Family.BESIDE)]
        yield from self._plainly("position_flips", [(row, float(row.both[0] != row.both[1])) for row in rows])

    # -- a figure -----------------------------------------------------------------------------------------------------

    def _worst(self, name: str, rows: Sequence[_Row], measure: Callable[[_Row], float]) -> Iterator[Finding]:
        """The figure of each input, and that of the worst; broken is what went the wrong way, were it by half."""
        wrong = (lambda row: 1 - measure(row)) if self.bars[name].high_is_good else measure
        broken = [_broken(row, wrong(row)) for row in rows if wrong(row) > 0]
        yield from self._of_parts(name, self._said(rows, measure), broken)

    def _said(self, rows: Sequence[_Row], measure: Callable[[_Row], float]) -> dict[str, list[tuple[float, int]]]:
        said: dict[str, list[tuple[float, int]]] = defaultdict(list)
        for row in rows:
            said[row.answer.probe].append((measure(row), row.answer.group))
        return said

    def _of_parts(
        self, name: str, said: Mapping[str, Sequence[tuple[float, int]]], broken: Sequence[Broken]
    ) -> Iterator[Finding]:
        parts = parts_of(said, figures.share)
        if parts:
            yield worst_of(name, self.bars[name], parts, broken, self.answers)

    def _plainly(self, name: str, counted: Sequence[tuple[_Row, float]]) -> Iterator[Finding]:
        figure = figures.share([one for _row, one in counted], [row.answer.group for row, _one in counted])
        if figure is None:
            return
        verdict = self.bars[name].verdict(figure)
        broken = [_broken(row, one) for row, one in counted if one]
        yield Finding(name, figure, verdict, broken=furthest(broken, verdict, self.answers))


def _is_won(row: _Row) -> float:
    return float(row.said == Said.FOR)


def _is_lost(row: _Row) -> float:
    """1 where the sample beside the input won, one half where neither did."""
    return 1 - CREDIT.get(row.said, 0.5)


def _is_even(row: _Row) -> bool:
    """Said twice that neither is better; what changes with the order is counted where the order is."""
    return row.both[0] == row.both[1] and row.said not in CREDIT


def _broken(row: _Row, by: float) -> Broken:
    return Broken(row.answer.position, row.against, by)
