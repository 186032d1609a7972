"""Judges: making one, starting its job within a budget, and the principles it judges under."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from curation.actions import requesting
from curation.models import GuidelineVersion, JudgingContext, Project
from scoring.actions.judging import asks
from scoring.actions.judging.asks import Ask
from scoring.actions.judging.budgets import Limits
from scoring.actions.judging.judges import NewJudge
from scoring.actions.judging.templates import Listed
from scoring.forms.narrowing import NarrowedForm
from scoring.judges.base import Template
from scoring.judges.endpoints import Endpoint
from scoring.models import Judge
from scoring.models.judges import MOST_REPEATS

LOCAL = ""
PRECISIONS = ("bfloat16", "float16", "float32")
PICTURE_FORMATS = ("png", "jpeg")


class JudgeForm(forms.Form):
    """A new judge: a model, and how it is asked. What is left empty is as the template has it."""

    name = forms.CharField(label=_("Name"), max_length=100)
    template = forms.ChoiceField(label=_("Template"))
    endpoint = forms.ChoiceField(label=_("Where it runs"), required=False)
    model = forms.CharField(
        label=_("Model"),
        max_length=300,
        help_text=_("As the address calls it; for a model on the workers OWNER/NAME@COMMIT or a folder."),
    )
    orders = forms.ChoiceField(
        label=_("Orders of a pair"),
        choices=Judge.Orders.choices,
        initial=Judge.Orders.BOTH,
        help_text=_("Both: twice the cost, and a verdict that changes with the order counts as a tie."),
    )
    repeats = forms.IntegerField(
        label=_("Times each question is asked"), min_value=1, max_value=MOST_REPEATS, initial=1
    )
    family = forms.CharField(
        label=_("Family"),
        max_length=100,
        required=False,
        help_text=_("Models it shares weights or training data with; samples of such a generator are marked."),
    )
    temperature = forms.FloatField(label=_("Temperature"), min_value=0, max_value=5, required=False)
    max_tokens = forms.IntegerField(
        label=_("Longest answer, in tokens"), min_value=1, max_value=200_000, required=False
    )
    longest_side = forms.IntegerField(
        label=_("Longest side of a picture"),
        min_value=0,
        max_value=20_000,
        required=False,
        help_text=_("Larger pictures are scaled down; 0 leaves them."),
    )
    format = forms.ChoiceField(
        label=_("Pictures travel as"),
        choices=[("", _("as the template says")), *((one, one) for one in PICTURE_FORMATS)],
        required=False,
    )
    precision = forms.ChoiceField(
        label=_("Precision of a model on the workers"),
        choices=[("", _("bfloat16, as usual")), *((one, one) for one in PRECISIONS[1:])],
        required=False,
    )

    def __init__(self, templates: list[Listed], endpoints: Mapping[str, Endpoint], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["template"].choices = [  # type: ignore[attr-defined]
            (one.name, f"{one.template.title or one.template.name} ({one.name})") for one in templates
        ]
        self.fields["endpoint"].choices = [  # type: ignore[attr-defined]
            *((name, name) for name in endpoints),
            (LOCAL, _("a model on the workers of this site")),
        ]

    def judge(self) -> NewJudge:
        """The judge as the action takes it."""
        said = self.cleaned_data
        return NewJudge(
            name=said["name"],
            template=said["template"],
            model=said["model"],
            endpoint=said["endpoint"],
            settings={
                "decoding": _given(said, "temperature", "max_tokens"),
                "pictures": _given(said, "longest_side", "format"),
                "local": _given(said, "precision") if said["endpoint"] == LOCAL else {},
            },
            orders=said["orders"],
            repeats=said["repeats"],
            family=said["family"],
        )


def _given(said: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: said[name] for name in names if said[name] not in (None, "")}


class BudgetForm(forms.Form):
    """When a judging job stops."""

    budget_requests = forms.IntegerField(label=_("Requests, at most"), min_value=1, required=False)
    budget_cost = forms.DecimalField(
        label=_("Cost, at most"), min_value=0, max_digits=16, decimal_places=8, required=False
    )

    def limits(self) -> Limits:
        return Limits(requests=self.cleaned_data["budget_requests"], cost=self.cleaned_data["budget_cost"])


class ProbeForm(BudgetForm):
    """The probes of a judge, with the seed of the originals whose questions were counted."""

    seed = forms.IntegerField(min_value=0, max_value=2**31, widget=forms.HiddenInput)


class JudgeRunForm(BudgetForm, NarrowedForm):
    """A judging job: what about, which samples, under what, and within which budget."""

    def __init__(self, project: Project, judge: Judge, template: Template, *args: Any, **kwargs: Any) -> None:
        super().__init__(project, *args, **kwargs)
        self.about = asks.ABOUT[template.mode]
        if self.about == asks.PAIRS:
            self.fields["rule"] = forms.ChoiceField(
                label=_("Pairs"), choices=_RULES, initial=asks.DISJOINT, widget=forms.RadioSelect
            )
        if self.about == asks.VERDICTS:
            others = Judge.objects.filter(project=project).exclude(pk=judge.pk)
            self.fields["of"] = forms.ModelMultipleChoiceField(
                queryset=others, label=_("Whose reasons it reads"), widget=forms.CheckboxSelectMultiple
            )
        self.fields["principle"] = forms.ModelChoiceField(
            queryset=contexts(project), label=_("Judge under"), required=False, empty_label=_("no principle")
        )
        if project.guideline_id:
            self.fields["guideline"] = forms.BooleanField(label=_("Show it the guideline in force"), required=False)

    def ask(self) -> Ask:
        """What is asked about, as the action takes it."""
        of = tuple(judge.pk for judge in self.cleaned_data.get("of", ()))
        wanted = self.cleaned_data.get("asking")
        if wanted and self.about == asks.PAIRS:
            return Ask(self.about, asks.LISTED, pairs=tuple(requesting.pairs_of(wanted)))
        return Ask(self.about, self.cleaned_data.get("rule", ""), of=of)

    def asked(self) -> dict[str, Any]:
        """What a job and its estimate have in common."""
        guideline: GuidelineVersion | None = self.project.guideline if self.cleaned_data.get("guideline") else None
        return {
            "ask": self.ask(),
            "chosen": self.chosen_samples(),
            "context": self.cleaned_data["principle"],
            "guideline": guideline,
        }


_RULES = [
    (asks.DISJOINT, _("neighbours: first with second, third with fourth; one comparison a sample")),
    (asks.ALL, _("all pairs of a group; win rates of every sample")),
    (asks.VOTED, _("pairs that people voted on; to see how often it agrees with them")),
]


def contexts(project: Project) -> Any:
    """The newest version of each principle and profile."""
    kinds = (JudgingContext.Kind.PRINCIPLE, JudgingContext.Kind.PROFILE)
    rows = JudgingContext.objects.filter(project=project, kind__in=kinds)
    newest = rows.order_by("kind", "name", "-number").distinct("kind", "name").values("pk")
    return rows.filter(pk__in=newest).order_by("kind", "name")


class PrincipleForm(forms.Form):
    """A principle or a profile; other words under the same name are its next version."""

    kind = forms.ChoiceField(
        label=_("Kind"),
        choices=[
            (JudgingContext.Kind.PRINCIPLE, JudgingContext.Kind.PRINCIPLE.label),
            (JudgingContext.Kind.PROFILE, JudgingContext.Kind.PROFILE.label),
        ],
    )
    name = forms.CharField(label=_("Name"), max_length=200)
    text = forms.CharField(
        label=_("What it says"),
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("Stands in the question where the template has {principle}."),
    )
