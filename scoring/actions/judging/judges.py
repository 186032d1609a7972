"""Adding judges to a project and putting them away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from curation.errors import Refused
from curation.models import JudgingContext, Project, User
from scoring.actions.judging import benches, templates
from scoring.models import Judge
from scoring.models.judges import MOST_REPEATS

# Parts of `Judge.settings`: what differs from the template, and how a local model is run.
SETTINGS = ("decoding", "pictures", "local")
LOCAL_SETTINGS = ("precision",)


@dataclass(frozen=True)
class NewJudge:
    """A model, and how it is asked.

    Attributes:
        template: `name` or `name@version`, saved here or built in.
        endpoint: a name in the file of endpoints; empty for a model on the workers of this site.
        model: what the endpoint calls it, or where the weights of a local model come from.
        settings: `decoding`, `pictures` and `local`, each a mapping of what differs from the usual.
        family: models that share weights or training data with it.
    """

    name: str
    template: str
    model: str
    endpoint: str = ""
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    orders: str = Judge.Orders.BOTH
    repeats: int = 1
    family: str = ""


@transaction.atomic
def add(*, project: Project, judge: NewJudge, by: User | None) -> Judge:
    """A new judge. Nothing is asked yet.

    Raises:
        Refused: the name is taken or missing, or there is no such template, endpoint or setting.
    """
    found = templates.find(project, judge.template)
    name = judge.name.strip()
    _check(project, judge, name)
    effective = templates.with_settings(found.template, judge.settings)
    row = Judge(
        project=project,
        name=name,
        library="" if found.row else found.name,
        template=found.row,
        backend=Judge.Backend.ENDPOINT if judge.endpoint else Judge.Backend.LOCAL,
        endpoint=judge.endpoint,
        model=judge.model.strip(),
        settings={part: dict(values) for part, values in judge.settings.items() if values},
        orders=judge.orders,
        repeats=judge.repeats,
        family=judge.family.strip(),
        created_by=by,
    )
    benches.check(row, effective)
    row.save()
    return row


def _check(project: Project, judge: NewJudge, name: str) -> None:
    if not name or not judge.model.strip():
        raise Refused(_("A judge has a name and a model."))
    if Judge.objects.active().filter(project=project, name=name).exists():
        raise Refused(_("There is a judge “%(name)s” already. Archive it, or choose another name.") % {"name": name})
    if judge.orders not in Judge.Orders.values:
        raise Refused(
            _("“%(orders)s” is no way to order; it is one of %(known)s.")
            % {"orders": judge.orders, "known": ", ".join(Judge.Orders.values)}
        )
    if not 1 <= judge.repeats <= MOST_REPEATS:
        raise Refused(
            _("Repeats are from 1 to %(most)d, not %(count)d.") % {"most": MOST_REPEATS, "count": judge.repeats}
        )
    _check_known(judge.settings, SETTINGS)
    _check_known(judge.settings.get("local", {}), LOCAL_SETTINGS)


def _check_known(stated: Mapping[str, Any], known: Sequence[str]) -> None:
    unknown = sorted(set(stated) - set(known))
    if unknown:
        raise Refused(
            _("A judge has no setting “%(name)s”; it has %(known)s.") % {"name": unknown[0], "known": ", ".join(known)}
        )


def archive(*, judge: Judge, by: User | None) -> Judge:
    """Puts a judge away: its verdicts stay, it is asked nothing more, and its name is free."""
    Judge.objects.filter(pk=judge.pk, archived_at=None).update(archived_at=timezone.now())
    return Judge.objects.get(pk=judge.pk)


def find(project: Project, name: str) -> Judge:
    """The active judge of a name.

    Raises:
        Refused: there is none; the sentence names those there are.
    """
    active = Judge.objects.active().filter(project=project).select_related("project", "template")
    judge = active.filter(name=name).first()
    if judge is None:
        known = ", ".join(active.values_list("name", flat=True)) or _("none yet")
        raise Refused(_("There is no judge “%(name)s”. There are: %(known)s.") % {"name": name, "known": known})
    return judge


@transaction.atomic
def ensure_context(*, project: Project, kind: str, name: str, text: str) -> JudgingContext:
    """The newest version of a principle or profile when it says this; else its next version.

    Raises:
        Refused: it has no name or no text, or is neither a principle nor a profile.
    """
    if kind not in (JudgingContext.Kind.PRINCIPLE, JudgingContext.Kind.PROFILE):
        raise Refused(_("Judges judge under a principle or a profile, not a %(kind)s.") % {"kind": kind})
    if not name.strip() or not text.strip():
        raise Refused(_("A principle has a name and says something."))
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    rows = JudgingContext.objects.filter(project=project, kind=kind, name=name.strip())
    newest = rows.order_by("-number").first()
    if newest is not None and newest.text == text.strip():
        return newest
    number = newest.number + 1 if newest else 1
    return JudgingContext.objects.create(
        project=project, kind=kind, name=name.strip(), number=number, text=text.strip()
    )


def find_context(project: Project, name: str) -> JudgingContext:
    """The newest version of a principle or profile by its name.

    Raises:
        Refused: there is none; the sentence names those there are.
    """
    kinds = (JudgingContext.Kind.PRINCIPLE, JudgingContext.Kind.PROFILE)
    rows = JudgingContext.objects.filter(project=project, kind__in=kinds)
    found = rows.filter(name=name).order_by("-number").first()
    if found is None:
        known = ", ".join(sorted(set(rows.values_list("name", flat=True)))) or _("none yet")
        raise Refused(_("There is no principle “%(name)s”. There are: %(known)s.") % {"name": name, "known": known})
    return found
