"""Rows of the room of the machines: judges, how they ask, what they were asked and what that cost."""

from scoring.models.canaries import Canary
from scoring.models.heads import FittedHead
from scoring.models.judges import Judge, JudgeCall, JudgeRater, JudgeTemplate, Spending
from scoring.models.looks import Look
from scoring.models.probes import ProbeAnswer, ProbeReading, ProbeRun
from scoring.models.rubrics import Rubric
from scoring.models.service import ServiceToken

__all__ = [
    "Canary",
    "FittedHead",
    "Judge",
    "JudgeCall",
    "JudgeRater",
    "JudgeTemplate",
    "Look",
    "ProbeAnswer",
    "ProbeReading",
    "ProbeRun",
    "Rubric",
    "ServiceToken",
    "Spending",
]
