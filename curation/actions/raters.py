"""Finding or making raters, their standing, and the end of a person's consent."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from curation.actions import judgements
from curation.errors import Refused
from curation.identity import rater_identity
from curation.models import (
    Consent,
    DatasetVersion,
    Flag,
    Judgement,
    Mark,
    Note,
    Project,
    Rater,
    RaterMember,
    RaterStanding,
    User,
)


def for_user(user: User) -> Rater:
    """The rater that speaks for an account, the same in every project."""
    rater, _created = Rater.objects.get_or_create(
        user=user, defaults={"kind": Rater.Kind.PERSON, "name": f"rater-{user.pk:04d}"}
    )
    return rater


def named(*, project: Project, name: str, kind: str = Rater.Kind.PERSON) -> Rater:
    """A rater known only by name inside one project, as files name them."""
    if kind not in Rater.Kind.values:
        raise Refused(
            _("“%(kind)s” is no kind of rater; it is one of %(kinds)s.")
            % {
                "kind": kind,
                "kinds": ", ".join(Rater.Kind.values),
            }
        )
    rater, _created = Rater.objects.get_or_create(
        project=project, kind=kind, name=name[:200], identity_digest="", erased_at=None
    )
    return rater


@dataclass(frozen=True)
class Kinship:
    """What keeps a machine from being an opinion from outside; see the fields of `Rater`."""

    family: str = ""
    model_names: tuple[str, ...] = ()
    independence: str = ""


NO_KIN = Kinship()


def machine(
    *, kind: str, name: str, identity: dict[str, Any], kinship: Kinship = NO_KIN, project: Project | None = None
) -> Rater:
    """The rater with exactly this identity. Any change in it is another rater, never a silent mix."""
    rater, is_new = Rater.objects.get_or_create(
        identity_digest=rater_identity(kind, name, identity),
        project=project,
        defaults={"kind": kind, "name": name, "identity": identity, **_columns(kinship)},
    )
    if not is_new:
        _learn(rater, kinship)
    return rater


def _columns(kinship: Kinship) -> dict[str, Any]:
    return {**asdict(kinship), "model_names": list(kinship.model_names)}


def _learn(rater: Rater, kinship: Kinship) -> None:
    """Fills in what was not known when it spoke first. The same weights may lie under several names: all are kept."""
    known = Kinship(rater.family, tuple(rater.model_names), rater.independence)
    names = tuple(dict.fromkeys([*known.model_names, *kinship.model_names]))
    now = Kinship(known.family or kinship.family, names, known.independence or kinship.independence)
    if now == known:
        return
    for column, value in _columns(now).items():
        setattr(rater, column, value)
    rater.save(update_fields=list(_columns(now)))


@transaction.atomic
def ensemble(
    *,
    name: str,
    members: list[Rater],
    weights: list[float] | None = None,
    rule: dict[str, Any] | None = None,
    project: Project | None = None,
) -> Rater:
    """An ensemble whose identity is its members, their weights, and the rule that makes one opinion of theirs.

    A rater named twice (by what it says on two criteria) is one member with both weights. Its family, models and
    independence are those of its members, where they share them.

    Args:
        rule: everything else its numbers depend on; `repeats` in it lets one rater be the only member.
    """
    if len(members) < 2 and not (members and rule and rule.get("repeats")):
        raise Refused(
            _("An ensemble needs at least two members; “%(name)s” has %(count)d.")
            % {
                "name": name,
                "count": len(members),
            }
        )
    shares = weights or [1.0] * len(members)
    parts = sorted((member.pk, weight) for member, weight in zip(members, shares, strict=True))
    rater = machine(
        kind=Rater.Kind.ENSEMBLE,
        name=name,
        identity={**(rule or {}), "members": parts},
        kinship=_shared(members),
        project=project,
    )
    summed: defaultdict[int, float] = defaultdict(float)
    for member, weight in parts:
        summed[member] += weight
    RaterMember.objects.bulk_create(
        [RaterMember(ensemble=rater, member_id=member, weight=weight) for member, weight in summed.items()],
        ignore_conflicts=True,
    )
    return rater


def _shared(members: list[Rater]) -> Kinship:
    families = {member.family for member in members}
    independences = {member.independence for member in members}
    return Kinship(
        family=families.pop() if len(families) == 1 else "",
        model_names=tuple(
            name for name in members[0].model_names if all(name in member.model_names for member in members)
        ),
        independence=independences.pop() if len(independences) == 1 else "",
    )


def set_standing(
    *, project: Project, rater: Rater, state: str, since: datetime, reason: str, by: User | None
) -> RaterStanding:
    """Trusts or quarantines a rater from a moment on. Nothing is deleted; the newest word holds."""
    return RaterStanding.objects.create(
        project=project, rater=rater, state=state, since=since, reason=reason, set_by=by
    )


def give_consent(*, project: Project, rater: Rater, text_version: str, at: datetime | None = None) -> Consent:
    consent, _created = Consent.objects.get_or_create(
        project=project,
        rater=rater,
        withdrawn_at=None,
        defaults={"text_version": text_version, "given_at": at or timezone.now()},
    )
    return consent


@transaction.atomic
def withdraw_consent(*, project: Project, rater: Rater, by: User | None) -> list[DatasetVersion]:
    """Ends a person's consent: acts retracted, answers and notes erased, the rows kept as tombstones.

    Returns the frozen versions that may have read evidence of this person. The caller writes down the withdrawal
    (`withdrawals.for_consent`) in the same transaction; its job sees to them.
    """
    consent = Consent.objects.select_for_update().filter(project=project, rater=rater, withdrawn_at=None).first()
    if consent is None:
        raise Refused(
            _("%(rater)s has no living consent in “%(project)s” to withdraw.")
            % {
                "rater": rater.name,
                "project": project.name,
            }
        )
    take_back(project=project, rater=rater, by=by)
    consent.withdrawn_at = timezone.now()
    consent.save(update_fields=["withdrawn_at"])
    _erase_name(project, rater)
    return list(DatasetVersion.objects.frozen().filter(dataset__project=project))


def take_back(*, project: Project, rater: Rater, by: User | None) -> None:
    """Retracts all a rater said in a project and erases its words, in the caller's transaction."""
    acts = Judgement.objects.filter(project=project, rater=rater)
    consent = Judgement.Retraction.CONSENT_WITHDRAWN
    judgements.retract(judgements=list(acts.living()), reason=consent, by=by)
    # A vote that was corrected since may still stand in a frozen version: it is withdrawn as well.
    acts.exclude(retraction=consent).exclude(retracted_at=None).update(retraction=consent)
    acts.update(payload=None)
    for words in (Note, Mark, Flag):
        words.objects.filter(judgement__in=acts).update(text="")
    RaterStanding.objects.filter(project=project, rater=rater).update(reason="")


def erase_name_of_file(*, project: Project, rater: Rater) -> None:
    """Takes the name off a person whom a file of this project named; an account keeps its own for other projects."""
    if rater.project_id == project.pk and rater.kind == Rater.Kind.PERSON:
        _erase_name(project, rater)


def _erase_name(project: Project, rater: Rater) -> None:
    """A rater of this project alone becomes a number; an account may still serve other projects."""
    if rater.project_id != project.pk and rater.consents.filter(withdrawn_at=None).exists():
        return
    Rater.objects.filter(pk=rater.pk).update(name=f"withdrawn-{rater.pk}", user=None, erased_at=timezone.now())
