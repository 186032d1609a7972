"""The form that freezes a benchmark."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from curation.models import Benchmark

SOURCES = [
    (Benchmark.Source.PROJECT.value, _("the whole project")),
    (Benchmark.Source.VERSION.value, _("a version of a dataset")),
    (Benchmark.Source.TAG.value, _("prompts with a tag")),
    (Benchmark.Source.BATCH.value, _("items judged in a batch")),
]


class BenchmarkForm(forms.Form):
    name = forms.SlugField(
        label=_("Name"),
        max_length=80,
        help_text=_("Small letters, digits and hyphens. A name that exists gets its next version."),
    )
    source = forms.ChoiceField(label=_("What is frozen"), choices=SOURCES)
    what = forms.CharField(
        label=_("Which"),
        max_length=200,
        required=False,
        help_text=_("The version (signs@3, or signs@3 test for one split), the tag, or the number of the batch."),
    )
    least_votes = forms.IntegerField(
        label=_("Votes a couple needs"), min_value=1, initial=1, required=False, help_text=_("For items of a batch.")
    )
    least_share = forms.FloatField(
        label=_("Share for its winner"),
        min_value=0,
        max_value=1,
        initial=0,
        required=False,
        help_text=_("For items of a batch: 0.8 keeps couples on which four of five agree."),
    )
    description = forms.CharField(label=_("Description"), max_length=2_000, required=False)
    is_sure = forms.BooleanField(
        label=_("I understand that it cannot be thawed, and that nothing of it can be trained on any more"),
        error_messages={"required": _("Tick this to go on, or leave the page to change nothing.")},
    )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if given.get("source") not in (None, Benchmark.Source.PROJECT) and not given.get("what"):
            self.add_error("what", _("Say which one."))
        return given
