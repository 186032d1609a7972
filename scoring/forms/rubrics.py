"""What a person may say when a checklist is to be induced; it becomes a wish, and the action decides."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from curation.actions import examining
from curation.models import Project
from scoring.actions.judging import templates
from scoring.actions.rubrics import MOST_PAIRS, Wish
from scoring.judges.base import Mode
from scoring.models import Judge


class RubricForm(forms.Form):
    """Where the questions come from."""

    name = forms.SlugField(label=_("Name"), max_length=80, help_text=_("Lower-case words joined by hyphens."))
    criterion = forms.ChoiceField(label=_("People compared by"))
    start = forms.ChoiceField(
        label=_("Start from"), required=False, help_text=_("A checklist whose questions are kept if they prove useful.")
    )
    judge = forms.ModelChoiceField(
        queryset=Judge.objects.none(),
        label=_("Questions proposed by the model of"),
        required=False,
        help_text=_("It is shown pairs with people's verdicts. Empty: only the questions below."),
    )
    pairs = forms.IntegerField(
        label=_("Pairs it is shown"),
        min_value=1,
        max_value=MOST_PAIRS,
        initial=24,
        help_text=_("One a prompt, of at most a third of the prompts; the rest is for measuring."),
    )
    questions = forms.CharField(
        label=_("Questions of your own"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=_("One a line, to be answered yes or no; yes is the better answer."),
    )

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        keys = list(examining.options(project).criteria)
        self.fields["criterion"].choices = [(key, key) for key in keys]  # type: ignore[attr-defined]
        lists = [one.name for one in templates.listed(project) if one.template.mode == Mode.CHECKLIST]
        self.fields["start"].choices = [("", _("no checklist (pictures)")), *((one, one) for one in lists)]  # type: ignore[attr-defined]
        self.fields["judge"].queryset = Judge.objects.active().filter(project=project)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if not said.get("judge") and not said.get("questions", "").strip():
            raise forms.ValidationError(_("Choose a judge whose model proposes questions, or write some."))
        return said

    def wish(self) -> Wish:
        lines = [line.strip() for line in self.cleaned_data["questions"].splitlines() if line.strip()]
        said = {name: self.cleaned_data[name] for name in ("name", "criterion", "start", "pairs")}
        return Wish(**said, questions=tuple(lines))
