"""From the answers of a suite to its report: every figure of every criterion, its verdict, and the inputs behind it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import median
from typing import Protocol

from scoring.probes import figures
from scoring.probes.bars import BARS, Bar, Verdict, worst
from scoring.probes.figures import Figure, credit
from scoring.probes.kinds import EVERY, PROBES, Family
from scoring.scorers.base import Needs, Output

# So many inputs that broke a figure are kept to be looked at.
SHOWN = 6


@dataclass(frozen=True)
class Answer:
    """What a scorer said of one case.

    Attributes:
        values: by criterion; empty where it gave none, and `reason` then says why.
    """

    position: int
    probe: str
    group: int
    original: int
    values: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True)
class Part:
    """A figure of one probe alone."""

    probe: str
    figure: Figure


@dataclass(frozen=True)
class Broken:
    """An input that broke a figure, beside what it was held against.

    Attributes:
        against: position of the genuine case.
        by: how far it went, for sorting: in spreads, or in the scorer's own unit where there is no spread.
    """

    position: int
    against: int
    by: float


@dataclass(frozen=True)
class Finding:
    """One figure of one criterion.

    Attributes:
        name: key in `BARS`.
        worst: the probe whose figure it is, where that is the worst of several; empty otherwise.
        parts: probe by probe.
        broken: the inputs that went furthest; none where the bar is kept.
    """

    name: str
    figure: Figure
    verdict: Verdict
    worst: str = ""
    parts: tuple[Part, ...] = ()
    broken: tuple[Broken, ...] = ()


@dataclass(frozen=True)
class OnCriterion:
    """Everything found of one criterion.

    Attributes:
        genuine: how many real samples were scored, or real pairs compared.
        spread: standard deviation of the scores of real samples, the unit of all changes; None where no sample has one.
        within: median spread within a prompt, in spreads; None where there is none.
        equal_pairs: share of pairs of one prompt with equal scores.
        is_deaf: the prompt changes nothing, as the card of such a scorer says; wrong prompts are then no probe.
        verdict: None where too little was scored to say anything.
    """

    criterion: str
    genuine: int
    spread: float | None
    within: float | None
    equal_pairs: Figure | None
    is_deaf: bool
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict | None:
        return worst([one.verdict for one in self.findings])


@dataclass(frozen=True)
class Report:
    """What a suite found of a scorer.

    Attributes:
        unscored: how many inputs of each probe got no number; the genuine ones are among them.
        reason: where nothing genuine was scored, why the first was not.
    """

    criteria: tuple[OnCriterion, ...]
    unscored: Mapping[str, int]
    reason: str = ""

    @property
    def verdict(self) -> Verdict | None:
        return worst([one.verdict for one in self.criteria if one.verdict is not None])


def report(
    answers: Sequence[Answer], outputs: Sequence[Output], needs: Needs, bars: Mapping[str, Bar] = BARS
) -> Report:
    """Every figure of every criterion that was scored.

    Args:
        answers: of one suite, in any order.
    """
    unscored = Counter(answer.probe for answer in answers if not answer.values)
    found = [_Criterion(answers, output, needs, bars).found() for output in outputs]
    criteria = tuple(one for one in found if one.genuine)
    reasons = [one.reason for one in sorted(answers, key=lambda one: one.position) if one.probe == "genuine"]
    return Report(criteria, dict(sorted(unscored.items())), "" if criteria else next(iter(reasons), ""))


# -- one criterion ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Row:
    """An answer beside the genuine one it is held against, both as worth."""

    answer: Answer
    worth: float
    genuine: float
    against: int

    @property
    def change(self) -> float:
        return self.worth - self.genuine


@dataclass
class _Criterion:
    """Works out one criterion. Worth is the score, its sign turned where lower is better."""

    answers: Sequence[Answer]
    output: Output
    needs: Needs
    bars: Mapping[str, Bar]

    def found(self) -> OnCriterion:
        by_group = self._by_group()
        told_apart = figures.collapse(by_group)
        return OnCriterion(
            criterion=self.output.criterion,
            genuine=len(self.genuine),
            spread=self.spread,
            within=told_apart.within,
            equal_pairs=told_apart.pairs,
            is_deaf=self.is_deaf,
            findings=tuple(self._findings(told_apart.groups)),
        )

    @cached_property
    def genuine(self) -> dict[int, tuple[Answer, float]]:
        """Worth of the samples themselves, by the number of the sample."""
        return {
            answer.original: (answer, self._worth(answer))
            for answer in self.answers
            if answer.probe == "genuine" and self.output.criterion in answer.values
        }

    @cached_property
    def spread(self) -> float:
        return figures.spread([worth for _answer, worth in self.genuine.values()])

    @cached_property
    def is_deaf(self) -> bool:
        rows = self._rows(Family.PROMPT)
        is_stated = self.needs.prompt_text or bool(self.needs.facts)
        return bool(rows) and not is_stated and all(figures.equal(row.worth, row.genuine) for row in rows)

    def _worth(self, answer: Answer) -> float:
        value = answer.values[self.output.criterion]
        return value if self.output.higher_is_better else -value

    def _by_group(self) -> dict[int, list[float]]:
        groups: dict[int, list[float]] = defaultdict(list)
        for answer, worth in self.genuine.values():
            groups[answer.group].append(worth)
        return dict(groups)

    def _rows(self, family: Family) -> list[_Row]:
        """Scored answers of a family whose sample was scored too."""
        return [
            _Row(
                answer, self._worth(answer), self.genuine[answer.original][1], self.genuine[answer.original][0].position
            )
            for answer in self.answers
            if PROBES[answer.probe].family == family
            and self.output.criterion in answer.values
            and answer.original in self.genuine
        ]

    # -- figures ------------------------------------------------------------------------------------------------------

    def _findings(self, equal_groups: Figure | None) -> Iterator[Finding]:
        yield from self._false_positives()
        if self.spread:
            surface = self._rows(Family.SURFACE)
            yield from self._moved("surface", surface, lambda row: abs(row.change) / self.spread)
            yield from self._flips(surface)
            yield from self._moved("injection", self._rows(Family.INJECTION), lambda row: row.change / self.spread)
        if not self.is_deaf:
            yield from self._wrong_prompts()
        yield from self._times()
        low, high = self.output.low, self.output.high
        values = {group: [self._plain(worth) for worth in worths] for group, worths in self._by_group().items()}
        yield from self._plainly("saturation", figures.saturation(values, low, high))
        yield from self._plainly("equal_groups", equal_groups)

    def _plain(self, worth: float) -> float:
        return worth if self.output.higher_is_better else -worth

    def _plainly(self, name: str, figure: Figure | None) -> Iterator[Finding]:
        if figure is not None:
            yield Finding(name, figure, self.bars[name].verdict(figure))

    def _false_positives(self) -> Iterator[Finding]:
        """An input without a number fools nobody: it counts, with no credit."""
        medians = {group: median(worths) for group, worths in self._by_group().items()}
        credits: dict[str, list[tuple[float, int]]] = defaultdict(list)
        broken = []
        for answer in self.answers:
            if PROBES[answer.probe].family != Family.DEGENERATE or answer.group not in medians:
                continue
            is_scored = self.output.criterion in answer.values
            above = self._worth(answer) - medians[answer.group] if is_scored else -1.0
            gets_through = is_scored and (above >= 0 or figures.equal(self._worth(answer), medians[answer.group]))
            credits[answer.probe].append((float(gets_through), answer.group))
            if gets_through:
                broken.append(Broken(answer.position, self._beside(answer), above / (self.spread or 1.0)))
        yield from self._worst("false_positives", credits, figures.share, broken)

    def _beside(self, answer: Answer) -> int:
        """The genuine sample to show beside a degenerate input: the lowest one of its prompt that it got past."""
        own = [(worth, one.position) for one, worth in self.genuine.values() if one.group == answer.group]
        return min(own)[1]

    def _moved(self, name: str, rows: Sequence[_Row], measure: Callable[[_Row], float]) -> Iterator[Finding]:
        moves: dict[str, list[tuple[float, int]]] = defaultdict(list)
        for row in rows:
            moves[row.answer.probe].append((measure(row), row.answer.group))
        bar = self.bars[name].passing
        broken = [Broken(row.answer.position, row.against, measure(row)) for row in rows if measure(row) > bar]
        yield from self._worst(name, moves, figures.mean, broken)

    def _flips(self, rows: Sequence[_Row]) -> Iterator[Finding]:
        """One of two samples is changed, the other is not; pairs that were equal have no order to turn."""
        credits: dict[str, list[tuple[float, int]]] = defaultdict(list)
        broken = []
        for row in rows:
            for original, (other, worth) in self.genuine.items():
                if other.group != row.answer.group or original == row.answer.original:
                    continue
                if figures.equal(row.genuine, worth):
                    continue
                before = row.genuine > worth
                turned = 1 - credit(row.worth, worth) if before else credit(row.worth, worth)
                credits[row.answer.probe].append((turned, row.answer.group))
                if turned == 1.0:
                    broken.append(Broken(row.answer.position, other.position, abs(row.change) / self.spread))
        yield from self._worst("order_flips", credits, figures.share, broken)

    def _wrong_prompts(self) -> Iterator[Finding]:
        rows = self._rows(Family.PROMPT)
        groups = [row.answer.group for row in rows]
        found = figures.share([credit(row.genuine, row.worth) for row in rows], groups)
        if found is None:
            return
        missed = [Broken(row.answer.position, row.against, row.change) for row in rows if row.worth >= row.genuine]
        verdict = self.bars["wrong_prompt"].verdict(found)
        yield Finding("wrong_prompt", found, verdict, broken=furthest(missed, verdict, self.answers))
        told = figures.area([row.genuine for row in rows], [row.worth for row in rows], groups, groups)
        yield from self._plainly("wrong_prompt_area", told)

    def _times(self) -> Iterator[Finding]:
        credits: dict[str, list[tuple[float, int]]] = defaultdict(list)
        broken = []
        for row in self._rows(Family.TIME):
            credits[row.answer.probe].append((credit(row.genuine, row.worth), row.answer.group))
            if row.worth >= row.genuine:
                broken.append(Broken(row.answer.position, row.against, row.change))
        yield from self._worst("time", credits, figures.share, broken)

    def _worst(
        self,
        name: str,
        said: Mapping[str, Sequence[tuple[float, int]]],
        measure: Callable[[Sequence[float], Sequence[int]], Figure | None],
        broken: Sequence[Broken],
    ) -> Iterator[Finding]:
        parts = parts_of(said, measure)
        if parts:
            yield worst_of(name, self.bars[name], parts, broken, self.answers)


# -- the worst of several inputs --------------------------------------------------------------------------------------


class Placed(Protocol):
    """An answer's place in the suite, and of which probe it is."""

    @property
    def position(self) -> int: ...
    @property
    def probe(self) -> str: ...


