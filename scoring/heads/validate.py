"""How well a head does on prompts it has not seen, how strong its ridge should be, and what more labels would bring.

Labels of one prompt always stay together: a head that has seen half of a prompt's labels knows the other half. So do
those of prompts that belong together, its family: nearly the same words, rewrites, one input picture. Each part of the
families is asked about by a head fitted on the other parts, its ridge chosen and its raters weighed on those alone; so
every label is asked about once, by a head that knows nothing of what was said on its prompt or on one of its family.
The scale of the features, in which no label has a part, is that of all labelled samples. Plain code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from curation.errors import Refused
from curation.examination.families import ALONE, Clusters, Families
from curation.examination.intervals import Estimate
from scoring.heads.fit import CLOSE, EXACT, Floats, Ints, Levels, Preferences, Ties, fit_levels, fit_preferences

Bools = NDArray[np.bool_]

PARTS = 5
# The ridge is chosen on so many parts of what a part is fitted on.
INNER_PARTS = 3
# Features are scaled so that a column, or a whole embedding, has variance 1: a ridge λ expects what they say together
# to be about 1/√λ logits.
RIDGES = (0.001, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0)
FRACTIONS = (0.125, 0.25, 0.5, 1.0)
FEWEST_LABELS, FEWEST_PROMPTS = 20, 5
# A ridge says how large weights are believed to be, whatever the number of labels: so many are enough to choose it by.
MOST_FOR_RIDGE = 2_000
# Spreads consecutive prompt ids over the parts (the 32-bit golden ratio).
_SCATTER = 2_654_435_761
# Of ratings that no prompt has two of, each is compared with so many others of its part.
_RIVALS = 10
# Beyond every threshold between levels that occur, logits.
_FAR = 20.0


class Lesson(Protocol):
    """Labels with their features: what a head can be fitted on and asked about.

    Attributes:
        prompt, family: (N,), ids, of each label.
        asked: (Q,), the place of a label in the part of each question.
        clusters: of the questions.
    """

    @property
    def prompt(self) -> Ints: ...

    @property
    def family(self) -> Ints: ...

    @property
    def asked(self) -> Ints: ...

    @property
    def clusters(self) -> Clusters: ...

    def may_teach(self, rows: Bools) -> bool:
        """Whether a head can be fitted on these labels at all."""
        ...

    def believing(self, rows: Bools) -> Lesson:
        """The same with raters believed as far as these labels (N,) say, and no others."""
        ...

    def fit(self, rows: Bools, ridge: float, precision: float) -> Preferences | Levels:
        """A head of these labels (N,)."""
        ...

    def loss(self, head: Preferences | Levels, rows: Bools) -> float:
        """Σ w (−log P) of these labels."""
        ...

    def credit(self, head: Preferences | Levels, asked: Bools) -> Floats:
        """(Q,), 1 where the head is right, ½ where it does not know, NaN where the question does not count or is not
        among those asked."""
        ...


# How far the rater of every label (N,) is to be believed, by these labels (N,) alone.
Trust = Callable[[Bools], Floats]


def _alike(rows: Bools) -> Floats:
    return np.ones(len(rows))


# -- preferences ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PairLesson:
    """Preferences between two samples of a prompt; each is a question too, unless it is a tie.

    Attributes:
        difference: (N, F), scaled features of the left less those of the right.
        toward: (N,), 1, 0 or ½.
        weight: (N,).
        prompt: (N,), ids; families: which of them belong together.
        trust: slopes of raters, above 0: P(left) = σ(slope · difference · weights).
        slope: (N,), those believed now; None for 1 each.
    """

    difference: Floats
    toward: Floats
    weight: Floats
    prompt: Ints
    ties: Ties = Ties.HALF
    families: Families = ALONE
    trust: Trust = _alike
    slope: Floats | None = None

    @property
    def family(self) -> Ints:
        return self.families.of(self.prompt)

    @property
    def asked(self) -> Ints:
        return np.arange(len(self.prompt))

    @property
    def clusters(self) -> Clusters:
        return Clusters.of(self.prompt, self.families)

    def may_teach(self, rows: Bools) -> bool:
        return bool((rows & (self.weight > 0) & (self.toward != 0.5)).any())

    def believing(self, rows: Bools) -> PairLesson:
        return replace(self, slope=self.trust(rows))

    def _believed(self, rows: Bools) -> Floats:
        return self.difference[rows] if self.slope is None else self.difference[rows] * self.slope[rows, None]

    def fit(self, rows: Bools, ridge: float, precision: float = EXACT) -> Preferences:
        return fit_preferences(
            self._believed(rows),
            self.toward[rows],
            self.weight[rows],
            ridge=ridge,
            ties=self.ties,
            precision=precision,
        )

    def loss(self, head: Preferences | Levels, rows: Bools) -> float:
        assert isinstance(head, Preferences)
        return float(self.weight[rows] @ head.losses(self._believed(rows), self.toward[rows]))

    def credit(self, head: Preferences | Levels, asked: Bools) -> Floats:
        counts = asked & (self.toward != 0.5)
        side = np.sign(self.difference[counts] @ head.weights)
        found = np.full(len(asked), np.nan)
        found[counts] = 1 - np.abs((2 * self.toward[counts] - 1) - side) / 2
        return found

    def turned(self) -> tuple[PairLesson, Floats]:
        """The same along its main axes, no more of them than labels, and the axes (F, r): weights are axes · weights.

        A ridge's answer lies in the span of the rows and does not mind how they are turned, so no number changes.
        """
        rows, axes = turned(self.difference)
        return replace(self, difference=rows), axes


def turned(rows: Floats) -> tuple[Floats, Floats]:
    """(N, r) and (F, r), r at most N and F: rows = first · secondᵀ, where the columns of the first are orthogonal and
    those of the second orthonormal."""
    count, size = rows.shape
    if count < size:
        values, vectors = np.linalg.eigh(rows @ rows.T)
        kept = values > values[-1] * 1e-12
        axes = rows.T @ (vectors[:, kept] / np.sqrt(values[kept]))
    else:
        values, vectors = np.linalg.eigh(rows.T @ rows)
        axes = vectors[:, values > values[-1] * 1e-12]
    return rows @ axes, axes


# -- ratings ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RatingLesson:
    """Ratings of single samples; the questions are which of two samples one person rated higher.

    Attributes:
        features: (N, F), scaled.
        level: (N,), 0 to K − 1.
        weight: (N,).
        prompt: (N,), ids; families: which of them belong together.
        higher, lower: (Q,), places of ratings, the first of a higher level.
        is_across: whether they are of different prompts, because no person rated two samples of one differently.
        trust: what raters' labels count for beside their weight.
    """

    features: Floats
    level: Ints
    weight: Floats
    prompt: Ints
    higher: Ints
    lower: Ints
    is_across: bool = False
    families: Families = ALONE
    trust: Trust = _alike

    @classmethod
    def of(
        cls, features: Floats, level: Ints, weight: Floats, prompt: Ints, rater: Ints, families: Families = ALONE
    ) -> RatingLesson:
        """Pairs of ratings by one person within a prompt; where there are none, of one person within a part."""
        within = _differing(np.stack([prompt, rater], axis=1), level)
        if len(within[0]):
            return cls(features, level, weight, prompt, *within, families=families)
        part = parts(families.of(prompt), PARTS)
        across = _some(*_differing(np.stack([part, rater], axis=1), level), len(level))
        return cls(features, level, weight, prompt, *across, is_across=True, families=families)

    @property
    def family(self) -> Ints:
        return self.families.of(self.prompt)

    @property
    def asked(self) -> Ints:
        return self.higher

    @property
    def clusters(self) -> Clusters:
        """A question across prompts hangs on both."""
        others = self.prompt[self.lower] if self.is_across else None
        return Clusters.of(self.prompt[self.higher], self.families, others)

    def may_teach(self, rows: Bools) -> bool:
        return len(np.unique(self.level[rows & (self.weight > 0)])) >= 2

    def believing(self, rows: Bools) -> RatingLesson:
        return replace(self, weight=self.weight * self.trust(rows), trust=_alike)

    def fit(self, rows: Bools, ridge: float, precision: float = EXACT) -> Levels:
        """A level that does not occur among the rows gets next to no room: nothing else is known of it."""
        counted = rows & (self.weight > 0)
        known, level = np.unique(self.level[counted], return_inverse=True)
        found = fit_levels(
            self.features[counted],
            level.astype(np.int64),
            self.weight[counted],
            levels=len(known),
            ridge=ridge,
            precision=precision,
        )
        return Levels(found.weights, _spread(found.cuts, known, int(self.level.max())))

    def loss(self, head: Preferences | Levels, rows: Bools) -> float:
        assert isinstance(head, Levels)
        return float(self.weight[rows] @ head.losses(self.features[rows], self.level[rows]))

    def credit(self, head: Preferences | Levels, asked: Bools) -> Floats:
        value = self.features @ head.weights
        found = (1 + np.sign(value[self.higher] - value[self.lower])) / 2
        return np.where(asked, found, np.nan)

    def turned(self) -> tuple[RatingLesson, Floats]:
        """As that of preferences."""
        rows, axes = turned(self.features)
        return replace(self, features=rows), axes


def _spread(cuts: Floats, known: Ints, count: int) -> Floats:
    """Thresholds between all levels from those between the known ones: (count,), rising.

    Those of levels missing in the middle follow their neighbour's at once; beyond the ends they lie far away, so that
    the outermost levels that occur keep all of their room.
    """
    if len(known) == count + 1:
        return cuts
    every = np.arange(count)
    place = np.clip(np.searchsorted(known, every, side="right") - 1, 0, len(cuts) - 1)
    beyond = np.where(every < known[0], -_FAR, np.where(every >= known[-1], _FAR, 0.0))
    return np.maximum.accumulate(cuts[place] + beyond + 1e-6 * every)


def _differing(group: Ints, level: Ints) -> tuple[Ints, Ints]:
    """Pairs of ratings of one group (rows of `group`) with different levels: the higher one, the lower one."""
    _names, number = np.unique(group, axis=0, return_inverse=True)
    order = np.argsort(number.ravel(), kind="stable")
    ends = np.flatnonzero(np.diff(number.ravel()[order])) + 1
    found = [_pairs_of(places, level) for places in np.split(order, ends)]
    higher = [high for high, _low in found]
    lower = [low for _high, low in found]
    return np.concatenate(higher).astype(np.int64), np.concatenate(lower).astype(np.int64)


def _pairs_of(places: Ints, level: Ints) -> tuple[Ints, Ints]:
    above = level[places][:, None] > level[places][None, :]
    high, low = np.nonzero(above)
    return places[high], places[low]


def _some(higher: Ints, lower: Ints, count: int) -> tuple[Ints, Ints]:
    """At most so many as there would be with ten rivals a rating, evenly spaced: the same ones each time."""
    if len(higher) <= _RIVALS * count:
        return higher, lower
    kept = np.linspace(0, len(higher) - 1, _RIVALS * count).astype(np.int64)
    return higher[kept], lower[kept]


# -- parts of the families --------------------------------------------------------------------------------------------


def parts(family: Ints, count: int) -> Ints:
    """In which of `count` parts each family is, the same on every visit: (N,), none empty where there are enough."""
    return (_places(family) % count).astype(np.int64)


def _places(family: Ints) -> Ints:
    """The place of each label's family in a fixed shuffle of the families, from 0."""
    names, where = np.unique(family, return_inverse=True)
    order = np.argsort((names.astype(np.uint64) * np.uint64(_SCATTER)) % np.uint64(2**32), kind="stable")
    place = np.empty(len(names), dtype=np.int64)
    place[order] = np.arange(len(names))
    return place[where.ravel()]


