"""What came back: each answer as it was sent, the judgements it became, and what a second person said of it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from annotation.models.queue import Assignment
from curation.models import Judgement, Rater
from curation.models.people import ProjectScoped


class AnswerQuerySet(ProjectScoped["Answer"]):
    project_path = "assignment__item__batch__project"

    def current(self) -> AnswerQuerySet:
        return self.filter(replaced_by=None)

    def known(self) -> AnswerQuerySet:
        """Living answers to items whose right answer is known, with what it takes to compare the two."""
        known = self.current().filter(
            assignment__purpose__in=["gold", "qualification"],
            assignment__state=Assignment.State.DONE,
            assignment__item__expected__isnull=False,
            payload__isnull=False,
        )
        return known.select_related("assignment__item")


class Answer(models.Model):
    """One answer to all questions of one item. A changed mind is another row; the older one stays."""

    assignment = models.ForeignKey(Assignment, models.CASCADE, related_name="answers", db_index=False)
    # The sender's own name for it: sending twice stores once.
    client_key = models.CharField(max_length=60)
    # As sent, by places as shown, in the form of `annotation.answers`.
    payload = models.JSONField(null=True)
    seconds = models.FloatField(null=True)
    # The answer that took this one's place; null while it is the living one.
    replaced_by: models.OneToOneField[Answer | None] = models.OneToOneField(
        "self", models.CASCADE, null=True, related_name="replaces"
    )
    created_at = models.DateTimeField()
    judgements = models.ManyToManyField(Judgement, through="AnswerJudgement", related_name="answers_of")

    objects = AnswerQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client_key"], name="answer_client_key_once"),
            models.UniqueConstraint(
                fields=["assignment"], name="answer_one_living", condition=Q(replaced_by__isnull=True)
            ),
            models.CheckConstraint(condition=~Q(client_key=""), name="answer_has_client_key"),
        ]
        indexes = [models.Index(fields=["assignment", "-id"], name="answer_of_assignment")]

    def __str__(self) -> str:
        return f"answer {self.pk}"


class AnswerJudgement(models.Model):
    """One answer may be several acts: a comparison, a rating and marks are judgements of their own."""

    answer = models.ForeignKey(Answer, models.CASCADE, related_name="acts")
    judgement = models.OneToOneField(Judgement, models.CASCADE, related_name="answer_act")
    question = models.CharField(max_length=60)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["answer", "question"], name="answer_question_once")]

    def __str__(self) -> str:
        return f"{self.question} of answer {self.answer_id}"


class ReviewQuerySet(ProjectScoped["Review"]):
    project_path = "answer__assignment__item__batch__project"


class Review(models.Model):
    """A second person's word on an answer: accepted, or returned with a note that its author reads."""

    class Outcome(models.TextChoices):
        WAITING = "waiting", _("waiting")
        ACCEPTED = "accepted", _("accepted")
        RETURNED = "returned", _("returned")

    answer = models.OneToOneField(Answer, models.CASCADE, related_name="review")
    outcome = models.CharField(max_length=8, choices=Outcome, default=Outcome.WAITING)
    reviewer = models.ForeignKey(Rater, models.RESTRICT, null=True, related_name="reviews")
    note = models.TextField(_("note"), blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True)

    objects = ReviewQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(outcome="returned") | ~Q(note=""), name="review_returned_with_a_note"),
            models.CheckConstraint(
                condition=Q(outcome="waiting") | (Q(reviewer__isnull=False) & Q(decided_at__isnull=False)),
                name="review_decided_by_somebody",
            ),
        ]
        indexes = [models.Index(fields=["outcome", "id"], name="review_queue", condition=Q(outcome="waiting"))]

    def __str__(self) -> str:
        return f"{self.outcome} answer {self.answer_id}"
