"""What a person may say when starting to score; the actions decide."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from curation.models import Generator, Project, Sample
from scoring.catalogue import CATALOGUE
from scoring.scorers.base import ScorerFacts

ROUNDS_LISTED = 50


def scorers_field(*, required: bool = True) -> forms.MultipleChoiceField:
    """A choice among all scorers, by name."""
    return forms.MultipleChoiceField(
        choices=[(name, gettext(facts.title)) for name, facts in CATALOGUE.items()],
        label=_("Scorers"),
        required=required,
        error_messages={"required": _("Choose at least one scorer.")},
    )


class LaunchForm(forms.Form):
    """Which scorers on which samples, with their settings."""

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["scorers"] = scorers_field()
        self.fields["generator"] = forms.ModelChoiceField(
            queryset=Generator.objects.filter(project=project),
            label=_("Generator"),
            required=False,
            empty_label=_("all generators"),
        )
        self.fields["round"] = forms.TypedChoiceField(
            choices=_rounds(project), label=_("Round"), required=False, coerce=int, empty_value=None
        )
        for facts in CATALOGUE.values():
            for setting in facts.settings:
                self.fields[f"{facts.name}-{setting.name}"] = forms.CharField(
                    label=setting.name,
                    initial=setting.default,
                    required=False,
                    strip=False,
                    help_text=gettext(setting.help),
                )

    def settings_of(self, facts: ScorerFacts) -> Iterator[forms.BoundField]:
        """The fields of one scorer's settings, for the page."""
        return (self[f"{facts.name}-{setting.name}"] for setting in facts.settings)

    def chosen_scorers(self) -> dict[str, dict[str, str]]:
        """Names with the settings that were given, as `start_scoring` takes them; an empty one may be meant."""
        return {name: self._given_settings(CATALOGUE[name]) for name in self.cleaned_data["scorers"]}

    def _given_settings(self, facts: ScorerFacts) -> dict[str, str]:
        fields = {setting.name: f"{facts.name}-{setting.name}" for setting in facts.settings}
        return {name: self.cleaned_data[field] for name, field in fields.items() if field in self.data}

    def chosen_samples(self) -> dict[str, list[int]]:
        """What the samples are narrowed by, as `start_scoring` takes it."""
        generator, number = self.cleaned_data["generator"], self.cleaned_data["round"]
        chosen: dict[str, list[int]] = {}
        if generator is not None:
            chosen["generators"] = [generator.pk]
        if number is not None:
            chosen["rounds"] = [number]
        return chosen


def _rounds(project: Project) -> list[tuple[Any, Any]]:
    numbers = Sample.objects.filter(project=project).order_by("round").values_list("round", flat=True).distinct()
    return [("", _("all rounds")), *((number, str(number)) for number in numbers[:ROUNDS_LISTED])]


class ArrivalForm(forms.Form):
    """Which scorers run on every new sample; none switches it off."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["scorers"] = scorers_field(required=False)
