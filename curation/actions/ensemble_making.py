"""Making an ensemble: finding its members, checking that their numbers may be thrown together, and its rater."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from curation.actions import criteria, raters
from curation.actions.rewards import scale_of
from curation.errors import Refused
from curation.identity import fitted_on
from curation.models import CriterionVersion, Project, Rater, ensemble_frames
from curation.models.ensemble_frames import EVERYTHING, Window
from curation.rewards.plan import Plan, PlanMember
from curation.rewards.scale import Scale
from curation.rewards.transforms import Transform

_KEY = re.compile(r"[a-z][a-z0-9_.-]{0,119}")


@dataclass(frozen=True)
class Found:
    """A member that was found: its rater, the newest version of what it judged, and the scale of what it brings in."""

    rater: Rater
    criterion: CriterionVersion
    transform: Transform
    scale: Scale


def make(*, project: Project, plan: Plan) -> Rater:
    """The ensemble's rater, made when it is new: the same plan is the same rater, another rule or weight another one.

    Raises:
        Refused: a member is unknown, a person or an ensemble; scales or directions do not agree; or the criterion it
            would speak under measures something else.
    """
    return _make(project, plan, find(project, plan))


@transaction.atomic
def _make(project: Project, plan: Plan, found: Sequence[Found]) -> Rater:
    target = _target(project, plan, found)
    return raters.ensemble(
        name=plan.name,
        members=[one.rater for one in found],
        weights=[member.weight for member in plan.members],
        rule=_identity(plan, found, target),
        project=project,
    )


def _identity(plan: Plan, found: Sequence[Found], target: CriterionVersion) -> dict[str, Any]:
    """Everything a number of this ensemble depends on, and enough to make it again."""
    return {
        "ensemble": 1,
        "form": plan.form,
        "rule": plan.rule,
        "missing": plan.missing,
        "least": plan.least,
        "repeats": plan.repeats,
        "criterion": target.criterion.key,
        "meaning": target.meaning_id,
        "higher_is_better": found[0].scale.higher_is_better,
        "spoken": [
            {
                "rater": one.rater.pk,
                "name": one.rater.name,
                "criterion": member.criterion,
                "meaning": one.criterion.meaning_id,
                "weight": member.weight,
                "transform": [step.as_json() for step in one.transform.steps],
            }
            for member, one in zip(plan.members, found, strict=True)
        ],
        **_routed(plan),
    }


def _routed(plan: Plan) -> dict[str, Any]:
    """What an ensemble that asks one member a prompt has beside the others; nothing for those, whose raters stay."""
    if not plan.routes:
        return {}
    routes = {"by": plan.by, "routes": [{"of": list(route.of), "to": route.to} for route in plan.routes]}
    return {**routes, "fitted_on": fitted_on(plan.seen)} if plan.seen else routes


def find(project: Project, plan: Plan, within: Window = EVERYTHING) -> list[Found]:
    """The members, with one scale and one direction; reference sets of their transforms are measured on the way.

    Args:
        within: where reference sets are measured; a preview looks at a few prompts.
    """
    found = [_found(project, plan, member, within) for member in plan.members]
    first, *others = found
    for member, one in zip(plan.members[1:], others, strict=True):
        if plan.form == "scores" and not first.scale.agrees_with(one.scale):
            raise Refused(
                _(
                    "line %(line)d: “%(first)s” is measured in %(one)s and “%(second)s” in %(other)s. Give them "
                    "transforms that end on one scale, such as bounded, percentile or zscore."
                )
                % {
                    "line": member.where.line,
                    "first": plan.members[0].rater,
                    "one": first.scale,
                    "second": member.rater,
                    "other": one.scale,
                }
            )
        if plan.form == "scores" and first.scale.higher_is_better != one.scale.higher_is_better:
            raise Refused(
                _(
                    "line %(line)d: high numbers are good for one of “%(first)s” and “%(second)s” and bad for the "
                    "other. Turn one round: bounded with low above high, or linear with a negative factor."
                )
                % {"line": member.where.line, "first": plan.members[0].criterion, "second": member.criterion}
            )
    return found


def _found(project: Project, plan: Plan, member: PlanMember, within: Window) -> Found:
    rater, criterion = _rater(project, member), _criterion(project, member)
    transform = _closed(Found(rater, criterion, member.transform, scale_of(criterion)), project, plan, within)
    scale = transform.rescale(scale_of(criterion))
    is_graded = criterion.scale in (CriterionVersion.Scale.YES_NO, CriterionVersion.Scale.ORDINAL)
    last = transform.steps[-1].kind if transform.steps else ""
    if plan.form == "scores" and plan.rule == "vote" and last not in ("threshold", "tiers") and not is_graded:
        raise Refused(
            _(
                "line %(line)d: “%(criterion)s” is a number without levels, so no two members would vote for the same. "
                "End its transform with threshold or tiers, or use mean or median."
            )
            % {"line": member.where.line, "criterion": member.criterion}
        )
    return Found(rater, criterion, transform, scale)


def _rater(project: Project, member: PlanMember) -> Rater:
    """The machine of this name that has judged in the project; `name@1a2b` names a revision."""
    name, _at, revision = member.rater.partition("@")
    known = ensemble_frames.heard_in(project)
    rows = list(known.filter(name=member.rater)) or list(
        known.filter(name=name, identity_digest__startswith=revision) if revision else []
    )
    if len(rows) == 1:
        return rows[0]
    if rows:
        labels = ", ".join(f"{row.name}@{row.identity_digest[:8]}" for row in rows)
        raise Refused(
            _("line %(line)d: “%(name)s” has several revisions here. Name one: %(labels)s.")
            % {"line": member.where.line, "name": member.rater, "labels": labels}
        )
    if Rater.objects.filter(judgements__project=project, name=member.rater, kind=Rater.Kind.ENSEMBLE).exists():
        raise Refused(
            _("line %(line)d: “%(name)s” is an ensemble itself. Name its members, so that nobody counts twice.")
            % {"line": member.where.line, "name": member.rater}
        )
    raise Refused(
        _("line %(line)d: No machine called “%(name)s” has judged here. Those that have: %(known)s.")
        % {
            "line": member.where.line,
            "name": member.rater,
            "known": ", ".join(sorted(set(known.values_list("name", flat=True)))) or _("none yet"),
        }
    )


def _criterion(project: Project, member: PlanMember) -> CriterionVersion:
    versions = CriterionVersion.objects.filter(criterion__project=project).select_related("criterion")
    newest = versions.filter(criterion__key=member.criterion).order_by("-number").first()
    if newest is None:
        keys = sorted(set(versions.values_list("criterion__key", flat=True)))
        raise Refused(
            _("line %(line)d: This project has no criterion “%(key)s”. There are: %(keys)s.")
            % {"line": member.where.line, "key": member.criterion, "keys": ", ".join(keys) or _("none yet")}
        )
    return newest


def _closed(found: Found, project: Project, plan: Plan, within: Window) -> Transform:
    """The member's transform, with its reference set measured on what it has said so far and then fixed."""
    if not found.transform.is_open:
        return found.transform
    reading = ensemble_frames.reading(project, [found.rater.pk], versions(found.criterion))
    said = ensemble_frames.statements(plan.form, reading, within).filter("is_own")
    return found.transform.fit(said.select("value", "prompt_id", "kind"))


