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


class LaunchForm(forms.Form):
    """Which scorers on which samples, with their settings."""

    scorers = forms.MultipleChoiceField(label=_("Scorers"), error_messages={"required": _("Choose at least one scorer.")})
    generator = forms.ModelChoiceField(
        queryset=Generator.objects.none(), label=_("Generator"), required=False, empty_label=_("all generators")
    )
    round = forms.TypedChoiceField(label=_("Round"), required=False, coerce=int, empty_value=None)

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["scorers"].choices = [(name, gettext(facts.title)) for name, facts in CATALOGUE.items()]
        self.fields["generator"].queryset = Generator.objects.filter(project=project)
        rounds = Sample.objects.filter(project=project).order_by("round").values_list("round", flat=True).distinct()
        self.fields["round"].choices = [("", _("all rounds")), *((one, str(one)) for one in rounds[:ROUNDS_LISTED])]
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
        return {
            name: {
                setting.name: self.cleaned_data[field]
                for setting in CATALOGUE[name].settings
                if (field := f"{name}-{setting.name}") in self.data
            }
            for name in self.cleaned_data["scorers"]
        }

    def chosen_samples(self) -> dict[str, list[int]]:
        """What the samples are narrowed by, as `start_scoring` takes it."""
        generator, number = self.cleaned_data["generator"], self.cleaned_data["round"]
        chosen: dict[str, list[int]] = {}
        if generator is not None:
            chosen["generators"] = [generator.pk]
        if number is not None:
            chosen["rounds"] = [number]
        return chosen


class ArrivalForm(forms.Form):
    """Which scorers run on every new sample; none switches it off."""

    scorers = forms.MultipleChoiceField(label=_("Scorers"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["scorers"].choices = [(name, gettext(facts.title)) for name, facts in CATALOGUE.items()]
