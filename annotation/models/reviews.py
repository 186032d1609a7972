"""Which answers wait for whom: for a reviewer, or for their author once more."""

from __future__ import annotations

from django.db.models import QuerySet

from annotation.models.answers import Answer, Review
from annotation.models.queue import Assignment
from curation.models import Project, User


def _with_all(reviews: QuerySet[Review]) -> QuerySet[Review]:
    return reviews.select_related(
        "answer__assignment__item__prompt",
        "answer__assignment__batch__project",
        "answer__assignment__rater",
        "reviewer",
    )


def every(project: Project) -> QuerySet[Review]:
    """All reviews here, those of answers that were changed since included."""
    return _with_all(Review.objects.filter(answer__assignment__batch__project=project))


def of_project(project: Project) -> QuerySet[Review]:
    """Reviews of living answers here."""
    return every(project).filter(answer__replaced_by=None)


def waiting(project: Project) -> QuerySet[Review]:
    return of_project(project).filter(outcome=Review.Outcome.WAITING).order_by("id")


def waiting_for(user: User, project: Project) -> QuerySet[Review]:
    """Answers of others that wait for a review, the oldest first."""
    own = Assignment.objects.filter(rater__user_id=user.pk)
    return waiting(project).exclude(answer__assignment__in=own)


def returned(project: Project) -> QuerySet[Review]:
    """Answers that were returned and not given again yet, the oldest first."""
    return of_project(project).filter(outcome=Review.Outcome.RETURNED, answer__payload__isnull=False).order_by("id")


def returned_to(user: User, project: Project) -> QuerySet[Review]:
    return returned(project).filter(answer__assignment__rater__user_id=user.pk)


def earlier(answer: Answer) -> QuerySet[Review]:
    """What reviewers said of earlier answers to the same item by the same person, the newest first."""
    of_same = Review.objects.filter(answer__assignment_id=answer.assignment_id).exclude(answer=answer)
    return of_same.select_related("reviewer").order_by("-id")
