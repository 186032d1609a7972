"""What was asked, who answered, and the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Count, Exists, F, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from curation.models.assets import SHA256_HEX, Placement, either_bytes_or_a_name, not_itself
from curation.models.people import Project, ProjectScoped
from curation.models.search import TEXT_VECTOR, prefix_query, text_vector

if TYPE_CHECKING:
    from curation.models.jobs import Job
    from curation.models.raters import Rater


class PromptQuerySet(ProjectScoped["Prompt"]):
    def with_sample_counts(self) -> Self:
        return self.annotate(sample_count=Count("samples"))

    def search(self, words: str) -> Self:
        """Prompts that contain every word, each taken as the beginning of one, or have exactly this key."""
        query = prefix_query(words)
        if query is None:
            return self.all()
        return self.annotate(words=TEXT_VECTOR).filter(Q(words=query) | Q(key=words.strip()))

    def tagged(self, tag: str) -> Self:
        return self.filter(tags__contains=[tag])


class Prompt(models.Model):
    """What was asked: text or turns, with media in roles. Its identity is its text and those media."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="prompts")
    identity = models.CharField(max_length=64)
    key = models.CharField(_("key"), max_length=200, blank=True)
    text = models.TextField(_("text"))
    # A conversation whose last turn is the question: [{"role": "user", "content": "..."}]; null for one prompt.
    turns = models.JSONField(null=True, blank=True)
    locale = models.CharField(_("language"), max_length=20, default="en")
    licence = models.CharField(_("licence"), max_length=100, blank=True)
    tags = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    # What can be checked in an answer: {"text": "OPEN", "objects": [{"class": "cat", "count": 2}]}.
    facts = models.JSONField(default=dict, blank=True)
    meta = models.JSONField(default=dict, blank=True)
    imported_by: models.ForeignKey[Job | None] = models.ForeignKey(
        "curation.Job", models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PromptQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "identity"], name="prompt_once"),
            models.UniqueConstraint(fields=["project", "key"], name="prompt_key_once", condition=~Q(key="")),
            models.CheckConstraint(condition=Q(identity__regex=SHA256_HEX), name="prompt_identity_is_hex"),
        ]
        indexes = [
            models.Index(fields=["project", "id"], name="prompt_page"),
            GinIndex(fields=["tags"], name="prompt_tags"),
            GinIndex(TEXT_VECTOR, name="prompt_text_search"),
        ]

    def __str__(self) -> str:
        return self.text[:80]


class PromptMedia(Placement):
    """A source, mask, reference or control picture (or video) that belongs to the question."""

    prompt = models.ForeignKey(Prompt, models.CASCADE, related_name="media")
    role = models.CharField(max_length=40)

    class Meta:
        ordering = ["role", "position"]
        constraints = [
            models.UniqueConstraint(fields=["prompt", "role", "position"], name="prompt_media_place_once"),
            either_bytes_or_a_name("prompt_media_here_or_named"),
            models.CheckConstraint(condition=~Q(role=""), name="prompt_media_has_role"),
        ]


class GeneratorQuerySet(ProjectScoped["Generator"]):
    pass


class Generator(models.Model):
    """What made a sample. `reference` and `real` answers are raters' anchors, never generations."""

    class Kind(models.TextChoices):
        GENERATED = "generated", _("Generated")
        REAL = "real", _("Real")
        REFERENCE = "reference", _("Reference")

    project = models.ForeignKey(Project, models.CASCADE, related_name="generators")
    name = models.CharField(_("name"), max_length=200)
    revision = models.CharField(_("revision"), max_length=200, blank=True)
    kind = models.CharField(max_length=16, choices=Kind, default=Kind.GENERATED)
    # Models that share weights or training data; a judge of the same family is not independent.
    family = models.CharField(max_length=100, blank=True)
    settings = models.JSONField(default=dict, blank=True)
    settings_digest = models.CharField(max_length=64, blank=True)

    objects = GeneratorQuerySet.as_manager()

    class Meta:
        ordering = ["name", "revision"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "name", "revision", "kind", "settings_digest"], name="generator_once"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["generated", "real", "reference"]), name="generator_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.revision}".strip()


