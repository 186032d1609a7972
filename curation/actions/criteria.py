"""Criteria in versions, sets of them in versions, and guidelines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from curation.errors import Refused
from curation.models import (
    CriteriaSet,
    CriteriaSetItem,
    Criterion,
    CriterionVersion,
    GuidelinePicture,
    GuidelineVersion,
    Project,
)


@dataclass(frozen=True)
class Wording:
    """What a version of a criterion says."""

    name: str
    question: str = ""
    scale: str = CriterionVersion.Scale.COMPARE
    levels: Sequence[dict[str, Any]] = field(default_factory=tuple)
    low: float | None = None
    high: float | None = None
    unit: str = ""
    higher_is_better: bool = True


@transaction.atomic
def add_version(*, project: Project, key: str, wording: Wording, same_meaning: bool = False) -> CriterionVersion:
    """The next version of a criterion, which is created with its first.

    A mere rewording (`same_meaning`) joins the meaning of the version before it, so that evidence under both may
    be pooled; it must keep scale, levels and direction.
    """
    criterion, _created = Criterion.objects.select_for_update().get_or_create(project=project, key=key)
    before = criterion.versions.order_by("-number").first()
    if same_meaning:
        _check_rewording(key, before, wording)
    version = CriterionVersion.objects.create(
        criterion=criterion,
        number=before.number + 1 if before else 1,
        name=wording.name,
        question=wording.question,
        scale=wording.scale,
        levels=list(wording.levels),
        low=wording.low,
        high=wording.high,
        unit=wording.unit,
        higher_is_better=wording.higher_is_better,
    )
    version.meaning_id = before.meaning_id if same_meaning and before else version.pk
    version.save(update_fields=["meaning"])
    return version


def _check_rewording(key: str, before: CriterionVersion | None, wording: Wording) -> None:
    if before is None:
        raise Refused(_("“%(key)s” has no earlier version it could be a rewording of.") % {"key": key})
    kept = (before.scale, [level["value"] for level in before.levels], before.higher_is_better)
    said = (wording.scale, [level["value"] for level in wording.levels], wording.higher_is_better)
    if kept != said:
        raise Refused(
            _("A rewording of “%(key)s” keeps its scale, levels and direction; this one changes them.") % {"key": key}
        )


def ensure(*, project: Project, key: str, wording: Wording | None = None) -> CriterionVersion:
    """The newest version of a criterion, created from the wording when the project lacks it."""
    newest = CriterionVersion.objects.filter(criterion__project=project, criterion__key=key).order_by("-number").first()
    return newest or add_version(project=project, key=key, wording=wording or Wording(name=_name(key)))


def ensure_scale(*, project: Project, key: str, wording: Wording) -> CriterionVersion:
    """The newest version of a criterion when it measures what the wording says; else a new version of it.

    A scorer whose range or direction changed must not write under the old numbers' meaning.
    """
    newest = ensure(project=project, key=key, wording=wording)
    same = (newest.scale, newest.low, newest.high, newest.unit, newest.higher_is_better) == (
        wording.scale,
        wording.low,
        wording.high,
        wording.unit,
        wording.higher_is_better,
    )
    return newest if same else add_version(project=project, key=key, wording=wording)


def ensure_wording(*, project: Project, key: str, name: str, question: str) -> CriterionVersion:
    """The newest version of a criterion when it says this; else a new version with its scale and another wording."""
    newest = ensure(project=project, key=key, wording=Wording(name=name, question=question))
    if (newest.name, newest.question) == (name, question):
        return newest
    wording = Wording(
        name=name,
        question=question,
        scale=newest.scale,
        levels=newest.levels,
        low=newest.low,
        high=newest.high,
        unit=newest.unit,
        higher_is_better=newest.higher_is_better,
    )
    return add_version(project=project, key=key, wording=wording)


def _name(key: str) -> str:
    return key.replace("-", " ").replace("_", " ").strip().capitalize()


@dataclass(frozen=True)
class Place:
    """A criterion in a set, with those below it."""

    version: CriterionVersion
    weight: float = 1.0
    children: Sequence[Place] = field(default_factory=tuple)


@transaction.atomic
def add_set(*, project: Project, name: str, places: Sequence[Place], make_current: bool = True) -> CriteriaSet:
    """The next version of a named set. The older ones stay as they were, with the labels made under them."""
    Project.objects.select_for_update().get(pk=project.pk)
    last = CriteriaSet.objects.filter(project=project, name=name).aggregate(last=Max("number"))["last"] or 0
    criteria_set = CriteriaSet.objects.create(project=project, name=name, number=last + 1)
    _add_places(criteria_set, places, parent=None)
    if make_current:
        Project.objects.filter(pk=project.pk).update(criteria_set=criteria_set)
    return criteria_set


def _add_places(criteria_set: CriteriaSet, places: Sequence[Place], parent: CriteriaSetItem | None) -> None:
    for position, place in enumerate(places):
        item = CriteriaSetItem.objects.create(
            criteria_set=criteria_set,
            criterion_version=place.version,
            parent=parent,
            weight=place.weight,
            position=position,
        )
        _add_places(criteria_set, place.children, parent=item)


@transaction.atomic
def add_guideline(*, project: Project, text: str, keeps_pictures: bool = True) -> GuidelineVersion:
    """The next version of the instructions, which new judgements are bound to, with the pictures of the last one."""
    before = Project.objects.select_for_update().get(pk=project.pk).guideline_id
    last = project.guidelines.aggregate(last=Max("number"))["last"] or 0
    guideline = GuidelineVersion.objects.create(project=project, number=last + 1, text=text)
    Project.objects.filter(pk=project.pk).update(guideline=guideline)
    if keeps_pictures:
        GuidelinePicture.objects.bulk_create(
            GuidelinePicture(
                guideline=guideline,
                position=row.position,
                asset_id=row.asset_id,
                caption=row.caption,
                is_good=row.is_good,
            )
            for row in GuidelinePicture.objects.filter(guideline=before)
        )
    return guideline
