"""An examination: every machine against people's single votes, for one question. Plain code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curation.examination import credit as crediting
from curation.examination.best_of import BestOf, best_of
from curation.examination.board import EXACT, Board, board, win_rates
from curation.examination.correlations import WHOLE, Correlation, correlate, some_prompts
from curation.examination.credit import Ties
from curation.examination.frames import LEFT_OUT, Column, Evidence
from curation.examination.intervals import Difference, Estimate, Floats, clustered, difference
from curation.examination.paired import McNemar, discordant
from curation.examination.routing import Routing, routing
from curation.examination.slices import KINDS, Slices, labelled, slices

# Of the pairs on which a machine and people differ, so many are kept to be looked at.
DIFFERENCES = 200


@dataclass(frozen=True)
class People:
    """Whose votes were asked about.

    Args:
        votes: votes that count; voices: one a person and pair; the rest counts voices.
        left_out: votes that do not count, by the reasons of `frames.LEFT_OUT`.
        repeats: voices that more than one person gave on their pair, the ground of the line of people.
    """

    votes: int
    voices: int
    persons: int
    pairs: int
    prompts: int
    ties: int
    both_bad: int
    repeats: int
    left_out: dict[str, int]


@dataclass(frozen=True)
class Versus:
    """One machine against the one all are compared with, on the votes that count for both.

    Args:
        votes: how many these are.
        difference: accuracy of the one less that of the other, clustered by prompt.
    """

    votes: int
    difference: Difference
    mcnemar: McNemar


@dataclass(frozen=True)
class Tested:
    """What became of one column.

    Args:
        accuracy: on the votes that count and that it has a verdict on; None where there is none.
        people: what a person scores beside the others, on the very votes this machine was tested on.
        ties: its own ties among them; threshold: margins up to this were called ties (rule `class`).
        silent: votes it has no verdict on.
        fitted: votes left out because it was fitted on them.
        is_unnamed: fitted on something its identity does not list, so nothing can be asked of it.
    """

    column: Column
    accuracy: Estimate | None
    people: Estimate | None
    ties: int
    threshold: float | None
    silent: int
    fitted: int
    is_unnamed: bool
    best_of: BestOf | None
    ratings: Correlation | None
    win_rates: Correlation | None
    versus: Versus | None = None


@dataclass(frozen=True)
class Principle:
    """A column against people who voted under one principle, or under none (empty)."""

    column: Column
    people_under: str
    accuracy: Estimate
    people: Estimate | None


@dataclass(frozen=True)
class Flips:
    """How often one machine's verdict on a pair turns out otherwise under another principle."""

    first: Column
    second: Column
    pairs: int
    flipped: int


@dataclass(frozen=True)
class Likeness:
    """Spearman's coefficient of two columns over the samples both have, and its mean within prompts.

    Of more than 20,000 samples it is computed on about so many, those of prompts taken by a fixed shuffle.
    """

    first: Column
    second: Column
    correlation: Correlation


@dataclass(frozen=True)
class Apart:
    """A pair on which a machine and most people differ.

    Args:
        low_votes, high_votes, ties: people's voices for the sample with the lower id, the higher, and neither.
        margin: the machine's, above 0 for the lower id.
    """

    prompt_id: int
    low: int
    high: int
    low_votes: int
    high_votes: int
    ties: int
    margin: float


@dataclass(frozen=True)
class Question:
    """What is asked.

    Args:
        ties: the rule for ties.
        context: the principle people voted under, empty for none; None for none where anybody voted so, else the one
            with the most votes.
        columns: those tested, with whatever contexts they have; all that say anything where empty.
        against: key of the column the others are compared with; the most accurate one if None or silent.
        by: kinds of slices.
        is_whole: also correlations, likeness of machines, principles and differences; accuracy alone costs less.
        route: kind of parts for a table of which machine to ask where; empty for none.
    """

    ties: Ties = Ties.LEFT_OUT
    context: str | None = None
    columns: tuple[Column, ...] = ()
    against: str | None = None
    by: tuple[str, ...] = KINDS
    is_whole: bool = True
    route: str = ""


