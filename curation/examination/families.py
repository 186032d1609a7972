"""Prompts that belong together, and votes counted by them: what is learnt of one is known of the others. Plain code."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from curation.examination.intervals import Difference, Estimate, Floats, Ints, clustered, difference


def _none() -> Ints:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Families:
    """The components of `curation.splitting`: prompts that say nearly the same, are rewrites of one another, or ask
    about one picture. A prompt that is not named here is a family of its own.

    Attributes:
        prompt: (P,), ids, ascending.
        family: (P,), the smallest id of a prompt in each one's family.
    """

    prompt: Ints = field(default_factory=_none)
    family: Ints = field(default_factory=_none)

    def of(self, prompts: Ints) -> Ints:
        """The family of each prompt, in the shape that was given."""
        if not len(self.prompt):
            return prompts
        place = np.minimum(np.searchsorted(self.prompt, prompts), len(self.prompt) - 1)
        return np.where(self.prompt[place] == prompts, self.family[place], prompts)

    def whole(self, prompts: Iterable[int]) -> tuple[int, ...]:
        """Every prompt in the families of these, ascending."""
        own = np.array(sorted(prompts), dtype=np.int64)
        return tuple(np.union1d(own, self.prompt[np.isin(self.family, self.of(own))]).tolist())


# Where nobody has looked which prompts belong together.
ALONE = Families()


@dataclass(frozen=True, eq=False)
class Clusters:
    """The prompts that n votes are on and their families, numbered from 0, each of shape (1, n); (2, n) for votes that
    compare two prompts and so hang on both."""

    prompt: Ints
    family: Ints

    @classmethod
    def of(cls, prompts: Ints, families: Families = ALONE, others: Ints | None = None) -> Clusters:
        """From ids of prompts; `others` are those of the second sides."""
        sides = np.stack([prompts] if others is None else [prompts, others])
        return cls(_numbered(sides), _numbered(families.of(sides)))

    @property
    def one(self) -> Ints:
        """(n,), the family of each vote, by its first side."""
        return self.family[0]

    @property
    def _other(self) -> Ints | None:
        return self.family[1] if len(self.family) == 2 else None

    def where(self, votes: NDArray[np.bool_]) -> Clusters:
        return Clusters(self.prompt[:, votes], self.family[:, votes])

    def estimate(self, credit: Floats) -> Estimate | None:
        """As `intervals.clustered` by family, told with the number of prompts and of families."""
        found = clustered(credit, self.one, other=self._other)
        prompts = len(np.unique(self.prompt[:, ~np.isnan(credit)]))
        return found and replace(found, prompts=prompts, families=found.prompts)

    def difference(self, first: Floats, second: Floats) -> Difference | None:
        """As `intervals.difference` by family."""
        return difference(first, second, self.one, other=self._other)


def _numbered(names: Ints) -> Ints:
    return np.unique(names, return_inverse=True)[1].reshape(names.shape).astype(np.int64)
