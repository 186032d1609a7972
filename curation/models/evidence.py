"""What judgements say, one row a statement. Its key is the judgement and the statement's place in it.

Ten million scores are expected here. A living row enters three indexes, its primary key included, and no foreign-key
index beside them; it enters a fourth only when it is retracted. The foreign key to the judgement carries the rater
too (migration 0002), so a row cannot name another rater than its act does; retraction is copied to the rows by the
database itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Greatest, Least
from django.utils.translation import gettext_lazy as _

from curation.models.criteria import CriterionVersion
from curation.models.judgements import Judgement, JudgingContext
from curation.models.people import ProjectScoped
from curation.models.prompts import Prompt, Sample
from curation.models.raters import Rater

if TYPE_CHECKING:
    from curation.models.requests import Asking

_Row = TypeVar("_Row", bound=models.Model, covariant=True)


class EvidenceQuerySet(ProjectScoped[_Row]):
    project_path = "judgement__project"

    def living(self) -> Self:
        return self.filter(is_retracted=False)

    def counted(self) -> Self:
        """Living statements made as labels, not to examine or help a rater."""
        return self.living().filter(judgement__purpose__in=Judgement.COUNTED_PURPOSES)


class Evidence(models.Model):
    """What every statement has: its act, its place in the act, who made it, whether it still holds."""

    judgement = models.ForeignKey(
        Judgement, models.CASCADE, db_index=False, db_constraint=False, related_name="%(class)ss"
    )
    position = models.IntegerField()
    rater = models.ForeignKey(Rater, models.RESTRICT, db_index=False, db_constraint=False, related_name="+")
    is_retracted = models.BooleanField(default=False)

    objects = EvidenceQuerySet.as_manager()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.judgement_id}.{self.position}"


def _sample(related_name: str = "+", **options: Any) -> models.ForeignKey[Sample]:
    return models.ForeignKey(Sample, models.CASCADE, db_index=False, related_name=related_name, **options)


def _prompt(**options: Any) -> models.ForeignKey[Prompt]:
    return models.ForeignKey(Prompt, models.CASCADE, db_index=False, related_name="+", **options)


def _criterion(**options: Any) -> models.ForeignKey[CriterionVersion]:
    return models.ForeignKey(CriterionVersion, models.RESTRICT, db_index=False, related_name="+", **options)


def _context() -> models.ForeignKey[JudgingContext | None]:
    return models.ForeignKey(JudgingContext, models.RESTRICT, db_index=False, null=True, related_name="+")


def _of_the_retracted(*fields: str, name: str) -> models.Index:
    """Finds what is told as retracted. Empty while all is well: a row enters it when its judgement is retracted."""
    return models.Index(fields=fields, name=name, condition=Q(is_retracted=True))


def _finite(field: str) -> Q:
    """False for infinities and for NaN, which PostgreSQL sorts above every number."""
    return Q(**{f"{field}__gt": float("-inf")}) & Q(**{f"{field}__lt": float("inf")})


class Score(Evidence):
    """A number for one subject under one criterion. The raw value: transforms are computed, never stored over it."""

    pk = models.CompositePrimaryKey("judgement_id", "position")
    sample = _sample("scores")
    # The prompt it was judged under: its own, or another one for contrast and rewrites.
    prompt = _prompt()
    criterion_version = _criterion()
    context = _context()
    # How often this rater had been asked the very same before: k repeats are 0 to k-1.
    occasion = models.SmallIntegerField(default=0)
    value = models.FloatField()
    spread = models.FloatField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["sample", "criterion_version", "rater", "prompt", "context", "occasion"],
                name="score_living_once",
                condition=Q(is_retracted=False),
                nulls_distinct=False,
            ),
            models.CheckConstraint(condition=_finite("value"), name="score_value_finite"),
            models.CheckConstraint(
                condition=Q(spread__isnull=True) | (Q(spread__gte=0) & _finite("spread")), name="score_spread_finite"
            ),
            models.CheckConstraint(condition=Q(occasion__gte=0), name="score_occasion_not_negative"),
        ]
        indexes = [
            models.Index(
                fields=["criterion_version", "rater", "value", "sample"],
                name="score_by_value",
                condition=Q(is_retracted=False),
            ),
            _of_the_retracted("sample", name="score_retracted"),
        ]


class Comparison(Evidence):
    """Left and right as shown. `both-bad` is not a tie: neither may be chosen."""

    class Outcome(models.TextChoices):
        LEFT = "left", _("left")
        RIGHT = "right", _("right")
        TIE = "tie", _("tie")
        BOTH_BAD = "both-bad", _("both bad")

    pk = models.CompositePrimaryKey("judgement_id", "position")
    left_sample = _sample()
    right_sample = _sample()
    left_prompt = _prompt()
    right_prompt = _prompt()
    # The unordered pair, whatever side each was shown on.
    pair_low = models.GeneratedField(
        expression=Least("left_sample", "right_sample"), output_field=models.BigIntegerField(), db_persist=True
    )
    pair_high = models.GeneratedField(
        expression=Greatest("left_sample", "right_sample"), output_field=models.BigIntegerField(), db_persist=True
    )
    criterion_version = _criterion()
    context = _context()
    occasion = models.SmallIntegerField(default=0)
    outcome = models.CharField(max_length=8, choices=Outcome)
    strength = models.FloatField(null=True)
    confidence = models.FloatField(null=True)
    # Read off a ranking: all comparisons of that judgement are one act.
    is_implied = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "left_sample",
                    "right_sample",
                    "criterion_version",
                    "rater",
                    "left_prompt",
                    "right_prompt",
                    "context",
                    "occasion",
                ],
                name="comparison_living_once",
                condition=Q(is_retracted=False),
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=~Q(left_sample=F("right_sample")) | ~Q(left_prompt=F("right_prompt")),
                name="comparison_of_two",
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=["left", "right", "tie", "both-bad"]), name="comparison_outcome_known"
            ),
            models.CheckConstraint(
                condition=Q(strength__isnull=True) | (Q(strength__gte=0) & _finite("strength")),
                name="comparison_strength_finite",
            ),
            models.CheckConstraint(
                condition=Q(confidence__isnull=True) | (Q(confidence__gte=0) & Q(confidence__lte=1)),
                name="comparison_confidence_is_share",
            ),
            models.CheckConstraint(condition=Q(occasion__gte=0), name="comparison_occasion_not_negative"),
        ]
        indexes = [
            models.Index(fields=["pair_low", "pair_high"], name="comparison_by_pair", condition=Q(is_retracted=False)),
            _of_the_retracted("pair_low", "pair_high", name="comparison_retracted"),
        ]


class MarkQuerySet(EvidenceQuerySet["Mark"]):
    def said(self) -> Self:
        """What somebody pointed at, without the numbers for parts that scorers give by the hundred."""
        return self.filter(value=None)

    def measured(self) -> Self:
        """Numbers for parts of a sample."""
        return self.exclude(value=None)


class Mark(Evidence):
    """A place with an error type or a number: pixels of the rendition, Unicode code points, or microseconds, half-open.

    One with a value is a measurement of that part beside the sample's own score, and no sign that something is wrong.
    """

    class Target(models.TextChoices):
        MEDIA = "media", _("picture or video")
        PROMPT = "prompt", _("prompt text")
        ANSWER = "answer", _("answer text")
        INPUT = "input", _("input of the prompt")

    class Shape(models.TextChoices):
        POINT = "point", _("point")
        BOX = "box", _("box")
        POLYGON = "polygon", _("polygon")
        HEATMAP = "heatmap", _("heatmap")
        SPAN = "span", _("span of text")
        INTERVAL = "interval", _("interval of time")

    pk = models.CompositePrimaryKey("judgement_id", "position")
    sample = _sample()
    prompt = _prompt()
    criterion_version = _criterion(null=True)
    target = models.CharField(max_length=8, choices=Target)
    # Which media of the sample, or which of the input role.
    media_index = models.SmallIntegerField(null=True)
    input_role = models.CharField(max_length=40, blank=True)
    shape = models.CharField(max_length=8, choices=Shape)
    # Code points of a text, or microseconds of a video: [start, end).
    start = models.BigIntegerField(null=True)
    end = models.BigIntegerField(null=True)
    # [[x, y], ...] in pixels of the rendition; a box is its two corners. A heatmap names its asset, or holds its cells
    # as curation.media.heatmaps packs them.
    points = models.JSONField(null=True)
    # In the unit of the criterion, for this part alone; of a heatmap the mean of its cells. None: no number was given.
    value = models.FloatField(null=True)
    error_type = models.CharField(max_length=100, blank=True)
    text = models.TextField(blank=True)

    objects = MarkQuerySet.as_manager()  # type: ignore[misc] # Django's own way to give a model a manager of its own

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(shape__in=["span", "interval"]) | (Q(start__gte=0) & Q(end__gt=F("start"))),
                name="mark_range_not_empty",
            ),
            models.CheckConstraint(
                condition=Q(shape__in=["span", "interval"]) | Q(points__isnull=False), name="mark_shape_has_points"
            ),
            models.CheckConstraint(
                condition=~Q(target__in=["media", "input"]) | Q(media_index__gte=0), name="mark_names_its_media"
            ),
            models.CheckConstraint(condition=~Q(target="input") | ~Q(input_role=""), name="mark_names_its_role"),
            models.CheckConstraint(
                condition=~Q(shape="span") | Q(target__in=["prompt", "answer"]), name="mark_span_is_in_text"
            ),
            models.CheckConstraint(condition=Q(value__isnull=True) | _finite("value"), name="mark_value_finite"),
            models.CheckConstraint(
                condition=Q(value__isnull=True) | Q(criterion_version__isnull=False), name="mark_value_has_criterion"
            ),
        ]
        indexes = [models.Index(fields=["sample"], name="mark_of_sample")]


class Note(Evidence):
    """A critique or failure note, on a sample or on what the judgement compares."""

    pk = models.CompositePrimaryKey("judgement_id", "position")
    sample = _sample(null=True)
    prompt = _prompt()
    criterion_version = _criterion(null=True)
    text = models.TextField()

    class Meta:
        indexes = [models.Index(fields=["prompt"], name="note_of_prompt")]


class Flag(Evidence):
    """Unsafe or broken content."""

    class Kind(models.TextChoices):
        UNSAFE = "unsafe", _("unsafe")
        BROKEN = "broken", _("broken")

    pk = models.CompositePrimaryKey("judgement_id", "position")
    sample = _sample("flags")
    kind = models.CharField(max_length=8, choices=Kind)
    text = models.TextField(blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(kind__in=["unsafe", "broken"]), name="flag_kind_known")]
        indexes = [models.Index(fields=["sample"], name="flag_of_sample")]


class RequestQuerySet(ProjectScoped["Request"]):
    def open(self) -> RequestQuerySet:
        return self.filter(state=Request.State.OPEN)


class Request(models.Model):
    """ "Please judge this, because": how anything downstream asks people or machines for more."""

    class Audience(models.TextChoices):
        PEOPLE = "people", _("people")
        MACHINES = "machines", _("machines")

    class State(models.TextChoices):
        OPEN = "open", _("open")
        TAKEN = "taken", _("taken")
        ANSWERED = "answered", _("answered")
        DROPPED = "dropped", _("dropped")

    project = models.ForeignKey("curation.Project", models.CASCADE, related_name="requests")
    audience = models.CharField(max_length=8, choices=Audience)
    prompt = models.ForeignKey(Prompt, models.CASCADE, related_name="requests")
    left_sample = models.ForeignKey(Sample, models.CASCADE, null=True, related_name="+")
    right_sample = models.ForeignKey(Sample, models.CASCADE, null=True, related_name="+")
    criterion_version = models.ForeignKey(CriterionVersion, models.RESTRICT, null=True, related_name="+")
    because = models.TextField()
    priority = models.FloatField(default=0.0)
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    answered_by = models.ForeignKey(Judgement, models.SET_NULL, null=True, related_name="answers")
    # Those that were asked for together; null where one stands alone.
    asking: models.ForeignKey[Asking | None] = models.ForeignKey(
        "curation.Asking", models.CASCADE, null=True, related_name="requests"
    )
    created_by = models.ForeignKey("curation.User", models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RequestQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(because=""), name="request_says_why"),
            models.CheckConstraint(
                condition=Q(right_sample__isnull=True) | Q(left_sample__isnull=False), name="request_pair_has_left"
            ),
        ]
        indexes = [
            models.Index(fields=["project", "audience", "-priority"], name="request_queue", condition=Q(state="open"))
        ]

    def __str__(self) -> str:
        return self.because[:80]