# -- choosing and asking ----------------------------------------------------------------------------------------------


def chosen_ridge(lesson: Lesson, rows: Bools, *, pulse: Callable[[], None] = lambda: None) -> float:
    """The ridge under which labels of held-out families, among these, are most probable; the strongest of equal ones.

    Of more than 2,000 labels it is chosen by those of so many families of a fixed shuffle as hold about 2,000.
    """
    rows = _share(lesson.family, rows, min(1.0, MOST_FOR_RIDGE / max(int(rows.sum()), 1)))
    part = np.full(len(rows), -1, dtype=np.int64)
    part[rows] = parts(lesson.family[rows], INNER_PARTS)
    losses = np.zeros(len(RIDGES))
    for number in range(INNER_PARTS):
        taught, asked = rows & (part != number), part == number
        if not asked.any() or not lesson.may_teach(taught):
            continue
        for place, ridge in enumerate(RIDGES):
            losses[place] += lesson.loss(lesson.fit(taught, ridge, CLOSE), asked)
            pulse()
    return RIDGES[len(RIDGES) - 1 - int(np.argmin(losses[::-1]))]


@dataclass(frozen=True)
class Point:
    """One point of a learning curve.

    Attributes:
        fraction: of the families that a part may be fitted on.
        labels: how many labels that is, the mean over the parts.
        accuracy: on all held-out questions; None where none could be asked.
    """

    fraction: float
    labels: float
    accuracy: Estimate | None


