"""Which samples a job is about, as a person says it: by generator, round, tags, or prompts by name."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from curation.actions import requesting
from curation.errors import Refused
from curation.models import Asking, Generator, Project, Prompt, Request, Sample

ROUNDS_LISTED = 50
# Prompts named one by one; more of them are better named by a tag.
MOST_PROMPTS = 500


class NarrowedForm(forms.Form):
    """A form whose job is about some samples of a project; nothing said means all of them."""

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.project = project
        # Requests made together: the job is about exactly these, and about nothing else.
        self.fields["asking"] = forms.CharField(required=False, widget=forms.HiddenInput)
        self.fields["generator"] = forms.ModelChoiceField(
            queryset=Generator.objects.filter(project=self.project),
            label=_("Generator"),
            required=False,
            empty_label=_("all generators"),
        )
        self.fields["round"] = forms.TypedChoiceField(
            choices=_rounds(self.project), label=_("Round"), required=False, coerce=int, empty_value=None
        )
        self.fields["tags"] = forms.CharField(
            label=_("Tags of the prompt"), required=False, help_text=_("Any of them; parted by commas.")
        )
        self.fields["prompts"] = forms.CharField(
            label=_("Prompts"), required=False, help_text=_("Keys or numbers, parted by commas; empty for all.")
        )

    def clean_asking(self) -> Asking | None:
        try:
            return requesting.find(self.project, self.cleaned_data["asking"], Request.Audience.MACHINES)
        except Refused as error:
            raise forms.ValidationError(str(error)) from error

    def clean_tags(self) -> list[str]:
        return [tag.strip() for tag in self.cleaned_data["tags"].split(",") if tag.strip()]

    def clean_prompts(self) -> list[int]:
        """Ids of the named prompts; one that does not exist is named. One query."""
        parts = re.split(r"[,\n]", self.cleaned_data["prompts"])
        names = list(dict.fromkeys(part.strip() for part in parts if part.strip()))
        if len(names) > MOST_PROMPTS:
            raise forms.ValidationError(
                _("These are %(count)d prompts; at most %(most)d can be named. Give them a tag and choose that.")
                % {"count": len(names), "most": MOST_PROMPTS}
            )
        return _prompt_ids(self.project, names)

    def chosen_samples(self) -> dict[str, Any]:
        """What the samples are narrowed by, as `start_staged` takes it."""
        if wanted := self.cleaned_data.get("asking"):
            return {"samples": requesting.samples_of(wanted)}
        generator, number = self.cleaned_data["generator"], self.cleaned_data["round"]
        chosen: dict[str, Any] = {
            "generators": [generator.pk] if generator is not None else [],
            "rounds": [number] if number is not None else [],
            "tags": self.cleaned_data["tags"],
            "prompts": self.cleaned_data["prompts"],
        }
        return {name: value for name, value in chosen.items() if value}


def _rounds(project: Project) -> list[tuple[Any, Any]]:
    numbers = Sample.objects.filter(project=project).order_by("round").values_list("round", flat=True).distinct()
    return [("", _("all rounds")), *((number, str(number)) for number in numbers[:ROUNDS_LISTED])]


def _prompt_ids(project: Project, names: list[str]) -> list[int]:
    if not names:
        return []
    numbers = [int(name) for name in names if name.isdecimal() and len(name) < 18]
    prompts = Prompt.objects.filter(project=project)
    rows = (
        prompts.filter(key__in=names)
        .values_list("pk", "key")
        .union(prompts.filter(pk__in=numbers).values_list("pk", "key"), all=True)
    )
    found = {str(pk): pk for pk, _key in rows} | {key: pk for pk, key in rows if key}
    missing = [name for name in names if name not in found]
    if missing:
        raise forms.ValidationError(_("There is no prompt “%(name)s” in this project.") % {"name": missing[0]})
    return sorted({found[name] for name in names})
