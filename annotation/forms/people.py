"""Doors: invitations, accounts made by following one, consent, the guideline with its pictures."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib.auth import password_validation
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from annotation.actions.guidelines import MOST_BYTES
from annotation.models import Batch
from curation.models import GuidelineVersion, Project, User

NEW_PICTURES = 3


class InvitationForm(forms.Form):
    label = forms.CharField(label=_("For whom"), max_length=200, required=False, help_text=_("A note for yourself."))
    most = forms.IntegerField(label=_("How many people may use it"), min_value=1, max_value=10_000, initial=1)
    days = forms.IntegerField(label=_("Valid for, days"), min_value=1, max_value=365, initial=14)

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        living = Batch.objects.filter(project=project).exclude(state=Batch.State.CLOSED)
        self.fields["batch"] = forms.ModelChoiceField(
            queryset=living.exclude(kind=Batch.Kind.ADJUDICATION),
            label=_("To the batch"),
            required=False,
            empty_label=_("the project alone"),
        )
        self.order_fields(["batch", "label", "most", "days"])

    def facts(self) -> dict[str, Any]:
        """As `annotation.actions.invitations.make` takes them."""
        said = self.cleaned_data
        return {
            "batch": said["batch"],
            "label": said["label"],
            "most": said["most"],
            "expires_at": timezone.now() + timedelta(days=said["days"]),
        }


class JoinForm(forms.Form):
    """An account of one's own, made by following an invitation."""

    username = forms.CharField(
        label=_("User name"), max_length=150, validators=[UnicodeUsernameValidator()], help_text=_("Shown to others.")
    )
    email = forms.EmailField(label=_("E-mail"))
    password = forms.CharField(
        label=_("Password"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )
    again = forms.CharField(
        label=_("The password again"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if self.errors:
            return said
        if said["password"] != said["again"]:
            self.add_error("again", gettext("The two passwords differ."))
        someone = User(username=said["username"], email=said["email"])
        try:
            password_validation.validate_password(said["password"], someone)
        except forms.ValidationError as error:
            self.add_error("password", error)
        return said


class ConsentTextForm(forms.Form):
    text = forms.CharField(
        label=_("Text of the next version"),
        max_length=50_000,
        widget=forms.Textarea(attrs={"rows": 10}),
        help_text=_("What is kept, who sees it, what it is used for, and how to withdraw. Everybody is asked anew."),
    )


class GuidelineForm(forms.Form):
    """The next version: its text, the pictures that stay, and new ones."""

    text = forms.CharField(label=_("Text"), max_length=50_000, widget=forms.Textarea(attrs={"rows": 12}))

    def __init__(self, guideline: GuidelineVersion | None, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("text", guideline.text if guideline else "")
        self.pictures = list(guideline.pictures.select_related("asset")) if guideline else []
        for picture in self.pictures:
            self.fields[f"keep_{picture.pk}"] = forms.BooleanField(
                label=_("Keep it in the next version"), required=False, initial=True
            )
        for number in range(NEW_PICTURES):
            self.fields[f"file_{number}"] = forms.FileField(label=_("Picture"), required=False)
            self.fields[f"caption_{number}"] = forms.CharField(label=_("Caption"), max_length=1000, required=False)
            self.fields[f"is_good_{number}"] = forms.ChoiceField(
                label=_("It shows"), choices=[("good", _("what is good")), ("bad", _("what is bad"))], required=False
            )

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        for number in range(NEW_PICTURES):
            file = said.get(f"file_{number}")
            if file is not None and file.size > MOST_BYTES:
                self.add_error(
                    f"file_{number}", gettext("It is larger than %(most)d MiB.") % {"most": MOST_BYTES // 2**20}
                )
        return said

    def kept(self) -> list[int]:
        return [picture.pk for picture in self.pictures if self.cleaned_data[f"keep_{picture.pk}"]]

    def added(self) -> list[dict[str, Any]]:
        """File, caption and side of each new picture."""
        said = self.cleaned_data
        return [
            {
                "file": said[f"file_{number}"],
                "caption": said[f"caption_{number}"],
                "is_good": said[f"is_good_{number}"] != "bad",
            }
            for number in range(NEW_PICTURES)
            if said.get(f"file_{number}")
        ]

    def picture_fields(self) -> list[tuple[Any, forms.BoundField]]:
        return [(picture, self[f"keep_{picture.pk}"]) for picture in self.pictures]

    def new_fields(self) -> list[list[forms.BoundField]]:
        names = ("file", "caption", "is_good")
        return [[self[f"{name}_{number}"] for name in names] for number in range(NEW_PICTURES)]