@dataclass(frozen=True)
class HeldOut:
    """What a head does on prompts it never saw.

    Attributes:
        credit: (Q,), of each question, by a head fitted on all labels of the other parts; NaN where it was not asked.
        accuracy: their mean with its interval, clustered by family.
        curve: by growing fractions of the labels; the last point is `accuracy`.
        ridges: chosen for each part.
    """

    credit: Floats
    accuracy: Estimate
    curve: tuple[Point, ...]
    ridges: tuple[float, ...]


def held_out(
    lesson: Lesson,
    *,
    fractions: Sequence[float] = FRACTIONS,
    pulse: Callable[[], None] = lambda: None,
) -> HeldOut:
    """Asks about every prompt with heads fitted on other families: five parts in turn, for growing shares of the rest.

    Of each four parts, the first so many families of a fixed shuffle are taken, so that a larger share holds a smaller
    one; the ridge is chosen anew for each share, inside of it.

    Args:
        fractions: rising, the last one 1.
        pulse: called between fits; may raise to stop.

    Raises:
        Refused: too few labels or prompts to hold any out.
    """
    check_enough(lesson)
    family, clusters = lesson.family, lesson.clusters
    part = parts(family, PARTS)
    asked_part = part[lesson.asked]
    curve: list[Point] = []
    credit: Floats = np.zeros(0)
    ridges: list[float] = []
    for fraction in fractions:
        credit, ridges = np.full(len(asked_part), np.nan), []
        counts: list[int] = []
        for held in np.unique(part):
            taught = _share(family, part != held, fraction)
            if not lesson.may_teach(taught):
                continue
            believed = lesson.believing(taught)
            ridge = chosen_ridge(believed, taught, pulse=pulse)
            found = lesson.credit(believed.fit(taught, ridge, CLOSE), asked_part == held)
            credit = np.where(np.isnan(found), credit, found)
            counts.append(int(taught.sum()))
            ridges.append(ridge)
        labels = float(np.mean(counts)) if counts else 0.0
        curve.append(Point(fraction, labels, clusters.estimate(credit)))
    accuracy = curve[-1].accuracy
    if accuracy is None:
        raise Refused("No held-out label says which of two samples is better; more labels are needed.")
    return HeldOut(credit, accuracy, tuple(curve), tuple(ridges))


