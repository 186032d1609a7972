"""One form a question, by its kind; together they are the questions of a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from annotation import presets
from annotation.actions import asking
from annotation.questions import KINDS, LONGEST_NOTE
from curation.models import CriterionVersion, Project

Raw = dict[str, Any]

KIND_NAMES = {
    "compare": _("compare two"),
    "pick": _("pick the best"),
    "rank": _("rank"),
    "rate": _("rate"),
    "check": _("checklist"),
    "mark": _("mark places"),
    "write": _("write"),
}
SHAPE_NAMES = [
    ("point", _("points")),
    ("box", _("boxes")),
    ("polygon", _("polygons")),
    ("span", _("words")),
    ("interval", _("times of a video")),
]
TARGET_NAMES = [
    ("media", _("the picture or video")),
    ("prompt", _("the prompt")),
    ("answer", _("the text answer")),
    ("input", _("what the prompt came with")),
]


class AddQuestionForm(forms.Form):
    """Which question is added; its details are said afterwards."""

    kind = forms.ChoiceField(label=_("Ask to"), choices=[(kind, KIND_NAMES[kind]) for kind in KINDS])

    def __init__(self, versions: Sequence[CriterionVersion], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.versions = {str(version.pk): version for version in versions}
        self.fields["criterion"] = forms.ChoiceField(
            label=_("About"), choices=[(key, version.name) for key, version in self.versions.items()]
        )

    def question(self, project: Project) -> Raw:
        """The question with what its kind says by default."""
        version = self.versions[self.cleaned_data["criterion"]]
        return default_question(project, self.cleaned_data["kind"], version)


def default_question(project: Project, kind: str, version: CriterionVersion) -> Raw:
    known = asking.fact(version)
    if kind == "rate":
        return presets.rate(asking.fact(asking.with_scale(project=project, version=version, scale="own")))
    if kind == "check":
        return presets.check([asking.fact(asking.with_scale(project=project, version=version, scale="yes-no"))])
    builders: dict[str, Callable[[presets.Criterion], Raw]] = {
        "compare": presets.compare,
        "pick": presets.pick,
        "rank": presets.rank,
        "mark": presets.mark,
        "write": presets.write,
    }
    return builders[kind](known)


class QuestionForm(forms.Form):
    """What all kinds have. `prefix` is the question's key, which stays."""

    text = forms.CharField(label=_("Question"), max_length=1000)
    name = forms.CharField(label=_("Short name"), max_length=100)
    stage = forms.IntegerField(
        label=_("Stage"), min_value=1, max_value=20, help_text=_("Stages are asked one after the other.")
    )
    required = forms.BooleanField(label=_("Must be answered"), required=False)
    # Fields of the form that are fields of the question under the same name.
    own: tuple[str, ...] = ()

    def __init__(self, project: Project, question: Raw, versions: Sequence[CriterionVersion], data: Any = None) -> None:
        self.project, self.question = project, question
        self.versions = {str(version.pk): version for version in versions}
        super().__init__(data, prefix=question["key"], initial=self.initial_of(question))
        if current := self._current():
            self.versions.setdefault(str(current.pk), current)
        if self.has_criterion:
            self.fields["criterion"] = forms.ChoiceField(
                label=_("Evidence of"),
                choices=[*self.empty, *((key, str(version)) for key, version in self.versions.items())],
                required=not self.empty,
            )

    has_criterion = True
    empty: tuple[tuple[str, Any], ...] = ()

    def _current(self) -> CriterionVersion | None:
        pk = self.question.get("criterion")
        return CriterionVersion.objects.select_related("criterion").filter(pk=pk).first() if pk else None

    @property
    def kind_name(self) -> Any:
        return KIND_NAMES[self.question["kind"]]

    def initial_of(self, question: Raw) -> dict[str, Any]:
        names = ("text", "name", "criterion", *self.own)
        return {
            **{name: question[name] for name in names if name in question},
            "required": question.get("required", True),
            "stage": question.get("stage", 1),
        }

    def as_question(self) -> Raw:
        said = self.cleaned_data
        question = {"key": self.question["key"], "kind": self.question["kind"]}
        question |= {name: said[name] for name in ("text", "name", "required", "stage", *self.own)}
        if self.has_criterion and said["criterion"]:
            question["criterion"] = int(said["criterion"])
        return question


class CompareForm(QuestionForm):
    tie = forms.BooleanField(label=_("A tie may be said"), required=False)
    both_bad = forms.BooleanField(label=_("Both bad may be said"), required=False)
    strength = forms.TypedChoiceField(
        label=_("How much better"),
        choices=[(0, _("not asked")), (2, _("slightly, clearly")), (3, _("slightly, clearly, far"))],
        coerce=int,
    )
    reason = forms.ChoiceField(
        label=_("Reason"),
        choices=[("none", _("not asked")), ("optional", _("may be given")), ("required", _("must be given"))],
    )
    own = ("tie", "both_bad", "strength", "reason")

    def initial_of(self, question: Raw) -> dict[str, Any]:
        return {"tie": True, "both_bad": True, "strength": 0, "reason": "none", **super().initial_of(question)}


