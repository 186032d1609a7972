"""A simulated crowd: prompts whose samples have true strengths, people who vote by them, machines that score."""

from __future__ import annotations

import numpy as np
import polars as pl

from curation.consensus.votes import COMPARISONS, RELATED, SAMPLES, SCORES, Told


class Crowd:
    """Ids: prompts from 1, samples from 1 (n a prompt), people from 1, machines from 101."""

    def __init__(self, prompts: int, items: int, *, sd: float = 1.5, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.items = items
        self.theta = self.rng.normal(0, sd, (prompts, items))
        self.comparisons: list[dict] = []
        self.scores: list[dict] = []
        self.related: list[dict] = []

    def sample(self, group: int, item: int) -> int:
        return 1 + group * self.items + item

    def vote(self, group: int, left: int, right: int, outcome: str, *, rater: int = 1, person=True, **facts) -> int:
        """One comparison as an act of its own; returns the judgement's id."""
        row = {"judgement_id": len(self.comparisons) + 1, "position": 0, "rater_id": rater, "is_person": person}
        row |= {"is_label": True, "is_picked": False, "prompt_id": group + 1, "outcome": outcome, "act_size": 2}
        row |= {"left_id": self.sample(group, left), "right_id": self.sample(group, right)}
        self.comparisons.append({**row, **facts})
        return self.comparisons[-1]["judgement_id"]

    def people(self, votes: int, *, raters: int = 8, groups=None, repeats: int = 1, flips: float = 0.0) -> set[int]:
        """So many random couples of each prompt, each judged by so many people; ids of votes turned round by chance."""
        turned = set()
        for group in range(len(self.theta)) if groups is None else groups:
            for left, right in self.couples(votes):
                for rater in self.rng.choice(raters, repeats, replace=False):
                    is_left = self.rng.random() < 1 / (1 + np.exp(self.theta[group, right] - self.theta[group, left]))
                    is_turned = self.rng.random() < flips
                    outcome = "left" if is_left != is_turned else "right"
                    act = self.vote(group, left, right, outcome, rater=int(rater) + 1)
                    turned |= {act} if is_turned else set()
        return turned

    def couples(self, number: int) -> list[tuple[int, int]]:
        """Different couples, each in a random order; all of them where there are no more."""
        every = [(i, j) for i in range(self.items) for j in range(i)]
        chosen = self.rng.permutation(len(every))[:number]
        return [every[place] if self.rng.random() < 0.5 else every[place][::-1] for place in chosen]

    def machine(self, rater: int, *, like: float, column: str = "scores:aesthetic", shared=None) -> None:
        """Scores of every sample: `like` times the true strength, and noise of size 1 (or what is handed in)."""
        noise = self.rng.normal(0, 1, self.theta.shape) if shared is None else shared
        for group, row in enumerate(like * self.theta + noise):
            for item, value in enumerate(row):
                self.score(rater, group, item, float(value), column=column)

    def score(self, rater: int, group: int, item: int, value: float, *, column="scores:overall", person=False) -> None:
        row = {"rater_id": rater, "is_person": person, "column": column, "prompt_id": group + 1}
        self.scores.append({**row, "sample_id": self.sample(group, item), "value": value})

    def told(self) -> Told:
        groups, items = self.theta.shape
        samples = [{"prompt_id": g + 1, "sample_id": self.sample(g, i)} for g in range(groups) for i in range(items)]
        return Told(
            pl.DataFrame(self.comparisons, schema=COMPARISONS),
            pl.DataFrame(self.scores, schema=SCORES),
            pl.DataFrame(self.related, schema=RELATED),
            pl.DataFrame(samples, schema=SAMPLES),
        )