def parts_of(
    said: Mapping[str, Sequence[tuple[float, int]]],
    measure: Callable[[Sequence[float], Sequence[int]], Figure | None],
) -> list[Part]:
    """The figure of each probe, in the order of the suite.

    Args:
        said: by probe: a number for each input, and the prompt it is of.
    """
    parts = []
    for probe in EVERY:
        if probe in said:
            figure = measure([one for one, _group in said[probe]], [group for _one, group in said[probe]])
            assert figure is not None  # nothing stands in `said` without a value
            parts.append(Part(probe, figure))
    return parts


def worst_of(
    name: str, bar: Bar, parts: Sequence[Part], broken: Sequence[Broken], answers: Sequence[Placed]
) -> Finding:
    """The figure of the worst of several probes as the finding; the others stand beside it."""
    sign = -1.0 if bar.high_is_good else 1.0
    top = max(parts, key=lambda part: sign * part.figure.value)
    verdict = bar.verdict(top.figure)
    return Finding(name, top.figure, verdict, top.probe, tuple(parts), furthest(broken, verdict, answers))


def furthest(broken: Sequence[Broken], verdict: Verdict, answers: Sequence[Placed]) -> tuple[Broken, ...]:
    """The furthest of each probe first, then the second of each: six of one kind would show little."""
    if verdict == Verdict.PASSING:
        return ()
    probes = {answer.position: answer.probe for answer in answers}
    seen: Counter[str] = Counter()
    ranked = []
    for one in sorted(broken, key=lambda one: (-one.by, one.position)):
        ranked.append((seen[probes[one.position]], one))
        seen[probes[one.position]] += 1
    return tuple(
        one for _rank, one in sorted(ranked, key=lambda pair: (pair[0], -pair[1].by, pair[1].position))[:SHOWN]
    )