class PickForm(QuestionForm):
    none = forms.BooleanField(label=_("“None is good” may be said"), required=False)
    own = ("none",)

    def initial_of(self, question: Raw) -> dict[str, Any]:
        return {"none": True, **super().initial_of(question)}


class RankForm(QuestionForm):
    ties = forms.BooleanField(label=_("Ties may be said"), required=False)
    partial = forms.BooleanField(label=_("Some may be left out"), required=False)
    own = ("ties", "partial")

    def initial_of(self, question: Raw) -> dict[str, Any]:
        return {"ties": True, "partial": False, **super().initial_of(question)}


class RateForm(QuestionForm):
    """A rating on the scale of its criterion. Another scale is another criterion, made when it is new."""

    scale = forms.ChoiceField(label=_("Scale"), choices=list(asking.SCALE_NAMES.items()), initial="own")

    def as_question(self) -> Raw:
        version = self.versions[self.cleaned_data["criterion"]]
        scaled = asking.with_scale(project=self.project, version=version, scale=self.cleaned_data["scale"])
        known: Raw = presets.rate(asking.fact(scaled))
        scale: Raw = {name: known[name] for name in ("levels", "low", "high") if name in known}
        return {**super().as_question(), "criterion": scaled.pk, **scale}


class CheckForm(QuestionForm):
    """A checklist of criteria; each item keeps its own levels, yes and no where it has none."""

    has_criterion = False

    def __init__(self, project: Project, question: Raw, versions: Sequence[CriterionVersion], data: Any = None) -> None:
        asked = [item["criterion"] for item in question["items"]]
        extra = CriterionVersion.objects.select_related("criterion").filter(pk__in=asked)
        groups = {item["criterion"]: item.get("group", "") for item in question["items"]}
        every = list(extra)
        for version in every:
            version.group = groups[version.pk]  # type: ignore[attr-defined]
        names = {version.criterion.key for version in every}
        # A criterion without a scale is asked through its yes-or-no twin; one of the two is enough to offer.
        every += [v for v in versions if v.criterion.key not in names and f"{v.criterion.key}-yes-no" not in names]
        super().__init__(project, question, every, data)
        self.fields["criteria"] = forms.MultipleChoiceField(
            label=_("Items"),
            choices=[(key, version.question or version.name) for key, version in self.versions.items()],
            widget=forms.CheckboxSelectMultiple,
        )
        self.initial["criteria"] = [str(pk) for pk in asked]

    def as_question(self) -> Raw:
        chosen = [version for key, version in self.versions.items() if key in self.cleaned_data["criteria"]]
        scaled = [asking.with_scale(project=self.project, version=one, scale="yes-no") for one in chosen]
        return {**super().as_question(), "items": presets.check([asking.fact(one) for one in scaled])["items"]}