@dataclass(frozen=True)
class Examination:
    """The answers.

    Args:
        context: the principle people voted under, empty for none; contexts: voices by principle.
        human: the line of people: a person tested as machines are, beside all others on the pair.
        silent: columns that were asked for and say nothing of these samples.
        routed_on: prompts of the votes that chose the table of `routing`.
    """

    context: str
    contexts: dict[str, int]
    silent: list[Column]
    people: People
    human: Estimate | None
    human_best_of: BestOf | None
    machines: list[Tested]
    against: Column | None
    slices: dict[str, Slices] = field(default_factory=dict)
    principles: list[Principle] = field(default_factory=list)
    flips: list[Flips] = field(default_factory=list)
    likeness: list[Likeness] = field(default_factory=list)
    differences: dict[Column, list[Apart]] = field(default_factory=dict)
    routing: Routing | None = None
    routed_on: tuple[int, ...] = ()

    def machine(self, column: Column) -> Tested | None:
        return next((one for one in self.machines if one.column == column), None)


def examine(evidence: Evidence, question: Question) -> Examination:
    """Answers a question from the evidence.

    Cost is linear in votes, times the machines; memory is about 150 bytes a vote and 16 bytes a vote and machine.
    """
    whole = board(evidence)
    contexts = _contexts(whole)
    context = _context(contexts, question)
    asked = _Asked(evidence, question, whole, _restricted(whole, context), context)
    tested = [asked.tested(column) for column in asked.columns]
    against = _against(question, tested)
    machines = [replace(one, versus=asked.versus(one.column, against)) for one in _ranked(tested)]
    found = Examination(
        context=context,
        contexts=contexts,
        silent=[column for column in question.columns if column not in {_plain(one) for one in asked.columns}],
        people=asked.counted(),
        human=asked.human,
        human_best_of=None,
        machines=machines,
        against=against,
    )
    parts = {kind: asked.slices(kind) for kind in question.by}
    if question.route:
        found = replace(found, routing=asked.routing(question.route), routed_on=asked.routed_on())
    if not question.is_whole:
        return replace(found, slices=parts)
    return replace(
        found,
        human_best_of=asked.human_best_of(),
        slices=parts,
        principles=asked.principles(),
        flips=asked.flips(),
        likeness=asked.likeness(),
        differences={column: asked.differences(column) for column in asked.columns},
    )


def _contexts(whole: Board) -> dict[str, int]:
    counted = whole.voices.group_by("context").len().sort(["len", "context"], descending=[True, False])
    return dict(counted.iter_rows())


def _context(contexts: dict[str, int], question: Question) -> str:
    if question.context is not None:
        return question.context
    return "" if "" in contexts or not contexts else next(iter(contexts))


def _plain(column: Column) -> Column:
    """The column without its context: how it is asked for."""
    return replace(column, context="")


def _restricted(whole: Board, context: str) -> Board:
    """The same board with the voices given under one principle."""
    is_here = whole.under(context)
    if is_here.all():
        return whole
    voices = whole.voices.filter(pl.Series(is_here)).drop("voice", "prompt").sort("pair", "rater_id")
    voices = voices.with_columns(prompt=pl.col("prompt_id").rle_id()).with_row_index("voice")
    return replace(whole, voices=voices, fitted={column: mask[is_here] for column, mask in whole.fitted.items()})


def _against(question: Question, tested: Sequence[Tested]) -> Column | None:
    """Which column the others are compared with: the one asked for, or the most accurate."""
    able = [one.column for one in tested if one.accuracy is not None]
    if asked := [column for column in able if column.key == question.against]:
        return asked[0]
    return next((one.column for one in _ranked(tested) if one.accuracy is not None), None)


