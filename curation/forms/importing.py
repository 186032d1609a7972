"""What is imported, and how."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from curation.formats import FORMATS


class ManyFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True
    template_name = "django/forms/widgets/file.html"


class ManyFilesField(forms.FileField):
    """One or more uploads, each with a name and some bytes."""

    widget = ManyFilesInput

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        files = data if isinstance(data, list | tuple) else [data]
        return [super(ManyFilesField, self).clean(file, initial) for file in files if file]


def format_choices() -> list[tuple[str, Any]]:
    return [(name, each.title) for name, each in FORMATS.items()]


class HowForm(forms.Form):
    """What may be changed after a first look."""

    format = forms.ChoiceField(
        label=_("Format"), required=False, choices=lambda: [("", _("Recognise it")), *format_choices()]
    )
    declare_absent = forms.BooleanField(
        label=_("Keep samples whose files are absent"),
        required=False,
        help_text=_("They are marked, count in statistics, and never reach an export."),
    )
    licence = forms.CharField(
        label=_("Licence"), max_length=100, required=False, help_text=_("For rows that name none, such as CC-BY-4.0.")
    )

    def chosen(self) -> dict[str, Any]:
        """What the form says, as options of an import."""
        said = self.cleaned_data
        return {
            "format_name": said["format"],
            "declare_absent": said["declare_absent"],
            "licence": said["licence"],
        }


class ImportForm(HowForm):
    """An upload, or a path on the server for those who may name one."""

    upload = ManyFilesField(
        label=_("Files"),
        required=False,
        help_text=_("An archive, a table, JSON Lines, or several files that belong together."),
    )
    server_path = forms.CharField(
        label=_("Or a path on the server"), max_length=1000, required=False, help_text=_("Below the import folder.")
    )
    field_order = ["upload", "server_path", "format", "declare_absent", "licence"]

    def __init__(self, *args: Any, may_name_path: bool, was_too_large: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.was_too_large = was_too_large
        if not may_name_path or not settings.IMPORT_ROOT:
            del self.fields["server_path"]

    def clean_server_path(self) -> Path | None:
        """The path, which must lie below the import folder whatever links and dots it holds."""
        typed = self.cleaned_data["server_path"].strip()
        if not typed:
            return None
        root = os.path.realpath(settings.IMPORT_ROOT)
        path = os.path.realpath(os.path.join(root, typed))
        if os.path.commonpath([root, path]) != root:
            raise forms.ValidationError(gettext("Name a path below %(root)s.") % {"root": settings.IMPORT_ROOT})
        if not os.path.exists(path):
            raise forms.ValidationError(gettext("There is nothing at this path."))
        return Path(path)

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if self.was_too_large:
            most = f"{settings.UPLOAD_BYTES / 2**30:.1f}"
            raise forms.ValidationError(
                gettext("The upload is larger than %(most)s GiB. Use the command import_samples for it.")
                % {"most": most}
            )
        given = [bool(said.get("upload")), bool(said.get("server_path"))]
        if sum(given) != 1 and not self.errors:
            raise forms.ValidationError(
                gettext("Choose files to upload.")
                if "server_path" not in self.fields
                else gettext("Choose files to upload, or name a path: one of the two.")
            )
        return said
