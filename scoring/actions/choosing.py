"""Which samples a scoring job is about, and which of them its scorers have not spoken of yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Case, Exists, IntegerField, OuterRef, Q, Value, When
from django.utils.translation import gettext as _

from curation.errors import Refused
from curation.models import PromptMedia, Sample, SampleMedia
from curation.models.people import Project
from curation.models.prompts import SampleQuerySet, lacks_score_from
from scoring.actions import keeping
from scoring.cutting import Ask
from scoring.judges.questions import CHECKLIST_FACT
from scoring.scorers.base import Needs

# What a job may be narrowed by: name in `Job.params["chosen"]`, lookup on a sample.
NARROWED_BY = {
    "samples": "pk__in",
    "prompts": "prompt__in",
    "generators": "generator__in",
    "rounds": "round__in",
    "tags": "prompt__tags__overlap",
    "imported_by": "imported_by",
    "after": "pk__gt",
}
# And by what an earlier stage left over (`keeping.Kept` as a mapping).
KEPT = "kept"


@dataclass(frozen=True)
class Voice:
    """A scorer as a rater of a project: who it is and the criteria it has spoken on, rewordings included."""

    rater_id: int
    criterion_version_ids: list[int] = field(default_factory=list)


def chosen(project: Project, narrowed_by: Mapping[str, Any]) -> SampleQuerySet:
    """The project's present samples that the job is about; an empty mapping means all of them.

    Raises:
        Refused: the samples are narrowed by something unknown.
    """
    unknown = sorted(set(narrowed_by) - {*NARROWED_BY, KEPT})
    if unknown:
        raise Refused(
            _("Samples cannot be chosen by “%(name)s”; they can by %(known)s.")
            % {"name": unknown[0], "known": ", ".join([*NARROWED_BY, KEPT])}
        )
    lookups = {NARROWED_BY[name]: value for name, value in narrowed_by.items() if name != KEPT}
    samples = Sample.objects.filter(project=project, **lookups).present()
    return keeping.kept(samples, keeping.Kept(**narrowed_by[KEPT])) if KEPT in narrowed_by else samples


def fitting(samples: SampleQuerySet, needs: Needs) -> SampleQuerySet:
    """The samples that have what a scorer needs, as far as the rows tell."""
    if needs.media:
        media = SampleMedia.objects.filter(sample=OuterRef("pk"), role="", asset__kind__in=needs.media)
        samples = samples.filter(Exists(media))
    if needs.answer_text:
        samples = samples.filter(text__isnull=False)
    if needs.prompt_text:
        samples = samples.exclude(prompt__text="")
    for role in needs.roles:
        given = PromptMedia.objects.filter(prompt=OuterRef("prompt_id"), role=role, asset__isnull=False)
        samples = samples.filter(Exists(given))
    if needs.facts:
        stated = Q(prompt__facts__has_any_keys=list(needs.facts))
        is_listed = Q(prompt__constraint_list__isnull=False) if CHECKLIST_FACT in needs.facts else Q()
        samples = samples.filter(stated | is_listed if is_listed else stated)
    return samples


def asks(samples: SampleQuerySet, voices: Mapping[str, Voice]) -> Iterator[Ask]:
    """What each sample still needs, samples that need nothing left out, in order of sample id. One query."""
    names = list(voices)
    flags = {f"lacks_{index}": _flag(lacks(voices[name])) for index, name in enumerate(names)}
    rows = samples.annotate(**flags).order_by("pk").values_list("pk", "prompt_id", *flags)
    yield from _asks(rows, names)


def group_asks(project: Project, samples: SampleQuerySet, voices: Mapping[str, Voice]) -> Iterator[Ask]:
    """The same for scorers whose value depends on the other samples of a prompt: whole prompts, in their order.

    A prompt is asked about, with all its present samples, when one of the chosen ones lacks a score: a newcomer
    changes what is true of the others.
    """
    names = list(voices)
    flags = {}
    for index, name in enumerate(names):
        lacking = samples.filter(lacks(voices[name]), prompt=OuterRef("prompt_id"))
        flags[f"lacks_{index}"] = _flag(Exists(lacking))
    rows = (
        Sample.objects.present()
        .filter(project=project, prompt__in=samples.values("prompt_id"))
        .annotate(**flags)
        .order_by("prompt_id", "pk")
        .values_list("pk", "prompt_id", *flags)
    )
    yield from _asks(rows, names)


def _asks(rows: Any, names: list[str]) -> Iterator[Ask]:
    """Rows of (sample, prompt, one flag a scorer) as asks."""
    for sample_id, prompt_id, *lacking in rows.iterator(chunk_size=5000):
        needed = frozenset(name for name, flag in zip(names, lacking, strict=True) if flag)
        if needed:
            yield Ask(sample_id, prompt_id, needed)


def lacks(voice: Voice) -> Q | Exists:
    """Condition on a sample; a scorer that never spoke in this project lacks everything, at no cost."""
    if not voice.criterion_version_ids:
        return Q(pk__isnull=False)
    return lacks_score_from(voice.rater_id, voice.criterion_version_ids)


def _flag(condition: Q | Exists) -> Case:
    return Case(When(condition, then=Value(1)), default=Value(0), output_field=IntegerField())