def _ranked(tested: Sequence[Tested]) -> list[Tested]:
    """The most accurate first; those of whom nothing is known last."""

    def place(one: Tested) -> tuple[float, int, Column]:
        return (-one.accuracy.value, -one.accuracy.votes, one.column) if one.accuracy else (1.0, 0, one.column)

    return sorted(tested, key=place)


class _Asked:
    """One question about one board; what several answers need is computed once."""

    def __init__(self, evidence: Evidence, question: Question, whole: Board, here: Board, context: str) -> None:
        self.evidence, self.question, self.whole, self.board, self.context = evidence, question, whole, here, context
        wanted = set(question.columns)
        self.columns = [column for column in here.columns if not wanted or _plain(column) in wanted]
        self._others = self._of_others(here)
        self._credited = {column: self._credit(column, here) for column in self.columns}
        self.human = clustered(self._others, here.prompt)
        self._rates = win_rates(here.voices, here.subjects)
        self._ratings = _mean_ratings(evidence, here, context)

    # -- people

    def counted(self) -> People:
        here, votes = self.board, self.evidence.votes
        reasons = dict(votes.drop_nulls("left_out").group_by("left_out").len().iter_rows())
        is_here = pl.col("context").fill_null("") == self.context
        return People(
            votes=len(votes.filter(pl.col("left_out").is_null() & is_here)),
            voices=len(here.voices),
            persons=here.voices["rater_id"].n_unique(),
            pairs=here.voices["pair"].n_unique(),
            prompts=here.voices["prompt_id"].n_unique(),
            ties=int(((here.verdict == 0) & here.is_sided).sum()),
            both_bad=int((~here.is_sided).sum()),
            repeats=int((~np.isnan(self._others)).sum()),
            left_out={reason: reasons[reason] for reason in LEFT_OUT if reason in reasons},
        )

    def _of_others(self, here: Board) -> Floats:
        """The credit of the other people beside each voice; "both bad" counts for nobody."""
        others = np.full(len(here.voices), np.nan)
        is_sided = here.is_sided
        others[is_sided] = crediting.of_others(here.verdict[is_sided], here.pair[is_sided], self.question.ties)
        return others

    def human_best_of(self) -> BestOf | None:
        """Each person's first sample beside the first of all others on the prompt."""
        people, others, group, prompt = _leave_one_out(self.board)
        return best_of(others, people, group, prompt)

    # -- machines

    def _credit(self, column: Column, here: Board) -> crediting.Credited:
        margins = np.where(here.is_sided, here.margin_of_voices(column), np.nan)
        return crediting.credits(here.verdict, margins, here.prompt_id, self.question.ties)

    def _asks(self, here: Board) -> NDArray[np.bool_]:
        """Voices that the rule for ties asks about."""
        is_left_out = self.question.ties == Ties.LEFT_OUT
        return here.is_sided & (here.verdict != 0) if is_left_out else here.is_sided

    def tested(self, column: Column) -> Tested:
        here, credited = self.board, self._credited[column]
        is_tested, asks = ~np.isnan(credited.credit), self._asks(here)
        fitted = here.fitted.get(column, np.zeros(len(here.voices), bool)) & asks
        values = self._values(column)
        is_whole = self.question.is_whole
        return Tested(
            column=column,
            accuracy=clustered(credited.credit, here.prompt),
            people=clustered(np.where(is_tested, self._others, np.nan), here.prompt),
            ties=credited.ties,
            threshold=credited.threshold,
            silent=int((asks & ~is_tested & ~fitted).sum()),
            fitted=int(fitted.sum()),
            is_unnamed=bool(
                column.rater_id in self.evidence.fitted and self.evidence.fitted[column.rater_id].is_unnamed
            ),
            best_of=best_of(self._rates, values, here.subject_prompt) if is_whole else None,
            ratings=correlate(self._ratings, values, here.subject_prompt) if is_whole else None,
            win_rates=correlate(self._rates, values, here.subject_prompt) if is_whole else None,
        )

    def _values(self, column: Column) -> Floats:
        """What the column says of each subject, without prompts on which it was fitted."""
        values = self.board.values[column]
        mask = self.whole.fitted.get(column)
        if mask is None:
            return values
        seen = self.whole.voices.filter(pl.Series(mask))["prompt_id"].unique()
        is_seen = self.board.subjects["prompt_id"].is_in(seen.to_list()).to_numpy()
        return np.where(is_seen, np.nan, values)

    def versus(self, column: Column, against: Column | None) -> Versus | None:
        if against is None or column == against:
            return None
        first, second = self._credited[column].credit, self._credited[against].credit
        apart = difference(first, second, self.board.prompt)
        if apart is None:
            return None
        votes = int((~np.isnan(first) & ~np.isnan(second)).sum())
        return Versus(votes, apart, discordant(first, second))

    def slices(self, kind: str) -> Slices:
        credit = {column: self._credited[column].credit for column in self.columns}
        is_counted = np.where(self._asks(self.board), 1.0, np.nan)
        return slices(self.board, self.evidence, kind, credit=credit, people=self._others, is_counted=is_counted)

    def routing(self, kind: str) -> Routing | None:
        credit = {column: self._credited[column].credit for column in self.columns}
        parts = labelled(self.board, self.evidence, kind)
        return routing(kind, parts, credit, self.board.prompt_id, self.evidence.families)

    def routed_on(self) -> tuple[int, ...]:
        """Prompts of the votes that count for any machine, and those that belong with them, in order."""
        said = [~np.isnan(one.credit) for one in self._credited.values()]
        counts = np.any([np.zeros(len(self.board.prompt_id), bool), *said], axis=0)
        return self.evidence.families.whole(self.board.prompt_id[counts].tolist())

    # -- principles

    def principles(self) -> list[Principle]:
        """Every column beside people who voted under its own principle, and beside those who voted under none.

        A column that was asked under none stands beside people under each.
        """
        contexts = sorted(set(self.whole.voices["context"].unique().to_list()))
        if not any(contexts) and not any(column.context for column in self.columns):
            return []
        found: list[Principle] = []
        for context in contexts:
            here = self.board if context == self.context else _restricted(self.whole, context)
            others = self._others if here is self.board else self._of_others(here)
            found += self._under(context, here, others)
        return sorted(found, key=lambda one: (one.column.rater_id, one.column, one.people_under))

    def _under(self, context: str, here: Board, others: Floats) -> Iterable[Principle]:
        for column in self.columns:
            # Neither under a principle: that is the table of all.
            is_plain = not context and not column.context
            if is_plain or (context and column.context and column.context != context):
                continue
            credit = self._credit(column, here).credit
            accuracy = clustered(credit, here.prompt)
            if accuracy is not None:
                people = clustered(np.where(np.isnan(credit), np.nan, others), here.prompt)
                yield Principle(column, context, accuracy, people)

    def flips(self) -> list[Flips]:
        found = []
        for first, second in _two_of(self.columns):
            alike = (first.rater_id, first.criterion, first.source) == (
                second.rater_id,
                second.criterion,
                second.source,
            )
            if not alike:
                continue
            one, other = np.sign(self.whole.margins[first]), np.sign(self.whole.margins[second])
            is_both = ~np.isnan(one) & ~np.isnan(other)
            found.append(Flips(first, second, int(is_both.sum()), int((one != other)[is_both].sum())))
        return found

    # -- machines beside machines

    def likeness(self) -> list[Likeness]:
        some = some_prompts(self.board.subject_prompt, WHOLE)
        prompt = self.board.subject_prompt[some]
        values = {column: self.board.values[column][some] for column in self.columns}
        found: list[Likeness] = []
        for first, second in _two_of(self.columns):
            correlation = correlate(values[first], values[second], prompt, ["spearman"], with_intervals=False)
            if correlation is not None:
                found.append(Likeness(first, second, correlation))
        return found

    def differences(self, column: Column) -> list[Apart]:
        """Pairs on which the machine goes against the larger part of people's voices, the clearest first."""
        here = self.board
        margins = np.where(here.is_sided, here.margin_of_voices(column), np.nan)
        said = here.voices.with_columns(margin=pl.Series(margins)).fill_nan(None).drop_nulls(["margin", "verdict"])
        verdict = pl.col("verdict")
        pairs = said.group_by("prompt_id", "low", "high").agg(
            low_votes=(verdict == 1).sum(),
            high_votes=(verdict == -1).sum(),
            ties=(verdict == 0).sum(),
            margin=pl.col("margin").first(),
        )
        lead = pl.col("low_votes").cast(pl.Int64) - pl.col("high_votes").cast(pl.Int64)
        apart = pairs.with_columns(lead=lead).filter((lead != 0) & (pl.col("margin").sign() != lead.sign()))
        sure = apart.sort(
            pl.col("lead").abs(), pl.col("margin").abs(), "prompt_id", "low", "high",
            descending=[True, True, False, False, False],
        )  # fmt: skip
        return [Apart(**row) for row in sure.drop("lead").head(DIFFERENCES).iter_rows(named=True)]


