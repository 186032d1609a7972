"""Making a batch, its settings, and what becomes of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from annotation.actions import asking, batches, choosing, drafting
from annotation.actions.choosing import Filter, Plan
from annotation.models import Batch
from curation.actions import requesting
from curation.errors import Refused
from curation.models import Asking, Generator, Judgement, Project, Rater, Request, Sample, User, score_columns

ROUNDS_LISTED = 50
MOST_LIST_BYTES = 20 * 2**20


def _share(label: Any, help_text: Any = "") -> forms.IntegerField:
    """A share in per cent; the model keeps it from 0 to 1."""
    return forms.IntegerField(label=label, min_value=0, max_value=100, help_text=help_text)


class ListMixin(forms.Form):
    """A list as text or as a file, one of the two."""

    listed = forms.CharField(
        label=_("List"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 5, "class": "code", "spellcheck": "false"}),
        help_text=_("The samples of one item a line, by key or number: “s1 s2”. Or JSON Lines as in judgements.jsonl."),
    )
    upload = forms.FileField(label=_("Or a file with it"), required=False)

    def listed_text(self) -> str:
        """The list, wherever it was given."""
        file: UploadedFile | None = self.cleaned_data.get("upload")
        if file is None:
            return str(self.cleaned_data.get("listed", ""))
        return file.read().decode("utf-8", errors="replace")

    def clean_upload(self) -> UploadedFile | None:
        file: UploadedFile | None = self.cleaned_data["upload"]
        if file is not None and (file.size or 0) > MOST_LIST_BYTES:
            raise forms.ValidationError(
                gettext("The file has more than %(most)d MiB.") % {"most": MOST_LIST_BYTES // 2**20}
            )
        return file


class FilterForm(forms.Form):
    """Which samples may be asked about."""

    words = forms.CharField(label=_("Words of the prompt"), max_length=200, required=False)
    tags = forms.CharField(label=_("Tags"), max_length=500, required=False, help_text=_("Any of these, with commas."))
    without_flagged = forms.BooleanField(label=_("Leave out what is flagged unsafe or broken"), required=False)
    without_judged = forms.BooleanField(label=_("Leave out pairs that people have compared"), required=False)

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.project = project
        self.fields["generators"] = forms.ModelMultipleChoiceField(
            queryset=Generator.objects.filter(project=project),
            label=_("Generators"),
            required=False,
            widget=forms.SelectMultiple(attrs={"size": 4}),
            help_text=_("None chosen means all."),
        )
        rounds = Sample.objects.filter(project=project).order_by("round").values_list("round", flat=True).distinct()
        self.fields["rounds"] = forms.TypedMultipleChoiceField(
            choices=[(number, str(number)) for number in rounds[:ROUNDS_LISTED]],
            label=_("Rounds"),
            required=False,
            coerce=int,
            widget=forms.SelectMultiple(attrs={"size": 4}),
            help_text=_("None chosen means all."),
        )

    def filter(self) -> Filter:
        said = self.cleaned_data
        return Filter(
            words=said["words"].strip(),
            tags=tuple(tag.strip() for tag in said["tags"].split(",") if tag.strip()),
            generators=tuple(generator.pk for generator in said["generators"]),
            rounds=tuple(said["rounds"]),
            without_flagged=said["without_flagged"],
            without_judged=said["without_judged"],
        )


class PlanForm(ListMixin, FilterForm):
    """How the items are chosen."""

    rule = forms.ChoiceField(
        label=_("Chosen"), choices=[(name, label) for name, label in choosing.RULES.items() if name != "again"]
    )
    shape = forms.ChoiceField(label=_("An item is"), choices=list(choosing.SHAPES.items()))
    size = forms.IntegerField(
        label=_("Samples a group"), min_value=3, max_value=choosing.LARGEST_GROUP, initial=4, required=False
    )
    per_prompt = forms.IntegerField(
        label=_("Items a prompt, at most"), min_value=1, max_value=10_000, required=False, help_text=_("Empty: all.")
    )
    limit = forms.IntegerField(
        label=_("Items in all, at most"), min_value=1, max_value=choosing.MOST_ITEMS, required=False
    )

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(project, *args, **kwargs)
        columns = [column for column in score_columns.of_project(project) if column.rater.kind in Rater.MACHINES]
        self.fields["columns"] = forms.MultipleChoiceField(
            choices=[(column.key, column.label) for column in columns],
            label=_("Scores"),
            required=False,
            widget=forms.SelectMultiple(attrs={"size": 4}),
        )
        self.fields["judges"] = forms.ModelMultipleChoiceField(
            queryset=machine_judges(project),
            label=_("Judges that compare"),
            required=False,
            widget=forms.SelectMultiple(attrs={"size": 3}),
        )

    def plan(self) -> Plan:
        said = self.cleaned_data
        return Plan(
            rule=said["rule"],
            shape=said["shape"],
            size=said["size"] or 4,
            per_prompt=said["per_prompt"],
            limit=said["limit"],
            filter=self.filter(),
            columns=tuple(said["columns"]) if said["rule"] in ("adjacent", "disagreement") else (),
            judges=tuple(rater.pk for rater in said["judges"]) if said["rule"] == "disagreement" else (),
        )

    @staticmethod
    def initial_of(plan: Plan) -> dict[str, Any]:
        """The plan as the fields of this form."""
        narrowed = plan.filter
        return {
            "rule": plan.rule,
            "shape": plan.shape,
            "size": plan.size,
            "per_prompt": plan.per_prompt,
            "limit": plan.limit,
            "columns": list(plan.columns),
            "judges": list(plan.judges),
            "words": narrowed.words,
            "tags": ", ".join(narrowed.tags),
            "generators": list(narrowed.generators),
            "rounds": list(narrowed.rounds),
            "without_flagged": narrowed.without_flagged,
            "without_judged": narrowed.without_judged,
        }


def machine_judges(project: Project) -> Any:
    """Machines that compared something here, of any kind."""
    return Rater.objects.filter(
        kind__in=Rater.MACHINES, judgements__project=project, judgements__act="compare"
    ).distinct()


def drafting_raters(project: Project) -> Any:
    """Whose verdicts people may verify: machines and scripted raters that said something here."""
    said = Judgement.objects.filter(project=project).values("rater_id")
    return Rater.objects.filter(kind__in=drafting.DRAFTING_KINDS, pk__in=said)


class BatchForm(PlanForm):
    """A new batch: its name, what is asked, and how the items are chosen. The rest has a page of its own."""

    name = forms.CharField(label=_("Name"), max_length=200, help_text=_("Shown to those who judge."))
    kind = forms.ChoiceField(
        label=_("What it is for"),
        choices=[
            (Batch.Kind.LABEL.value, _("labels")),
            (Batch.Kind.QUALIFICATION.value, _("a qualification: every item has a known answer")),
        ],
    )
    preset = forms.ChoiceField(label=_("Ask to"), choices=list(asking.PRESET_NAMES.items()))
    scale = forms.ChoiceField(label=_("Scale of ratings"), choices=list(asking.SCALE_NAMES.items()), required=False)
    overlap = forms.IntegerField(label=_("People an item"), min_value=1, max_value=100, initial=1)

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(project, *args, **kwargs)
        self.criteria = {str(version.pk): version for version in asking.offered(project)}
        self.fields["criteria"] = forms.MultipleChoiceField(
            choices=[(key, version.name) for key, version in self.criteria.items()],
            label=_("Criteria"),
            widget=forms.CheckboxSelectMultiple,
            error_messages={"required": _("Choose at least one criterion to ask about.")},
        )
        # Requests made together: the batch takes exactly these.
        self.fields["asking"] = forms.CharField(required=False, widget=forms.HiddenInput)
        self.fields["drafts_from"] = forms.ModelChoiceField(
            queryset=drafting_raters(project),
            label=_("Drafts from"),
            required=False,
            empty_label=_("no drafts"),
            help_text=_("Its verdicts are shown first, to accept or correct; a share is asked blind."),
        )

    def clean_asking(self) -> Asking | None:
        """The requests that were made together, which the batch takes alone."""
        try:
            return requesting.find(self.project, self.cleaned_data["asking"], Request.Audience.PEOPLE)
        except Refused as error:
            raise forms.ValidationError(str(error)) from error

    def plan(self) -> Plan:
        plan, asking_for = super().plan(), self.cleaned_data.get("asking")
        return replace(plan, asking=asking_for.pk) if asking_for and plan.rule == "requests" else plan

    def questions(self) -> list[dict[str, Any]]:
        said = self.cleaned_data
        chosen = [version for key, version in self.criteria.items() if key in said["criteria"]]
        return asking.preset_questions(
            project=self.project, preset=said["preset"], versions=chosen, scale=said["scale"] or "own"
        )

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("preset") == "verify" and not said.get("drafts_from") and not self.errors:
            self.add_error("drafts_from", gettext("Choose the machine whose verdicts are verified."))
        return said


class SettingsForm(forms.Form):
    """Fairness, people and times of a batch."""

    name = forms.CharField(label=_("Name"), max_length=200)
    overlap = forms.IntegerField(label=_("People an item"), min_value=1, max_value=100)
    gold_percent = _share(_("Gold, % of what a person sees"), _("Known answers, dealt out unseen among the others."))
    repeat_percent = _share(_("Hidden repeats, %"), _("One's own answers, asked again with sides swapped."))
    control_percent = _share(_("Blind control, %"), _("Of items with a draft, how many are asked without showing it."))
    review_percent = _share(_("Reviewed, %"), _("Answers a second person looks over."))
    gold_bar_percent = forms.IntegerField(
        label=_("Pause a person below, % of gold right"), min_value=0, max_value=100, required=False
    )
    gold_least = forms.IntegerField(label=_("Gold answers before that is asked"), min_value=1, max_value=1000)
    pass_percent = _share(_("Right answers that qualify, %"))
    qualification = forms.ModelChoiceField(
        queryset=Batch.objects.none(), label=_("Passed before"), required=False, empty_label=_("nothing")
    )
    normalise_resolution = forms.BooleanField(
        label=_("Show all pictures of an item in one size"),
        required=False,
        help_text=_("Pixel sizes can tell generators apart."),
    )
    deadline = forms.DateTimeField(
        label=_("Deadline"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    lease_minutes = forms.IntegerField(label=_("Minutes an item is kept for one person"), min_value=1, max_value=1440)
    undo_minutes = forms.IntegerField(
        label=_("Minutes in which an answer may be changed"), min_value=0, max_value=10080
    )
    is_open_to_members = forms.BooleanField(label=_("Open to every member of the project"), required=False)
    people = forms.ModelMultipleChoiceField(
        queryset=User.objects.none(),
        label=_("Or to these people by name"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, batch: Batch, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.batch = batch
        others = Batch.objects.filter(project=batch.project_id, kind=Batch.Kind.QUALIFICATION).exclude(pk=batch.pk)
        self.fields["qualification"].queryset = others  # type: ignore[attr-defined]
        members = User.objects.filter(memberships__project=batch.project_id, is_active=True).order_by("username")
        self.fields["people"].queryset = members  # type: ignore[attr-defined]
        if batch.opened_at is not None:
            for name in self.FIXED_ONCE_OPEN:
                self.fields[name].disabled = True

    FIXED_ONCE_OPEN = (
        "overlap",
        "gold_percent",
        "repeat_percent",
        "control_percent",
        "pass_percent",
        "qualification",
        "normalise_resolution",
    )

    def settings(self) -> dict[str, Any]:
        """As `annotation.actions.batches.change_settings` takes them."""
        said = self.cleaned_data
        every = {
            "name": said["name"],
            "overlap": said["overlap"],
            "gold_share": said["gold_percent"] / 100,
            "repeat_share": said["repeat_percent"] / 100,
            "control_share": said["control_percent"] / 100,
            "review_share": said["review_percent"] / 100,
            "gold_bar": None if said["gold_bar_percent"] is None else said["gold_bar_percent"] / 100,
            "gold_least": said["gold_least"],
            "pass_bar": said["pass_percent"] / 100,
            "qualification": said["qualification"],
            "normalise_resolution": said["normalise_resolution"],
            "deadline": said["deadline"],
            "lease_seconds": said["lease_minutes"] * 60,
            "undo_seconds": said["undo_minutes"] * 60,
            "is_open_to_members": said["is_open_to_members"],
        }
        if self.batch.opened_at is None:
            return every
        return {name: value for name, value in every.items() if name in batches.CHANGEABLE_WHEN_OPEN}

    @staticmethod
    def initial_of(batch: Batch, people: list[int]) -> dict[str, Any]:
        return {
            "name": batch.name,
            "overlap": batch.overlap,
            "gold_percent": round(100 * batch.gold_share),
            "repeat_percent": round(100 * batch.repeat_share),
            "control_percent": round(100 * batch.control_share),
            "review_percent": round(100 * batch.review_share),
            "gold_bar_percent": None if batch.gold_bar is None else round(100 * batch.gold_bar),
            "gold_least": batch.gold_least,
            "pass_percent": round(100 * batch.pass_bar),
            "qualification": batch.qualification_id,
            "normalise_resolution": batch.normalise_resolution,
            "deadline": batch.deadline,
            "lease_minutes": max(batch.lease_seconds // 60, 1),
            "undo_minutes": batch.undo_seconds // 60,
            "is_open_to_members": batch.is_open_to_members,
            "people": people,
        }


class ExtendForm(ListMixin):
    """More items by the same rule, or more people an item."""

    more = forms.IntegerField(
        label=_("More items, at most"), min_value=1, max_value=choosing.MOST_ITEMS, required=False
    )
    overlap = forms.IntegerField(label=_("Or people an item"), min_value=2, max_value=100, required=False)

    def __init__(self, batch: Batch, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if batch.rule.get("rule") != "listed":
            del self.fields["listed"], self.fields["upload"]

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if not said.get("more") and not said.get("overlap") and not self.errors:
            raise forms.ValidationError(gettext("Say how many more items, or how many people an item."))
        return said


class GoldForm(ListMixin):
    """Right answers from a list."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["listed"].help_text = _(
            'One JSON object a line: {"left": "s1", "right": "s2", "outcome": "left", "criterion": "overall"}; '
            "“samples” with “ranks”, “best” or “values” for the other kinds."
        )


class KnownGoldForm(forms.Form):
    """Right answers from what people agree on."""

    question = forms.ChoiceField(label=_("Answers"))
    source = forms.ChoiceField(
        label=_("Known by"),
        choices=[("unanimous", _("people who all said the same")), ("adjudicated", _("adjudicators"))],
    )
    least = forms.IntegerField(label=_("People at least"), min_value=1, max_value=50, initial=3)
    number = forms.IntegerField(label=_("Gold items at most"), min_value=1, max_value=1000, initial=20)

    def __init__(self, batch: Batch, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        comparisons = [question for question in batch.questions if question["kind"] == "compare"]
        self.fields["question"] = forms.ChoiceField(
            label=_("Answers"), choices=[(one["key"], one.get("name") or one["text"]) for one in comparisons]
        )
        self.order_fields(["question", "source", "least", "number"])
