"""The name of a new token."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from scoring.actions.serving.tokens import LONGEST_NAME


class ServiceTokenForm(forms.Form):
    name = forms.CharField(
        label=_("Name"),
        max_length=LONGEST_NAME,
        help_text=_("What will use it, such as “trainer on gpu-3”."),
    )