def check_enough(lesson: Lesson) -> None:
    """Raises Refused where the labels are too few, or on too few prompts, to know what a head of them is worth."""
    labels, families = len(lesson.prompt), len(np.unique(lesson.family))
    if not lesson.may_teach(np.ones(labels, dtype=bool)):
        raise Refused(
            f"All {labels} labels say the same: none calls one of two samples better, or all ratings are on one level. "
            "There is nothing to learn from them."
        )
    if labels < FEWEST_LABELS or families < FEWEST_PROMPTS:
        raise Refused(
            f"{labels} labels on {_prompts_in_words(lesson)} are too few: a head is examined on prompts it has not "
            f"seen, which takes at least {FEWEST_LABELS} labels on {FEWEST_PROMPTS} prompts that do not belong "
            "together. Label more, or choose another criterion."
        )


def _prompts_in_words(lesson: Lesson) -> str:
    """How many prompts the labels are on, and how many families these make where that is another number."""
    prompts, families = len(np.unique(lesson.prompt)), len(np.unique(lesson.family))
    if families == prompts:
        return f"{prompts} prompts"
    return f"{prompts} prompts, which are {families} where those that belong together count once,"


def _share(family: Ints, rows: Bools, fraction: float) -> Bools:
    """The labels on the first so many of these rows' families, one family at least."""
    place = _places(family[rows])
    most = max(1, round(fraction * (int(place.max()) + 1)))
    found = np.zeros(len(rows), dtype=bool)
    found[np.flatnonzero(rows)[place < most]] = True
    return found


def ceiling(agreement: float) -> float | None:
    """How often a head that knew the truth would agree with a single label, from how often two labels agree.

    If every label is wrong with the same chance e, two agree with (1 − e)² + e², so 1 − e = (1 + √(2a − 1)) / 2.

    Args:
        agreement: a, 0 to 1, of two independent labels of the same thing, ties left out.

    Returns:
        ½ to 1; None below ½, where the labels contradict each other more often than chance would.

    >>> ceiling(0.82)
    0.9
    """
    if agreement < 0.5:
        return None
    return round((1 + (2 * agreement - 1) ** 0.5) / 2, 12)
