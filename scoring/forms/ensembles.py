"""What a person may say when making an ensemble; it becomes a plan, and the action decides."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from curation.models import CriterionVersion, Project, ensemble_frames, score_columns
from curation.models.rater_labels import labels_of
from curation.models.score_columns import ScoreColumn
from curation.rewards.plan import MOST_REPEATS, Plan, parse_ensemble

RULES = [
    ("mean", _("mean")),
    ("median", _("median")),
    ("worst", _("worst case")),
    ("vote", _("vote")),
]
# Made on a page of its own.
ROUTE, ROUTE_WORDS = "route", _("one member a prompt")
MISSING = [("drop", _("say nothing")), ("renormalise", _("go by those who spoke"))]
AS_STATED, RANGE, REFERENCE, PROMPT, PLACE = "", "range", "reference", "prompt", "place"
_LINE = re.compile(r"^line \d+(, column \d+)?: ")


@dataclass(frozen=True)
class Candidate:
    """A rater and a criterion that may be a member, with what the page shows of it."""

    column: ScoreColumn
    label: str
    form: str
    transforms: list[tuple[str, Any]]

    @property
    def key(self) -> str:
        return f"{self.form}.{self.column.key}"

    @property
    def is_graded(self) -> bool:
        return self.column.criterion.scale in (CriterionVersion.Scale.YES_NO, CriterionVersion.Scale.ORDINAL)


def candidates(project: Project) -> list[Candidate]:
    """Every machine with what it scores or compares by, ensembles left out. Costs a few queries, whatever there is."""
    scored = [one for one in score_columns.of_project(project) if _is_member(one)]
    voted = ensemble_frames.vote_columns(project)
    labels = labels_of(ensemble_frames.heard_in(project))
    return [Candidate(one, labels[one.rater.pk], "scores", _transforms(one)) for one in scored] + [
        Candidate(one, labels[one.rater.pk], "votes", []) for one in voted
    ]


def _is_member(column: ScoreColumn) -> bool:
    return column.rater.kind in ("model", "rule", "head")


def _transforms(column: ScoreColumn) -> list[tuple[str, Any]]:
    is_bounded = column.criterion.low is not None and column.criterion.high is not None
    listed = [(AS_STATED, _("as stated"))]
    listed += [(RANGE, _("0 to 1 over its range"))] if is_bounded else []
    return [
        *listed,
        (REFERENCE, _("z-score, fixed today")),
        (PROMPT, _("z-score in the prompt")),
        (PLACE, _("place in the prompt")),
    ]


class EnsembleForm(forms.Form):
    """Members with their weights and transforms, and the rule that makes one opinion of theirs."""

    name = forms.CharField(label=_("Name"), max_length=100)
    rule = forms.ChoiceField(label=_("Rule"), choices=RULES, initial="mean")
    criterion = forms.CharField(
        label=_("Speaks under the criterion"),
        max_length=120,
        required=False,
        help_text=_("A key such as panel_quality. May be left empty where the members share a criterion as stated."),
    )
    missing = forms.ChoiceField(label=_("Where a member said nothing"), choices=MISSING, initial="drop")
    least = forms.IntegerField(
        label=_("Members that must have spoken"), min_value=2, max_value=100, initial=2, required=False
    )
    times = forms.IntegerField(
        label=_("Answers of one judge"),
        min_value=2,
        max_value=MOST_REPEATS,
        initial=3,
        required=False,
        help_text=_("Asked only where one single member is chosen: so many of its answers are the opinions."),
    )

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.candidates = candidates(project)
        self.fields["members"] = forms.MultipleChoiceField(
            label=_("Members"),
            choices=[(one.key, one.label) for one in self.candidates],
            error_messages={"required": _("Choose at least two members, or one judge with several answers.")},
        )
        for one in self.candidates:
            self.fields[f"weight-{one.key}"] = forms.FloatField(
                label=_("Weight"), min_value=0.001, initial=1, required=False
            )
            if one.transforms:
                self.fields[f"transform-{one.key}"] = forms.ChoiceField(
                    label=_("Brought in"), choices=one.transforms, required=False
                )

    def rows(self) -> Iterator[dict[str, Any]]:
        """Each candidate with its fields, for the page."""
        picked = self["members"].value() or []
        for one in self.candidates:
            yield {
                "candidate": one,
                "is_picked": one.key in picked,
                "weight": self[f"weight-{one.key}"],
                "transform": self[f"transform-{one.key}"] if one.transforms else None,
            }

    def chosen(self) -> list[Candidate]:
        picked = set(self.cleaned_data["members"])
        return [one for one in self.candidates if one.key in picked]

    def plan(self) -> Plan:
        """What was chosen, as the language of ensembles says it.

        Raises:
            RecipeProblems: values that are each right and together wrong.
        """
        said = {name: self.cleaned_data[name] for name in ("name", "rule", "missing")}
        text: dict[str, Any] = {"ensemble": 1, **said}
        if self.cleaned_data["criterion"]:
            text["criterion"] = self.cleaned_data["criterion"].strip()
        if self.cleaned_data["missing"] == "renormalise":
            text["least"] = self.cleaned_data["least"] or 2
        members = [self._member(one) for one in self.chosen()]
        if len(members) == 1:
            members[0].pop("weight")
            text["repeats"] = {**members[0], "times": self.cleaned_data["times"] or 3}
        else:
            text["members"] = members
        return parse_ensemble(json.dumps(text))

    def _member(self, one: Candidate) -> dict[str, Any]:
        said: dict[str, Any] = {"rater": one.label, one.form: one.column.criterion.criterion.key}
        said["weight"] = self.cleaned_data[f"weight-{one.key}"] or 1.0
        steps = _steps(one.column.criterion, self.cleaned_data.get(f"transform-{one.key}", ""))
        return {**said, "transform": steps} if steps else said


_LAST_STEP: dict[str, dict[str, Any]] = {
    REFERENCE: {"zscore": {"over": "all"}},
    PROMPT: {"zscore": {"over": "prompt"}},
    PLACE: {"percentile": {}},
}


def _steps(criterion: CriterionVersion, chosen: str) -> list[dict[str, Any]]:
    """The steps of a choice. Where low is good, the numbers are turned round on the way; as stated they stay."""
    if not chosen:
        return []
    if chosen == RANGE:
        ends = [criterion.low, criterion.high] if criterion.higher_is_better else [criterion.high, criterion.low]
        return [{"bounded": {"low": ends[0], "high": ends[1]}}]
    turned: list[dict[str, Any]] = [] if criterion.higher_is_better else [{"linear": {"times": -1}}]
    return [*turned, _LAST_STEP[chosen]]


def without_lines(messages: Sequence[str]) -> list[str]:
    """Messages about a plan whose text nobody saw: without the places in it."""
    return [_LINE.sub("", message) for message in messages]
