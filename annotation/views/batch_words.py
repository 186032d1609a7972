"""A batch in words: what it asks, and how its items were chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from annotation.actions.choosing import RULES, SHAPES, Plan
from annotation.forms.questions import KIND_NAMES
from annotation.models import Batch
from curation.models import CriterionVersion, Generator, Rater
from curation.templatetags.pairwright import number

Fact = tuple[str, str | Promise]


@dataclass(frozen=True)
class QuestionLine:
    """One question for reading: what it asks, of which kind, and what may be said."""

    key: str
    name: str
    text: str
    kind: str | Promise
    stage: int
    may: list[str]


def question_lines(batch: Batch) -> list[QuestionLine]:
    return [
        QuestionLine(
            question["key"],
            question.get("name") or question["text"],
            question["text"],
            KIND_NAMES[question["kind"]],
            question.get("stage", 1),
            _may(question),
        )
        for question in batch.questions
    ]


def _may(question: dict[str, Any]) -> list[str]:
    """What answers a question takes, in a few words."""
    said = []
    if question["kind"] == "compare":
        said += [_("tie")] if question.get("tie", True) else []
        said += [_("both bad")] if question.get("both_bad", True) else []
        said += [_("strength")] if question.get("strength") else []
        said += [_("reason")] if question.get("reason", "none") != "none" else []
    if question["kind"] == "rate":
        said.append(_scale(question))
    if question["kind"] == "check":
        items = len(question["items"])
        said.append(ngettext("%(number)d item", "%(number)d items", items) % {"number": items})
    if question["kind"] == "rank":
        said += [_("ties")] if question.get("ties", True) else []
    if question["kind"] == "mark":
        said += question.get("shapes", [])
    if not question.get("required", True):
        said.append(_("may be left out"))
    return said


def _scale(question: dict[str, Any]) -> str:
    if levels := question.get("levels"):
        return _("%(low)g to %(high)g") % {"low": levels[0]["value"], "high": levels[-1]["value"]}
    return _("%(low)g to %(high)g") % {"low": question["low"], "high": question["high"]}


def rule_facts(batch: Batch) -> list[Fact]:
    """How the items were chosen, as names and values. Costs at most three queries."""
    if batch.rule.get("rule") not in RULES:
        return []
    plan = Plan.from_json(batch.rule)
    facts: list[Fact] = [(_("Chosen"), RULES[plan.rule]), (_("An item is"), _shape(plan))]
    if plan.per_prompt and plan.rule not in ("listed", "requests", "again"):
        facts.append((_("Items a prompt"), _("at most %(number)s") % {"number": number(plan.per_prompt)}))
    if plan.limit:
        facts.append((_("Items in all"), _("at most %(number)s") % {"number": number(plan.limit)}))
    facts += _filter_facts(plan)
    if plan.columns:
        facts.append((_("Scores"), ", ".join(_columns(plan.columns))))
    if plan.judges:
        names = Rater.objects.filter(pk__in=plan.judges).values_list("name", flat=True)
        facts.append((_("Judges"), ", ".join(names)))
    facts.append((_("Seed"), str(batch.seed)))
    facts += [
        (_("Extended"), _("by %(number)s items") % {"number": number(more["items"])}) for more in _extended(batch)
    ]
    return facts + [(_("Passed over"), note) for note in batch.rule.get("notes", [])]


def _extended(batch: Batch) -> list[dict[str, Any]]:
    return list(batch.rule.get("extended", []))


def _shape(plan: Plan) -> str:
    if plan.shape == "group":
        return _("a group of %(size)d") % {"size": plan.size}
    return str(SHAPES[plan.shape])


def _filter_facts(plan: Plan) -> list[Fact]:
    narrowed = plan.filter
    facts: list[Fact] = []
    if narrowed.words:
        facts.append((_("Words of the prompt"), narrowed.words))
    if narrowed.tags:
        facts.append((_("Tags"), ", ".join(narrowed.tags)))
    if narrowed.generators:
        names = [str(one) for one in Generator.objects.filter(pk__in=narrowed.generators)]
        facts.append((_("Generators"), ", ".join(names)))
    if narrowed.rounds:
        facts.append((_("Rounds"), ", ".join(str(one) for one in narrowed.rounds)))
    left_out = [_("flagged")] if narrowed.without_flagged else []
    left_out += [_("compared by people")] if narrowed.without_judged and plan.shape == "pair" else []
    return [*facts, (_("Left out"), ", ".join(left_out))] if left_out else facts


def _columns(keys: tuple[str, ...]) -> list[str]:
    pairs = [key.split(".") for key in keys]
    raters = Rater.objects.in_bulk({int(rater) for rater, _criterion in pairs})
    versions = CriterionVersion.objects.in_bulk({int(criterion) for _rater, criterion in pairs})
    return [f"{raters[int(rater)]} · {versions[int(criterion)].name}" for rater, criterion in pairs]
