"""The criteria of a project that a judge's answers are written under.

Comparisons of judges stand under the criterion itself, beside those of people. Numbers on different scales are
different evidence, so points stand under a criterion whose key names their scale: `alignment-points-1-5`.
"""

from __future__ import annotations

from django.utils.translation import gettext as _

from curation.actions import criteria
from curation.actions.criteria import Wording
from curation.errors import Refused
from curation.models import CriterionVersion, Project
from scoring.judges.base import Mode, Template, TemplateCriterion

LONGEST_KEY = 120
_YES_NO = ({"value": 0, "label": "no"}, {"value": 1, "label": "yes"})


def ensure_criteria(project: Project, template: Template) -> dict[str, int]:
    """The criterion version for each key that the template's answers have, items of a checklist included.

    Raises:
        Refused: a criterion with the key of an item is on another scale here.
    """
    found = {criterion.key: _ensure(project, template, criterion).pk for criterion in template.criteria}
    for item in template.items:
        found[item_name(str(item["key"]))] = _ensure_item(project, str(item["key"]), str(item["question"])).pk
    return found


def key_of(template: Template, criterion: TemplateCriterion) -> str:
    """The key under which answers of this template on one of its criteria are kept."""
    if template.mode not in (Mode.POINTS, Mode.CHECKLIST):
        return criterion.key
    if criterion.low is None or criterion.high is None:
        return f"{criterion.key}-points"[:LONGEST_KEY]
    return f"{criterion.key}-points-{criterion.low:g}-{criterion.high:g}"[:LONGEST_KEY]


def item_name(key: str) -> str:
    """An item of a checklist among the criteria of a job, apart from a criterion of the same name."""
    return f"item:{key}"


def _ensure(project: Project, template: Template, criterion: TemplateCriterion) -> CriterionVersion:
    wording = Wording(name=criterion.title)
    key = key_of(template, criterion)
    if key == criterion.key:
        return criteria.ensure(project=project, key=key, wording=wording)
    return criteria.ensure_scale(
        project=project,
        key=key,
        wording=Wording(
            name=criterion.title, scale=CriterionVersion.Scale.INTERVAL, low=criterion.low, high=criterion.high
        ),
    )


def _ensure_item(project: Project, key: str, question: str) -> CriterionVersion:
    """Yes or no to one question, as people answer it on a checklist."""
    whole = f"{key}-yes-no"[:LONGEST_KEY]
    wording = Wording(name=question[:200], question=question, scale=CriterionVersion.Scale.YES_NO, levels=_YES_NO)
    found = criteria.ensure(project=project, key=whole, wording=wording)
    if found.scale != CriterionVersion.Scale.YES_NO:
        raise Refused(
            _("The criterion “%(key)s” is no yes-or-no question here. Give the item another key.") % {"key": whole}
        )
    return found
