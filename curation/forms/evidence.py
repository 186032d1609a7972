"""What a page of evidence asks: whose votes, how ties count, which machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from curation.actions import examining
from curation.actions.examining import Choice, Options
from curation.examination.credit import Ties

TIES = [
    (Ties.LEFT_OUT.value, gettext_lazy("people's ties are left out")),
    (Ties.HALF.value, gettext_lazy("a tie on one side is worth one half")),
    (Ties.CLASS.value, gettext_lazy("tie is a third answer")),
]
WHOSE = [
    (examining.PEOPLE, gettext_lazy("people")),
    (examining.SCRIPTED, gettext_lazy("scripted raters (demonstration)")),
]
# The value of the field that stands for votes given under no principle.
NO_PRINCIPLE = "-"


class EvidenceForm(forms.Form):
    """Sent by GET. Every field may be left empty, which means its default."""

    criterion = forms.ChoiceField(label=gettext_lazy("People's criterion"), required=False)
    whose = forms.ChoiceField(label=gettext_lazy("Votes of"), required=False, choices=WHOSE)
    under = forms.ChoiceField(label=gettext_lazy("Given under the principle"), required=False)
    ties = forms.ChoiceField(label=gettext_lazy("Ties"), required=False, choices=TIES)
    m = forms.MultipleChoiceField(label=gettext_lazy("Machines"), required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(
        self, data: QueryDict, *, known: Options, criteria: Mapping[str, str], principles: Sequence[str]
    ) -> None:
        super().__init__(data, auto_id="evidence-%s")
        self.given, self.known = data, known
        choices: dict[str, list[tuple[str, str]]] = {
            "criterion": [(key, criteria.get(key, key)) for key in sorted(known.criteria)],
            "under": [("", _("as most votes are")), (NO_PRINCIPLE, _("none")), *((one, one) for one in principles)],
            "m": [(column.key, examining.column_name(column, known, "")) for column in known.columns],
        }
        for name, offered in choices.items():
            self.fields[name].choices = offered  # type: ignore[attr-defined]
        if not principles:
            del self.fields["under"]
        if data.get("whose") != examining.SCRIPTED:
            del self.fields["whose"]
        self._fill()

    def _fill(self) -> None:
        """Shows the defaults as chosen, so that the page says what it did."""
        filled = self.given.copy()
        choice = Choice(criterion=filled.get("criterion") or None)
        if choice.criterion is None or choice.criterion in self.known.criteria:
            chosen = examining.resolved(choice, self.known)
            if chosen.criterion in self.known.criteria:
                filled.setdefault("criterion", chosen.criterion)
            if not filled.getlist("m"):
                filled.setlist("m", list(chosen.columns))
        filled.setdefault("ties", Ties.LEFT_OUT.value)
        self.data = filled

    @property
    def chosen(self) -> int:
        """How many machines are chosen."""
        return len(self["m"].value() or [])

    def choice(self, against: str) -> Choice:
        """What was asked, once the form is valid."""
        said = self.cleaned_data
        under = said.get("under") or None
        return Choice(
            criterion=said["criterion"] or None,
            kind=said.get("whose") or examining.PEOPLE,
            ties=Ties(said["ties"]),
            context="" if under == NO_PRINCIPLE else under,
            columns=tuple(sorted(said["m"])),
            against=against or None,
        )
