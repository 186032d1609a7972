"""Judges of a project, the templates people wrote for them, every call that was made, and what a job may spend."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from curation.models import Job, Project, Rater, User
from curation.models.people import ProjectScoped
from scoring.judges.base import Mode

MOST_REPEATS = 64


class JudgeTemplateQuerySet(ProjectScoped["JudgeTemplate"]):
    def newest(self) -> JudgeTemplateQuerySet:
        """The last version of each name."""
        return self.order_by("project_id", "name", "-number").distinct("project_id", "name")


class JudgeTemplate(models.Model):
    """A wording that was written here. Another wording is another version; the built-in ones are files."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="judge_templates")
    name = models.CharField(_("name"), max_length=100)
    number = models.SmallIntegerField()
    mode = models.CharField(max_length=10, choices=[(mode.value, mode.value) for mode in Mode])
    # The whole `scoring.judges.base.Template` as JSON, and its digest.
    document = models.JSONField()
    digest = models.CharField(max_length=64)
    # Prompts whose votes chose what it asks, as `curation.identity.fitted_on` says it; None where no vote did.
    fitted_on = models.JSONField(null=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = JudgeTemplateQuerySet.as_manager()

    class Meta:
        ordering = ["name", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["project", "name", "number"], name="judge_template_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="judge_template_from_one"),
            models.CheckConstraint(condition=Q(mode__in=[mode.value for mode in Mode]), name="judge_template_mode"),
            models.CheckConstraint(condition=Q(digest__regex=r"^[0-9a-f]{64}$"), name="judge_template_digest"),
        ]

    def __str__(self) -> str:
        return f"{self.name}@{self.number}"

    @property
    def seen_prompts(self) -> list[int]:
        """Ids of the prompts whose votes chose what it asks."""
        return list(self.fitted_on["prompts"]) if self.fitted_on else []


class JudgeQuerySet(ProjectScoped["Judge"]):
    def active(self) -> JudgeQuerySet:
        return self.filter(archived_at=None)


class Judge(models.Model):
    """A model and how it is asked. It is not edited: another way of asking is another judge with other verdicts."""

    class Backend(models.TextChoices):
        ENDPOINT = "endpoint", _("an address that speaks OpenAI's protocol")
        LOCAL = "local", _("a model on the workers of this site")

    class Orders(models.TextChoices):
        BOTH = "both", _("both orders")
        ONE = "one", _("one order")

    project = models.ForeignKey(Project, models.CASCADE, related_name="judges")
    name = models.CharField(_("name"), max_length=100)
    # A built-in template as `name@version`, or one that was saved here.
    library = models.CharField(max_length=120, blank=True)
    template = models.ForeignKey(JudgeTemplate, models.RESTRICT, null=True, related_name="judges")
    backend = models.CharField(max_length=8, choices=Backend)
    # A name in the file of endpoints; empty for a local model.
    endpoint = models.CharField(max_length=100, blank=True)
    # What the endpoint calls the model; for a local one where its weights come from.
    model = models.CharField(_("model"), max_length=300)
    # What differs from the template's own: {"decoding": {"temperature": 0.7}, "pictures": {...}, "local": {...}}.
    settings = models.JSONField(default=dict, blank=True)
    orders = models.CharField(max_length=4, choices=Orders, default=Orders.BOTH)
    repeats = models.SmallIntegerField(_("repeats"), default=1)
    # Models that share weights or training data; samples of such a generator are no independent subjects.
    family = models.CharField(_("family"), max_length=100, blank=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = JudgeQuerySet.as_manager()

    class Meta:
        ordering = ["name", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "name"], name="judge_name_once", condition=Q(archived_at__isnull=True)
            ),
            models.CheckConstraint(
                condition=(Q(library="") & Q(template__isnull=False)) | (~Q(library="") & Q(template__isnull=True)),
                name="judge_has_one_template",
            ),
            models.CheckConstraint(
                condition=(Q(backend="endpoint") & ~Q(endpoint="")) | (Q(backend="local") & Q(endpoint="")),
                name="judge_endpoint_has_name",
            ),
            models.CheckConstraint(condition=~Q(model="") & ~Q(name=""), name="judge_names_its_model"),
            models.CheckConstraint(condition=Q(orders__in=["both", "one"]), name="judge_orders_known"),
            models.CheckConstraint(
                condition=Q(repeats__gte=1) & Q(repeats__lte=MOST_REPEATS), name="judge_repeats_in_range"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def template_name(self) -> str:
        """The template as `name@version`. Costs a query for a saved one that was not fetched with it."""
        return self.library or str(self.template)


class JudgeRater(models.Model):
    """A rater that a judge has been: whatever its verdicts depend on changes, it becomes another."""

    judge = models.ForeignKey(Judge, models.CASCADE, related_name="raters")
    rater = models.ForeignKey(Rater, models.RESTRICT, related_name="+")
    since = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["judge", "rater"], name="judge_rater_once")]

    def __str__(self) -> str:
        return f"judge {self.judge_id} as rater {self.rater_id}"


