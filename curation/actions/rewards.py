"""Totals over the stored scores of a project: reads only. The recipe's rules of what counts hold here too."""

from __future__ import annotations

import polars as pl
from django.utils.translation import gettext as _

from curation.errors import Refused
from curation.models import CriterionVersion, Project
from curation.models.evidence_frames import read_evidence, read_frame
from curation.recipes import model
from curation.recipes.signals import rewards
from curation.recipes.steps.evidence import read
from curation.rewards.model import RewardRule
from curation.rewards.reward import Reward, Totalled
from curation.rewards.scale import Scale


def total(*, project: Project, rule: RewardRule, most_prompts: int | None = None) -> Totalled:
    """The totals of a project's samples: `sample_id`, `prompt_id`, `kind`, the members, `value`, `parts`, why missing.

    Raises:
        Refused: a criterion is unknown; scales, revisions or principles would be mixed; an ensemble would count beside
            its member; or what `Reward` refuses.
    """
    reward = Reward(rule, scales(project, rule))
    return reward.total(raw(project=project, rule=rule, most_prompts=most_prompts))


def scales(project: Project, rule: RewardRule) -> dict[str, Scale]:
    """What the members are measured in, by the newest version of their criterion. One query."""
    rows = CriterionVersion.objects.filter(criterion__project=project).select_related("criterion").order_by("number")
    newest = {row.criterion.key: row for row in rows}
    for member in rule.members:
        if member.criterion not in newest:
            raise Refused(
                _("line %(line)d: This project has no criterion “%(key)s”. There are: %(keys)s.")
                % {
                    "line": member.where.line,
                    "key": member.criterion,
                    "keys": ", ".join(sorted(newest)) or _("none yet"),
                }
            )
    return {member.name: scale_of(newest[member.criterion]) for member in rule.members}


def scale_of(criterion: CriterionVersion) -> Scale:
    """The scale a criterion states; that of ordered levels runs from the lowest to the highest."""
    levels = [level["value"] for level in criterion.levels if isinstance(level.get("value"), int | float)]
    low = min(levels) if levels and criterion.low is None else criterion.low
    high = max(levels) if levels and criterion.high is None else criterion.high
    return Scale(criterion.criterion.key, criterion.unit, low, high, criterion.higher_is_better)


def raw(*, project: Project, rule: RewardRule, most_prompts: int | None = None) -> pl.DataFrame:
    """Every sample with the members' raw numbers, null where nothing was said; `contrast:MEMBER` where asked for."""
    evidence = read_evidence(
        project_id=project.pk,
        dataset_id=None,
        scored={member.criterion for member in rule.members},
        voted=(),
        most_prompts=most_prompts,
    )
    counted, _step = read(_as_recipe(rule), evidence)
    frame, _members = rewards.raw(rule, counted, evidence.samples)
    return frame


def _as_recipe(rule: RewardRule) -> model.Recipe:
    """A recipe that reads what the reward reads, so that both mean the same by evidence."""
    filters = tuple(model.Filter(name=member.name, by=rewards.signal_of(member)) for member in rule.members)
    return model.Recipe(title=rule.name, pairing=model.Pairing(rule="none"), filters=filters)


_KEYS = pl.Schema({"sample_id": pl.Int64, "sample_key": pl.String})


def sample_keys(project: Project) -> pl.DataFrame:
    """What the sender of each sample calls it, empty where it was given no key. One query."""
    return read_frame(
        "SELECT id, key FROM curation_sample WHERE project_id = %(project)s", _KEYS, {"project": project.pk}
    )
