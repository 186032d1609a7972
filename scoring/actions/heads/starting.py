"""Asking for a head: what it is to learn from and to look at, as a job that any worker with the encoder can do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from curation.actions import jobs
from curation.errors import Refused
from curation.models import Job, Project, User
from scoring.actions.heads import reading
from scoring.actions.starting import checked, start_scoring
from scoring.catalogue import facts_of
from scoring.heads.features import ENCODERS
from scoring.heads.fit import Ties
from scoring.heads.head import Form
from scoring.models import FittedHead
from scoring.models.heads import LONGEST_NAME

_NAME = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True)
class Wish:
    """What somebody wants to have fitted.

    Attributes:
        criterion: key under which the labels were given.
        features: names of encoders (`ENCODERS`), `scores`, or single scores (`clipscore.clipscore`).
        voters: whose labels: people, judges or scripts.
        form: preferences or ratings.
        ties: half a vote each way, or Davidson's third answer; ratings have none.
        settings: of encoders, by name, where they are not the defaults (weights, precision).
    """

    name: str
    criterion: str
    features: tuple[str, ...]
    voters: str = "people"
    form: Form = Form.PAIRS
    ties: Ties = Ties.HALF
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def encoders(self) -> list[str]:
        return [name for name in self.features if name in ENCODERS]

    @property
    def scores(self) -> list[str]:
        return [name for name in self.features if name not in ENCODERS]

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "features": list(self.features), "form": str(self.form), "ties": str(self.ties)}


def wish_of(said: Mapping[str, Any]) -> Wish:
    """The wish that a job or a head keeps as JSON."""
    return Wish(**{**said, "features": tuple(said["features"]), "form": Form(said["form"]), "ties": Ties(said["ties"])})


@transaction.atomic
def start_fit(*, project: Project, wish: Wish, by: User | None) -> Job:
    """Queues the fitting of a head; while the same is under way, that job is returned.

    Raises:
        Refused: the name, the criterion, the voters or a feature is none, there is no label to learn from, or a head
            of this name is being fitted from something else.
    """
    _check(project, wish)
    fit = _closed(wish).as_json()
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    return _under_way(project, fit) or jobs.create(
        project=project,
        kind=Job.Kind.FIT,
        title=_("Head %(name)s") % {"name": wish.name},
        params={"fit": fit},
        by=by,
        queue="gpu" if any(facts_of(name).queue == "gpu" for name in wish.encoders) else "cpu",
    )


def _under_way(project: Project, fit: Mapping[str, Any]) -> Job | None:
    named = Job.objects.unfinished().filter(
        project=project, kind=Job.Kind.FIT, params__fit__name=fit["name"], cancel_requested=False
    )
    waiting = named.first()
    if waiting is not None and waiting.params["fit"] != fit:
        raise Refused(
            _("Job %(job)d fits a head “%(name)s” from something else. Wait for it, cancel it, or choose another name.")
            % {"job": waiting.pk, "name": fit["name"]}
        )
    return waiting


def _closed(wish: Wish) -> Wish:
    """With every setting of its encoders, so that a later default changes nothing."""
    settings = {name: checked(name, wish.settings.get(name, {})) for name in wish.encoders}
    return Wish(**{**vars(wish), "settings": settings})


def _check(project: Project, wish: Wish) -> None:
    if not _NAME.fullmatch(wish.name) or len(wish.name) > LONGEST_NAME:
        raise Refused(
            _("“%(name)s” is no name for a head: small letters, digits and hyphens, a letter first, %(most)d at most.")
            % {"name": wish.name, "most": LONGEST_NAME}
        )
    if wish.voters not in reading.VOTERS:
        raise Refused(
            _("“%(name)s” are no voters; they are %(known)s.")
            % {"name": wish.voters, "known": ", ".join(reading.VOTERS)}
        )
    if not wish.features:
        raise Refused(
            _("Name what the head is to look at: an encoder (%(encoders)s), scores, or single scores.")
            % {"encoders": ", ".join(ENCODERS)}
        )
    taught = reading.taught(project=project, criterion=wish.criterion, voters=wish.voters, form=wish.form)
    if wish.scores:
        reading.named_columns(project, wish.scores, taught.givers)


def start_again(*, head: FittedHead, by: User | None) -> Job:
    """Queues the same fit on the labels as they stand now: another revision, and another rater."""
    return start_fit(project=head.project, wish=wish_of(head.asked), by=by)


def score_with(*, head: FittedHead, by: User | None, chosen: Mapping[str, Any] | None = None) -> list[Job]:
    """Queues scoring of the project's samples with a head."""
    return start_scoring(project=head.project, scorers={head.key: {}}, chosen=chosen, by=by)