def versions(criterion: CriterionVersion) -> list[int]:
    return ensemble_frames.versions_of(criterion.meaning_id) if criterion.meaning_id else [criterion.pk]


def _target(project: Project, plan: Plan, found: Sequence[Found]) -> CriterionVersion:
    """What the ensemble speaks under: the criterion its members share, one that measures the same, or a new one."""
    shared = {one.criterion.pk for one in found}
    is_raw = not any(one.transform.steps for one in found)
    key = plan.criterion or (found[0].criterion.criterion.key if len(shared) == 1 and is_raw else "")
    if not key:
        raise Refused(
            _("Name the criterion that “%(name)s” is to speak under: `criterion: KEY`.") % {"name": plan.name}
        )
    if not _KEY.fullmatch(key):
        raise Refused(_("“%(key)s” is no key: small letters, digits, _, . and -, a letter first.") % {"key": key})
    newest = CriterionVersion.objects.filter(criterion__project=project, criterion__key=key).order_by("-number").first()
    if newest is None:
        return criteria.ensure(project=project, key=key, wording=_wording(plan, key, found[0].scale))
    if (
        plan.form == "votes"
        or (len(shared) == 1 and is_raw and newest.pk in shared)
        or _measures(newest, found[0].scale)
    ):
        return newest
    raise Refused(
        _("“%(key)s” measures %(there)s, and the ensemble would give %(here)s. Choose another criterion.")
        % {"key": key, "there": scale_of(newest), "here": found[0].scale}
    )


def _measures(criterion: CriterionVersion, scale: Scale) -> bool:
    there = scale_of(criterion)
    return there.is_stated and there.agrees_with(scale) and there.higher_is_better == scale.higher_is_better


def _wording(plan: Plan, key: str, scale: Scale) -> criteria.Wording:
    name = key.replace("-", " ").replace("_", " ").capitalize()
    if plan.form == "votes":
        return criteria.Wording(name=name)
    return criteria.Wording(
        name=name,
        scale=CriterionVersion.Scale.INTERVAL,
        low=scale.low,
        high=scale.high,
        unit=scale.unit[:60],
        higher_is_better=scale.higher_is_better,
    )
