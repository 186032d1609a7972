"""What is asked, of whom, how often, under which rules of fairness."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from curation.access import Right
from curation.models import GuidelineVersion, Job, Project, Rater, User
from curation.models.people import ProjectScoped, Visitor


class BatchQuerySet(ProjectScoped["Batch"]):
    def open(self) -> BatchQuerySet:
        return self.filter(state=Batch.State.OPEN)

    def for_person(self, user: Visitor) -> BatchQuerySet:
        """Batches in which this person may judge: open to every member of the project, or to this one by name."""
        entered = self.visible_to(user, Right.ENTER)
        if not user.is_authenticated:
            return self.none()
        named = Participant.objects.filter(rater__user_id=user.pk).exclude(state=Participant.State.REMOVED)
        return entered.filter(Q(is_open_to_members=True) | Q(pk__in=named.values("batch_id")))


class Batch(models.Model):
    """Questions about many items, put to people. What was asked cannot change once the batch is open."""

    class Kind(models.TextChoices):
        LABEL = "label", _("labelling")
        QUALIFICATION = "qualification", _("qualification")
        ADJUDICATION = "adjudication", _("adjudication")

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        OPEN = "open", _("open")
        PAUSED = "paused", _("paused")
        CLOSED = "closed", _("closed")

    project = models.ForeignKey(Project, models.CASCADE, related_name="batches")
    name = models.CharField(_("name"), max_length=200)
    kind = models.CharField(max_length=16, choices=Kind, default=Kind.LABEL)
    state = models.CharField(max_length=8, choices=State, default=State.DRAFT)
    # What is asked, in the form of `annotation.questions`.
    questions = models.JSONField()
    guideline = models.ForeignKey(GuidelineVersion, models.RESTRICT, null=True, related_name="batches")
    # How the items were chosen: {"rule": "random", "seed": 1, ...}; told again on the page of the batch.
    rule = models.JSONField(default=dict, blank=True)
    # Draws sides, order, gold and repeats. Never shown to those who judge.
    seed = models.BigIntegerField()
    # How many people answer each item.
    overlap = models.SmallIntegerField(_("people per item"), default=1)
    gold_share = models.FloatField(_("share of gold items"), default=0.0)
    repeat_share = models.FloatField(_("share of hidden repeats"), default=0.0)
    # Of the items with a draft, how many are asked without showing it.
    control_share = models.FloatField(_("blind control share"), default=0.2)
    # Share of answers that a second person looks over.
    review_share = models.FloatField(_("share of answers reviewed"), default=0.0)
    # A rater whose share of right gold answers is below this after `gold_least` of them pauses; null: nobody does.
    gold_bar = models.FloatField(_("gold accuracy below which a rater pauses"), null=True, blank=True)
    gold_least = models.SmallIntegerField(_("gold answers before that is asked"), default=8)
    # The batch one must have passed, and the share of right answers that passes it.
    qualification: models.ForeignKey[Batch | None] = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="opens"
    )
    pass_bar = models.FloatField(_("share of right answers that qualifies"), default=0.8)
    lease_seconds = models.IntegerField(_("seconds an item is kept for one person"), default=600)
    undo_seconds = models.IntegerField(_("seconds in which one's own answer may be changed"), default=1800)
    # Pixel sizes can tell generators apart: pictures of an item are shown in one size.
    normalise_resolution = models.BooleanField(_("show pictures in one size"), default=False)
    is_open_to_members = models.BooleanField(_("open to every member"), default=True)
    deadline = models.DateTimeField(_("deadline"), null=True, blank=True)
    # Kept by `annotation.actions.leasing.add_slots`: what a person can answer at most.
    item_count = models.IntegerField(default=0)
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    opened_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = BatchQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(overlap__gte=1), name="batch_overlap_at_least_one"),
            models.CheckConstraint(
                condition=Q(gold_share__gte=0) & Q(repeat_share__gte=0) & Q(gold_share__lte=1 - F("repeat_share")),
                name="batch_shares_within_one",
            ),
            models.CheckConstraint(
                condition=Q(control_share__gte=0) & Q(control_share__lte=1), name="batch_control_is_share"
            ),
            models.CheckConstraint(
                condition=Q(review_share__gte=0) & Q(review_share__lte=1), name="batch_review_is_share"
            ),
            models.CheckConstraint(condition=Q(lease_seconds__gte=1), name="batch_lease_lasts"),
            models.CheckConstraint(
                condition=~Q(state="open") | Q(opened_at__isnull=False), name="batch_open_since_some_time"
            ),
        ]
        indexes = [models.Index(fields=["project", "state"], name="batch_of_project")]

    def __str__(self) -> str:
        return self.name

    @property
    def lease(self) -> timedelta:
        return timedelta(seconds=self.lease_seconds)


class ParticipantQuerySet(ProjectScoped["Participant"]):
    project_path = "batch__project"


class Participant(models.Model):
    """One rater's place in one batch: how far along the queue, and whether it may go on.

    Every lease and every answer of the rater in the batch locks this row first, so that two tabs of one person, or
    one click sent twice, are served one after the other.
    """

    class State(models.TextChoices):
        INVITED = "invited", _("invited")
        ACTIVE = "active", _("active")
        PAUSED = "paused", _("paused")
        PASSED = "passed", _("passed")
        FAILED = "failed", _("not passed")
        REMOVED = "removed", _("removed")

    batch = models.ForeignKey(Batch, models.CASCADE, related_name="participants")
    rater = models.ForeignKey(Rater, models.RESTRICT, related_name="participations")
    state = models.CharField(max_length=8, choices=State, default=State.ACTIVE)
    # Why the state is what it is, in words for the person.
    reason = models.TextField(blank=True)
    # The place in the queue behind which everything was taken, by this person or another.
    cursor = models.BigIntegerField(default=-1)
    # How many items were handed out: draws whether the next one is gold or a repeat.
    served = models.IntegerField(default=0)
    answered = models.IntegerField(default=0)
    # When the places before the cursor were last looked through in vain.
    looked_back_at = models.DateTimeField(null=True)
    joined_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField(null=True)

    objects = ParticipantQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["batch", "rater"], name="participant_once")]

    def __str__(self) -> str:
        return f"{self.rater_id} in batch {self.batch_id}"
