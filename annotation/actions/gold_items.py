"""Items with a known right answer: from a list, from what people agree on, or answered here by somebody who may."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from annotation import answers
from annotation import listed as lists
from annotation import questions as asked
from annotation.actions.batches import locked
from annotation.actions.listing import Found
from annotation.models import Batch, Item
from curation.errors import Refused
from curation.models import CriterionVersion, Judgement, User

# A person remembers a pair; so much gold is never dealt out.
MOST_GOLD = 1000


@transaction.atomic
def from_list(*, batch: Batch, found: Sequence[Found], by: User) -> int:
    """Makes gold of every line that states a right answer. Returns how many.

    Raises:
        Refused: a line states none, or one that nobody asks for here.
    """
    batch = locked(batch, by, Batch.State.DRAFT, Batch.State.OPEN, Batch.State.PAUSED)
    parsed = asked.parse(batch.questions)
    keys = _criterion_keys(parsed)
    known = []
    for one in found:
        try:
            expected = lists.expected(one.listed, one.sample_ids, parsed, keys)
        except ValueError as error:
            raise Refused(str(error)) from error
        if expected is None:
            raise Refused(_("Line %(line)d states no right answer.") % {"line": one.listed.line})
        known.append((one.prompt_id, one.stored, _checked(parsed, expected, len(one.stored))))
    return _make_gold(batch, known)


_AGREED = """
WITH votes AS (
    SELECT c.pair_low, c.pair_high, c.left_prompt_id AS prompt_id,
           CASE WHEN c.outcome IN ('left', 'right') AND (c.left_sample_id = c.pair_low) = (c.outcome = 'left')
                THEN 'left' WHEN c.outcome IN ('left', 'right') THEN 'right' ELSE c.outcome END AS outcome,
           c.rater_id
    FROM curation_comparison c
    JOIN curation_judgement j ON j.id = c.judgement_id AND j.project_id = %(project)s
    JOIN curation_rater r ON r.id = c.rater_id AND r.kind = 'person'
    JOIN curation_criterionversion v ON v.id = c.criterion_version_id
    WHERE NOT c.is_retracted AND v.meaning_id = %(meaning)s AND NOT c.is_implied
      AND c.left_prompt_id = c.right_prompt_id
      AND (NOT %(adjudicated)s OR EXISTS (
          SELECT 1 FROM curation_judgementlink l WHERE l.judgement_id = j.id AND l.kind = 'adjudicates'))
)
SELECT prompt_id, pair_low, pair_high, min(outcome)
FROM votes
WHERE NOT EXISTS (SELECT 1 FROM annotation_item i WHERE i.batch_id = %(batch)s AND i.purpose <> 'label'
                  AND i.sample_ids = ARRAY[votes.pair_low, votes.pair_high])
