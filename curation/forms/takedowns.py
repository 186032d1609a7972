"""The form of a takedown: why, and the last question."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _


class TakedownForm(forms.Form):
    reason = forms.CharField(
        label=_("Why"),
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Stands in the note of every version it touches. Name nobody who asked not to be named."),
        error_messages={"required": _("Say why it is taken down.")},
    )
    is_sure = forms.BooleanField(
        label=_("I understand that this cannot be undone"),
        error_messages={"required": _("Tick this to go on, or leave the page to change nothing.")},
    )
