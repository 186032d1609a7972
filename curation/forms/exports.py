"""What a person decides about an export."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from curation.actions.export_rows import Options
from curation.exports import FORMATS


class ExportForm(forms.Form):
    """The formats that can carry a task, and what of people's data leaves."""

    formats = forms.MultipleChoiceField(
        label=_("Formats"), widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"})
    )
    default = forms.ChoiceField(
        label=_("Read by default"),
        help_text=_(
            "What load_dataset reads when nobody names a config. Scripts that cannot name one need theirs here."
        ),
    )
    with_notes = forms.BooleanField(label=_("Include what people wrote and marked"), required=False)
    drop_annotators = forms.BooleanField(label=_("Leave out the pseudonyms of people"), required=False)

    def __init__(self, *args: Any, task: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fitting = [format_ for format_ in FORMATS.values() if format_.refusal(task) is None]
        self.fields["formats"].choices = [(format_.name, format_.label) for format_ in fitting]  # type: ignore[attr-defined]
        self.fields["default"].choices = [(format_.name, format_.name) for format_ in fitting]  # type: ignore[attr-defined]
        self.initial.setdefault("formats", [fitting[0].name])
        self._with_options = [format_ for format_ in fitting if format_.options]
        for format_ in self._with_options:
            for option in format_.options:
                choices = [(choice, choice) for choice in option.choices]
                self.fields[f"{format_.name}.{option.name}"] = forms.ChoiceField(
                    label=f"{format_.name}: {option.name}", help_text=option.says, required=False, choices=choices
                )
        self.purposes = {format_.name: format_.purpose for format_ in fitting}
        self.refused = [
            (format_.label, format_.refusal(task)) for format_ in FORMATS.values() if format_ not in fitting
        ]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        chosen, default = cleaned.get("formats", []), cleaned.get("default")
        if chosen and default and default not in chosen:
            self.add_error("default", gettext("Choose one of the ticked formats."))
        return cleaned

    def ordered_formats(self) -> list[str]:
        """The ticked formats, the default one first."""
        default = self.cleaned_data["default"]
        return [default, *(name for name in self.cleaned_data["formats"] if name != default)]

    def options(self) -> Options:
        return Options(
            with_notes=self.cleaned_data["with_notes"],
            with_annotators=not self.cleaned_data["drop_annotators"],
            formats=self._choices_within_formats(),
        )

    def _choices_within_formats(self) -> dict[str, str]:
        """What differs from a format's first choice, of the ticked formats alone."""
        return {
            f"{format_.name}.{option.name}": value
            for format_ in self._with_options
            if format_.name in self.cleaned_data["formats"]
            for option in format_.options
            if (value := self.cleaned_data[f"{format_.name}.{option.name}"]) not in ("", option.choices[0])
        }

    def option_fields(self) -> dict[str, list[forms.BoundField]]:
        """The fields of each format that has options."""
        return {
            format_.name: [self[f"{format_.name}.{option.name}"] for option in format_.options]
            for format_ in self._with_options
        }

    def other_fields(self) -> list[forms.BoundField]:
        """The fields that belong to no single format."""
        return [field for field in self.visible_fields() if field.name != "formats" and "." not in field.name]
