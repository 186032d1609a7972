"""The labels of a project as a head learns from them, and the scores it may look at or be compared with."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from curation.errors import Refused
from curation.models import (
    CriterionVersion,
    Judgement,
    JudgementLink,
    Project,
    Rater,
    RaterMember,
    Sample,
    Score,
    examination_frames,
    score_columns,
)
from curation.models.examination_frames import Asked
from curation.models.rater_labels import labels_of
from scoring.heads import labels as labelled
from scoring.heads.features import SCORES, Column
from scoring.heads.head import Form
from scoring.heads.labels import Labels

# Whose labels may be learnt from, and the kinds of raters that are meant.
VOTERS = {"people": "person", "judges": "model", "scripts": "scripted"}


@dataclass(frozen=True)
class Taught:
    """Labels, and what raters said of the same pair again."""

    labels: Labels
    again: pl.DataFrame
    higher_is_better: bool

    @property
    def givers(self) -> frozenset[int]:
        """Ids of the raters whose labels they are."""
        return frozenset(self.labels.rater.tolist())


def taught(*, project: Project, criterion: str, voters: str, form: Form) -> Taught:
    """The labels under a criterion, as they stand now.

    Left out are those that were taken back, said in quarantine, made from a machine's draft, given under a principle,
    on two prompts at once, or only to examine a rater; and "both bad", which prefers neither.

    Raises:
        Refused: nobody has said anything of the kind.
    """
    version = _newest(project, criterion)
    found = _preferences(project, criterion, voters) if form == Form.PAIRS else _ratings(project, version, voters)
    if not len(found.labels):
        raise Refused(
            _("There is no label under “%(criterion)s” by %(voters)s to learn from. %(known)s")
            % {"criterion": criterion, "voters": VOTER_WORDS[voters], "known": _known(project, voters, form)}
        )
    own = dict(Sample.objects.filter(pk__in=found.labels.samples.tolist()).values_list("pk", "prompt_id"))
    at_home = np.array([own.get(sample) == prompt for sample, prompt in found.labels.subjects])
    labels = found.labels.about(at_home, "other-prompt")
    return Taught(labels, found.again, version.higher_is_better)


VOTER_WORDS = {
    "people": gettext_lazy("people"),
    "judges": gettext_lazy("judges"),
    "scripts": gettext_lazy("scripted raters"),
}


def _newest(project: Project, criterion: str) -> CriterionVersion:
    version = (
        CriterionVersion.objects.filter(criterion__project=project, criterion__key=criterion)
        .order_by("-number")
        .first()
    )
    if version is None:
        raise Refused(_("There is no criterion “%(key)s” in this project.") % {"key": criterion})
    return version


def _known(project: Project, voters: str, form: Form) -> str:
    counts = criteria(project, voters, form)
    if not counts:
        return _("Nothing of the kind has been said in this project yet.")
    listed = ", ".join(f"{key} ({count})" for key, count in sorted(counts.items()))
    return _("There are labels under: %(listed)s.") % {"listed": listed}


def _preferences(project: Project, criterion: str, voters: str) -> Taught:
    asked = Asked(project=project, criterion=criterion, kind=VOTERS[voters], machines=frozenset())
    evidence = examination_frames.read(asked, {})
    return Taught(labelled.preferences(evidence), labelled.repeats(evidence.votes), True)


def _ratings(project: Project, version: CriterionVersion, voters: str) -> Taught:
    same = CriterionVersion.objects.meaning_same_as(version).values_list("pk", flat=True)
    drafted = JudgementLink.objects.filter(judgement=OuterRef("judgement"), kind=JudgementLink.Kind.DRAFTED_FROM)
    every = Score.objects.living().filter(
        judgement__project=project, rater__kind=VOTERS[voters], criterion_version__in=list(same)
    )
    counted = every.filter(
        ~Exists(drafted),
        Exists(Judgement.objects.outside_quarantine().filter(pk=OuterRef("judgement"))),
        judgement__purpose__in=examination_frames.PURPOSES,
        context=None,
    )
    rows = counted.values_list("judgement_id", "rater_id", "sample_id", "prompt_id", "value")
    said = pl.DataFrame(list(rows), schema=labelled.RATINGS, orient="row")
    lost = every.count() - said.height
    return Taught(labelled.ratings(said, {"not-counted": lost} if lost else {}), labelled.no_repeats(), True)


# -- what there is to choose from -------------------------------------------------------------------------------------


def criteria(project: Project, voters: str, form: Form) -> dict[str, int]:
    """Criteria by key with their living labels of a kind, numbers of judges on scales without levels left out. One
    query that reads them all."""
    kind = VOTERS[voters]
    if form == Form.PAIRS:
        return examination_frames.criteria_voted(project, kind)
    counts: dict[str, int] = {}
    rows = Score.objects.living().filter(judgement__project=project, rater__kind=kind).order_by()
    if voters == "judges":
        rows = rows.exclude(criterion_version__scale=CriterionVersion.Scale.INTERVAL)
    for key in rows.values_list("criterion_version__criterion__key", flat=True):
        counts[key] = counts.get(key, 0) + 1
    return counts


@dataclass(frozen=True)
class Offered:
    """A column of scores that a head may look at: what it is typed as, and what it reads."""

    name: str
    column: Column


def columns(project: Project, givers: Collection[int] = ()) -> list[Offered]:
    """Every score of a model, rule or ensemble here, wordings that mean the same as one. Costs a few queries.

    Whoever was fitted on labels (another head, a judge that asks by a learnt checklist) is no feature, and no ensemble
    that hears one: what one of them was fitted on would teach the next. Nor is whoever gave a label, alone or within
    an ensemble: it would be asked what it said itself.

    Args:
        givers: ids of raters whose labels are learnt from.
    """
    machines = (Rater.Kind.MODEL, Rater.Kind.RULE, Rater.Kind.ENSEMBLE)
    found = [one for one in score_columns.of_project(project) if one.rater.kind in machines]
    barred = _heard_by(_fitted() | set(givers))
    found = [one for one in found if one.rater.pk not in barred]
    names = labels_of(one.rater for one in found)
    newest = _meanings(project)
    together: dict[tuple[int, str], list[score_columns.ScoreColumn]] = {}
    for one in found:
        key = one.criterion.criterion.key
        if one.criterion.meaning_id == newest[key] or one.criterion.pk == newest[key]:
            together.setdefault((one.rater.pk, key), []).append(one)
    return [
        Offered(
            f"{names[rater]}.{key}",
            Column(
                rater=rater,
                name=names[rater],
                criterion=key,
                versions=tuple(sorted(one.criterion.pk for one in same)),
                higher_is_better=same[-1].criterion.higher_is_better,
            ),
        )
        for (rater, key), same in together.items()
    ]


def _fitted() -> set[int]:
    return set(Rater.objects.filter(identity__has_key="fitted_on").values_list("pk", flat=True))


def _heard_by(raters: set[int]) -> set[int]:
    """These raters and every ensemble that hears one of them, however deep. One query a level."""
    found, newest = set(raters), set(raters)
    while newest:
        above = RaterMember.objects.filter(member__in=newest).values_list("ensemble_id", flat=True)
        newest = set(above) - found
        found |= newest
    return found


def _meanings(project: Project) -> dict[str, int]:
    rows = CriterionVersion.objects.filter(criterion__project=project).order_by("number")
    return {key: meaning or pk for key, pk, meaning in rows.values_list("criterion__key", "pk", "meaning_id")}


def named_columns(project: Project, names: Sequence[str], givers: Collection[int] = ()) -> list[Column]:
    """The columns of these names; `scores` stands for all that `columns` offers beside these labels.

    Raises:
        Refused: there is no such score, it says again what a label says, or there is none at all.
    """
    offered = columns(project, givers)
    if SCORES in names:
        if not offered:
            raise Refused(_("No scorer has spoken here yet besides heads and those who gave the labels. Score first."))
        return [one.column for one in offered]
    known = {one.name: one.column for one in offered}
    missing = [name for name in names if name not in known]
    if missing:
        raise Refused(_why_not(project, missing[0], sorted(known)))
    return [known[name] for name in names]


def _why_not(project: Project, name: str, known: Sequence[str]) -> str:
    listed = {"name": name, "known": ", ".join(known) or _("none yet")}
    if name in {one.name for one in columns(project)}:
        words = _(
            "“%(name)s” is, or hears, a rater whose labels this head would learn from: it would be asked what it said "
            "itself. Leave it out, or learn from other labels. There are: %(known)s."
        )
        return words % listed
    return _("There is no score “%(name)s” here that a head may look at. There are: %(known)s.") % listed
