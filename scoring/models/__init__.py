"""Rows of the room of the machines: judges, how they ask, what they were asked and what that cost."""

from scoring.models.canaries import Canary
from scoring.models.judges import Judge, JudgeCall, JudgeRater, JudgeTemplate, Spending

__all__ = ["Canary", "Judge", "JudgeCall", "JudgeRater", "JudgeTemplate", "Spending"]
