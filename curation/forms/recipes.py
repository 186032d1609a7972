"""Forms of recipes and builds. What a recipe says is checked by the action, line by line."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from curation.recipes.document import LARGEST


class RecipeForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=200)
    text = forms.CharField(
        label=_("Recipe (YAML)"),
        max_length=LARGEST,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 26, "spellcheck": "false", "autocapitalize": "off", "wrap": "off"}),
    )

    def clean_text(self) -> str:
        """Browsers send CRLF; the same text must stay the same recipe."""
        return str(self.cleaned_data["text"]).replace("\r\n", "\n").rstrip() + "\n"


class BuildForm(forms.Form):
    dataset = forms.SlugField(
        label=_("Dataset"),
        max_length=80,
        help_text=_("Small letters, digits and hyphens. A name that exists gets its next version."),
    )
