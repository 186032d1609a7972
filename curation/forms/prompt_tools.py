"""Forms of the tools on prompts: contrasts by operator, files, wordings, lists of constraints and the taxonomy."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from curation.prompt_tools.contrasts import OPERATORS
from curation.prompt_tools.rewrites import RELATIONS

LARGEST_FILE = 10_000_000
SUFFIXES = (".jsonl", ".json", ".csv", ".tsv")
REWRITES, CONSTRAINTS = "rewrites", "constraints"
# So many are made while the person waits; more is the command's work.
MOST_AT_ONCE = 2_000


class ContrastForm(forms.Form):
    operators = forms.MultipleChoiceField(
        label=_("What changes"),
        choices=[(one.name, f"{one.name}: {one.says}") for one in OPERATORS.values()],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one kind of change.")},
    )
    per_prompt = forms.IntegerField(label=_("At most so many of each prompt"), min_value=1, max_value=50, initial=3)
    tag = forms.CharField(label=_("Only of prompts with this tag"), max_length=100, required=False)


class FileForm(forms.Form):
    what = forms.ChoiceField(
        label=_("It holds"),
        choices=[(REWRITES, _("wordings of prompts that are here")), (CONSTRAINTS, _("lists of constraints"))],
    )
    file = forms.FileField(label=_("File"), help_text=_("JSON Lines, JSON, CSV or TSV, up to 10 MB."))

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if PurePath(file.name).suffix.lower() not in SUFFIXES:
            raise forms.ValidationError(
                _("A file is one of %(known)s."), params={"known": ", ".join(SUFFIXES)}, code="suffix"
            )
        if file.size > LARGEST_FILE:
            raise forms.ValidationError(_("The file is larger than 10 MB. Use the command for it."), code="size")
        return file


class WordingForm(forms.Form):
    relation = forms.ChoiceField(label=_("It is a"), choices=[(name, _(name)) for name in RELATIONS])
    text = forms.CharField(label=_("In other words"), max_length=20_000, widget=forms.Textarea(attrs={"rows": 2}))
    locale = forms.CharField(label=_("Language, if another"), max_length=20, required=False)


class ConstraintsForm(forms.Form):
    text = forms.CharField(
        label=_("Questions, as YAML"),
        required=False,
        max_length=100_000,
        widget=forms.Textarea(attrs={"rows": 14, "class": "mono", "spellcheck": "false"}),
        help_text=_(
            "One entry a question: key, question, and any of kind, weight and needs, the keys that must be answered "
            "yes for the question to make sense. Leave it empty to take the list away."
        ),
    )


class TaxonomyForm(forms.Form):
    text = forms.CharField(
        label=_("Facets with their values, as YAML"),
        required=False,
        max_length=50_000,
        widget=forms.Textarea(attrs={"rows": 10, "class": "mono", "spellcheck": "false"}),
        help_text=_("Prompts have a value by a tag such as theme:animals, or theme:animals/cats for a part of it."),
    )


class AnswersForm(forms.Form):
    """Yes or no to each question of a list, under the question's key."""

    def __init__(self, data: Any, *, questions: list[tuple[str, str]]) -> None:
        super().__init__(data)
        for key, question in questions:
            self.fields[f"answer-{key}"] = forms.ChoiceField(
                label=question,
                choices=[("yes", _("yes")), ("no", _("no"))],
                widget=forms.RadioSelect,
                required=False,
            )

    def answers(self) -> dict[str, bool]:
        """What was answered, by key; questions left open are not in it."""
        said = {name.removeprefix("answer-"): value for name, value in self.cleaned_data.items() if value}
        return {key: value == "yes" for key, value in said.items()}
