"""The wording of a judge, as a person edits it: the words in fields of their own, everything else as YAML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from django import forms
from django.utils.translation import gettext_lazy as _

from curation.models import Project, Sample
from scoring.actions.judging import asks
from scoring.actions.judging.asks import Ask
from scoring.judges import library
from scoring.judges.base import Template
from scoring.models import Judge
from scoring.scorers.base import Json

# What has a field of its own; the version is counted by the program.
WORDS = ("name", "title", "about", "system", "body")


class TemplateForm(forms.Form):
    """A template's words and its form. Whether it can be used is said by the action that reads it."""

    name = forms.SlugField(
        label=_("Name"), max_length=100, help_text=_("Lower-case words joined by hyphens. Saving counts its versions.")
    )
    title = forms.CharField(label=_("Title"), max_length=200)
    about = forms.CharField(label=_("What it is for"), required=False, max_length=500)
    system = forms.CharField(
        label=_("Who the judge is"), required=False, widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "true"})
    )
    body = forms.CharField(label=_("The question"), widget=forms.Textarea(attrs={"rows": 18, "spellcheck": "true"}))
    rest = forms.CharField(
        label=_("Its form"),
        widget=forms.Textarea(attrs={"rows": 12, "class": "code", "spellcheck": "false"}),
        help_text=_(
            "YAML: mode, media, reader with its options, criteria with their scales, decoding, pictures, items, tools."
        ),
    )

    @classmethod
    def of(cls, template: Template, name: str = "") -> TemplateForm:
        """The form filled with a template, perhaps under another name."""
        return cls(initial=initial_of(library.to_plain(template), name or template.name))

    def clean_rest(self) -> dict[str, Any]:
        try:
            said = yaml.safe_load(self.cleaned_data["rest"])
        except yaml.YAMLError as error:
            raise forms.ValidationError(_("This is not YAML: %(error)s") % {"error": _in_short(error)}) from error
        if not isinstance(said, dict):
            raise forms.ValidationError(_("This must be a map of names to values, such as “mode: pair”."))
        taken = sorted(set(said) & {*WORDS, "version"})
        if taken:
            raise forms.ValidationError(_("“%(name)s” has a field of its own above.") % {"name": taken[0]})
        return said

    def document(self) -> dict[str, Any]:
        """The template as a document; the version is a stand-in, saving counts it."""
        return {**self.cleaned_data["rest"], **{name: self.cleaned_data[name] for name in WORDS}, "version": 1}


def initial_of(document: Mapping[str, Json], name: str) -> dict[str, Any]:
    """The fields of a document: its words, and the rest as YAML without what is empty."""
    rest = {key: _without_nothing(value) for key, value in document.items() if key not in {*WORDS, "version"}}
    rest = {key: value for key, value in rest.items() if value not in ("", {}, [])}
    words = {key: document.get(key, "") for key in WORDS}
    written = yaml.safe_dump(rest, sort_keys=False, allow_unicode=True, width=100)
    return {**words, "name": name, "rest": written}


def _without_nothing(value: Json) -> Json:
    """The same without entries that say nothing, such as the scale of a criterion that has none."""
    if isinstance(value, Mapping):
        return {key: _without_nothing(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_without_nothing(one) for one in value]
    return value


def _in_short(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return f"{problem} (line {mark.line + 1})" if mark else str(problem)


class TrialForm(forms.Form):
    """On what a wording is tried: a judge's model, and samples of one prompt by their numbers."""

    judge = forms.ModelChoiceField(queryset=Judge.objects.none(), label=_("With the model of"))
    samples = forms.CharField(
        label=_("Samples"),
        required=False,
        help_text=_(
            "Numbers, as in the addresses of their pages: 12, 15 for one pair; 12, 15; 30, 31 for two. "
            "Empty: the first there are."
        ),
    )

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.project = project
        self.fields["judge"].queryset = Judge.objects.active().filter(project=project)  # type: ignore[attr-defined]

    def clean_samples(self) -> list[list[int]]:
        """Groups of sample ids, as they are asked about together; every one is of this project. One query."""
        groups = [part.replace(",", " ").split() for part in self.cleaned_data["samples"].split(";") if part.strip()]
        named = [name for group in groups for name in group]
        wrong = next((name for name in named if not name.isdecimal() or len(name) > 17), None)
        if wrong is not None:
            raise forms.ValidationError(_("“%(name)s” is no number of a sample.") % {"name": wrong})
        ids = {int(name) for name in named}
        missing = ids - set(Sample.objects.filter(project=self.project, pk__in=ids).values_list("pk", flat=True))
        if missing:
            raise forms.ValidationError(_("This project has no sample %(id)s.") % {"id": min(missing)})
        return [[int(name) for name in group] for group in groups]

    def asked(self, template: Template) -> dict[str, Any]:
        """What is tried, as the action takes it.

        Raises:
            ValidationError: pairs are not two samples each.
        """
        groups = self.cleaned_data["samples"]
        if asks.ABOUT[template.mode] == asks.VERDICTS:
            others = Judge.objects.filter(project=self.project).exclude(pk=self.cleaned_data["judge"].pk)
            return {"ask": Ask(asks.VERDICTS, of=tuple(others.values_list("pk", flat=True)))}
        if not groups:
            return {}
        if asks.ABOUT[template.mode] == asks.PAIRS:
            if any(len(group) != 2 for group in groups):
                raise forms.ValidationError(_("This template compares two samples: name pairs, parted by semicolons."))
            pairs = tuple((one, other) for one, other in groups)
            return {"ask": Ask(asks.PAIRS, asks.LISTED, pairs=pairs)}
        return {"samples": [pk for group in groups for pk in group]}
