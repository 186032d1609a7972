"""Who joins a project, as what."""

from __future__ import annotations

from django import forms
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from curation.models import Membership, User


class MemberForm(forms.Form):
    person = forms.CharField(label=_("User name or e-mail"), max_length=254)
    role = forms.ChoiceField(label=_("Role"), choices=Membership.Roles.choices, initial=Membership.Roles.VIEWER)

    def clean_person(self) -> User:
        typed = self.cleaned_data["person"].strip()
        found = User.objects.filter(Q(username=typed) | (Q(email__iexact=typed) & ~Q(email="")), is_active=True).first()
        if found is None:
            raise forms.ValidationError(
                gettext("Nobody here is called “%(name)s”. An administrator of the installation can invite them.")
                % {"name": typed}
            )
        return found


class RoleForm(forms.Form):
    role = forms.ChoiceField(label=_("Role"), choices=Membership.Roles.choices)
