"""From the criteria of a project to the questions of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation import presets
from annotation.presets import Criterion
from curation.actions import criteria
from curation.errors import Refused
from curation.models import CriteriaSetItem, CriterionVersion, Project

PRESET_NAMES = {
    "overall": gettext_lazy("Compare two, overall"),
    "per-criterion": gettext_lazy("Compare two, under each criterion"),
    "strength": gettext_lazy("Compare two, with strength and reason"),
    "pick": gettext_lazy("Pick the best of a group"),
    "rank": gettext_lazy("Rank a group"),
    "rate": gettext_lazy("Rate each on a scale"),
    "rate-rank": gettext_lazy("Rate each, then rank all (ImageReward)"),
    "checklist": gettext_lazy("Checklist"),
    "marks": gettext_lazy("Mark problems"),
    "critique": gettext_lazy("Critique in words"),
    "verify": gettext_lazy("Verify a machine's verdicts"),
}

YES_NO = ({"value": 0, "label": "no"}, {"value": 1, "label": "yes"})
# Scales offered where a criterion has none of its own: name, levels from worst to best.
SCALES: dict[str, Sequence[Mapping[str, Any]]] = {
    "1-5": (
        {"value": 1, "label": "very poor"},
        {"value": 2, "label": "poor"},
        {"value": 3, "label": "fair"},
        {"value": 4, "label": "good"},
        {"value": 5, "label": "very good"},
    ),
    "1-7": tuple({"value": value, "label": ""} for value in range(1, 8)),
    "0-10": tuple({"value": value, "label": ""} for value in range(11)),
    "yes-no": YES_NO,
}
USUAL_SCALE = "1-5"
SCALE_NAMES = {
    "own": gettext_lazy("the criterion's own, or 1 to 5 where it has none"),
    "1-5": gettext_lazy("1 to 5, very poor to very good"),
    "1-7": gettext_lazy("1 to 7"),
    "0-10": gettext_lazy("0 to 10"),
}


def offered(project: Project) -> list[CriterionVersion]:
    """The criteria a batch may ask about: the set in force, in its order; without one, the newest of each criterion.

    Each has `group`, the name of its parent in the set. Costs one query.
    """
    items = CriteriaSetItem.objects.filter(criteria_set=project.criteria_set_id)
    rows = list(items.select_related("criterion_version__criterion", "parent__criterion_version"))
    for row in rows:
        row.criterion_version.group = row.parent.criterion_version.name if row.parent else ""  # type: ignore[attr-defined]
    if rows:
        return [row.criterion_version for row in rows]
    every = CriterionVersion.objects.filter(criterion__project=project).select_related("criterion")
    return list(every.order_by("criterion__key", "-number").distinct("criterion__key"))


def fact(version: CriterionVersion) -> Criterion:
    """A criterion version as the plain code of `annotation.presets` knows it; a bare comparison has no scale."""
    is_yes_no = version.scale == CriterionVersion.Scale.YES_NO
    return Criterion(
        id=version.pk,
        key=version.criterion.key,
        name=version.name,
        question=version.question,
        group=getattr(version, "group", ""),
        levels=version.levels or (YES_NO if is_yes_no else ()),
        low=version.low,
        high=version.high,
    )


@transaction.atomic
def preset_questions(
    *, project: Project, preset: str, versions: Sequence[CriterionVersion], scale: str = "own"
) -> list[dict[str, Any]]:
    """The questions of a preset about these criteria.

    Raises:
        Refused: there is no such preset, or no criterion was chosen.
    """
    if preset not in presets.PRESETS:
        raise Refused(_("There is no preset “%(name)s”.") % {"name": preset})
    if not versions:
        raise Refused(_("Choose at least one criterion to ask about."))
    wanted = presets.PRESETS[preset]
    known = [fact(version) for version in versions]
    if preset == "checklist":
        known = [fact(with_scale(project=project, version=version, scale="yes-no")) for version in versions]
    elif wanted.needs_scale:
        known = [fact(with_scale(project=project, version=version, scale=scale)) for version in versions]
    questions = wanted.build(known)
    if preset == "rate-rank":  # the order is a comparison, so it stays under the criterion itself
        questions[-1] = {**questions[-1], "criterion": versions[0].pk, "name": versions[0].name}
    return presets.with_own_keys(questions)


@transaction.atomic
def with_scale(*, project: Project, version: CriterionVersion, scale: str) -> CriterionVersion:
    """A version with this scale: itself for `own`, where it has one; else a criterion of its own that says the same.

    Ratings and comparisons are different evidence, so `alignment` stays what people compare by, and they rate
    `alignment-1-5`.
    """
    if fact(version).has_scale and scale in ("own", "yes-no"):
        return version
    scale = USUAL_SCALE if scale == "own" else scale
    if scale not in SCALES:
        raise Refused(_("There is no scale “%(name)s”.") % {"name": scale})
    key = f"{version.criterion.key}-{scale}"[:120]
    wording = criteria.Wording(
        name=version.name,
        question=version.question,
        scale=CriterionVersion.Scale.YES_NO if scale == "yes-no" else CriterionVersion.Scale.ORDINAL,
        levels=[dict(level) for level in SCALES[scale]],
        higher_is_better=version.higher_is_better,
    )
    made = criteria.ensure(project=project, key=key, wording=wording)
    same = (made.name, made.question, list(made.levels)) == (wording.name, wording.question, list(wording.levels))
    made = made if same else criteria.add_version(project=project, key=key, wording=wording)
    made.group = getattr(version, "group", "")  # type: ignore[attr-defined]
    return made
