"""What stands on the state of a special token: the heads, in float32, and what their two numbers mean.

A head of two columns gives μ and log σ of a reward. It is trained so that of two pictures A and B the probability that
people prefer A is the mean of the logistic function of z over z ~ N(μ_A − μ_B, σ_A² + σ_B²): σ is the standard
deviation of the reward as the model sees it, in the unit of μ. (Ma et al. 2025, HPSv3, “uncertainty-aware ranking”.)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from scoring.scorers.base import Result

WIDE, NARROW = 1024, 16


def ranking_head(width: int) -> nn.Module:
    """Three linear layers (width, 1024, 16, 2) with ReLU between them; what is dropped in training is kept here."""
    return nn.Sequential(
        nn.Linear(width, WIDE), nn.ReLU(), nn.Dropout(0.05), nn.Linear(WIDE, NARROW), nn.ReLU(), nn.Linear(NARROW, 2)
    )


def ranking_heads(width: int) -> nn.Module:
    """Two of them, under the names `head_0` and `head_1`."""
    return nn.ModuleDict({f"head_{place}": ranking_head(width) for place in range(2)})


class LinearHead(nn.Module):
    """One number for a state, without a constant."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(1, width))

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Of states (…, width) the numbers (…)."""
        return nn.functional.linear(states, self.weight)[..., 0]


def estimates(columns: torch.Tensor) -> tuple[list[float], list[float]]:
    """μ and σ = exp(column 1) of a head's output, (n, 2) float32, in float64."""
    found = columns.double().cpu()
    return found[:, 0].tolist(), found[:, 1].exp().tolist()


def result_of(means: Sequence[float], deviations: Sequence[float]) -> Result:
    """The reward of a sample of one or several pictures, each with μ and σ; at least one.

    The value is the mean of μ. The spread is the deviation of the reward of a picture drawn at random: the square root
    of the mean of σ² plus the variance of μ over the pictures; of one picture, its σ.

    >>> result_of([3.0], [0.5]).spread
    0.5
    >>> result_of([2.0, 4.0], [0.0, 0.0])
    Result(value=3.0, spread=1.0)
    """
    variance = float(np.mean(np.square(deviations))) + float(np.var(means))
    return Result(float(np.mean(means)), variance**0.5)
