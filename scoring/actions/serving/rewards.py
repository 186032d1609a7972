"""Which reward a call names: one of a stored recipe of its project, or one the service was started with. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from curation.actions import recipes
from curation.actions.rewards import scale_of
from curation.models import CriterionVersion, Project, Recipe
from curation.recipes.model import Signal
from curation.recipes.problems import RecipeProblems
from curation.rewards.model import RewardRule
from curation.rewards.scale import Scale
from scoring.scorers.base import Output, ScorerFacts
from scoring.service.desk import Plan
from scoring.service.refusals import CallRefused
from scoring.service.wire import PlanSent


@dataclass(frozen=True)
class Given:
    """A reward the service was started with.

    Attributes:
        source: the name of its file.
    """

    rule: RewardRule
    source: str


def plan(*, project: Project, sent: PlanSent, given: Mapping[str, Given], facts: Mapping[str, ScorerFacts]) -> Plan:
    """The reward that was named, with the scales its members are measured in.

    Args:
        given: by name.
        facts: of the scorers that are held, for criteria this project has no scores under yet.

    Raises:
        CallRefused: 404 where there is none of that name and version; 422 where the stored text cannot be read.
    """
    if sent.recipe:
        recipe, rule = _of_recipe(project, sent)
        return Plan(rule, scales(project, rule, facts), f"recipe {recipe.name} v{recipe.number}")
    if sent.name not in given:
        named = ", ".join(sorted(given)) or "none"
        words = f"The service was started with no reward {sent.name!r}; with: {named}."
        raise CallRefused(404, f"{words} A recipe's reward is named with `recipe`.")
    found = given[sent.name]
    if sent.version not in (None, found.rule.version):
        raise CallRefused(404, f"{sent.name!r} is held in version {found.rule.version}, not {sent.version}.")
    return Plan(found.rule, scales(project, found.rule, facts), found.source)


def _of_recipe(project: Project, sent: PlanSent) -> tuple[Recipe, RewardRule]:
    versions = Recipe.objects.filter(project=project, name=sent.recipe).order_by("-number")
    recipe = (versions.filter(number=sent.version) if sent.version else versions).first()
    if recipe is None:
        version = f" in version {sent.version}" if sent.version else ""
        raise CallRefused(404, f"The project has no recipe {sent.recipe!r}{version}.")
    try:
        rewards = _rewards(recipes.check(project=project, text=recipe.text).stated_signals())
    except RecipeProblems as error:
        raise CallRefused(422, f"The recipe {recipe} cannot be read any more: {error}") from error
    wanted = {name: rule for name, rule in rewards.items() if sent.name in ("", name)}
    if len(wanted) != 1:
        said = ", ".join(sorted(rewards)) or "none"
        raise CallRefused(404, f"The recipe {recipe} has no single reward {sent.name!r}; its rewards: {said}.")
    return recipe, next(iter(wanted.values()))


def _rewards(signals: list[Signal]) -> dict[str, RewardRule]:
    return {signal.reward.name: signal.reward for signal in signals if signal.reward is not None}


def scales(project: Project, rule: RewardRule, facts: Mapping[str, ScorerFacts]) -> dict[str, Scale]:
    """By member: what its criterion states here in its newest version, else what the scorer states. One query."""
    keys = {member.criterion for member in rule.members}
    rows = CriterionVersion.objects.filter(criterion__project=project, criterion__key__in=keys)
    newest = {row.criterion.key: row for row in rows.select_related("criterion").order_by("number")}
    outputs = {output.criterion: output for one in facts.values() for output in one.outputs}
    return {
        member.name: scale_of(newest[member.criterion])
        if member.criterion in newest
        else _stated(member.criterion, outputs.get(member.criterion))
        for member in rule.members
    }


def _stated(criterion: str, output: Output | None) -> Scale:
    if output is None:
        return Scale(criterion)
    return Scale(criterion, output.unit, output.low, output.high, output.higher_is_better)