GROUP BY prompt_id, pair_low, pair_high
HAVING count(DISTINCT outcome) = 1 AND count(DISTINCT rater_id) >= %(least)s AND min(outcome) IN ('left', 'right')
ORDER BY md5(%(seed)s || '/' || pair_low || '/' || pair_high) LIMIT %(number)s
"""


@transaction.atomic
def from_judgements(*, batch: Batch, question: str, least: int, number: int, by: User, adjudicated: bool) -> int:
    """Makes gold of pairs on which people agree without exception. Returns how many were found.

    Args:
        question: key of the comparison they answer.
        least: how many different people must have said the same.
        number: how many at most, drawn by lot.
        adjudicated: only the word of adjudicators counts.
    """
    batch = locked(batch, by, Batch.State.DRAFT, Batch.State.OPEN, Batch.State.PAUSED)
    meant = next((q for q in asked.parse(batch.questions) if q.key == question and q.kind == "compare"), None)
    if meant is None or meant.criterion is None:
        raise Refused(
            _("Only comparisons can be known from earlier judgements; “%(key)s” is none.") % {"key": question}
        )
    meaning = CriterionVersion.objects.values_list("meaning_id", flat=True).get(pk=meant.criterion)
    values: dict[str, Any] = {
        "project": batch.project_id,
        "meaning": meaning,
        "adjudicated": adjudicated,
        "batch": batch.pk,
        "least": least,
        "seed": str(batch.seed),
        "number": min(number, MOST_GOLD),
    }
    with connection.cursor() as cursor:
        cursor.execute(_AGREED, values)
        rows = cursor.fetchall()
    known = [
        (prompt, (low, high), {"questions": {question: {"outcome": outcome}}}) for prompt, low, high, outcome in rows
    ]
    if not known:
        raise Refused(_("No pair is known that well yet. Ask for fewer people, or answer some items yourself."))
    return _make_gold(batch, known)


@transaction.atomic
def answer(*, item: Item, payload: Mapping[str, Any], by: User) -> Item:
    """States the right answer of one item of a draft.

    Raises:
        Refused: the batch is open, or the answer does not fit the questions.
    """
    batch = locked(item.batch, by)
    item = Item.objects.select_for_update().get(pk=item.pk)
    if batch.state != Batch.State.DRAFT and item.purpose == Judgement.Purpose.LABEL:
        raise Refused(_("People are asked about this item already; it can no longer become gold."))
    expected = _checked(asked.parse(batch.questions), payload, len(item.sample_ids))
    if not expected["questions"]:
        raise Refused(_("Say at least one right answer."))
    item.expected, item.purpose = expected, _purpose(batch)
    item.save(update_fields=["expected", "purpose"])
    return item


@transaction.atomic
def take_back(*, item: Item, by: User) -> Item:
    """Makes an ordinary item of gold again; only while the batch is a draft."""
    locked(item.batch, by, Batch.State.DRAFT)
    item.expected, item.purpose = None, Judgement.Purpose.LABEL
    item.save(update_fields=["expected", "purpose"])
    return item


def _checked(parsed: Sequence[asked.Question], payload: Mapping[str, Any], samples: int) -> dict[str, Any]:
    """The right answer in its plain form. Marks are no gold, so nothing of the media is needed."""
    shown = answers.Shown(media=[[]] * samples, texts=[None] * samples)
    try:
        return answers.parse(payload, parsed, shown, complete=False)
    except answers.WrongAnswer as error:
        raise Refused(str(error)) from error


def _criterion_keys(parsed: Sequence[asked.Question]) -> dict[int, str]:
    wanted = [question.criterion for question in parsed if question.criterion is not None]
    rows = CriterionVersion.objects.filter(pk__in=wanted).values_list("pk", "criterion__key")
    return dict(rows)


def _purpose(batch: Batch) -> str:
    is_test = batch.kind == Batch.Kind.QUALIFICATION
    return Judgement.Purpose.QUALIFICATION if is_test else Judgement.Purpose.GOLD


def _make_gold(batch: Batch, known: Sequence[tuple[int, tuple[int, ...], dict[str, Any]]]) -> int:
    """Items of these sets become gold; sets the batch does not have are added. Those in people's hands stay labels."""
    own = {tuple(item.sample_ids): item for item in Item.objects.filter(batch=batch).only("sample_ids", "purpose")}
    last = Item.objects.filter(batch=batch).aggregate(last=Max("position"))["last"]
    place, fresh, changed = (0 if last is None else last + 1), [], []
    for prompt_id, ids, expected in known:
        item = own.get(ids)
        if item is None:
            item = Item(batch=batch, position=place, prompt_id=prompt_id, sample_ids=list(ids))
            place += 1
            fresh.append(item)
            own[ids] = item
        elif batch.state != Batch.State.DRAFT and item.purpose == Judgement.Purpose.LABEL:
            continue
        else:
            changed.append(item)
        item.expected, item.purpose = expected, _purpose(batch)
    Item.objects.bulk_create(fresh, batch_size=1000)
    Item.objects.bulk_update(changed, ["expected", "purpose"], batch_size=500)
    return len(fresh) + len(changed)