class MarkForm(QuestionForm):
    shapes = forms.MultipleChoiceField(label=_("Drawn as"), choices=SHAPE_NAMES, widget=forms.CheckboxSelectMultiple)
    targets = forms.MultipleChoiceField(label=_("On"), choices=TARGET_NAMES, widget=forms.CheckboxSelectMultiple)
    errors_listed = forms.CharField(
        label=_("Kinds of problems"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("One a line."),
    )
    own = ("shapes", "targets")
    empty = (("", _("no criterion")),)

    def initial_of(self, question: Raw) -> dict[str, Any]:
        return {**super().initial_of(question), "errors_listed": "\n".join(question.get("errors", []))}

    def as_question(self) -> Raw:
        lines = self.cleaned_data["errors_listed"].splitlines()
        return {**super().as_question(), "errors": [line.strip() for line in lines if line.strip()]}


class WriteForm(QuestionForm):
    per = forms.ChoiceField(label=_("Asked"), choices=[("sample", _("for each sample")), ("item", _("once an item"))])
    most = forms.IntegerField(label=_("Characters at most"), min_value=1, max_value=LONGEST_NOTE)
    own = ("per", "most")
    empty = (("", _("no criterion")),)

    def initial_of(self, question: Raw) -> dict[str, Any]:
        return {"per": "sample", "most": 2000, **super().initial_of(question)}


FORMS: Mapping[str, type[QuestionForm]] = {
    "compare": CompareForm,
    "pick": PickForm,
    "rank": RankForm,
    "rate": RateForm,
    "check": CheckForm,
    "mark": MarkForm,
    "write": WriteForm,
}


def question_forms(project: Project, questions: Sequence[Raw], data: Any = None) -> list[QuestionForm]:
    """A form for each question, in order."""
    versions = asking.offered(project)
    return [FORMS[question["kind"]](project, question, versions, data) for question in questions]


# -- the right answer of a gold item ----------------------------------------------------------------------------------


class ExpectedForm(forms.Form):
    """The right answers to whatever of a batch's questions can be right or wrong; those left open are not asked.

    Samples are called A, B, C in the order of the item.
    """

    def __init__(self, questions: Sequence[Raw], samples: int, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.questions = [question for question in questions if question["kind"] in _ANSWER_FIELDS]
        self.letters = [letter(place) for place in range(samples)]
        for question in self.questions:
            for name, field in _ANSWER_FIELDS[question["kind"]](question, self.letters).items():
                self.fields[f"{question['key']}:{name}"] = field

    def groups(self) -> list[tuple[Raw, list[forms.BoundField]]]:
        """Each question with its fields, for the page."""
        return [
            (question, [self[name] for name in self.fields if name.startswith(f"{question['key']}:")])
            for question in self.questions
        ]

    def expected(self) -> dict[str, Any]:
        """In the form of an answer over the item's samples."""
        found = {}
        for question in self.questions:
            prefix = f"{question['key']}:"
            said = {name[len(prefix) :]: value for name, value in self.cleaned_data.items() if name.startswith(prefix)}
            answer = _ANSWERS[question["kind"]](said, len(self.letters))
            if answer is not None:
                found[question["key"]] = answer
        return {"questions": found}

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if not self.errors and not self.expected()["questions"]:
            raise forms.ValidationError(gettext("Say at least one right answer."))
        return said


def letter(place: int) -> str:
    return chr(ord("A") + place)


_OPEN = ("", _("left open"))
Fields = dict[str, forms.Field]


def _compare_fields(question: Raw, letters: Sequence[str]) -> Fields:
    choices: list[tuple[str, Any]] = [_OPEN, ("left", letters[0]), ("right", letters[1])]
    if question.get("tie", True):
        choices.append(("tie", _("tie")))
    if question.get("both_bad", True):
        choices.append(("both-bad", _("both bad")))
    return {"outcome": forms.ChoiceField(label=_("Better"), choices=choices, required=False)}


def _pick_fields(question: Raw, letters: Sequence[str]) -> Fields:
    choices: list[tuple[str, Any]] = [_OPEN, *((str(place), name) for place, name in enumerate(letters))]
    if question.get("none", True):
        choices.append(("none", _("none is good")))
    return {"best": forms.ChoiceField(label=_("Best"), choices=choices, required=False)}


def _rank_fields(question: Raw, letters: Sequence[str]) -> Fields:
    return {
        str(place): forms.IntegerField(label=name, min_value=1, max_value=len(letters), required=False)
        for place, name in enumerate(letters)
    }


def _rate_fields(question: Raw, letters: Sequence[str]) -> Fields:
    if levels := question.get("levels"):
        choices = [_OPEN, *((str(level["value"]), _level(level)) for level in levels)]
        return {
            str(place): forms.TypedChoiceField(
                label=name, choices=choices, required=False, coerce=float, empty_value=None
            )
            for place, name in enumerate(letters)
        }
    bounds = {"min_value": question["low"], "max_value": question["high"]}
    return {str(place): forms.FloatField(label=name, required=False, **bounds) for place, name in enumerate(letters)}


def _check_fields(question: Raw, letters: Sequence[str]) -> Fields:
    fields: Fields = {}
    for item in question["items"]:
        choices = [_OPEN, *((str(level["value"]), _level(level)) for level in item["levels"])]
        for place, name in enumerate(letters):
            label = item["text"] if len(letters) == 1 else f"{item['text']} ({name})"
            fields[f"{item['key']}/{place}"] = forms.TypedChoiceField(
                label=label, choices=choices, required=False, coerce=float, empty_value=None
            )
    return fields


def _level(level: Mapping[str, Any]) -> str:
    return f"{level['value']:g} {level.get('label', '')}".strip()


_ANSWER_FIELDS: Mapping[str, Callable[[Raw, Sequence[str]], Fields]] = {
    "compare": _compare_fields,
    "pick": _pick_fields,
    "rank": _rank_fields,
    "rate": _rate_fields,
    "check": _check_fields,
}


def _compare_answer(said: Raw, samples: int) -> Raw | None:
    return {"outcome": said["outcome"]} if said.get("outcome") else None


def _pick_answer(said: Raw, samples: int) -> Raw | None:
    if not said.get("best"):
        return None
    return {"best": None if said["best"] == "none" else int(said["best"])}


def _rank_answer(said: Raw, samples: int) -> Raw | None:
    ranks = [said.get(str(place)) for place in range(samples)]
    return {"ranks": ranks} if any(rank is not None for rank in ranks) else None


def _rate_answer(said: Raw, samples: int) -> Raw | None:
    values = [said.get(str(place)) for place in range(samples)]
    return {"values": values} if all(value is not None for value in values) else None


def _check_answer(said: Raw, samples: int) -> Raw | None:
    keys = {name.rpartition("/")[0] for name in said}
    rows = {key: [said.get(f"{key}/{place}") for place in range(samples)] for key in sorted(keys)}
    known = {key: row for key, row in rows.items() if None not in row}
    return {"values": known} if known else None


_ANSWERS: Mapping[str, Callable[[Raw, int], Raw | None]] = {
    "compare": _compare_answer,
    "pick": _pick_answer,
    "rank": _rank_answer,
    "rate": _rate_answer,
    "check": _check_answer,
}
