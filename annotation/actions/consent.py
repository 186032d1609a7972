"""What people agree to before they judge."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from annotation.models import ConsentText
from curation.access import Right
from curation.actions import raters
from curation.errors import Conflict, NotAllowed
from curation.models import Consent, Project, User


def needed(*, project: Project, user: User) -> ConsentText | None:
    """The text this person must agree to before judging here; None when nothing is asked or it is agreed to.

    Costs two queries. An agreement to an older text does not count.
    """
    newest = ConsentText.objects.filter(project=project).order_by("-number").first()
    if newest is None:
        return None
    given = Consent.objects.filter(
        project=project, rater__user=user, withdrawn_at=None, text_version=version_name(newest)
    )
    return None if given.exists() else newest


def version_name(text: ConsentText) -> str:
    """How an agreement names the text it was given to."""
    return f"v{text.number}"


@transaction.atomic
def agree(*, project: Project, user: User, number: int) -> Consent:
    """Records that the person agrees to the newest text. What was agreed to before ends, and nothing is retracted.

    Raises:
        Conflict: a newer text came while they read.
    """
    newest = ConsentText.objects.filter(project=project).order_by("-number").first()
    if newest is None or newest.number != number:
        raise Conflict(_("The text has changed meanwhile. Read the newer one, please."))
    rater = raters.for_user(user)
    living = Consent.objects.select_for_update().filter(project=project, rater=rater, withdrawn_at=None)
    living.exclude(text_version=version_name(newest)).update(withdrawn_at=timezone.now())
    return raters.give_consent(project=project, rater=rater, text_version=version_name(newest))


@transaction.atomic
def add_text(*, project: Project, text: str, by: User) -> ConsentText:
    """The next version of the text. Everybody is asked again before they go on."""
    if not project.allows(by, Right.MANAGE):
        raise NotAllowed(_("Only an admin of “%(project)s” may do this.") % {"project": project.name})
    Project.objects.select_for_update().get(pk=project.pk)
    last = ConsentText.objects.filter(project=project).aggregate(last=Max("number"))["last"] or 0
    return ConsentText.objects.create(project=project, number=last + 1, text=text)
