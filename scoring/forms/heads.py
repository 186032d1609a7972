"""What a person may say when a head is to be fitted; it becomes a wish, and the action decides."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from curation.models import Project
from scoring.actions.heads import reading
from scoring.actions.heads.starting import Wish
from scoring.catalogue import facts_of
from scoring.heads.features import ENCODERS, SCORES
from scoring.heads.fit import Ties
from scoring.heads.head import Form
from scoring.models.heads import LONGEST_NAME

FORMS = [(str(Form.PAIRS), _("preferences between two samples")), (str(Form.RATINGS), _("ratings on levels"))]
VOTERS = [("people", _("people")), ("judges", _("judges")), ("scripts", _("scripts of a demonstration"))]
TIES = [(str(Ties.HALF), _("half a vote each way")), (str(Ties.DAVIDSON), _("an answer of its own (Davidson)"))]


class HeadForm(forms.Form):
    """Which labels, which features, and what the head is called."""

    name = forms.CharField(
        label=_("Name"),
        max_length=LONGEST_NAME,
        help_text=_("Small letters, digits and hyphens. The same name again is its next revision."),
    )
    criterion = forms.ChoiceField(label=_("Labels under"))
    form = forms.ChoiceField(label=_("Labels are"), choices=FORMS, initial=str(Form.PAIRS))
    voters = forms.ChoiceField(label=_("Given by"), choices=VOTERS, initial="people")
    ties = forms.ChoiceField(label=_("A tie is"), choices=TIES, initial=str(Ties.HALF))

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.criteria = _criteria(project)
        self.columns = reading.columns(project)
        self.fields["criterion"].choices = [  # type: ignore[attr-defined]
            (key, f"{key} ({', '.join(counts)})") for key, counts in self.criteria.items()
        ]
        self.fields["features"] = forms.MultipleChoiceField(
            label=_("It looks at"),
            choices=self._features(),
            widget=forms.CheckboxSelectMultiple,
            error_messages={"required": _("Choose at least one thing for it to look at.")},
        )
        for name in ENCODERS:
            self.fields[f"source-{name}"] = forms.CharField(
                label=gettext("Weights of %(scorer)s") % {"scorer": gettext(facts_of(name).title)},
                initial=_source(name),
                required=False,
                help_text=_("OWNER/NAME@COMMIT on the Hub, or a folder. Empty: the catalogue's."),
            )

    def _features(self) -> list[tuple[str, str]]:
        seen = [
            (name, gettext("%(scorer)s's embeddings") % {"scorer": gettext(facts_of(name).title)}) for name in ENCODERS
        ]
        every = [(SCORES, gettext("every score there is"))] if self.columns else []
        return [*seen, *every, *((one.name, one.column.label) for one in self.columns)]

    @property
    def has_labels(self) -> bool:
        return bool(self.criteria)

    @property
    def sources(self) -> list[forms.BoundField]:
        return [self[f"source-{name}"] for name in ENCODERS]

    def wish(self) -> Wish:
        """What was asked for, once it is valid."""
        said = self.cleaned_data
        sources = {name: said[f"source-{name}"] for name in said["features"] if name in ENCODERS}
        return Wish(
            name=said["name"],
            criterion=said["criterion"],
            features=tuple(said["features"]),
            voters=said["voters"],
            form=Form(said["form"]),
            ties=Ties(said["ties"]),
            settings={name: {"source": source} if source else {} for name, source in sources.items()},
        )


def _source(name: str) -> str:
    return next(setting.default for setting in facts_of(name).settings if setting.name == "source")


def _criteria(project: Project) -> dict[str, list[str]]:
    """What was labelled under each criterion, in words; first what people compared most."""
    found: dict[str, list[str]] = {}
    for voters, who in VOTERS:
        for form in Form:
            counts = reading.criteria(project, voters, form)
            for key, count in sorted(counts.items(), key=lambda one: (-one[1], one[0])):
                found.setdefault(key, []).append(_counted(count, form, str(who)))
    return found


def _counted(count: int, form: Form, who: str) -> str:
    what = gettext("preferences") if form == Form.PAIRS else gettext("ratings")
    return gettext("%(count)s %(what)s by %(who)s") % {"count": f"{count:,}", "what": what, "who": who}
