"""Forms of the pages that look over what people said: adjudication, review, drafts, withdrawal."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from annotation.actions import drafting
from annotation.actions.reviewing import LONGEST_NOTE
from annotation.models import Assignment, Batch
from curation.models import Criterion, Judgement, Rater, User


class _People(forms.ModelMultipleChoiceField):
    """Members of the project, each with how much of the batch they have judged."""

    def label_from_instance(self, person: Any) -> str:
        words = ngettext("%(count)d item judged", "%(count)d items judged", person.judged)
        return f"{person} ({words % {'count': person.judged}})" if person.judged else str(person)


class AdjudicationForm(forms.Form):
    """Who decides the disagreements of a batch."""

    name = forms.CharField(label=gettext_lazy("Name of the new batch"), max_length=200)
    people = _People(
        label=gettext_lazy("Who decides"),
        queryset=User.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Nobody is given an item that they judged themselves."),
    )

    def __init__(self, batch: Batch, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {"name": _("Disagreements of %(name)s") % {"name": batch.name}})
        super().__init__(*args, **kwargs)
        cast(_People, self.fields["people"]).queryset = _members(batch)


def _members(batch: Batch) -> QuerySet[User]:
    """The members who may sign in, those who have judged least of the batch first."""
    judged = Count(
        "raters__assignments",
        filter=Q(raters__assignments__batch=batch, raters__assignments__state=Assignment.State.DONE),
    )
    members = User.objects.filter(memberships__project=batch.project_id, is_active=True)
    return members.annotate(judged=judged).order_by("judged", "username")


class ReviewForm(forms.Form):
    """A reviewer's word. A note is needed only to send an answer back, which the action sees to."""

    note = forms.CharField(
        label=gettext_lazy("Note to the author"),
        required=False,
        max_length=LONGEST_NOTE,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Needed to return an answer: the author reads it and answers again."),
    )


class DraftForm(forms.Form):
    """Which machine drafts, and under which criterion its opinions are read where that is not the question's own."""

    rater = forms.ModelChoiceField(label=gettext_lazy("Drafts by"), queryset=Rater.objects.none())
    criterion = forms.ModelChoiceField(
        label=gettext_lazy("Read its numbers on"),
        queryset=Criterion.objects.none(),
        required=False,
        empty_label=gettext_lazy("the question's own criterion"),
        help_text=gettext_lazy("A scorer that speaks of one thing only drafts by it, whatever the question is about."),
    )

    def __init__(self, batch: Batch, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.batch = batch
        spoken = Judgement.objects.living().filter(project=batch.project_id).order_by().values("rater").distinct()
        machines = Rater.objects.filter(pk__in=spoken, kind__in=drafting.DRAFTING_KINDS)
        cast("forms.ModelChoiceField[Any]", self.fields["rater"]).queryset = machines
        criteria = Criterion.objects.filter(project=batch.project_id)
        cast("forms.ModelChoiceField[Any]", self.fields["criterion"]).queryset = criteria

    def reads(self) -> dict[str, int]:
        """For each question's key, the criterion whose evidence is read; empty for the usual ones."""
        chosen = self.cleaned_data["criterion"]
        return {} if chosen is None else {question["key"]: chosen.pk for question in self.batch.questions}


class WithdrawForm(forms.Form):
    """The last question before a consent ends."""

    is_sure = forms.BooleanField(
        label=gettext_lazy("I understand that this cannot be undone"),
        error_messages={"required": gettext_lazy("Tick this to go on, or leave the page to change nothing.")},
    )
