"""Which scorers: a choice among the catalogue, those that run by themselves, and the word on a rater."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from curation.models import RaterStanding
from scoring.catalogue import CATALOGUE
from scoring.scorers.base import ScorerFacts


def scorers_field(offered: Mapping[str, ScorerFacts], *, required: bool = True) -> forms.MultipleChoiceField:
    """A choice among scorers, by name."""
    return forms.MultipleChoiceField(
        choices=[(name, gettext(facts.title)) for name, facts in offered.items()],
        label=_("Scorers"),
        required=required,
        error_messages={"required": _("Choose at least one scorer.")},
    )


class ArrivalForm(forms.Form):
    """Which scorers run on every new sample; none switches it off."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["scorers"] = scorers_field(CATALOGUE, required=False)


class StandingForm(forms.Form):
    """Whether a rater's word counts here, from when on, and why."""

    state = forms.ChoiceField(choices=RaterStanding.State.choices)
    since = forms.DateField(
        label=_("What it said since"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("Empty: from now on."),
    )
    reason = forms.CharField(label=_("Why"), max_length=500)
