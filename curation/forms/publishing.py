"""What a person decides about a publication, and the tokens they store."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from curation.actions import hub_tokens
from curation.actions.publishing import Wish
from curation.errors import Refused
from curation.exports import FORMATS
from curation.exports.card.licences import COMMON
from curation.hub.names import repository_name
from curation.hub.sealing import LONGEST
from curation.models import Export, HubToken, User

OTHER = "other"
ENVIRONMENT = "environment"


class PublishForm(forms.Form):
    """Where to, what of the export, under which licence, with whose token."""

    repository = forms.CharField(
        label=_("Repository"),
        max_length=200,
        help_text=_("owner/name on the Hub. It is made, if there is none."),
        widget=forms.TextInput(attrs={"placeholder": "ada/signs-and-scenes", "autocapitalize": "off"}),
    )
    formats = forms.MultipleChoiceField(
        label=_("Formats"), widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"})
    )
    default = forms.ChoiceField(label=_("Read by default"), help_text=_("What load_dataset reads without a config."))
    licence = forms.ChoiceField(label=_("Licence of the set"), help_text=_("Samples may be under narrower ones."))
    other_licence = forms.CharField(label=_("Name of another licence"), max_length=100, required=False)
    licence_link = forms.URLField(
        label=_("Where its text stands"), max_length=300, required=False, assume_scheme="https"
    )
    token = forms.ChoiceField(label=_("Token"))
    is_public = forms.BooleanField(label=_("Everybody may see it"), required=False)
    may_move_tag = forms.BooleanField(
        label=_("Move the version's tag, if it is there with other files"), required=False
    )

    def __init__(self, *args: Any, export: Export, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tokens = hub_tokens.choices(user)
        named = [(name, FORMATS[name].label if name in FORMATS else name) for name in export.formats]
        self._choices("formats", named)
        self._choices("default", named)
        self._choices("licence", [("", gettext("Choose one")), *_licences(), (OTHER, gettext("another licence"))])
        self._choices("token", [(_key(one.token), one.label) for one in self.tokens])
        self.initial.setdefault("formats", list(export.formats))
        licence = export.version.dataset.project.licence
        known = licence.lower() in COMMON
        self.initial.setdefault("licence", licence.lower() if known else (OTHER if licence else ""))
        self.initial.setdefault("other_licence", "" if known else licence)

    def _choices(self, name: str, choices: list[tuple[str, str]]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]

    def clean_repository(self) -> str:
        try:
            return repository_name(self.cleaned_data["repository"])
        except Refused as error:
            raise forms.ValidationError(str(error)) from error

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        chosen, default = cleaned.get("formats", []), cleaned.get("default")
        if chosen and default and default not in chosen:
            self.add_error("default", gettext("Choose one of the ticked formats."))
        if cleaned.get("licence") == OTHER and not cleaned.get("other_licence", "").strip():
            self.add_error("other_licence", gettext("Name the licence."))
        return cleaned

    def wish(self, *, is_rehearsal: bool) -> Wish:
        cleaned = self.cleaned_data
        is_other = cleaned["licence"] == OTHER
        default = cleaned["default"]
        return Wish(
            repository=cleaned["repository"],
            licence=cleaned["other_licence"].strip() if is_other else cleaned["licence"],
            formats=[default, *(name for name in cleaned["formats"] if name != default)],
            licence_link=cleaned["licence_link"] if is_other else "",
            is_private=not cleaned["is_public"],
            may_move_tag=cleaned["may_move_tag"],
            is_rehearsal=is_rehearsal,
            token=next(one.token for one in self.tokens if _key(one.token) == cleaned["token"]),
        )


def _licences() -> list[tuple[str, str]]:
    return [(key, f"{name} ({key})") for key, name in COMMON.items()]


def _key(token: HubToken | None) -> str:
    return str(token.pk) if token else ENVIRONMENT


class TokenForm(forms.Form):
    """A token to store. It is read once and never sent back, not even when the form is wrong."""

    label = forms.CharField(label=_("Name"), max_length=80, help_text=_("So that you know it again."))
    token = forms.CharField(
        label=_("Token"),
        max_length=LONGEST,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"}),
        help_text=_("With the right to write, from https://huggingface.co/settings/tokens. It is stored encrypted."),
    )
    is_shared = forms.BooleanField(label=_("For everybody who may export"), required=False)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not user.is_superuser:
            del self.fields["is_shared"]
