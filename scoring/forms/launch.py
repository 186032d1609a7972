"""What a person may say when starting to score; the actions decide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.html import escape
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from curation.models import Project
from scoring.actions.heads import naming
from scoring.actions.staging import Stage
from scoring.forms.narrowing import NarrowedForm
from scoring.forms.scorers import scorers_field
from scoring.scorers.base import ScorerFacts, Setting, settings_of

# The first stage and so many more: four passes over a corpus are more than anybody asked for.
MOST_STAGES = 4
BARS = ("best", "at_least", "at_most", "spread", "most")


class StageForm(forms.Form):
    """A later stage: what it takes over from the one before, and who looks at that. Unused while it names no scorer."""

    def __init__(
        self, number: int, data: QueryDict | None, *, initial: dict[str, Any], offered: Mapping[str, ScorerFacts]
    ) -> None:
        super().__init__(data, prefix=f"stage{number}", initial=initial)
        self.number = number
        self.fields["scorers"] = scorers_field(offered, required=False)
        self.fields["by"] = forms.ChoiceField(
            choices=[("", _("choose a score")), *_scores(offered)], label=_("Go by"), required=False
        )
        self.fields["best"] = forms.IntegerField(label=_("Best of each prompt"), min_value=1, required=False)
        self.fields["at_least"] = forms.FloatField(label=_("At least"), required=False)
        self.fields["at_most"] = forms.FloatField(label=_("At most"), required=False)
        self.fields["spread"] = forms.FloatField(label=_("Spread at most"), min_value=0, required=False)
        self.fields["most"] = forms.IntegerField(label=_("Samples in all, at most"), min_value=1, required=False)

    @property
    def is_used(self) -> bool:
        return bool(self.cleaned_data.get("scorers"))

    @property
    def bar_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in BARS]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not cleaned.get("scorers"):
            return cleaned
        if not cleaned.get("by"):
            self.add_error("by", _("Say by which score of the stage before the samples are chosen."))
        if not self.errors and all(cleaned.get(name) is None for name in BARS):
            self.add_error("best", _("Say how many go on: the best of each prompt, a bound, or a number in all."))
        return cleaned

    def follows(self, names: list[str]) -> bool:
        """Whether it goes by a score of one of these scorers; says so where it does not."""
        scorer = self.cleaned_data["by"].partition(".")[0]
        if scorer in names:
            return True
        self.add_error("by", _("The stage before does not run “%(scorer)s”.") % {"scorer": scorer})
        return False

    def stage(self, settings: Mapping[str, Mapping[str, str]]) -> Stage:
        """The stage as the action takes it."""
        scorer, _dot, criterion = self.cleaned_data["by"].partition(".")
        return Stage(
            scorer=scorer,
            criterion=criterion,
            scorers={name: settings[name] for name in self.cleaned_data["scorers"]},
            at_least=self.cleaned_data["at_least"],
            at_most=self.cleaned_data["at_most"],
            spread_at_most=self.cleaned_data["spread"],
            best_of_prompt=self.cleaned_data["best"],
            most=self.cleaned_data["most"],
        )


class LaunchForm(NarrowedForm):
    """Which scorers on which samples, with their settings, and the stages that follow."""

    def __init__(self, project: Project, data: QueryDict | None = None, *, initial: QueryDict | None = None) -> None:
        said = data if data is not None else initial
        super().__init__(project, data, initial=_initial(initial))
        self.offered = naming.on_offer(project)
        self.fields["scorers"] = scorers_field(self.offered)
        for facts in self.offered.values():
            for setting in settings_of(facts):
                self.fields[f"{facts.name}-{setting.name}"] = _setting_field(setting)
        self.stages = [
            StageForm(number, data, initial=_initial(initial, f"stage{number}-"), offered=self.offered)
            for number in range(2, 2 + _stage_count(said))
        ]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        before: list[str] = cleaned.get("scorers", [])
        is_over = False
        for stage in self.stages:
            if not stage.is_valid():
                self.add_error(None, _("Stage %(number)d is not complete.") % {"number": stage.number})
                return cleaned
            if is_over and stage.is_used:
                self.add_error(None, _("Stage %(number)d follows one without a scorer.") % {"number": stage.number})
                return cleaned
            if stage.is_used and before and not stage.follows(before):
                self.add_error(None, _("Stage %(number)d is not complete.") % {"number": stage.number})
                return cleaned
            is_over = not stage.is_used
            before = stage.cleaned_data["scorers"]
        return cleaned

    # -- for the page -------------------------------------------------------------------------------------------------

    def settings_of(self, facts: ScorerFacts) -> Iterator[forms.BoundField]:
        """The fields of one scorer's settings."""
        return (self[f"{facts.name}-{setting.name}"] for setting in settings_of(facts))

    @property
    def stage_count(self) -> int:
        return len(self.stages)

    @property
    def may_add_stage(self) -> bool:
        return len(self.stages) < MOST_STAGES - 1

    # -- for the action -----------------------------------------------------------------------------------------------

    def chosen_scorers(self) -> dict[str, dict[str, str]]:
        """Names with the settings that were given, as `start_staged` takes them; an empty one may be meant."""
        return {name: self._given_settings(self.offered[name]) for name in self.cleaned_data["scorers"]}

    def later(self) -> list[Stage]:
        """The stages that follow the first one."""
        used = [stage for stage in self.stages if stage.is_used]
        names = {name for stage in used for name in stage.cleaned_data["scorers"]}
        settings = {name: self._given_settings(self.offered[name]) for name in names}
        return [stage.stage(settings) for stage in used]

    def _given_settings(self, facts: ScorerFacts) -> dict[str, str]:
        fields = {setting.name: f"{facts.name}-{setting.name}" for setting in settings_of(facts)}
        return {name: self.cleaned_data[field] for name, field in fields.items() if field in self.data}


def _initial(said: QueryDict | None, prefix: str = "") -> dict[str, Any]:
    """What an address says of the fields of a form; only a choice among many has several values."""
    if said is None:
        return {}
    names = [name for name in said if name.startswith(prefix)]
    plain = {name: name.removeprefix(prefix) for name in names}
    initial: dict[str, Any] = {
        plain[name]: said.getlist(name) if plain[name] == "scorers" else said.get(name) for name in names
    }
    if not prefix and "scorer" in said:  # a link from a card
        initial["scorers"] = said.getlist("scorer")
    return initial


def _stage_count(said: QueryDict | None) -> int:
    """How many later stages the page shows, one at least."""
    text = said.get("stages", "") if said is not None else ""
    return min(max(int(text), 1), MOST_STAGES - 1) if text.isdecimal() and len(text) < 4 else 1


def _setting_field(setting: Setting) -> forms.Field:
    common: dict[str, Any] = {
        "label": setting.name.replace("_", " "),
        "initial": setting.default,
        "required": False,
        "help_text": escape(gettext(setting.help)),  # a card may speak of <image>; the page takes help for markup
    }
    if setting.choices:
        return forms.ChoiceField(choices=[(choice, choice) for choice in setting.choices], **common)
    return forms.CharField(strip=False, **common)


def _scores(offered: Mapping[str, ScorerFacts]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Every output of every scorer, grouped by scorer."""
    return [
        (
            gettext(facts.title),
            [(f"{facts.name}.{output.criterion}", gettext(output.title)) for output in facts.outputs],
        )
        for facts in offered.values()
    ]
