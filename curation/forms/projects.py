"""Forms of a project: its making, its settings, its criteria and its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from curation.models import CriteriaSet, CriteriaSetItem, Project, Task


class ProjectForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=200)
    task = forms.ChoiceField(label=_("Task"), choices=Task.choices)
    description = forms.CharField(
        label=_("Description"), required=False, widget=forms.Textarea(attrs={"rows": 3}), help_text=_("What it is for.")
    )


class SettingsForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=200)
    description = forms.CharField(label=_("Description"), required=False, widget=forms.Textarea(attrs={"rows": 3}))
    licence = forms.CharField(
        label=_("Licence of what is imported"),
        max_length=100,
        required=False,
        help_text=_("Given to prompts and samples that state none, for example CC-BY-4.0."),
    )

    @staticmethod
    def initial_of(project: Project) -> dict[str, Any]:
        return {"name": project.name, "description": project.description, "licence": project.licence}


class GuidelineForm(forms.Form):
    text = forms.CharField(
        label=_("Text of the next version"),
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text=_("Every judgement of a person is bound to the version they were given."),
    )


@dataclass(frozen=True)
class CriterionLine:
    """One criterion as it is written in the form: `key | name | question`; a line set in hangs below the one above."""

    key: str
    name: str
    question: str
    is_below: bool


class CriteriaSetForm(forms.Form):
    """A set of criteria, one a line. Enough to begin with; files and commands can say more."""

    name = forms.CharField(label=_("Name of the set"), max_length=200)
    criteria = forms.CharField(
        strip=False,
        label=_("Criteria of the next version"),
        widget=forms.Textarea(attrs={"rows": 5, "class": "code"}),
        help_text=_(
            "One a line: key | name | question. A line set in by two spaces hangs below the last one that is not. "
            "A changed question makes a new version of that criterion."
        ),
    )

    @staticmethod
    def initial_of(criteria_set: CriteriaSet | None) -> dict[str, str]:
        if criteria_set is None:
            return {}
        items = list(criteria_set.items.select_related("criterion_version__criterion"))
        lines: list[str] = []
        for item in (item for item in items if item.parent_id is None):
            lines.append(_written(item))
            lines.extend(f"  {_written(child)}" for child in items if child.parent_id == item.pk)
        return {"name": criteria_set.name, "criteria": "\n".join(lines)}

    def clean_criteria(self) -> list[CriterionLine]:
        lines = [_criterion(number, line) for number, line in enumerate(self._lines(), 1)]
        keys = [line.key for line in lines]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise forms.ValidationError(gettext("%(key)s stands there twice.") % {"key": ", ".join(sorted(twice))})
        return lines

    def _lines(self) -> list[str]:
        return [line for line in self.cleaned_data["criteria"].splitlines() if line.strip()]


def _written(item: CriteriaSetItem) -> str:
    version = item.criterion_version
    return f"{version.criterion.key} | {version.name} | {version.question}"


def _criterion(number: int, line: str) -> CriterionLine:
    parts = [part.strip() for part in line.split("|", 2)]
    key = parts[0]
    if not key or len(key) > 120 or any(character.isspace() for character in key):
        raise forms.ValidationError(
            gettext("Line %(number)d: a key is one word of at most 120 characters, not “%(key)s”.")
            % {"number": number, "key": key}
        )
    name = parts[1] if len(parts) > 1 and parts[1] else key.replace("-", " ").replace("_", " ").capitalize()
    is_below = number > 1 and line.startswith((" ", "\t"))
    return CriterionLine(key, name[:200], parts[2] if len(parts) > 2 else "", is_below)


class DeleteForm(forms.Form):
    confirm = forms.CharField(label="", widget=forms.TextInput(attrs={"autocomplete": "off"}))

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.project = project
        self.fields["confirm"].label = gettext("Type “%(name)s” to delete it") % {"name": project.name}

    def clean_confirm(self) -> str:
        typed = self.cleaned_data["confirm"].strip()
        if typed != self.project.name:
            raise forms.ValidationError(
                gettext("That is not the name. Type “%(name)s” exactly.") % {"name": self.project.name}
            )
        return typed