class JudgeCallQuerySet(ProjectScoped["JudgeCall"]):
    def current(self) -> JudgeCallQuerySet:
        """Those whose reply stands; one that failed and was asked anew is kept as a receipt only."""
        return self.filter(is_current=True)


class JudgeCall(models.Model):
    """One question that was paid for, with the reply as it came: the cache, and the receipt."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="judge_calls")
    # Of the question and the model, media by their content (`scoring.judges.base.Question.digest`).
    digest = models.CharField(max_length=64)
    is_current = models.BooleanField(default=True)
    judge = models.ForeignKey(Judge, models.SET_NULL, null=True, related_name="calls")
    job: models.ForeignKey[Job | None] = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="judge_calls")
    asked_at = models.DateTimeField()
    seconds = models.FloatField()
    prompt_tokens = models.IntegerField(default=0)
    answer_tokens = models.IntegerField(default=0)
    cost = models.DecimalField(max_digits=16, decimal_places=8, default=Decimal(0))
    text = models.TextField(blank=True)
    # [[text, log-probability, {rival: log-probability}], ...] where they were asked for.
    tokens = models.JSONField(null=True)
    finish = models.CharField(max_length=40, blank=True)
    # As the backend names it.
    model = models.CharField(max_length=300, blank=True)
    attempts = models.SmallIntegerField(default=1)
    troubles = models.JSONField(default=list)
    # Why the reply could not be read; empty when it could.
    fault = models.TextField(blank=True)

    objects = JudgeCallQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["project", "digest"], name="judge_call_once", condition=Q(is_current=True)),
            models.CheckConstraint(condition=Q(digest__regex=r"^[0-9a-f]{64}$"), name="judge_call_digest"),
            # NaN sorts above every number in PostgreSQL, so the upper bound refuses it too.
            models.CheckConstraint(
                condition=Q(seconds__gte=0) & Q(seconds__lt=float("inf")), name="judge_call_seconds_finite"
            ),
            models.CheckConstraint(
                condition=Q(prompt_tokens__gte=0, answer_tokens__gte=0, cost__gte=0, attempts__gte=1),
                name="judge_call_counts",
            ),
        ]
        indexes = [models.Index(fields=["judge", "-id"], name="judge_call_newest")]

    def __str__(self) -> str:
        return f"call {self.pk}"


class SpendingQuerySet(ProjectScoped["Spending"]):
    project_path = "job__project"


class Spending(models.Model):
    """What a judging job may spend and has spent, calls under way included. No limit is a null."""

    job = models.OneToOneField(Job, models.CASCADE, related_name="spending", primary_key=True)
    most_requests = models.BigIntegerField(null=True)
    most_cost = models.DecimalField(max_digits=16, decimal_places=8, null=True)
    requests = models.BigIntegerField(default=0)
    cost = models.DecimalField(max_digits=16, decimal_places=8, default=Decimal(0))
    # The dearest call seen so far, which each further one is expected to cost; null while nothing is known.
    dearest = models.DecimalField(max_digits=16, decimal_places=8, null=True)
    # Answered from earlier calls, at no cost.
    from_cache = models.BigIntegerField(default=0)
    # Set when a call was not made for want of budget.
    is_spent = models.BooleanField(default=False)

    objects = SpendingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(requests__gte=0, cost__gte=0, from_cache__gte=0), name="spending_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(most_requests__isnull=True) | Q(requests__lte=F("most_requests")),
                name="spending_within_requests",
            ),
            models.CheckConstraint(
                condition=Q(most_cost__isnull=True) | Q(most_cost__gte=0), name="spending_limit_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"spending of job {self.job_id}"