class SampleQuerySet(ProjectScoped["Sample"]):
    def present(self) -> SampleQuerySet:
        """Samples whose content is here: judged, scored and exported."""
        return self.exclude(media_state=Sample.MediaState.ABSENT)

    def search(self, words: str) -> SampleQuerySet:
        """Samples whose prompt or own text has every word of the search, or whose key is exactly this.

        Every row is looked at on its own: for lists of bounded reach. `candidates.saying` finds rare words by index.
        """
        query = prefix_query(words)
        if query is None:
            return self.all()
        found = Q(asked=query) | Q(answered=query) | Q(key=words.strip())
        return self.annotate(asked=text_vector("prompt__text"), answered=TEXT_VECTOR).filter(found)

    def without_score_from(self, rater: Rater | int, criterion_version_ids: list[int]) -> SampleQuerySet:
        """Samples the rater has said nothing of, under their own prompt, on any of the criteria.

        One number is enough to count as said: a reading is stored whole, and some of its criteria may not apply
        (motion, for a picture).
        """
        return self.filter(lacks_score_from(rater, criterion_version_ids))

    def sorted_by_score(self, rater: Rater | int, criterion_version: int, descending: bool = True) -> SampleQuerySet:
        """Samples the rater scored, by value; `score_value` and `score_sample` are annotated and unique together.

        Both are columns of the index on values, in one direction, so the first page reads the first rows of it.
        """
        own = self.filter(
            scores__rater=rater,
            scores__criterion_version=criterion_version,
            scores__is_retracted=False,
            # The first answer without a principle: a sample stands in the list once.
            scores__occasion=0,
            scores__context=None,
        ).annotate(
            score_value=F("scores__value"),
            score_sample=F("scores__sample_id"),
            # Under its own prompt. Written as an equation of two columns, PostgreSQL takes it for a rare accident
            # (7 rows of a million) and sorts all of them; as a difference it expects enough rows to walk the index.
            prompt_gap=F("scores__prompt_id") - F("prompt_id"),
        )
        order = ("-score_value", "-score_sample") if descending else ("score_value", "score_sample")
        return own.filter(prompt_gap=0).order_by(*order)

    def with_flags(self) -> SampleQuerySet:
        """Annotates `is_unsafe` and `is_broken` from living flags."""
        from curation.models.evidence import Flag

        living = Flag.objects.filter(sample=OuterRef("pk"), is_retracted=False)
        return self.annotate(
            is_unsafe=Exists(living.filter(kind=Flag.Kind.UNSAFE)),
            is_broken=Exists(living.filter(kind=Flag.Kind.BROKEN)),
        )


def lacks_score_from(rater: Rater | int, criterion_version_ids: list[int]) -> Q:
    """Condition on a sample: no living score by the rater, under its own prompt, on any of the criteria."""
    from curation.models.evidence import Score  # evidence refers to samples; the condition is asked later

    said = Score.objects.filter(
        sample=OuterRef("pk"),
        prompt=OuterRef("prompt_id"),
        rater=rater,
        context=None,
        criterion_version__in=criterion_version_ids,
        is_retracted=False,
    )
    return ~Q(Exists(said))


class Sample(models.Model):
    """One answer to one prompt: ordered media, text, or both."""

    class MediaState(models.TextChoices):
        NONE = "none", _("Text only")
        PRESENT = "present", _("Here")
        ABSENT = "absent", _("Declared, not here")

    project = models.ForeignKey(Project, models.CASCADE, related_name="samples")
    prompt = models.ForeignKey(Prompt, models.CASCADE, related_name="samples")
    # Its index is `sample_of_generator`, which has the order of the list in it as well.
    generator = models.ForeignKey(Generator, models.RESTRICT, db_index=False, related_name="samples")
    identity = models.CharField(max_length=64)
    key = models.CharField(_("key"), max_length=200, blank=True)
    # Null says there is no text answer; an empty one is an answer.
    text = models.TextField(_("text"), null=True, blank=True)  # noqa: DJ001
    media_state = models.CharField(max_length=8, choices=MediaState)
    seed = models.BigIntegerField(_("seed"), null=True, blank=True)
    settings = models.JSONField(default=dict, blank=True)
    round = models.SmallIntegerField(_("round"), default=0)
    parent: models.ForeignKey[Sample | None] = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="children"
    )
    # Where the trajectory left its parent: a denoising step, a turn, a token.
    branch = models.IntegerField(null=True, blank=True)
    licence = models.CharField(_("licence"), max_length=100, blank=True)
    tags = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    meta = models.JSONField(default=dict, blank=True)
    imported_by: models.ForeignKey[Job | None] = models.ForeignKey(
        "curation.Job", models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SampleQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "identity"], name="sample_once"),
            models.UniqueConstraint(fields=["project", "key"], name="sample_key_once", condition=~Q(key="")),
            models.CheckConstraint(condition=Q(identity__regex=SHA256_HEX), name="sample_identity_is_hex"),
            models.CheckConstraint(
                condition=~Q(media_state="none") | Q(text__isnull=False), name="sample_answers_something"
            ),
            models.CheckConstraint(condition=Q(round__gte=0), name="sample_round_not_negative"),
            models.CheckConstraint(
                condition=Q(branch__isnull=True) | Q(parent__isnull=False), name="sample_branch_needs_parent"
            ),
            not_itself("parent", "sample_not_its_own_parent"),
        ]
        indexes = [
            models.Index(fields=["project", "id"], name="sample_page"),
            models.Index(fields=["generator", "id"], name="sample_of_generator"),
            # Nearly empty: most projects have all their files.
            models.Index(fields=["project", "id"], name="sample_absent", condition=Q(media_state="absent")),
            GinIndex(TEXT_VECTOR, name="sample_text_search", condition=Q(text__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.key or f"sample {self.pk}"


class SampleMedia(Placement):
    """One of a sample's pictures or videos, in order; or a side file such as its latents."""

    sample = models.ForeignKey(Sample, models.CASCADE, related_name="media")
    # Empty for what is shown and judged; "latents", "log-probabilities" for side files.
    role = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ["role", "position"]
        constraints = [
            models.UniqueConstraint(fields=["sample", "role", "position"], name="sample_media_place_once"),
            either_bytes_or_a_name("sample_media_here_or_named"),
        ]
