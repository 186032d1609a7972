"""Acts of raters. A judgement is written once; it can be retracted or superseded, never edited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from curation.models.criteria import GuidelineVersion
from curation.models.people import Project, ProjectScoped, User
from curation.models.raters import Rater, RaterStanding

if TYPE_CHECKING:
    from curation.models.jobs import Job


class JudgingContextQuerySet(ProjectScoped["JudgingContext"]):
    pass


class JudgingContext(models.Model):
    """A principle, template or profile under which an opinion was asked; the same pair may flip under another."""

    class Kind(models.TextChoices):
        PRINCIPLE = "principle", _("principle")
        TEMPLATE = "template", _("template")
        PROFILE = "profile", _("profile")

    project = models.ForeignKey(Project, models.CASCADE, related_name="contexts")
    kind = models.CharField(max_length=16, choices=Kind)
    name = models.CharField(max_length=200)
    number = models.SmallIntegerField(default=1)
    text = models.TextField()

    objects = JudgingContextQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "kind", "name", "number"], name="judging_context_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.number}"


class JudgementQuerySet(ProjectScoped["Judgement"]):
    def living(self) -> JudgementQuerySet:
        return self.filter(retracted_at=None)

    def outside_quarantine(self) -> JudgementQuerySet:
        """Acts whose rater was in good standing at the time: the newest word on the rater decides."""
        newer = RaterStanding.objects.filter(
            project=OuterRef("project"), rater=OuterRef("rater"), pk__gt=OuterRef("pk")
        )
        holding = RaterStanding.objects.filter(
            project=OuterRef("project_id"),
            rater=OuterRef("rater_id"),
            state=RaterStanding.State.QUARANTINED,
            since__lte=OuterRef("at"),
        ).filter(~Exists(newer))
        return self.filter(~Exists(holding))


class Judgement(models.Model):
    """One act of one rater: a click, a ranking, a judge's whole answer, or one forward pass over many samples."""

    class Act(models.TextChoices):
        COMPARE = "compare", _("comparison")
        RANK = "rank", _("ranking")
        RATE = "rate", _("rating")
        CHECK = "check", _("checklist")
        MARK = "mark", _("mark")
        WRITE = "write", _("note")
        FLAG = "flag", _("flag")
        PASS = "pass", _("forward pass")
        LISTEN = "listen", _("reading of another's reasons")

    class Purpose(models.TextChoices):
        LABEL = "label", _("label")
        GOLD = "gold", _("gold")
        REPEAT = "repeat", _("hidden repeat")
        CONTROL = "control", _("control")
        AUDIT = "audit", _("audit")
        QUALIFICATION = "qualification", _("qualification")
        DRAFT = "draft", _("draft")
        BEHAVIOUR = "behaviour", _("behaviour")

    # What may count as a label when pairs are made; the rest examines raters or helps them. A blind control is a
    # vote like any other: its rater was only not shown the draft.
    COUNTED_PURPOSES = ("label", "audit", "control", "behaviour")

    class Retraction(models.TextChoices):
        RETRACTED = "retracted", _("retracted")
        SUPERSEDED = "superseded", _("superseded")
        MEMBER_RETRACTED = "member-retracted", _("what it was derived from was retracted")
        CONSENT_WITHDRAWN = "consent-withdrawn", _("consent withdrawn")

    project = models.ForeignKey(Project, models.CASCADE, related_name="judgements")
    rater = models.ForeignKey(Rater, models.RESTRICT, related_name="judgements")
    act = models.CharField(max_length=8, choices=Act)
    purpose = models.CharField(max_length=16, choices=Purpose, default=Purpose.LABEL)
    context = models.ForeignKey(JudgingContext, models.RESTRICT, null=True, related_name="judgements")
    guideline = models.ForeignKey(GuidelineVersion, models.RESTRICT, null=True, related_name="judgements")
    at = models.DateTimeField()
    seconds = models.FloatField(null=True)
    # The sender's own name for the act: sending it twice stores it once.
    client_key = models.CharField(max_length=100, blank=True)
    job: models.ForeignKey[Job | None] = models.ForeignKey(
        "curation.Job", models.SET_NULL, null=True, related_name="judgements"
    )
    # The annotation batch and item it answers, in that room's own words.
    batch_key = models.CharField(max_length=100, blank=True)
    # What was shown and how it was drawn: {"order": [...], "sides": ..., "seed": ...}.
    presentation = models.JSONField(null=True)
    sampling_probability = models.FloatField(null=True)
    # The whole answer as given; null for scalar models and after erasure.
    payload = models.JSONField(null=True)
    retracted_at = models.DateTimeField(null=True)
    retracted_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    retraction = models.CharField(max_length=20, choices=Retraction, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = JudgementQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["rater", "project", "client_key"], name="judgement_client_key_once", condition=~Q(client_key="")
            ),
            # Lets evidence name its judgement and its rater in one foreign key, so the two cannot disagree.
            models.UniqueConstraint(fields=["id", "rater"], name="judgement_and_rater"),
            models.CheckConstraint(
                condition=Q(retracted_at__isnull=True, retraction="")
                | (Q(retracted_at__isnull=False) & ~Q(retraction="")),
                name="judgement_retracted_with_reason",
            ),
            models.CheckConstraint(
                condition=Q(seconds__isnull=True) | Q(seconds__gte=0), name="judgement_seconds_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(sampling_probability__isnull=True)
                | (Q(sampling_probability__gt=0) & Q(sampling_probability__lte=1)),
                name="judgement_probability_is_one",
            ),
        ]
        indexes = [
            models.Index(fields=["project", "-id"], name="judgement_newest"),
            # Nearly empty: tells whether anything was retracted since a project was counted.
            models.Index(
                fields=["project", "retracted_at"], name="judgement_retracted", condition=Q(retracted_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.act} {self.pk}"


class JudgementLink(models.Model):
    """How one judgement came from another. Retraction travels from `source` to what was derived from it."""

    class Kind(models.TextChoices):
        SUPERSEDES = "supersedes", _("supersedes")
        DERIVED_FROM = "derived-from", _("derived from")
        DRAFTED_FROM = "drafted-from", _("drafted from")
        ADJUDICATES = "adjudicates", _("adjudicates")
        # Who only reads the reasons reaches the same verdict, or another.
        CONFIRMS = "confirms", _("confirms")
        CONTRADICTS = "contradicts", _("contradicts")

    judgement = models.ForeignKey(Judgement, models.CASCADE, related_name="links")
    source = models.ForeignKey(Judgement, models.CASCADE, related_name="linked_from")
    kind = models.CharField(max_length=16, choices=Kind)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["judgement", "source", "kind"], name="judgement_link_once"),
            # A link points to an older act, so links cannot form a circle.
            models.CheckConstraint(condition=Q(source__lt=F("judgement")), name="judgement_link_points_back"),
            # A judgement is superseded once; the next correction supersedes the newer one.
            models.UniqueConstraint(
                fields=["source"], name="judgement_superseded_once", condition=Q(kind="supersedes")
            ),
            models.UniqueConstraint(
                fields=["judgement", "source"],
                name="judgement_confirms_or_contradicts",
                condition=Q(kind__in=["confirms", "contradicts"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.judgement_id} {self.kind} {self.source_id}"
