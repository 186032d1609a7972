"""The nouns of this room, so that callers need not know which file holds which."""

from annotation.models.answers import Answer, AnswerJudgement, Review
from annotation.models.batches import Batch, Participant
from annotation.models.doors import ConsentText, Invitation
from annotation.models.queue import Assignment, Item, Slot
from annotation.models.trust import failing, picked

__all__ = [
    "Answer",
    "AnswerJudgement",
    "Assignment",
    "Batch",
    "ConsentText",
    "Invitation",
    "Item",
    "Participant",
    "Review",
    "Slot",
    "failing",
    "picked",
]