def _two_of(columns: Sequence[Column]) -> Iterable[tuple[Column, Column]]:
    return ((first, second) for place, first in enumerate(columns) for second in columns[place + 1 :])


def _mean_ratings(evidence: Evidence, here: Board, context: str) -> Floats:
    """People's mean rating of each subject, each person with one voice; NaN where nobody rated it."""
    under = pl.col("context").fill_null("") == context
    rated = evidence.ratings.filter(under).join(evidence.criteria, on="criterion_id")
    sign = pl.when("higher_is_better").then(1.0).otherwise(-1.0)
    each = rated.group_by("prompt_id", "sample_id", "rater_id").agg(value=(pl.col("value") * sign).mean())
    means = each.group_by("prompt_id", "sample_id").agg(value=pl.col("value").mean().round(12))
    found = here.subjects.join(means, on=["prompt_id", "sample_id"], how="left", maintain_order="left")
    return found["value"].fill_null(np.nan).to_numpy()


def _leave_one_out(
    here: Board,
) -> tuple[Floats, Floats, NDArray[np.int64], NDArray[np.int64]]:
    """For each person, prompt and sample: the person's win rate, that of all others, and group and prompt numbers."""
    said = here.voices.filter(pl.col("verdict").is_not_null())
    low = said.select("prompt_id", "rater_id", "weight", sample_id="low", won="toward")
    high = said.select("prompt_id", "rater_id", "weight", sample_id="high", won=1.0 - pl.col("toward"))
    each = pl.concat([low, high], how="diagonal").with_columns(won=pl.col("won") * pl.col("weight"))
    keys = ["prompt_id", "sample_id"]
    mine = each.group_by(*keys, "rater_id").agg(won=pl.col("won").sum(), weight=pl.col("weight").sum())
    total = each.group_by(keys).agg(all_won=pl.col("won").sum(), all_weight=pl.col("weight").sum())
    both = mine.join(total, on=keys).sort("prompt_id", "rater_id", "sample_id")
    rest = pl.col("all_weight") - pl.col("weight")
    others = pl.when(rest > EXACT).then((pl.col("all_won") - pl.col("won")) / rest)
    both = both.with_columns(
        people=(pl.col("won") / pl.col("weight")).round(9),
        others=others.round(9).fill_null(np.nan),
        group=pl.struct("prompt_id", "rater_id").rle_id().cast(pl.Int64),
        prompt=pl.col("prompt_id").rle_id().cast(pl.Int64),
    )
    return tuple(both[name].to_numpy() for name in ("people", "others", "group", "prompt"))  # type: ignore[return-value]
