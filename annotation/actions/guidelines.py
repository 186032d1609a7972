"""The guideline as a document in versions: its pictures, and what a newer version puts in doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection, transaction
from django.utils.translation import gettext as _

from curation.access import Right
from curation.actions import criteria, media
from curation.errors import NotAllowed, Refused
from curation.media.ingestion import ingest
from curation.models import GuidelinePicture, GuidelineVersion, Project, User

MOST_PICTURES = 40
# An example picture is looked at, not scored.
MOST_BYTES = 20 * 2**20


@dataclass(frozen=True)
class NewPicture:
    """An uploaded example: its bytes are untrusted until `curation.media` has decoded them."""

    content: bytes
    name: str
    caption: str
    is_good: bool


@dataclass(frozen=True)
class Doubt:
    """Judgements made under one version: in which batch, under which criterion, how many."""

    guideline_id: int
    number: int
    batch_id: int
    batch: str
    criterion: str
    judgements: int


@transaction.atomic
def add_version(
    *, project: Project, text: str, keep: Sequence[int], added: Sequence[NewPicture], by: User
) -> GuidelineVersion:
    """The next version of the guideline, with pictures kept from the one before and new ones behind them.

    Args:
        keep: ids of pictures of the version in force that go into the next.

    Raises:
        MediaRefused: an upload is no picture we can show; says why.
        Refused: more pictures than a page holds.
    """
    if not project.allows(by, Right.MANAGE):
        raise NotAllowed(_("Only an admin of “%(project)s” may do this.") % {"project": project.name})
    kept = list(GuidelinePicture.objects.filter(guideline=project.guideline_id, pk__in=keep))
    if len(kept) + len(added) > MOST_PICTURES:
        raise Refused(
            _("A guideline shows at most %(most)d pictures, not %(number)d.")
            % {"most": MOST_PICTURES, "number": len(kept) + len(added)}
        )
    assets = [_stored(picture) for picture in added]
    guideline = criteria.add_guideline(project=project, text=text, keeps_pictures=False)
    rows = [(row.asset_id, row.caption, row.is_good) for row in kept]
    rows += [(asset, new.caption, new.is_good) for asset, new in zip(assets, added, strict=True)]
    GuidelinePicture.objects.bulk_create(
        GuidelinePicture(guideline=guideline, position=place, asset_id=asset, caption=caption, is_good=is_good)
        for place, (asset, caption, is_good) in enumerate(rows)
    )
    return guideline


def _stored(picture: NewPicture) -> int:
    """The asset of an upload, decoded to its last pixel before anything is kept of it."""
    if len(picture.content) > MOST_BYTES:
        raise Refused(_("%(name)s is larger than %(most)d MiB.") % {"name": picture.name, "most": MOST_BYTES // 2**20})
    taken = ingest(picture.content, name=picture.name, limits=media.limits())
    return media.store_many_from({taken.sha256: taken}, {taken.sha256: picture.content})[taken.sha256]


_DOUBTED = """
SELECT j.guideline_id, g.number, b.id, b.name, coalesce(said.criterion, j.act), count(DISTINCT j.id)
FROM curation_judgement j
JOIN curation_guidelineversion g ON g.id = j.guideline_id AND g.number < %(number)s
JOIN annotation_answerjudgement w ON w.judgement_id = j.id
JOIN annotation_answer a ON a.id = w.answer_id
JOIN annotation_assignment t ON t.id = a.assignment_id
JOIN annotation_batch b ON b.id = t.batch_id
LEFT JOIN LATERAL (
    SELECT v.name AS criterion FROM curation_criterionversion v
    WHERE v.id IN (
        SELECT criterion_version_id FROM curation_comparison WHERE judgement_id = j.id
        UNION SELECT criterion_version_id FROM curation_score WHERE judgement_id = j.id
        UNION SELECT criterion_version_id FROM curation_mark WHERE judgement_id = j.id
        UNION SELECT criterion_version_id FROM curation_note WHERE judgement_id = j.id)
) said ON true
WHERE j.project_id = %(project)s AND j.retracted_at IS NULL AND j.purpose IN ('label', 'control', 'audit')
GROUP BY 1, 2, 3, 4, 5 ORDER BY 2 DESC, 3 DESC, 5
"""


def in_doubt(guideline: GuidelineVersion) -> list[Doubt]:
    """What was judged under older versions and still counts, by batch and criterion. Costs one query."""
    with connection.cursor() as cursor:
        cursor.execute(_DOUBTED, {"project": guideline.project_id, "number": guideline.number})
        return [Doubt(*row) for row in cursor.fetchall()]
