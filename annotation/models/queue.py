"""What is judged, by how many, and who holds what right now. The constraints below are the promise of this room."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from annotation.models.batches import Batch
from curation.access import Right
from curation.models import Judgement, Prompt, Rater, Request
from curation.models.people import ProjectScoped, Visitor


class ItemQuerySet(ProjectScoped["Item"]):
    project_path = "batch__project"


class Item(models.Model):
    """The samples of one prompt that are judged together."""

    batch = models.ForeignKey(Batch, models.CASCADE, related_name="items")
    # The place in the queue the item was given when the batch was drawn.
    position = models.IntegerField()
    prompt = models.ForeignKey(Prompt, models.CASCADE, related_name="+", db_index=False)
    # In the order of their ids; the order shown is drawn for each person.
    sample_ids = ArrayField(models.BigIntegerField())
    purpose = models.CharField(max_length=16, choices=Judgement.Purpose, default=Judgement.Purpose.LABEL)
    # The right answer of a gold item, over `sample_ids` (see `annotation.gold`); null for all others.
    expected = models.JSONField(null=True)
    # A machine's proposal over `sample_ids`, and the judgement it came from.
    draft = models.JSONField(null=True)
    drafted_from = models.ForeignKey(Judgement, models.SET_NULL, null=True, related_name="+")
    # The judgements that disagreed, for an adjudicator.
    about = ArrayField(models.BigIntegerField(), default=list)
    request = models.ForeignKey(Request, models.SET_NULL, null=True, related_name="+")
    sampling_probability = models.FloatField(null=True)

    objects = ItemQuerySet.as_manager()

    class Meta:
        ordering = ["batch", "position"]
        constraints = [
            models.UniqueConstraint(fields=["batch", "position"], name="item_place_once"),
            models.CheckConstraint(condition=Q(sample_ids__len__gte=1), name="item_has_samples"),
            models.CheckConstraint(
                condition=~Q(purpose__in=["gold", "qualification"]) | Q(expected__isnull=False),
                name="item_gold_knows_its_answer",
            ),
        ]
        indexes = [
            # Gold is few among many and is dealt out apart from the queue.
            models.Index(fields=["batch"], name="item_gold", condition=Q(purpose__in=["gold", "qualification"])),
        ]

    def __str__(self) -> str:
        return f"item {self.pk} of batch {self.batch_id}"


class Slot(models.Model):
    """Room for one person's answer on one item. There are `overlap` of them an item, and no answer without one.

    `rank` is the place in the queue. A slot that comes back (a lease that ended, a skip) is put behind all others, so
    it lies ahead of everybody's cursor.
    """

    class State(models.TextChoices):
        OPEN = "open", _("open")
        LEASED = "leased", _("held")
        DONE = "done", _("answered")
        CLOSED = "closed", _("closed")

    item = models.ForeignKey(Item, models.CASCADE, related_name="slots", db_index=False)
    number = models.SmallIntegerField()
    batch = models.ForeignKey(Batch, models.CASCADE, related_name="slots", db_index=False)
    rank = models.BigIntegerField()
    state = models.CharField(max_length=6, choices=State, default=State.OPEN)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "number"], name="slot_once"),
            models.CheckConstraint(condition=Q(number__gte=0), name="slot_number_not_negative"),
        ]
        indexes = [models.Index(fields=["batch", "rank"], name="slot_queue", condition=Q(state="open"))]

    def __str__(self) -> str:
        return f"slot {self.number} of item {self.item_id}"


class AssignmentQuerySet(ProjectScoped["Assignment"]):
    project_path = "item__batch__project"

    def living(self) -> AssignmentQuerySet:
        return self.filter(state__in=Assignment.LIVING)

    def of_person(self, user: Visitor) -> AssignmentQuerySet:
        """One's own: annotators see these and no others."""
        if not user.is_authenticated:
            return self.none()
        return self.visible_to(user, Right.ENTER).filter(rater__user_id=user.pk)


class Assignment(models.Model):
    """One item in one person's hands: leased until a time, then answered, skipped or given back."""

    class State(models.TextChoices):
        LEASED = "leased", _("in hand")
        DONE = "done", _("answered")
        SKIPPED = "skipped", _("skipped")
        EXPIRED = "expired", _("lease ended")
        # Sent after the lease had ended and others had filled the item: kept and paid, but no evidence.
        LATE = "late", _("answered too late")

    LIVING = ("leased", "done", "skipped", "late")
    HOLDING = ("leased", "done")

    item = models.ForeignKey(Item, models.CASCADE, related_name="assignments", db_index=False)
    batch = models.ForeignKey(Batch, models.CASCADE, related_name="assignments", db_index=False)
    # Null for gold, qualification and repeats, which everybody gets and which fill no slot.
    slot = models.ForeignKey(Slot, models.CASCADE, null=True, related_name="assignments", db_index=False)
    rater = models.ForeignKey(Rater, models.RESTRICT, related_name="assignments", db_index=False)
    purpose = models.CharField(max_length=16, choices=Judgement.Purpose)
    # For a hidden repeat: the answer that is asked for again.
    repeats: models.ForeignKey[Assignment | None] = models.ForeignKey(
        "self", models.CASCADE, null=True, related_name="repeated_by", db_index=False
    )
    is_repeat = models.BooleanField(default=False)
    state = models.CharField(max_length=8, choices=State, default=State.LEASED)
    # {"order": [sample ids as shown], "seed": ..., "draft": whether one was shown, "mirrored": bool}
    presentation = models.JSONField()
    leased_at = models.DateTimeField()
    lease_until = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    skip_reason = models.CharField(max_length=40, blank=True)
    skip_text = models.TextField(blank=True)

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        constraints = [
            # No two people in one slot.
            models.UniqueConstraint(
                fields=["slot"], name="assignment_slot_once", condition=Q(state__in=["leased", "done"])
            ),
            # One person answers an item once, and its hidden repeat once.
            models.UniqueConstraint(
                fields=["item", "rater", "is_repeat"],
                name="assignment_person_once",
                condition=Q(state__in=["leased", "done", "skipped", "late"]),
            ),
            models.CheckConstraint(
                condition=Q(is_repeat=False) | Q(repeats__isnull=False), name="assignment_repeat_of_something"
            ),
            models.CheckConstraint(
                condition=Q(is_repeat=True)
                | Q(purpose__in=["gold", "qualification"])
                | ~Q(state__in=["leased", "done"])
                | Q(slot__isnull=False),
                name="assignment_answers_in_a_slot",
            ),
            models.CheckConstraint(
                condition=Q(lease_until__gt=F("leased_at")), name="assignment_lease_ends_after_it_began"
            ),
        ]
        indexes = [
            models.Index(fields=["batch", "lease_until"], name="assignment_leases", condition=Q(state="leased")),
            models.Index(fields=["batch", "rater", "-id"], name="assignment_own"),
        ]

    def __str__(self) -> str:
        return f"item {self.item_id} for rater {self.rater_id}"
